//! Rows of a region as columns: returned by sources and written to the wire.

pub(crate) mod tsv;

use crate::genome::Strand;
use std::sync::Arc;

/// Rows of one sequence, column by column, sorted by start. All columns have the same length.
///
/// The rows are one contiguous run of ranks: row `i` has rank `first_rank + i`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Rank of the first row among all rows of its sequence at this level; meaningless without rows.
    pub first_rank: u64,
    /// First base of each row, 0-based.
    pub start: Vec<u32>,
    /// One past the last base of each row, 0-based.
    pub end: Vec<u32>,
    /// Strand of each row; empty if the rows have none.
    pub strand: Vec<Strand>,
    /// The requested columns, in the requested order.
    pub columns: Vec<Column>,
}

impl Table {
    /// Creates a table without rows that has every requested column.
    pub fn empty(columns: &[&str]) -> Self {
        let empty = |name: &&str| Column::new(*name, Data::Text(Texts::default()));
        Table { columns: columns.iter().map(empty).collect(), ..Table::default() }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.start.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    /// Returns the data of the column with that name.
    pub fn column(&self, name: &str) -> Option<&Data> {
        self.columns.iter().find(|column| &*column.name == name).map(|column| &column.data)
    }
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name by which it is requested.
    pub name: Arc<str>,
    /// One entry per row.
    pub data: Data,
}

impl Column {
    /// Creates a column with that name.
    pub fn new(name: impl Into<Arc<str>>, data: Data) -> Self {
        Column { name: name.into(), data }
    }
}

/// The entries of a column. A missing number is NaN, and `null` on the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Single-precision numbers, as in bigWig files.
    Singles(Vec<f32>),
    /// Double-precision numbers, as in text files.
    Doubles(Vec<f64>),
    /// Names and other text.
    Text(Texts),
}

impl Data {
    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        match self {
            Data::Singles(values) => values.len(),
            Data::Doubles(values) => values.len(),
            Data::Text(texts) => texts.len(),
        }
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the memory of the entries, in bytes.
    pub fn memory(&self) -> usize {
        match self {
            Data::Singles(values) => size_of_val(&values[..]),
            Data::Doubles(values) => size_of_val(&values[..]),
            Data::Text(texts) => texts.bytes.len() + size_of_val(&texts.ends[..]),
        }
    }

    /// Returns the entry at `row` as a number; NaN if it is missing or text.
    pub fn number(&self, row: usize) -> f64 {
        match self {
            Data::Singles(values) => f64::from(values[row]),
            Data::Doubles(values) => values[row],
            Data::Text(_) => f64::NAN,
        }
    }

    /// Adds the entries of another column of the same kind.
    pub(crate) fn append(&mut self, other: Data) {
        match (self, other) {
            (Data::Singles(values), Data::Singles(more)) => values.extend(more),
            (Data::Doubles(values), Data::Doubles(more)) => values.extend(more),
            (Data::Text(texts), Data::Text(more)) => texts.append(&more),
            (own, other) => debug_assert!(false, "{own:?} and {other:?} are of different kinds"),
        }
    }

    /// Returns the entries at `rows`, in that order.
    pub fn pick(&self, rows: impl Iterator<Item = usize>) -> Data {
        match self {
            Data::Singles(values) => Data::Singles(rows.map(|row| values[row]).collect()),
            Data::Doubles(values) => Data::Doubles(rows.map(|row| values[row]).collect()),
            Data::Text(texts) => Data::Text(rows.map(|row| texts.get(row)).collect()),
        }
    }
}

/// Many short texts in one allocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts {
    bytes: String,
    /// End of each text in `bytes`.
    ends: Vec<usize>,
}

impl Texts {
    /// Adds a text at the end.
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    /// Adds other texts at the end.
    pub(crate) fn append(&mut self, other: &Texts) {
        let before = self.bytes.len();
        self.bytes.push_str(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    /// Returns the text at `index`.
    pub fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// Returns the number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the texts in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut all = Texts::default();
        texts.into_iter().for_each(|text| all.push(text.as_ref()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_returned_unchanged() {
        let texts: Texts = ["gene", "", "µ-opioid"].into_iter().collect();
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["gene", "", "µ-opioid"]);
        assert_eq!(texts.len(), 3);
    }

    #[test]
    fn picking_uses_the_requested_order() {
        let data = Data::Text(["a", "b", "c"].into_iter().collect());
        assert_eq!(data.pick([2, 0].into_iter()), Data::Text(["c", "a"].into_iter().collect()));
    }
}
