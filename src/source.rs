//! Sources: whatever yields rows of a region, a file or a generator.
//!
//! This file is the contract that everything stands on: [`Source`] and what its methods speak of.
//! Above it lie, each importing only from those before it: `io` (containers and lines), `rows`,
//! `signals`, then the families `features` and `alignments`, and at the top [`formats`], the one
//! list of file formats.

mod alignments;
mod build_handle;
mod context;
mod features;
pub mod formats;
mod gene_loci;
mod grid;
mod hit;
mod io;
mod level;
mod mock;
pub mod rows;
pub mod signals;
mod spec;

pub use build_handle::BuildHandle;
pub use context::Context;
pub use gene_loci::{GeneLoci, GeneLocus};
pub use hit::{Closeness, Hit};
pub use level::{CLOSE, Level, Shape, WIDEST};
pub use mock::Mock;
pub use spec::{KEYS, Missing, Options, Spec, Summary, Unit, unknown};

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::table::Table;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A column that a source can give.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnInfo {
    /// The name by which it is asked for.
    pub name: Arc<str>,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ColumnKind {
    /// Text: served as metadata of the rows.
    Text,
    /// Numbers that can be plotted, with their smallest and largest value if that is known
    /// without reading the whole file.
    Number(Option<(f64, f64)>),
}

/// Yields rows of a region. Calls block (parsers do); [`crate::catalog::Catalog`] is the one door
/// between them and the asynchronous world.
///
/// The contract, checked for every format by `tests/formats`:
/// 1. Rows are sorted by start, are *not* clipped at the region's edges, and are one contiguous run
///    of ranks, from the first that overlaps to the last that starts before the region's end: the
///    page joins neighbouring answers by rank and must find no hole, so a row that lies between
///    two that overlap is given too.
/// 2. The same row has the same rank in every answer of that level.
/// 3. Answers for neighbouring regions join without loss; what both hold has equal ranks.
/// 4. Nothing there: an empty table that has every column. Unknown sequence: the same. Unknown
///    column: an error that lists the known ones.
/// 5. Bad data is an error that names file and place; never a panic, a skip or a silent zero.
pub trait Source: Send + Sync + 'static {
    /// How the source is to be served and drawn.
    fn shape(&self) -> Shape;

    /// The sequences that have rows, as the file names them; lengths as far as it knows them, else
    /// the end of the last row.
    fn sequences(&self) -> &Sequences;

    /// Whether the lengths in [`Source::sequences`] are those of the assembly (the file states
    /// them), not just the end of the last row.
    fn knows_lengths(&self) -> bool {
        false
    }

    /// The columns that [`Source::read`] can give.
    fn columns(&self) -> &[ColumnInfo];

    /// Number of rows that [`Source::read`] would give; may be an estimate until
    /// [`Source::count_rows`] has been called, must not read files.
    fn rows(&self, region: &Region, level: Level) -> u64;

    /// Reads what it takes for [`Source::rows`] of a sequence to follow from the data alone: the
    /// same whenever asked, and exact to a hundred or so.
    ///
    /// # Errors
    /// As [`Source::read`], but for unknown columns.
    fn count_rows(&self, sequence: &str) -> Result<()> {
        let _ = sequence;
        Ok(())
    }

    /// Whether [`Source::rows`] knows exactly how many records a whole sequence has, before any are
    /// read.
    fn is_counted(&self) -> bool {
        true
    }

    /// A region worth showing first; none if there is no data.
    fn first_view(&self) -> Option<Region>;

    /// The rows that overlap `region` at `level`, with the `columns` asked for, in that order.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown column, [`Error::Data`] and [`Error::Io`] for the file's
    /// faults.
    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table>;

    /// How many rows start in each bin of 2^`shift` bases that overlaps `region`, in order. By
    /// default all rows of these bins are read.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn starts(&self, region: &Region, shift: u8) -> Result<Vec<u32>> {
        grid::starts_by_reading(self, region, shift)
    }

    /// How many rows of all sequences a level keeps; none if it takes reading files to tell.
    fn kept(&self, level: Level) -> Option<u64> {
        let _ = level;
        None
    }

    /// Number of bases that have data, if the source is a signal and its file says so.
    fn covered(&self) -> Option<u64> {
        None
    }

    /// The memory in bytes that its rows take, about; nothing for what is read from the file when
    /// asked for.
    fn memory(&self) -> u64 {
        0
    }

    /// How far it is, if it is still being made: until then it has no rows, and its sequences,
    /// its shape and its columns are what the beginning of the file shows.
    fn building(&self) -> Option<&Arc<BuildHandle>> {
        None
    }

    /// What is known of a column besides its values: keys and values, such as `tissue`, `colon`.
    fn annotation(&self, column: &str) -> BTreeMap<String, String> {
        let _ = column;
        BTreeMap::new()
    }

    /// Tells where its genes lie, if it has any.
    fn add_gene_loci(&self, places: &mut GeneLoci) {
        let _ = places;
    }

    /// Rows whose name contains `text` in any case, best first, at most `limit`.
    fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        let _ = (text, limit);
        Vec::new()
    }
}

/// A file format.
pub struct Format {
    /// Its name, as in `format=bed`.
    pub name: &'static str,
    /// File name endings, without the dot and without `.gz`.
    pub extensions: &'static [&'static str],
    /// One line for the table in `docs/formats.md`: what it is served as.
    pub about: &'static str,
    /// Whether a file that begins like this is of the format. Given the first bytes, unpacked.
    pub sniff: fn(&[u8]) -> bool,
    /// Opens a file.
    pub open: fn(&Input, &Options, &Context) -> Result<Box<dyn Source>>,
}

/// One of the sources that a file is served as.
#[derive(Clone)]
pub struct Part {
    /// What stands beside the file's own rows or values, such as `reads` beside a coverage; none
    /// for those.
    pub companion: Option<&'static str>,
    /// Its rows or values.
    pub source: Arc<dyn Source>,
}

/// The error for a column that a source does not have.
pub(crate) fn unknown_column(name: &str, known: &[ColumnInfo]) -> Error {
    let known: Vec<_> = known.iter().map(|column| &*column.name).collect();
    Error::NotFound(format!("no column is called '{name}'; known are {}", known.join(", ")))
}

/// The number of rows of a source on all its sequences; perhaps an estimate.
pub(crate) fn total(source: &dyn Source) -> u64 {
    let whole = |name: &Arc<str>| Region::new(name.clone(), 0, u32::MAX);
    source.sequences().iter().map(|s| source.rows(&whole(&s.name), Level::Records)).sum()
}
