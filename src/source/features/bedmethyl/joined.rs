//! bedMethyl files that are read by region: the lines of a base, which are consecutive in a sorted
//! file, are joined while they are read.

use super::{Bases, MODKIT, MethylLine, columns, duplicate, kind, split};
use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::genome::Strand;
use crate::source::io::delimited::put_columns;
use crate::source::io::lines::Line;
use crate::source::rows::background::PREVIEW_ROWS;
use crate::source::rows::collector;
use crate::source::rows::column_stats::ColumnStats;
use crate::source::rows::format::{RowFormat, TabixRows, each_good_line};
use crate::source::rows::indexed::{About, ByRegion, Indexed};
use crate::source::rows::records::Records;
use crate::source::rows::row::{Emit, Flow, Row};
use crate::source::rows::tabix::{self, IndexHint};
use crate::source::{ColumnInfo, ColumnKind, Options, Source};
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// The format, in which each line is one kind of modification of a base; and the column statistics
/// of each kind.
#[derive(Clone, Default)]
pub(super) struct Calls {
    kinds: Vec<(String, [ColumnStats; 2])>,
    /// Whether `kinds` is complete, so that a line of another kind is an error.
    complete: bool,
}

impl RowFormat for Calls {
    type Copied = Self;
    const INFERRED: bool = true;

    fn cache_ending(&self) -> &'static str {
        "methyl.bgz"
    }

    /// Columns are numeric even if all values are missing.
    fn about(&self) -> About {
        let number = |(name, stats): (String, &ColumnStats)| {
            let kind = match stats.kind() {
                ColumnKind::Text => ColumnKind::Number(None),
                number => number,
            };
            ColumnInfo { name: name.into(), kind }
        };
        let kinds = self.kinds.iter();
        let columns_and_stats =
            kinds.flat_map(|(kind, stats)| columns(kind).into_iter().zip(stats));
        collector::about(columns_and_stats.map(number).collect())
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let MethylLine { sequence, start, end, strand, kind, .. } = MethylLine::of(line)?;
        if self.complete && self.number(kind).is_none() {
            return Err(line.error(format!(
                "'{kind}' is not among the modifications of the first {PREVIEW_ROWS} lines, which \
                 decide the columns; move the index away, so that all lines decide"
            )));
        }
        emit(sequence, Row { start, end, strand, text: line.text })
    }

    /// Passes on the cells of a single line; the columns of other lines of the base are empty.
    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let (kind, cells) = call(row.text);
        let number = self.number(kind);
        for column in columns {
            put(if number == Some(column / 2) { cells[column % 2] } else { "" });
        }
    }

    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        Some(tabix::index_hint(input, 0, [1, 2], "-p bed"))
    }

    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        let (kind, cells) = call(row.text);
        let number = self.number(kind).unwrap_or_else(|| {
            self.kinds.push((kind.to_owned(), Default::default()));
            self.kinds.len() - 1
        });
        self.kinds[number].1.iter_mut().zip(cells).for_each(|(stats, cell)| stats.add(cell));
        Ok(())
    }

    fn note(&self) -> String {
        let kind = |(kind, [percent, coverage]): &(String, [ColumnStats; 2])| {
            format!("{kind}\t{percent}\t{coverage}")
        };
        self.kinds.iter().map(kind).collect::<Vec<_>>().join("\t")
    }

    fn copied(self, note: &str) -> Option<Self> {
        let words: Vec<_> = note.split('\t').filter(|word| !word.is_empty()).collect();
        let kind = |words: &[&str]| match words {
            [kind, percent, coverage] => Some((
                kind.to_string(),
                [ColumnStats::parse(percent)?, ColumnStats::parse(coverage)?],
            )),
            _ => None,
        };
        let kinds = words.chunks(3).map(kind).collect::<Option<_>>()?;
        Some(Calls { kinds, complete: true })
    }

    fn by_region(
        mut rows: TabixRows<Self>,
        about: About,
        options: &Options,
    ) -> Result<Box<dyn Source>> {
        rows.format.complete = true;
        // Assumes that most bases have a line of each kind.
        let kinds = (rows.format.kinds.len() as u64).max(1);
        let counts = about.rows.iter().map(|lines| lines.div_ceil(kinds)).collect();
        let names = about.sequences.iter().map(|sequence| sequence.name.to_string()).collect();
        let joined = JoinedRows { rows, names };
        let about = About { rows: counts, ..about };
        Ok(Box::new(Indexed::new(joined, about, options.columns.as_deref())?))
    }

    /// In memory, the lines of a base are joined in any order.
    fn in_memory(
        &self,
        input: &Input,
        options: &Options,
        progress: &Progress,
        most: usize,
    ) -> Result<Records> {
        let (mut bases, mut count) = (Bases::default(), 0);
        each_good_line(self, input, progress, options.skip.as_ref(), &mut |line| {
            count += 1;
            bases.push(line).map(|()| count < most)
        })?;
        Ok(bases.records())
    }
}

