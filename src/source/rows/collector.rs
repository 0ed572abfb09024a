//! Rows as they are collected from the lines of a file: every interval format that is held in memory
//! is read through this.

use crate::error::Result;
use crate::genome::Strand;
use crate::source::Shape;
use crate::source::io::delimited::number;
use crate::source::io::lines::Line;
use crate::source::rows::records::{Records, RecordsOptions, Rows};
use crate::table::{Column, Data, Texts};
use std::sync::atomic::{AtomicU64, Ordering};

/// The most memory that the rows of one file may take, in bytes: a small packed file can hold
/// endless rows.
const MEMORY: u64 = 4 << 30;

/// What rows are found by, the best first.
pub(crate) const NAMES: &[&str] =
    &["name", "Name", "gene_name", "gene", "symbol", "repName", "id", "ID", "gene_id", "Geneid"];
/// What says which rows to show when there is no room for all.
pub(crate) const WEIGHTS: &[&str] = &["score", "swScore", "5mC_coverage", "coverage"];

/// A column is numbers if each entry is one or says that it is missing (`.`, `NA`, nothing); but
/// what rows are found by is text, if every row should be called by a number.
pub(crate) fn typed(name: &str, texts: Texts) -> Data {
    if NAMES.contains(&name) {
        return Data::Text(texts);
    }
    match texts.iter().map(number).collect::<Option<Vec<_>>>() {
        Some(numbers) if numbers.iter().any(|number| number.is_finite()) => Data::Doubles(numbers),
        _ => Data::Text(texts),
    }
}

/// Sequence, start and end of a row, 0-based and half-open.
pub(crate) type Place<'a> = (&'a str, u32, u32);

/// Rows as they are collected from lines.
pub(crate) struct Collector {
    rows: Rows,
    names: Vec<String>,
    columns: Vec<Texts>,
    budget: Budget,
}

impl Collector {
    /// A collector of rows with columns of those names.
    pub(crate) fn new(names: Vec<String>) -> Self {
        let columns = vec![Texts::default(); names.len()];
        Collector { rows: Rows::default(), names, columns, budget: Budget::default() }
    }

    /// Adds a row. The columns that `fields` does not reach are empty.
    pub(crate) fn push<'a>(
        &mut self,
        line: &Line<'_>,
        (sequence, start, end): Place<'_>,
        strand: Option<Strand>,
        mut fields: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        self.rows.push(sequence, start, end);
        self.rows.strand.extend(strand);
        let mut taken = 24;
        for column in &mut self.columns {
            let field = fields.next().unwrap_or_default();
            column.push(field);
            taken += 8 + field.len();
        }
        self.budget.take(line, taken)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.start.len()
    }

    /// The column of that name.
    pub(crate) fn column_mut(&mut self, name: &str) -> Option<&mut Texts> {
        let index = self.names.iter().position(|known| known == name)?;
        self.columns.get_mut(index)
    }

    /// Adds a column, an entry for each row.
    pub(crate) fn add_column(&mut self, name: &str, texts: Texts) {
        self.names.push(name.to_owned());
        self.columns.push(texts);
    }

    /// The rows as a source.
    pub(crate) fn records(self) -> Records {
        let columns = self.names.iter().zip(self.columns);
        let column = |(name, texts): (&String, _)| Column::new(name.as_str(), typed(name, texts));
        served(self.rows, columns.map(column).collect())
    }
}

/// Counts what the rows of a file take, and stops those that would fill the memory. Threads that
/// read one file side by side share it.
pub(crate) struct Budget {
    left: AtomicU64,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::of(MEMORY)
    }
}

impl Budget {
    /// So many bytes.
    pub(crate) fn of(bytes: u64) -> Self {
        Budget { left: AtomicU64::new(bytes) }
    }

    /// Takes the memory of a row, or of a part of one, that comes from the line.
    pub(crate) fn take(&self, line: &Line<'_>, bytes: usize) -> Result<()> {
        let less = |left: u64| left.checked_sub(bytes as u64);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(_) => Ok(()),
            Err(_) => Err(line.error(
                "the rows up to here take more memory than a file may; \
                 sort them, pack them with bgzip and index them with tabix",
            )),
        }
    }
}

/// Rows with columns as a source. Rows are found by the first of [`NAMES`] that is there, and the
/// first of [`WEIGHTS`] says which to show when there is no room for all.
pub(crate) fn served(mut rows: Rows, columns: Vec<Column>) -> Records {
    rows.columns = columns;
    let has = |wanted: &&&str| rows.columns.iter().any(|column| *column.name == ***wanted);
    let name = NAMES.iter().find(has).copied();
    let importance = WEIGHTS.iter().find(has).copied();
    Records::new(rows, RecordsOptions { shape: Shape::Features, name, importance })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Input;
    use crate::source::io::lines::Lines;

    #[test]
    fn endless_rows_are_stopped() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "chr1\t1\t2\n".repeat(50)).unwrap();
        let mut lines = Lines::open(&Input::File(file.path().into())).unwrap();
        let mut collector = Collector { budget: Budget::of(1000), ..Collector::new(Vec::new()) };
        let error = loop {
            let line = lines.next().unwrap().unwrap();
            let empty = std::iter::empty();
            if let Err(error) = collector.push(&line, ("chr1", 1, 2), None, empty) {
                break error.to_string();
            }
        };
        assert!(error.contains("line 42: the rows up to here take more memory"), "{error}");
    }
}
