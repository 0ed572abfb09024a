//! Cells of tab-separated text, the same in every answer of this program: a missing value is an
//! empty cell, which pandas, polars and R read as missing; tabs and line ends in a text are escaped
//! as `\t`, `
//! ` and `\r`, since they would end the cell.

use super::Data;
use std::borrow::Cow;
use std::fmt::Write;

/// Returns a text as a cell.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    if text.contains(['\t', '\n', '\r']) {
        text.replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r").into()
    } else {
        text.into()
    }
}

impl Data {
    /// Writes the cell of a row.
    pub(crate) fn write_cell(&self, row: usize, to: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Data::Text(texts) => write!(to, "{}", cell(texts.get(row))),
            Data::Singles(values) if values[row].is_finite() => write!(to, "{}", values[row]),
            Data::Doubles(values) if values[row].is_finite() => write!(to, "{}", values[row]),
            Data::Singles(_) | Data::Doubles(_) => Ok(()),
        };
    }
}
