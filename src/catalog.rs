//! The datasources by id, and the one way to blocking work.

mod blocking_pool;
mod chart;
mod datasource;
mod find;
mod hub;
mod listing;
mod selection;
mod snapshot;
mod value_range;
mod watch;

pub use chart::ChartType;
pub use datasource::{Datasource, Kind, Measurement};
pub use hub::{Hub, is_hub};
pub use listing::Listing;
pub(crate) use listing::describe::LEFT_OUT;
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

/// What a file is served as, and how that was asked for.
type OpenedFile = (Vec<Part>, Spec);

/// The most rows that one answer may hold.
pub const MAX_ROWS: u64 = 100_000;

/// A source that was listed before it was whole: how it was asked for, and what it has become.
type Made = (Arc<Spec>, Result<Box<dyn Source>>);

/// What became of a source that was listed before it was whole.
#[derive(Debug)]
pub struct SourceChange {
    /// Its measurements as they were.
    pub before: Vec<Arc<Measurement>>,
    /// Its measurements as they are, or why there are none.
    pub now: Result<Vec<Arc<Measurement>>>,
    /// Names of the sequences that are gone, or have another length now.
    pub changed_sequences: Vec<String>,
}

/// Everything that is served. Cheap to share; what is listed is replaced as a whole, so whoever
/// looks sees one consistent state.
#[derive(Debug)]
pub struct Catalog {
    listing: RwLock<Arc<Listing>>,
    pool: BlockingPool,
    remote_pool: BlockingPool,
    search_pool: BlockingPool,
    reading: Arc<ReadContext>,
    context: Arc<Context>,
    health: Arc<Health>,
    building: mpsc::UnboundedSender<Made>,
    made: Mutex<mpsc::UnboundedReceiver<Made>>,
}

