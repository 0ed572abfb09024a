//! Rows as they are collected from the lines of a file: every interval format that is held in memory
//! is read through this.

use crate::error::Result;
use crate::genome::Sequences;
use crate::source::io::delimited::number;
use crate::source::io::lines::Line;
use crate::source::rows::column_stats::ColumnStats;
use crate::source::rows::indexed::{About, Builder};
use crate::source::rows::records::{Records, RecordsOptions, Rows};
use crate::source::rows::row::Row;
use crate::source::{ColumnInfo, ColumnKind, Shape};
use crate::table::{Data, Texts};
use std::sync::atomic::{AtomicU64, Ordering};

/// The most memory that the rows of one file may take, in bytes: a small packed file can hold
/// endless rows.
const MEMORY: u64 = 4 << 30;

/// The columns by which rows are found, the best first.
const NAMES: &[&str] = &[
    "name",
    "Name",
    "gene_name",
    "gene",
    "symbol",
    "repName",
    "Hugo_Symbol",
    "hm_rsid",
    "rsid",
    "rs_id",
    "SNP",
    "snp",
    "variant_id",
    "MarkerName",
    "SNPID",
    "id",
    "ID",
    "gene_id",
    "Geneid",
    "peak",
];
/// The columns that say which rows to show when there is no room for all, the best first.
const WEIGHTS: &[&str] =
    &["neg_log10_p", "score", "swScore", "5mC_coverage", "coverage", "unique_reads", "reads"];

/// Columns that are text, even if all that they hold are numbers.
const TEXTS: &[&str] = &["color", "itemRgb"];

fn is_text(name: &str) -> bool {
    NAMES.contains(&name) || TEXTS.contains(&name)
}

/// A column is numbers if each entry is one or says that it is missing (`.`, `NA`, nothing); but
/// what rows are found by is text, if every row should be called by a number.
fn typed(name: &str, texts: Texts) -> Data {
    if is_text(name) {
        return Data::Text(texts);
    }
    match texts.iter().map(number).collect::<Option<Vec<_>>>() {
        Some(numbers) if numbers.iter().any(|number| number.is_finite()) => Data::Doubles(numbers),
        _ => Data::Text(texts),
    }
}

/// Sequence, start and end of a row, 0-based and half-open.
pub(crate) type RowPlace<'a> = (&'a str, u32, u32);

/// Rows as they are collected from lines, no more than a file may hold in memory.
pub(crate) struct Collector {
    rows: Builder,
    budget: Budget,
}

impl Collector {
    /// A collector of rows with these columns.
    pub(crate) fn new(columns: &[ColumnInfo]) -> Self {
        Collector { rows: Builder::new(columns.iter()), budget: Budget::default() }
    }

    /// Adds a row of a line, whose columns `cells` gives.
    pub(crate) fn push(
        &mut self,
        line: &Line<'_>,
        sequence: &str,
        row: &Row<'_>,
        cells: impl FnOnce(&mut dyn FnMut(&str)),
    ) -> Result<()> {
        let mut taken = 24;
        let fields = |put: &mut dyn FnMut(&str)| {
            cells(&mut |cell| {
                taken += 8 + cell.len();
                put(cell);
            });
        };
        self.rows.push(sequence, row, fields).map_err(|what| line.error(what))?;
        self.budget.take(line, taken)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows, without strands if theirs say nothing.
    pub(crate) fn finish(self, has_strand: bool) -> Rows {
        let mut rows = self.rows.rows();
        if !has_strand {
            rows.strand = Vec::new();
        }
        rows
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
            Err(_) => Err(line.error_of_file(
                "the rows up to here take more memory than a file may; \
                 sort them, pack them with bgzip and index them with tabix",
            )),
        }
    }
}

/// Rows as a source. Columns of text become numbers where all rows have one. Rows are found by the
/// first of [`NAMES`] that is there, and the first of [`WEIGHTS`] says which to show when there is
/// no room for all.
pub(crate) fn inferred(mut rows: Rows) -> Records {
    for column in &mut rows.columns {
        if let Data::Text(texts) = &mut column.data {
            column.data = typed(&column.name, std::mem::take(texts));
        }
    }
    let has = |wanted: &&&str| rows.columns.iter().any(|column| *column.name == ***wanted);
    let name = NAMES.iter().find(has).copied();
    let importance = WEIGHTS.iter().find(has).copied();
    Records::new(rows, RecordsOptions { shape: Shape::Features, name, importance })
}

/// The kind of a column of that name, by what it holds: as [`typed`].
pub(crate) fn kind(name: &str, stats: &ColumnStats) -> ColumnKind {
    if is_text(name) { ColumnKind::Text } else { stats.kind() }
}

/// What columns hold, as a sorted copy notes it.
pub(crate) fn note(stats: &[ColumnStats]) -> String {
    stats.iter().map(ColumnStats::to_string).collect::<Vec<_>>().join("\t")
}

/// What was noted of so many columns; none if it is not of this program.
pub(crate) fn noted(note: &str, columns: usize) -> Option<Vec<ColumnStats>> {
    let stats: Vec<_> = note.split('\t').map(ColumnStats::parse).collect::<Option<_>>()?;
    (stats.len() == columns).then_some(stats)
}

/// What is said of a file that is read by region and whose columns are these: as [`inferred`].
pub(crate) fn about(columns: Vec<ColumnInfo>) -> About {
    let first = |known: &[&str]| {
        known.iter().find_map(|name| columns.iter().position(|info| *info.name == **name))
    };
    About {
        shape: Shape::Features,
        sequences: Sequences::default(),
        knows_lengths: false,
        rows: Vec::new(),
        name: first(NAMES),
        importance: first(WEIGHTS).filter(|at| columns[*at].kind != ColumnKind::Text),
        columns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Input;
    use crate::genome::Strand;
    use crate::source::io::lines::Lines;

    #[test]
    fn endless_rows_are_stopped() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "chr1\t1\t2\n".repeat(50)).unwrap();
        let mut lines = Lines::open(&Input::File(file.path().into())).unwrap();
        let mut collector = Collector { budget: Budget::of(1000), ..Collector::new(&[]) };
        let row = Row { start: 1, end: 2, strand: Strand::Both, text: "" };
        let error = loop {
            let line = lines.next().unwrap().unwrap();
            if let Err(error) = collector.push(&line, "chr1", &row, |_| ()) {
                break error.to_string();
            }
        };
        assert!(error.contains("line 42: the rows up to here take more memory"), "{error}");
    }
}
