//! Sequences, regions and assemblies: the coordinates that all other modules use.
//!
//! Inside the program every interval is **0-based and half-open**. Only format readers and
//! [`crate::protocol`] convert.

mod aliases;
mod assemblies;
mod region;
mod sequences;

pub use aliases::Aliases;
pub use assemblies::{built_in, built_in_names};
pub(crate) use region::thousands;
pub use region::{MAX_POSITION, Region, bases, split_flank};
pub use sequences::{Sequence, Sequences};

use std::fmt;

/// The strand of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strand {
    /// Forward, `+`.
    Forward,
    /// Reverse, `-`.
    Reverse,
    /// Not stranded or not known; written `*`, as in Bioconductor and on the page.
    #[default]
    Both,
}

impl Strand {
    /// Parses the strand of a text column: `+`, `-`, and anything else (`.`, `?`, `*`) as
    /// [`Strand::Both`].
    pub fn from_text(text: &str) -> Self {
        match text {
            "+" => Strand::Forward,
            "-" => Strand::Reverse,
            _ => Strand::Both,
        }
    }

    /// Returns `+`, `-` or `*`.
    pub fn as_str(self) -> &'static str {
        match self {
            Strand::Forward => "+",
            Strand::Reverse => "-",
            Strand::Both => "*",
        }
    }
}

impl fmt::Display for Strand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
