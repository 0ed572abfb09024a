//! The served datasources, and the only way to call blocking code.

mod blocking_pool;
mod builds;
mod chart;
mod computed;
mod datasource;
mod find;
mod health;
mod hub;
mod joined;
mod listing;
mod opening;
mod pushed;
mod request_limits;
mod selection;
mod snapshot;
mod value_range;
mod watch;

pub use builds::SourceChange;
pub use chart::ChartType;
pub use computed::{COMPUTED_KEYS, ComputedSpec, Renewed};
pub use datasource::{Datasource, Kind, Measurement};
pub use hub::{Hub, is_hub};
pub use joined::joined_id;
pub use listing::Listing;
pub(crate) use listing::describe::{LEFT_OUT, UNIT};
#[cfg(test)]
pub(crate) use pushed::PUSHED_KEYS;
pub use pushed::{MAX_PUSHED, PushedSpec};
pub use request_limits::RequestLimits;
pub use selection::{Selection, select};
pub use snapshot::{Query, QueryResult, Resolution, Snapshot};
pub use value_range::{ValueRange, extent, numbers};
pub use watch::FileChange;

use crate::bytes::Input;
use crate::error::Result;
use crate::genome::{Aliases, Region, Sequence, Sequences};
use crate::source::{Context, Hit, Mock, Options, Part, Source, Spec};
use blocking_pool::BlockingPool;
use builds::BuiltSource;
use health::Health;
use pushed::Pushed;
use snapshot::ReadContext;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Mutex, mpsc};

/// Maximum number of rows in one answer.
pub const MAX_ROWS: u64 = 100_000;

/// Everything that is served. The listing is replaced as a whole, so every reader sees a consistent
/// state.
#[derive(Debug)]
pub struct Catalog {
    listing: RwLock<Arc<Listing>>,
    pool: BlockingPool,
    remote_pool: BlockingPool,
    search_pool: BlockingPool,
    reading: Arc<ReadContext>,
    limits: Arc<RequestLimits>,
    context: Arc<Context>,
    health: Arc<Health>,
    building: mpsc::UnboundedSender<BuiltSource>,
    built: Mutex<mpsc::UnboundedReceiver<BuiltSource>>,
    pushed: Pushed,
    renewing: mpsc::UnboundedSender<Renewed>,
    renewed: Mutex<mpsc::UnboundedReceiver<Renewed>>,
}

impl Catalog {
    /// Creates a catalog without datasources. With an assembly (its name and sequences), exactly
    /// its sequences are served; otherwise those that the files name.
    pub fn new(assembly: Option<(String, Sequences)>) -> Self {
        let (building, built) = mpsc::unbounded_channel();
        let (renewing, renewed) = mpsc::unbounded_channel();
        let (pool, remote_pool) = (BlockingPool::new(), BlockingPool::for_remote());
        let limits = Arc::<RequestLimits>::default();
        let health = Arc::new(Health::default());
        Catalog {
            listing: RwLock::new(Arc::new(Listing::new(assembly))),
            reading: Arc::new(ReadContext::new(
                pool.clone(),
                remote_pool.clone(),
                health.clone(),
                limits.clone(),
            )),
            limits,
            pool,
            remote_pool,
            search_pool: BlockingPool::for_names(),
            context: Arc::default(),
            health,
            building,
            built: Mutex::new(built),
            pushed: Pushed::default(),
            renewing,
            renewed: Mutex::new(renewed),
        }
    }

