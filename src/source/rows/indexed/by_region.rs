//! What a format gives so that its files are served by region.

use crate::error::Result;
use crate::genome::Sequences;
use crate::source::rows::rank_index::RankIndex;
use crate::source::rows::row::{Flow, Row};
use crate::source::{ColumnInfo, Shape};
use std::ops::Range;
use std::path::Path;

/// A file whose rows can be read from any base of a sequence on.
pub(crate) trait ByRegion: Send + Sync + 'static {
    /// The file, for messages.
    fn path(&self) -> &Path;

    /// Whether [`About::rows`] are what the file says, not an estimate.
    fn is_counted(&self) -> bool {
        true
    }

    /// Calls `take` with each row that has a base in `bases` of the sequence at that index (one
    /// without bases: that stands there), in the order of the file, until it says stop.
    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()>;

    /// What an earlier reading left of the census of a sequence, if any did.
    fn saved(&self, sequence: usize) -> Option<RankIndex> {
        let _ = sequence;
        None
    }

    /// Gives `put` what a row's text holds for the columns of those indexes, one after the other;
    /// empty if nothing. All at once, so that a row is split once.
    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str));
}

/// What a file says of itself when it is opened.
pub(crate) struct About {
    pub(crate) shape: Shape,
    /// The sequences that have rows.
    pub(crate) sequences: Sequences,
    /// Whether their lengths are those of the assembly.
    pub(crate) knows_lengths: bool,
    /// How many rows each sequence has, as far as that is known without reading them.
    pub(crate) rows: Vec<u64>,
    /// Every column that [`ByRegion::fields`] knows, in the order of its indexes.
    pub(crate) columns: Vec<ColumnInfo>,
    /// The column by which rows are searched.
    pub(crate) name: Option<usize>,
    /// The number column that makes a row worth showing when there is no room for all.
    pub(crate) importance: Option<usize>,
}
