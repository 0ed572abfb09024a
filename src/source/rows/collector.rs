//! Collects rows from the lines of a file. Every interval format that is held in memory is read
//! through it.

use crate::error::Result;
use crate::source::io::delimited::number;
use crate::source::io::lines::Line;
use crate::source::rows::column_stats::ColumnStats;
use crate::source::rows::indexed::{About, Builder};
use crate::source::rows::records::{Records, RecordsOptions, Rows};
use crate::source::rows::row::Row;
use crate::source::{ColumnInfo, ColumnKind, Shape};
use crate::table::{Column, Data};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Largest memory of the rows of one file, in bytes. A small compressed file may hold any number of
/// rows.
const MEMORY: u64 = 4 << 30;

/// Columns by which rows can be searched, the best first.
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
/// Columns that decide which row of a bin is shown, the best first.
const WEIGHTS: &[&str] =
    &["neg_log10_p", "score", "swScore", "5mC_coverage", "coverage", "unique_reads", "reads"];

/// Columns that are text, even if all that they hold are numbers.
const TEXTS: &[&str] = &["color", "itemRgb"];

fn is_text(name: &str) -> bool {
    NAMES.contains(&name) || TEXTS.contains(&name)
}

/// Converts a column to numbers if each cell is a number or a missing value (`.`, `NA`, empty). A
/// column by which rows are searched stays text, even if each name is a number.
fn typed(Column { name, data }: Column) -> Column {
    let Data::Text(texts) = &data else { return Column { name, data } };
    if is_text(&name) {
        return Column { name, data };
    }
    let data = match texts.iter().map(number).collect::<Option<Vec<_>>>() {
        Some(numbers) if numbers.iter().any(|number| number.is_finite()) => Data::Doubles(numbers),
        _ => data,
    };
    Column { name, data }
}

/// Sequence, start and end of a row (0-based, half-open).
pub(crate) type RowPlace<'a> = (&'a str, u32, u32);

/// Collects rows from lines, up to the memory limit of one file.
pub(crate) struct Collector<'b> {
    rows: Builder,
    budget: &'b Budget,
}

impl<'b> Collector<'b> {
    /// Creates a collector of rows with these columns; collectors of one file share its budget.
    pub(crate) fn new(columns: &[ColumnInfo], budget: &'b Budget) -> Self {
        Collector { rows: Builder::new(columns.iter()), budget }
    }

    /// Adds a row from a line; `cells` passes on its cells.
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

    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the rows, without strands if `has_strand` is false.
    pub(crate) fn finish(self, has_strand: bool) -> Rows {
        let mut rows = self.rows.rows();
        if !has_strand {
            rows.strand = Vec::new();
        }
        rows
    }
}

/// Counts the memory of the rows of a file and stops a file that exceeds the limit. Threads that
/// read the same file share it.
pub(crate) struct Budget {
    left: AtomicU64,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::of(MEMORY)
    }
}

impl Budget {
    /// Creates a budget in bytes.
    pub(crate) fn of(bytes: u64) -> Self {
        Budget { left: AtomicU64::new(bytes) }
    }

    /// Subtracts the memory of a row, or of a part of one, that was read from the line.
    pub(crate) fn take(&self, line: &Line<'_>, bytes: usize) -> Result<()> {
        let less = |left: u64| left.checked_sub(bytes as u64);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(_) => Ok(()),
            Err(_) => Err(line.error_of_file(
                "the rows up to here exceed the memory limit of one file; \
                 sort it, compress it with bgzip and index it with tabix",
            )),
        }
    }
}

/// Creates a source of rows. Text columns become numbers where all cells are numbers. Rows are
/// searched by the first column of [`NAMES`] that the file has, and the first of [`WEIGHTS`]
/// decides which row of a bin is shown.
pub(crate) fn inferred(mut rows: Rows) -> Records {
    rows.columns = rows.columns.into_iter().map(typed).collect();
    let has = |wanted: &&&str| rows.columns.iter().any(|column| *column.name == ***wanted);
    let name = NAMES.iter().find(has).copied();
    let importance = WEIGHTS.iter().find(has).copied();
    Records::new(rows, RecordsOptions { shape: Shape::Features, name, importance })
}

/// Returns the kind of a column from its name and statistics, by the rule of [`typed`].
pub(crate) fn kind(name: &str, stats: &ColumnStats) -> ColumnKind {
    if is_text(name) { ColumnKind::Text } else { stats.kind() }
}

/// Writes column statistics as the note of a sorted copy.
pub(crate) fn note(stats: &[ColumnStats]) -> String {
    stats.iter().map(ColumnStats::to_string).collect::<Vec<_>>().join("\t")
}

/// Reads the statistics of this many columns from a note; none if this program did not write it.
pub(crate) fn noted(note: &str, columns: usize) -> Option<Vec<ColumnStats>> {
    let stats: Vec<_> = note.split('\t').map(ColumnStats::parse).collect::<Option<_>>()?;
    (stats.len() == columns).then_some(stats)
}

/// Describes a file with these columns that is read by region, by the rules of [`inferred`].
pub(crate) fn about(columns: Vec<ColumnInfo>) -> About {
    let first = |known: &[&str]| {
        known.iter().find_map(|name| columns.iter().position(|info| *info.name == **name))
    };
    About {
        shape: Shape::Features,
        sequences: Arc::default(),
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
    fn rows_beyond_the_memory_limit_are_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "chr1\t1\t2\n".repeat(50)).unwrap();
        let mut lines = Lines::open(&Input::File(file.path().into())).unwrap();
        let budget = Budget::of(1000);
        let mut collector = Collector::new(&[], &budget);
        let row = Row { start: 1, end: 2, strand: Strand::Both, text: "" };
        let error = loop {
            let line = lines.next().unwrap().unwrap();
            if let Err(error) = collector.push(&line, "chr1", &row, |_| ()) {
                break error.to_string();
            }
        };
        assert!(error.contains("line 42: the rows up to here exceed the memory limit"), "{error}");
    }
}
