//! One state of the catalog, and reading rows from it.
//!
//! A request takes one snapshot, so that it sees one consistent state, and makes one trip through
//! the blocking pool, which counts its rows, chooses its level, and reads its datasources in
//! parallel.

use super::blocking_pool::BlockingPool;
use super::health::Health;
use super::{Datasource, Listing, Measurement, RequestLimits, numbers};
use crate::bytes::helpers::{HELPERS, Helpers, REMOTE_HELPERS};
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::source::{Level, Shape};
use crate::table::Table;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Maximum number of rows in memory that are read without asking another thread.
const QUICK: u64 = 4096;

/// The level at which to read rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// This level.
    At(Level),
    /// The finest level at which the region has at most this many rows; the coarsest if all have
    /// more. The rows of the sequence are counted first, so that the level depends only on the
    /// data.
    AtMost(u64),
    /// The finest level at which the whole sequence has at most this many rows; the coarsest if all
    /// have more. All requests on a sequence, in any order, get this level.
    AtMostInSequence(u64),
}

/// The rows to read.
#[derive(Clone, Debug)]
pub struct Query {
    /// The datasource.
    pub datasource: Arc<Datasource>,
    /// The region; the sequence may have any of its names.
    pub region: Region,
    /// The measurements whose values to read: one column each, named by its id.
    pub measurements: Vec<Arc<Measurement>>,
    /// The metadata columns that follow.
    pub metadata: Vec<Arc<str>>,
    /// The level.
    pub resolution: Resolution,
}

/// The result of a query.
#[derive(Debug)]
pub struct QueryResult {
    /// The rows that overlap the region.
    pub table: Table,
    /// The level of the rows.
    pub level: Level,
}

/// What is served at one moment, with the means to read its rows.
#[derive(Clone, Debug)]
pub struct Snapshot {
    listing: Arc<Listing>,
    reading: Arc<ReadContext>,
}

/// Shared by all snapshots of a catalog for reading.
#[derive(Debug)]
pub(super) struct ReadContext {
    pool: BlockingPool,
    remote_pool: BlockingPool,
    failures: Failures,
    limits: Arc<RequestLimits>,
}

/// Failed reads.
#[derive(Debug, Default)]
pub(super) struct Failures {
    count: AtomicU64,
    health: Arc<Health>,
}

impl ReadContext {
    pub(super) fn new(
        pool: BlockingPool,
        remote_pool: BlockingPool,
        health: Arc<Health>,
        limits: Arc<RequestLimits>,
    ) -> Self {
        let failures = Failures { count: AtomicU64::new(0), health };
        ReadContext { pool, remote_pool, failures, limits }
    }

    /// Returns the threads that read rows: those for files on other machines, or for local files.
    fn ways(&self, is_remote: bool) -> (&BlockingPool, &'static Helpers) {
        if is_remote { (&self.remote_pool, &REMOTE_HELPERS) } else { (&self.pool, &HELPERS) }
    }

    /// Returns the number of failed reads since the start.
    pub(super) fn failed(&self) -> u64 {
        self.failures.count.load(Ordering::Relaxed)
    }
}

impl Failures {
    /// Records that a measurement is omitted from an answer because it cannot be read. The error is
    /// logged once, not at each of the many requests of a page that shows it.
    fn omitted(&self, measurement: &Measurement, error: &Error) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if !self.health.failed(&[&measurement.id], error).is_empty() {
            tracing::error!(
                "'{}' cannot be read, so pages show no values for it: {error}",
                measurement.id
            );
        }
    }

    /// Records the outcome of a query. Only errors of data and files count as failures.
    fn answered(&self, query: &Query, answer: &Result<QueryResult>) {
        let Err(error) = answer else { return self.all_read(query) };
        self.count.fetch_add(1, Ordering::Relaxed);
        if matches!(error, Error::Data { .. } | Error::Io { .. } | Error::Bug(_)) {
            let asked = [&query.measurements, &query.datasource.measurements];
            let asked = asked.into_iter().find(|some| !some.is_empty());
            let ids: Vec<_> = asked.into_iter().flatten().map(|m| m.id.as_str()).collect();
            self.health.failed(&ids, error);
        }
    }

    fn all_read(&self, query: &Query) {
        // Each signal is recorded where it is read, since one of them may have been omitted.
        if query.datasource.shape != Shape::Dense {
            query.datasource.measurements.iter().for_each(|m| self.health.read(&m.id));
        }
    }
}

impl Deref for Snapshot {
    type Target = Listing;

    fn deref(&self) -> &Listing {
        &self.listing
    }
}

impl Snapshot {
    pub(super) fn new(listing: Arc<Listing>, reading: Arc<ReadContext>) -> Self {
        Snapshot { listing, reading }
    }

    /// Reads the rows of a query.
    ///
    /// # Errors
    /// As [`crate::source::Source::read`]; [`Error::Input`] for more rows than one
    /// answer may have.
    pub async fn read(&self, query: Query) -> Result<QueryResult> {
        let mut answers = self.read_all(vec![query]).await;
        answers.pop().unwrap_or_else(|| Err(Error::Bug("a query has no answer".into())))
    }

