//! A row as its file gives it, on its way into an answer, a copy or memory.

use crate::error::Result;
use crate::genome::Strand;
use std::ops::ControlFlow;

/// A row as its file gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// First base, 0-based.
    pub(crate) start: u32,
    /// One past the last base.
    pub(crate) end: u32,
    pub(crate) strand: Strand,
    /// The rest of it, in which its format finds the columns.
    pub(crate) text: &'a str,
}

impl Row<'_> {
    /// One past the base up to which the row is found: one without bases is found where it stands.
    pub(crate) fn reach(&self) -> u32 {
        self.end.max(self.start + 1)
    }
}

/// Whether more rows are wanted; an error stops as well.
pub(crate) type Flow = ControlFlow<Result<()>>;

/// Takes a row and the name of its sequence.
pub(crate) type Emit<'a> = dyn FnMut(&str, Row<'_>) -> Result<()> + 'a;
