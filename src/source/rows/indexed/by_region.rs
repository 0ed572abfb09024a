//! The trait of files that are served by region.

use crate::error::Result;
use crate::genome::Sequences;
use crate::source::rows::rank_index::RankIndex;
use crate::source::rows::row::{Flow, Row};
use crate::source::{ColumnInfo, Shape};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A file whose rows can be read from any base of a sequence.
pub(crate) trait ByRegion: Send + Sync + 'static {
    /// Returns the path of the file, for messages.
    fn path(&self) -> &Path;

    /// Returns whether [`About::rows`] are numbers from the file, not estimates.
    fn is_counted(&self) -> bool {
        true
    }

    /// Calls `take` with each row that overlaps `bases` (0-based, half-open) of the sequence at
    /// that index, in file order, until it breaks. A row without bases is found at its start.
    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()>;

    /// Returns the rank index of a sequence that an earlier reading has saved, if any.
    fn saved(&self, sequence: usize) -> Option<RankIndex> {
        let _ = sequence;
        None
    }

    /// Passes the cells of a row for the columns of those indexes to `put`, one after the other; an
    /// empty text for a missing value. All columns are passed in one call, so that a row is split
    /// once.
    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str));
}

/// Describes a file when it is opened.
pub(crate) struct About {
    pub(crate) shape: Shape,
    /// The sequences that have rows.
    pub(crate) sequences: Arc<Sequences>,
    /// Whether the lengths of the sequences are those of the assembly.
    pub(crate) knows_lengths: bool,
    /// The number of rows of each sequence, as far as it is known without reading them.
    pub(crate) rows: Vec<u64>,
    /// All columns of [`ByRegion::fields`], in the order of their indexes.
    pub(crate) columns: Vec<ColumnInfo>,
    /// The column by which rows are searched.
    pub(crate) name: Option<usize>,
    /// The numeric column that decides which row of a bin is shown.
    pub(crate) importance: Option<usize>,
}