    /// Reads the rows of several queries, in their order; errors as in [`Snapshot::read`].
    pub async fn read_all(&self, queries: Vec<Query>) -> Vec<Result<QueryResult>> {
        if queries.len() == 1 && self.is_quick(&queries[0]) {
            let answer = || self.answer_and_record(&queries[0]);
            let answer = catch_unwind(AssertUnwindSafe(answer));
            let panicked = |_| Err(Error::Bug("reading rows panicked".into()));
            return vec![answer.unwrap_or_else(panicked)];
        }
        let (snapshot, count) = (self.clone(), queries.len());
        let is_remote = queries.iter().any(|query| query.datasource.is_remote());
        let trip = move || {
            let (_, helpers) = snapshot.reading.ways(is_remote);
            Ok(helpers.map(&queries, |query| snapshot.answer_and_record(query)))
        };
        match self.reading.ways(is_remote).0.run(trip).await {
            Ok(answers) => answers,
            // A panic.
            Err(error) => {
                self.reading.failures.count.fetch_add(1, Ordering::Relaxed);
                (0..count).map(|_| Err(Error::Bug(error.to_string()))).collect()
            }
        }
    }

    /// Returns whether a query is answered from memory, in less time than it takes to ask another
    /// thread and to wait for it.
    fn is_quick(&self, query: &Query) -> bool {
        let Query { datasource, region, resolution, .. } = query;
        datasource.is_quick(&self.listing, region)
            && match resolution {
                Resolution::At(level) => datasource.count(&self.listing, region, *level) <= QUICK,
                Resolution::AtMost(most) | Resolution::AtMostInSequence(most) => *most <= QUICK,
            }
    }

    /// Answers a query and records how that went; blocks.
    fn answer_and_record(&self, query: &Query) -> Result<QueryResult> {
        let answer = self.answer(query);
        self.reading.failures.answered(query, &answer);
        answer
    }

    /// Answers a query; blocks.
    fn answer(&self, query: &Query) -> Result<QueryResult> {
        let Query { datasource, region, measurements, metadata, resolution } = query;
        let level = self.listing.level(datasource, region, *resolution)?;
        let within = |rows: u64| {
            let limits = &self.reading.limits;
            if !limits.allow_rows(rows) {
                return Err(Error::Input(format!(
                    "{region} has {rows} rows; at most {} are sent: choose a smaller region or \
                     wider bins",
                    limits.rows
                )));
            }
            Ok(())
        };
        within(datasource.count(&self.listing, region, level))?;
        let table = if datasource.shape == Shape::Dense {
            self.read_dense(query, level)?
        } else {
            datasource.read(&self.listing, region, level, measurements, metadata)?
        };
        within(table.len() as u64)?;
        for (column, measurement) in measurements.iter().enumerate() {
            measurement.range.observe(numbers(&table, column));
        }
        Ok(QueryResult { table, level })
    }

    /// Reads the bins of the common grid, with the values of each signal in them.
    fn read_dense(&self, query: &Query, level: Level) -> Result<Table> {
        let Query { datasource, region, measurements, metadata, .. } = query;
        if let Some(name) = metadata.first() {
            let what = format!("'{}' has no metadata '{name}'", datasource.id);
            return Err(Error::NotFound(what));
        }
        let mut table = self.listing.grid(region, level);
        let rows = table.len();
        let (_, helpers) = self.reading.ways(datasource.is_remote());
        let columns = helpers.map(measurements, |measurement| {
            match measurement.read_bins(&self.listing, region, level, rows) {
                // One damaged file must not prevent the others of its group from being shown.
                Err(error) if measurements.len() > 1 => {
                    self.reading.failures.omitted(measurement, &error);
                    Ok(measurement.bins(vec![f32::NAN; rows]))
                }
                column => {
                    if column.is_ok() {
                        self.reading.failures.health.read(&measurement.id);
                    }
                    column
                }
            }
        });
        table.columns = columns.into_iter().collect::<Result<_>>()?;
        Ok(table)
    }
}

impl Listing {
    /// Returns the level at which a query is answered. [`Datasource::count`] uses the rows counted
    /// here. Blocks.
    fn level(
        &self,
        datasource: &Datasource,
        region: &Region,
        resolution: Resolution,
    ) -> Result<Level> {
        let shape = datasource.shape;
        // The reads of a sequence are not counted for a view that shows none.
        let count = |is_read: bool| {
            if is_read { datasource.count_rows(self, region) } else { Ok(()) }
        };
        let (most, view) = match resolution {
            Resolution::At(level) => return count(!shape.hides(level)).map(|()| level),
            Resolution::AtMost(most) => (most, region.clone()),
            Resolution::AtMostInSequence(most) => (most, self.whole(region)),
        };
        count(shape.suits(Level::Records, &view))?;
        let mut levels = shape.levels();
        let fits = |level: &Level| {
            shape.suits(*level, &view) && datasource.count(self, &view, *level) <= most
        };
        Ok(levels.clone().find(fits).or(levels.next_back()).unwrap_or(Level::Records))
    }