    /// Sets the folders and limits for opening sources.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Catalog { context: Arc::new(context), ..self }
    }

    /// Sets what one request may ask for.
    #[must_use]
    pub fn with_limits(self, limits: RequestLimits) -> Self {
        let limits = Arc::new(limits);
        let (pool, remote_pool) = (self.pool.clone(), self.remote_pool.clone());
        let reading = ReadContext::new(pool, remote_pool, self.health.clone(), limits.clone());
        Catalog { limits, reading: Arc::new(reading), ..self }
    }

    /// Returns what one request may ask for.
    pub fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    /// Adds aliases of sequences.
    #[must_use]
    pub fn with_aliases(self, aliases: Aliases) -> Self {
        self.change(|listing| listing.set_aliases(aliases));
        self
    }

    /// Returns the current listing.
    pub fn listing(&self) -> Arc<Listing> {
        self.listing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the current state for reading rows; each request takes one snapshot.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.listing(), self.reading.clone())
    }

    /// Changes the listing, and renews what is computed from what has changed.
    fn change<T>(&self, change: impl FnOnce(&mut Listing) -> T) -> T {
        let mut listing = self.listing.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = Listing::clone(&listing);
        let result = change(&mut new);
        new.renew_naming(&listing);
        if let Some(renewed) = new.renew_computed() {
            // The receiver lives as long as the catalog.
            let _ = self.renewing.send(renewed);
        }
        *listing = Arc::new(new);
        result
    }

    /// Starts to collect the names of these measurements' rows in the background, so that the first
    /// search does not wait until files are read.
    pub fn collect_names(&self, measurements: &[Arc<Measurement>]) {
        for measurement in measurements.iter().filter(|m| m.companion.is_none() && !m.is_far()) {
            let (pool, source) = (self.search_pool.clone(), measurement.source.clone());
            let collect = move || {
                source.search("names", 0);
                Ok(())
            };
            tokio::spawn(async move { pool.run(collect).await });
        }
    }

    /// Returns the pool that reads the files of a source.
    fn pool_of(&self, spec: &Spec) -> &BlockingPool {
        if spec.input.is_remote() { &self.remote_pool } else { &self.pool }
    }

    /// Returns the names of sequences of an earlier listing that were removed or whose length has
    /// changed.
    pub(crate) fn changed_sequences(&self, was: &Listing) -> Vec<String> {
        let is = self.listing();
        let differs =
            |s: &Sequence<'_>| is.sequences().get(s.name).is_none_or(|now| now.length != s.length);
        was.sequences().iter().filter(differs).map(|s| s.name.to_string()).collect()
    }

    /// Adds a source under a name; returns its measurements.
    pub fn add(&self, name: &str, source: impl Source) -> Vec<Arc<Measurement>> {
        let spec = Spec { input: Input::Memory(name.into(), &[]), options: Options::default() };
        let own = Part { companion: None, source: Arc::new(source) };
        self.change(|listing| listing.add(vec![(vec![own], spec)]))
    }

    /// Adds the mock data of EpiViz's tutorial.
    pub fn add_mock(&self, seed: u64) {
        self.change(|listing| listing.add_mock(Arc::new(Mock::new(seed))));
    }

    /// Removes a datasource or a measurement with its companions; returns the removed measurements.
    ///
    /// # Errors
    /// [`crate::error::Error::NotFound`] if there is no such id.
    pub fn unload(&self, id: &str) -> Result<Vec<Arc<Measurement>>> {
        let removed = self.change(|listing| listing.remove(id))?;
        self.forget_pushed(&removed, false);
        Ok(removed)
    }

    /// As [`Catalog::unload`], for data that a program sent; also removes what is kept of them.
    ///
    /// # Errors
    /// As [`Catalog::unload`].
    pub fn discard(&self, id: &str) -> Result<Vec<Arc<Measurement>>> {
        let removed = self.change(|listing| listing.remove(id))?;
        self.forget_pushed(&removed, true);
        Ok(removed)
    }

    /// Finds names that contain `text`, best first: exact matches, prefixes, others; then by
    /// position.
    ///
    /// # Errors
    /// [`crate::error::Error::Bug`] if a source panics. A source whose names cannot be read has no hits; the
    /// reason is logged.
    pub async fn search(&self, text: &str, limit: usize) -> Result<Vec<Hit>> {
        let (listing, text) = (self.listing(), text.to_owned());
        self.search_pool.run(move || Ok(listing.search(&text, limit))).await
    }

    /// Returns a region that has data, to be shown first: on the sequence that most datasources
    /// have, of features if there are any.
    pub async fn first_view(&self) -> Option<Region> {
        let listing = self.listing();
        let view = self.pool.run(move || Ok(listing.first_view())).await;
        view.inspect_err(|error| tracing::error!("no first view: {error}")).ok().flatten()
    }

    /// Returns a region in which a measurement has data; `None` if it has none or there is no such
    /// measurement.
    pub async fn first_view_of(&self, id: &str) -> Option<Region> {
        let listing = self.listing();
        let source = listing.measurements().find(|m| m.id == id).map(|m| m.source.clone())?;
        let first = move || Ok(source.first_view().and_then(|region| listing.locate(&region)));
        let view = self.pool.run(first).await;
        view.inspect_err(|error| tracing::error!("no first view of {id}: {error}")).ok().flatten()
    }

    /// Returns the number of failed reads since the start.
    pub fn failed_reads(&self) -> u64 {
        self.reading.failed()
    }
}
