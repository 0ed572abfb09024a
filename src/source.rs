//! Sources: files or generators that return the rows of a region.
//!
//! This file is the contract of all sources: [`Source`] and the types of its methods. The modules
//! above it import only from those before them: `io` (containers and lines), `rows`, `signals`,
//! then the families `features` and `alignments`, and at the top [`formats`], the list of file
//! formats.

mod alignments;
mod build_handle;
mod computed;
mod context;
pub mod expression;
mod features;
pub mod formats;
mod gene_loci;
mod grid;
mod hit;
mod io;
mod level;
mod mock;
mod nearest;
pub mod rows;
pub mod signals;
mod skipped;
mod slots;
mod spec;
mod units;

pub use build_handle::BuildHandle;
pub(crate) use computed::{Broken, Computed, ComputedInput, Plan, WIDEST_STEP, compile};
pub use context::Context;
pub use expression::{Definition, Expression};
pub use gene_loci::{GeneLoci, GeneLocus};
pub use hit::{Closeness, Hit};
pub(crate) use io::cache::{mark_used_entries, use_of_cache};
pub(crate) use level::FINEST_THINNED;
pub use level::{CLOSE, Level, Shape, WIDEST};
pub use mock::Mock;
pub use nearest::{nearest, suggestion, unknown};
pub use skipped::Skipped;
pub use spec::{KEYS, Missing, Options, Spec, Summary, Unit};
pub(crate) use units::unit;

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::table::Table;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A column of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnInfo {
    /// The name by which it is requested.
    pub name: Arc<str>,
    /// The kind of its values.
    pub kind: ColumnKind,
}

/// The kind of a column's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ColumnKind {
    /// Text: served as metadata of the rows.
    Text,
    /// Numbers that can be plotted, with their smallest and largest value if that is known
    /// without reading the whole file.
    Number(Option<(f64, f64)>),
}

/// The values of a bin's bases together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BinSum {
    /// The sum of the values of all bases that have one.
    pub sum: f64,
    /// The number of bases that have a value.
    pub covered: u32,
}

impl BinSum {
    /// Returns the sum of `width` bases that have this value; without data if it is NaN.
    pub(crate) fn of(value: f64, width: u32) -> Self {
        if value.is_nan() {
            return BinSum::default();
        }
        BinSum { sum: value * f64::from(width), covered: width }
    }

    pub(crate) fn add(&mut self, other: BinSum) {
        self.sum += other.sum;
        self.covered += other.covered;
    }

    /// Returns the mean of the values; NaN if there are none.
    pub fn mean(self) -> f64 {
        self.sum / f64::from(self.covered)
    }
}

