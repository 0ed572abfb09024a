//! The served datasources, and the only way to call blocking code.

mod blocking_pool;
mod chart;
mod datasource;
mod find;
mod hub;
mod joined;
mod listing;
mod selection;
mod snapshot;
mod value_range;
mod watch;

pub use chart::ChartType;
pub use datasource::{Datasource, Kind, Measurement};
pub use hub::{Hub, is_hub};
pub use joined::joined_id;
pub use listing::Listing;
pub(crate) use listing::describe::{LEFT_OUT, UNIT};
pub use selection::{Selection, select};
pub use snapshot::{Query, QueryResult, Resolution, Snapshot};
pub use value_range::{ValueRange, extent, numbers};
pub use watch::FileChange;

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{Aliases, Region, Sequence, Sequences};
use crate::source::signals::density::{DENSITY, Density};
use crate::source::{self, Context, GeneLoci, Hit, Mock, Options, Part, Source, Spec};
use blocking_pool::BlockingPool;
use snapshot::ReadContext;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use watch::{Health, versions};

/// The sources of a file, and the specification that they were opened by.
type OpenedFile = (Vec<Part>, Spec);

/// Maximum number of rows in one answer.
pub const MAX_ROWS: u64 = 100_000;

/// The result of building a source in the background, and its specification.
type BuiltSource = (Arc<Spec>, Result<Box<dyn Source>>);

/// The change when a source has been built in the background.
#[derive(Debug)]
pub struct SourceChange {
    /// Its measurements before.
    pub before: Vec<Arc<Measurement>>,
    /// Its measurements now, or the error.
    pub now: Result<Vec<Arc<Measurement>>>,
    /// The names of sequences that were removed or whose length has changed.
    pub changed_sequences: Vec<String>,
}

/// Everything that is served. The listing is replaced as a whole, so every reader sees a consistent
/// state.
#[derive(Debug)]
pub struct Catalog {
    listing: RwLock<Arc<Listing>>,
    pool: BlockingPool,
    remote_pool: BlockingPool,
    search_pool: BlockingPool,
    reading: Arc<ReadContext>,
    context: Arc<Context>,
    health: Arc<Health>,
    building: mpsc::UnboundedSender<BuiltSource>,
    built: Mutex<mpsc::UnboundedReceiver<BuiltSource>>,
}

impl Catalog {
    /// Creates a catalog without datasources. With an assembly (its name and sequences), exactly its
    /// sequences are served; otherwise those that the files name.
    pub fn new(assembly: Option<(String, Sequences)>) -> Self {
        let (building, built) = mpsc::unbounded_channel();
        let (pool, remote_pool) = (BlockingPool::new(), BlockingPool::for_remote());
        let health = Arc::new(Health::default());
        Catalog {
            listing: RwLock::new(Arc::new(Listing::new(assembly))),
            reading: Arc::new(ReadContext::new(pool.clone(), remote_pool.clone(), health.clone())),
            pool,
            remote_pool,
            search_pool: BlockingPool::for_names(),
            context: Arc::default(),
            health,
            building,
            built: Mutex::new(built),
        }
    }

    /// Sets the folders and limits for opening sources.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Catalog { context: Arc::new(context), ..self }
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

    fn change<T>(&self, change: impl FnOnce(&mut Listing) -> T) -> T {
        let mut listing = self.listing.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = Listing::clone(&listing);
        let result = change(&mut new);
        new.renew_naming(&listing);
        *listing = Arc::new(new);
        result
    }

