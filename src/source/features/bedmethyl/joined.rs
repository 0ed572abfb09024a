//! bedMethyl that is read by region: the lines of a base, which follow each other in a sorted file,
//! are joined as they are read.

use super::{Bases, MODKIT, MethylLine, columns, kind, split, twice};
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

/// Lines, each of one kind of modification of a base; what the columns of each kind hold.
#[derive(Clone, Default)]
pub(super) struct Calls {
    kinds: Vec<(String, [ColumnStats; 2])>,
    /// Whether a line of another kind is an error.
    complete: bool,
}

impl RowFormat for Calls {
    type Copied = Self;
    const INFERRED: bool = true;

    fn cache_ending(&self) -> &'static str {
        "methyl.bgz"
    }

    /// Columns are of numbers, even if all are missing.
    fn about(&self) -> About {
        let number = |(name, stats): (String, &ColumnStats)| {
            let kind = match stats.kind() {
                ColumnKind::Text => ColumnKind::Number(None),
                number => number,
            };
            ColumnInfo { name: name.into(), kind }
        };
        let kinds = self.kinds.iter();
        let both = kinds.flat_map(|(kind, stats)| columns(kind).into_iter().zip(stats));
        collector::about(both.map(number).collect())
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let MethylLine { sequence, start, end, strand, kind, .. } = MethylLine::of(line)?;
        if self.complete && self.number(kind).is_none() {
            return Err(line.error(format!(
                "'{kind}' is not among the modifications of the first {PREVIEW_ROWS} lines, which \
                 tell what columns there are; without its index all lines of the file tell"
            )));
        }
        emit(sequence, Row { start, end, strand, text: line.text })
    }

    /// Of a line as it was parsed: what other lines say of the base is not there.
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
        self.kinds[number].1.iter_mut().zip(cells).for_each(|(stats, cell)| stats.see(cell));
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
        // Most bases have a line of each kind.
        let kinds = (rows.format.kinds.len() as u64).max(1);
        let counts = about.rows.iter().map(|lines| lines.div_ceil(kinds)).collect();
        let names = about.sequences.iter().map(|sequence| sequence.name.to_string()).collect();
        let joined = Joined { rows, names };
        let about = About { rows: counts, ..about };
        Ok(Box::new(Indexed::new(joined, about, options.columns.as_deref())?))
    }

    /// In memory the lines of a base are joined in any order.
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
    /// The number of a kind of modification.
    fn number(&self, kind: &str) -> Option<usize> {
        self.kinds.iter().position(|(known, _)| known == kind)
    }
}

/// The kind, the percentage and the coverage of a line that was read before.
fn call(text: &str) -> (&str, [&str; 2]) {
    let (fields, count) = split(text);
    (kind(fields[3], count == MODKIT), [fields[10], fields[9]])
}

/// A file with an index whose lines of one base are one row.
struct Joined {
    rows: TabixRows<Calls>,
    /// The names of its sequences.
    names: Vec<String>,
}

impl Joined {
    /// Gives `take` the bases of lines that start together.
    fn pass(&self, together: &mut SamePosition, take: &mut dyn FnMut(Row<'_>) -> Flow) -> Flow {
        // As rows in memory are sorted; those that end together stay in the order of the file.
        together.bases.sort_by_key(|base| base.end);
        let (start, mut joined) = (together.start, String::new());
        for Base { end, strand, calls } in together.bases.drain(..) {
            joined.clear();
            for kind in 0..self.rows.format.kinds.len() {
                let [percent, coverage] = calls
                    .iter()
                    .find(|call| call.0 == kind)
                    .map_or(["", ""], |(_, cells)| cells.clone().map(|cell| &together.text[cell]));
                let tab = if kind == 0 { "" } else { "\t" };
                joined.extend([tab, percent, "\t", coverage]);
            }
            take(Row { start, end, strand, text: &joined })?;
        }
        together.text.clear();
        ControlFlow::Continue(())
    }

    /// Adds a line to those that start together.
    fn add(&self, sequence: usize, together: &mut SamePosition, row: Row<'_>) -> Result<()> {
        let (kind, cells) = call(row.text);
        let number = self.rows.format.number(kind).unwrap_or_default();
        let cells = cells.map(|cell| {
            let start = together.text.len();
            together.text.push_str(cell);
            start..together.text.len()
        });
        together.start = row.start;
        let same = |base: &&mut Base| (base.end, base.strand) == (row.end, row.strand);
        let Some(base) = together.bases.iter_mut().find(same) else {
            let calls = vec![(number, cells)];
            together.bases.push(Base { end: row.end, strand: row.strand, calls });
            return Ok(());
        };
        if base.calls.iter().any(|call| call.0 == number) {
            let place = format!("{}:{}", self.names[sequence], row.start + 1);
            return Err(Error::data(self.path(), place, twice(kind)));
        }
        base.calls.push((number, cells));
        Ok(())
    }
}

/// Bases of which lines start together.
#[derive(Default)]
struct SamePosition {
    start: u32,
    bases: Vec<Base>,
    text: String,
}

/// A base, and where in the text the percentage and the coverage of its kinds stand.
struct Base {
    end: u32,
    strand: Strand,
    calls: Vec<(usize, [Range<usize>; 2])>,
}

impl ByRegion for Joined {
    fn path(&self) -> &Path {
        self.rows.path()
    }

    /// An index counts lines.
    fn is_counted(&self) -> bool {
        false
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let mut together = SamePosition::default();
        self.rows.each(sequence, bases, &mut |row| {
            if row.start != together.start {
                self.pass(&mut together, take)?;
            }
            match self.add(sequence, &mut together, row) {
                Ok(()) => ControlFlow::Continue(()),
                wrong => ControlFlow::Break(wrong),
            }
        })?;
        match self.pass(&mut together, take) {
            ControlFlow::Break(result) => result,
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        put_columns(row.text, columns, put);
    }
}