/// Returns the rows of a region. Its methods may block (parsers do), so only the catalog calls
/// them, in its blocking pool.
///
/// The contract, checked for every format by `tests/formats`:
/// 1. Rows are sorted by start, are *not* clipped at the region's edges, and are one contiguous run
///    of ranks, from the first that overlaps to the last that starts before the region's end. The
///    page joins adjacent answers by rank and must find no gap, so a row between two overlapping
///    rows is included even if it does not overlap the region.
/// 2. The same row has the same rank in every answer of that level.
/// 3. Answers for adjacent regions join without loss; a row in both has the same rank.
/// 4. A region without rows, or on an unknown sequence, returns an empty table with every column.
///    An unknown column is an error that lists the known ones.
/// 5. Bad data is an error that names file and place; never a panic, a skip or a silent zero.
pub trait Source: Send + Sync + 'static {
    /// Returns the shape, which decides how the source is served and drawn.
    fn shape(&self) -> Shape;

    /// Returns the sequences that have rows, as the file names them; the length is the one that the
    /// file states, or else the end of the last row.
    fn sequences(&self) -> &Sequences;

    /// Returns whether the lengths in [`Source::sequences`] are those of the assembly (the file
    /// states them), not just the end of the last row.
    fn knows_lengths(&self) -> bool {
        false
    }

    /// Returns the columns that [`Source::read`] can return.
    fn columns(&self) -> &[ColumnInfo];

    /// Returns the number of rows that [`Source::read`] would return. It may be an estimate until
    /// [`Source::count_rows`] has been called. Must not wait: it may read a small part of an entry
    /// of the cache folder, and no other file.
    fn rows(&self, region: &Region, level: Level) -> u64;

    /// Reads enough of a sequence for [`Source::rows`] to depend on the data alone: from then on it
    /// returns the same number every time, exact to about a hundred rows.
    ///
    /// # Errors
    /// As [`Source::read`], but for unknown columns.
    fn count_rows(&self, sequence: &str) -> Result<()> {
        let _ = sequence;
        Ok(())
    }

    /// Returns whether [`Source::rows`] returns the exact number of records of a whole sequence
    /// before any of them is read.
    fn is_counted(&self) -> bool {
        true
    }

    /// Returns whether a view of the sequence is read from memory, in less than a millisecond, so
    /// that no thread that may block is needed.
    fn is_quick(&self, sequence: &str) -> bool {
        let _ = sequence;
        false
    }

    /// Returns a region with data to show first; none if there is no data.
    fn first_view(&self) -> Option<Region>;

    /// Reads the rows that overlap `region` at `level`, with the requested `columns`, in that
    /// order.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown column, [`Error::Data`] and [`Error::Io`] if the file is
    /// damaged or cannot be read.
    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table>;

    /// Returns the number of rows that start in each bin of 2^`shift` bases that overlaps `region`,
    /// in order. By default, all rows of these bins are read.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn starts(&self, region: &Region, shift: u8) -> Result<Vec<u32>> {
        grid::starts_by_reading(self, region, shift)
    }

    /// Returns the number of rows of a level on all sequences together; none if files would have to
    /// be read.
    fn total_rows(&self, level: Level) -> Option<u64> {
        let _ = level;
        None
    }

    /// Returns whether it is a signal, with at most one value per base, whose sums
    /// [`Source::sums`] returns. Only such sources can be computed with.
    fn has_sums(&self) -> bool {
        false
    }

    /// Returns the sum and the number of the values of the bases in each bin of 2^`shift` bases, of
    /// the bins `bins` of a sequence: bins are numbered from its first base. Bins beyond its end, or
    /// of an unknown sequence, have no data. By default, no bin has.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn sums(&self, sequence: &str, shift: u8, bins: Range<u32>) -> Result<Vec<BinSum>> {
        let _ = (sequence, shift);
        Ok(vec![BinSum::default(); bins.len()])
    }

    /// Returns the number of bases that have data, if the source is a signal and its file states
    /// it.
    fn covered(&self) -> Option<u64> {
        None
    }

    /// Returns the approximate memory of its rows, in bytes; 0 if rows are read from the file on
    /// request.
    fn memory(&self) -> u64 {
        0
    }

    /// Returns the progress of a source that is still being built. Until it is complete, it has no
    /// rows, and its sequences, shape and columns come from the beginning of the file; or its rows
    /// are [estimates](Source::estimate).
    fn building(&self) -> Option<&Arc<BuildHandle>> {
        None
    }

    /// Returns how the values of a level are estimated, such as `≈, from zoom level 4096`; none if
    /// they are exact. Must not read files.
    fn estimate(&self, sequence: &str, level: Level) -> Option<String> {
        let _ = (sequence, level);
        None
    }

    /// Returns the annotations of a column: keys and values, such as `tissue`, `colon`.
    fn annotation(&self, column: &str) -> BTreeMap<String, String> {
        let _ = column;
        BTreeMap::new()
    }

    /// Adds the loci of its genes, if it has any.
    fn add_gene_loci(&self, loci: &mut GeneLoci) {
        let _ = loci;
    }

    /// Returns the rows whose name contains `text`, ignoring case: at most `limit`, the best match
    /// first.
    fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        let _ = (text, limit);
        Vec::new()
    }
}

/// The annotation that says which views are [estimated](Source::estimate).
pub(crate) const ESTIMATED: &str = "wide views";

/// A file format.
pub struct Format {
    /// Its name, as in `format=bed`.
    pub name: &'static str,
    /// File name endings, without the dot and without `.gz`.
    pub extensions: &'static [&'static str],
    /// A one-line description of how it is served, for the table in `docs/formats.md`.
    #[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "read by tests/docs.rs"))]
    pub about: &'static str,
    /// Whether a file with these first bytes, decompressed, looks like this format.
    pub sniff: fn(&[u8]) -> bool,
    /// Opens a file.
    pub open: fn(&Input, &Options, &Context) -> Result<Box<dyn Source>>,
}

/// One of the sources that a file is served as.
#[derive(Clone)]
pub struct Part {
    /// The name of a companion, such as `reads` for the reads that accompany a coverage; none for
    /// the file's own rows or values.
    pub companion: Option<&'static str>,
    /// Its rows or values.
    pub source: Arc<dyn Source>,
}

/// Returns the error for a column that a source does not have.
pub(crate) fn unknown_column(name: &str, known: &[ColumnInfo]) -> Error {
    let known: Vec<_> = known.iter().map(|column| &*column.name).collect();
    Error::NotFound(format!("no column is called '{name}'; known are {}", known.join(", ")))
}

/// Returns the number of rows of a source on all sequences together, possibly an estimate.
pub(crate) fn total(source: &dyn Source) -> u64 {
    let whole = |name: &str| Region::new(name, 0, u32::MAX);
    source.sequences().iter().map(|s| source.rows(&whole(s.name), Level::Records)).sum()
}