    /// Returns the whole sequence of a region.
    fn whole(&self, region: &Region) -> Region {
        let sequence = self.sequences().get(&region.sequence);
        let end = sequence.map_or(region.end, |sequence| sequence.length);
        Region::new(region.sequence.clone(), 0, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::genome::Sequences;
    use crate::source::{ColumnInfo, ColumnKind, Source};
    use crate::table::{Column, Data};

    /// A signal whose values are `times` the bin's start; unreadable if `times` is `None`.
    struct Signal {
        sequences: Sequences,
        columns: [ColumnInfo; 1],
        times: Option<f32>,
    }

    impl Signal {
        fn new(times: Option<f32>) -> Self {
            Signal {
                sequences: [("chr1", 1000)].into_iter().collect(),
                columns: [ColumnInfo { name: "value".into(), kind: ColumnKind::Number(None) }],
                times,
            }
        }
    }

    impl Source for Signal {
        fn shape(&self) -> Shape {
            Shape::Dense
        }

        fn sequences(&self) -> &Sequences {
            &self.sequences
        }

        fn knows_lengths(&self) -> bool {
            true
        }

        fn columns(&self) -> &[ColumnInfo] {
            &self.columns
        }

        fn rows(&self, region: &Region, level: Level) -> u64 {
            region.len().div_ceil(level.width()).into()
        }

        fn first_view(&self) -> Option<Region> {
            None
        }

        fn read(&self, region: &Region, level: Level, _: &[&str]) -> Result<Table> {
            let damaged = || Error::data("bad.bw".as_ref(), "offset 7", "is damaged");
            let times = self.times.ok_or_else(damaged)?;
            let width = level.width();
            let bins = region.start / width..region.end.div_ceil(width);
            let values = bins.clone().map(|bin| (bin * width) as f32 * times).collect();
            Ok(Table {
                first_rank: bins.start.into(),
                start: bins.clone().map(|bin| bin * width).collect(),
                end: bins.map(|bin| (bin + 1) * width).collect(),
                columns: vec![Column::new("value", Data::Singles(values))],
                ..Table::default()
            })
        }
    }

    fn query(snapshot: &Snapshot, start: u32, end: u32, resolution: Resolution) -> Query {
        let datasource = snapshot.datasources()[0].clone();
        let measurements = datasource.measurements.clone();
        let region = Region::new("chr1", start, end);
        Query { datasource, region, measurements, metadata: Vec::new(), resolution }
    }

    #[tokio::test]
    async fn an_unreadable_signal_is_counted_and_the_others_are_returned() {
        let catalog = Catalog::new(None);
        for (name, times) in [("one", Some(1.0)), ("bad", None), ("two", Some(2.0))] {
            catalog.add(name, Signal::new(times));
        }
        let snapshot = catalog.snapshot();
        let at = Resolution::At(Level::Bins { shift: 4 });
        for count in 1..4 {
            let table = snapshot.read(query(&snapshot, 32, 64, at)).await.unwrap().table;
            let values = |column: usize| [0, 1].map(|row| table.columns[column].data.number(row));
            assert_eq!((values(0), values(2)), ([32.0, 48.0], [64.0, 96.0]));
            assert!(values(1).iter().all(|value| value.is_nan()));
            assert_eq!(catalog.failed_reads(), count);
            // Reported once, no matter how often it is requested.
            let listing = catalog.listing();
            let trouble =
                |id: &str| catalog.trouble(listing.measurements().find(|m| m.id == id).unwrap());
            assert_eq!(trouble("bad").unwrap(), "bad.bw, offset 7: is damaged");
            assert_eq!((trouble("one"), catalog.trouble_revision()), (None, 1));
        }
        // It is an error if it is requested alone.
        let bad = snapshot.datasources()[0].measurements[1..2].to_vec();
        let alone = Query { measurements: bad, ..query(&snapshot, 32, 64, at) };
        assert!(snapshot.read(alone).await.is_err());
        assert_eq!(catalog.failed_reads(), 4);
    }

    #[tokio::test]
    async fn answers_are_in_the_order_of_the_queries_and_at_fitting_levels() {
        let catalog = Catalog::new(None);
        catalog.add("one", Signal::new(Some(1.0)));
        let snapshot = catalog.snapshot();
        let most = Resolution::AtMost(100);
        let too_many = Query { metadata: vec!["x".into()], ..query(&snapshot, 0, 9, most) };
        let queries = vec![
            query(&snapshot, 0, 1000, most),
            too_many,
            query(&snapshot, 10, 60, most),
            query(&snapshot, 0, 1000, Resolution::At(Level::Bins { shift: 9 })),
        ];
        let answers = snapshot.read_all(queries).await;
        let sizes: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.map(|answer| (answer.level.width(), answer.table.len())).ok())
            .collect();
        assert_eq!(sizes, [Some((16, 63)), None, Some((1, 50)), Some((512, 2))]);
    }
}
