//! Statistics of columns, collected from the rows of a file one after the other.

use crate::source::ColumnKind;
use crate::source::io::delimited::number;
use std::fmt::{Display, Formatter, Result};

/// What the fields of a column have held so far: numbers, unless a field was text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ColumnStats {
    text: bool,
    range: Option<(f64, f64)>,
}

impl ColumnStats {
    /// Adds the column's field of the next row.
    pub(crate) fn add(&mut self, field: &str) {
        if self.text {
            return;
        }
        match number(field) {
            None => self.text = true,
            Some(n) if !n.is_finite() => {}
            Some(n) => {
                let (low, high) = self.range.unwrap_or((n, n));
                self.range = Some((n.min(low), n.max(high)));
            }
        }
    }

    /// Returns the kind of the column; a column without values is text.
    pub(crate) fn kind(&self) -> ColumnKind {
        match self.range {
            Some(range) if !self.text => ColumnKind::Number(Some(range)),
            _ => ColumnKind::Text,
        }
    }

    /// Returns whether each field was a number or missing, and at least one was a number.
    pub(crate) fn has_numbers(&self) -> bool {
        !self.text && self.range.is_some()
    }

    /// Reads the statistics of a column as `Display` writes them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None => (text == TEXT).then_some(ColumnStats { text: true, range: None }),
            Some((low, high)) => {
                let range = Some((low.parse().ok()?, high.parse().ok()?));
                Some(ColumnStats { text: false, range })
            }
        }
    }
}

const TEXT: &str = "text";

impl Display for ColumnStats {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.kind() {
            ColumnKind::Number(Some((low, high))) => write!(f, "{low} {high}"),
            _ => f.write_str(TEXT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_numbers_until_one_is_text_and_are_read_as_written() {
        let cases: [(&[&str], _); 5] = [
            (&["3", ".", "-0.1", "1e300"], ColumnKind::Number(Some((-0.1, 1e300)))),
            (&["3", "x", "5"], ColumnKind::Text),
            (&[".", "", "NA"], ColumnKind::Text),
            (&["inf"], ColumnKind::Text),
            (&[], ColumnKind::Text),
        ];
        for (fields, kind) in cases {
            let mut stats = ColumnStats::default();
            fields.iter().for_each(|field| stats.add(field));
            assert_eq!(stats.kind(), kind);
            assert_eq!(ColumnStats::parse(&stats.to_string()).unwrap().kind(), kind);
        }
        assert_eq!(ColumnStats::parse("x y"), None);
    }
}
