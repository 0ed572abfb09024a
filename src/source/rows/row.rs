//! A row as it is read from a file, before it goes into an answer, a copy or memory.

use crate::error::Result;
use crate::genome::Strand;
use std::ops::ControlFlow;

/// A row as it is read from its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// First base, 0-based.
    pub(crate) start: u32,
    /// One past the last base.
    pub(crate) end: u32,
    pub(crate) strand: Strand,
    /// The rest of the row, from which its format reads the cells.
    pub(crate) text: &'a str,
}

impl Row<'_> {
    /// Returns one past the last base at which the row is found; a row without bases is found at
    /// its start.
    pub(crate) fn reach(&self) -> u32 {
        self.end.max(self.start + 1)
    }
}

/// Whether more rows are wanted; an error stops the reading too.
pub(crate) type Flow = ControlFlow<Result<()>>;

/// Receives a row and the name of its sequence.
pub(crate) type Emit<'a> = dyn FnMut(&str, Row<'_>) -> Result<()> + 'a;
