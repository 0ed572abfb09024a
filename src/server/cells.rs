//! The columns of a table for scripts.

use crate::table::{Data, tsv::cell};
use std::fmt::Write as _;

/// The cells of a column.
#[derive(Debug)]
pub(super) enum Cells {
    Whole(Vec<u32>),
    Data(Data),
    /// The same value in every row.
    Same(String),
}

impl Cells {
    /// Writes the cell of a row of tab-separated text.
    pub(super) fn write(&self, row: usize, to: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Cells::Whole(numbers) => write!(to, "{}", numbers[row]),
            Cells::Same(text) => write!(to, "{}", cell(text)),
            Cells::Data(data) => {
                data.write_cell(row, to);
                Ok(())
            }
        };
    }
}