impl Catalog {
    /// A catalog of no datasources. With an assembly (its name and sequences), exactly those
    /// sequences are served; without,
    /// those that the files name.
    pub fn new(assembly: Option<(String, Sequences)>) -> Self {
        let (building, made) = mpsc::unbounded_channel();
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
            made: Mutex::new(made),
        }
    }

    /// The same catalog, its sources opened with these places and limits.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Catalog { context: Arc::new(context), ..self }
    }

    /// The same catalog, with these other names of sequences.
    #[must_use]
    pub fn with_aliases(self, aliases: Aliases) -> Self {
        self.change(|listing| listing.learn(aliases));
        self
    }

    /// What is served now.
    pub fn listing(&self) -> Arc<Listing> {
        self.listing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is served now, and the way to its rows: one for each request.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.listing(), self.reading.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Listing) -> T) -> T {
        let mut listing = self.listing.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = Listing::clone(&listing);
        let result = change(&mut new);
        *listing = Arc::new(new);
        result
    }

    /// Opens sources side by side and lists those that could be opened, in the order given.
    ///
    /// Returns the measurements that are new, and the error of each source that failed.
    pub async fn load(&self, specs: Vec<Spec>) -> (Vec<Arc<Measurement>>, Vec<Error>) {
        let (opened, errors) = self.open(specs).await;
        let added = self.change(|listing| listing.add(opened));
        self.await_building(&added);
        self.sample_ranges(&added).await;
        (added, errors)
    }

    /// Has the names of these measurements' rows collected in the background, so that the first
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

    /// Guesses the ranges of values that files do not state: a page draws what lies outside the
    /// range that it was told outside its chart.
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
                measurement.range.saw(values.into_iter());
                Ok(())
            })
        });
        for sampled in futures_util::future::join_all(samples).await {
            // Whoever reads there is told what is wrong with the file.
            sampled.unwrap_or_else(|error| tracing::debug!("no range of values: {error}"));
        }
    }

    /// Has those that are still being built handed to [`Catalog::made`].
    fn await_building(&self, measurements: &[Arc<Measurement>]) {
        for measurement in measurements {
            if let (Some(building), Some(spec)) = (measurement.source.building(), &measurement.spec)
            {
                let (made, spec) = (self.building.clone(), spec.clone());
                // Whoever could receive it ends only together with the catalog.
                building.then(move |source| drop(made.send((spec, source))));
            }
        }
    }

    /// Waits until a source that was listed before it was whole is made, and lists what it has
    /// become; one that failed is listed no longer.
    pub async fn made(&self) -> SourceChange {
        let mut made = self.made.lock().await;
        loop {
            // The catalog holds a sender itself, so there always is one.
            let Some((spec, source)) = made.recv().await else { std::future::pending().await };
            let was = self.listing();
            let mut before: Vec<_> =
                was.measurements().filter(|m| m.is_of(&spec)).cloned().collect();
            // Nobody wants it any more.
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
                    self.await_building(&now);
                    self.sample_ranges(&now).await;
                    // What stands beside it stays as it was.
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

    /// Opens the files of a datasource, or of a measurement, again. Returns its measurements as
    /// they were and as they are. If a file fails, all stays as it was.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of that id, [`Error::Input`] if it has no files;
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
            return Err(Error::Input(format!("'{id}' has no file that could be opened again")));
        }
        specs.iter().for_each(|spec| spec.input.forget());
        self.open_again(&specs).await
    }

    /// Opens sources again, and lists what they are now instead of what they were.
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
        self.await_building(&new);
        self.sample_ranges(&new).await;
        Ok((old, new))
    }

    /// Where the file of a source is read.
    fn pool_of(&self, spec: &Spec) -> &BlockingPool {
        if spec.input.is_remote() { &self.remote_pool } else { &self.pool }
    }

    /// Names of the sequences that are gone since a listing, or have another length now.
    fn changed_sequences(&self, was: &Listing) -> Vec<String> {
        let is = self.listing();
        let differs =
            |s: &&Sequence| is.sequences().get(&s.name).is_none_or(|now| now.length != s.length);
        was.sequences().iter().filter(differs).map(|s| s.name.to_string()).collect()
    }

    /// How often files are to be looked at, if they are.
    pub fn watches(&self) -> Option<Duration> {
        self.context.watch
    }

    /// Looks whether files have changed on disk, and opens those again that are completely written.
    pub async fn look_at_files(&self) -> Vec<FileChange> {
        let mut served: HashMap<PathBuf, Vec<Arc<Spec>>> = HashMap::new();
        for spec in self.listing().measurements().filter_map(|m| m.spec.clone()) {
            let specs = served.entry(spec.input.path().to_owned()).or_default();
            if !specs.iter().any(|known| Arc::ptr_eq(known, &spec)) {
                specs.push(spec);
            }
        }
        let (looking, health) = (served.clone(), self.health.clone());
        // Not in the pool of those who read: a drive that hangs must not keep others waiting.
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

    /// What is wrong with a measurement: its file is gone, has changed, or cannot be read. Files are
    /// named without their folders.
    pub fn trouble(&self, measurement: &Measurement) -> Option<String> {
        self.health.trouble(measurement)
    }

    /// Counts how often the answer of [`Catalog::trouble`] has changed.
    pub fn trouble_revision(&self) -> u64 {
        self.health.revision()
    }

    /// How many files are gone, or have changed and are not opened again yet.
    pub fn troubled_files(&self) -> usize {
        self.health.troubled()
    }

    /// How many files were opened again because they had changed.
    pub fn reopened_files(&self) -> u64 {
        self.health.reopened()
    }

    /// Opens sources side by side.
    async fn open(&self, specs: Vec<Spec>) -> (Vec<OpenedFile>, Vec<Error>) {
        let opening = specs.into_iter().map(|spec| {
            let (context, health) = (self.context.clone(), self.health.clone());
            self.pool_of(&spec).run(move || {
                // Before it is opened: what changes meanwhile is noticed.
                let versions = versions(&spec);
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

    /// Opens the sources whose rows lie where the genes of others do, now that those are known:
    /// they have no parts yet.
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

    /// Lists a source of the caller's own under that name; returns its measurements.
    pub fn add(&self, name: &str, source: impl Source) -> Vec<Arc<Measurement>> {
        let spec = Spec { input: Input::Memory(name.into(), &[]), options: Options::default() };
        let own = Part { companion: None, source: Arc::new(source) };
        self.change(|listing| listing.add(vec![(vec![own], spec)]))
    }

    /// Lists the tutorial's mock.
    pub fn add_mock(&self, seed: u64) {
        self.change(|listing| listing.add_mock(Arc::new(Mock::new(seed))));
    }

    /// Removes a datasource or a measurement, and what stands beside it; returns the measurements
    /// that went.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of that id.
    pub fn unload(&self, id: &str) -> Result<Vec<Arc<Measurement>>> {
        self.change(|listing| listing.remove(id))
    }

    /// Names that contain `text`, best first: exact, then prefix, then inside, then by position.
    ///
    /// # Errors
    /// [`Error::Bug`] if a source panics; one whose names cannot be read has none, and says why in
    /// the log.
    pub async fn search(&self, text: &str, limit: usize) -> Result<Vec<Hit>> {
        let (listing, text) = (self.listing(), text.to_owned());
        self.search_pool.run(move || Ok(listing.search(&text, limit))).await
    }

    /// A region that has data, to be shown first: on the sequence that most datasources have, of
    /// features if there are any.
    pub async fn first_view(&self) -> Option<Region> {
        let listing = self.listing();
        let view = self.pool.run(move || Ok(listing.first_view())).await;
        view.inspect_err(|error| tracing::error!("no first view: {error}")).ok().flatten()
    }

    /// A region in which the measurement of that id has data; none if it has none, or there is no such
    /// measurement.
    pub async fn first_view_of(&self, id: &str) -> Option<Region> {
        let listing = self.listing();
        let source = listing.measurements().find(|m| m.id == id).map(|m| m.source.clone())?;
        let first = move || Ok(source.first_view().and_then(|region| listing.locate(&region)));
        let view = self.pool.run(first).await;
        view.inspect_err(|error| tracing::error!("no first view of {id}: {error}")).ok().flatten()
    }

    /// How many reads have failed since the start, for whatever reason.
    pub fn failed_reads(&self) -> u64 {
        self.reading.failed()
    }
}