    /// Opens sources in parallel and lists those that could be opened, in the given order.
    ///
    /// Returns the new measurements, and the error of each source that failed.
    pub async fn load(&self, specs: Vec<Spec>) -> (Vec<Arc<Measurement>>, Vec<Error>) {
        let (opened, errors) = self.open(specs).await;
        let added = self.change(|listing| listing.add(opened));
        self.watch_builds(&added);
        self.sample_ranges(&added).await;
        (added, errors)
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

    /// Estimates the ranges of values that files do not state: a page draws values beyond a
    /// measurement's range outside its chart.
    async fn sample_ranges(&self, measurements: &[Arc<Measurement>]) {
        let unknown = |m: &&Arc<Measurement>| {
            m.column.is_some() && m.range.get().is_none() && m.source.building().is_none()
        };
        let samples = measurements.iter().filter(unknown).map(|measurement| {
            let own = |m: &&Arc<Measurement>| {
                m.companion.is_none() && measurement.spec.as_ref().is_some_and(|spec| m.is_of(spec))
            };
            let density = measurement.companion == Some(DENSITY);
            let of = measurements.iter().find(own).filter(|_| density).map(|m| m.source.clone());
            let measurement = measurement.clone();
            let pool = measurement.spec.as_deref().map_or(&self.pool, |spec| self.pool_of(spec));
            pool.run(move || {
                let column = measurement.column.as_deref().unwrap_or_default();
                let values = match of {
                    Some(features) => value_range::densities(&*features),
                    None => value_range::sample(&*measurement.source, column)?,
                };
                measurement.range.observe(values.into_iter());
                Ok(())
            })
        });
        for sampled in futures_util::future::join_all(samples).await {
            // Reading the file reports the error.
            sampled.unwrap_or_else(|error| tracing::debug!("no range of values: {error}"));
        }
    }

    /// Has sources that are still being built sent to [`Catalog::next_built`].
    fn watch_builds(&self, measurements: &[Arc<Measurement>]) {
        for measurement in measurements {
            if let (Some(building), Some(spec)) = (measurement.source.building(), &measurement.spec)
            {
                let (built, spec) = (self.building.clone(), spec.clone());
                // The receiver lives as long as the catalog.
                building.then(move |source| drop(built.send((spec, source))));
            }
        }
    }

    /// Waits until a source has been built in the background, and lists it in place of its
    /// placeholder; if it failed, removes the placeholder.
    pub async fn next_built(&self) -> SourceChange {
        let mut built = self.built.lock().await;
        loop {
            // The catalog has a sender itself, so the channel is never closed.
            let Some((spec, source)) = built.recv().await else { std::future::pending().await };
            let was = self.listing();
            let mut before: Vec<_> =
                was.measurements().filter(|m| m.is_of(&spec)).cloned().collect();
            // It has been unloaded.
            if before.is_empty() {
                continue;
            }
            let now = match source {
                Ok(source) => {
                    let mut parts = vec![Part { companion: None, source: Arc::from(source) }];
                    parts.extend(
                        before
                            .iter()
                            .filter(|m| m.companion.is_some())
                            .map(|m| Part { companion: m.companion, source: m.source.clone() }),
                    );
                    parts.dedup_by(|a, b| Arc::ptr_eq(&a.source, &b.source));
                    parts.extend(Density::companion(&parts[0].source));
                    let opened = vec![(parts, Spec::clone(&spec))];
                    let mut now = self.change(|listing| listing.replace(&[spec], opened));
                    self.watch_builds(&now);
                    self.sample_ranges(&now).await;
                    // Companions that were listed before are unchanged.
                    let stays = |m: &Measurement| m.companion.is_some();
                    now.retain(|m| !before.iter().any(|b| stays(b) && b.id == m.id));
                    before.retain(|m| !stays(m));
                    Ok(now)
                }
                Err(error) => {
                    self.change(|listing| listing.remove_spec(&spec));
                    Err(error)
                }
            };
            return SourceChange { before, now, changed_sequences: self.changed_sequences(&was) };
        }
    }

    /// Reopens the files of a datasource or a measurement. Returns its measurements before and now.
    /// If a file fails, nothing changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such id, [`Error::Input`] if it has no files;
    /// otherwise as `open_all`.
    pub async fn reload(&self, id: &str) -> Result<(Vec<Arc<Measurement>>, Vec<Arc<Measurement>>)> {
        let listing = self.listing();
        let datasource = listing.datasources().iter().find(|datasource| datasource.id == id);
        let named: Vec<_> = match datasource {
            Some(datasource) => datasource.measurements.clone(),
            None => listing.measurements().filter(|m| m.id == id).cloned().collect(),
        };
        let mut specs: Vec<_> = named.iter().filter_map(|m| m.spec.clone()).collect();
        specs.dedup_by(|a, b| Arc::ptr_eq(a, b));
        if named.is_empty() {
            let message = format!("no datasource is called '{id}'; 'sources' lists them");
            return Err(Error::NotFound(message));
        }
        if specs.is_empty() {
            return Err(Error::Input(format!("'{id}' has no file that could be reopened")));
        }
        specs.iter().for_each(|spec| spec.input.forget());
        self.open_again(&specs).await
    }

    /// Reopens sources, and replaces their old entries in the listing.
    async fn open_again(
        &self,
        specs: &[Arc<Spec>],
    ) -> Result<(Vec<Arc<Measurement>>, Vec<Arc<Measurement>>)> {
        let (opened, errors) = self.open(specs.iter().map(|spec| (**spec).clone()).collect()).await;
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let of_file = |m: &&Arc<Measurement>| specs.iter().any(|spec| m.is_of(spec));
        let old = self.listing().measurements().filter(of_file).cloned().collect();
        let new = self.change(|listing| listing.replace(specs, opened));
        self.watch_builds(&new);
        self.sample_ranges(&new).await;
        Ok((old, new))
    }

    /// Returns the pool that reads the files of a source.
    fn pool_of(&self, spec: &Spec) -> &BlockingPool {
        if spec.input.is_remote() { &self.remote_pool } else { &self.pool }
    }

    /// Returns the names of sequences of an earlier listing that were removed or whose length has
    /// changed.
    fn changed_sequences(&self, was: &Listing) -> Vec<String> {
        let is = self.listing();
        let differs =
            |s: &&Sequence| is.sequences().get(&s.name).is_none_or(|now| now.length != s.length);
        was.sequences().iter().filter(differs).map(|s| s.name.to_string()).collect()
    }

    /// Returns how often to check whether files have changed; `None` for never.
    pub fn watches(&self) -> Option<Duration> {
        self.context.watch
    }

    /// Checks whether files have changed on disk, and reopens those that are completely written.
    pub async fn look_at_files(&self) -> Vec<FileChange> {
        let mut served: HashMap<PathBuf, Vec<Arc<Spec>>> = HashMap::new();
        for spec in self.listing().measurements().filter_map(|m| m.spec.clone()) {
            let specs = served.entry(spec.input.path().to_owned()).or_default();
            if !specs.iter().any(|known| Arc::ptr_eq(known, &spec)) {
                specs.push(spec);
            }
        }
        let (looking, health) = (served.clone(), self.health.clone());
        // Not in the pool of readers: a drive that hangs must not delay other requests.
        let due = tokio::task::spawn_blocking(move || {
            let now = looking
                .iter()
                .filter_map(|(path, specs)| Some((path.clone(), versions(specs.first()?))));
            health.look(&now.collect())
        });
        let mut changes = Vec::new();
        for path in due.await.unwrap_or_default() {
            let specs = served.remove(&path).unwrap_or_default();
            let was = self.listing();
            let (before, now) = match self.open_again(&specs).await {
                Ok((before, now)) => {
                    self.health.opened_again();
                    (before, Ok(now))
                }
                Err(error) => {
                    self.health.not_opened(&path, &error);
                    let of_file = |m: &&Arc<Measurement>| specs.iter().any(|spec| m.is_of(spec));
                    (was.measurements().filter(of_file).cloned().collect(), Err(error))
                }
            };
            let changed_sequences = self.changed_sequences(&was);
            changes.push(FileChange { path, before, now, changed_sequences });
        }
        changes
    }

    /// Returns the problem of a measurement: its file was deleted, has changed, or cannot be read.
    /// Files are named without their folders.
    pub fn trouble(&self, measurement: &Measurement) -> Option<String> {
        self.health.trouble(measurement)
    }

    /// Returns how often the result of [`Catalog::trouble`] has changed.
    pub fn trouble_revision(&self) -> u64 {
        self.health.revision()
    }

    /// Returns the number of files that were deleted, or have changed and are not reopened yet.
    pub fn troubled_files(&self) -> usize {
        self.health.troubled()
    }

    /// Returns the number of files that were reopened because they had changed.
    pub fn reopened_files(&self) -> u64 {
        self.health.reopened()
    }

    /// Opens sources in parallel.
    async fn open(&self, specs: Vec<Spec>) -> (Vec<OpenedFile>, Vec<Error>) {
        let opening = specs.into_iter().map(|mut spec| {
            let (context, health) = (self.context.clone(), self.health.clone());
            self.pool_of(&spec).run(move || {
                // Taken before opening, so that later changes are noticed.
                let versions = versions(&spec);
                spec.options.opened_as = Some(source::formats::format_of(&spec)?.name);
                let later = source::formats::needs_genes(&spec)?;
                let parts =
                    if later { Vec::new() } else { source::formats::open_all(&spec, &context)? };
                if !versions.is_empty() {
                    health.opened(spec.input.path(), versions);
                }
                Ok((parts, spec))
            })
        });
        let mut results = futures_util::future::join_all(opening).await;
        self.open_by_gene_loci(&mut results).await;
        let (mut opened, mut errors) = (Vec::new(), Vec::new());
        for result in results {
            match result {
                Ok(one) => opened.push(one),
                Err(error) => errors.push(error),
            }
        }
        (opened, errors)
    }

    /// Opens the sources whose rows are placed by the genes of other sources, which are known now.
    /// These sources have no parts yet.
    async fn open_by_gene_loci(&self, results: &mut [Result<OpenedFile>]) {
        if !results.iter().flatten().any(|(parts, _)| parts.is_empty()) {
            return;
        }
        let mut loci = GeneLoci::default();
        let listing = self.listing();
        let known = listing.measurements().map(|measurement| &measurement.source);
        let new = results.iter().flatten().flat_map(|(parts, _)| parts).map(|part| &part.source);
        new.chain(known).for_each(|source| source.add_gene_loci(&mut loci));
        for result in results {
            if let Ok((parts, spec)) = result
                && parts.is_empty()
            {
                let mut spec = spec.clone();
                spec.options.gene_loci = loci.clone();
                let context = self.context.clone();
                let pool = self.pool_of(&spec);
                let open = move || Ok((source::formats::open_all(&spec, &context)?, spec));
                *result = pool.run(open).await;
            }
        }
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
    /// [`Error::NotFound`] if there is no such id.
    pub fn unload(&self, id: &str) -> Result<Vec<Arc<Measurement>>> {
        self.change(|listing| listing.remove(id))
    }

    /// Finds names that contain `text`, best first: exact matches, prefixes, others; then by position.
    ///
    /// # Errors
    /// [`Error::Bug`] if a source panics. A source whose names cannot be read has no hits; the
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
