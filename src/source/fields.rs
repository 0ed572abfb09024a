//! Lines of fields: how they are split, and the rows that come of them. Every interval format in
//! text is read through this.

use super::text::{Line, shortened};
use super::{Records, Rows, Shape, Use};
use crate::error::Result;
use crate::genome::Strand;
use crate::table::{Column, Data, Texts};
use std::sync::atomic::{AtomicU64, Ordering};

/// The most memory that the rows of one file may take, in bytes: a small packed file can hold
/// endless rows.
const MEMORY: u64 = 4 << 30;

/// What stands between the fields of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Separator {
    /// A tab; fields may hold spaces.
    Tab,
    /// Any number of spaces or tabs.
    Space,
    /// A comma; fields may be quoted.
    Comma,
}

impl Separator {
    /// Tabs if the line has any, since names may hold spaces; else spaces.
    pub(super) fn of(line: &str) -> Self {
        if line.contains('\t') { Separator::Tab } else { Separator::Space }
    }

    /// The fields of a line.
    pub(super) fn split(self, line: &str) -> Vec<&str> {
        match self {
            Separator::Tab => {
                let mut fields = Vec::with_capacity(16);
                fields.extend(split(line, b'\t'));
                fields
            }
            Separator::Space => line.split_ascii_whitespace().collect(),
            Separator::Comma => {
                let mut quoted = false;
                let mut between = |c: char| {
                    quoted ^= c == '"';
                    c == ',' && !quoted
                };
                line.split(&mut between).collect()
            }
        }
    }
}

/// The parts of a text between those bytes, which are ASCII: [`str::split`], but twice as fast on
/// the short fields of lines.
pub(super) fn split(text: &str, between: u8) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let ends = memchr::memchr_iter(between, text.as_bytes()).chain([text.len()]);
    ends.map(move |end| {
        let part = &text[start..end];
        start = end + 1;
        part
    })
}

/// Gives `put` the columns of those indexes of a row whose text is its columns, between tabs.
pub(super) fn put_columns(text: &str, columns: &[usize], put: &mut dyn FnMut(&str)) {
    let fields = Separator::Tab.split(text);
    columns.iter().for_each(|column| put(fields.get(*column).copied().unwrap_or_default()));
}

/// The parts of a text between tabs, as many as there is room for; what is missing is empty.
pub(super) fn first_fields<const N: usize>(text: &str) -> [&str; N] {
    let mut fields = [""; N];
    fields.iter_mut().zip(split(text, b'\t')).for_each(|(field, part)| *field = part);
    fields
}

/// A field without the quotes that R writes around texts.
pub(super) fn unquoted(field: &str) -> &str {
    let field = field.trim();
    let inner = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(field)
}

/// Whether a line carries no row: nothing in it, a comment, or a browser's settings.
pub(super) fn is_comment(line: &str) -> bool {
    let first = line.split_ascii_whitespace().next().unwrap_or("#");
    first.starts_with('#') || first == "track" || first == "browser"
}

/// The first line of a file's beginning that carries a row.
pub(super) fn first_row(head: &str) -> Option<&str> {
    head.lines().find(|line| !is_comment(line))
}

/// Whether the field is a coordinate.
pub(super) fn is_position(field: &str) -> bool {
    field.parse::<u32>().is_ok()
}

/// Whether the field is a strand as any format writes it.
pub(super) fn is_strand(field: &str) -> bool {
    matches!(field, "+" | "-" | "." | "*" | "?" | "")
}

/// Whether the field is a number, or says that there is none.
pub(super) fn is_number(field: &str) -> bool {
    number(field).is_some()
}

/// The number in a field, NaN where it says that there is none; none if it is text.
pub(super) fn number(field: &str) -> Option<f64> {
    match field {
        "." | "" | "NA" | "NaN" | "nan" => Some(f64::NAN),
        field => field.trim().parse().ok(),
    }
}

/// A column is numbers if each entry is one or says that it is missing (`.`, `NA`, nothing); but
/// what rows are found by is text, if every row should be called by a number.
pub(super) fn typed(name: &str, texts: Texts) -> Data {
    if NAMES.contains(&name) {
        return Data::Text(texts);
    }
    match texts.iter().map(number).collect::<Option<Vec<_>>>() {
        Some(numbers) if numbers.iter().any(|number| number.is_finite()) => Data::Doubles(numbers),
        _ => Data::Text(texts),
    }
}

