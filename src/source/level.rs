//! The levels at which sources are read, and the shapes of data on which they depend.

use crate::genome::Region;

/// A level of detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every record of the file.
    Records,
    /// At most one row for each bin of 2^`shift` bases; bins are numbered from the sequence's first
    /// base. A signal shows the summary of the bin, features show the most important row in it.
    Bins {
        /// Logarithm to base 2 of the bin's width in bases.
        shift: u8,
    },
}

/// Width (log2) of the widest bins of any source: 2^28 bases, longer than most chromosomes.
pub const WIDEST: u8 = 28;

impl Level {
    /// Returns the width of a bin in bases; 1 for records.
    pub fn width(self) -> u32 {
        match self {
            Level::Records => 1,
            Level::Bins { shift } => 1 << shift,
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Level::Records => f.write_str("records"),
            Level::Bins { .. } => write!(f, "bins of {}", self.width()),
        }
    }
}

/// The shape of a source's data, which decides how it is served and drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One number per base, almost everywhere (coverage). Every bin of the common grid is a row;
    /// its rank is its number.
    Dense,
    /// Numbers at scattered positions (methylation), where missing data does not mean zero. Only
    /// records, or bins that contain records, are rows.
    Sparse,
    /// Intervals with columns.
    Features,
    /// Features that have exons and are found by name.
    Genes,
    /// Features that are so many that only close views show them.
    Reads,
    /// The letters of sequences: each base is a row, and only very close views show them.
    Bases,
}

/// The widest view, in bases, in which [`Shape::Reads`] are shown.
pub const CLOSE: u32 = 20_000;
/// The widest view, in bases, in which [`Shape::Bases`] are shown.
const VERY_CLOSE: u32 = 2_000;

/// Width (log2) of the finest bins that thin features, genes and reads.
pub(crate) const FINEST_THINNED: u8 = 4;

impl Shape {
    /// Returns the levels at which such a source can be read, finest first.
    pub fn levels(self) -> impl DoubleEndedIterator<Item = Level> + Clone {
        let bins = |from| (from..=WIDEST).map(|shift| Level::Bins { shift });
        let (records, first) = match self {
            Shape::Dense => (None, 0),
            Shape::Sparse => (Some(Level::Records), 1),
            Shape::Features | Shape::Genes | Shape::Reads | Shape::Bases => {
                (Some(Level::Records), FINEST_THINNED)
            }
        };
        let wanted =
            move |level: &Level| !self.hides(*level) || *level == Level::Bins { shift: WIDEST };
        records.into_iter().chain(bins(first)).filter(wanted)
    }

    /// Returns the widest view, in bases, that shows rows; none if all views do.
    pub fn widest_view(self) -> Option<u32> {
        match self {
            Shape::Dense | Shape::Sparse | Shape::Features | Shape::Genes => None,
            Shape::Reads => Some(CLOSE),
            Shape::Bases => Some(VERY_CLOSE),
        }
    }

    /// Returns whether the level has no rows: for reads, a level of which a close view would hold
    /// at most two bins; for the letters of sequences, all bins. The widest level serves the views
    /// that are too wide for them.
    pub fn hides(self, level: Level) -> bool {
        match self {
            Shape::Dense | Shape::Sparse | Shape::Features | Shape::Genes => false,
            Shape::Reads => level.width() > CLOSE / 2,
            Shape::Bases => level != Level::Records,
        }
    }

    /// Returns whether a view may show the level, regardless of the number of rows.
    pub fn suits(self, level: Level, view: &Region) -> bool {
        self.hides(level) || self.widest_view().is_none_or(|widest| view.len() <= widest)
    }
}