impl Calls {
    /// Returns the number of a kind of modification.
    fn number(&self, kind: &str) -> Option<usize> {
        self.kinds.iter().position(|(known, _)| known == kind)
    }
}

/// Returns the kind, the percentage and the coverage of a line that was parsed before.
fn call(text: &str) -> (&str, [&str; 2]) {
    let (fields, count) = split(text);
    (kind(fields[3], count == MODKIT), [fields[10], fields[9]])
}

/// An indexed file in which the lines of a base are joined to one row.
struct JoinedRows {
    rows: TabixRows<Calls>,
    /// The names of its sequences.
    names: Vec<String>,
}

impl JoinedRows {
    /// Passes the joined bases at one start to `take`.
    fn flush(&self, same_start: &mut SamePosition, take: &mut dyn FnMut(Row<'_>) -> Flow) -> Flow {
        // This is the order of rows in memory; bases with the same end stay in file order.
        same_start.bases.sort_by_key(|base| base.end);
        let (start, mut joined) = (same_start.start, String::new());
        for Base { end, strand, calls } in same_start.bases.drain(..) {
            joined.clear();
            for kind in 0..self.rows.format.kinds.len() {
                let [percent, coverage] =
                    calls.iter().find(|call| call.0 == kind).map_or(["", ""], |(_, cells)| {
                        cells.clone().map(|cell| &same_start.text[cell])
                    });
                let tab = if kind == 0 { "" } else { "\t" };
                joined.extend([tab, percent, "\t", coverage]);
            }
            take(Row { start, end, strand, text: &joined })?;
        }
        same_start.text.clear();
        ControlFlow::Continue(())
    }

    /// Adds a line to those with the same start.
    fn add(&self, sequence: usize, same_start: &mut SamePosition, row: Row<'_>) -> Result<()> {
        let (kind, cells) = call(row.text);
        let number = self.rows.format.number(kind).unwrap_or_default();
        let cells = cells.map(|cell| {
            let start = same_start.text.len();
            same_start.text.push_str(cell);
            start..same_start.text.len()
        });
        same_start.start = row.start;
        let same = |base: &&mut Base| (base.end, base.strand) == (row.end, row.strand);
        let Some(base) = same_start.bases.iter_mut().find(same) else {
            let calls = vec![(number, cells)];
            same_start.bases.push(Base { end: row.end, strand: row.strand, calls });
            return Ok(());
        };
        if base.calls.iter().any(|call| call.0 == number) {
            let place = format!("{}:{}", self.names[sequence], row.start + 1);
            return Err(Error::data(self.path(), place, duplicate(kind)));
        }
        base.calls.push((number, cells));
        Ok(())
    }
}

/// The bases at one start.
#[derive(Default)]
struct SamePosition {
    start: u32,
    bases: Vec<Base>,
    text: String,
}

/// A base, with the ranges of the percentage and the coverage of its kinds in the text.
struct Base {
    end: u32,
    strand: Strand,
    calls: Vec<(usize, [Range<usize>; 2])>,
}

impl ByRegion for JoinedRows {
    fn path(&self) -> &Path {
        self.rows.path()
    }

    /// Returns false: an index counts lines, not bases.
    fn is_counted(&self) -> bool {
        false
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let mut same_start = SamePosition::default();
        self.rows.each(sequence, bases, &mut |row| {
            if row.start != same_start.start {
                self.flush(&mut same_start, take)?;
            }
            match self.add(sequence, &mut same_start, row) {
                Ok(()) => ControlFlow::Continue(()),
                wrong => ControlFlow::Break(wrong),
            }
        })?;
        match self.flush(&mut same_start, take) {
            ControlFlow::Break(result) => result,
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        put_columns(row.text, columns, put);
    }
}