/// What rows are found by, the best first.
pub(super) const NAMES: &[&str] =
    &["name", "Name", "gene_name", "gene", "symbol", "repName", "id", "ID", "gene_id", "Geneid"];
/// What says which rows to show when there is no room for all.
pub(super) const WEIGHTS: &[&str] = &["score", "swScore", "5mC_coverage", "coverage"];

/// Sequence, start and end of a row, 0-based and half-open.
pub(super) type Place<'a> = (&'a str, u32, u32);

/// Rows as they are collected from lines.
pub(super) struct Collector {
    rows: Rows,
    names: Vec<String>,
    columns: Vec<Texts>,
    budget: Budget,
}

impl Collector {
    /// A collector of rows with columns of those names.
    pub(super) fn new(names: Vec<String>) -> Self {
        let columns = vec![Texts::default(); names.len()];
        Collector { rows: Rows::default(), names, columns, budget: Budget::default() }
    }

    /// Adds a row. The columns that `fields` does not reach are empty.
    pub(super) fn push<'a>(
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
    pub(super) fn len(&self) -> usize {
        self.rows.start.len()
    }

    /// The column of that name.
    pub(super) fn column_mut(&mut self, name: &str) -> Option<&mut Texts> {
        let index = self.names.iter().position(|known| known == name)?;
        self.columns.get_mut(index)
    }

    /// Adds a column, an entry for each row.
    pub(super) fn add_column(&mut self, name: &str, texts: Texts) {
        self.names.push(name.to_owned());
        self.columns.push(texts);
    }

    /// The rows as a source.
    pub(super) fn records(self) -> Records {
        let columns = self.names.iter().zip(self.columns);
        let column = |(name, texts): (&String, _)| Column::new(name.as_str(), typed(name, texts));
        served(self.rows, columns.map(column).collect())
    }
}

/// Counts what the rows of a file take, and stops those that would fill the memory. Threads that
/// read one file side by side share it.
pub(super) struct Budget {
    left: AtomicU64,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::of(MEMORY)
    }
}

impl Budget {
    /// So many bytes.
    pub(super) fn of(bytes: u64) -> Self {
        Budget { left: AtomicU64::new(bytes) }
    }

    /// Takes the memory of a row, or of a part of one, that comes from the line.
    pub(super) fn take(&self, line: &Line<'_>, bytes: usize) -> Result<()> {
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
pub(super) fn served(mut rows: Rows, columns: Vec<Column>) -> Records {
    rows.columns = columns;
    let has = |wanted: &&&str| rows.columns.iter().any(|column| *column.name == ***wanted);
    let name = NAMES.iter().find(has).copied();
    let importance = WEIGHTS.iter().find(has).copied();
    Records::new(rows, Use { shape: Shape::Features, name, importance })
}

/// Columns that say how a browser draws the row or finds it, not what it is; as BED and as UCSC's
/// tables call them.
pub(super) const DRAWING: &[&str] = &[
    "thick_start",
    "thick_end",
    "block_count",
    "block_sizes",
    "block_starts",
    "thickStart",
    "thickEnd",
    "blockCount",
    "blockSizes",
    "blockStarts",
    "chromStarts",
    "chrom_starts",
    "bin",
];

/// The strand in a field.
pub(super) fn strand(line: &Line<'_>, field: &str) -> Result<Strand> {
    match is_strand(field) {
        true => Ok(Strand::from_text(field)),
        false => Err(line.error(format!("'{}' is no strand: +, - or .", shortened(field)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Input, text::Lines};

    #[test]
    fn fields_are_split_as_the_line_is_written() {
        assert_eq!(Separator::of("a b\tc"), Separator::Tab);
        assert_eq!(Separator::Tab.split("a b\t\tc"), ["a b", "", "c"]);
        assert_eq!(Separator::Tab.split(""), [""]);
        assert_eq!(first_fields("a\tb\tc"), ["a", "b"]);
        assert_eq!(first_fields("a\t\tc"), ["a", "", "c", "", ""]);
        assert_eq!(Separator::Space.split(" a  b\tc"), ["a", "b", "c"]);
        let fields = Separator::Comma.split("\"a,b\",2,");
        assert_eq!(fields.into_iter().map(unquoted).collect::<Vec<_>>(), ["a,b", "2", ""]);
    }

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
