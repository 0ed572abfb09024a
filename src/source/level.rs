//! How finely sources are read, and what kinds of data that depends on.

use crate::genome::Region;

/// How finely rows are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every record of the file.
    Records,
    /// At most one row for each bin of 2^`shift` bases; bins are counted from the sequence's first
    /// base. Signals give the summary of the bin, features their most important row in it.
    Bins {
        /// Logarithm to base 2 of the bin's width in bases.
        shift: u8,
    },
}

/// The widest bins that any source serves: 2^28 bases, longer than most chromosomes.
pub const WIDEST: u8 = 28;

impl Level {
    /// The width of a bin in bases; 1 for records.
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

/// What kind of data a source holds, which decides how it is served and drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One number a base, almost everywhere (coverage). Every bin of the common grid is a row;
    /// its rank is its number.
    Dense,
    /// One number here and there (methylation), where no data is not zero. Only records, or bins
    /// that hold some, are rows.
    Sparse,
    /// Intervals with columns.
    Features,
    /// Features that have exons and are found by name.
    Genes,
    /// Features of which there are too many for any but close views: none are shown in wider ones.
    Reads,
}

/// The widest view, in bases, in which [`Shape::Reads`] are shown.
pub const CLOSE: u32 = 20_000;

/// Width (log2) of the finest bins that thin features, genes and reads.
pub(crate) const FINEST_THINNED: u8 = 4;

impl Shape {
    /// The levels at which such a source can be read, finest first.
    pub fn levels(self) -> impl DoubleEndedIterator<Item = Level> + Clone {
        let bins = |from| (from..=WIDEST).map(|shift| Level::Bins { shift });
        let (records, first) = match self {
            Shape::Dense => (None, 0),
            Shape::Sparse => (Some(Level::Records), 1),
            Shape::Features | Shape::Genes | Shape::Reads => (Some(Level::Records), FINEST_THINNED),
        };
        let wanted =
            move |level: &Level| !self.hides(*level) || *level == Level::Bins { shift: WIDEST };
        records.into_iter().chain(bins(first)).filter(wanted)
    }

    /// Whether that level has no rows at all: for reads, one of which a close view would hold two
    /// bins at most. The widest is the one for views that are too wide.
    pub fn hides(self, level: Level) -> bool {
        self == Shape::Reads && level.width() > CLOSE / 2
    }

    /// Whether a view may show that level, however few rows it has there.
    pub fn suits(self, level: Level, view: &Region) -> bool {
        self != Shape::Reads || self.hides(level) || view.len() <= CLOSE
    }
}
