//! bigInteract: pairs of intervals, with the columns of BED5 and thirteen more (UCSC, "interact
//! format").
//!
//! A row of the file spans both ends of its pair, so a query of a region finds the rows of all ends
//! in it. A pair between two sequences is two rows, one for each end. Ends are returned sorted by
//! their own starts: an end waits in a queue until the file's rows, which are sorted too, have
//! reached its start.

use super::{BigBed, estimate_rows};
use crate::error::{Error, Result};
use crate::genome::{Sequences, Strand};
use crate::source::features::autosql::Field;
use crate::source::features::bedpe::{INTERACTION_COLUMNS, NAMES, interaction};
use crate::source::io::bbi::Bbi;
use crate::source::io::delimited::put_columns;
use crate::source::io::lines::Line;
use crate::source::rows::indexed::{About, ByRegion, Flow, Indexed, Row};
use crate::source::{ColumnInfo, ColumnKind, Options, Shape, Source};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// Returns whether a file with these columns after the first three is a bigInteract; the names of
/// the ends vary.
pub(super) fn is(fields: &[Field]) -> bool {
    let is_place = |at: usize| {
        let named = |more: usize, end| fields[at + more].name.ends_with(end);
        named(0, "_chrom") && named(1, "_start") && named(2, "_end")
    };
    fields.len() == 15 && is_place(5) && is_place(10)
}

pub(super) fn open(file: Bbi, records: u64, options: &Options) -> Result<Box<dyn Source>> {
    let is_number = |name: &str| matches!(name, "score" | "value");
    let column = |name: &str| {
        let kind = if is_number(name) { ColumnKind::Number(None) } else { ColumnKind::Text };
        ColumnInfo { name: name.into(), kind }
    };
    let columns: Vec<_> =
        NAMES.iter().chain(&INTERACTION_COLUMNS).map(|name| column(name)).collect();
    let about = About {
        shape: Shape::Features,
        sequences: file.sequences().clone(),
        knows_lengths: true,
        rows: estimate_rows(2 * records, file.sequences()),
        name: Some(0),
        importance: columns.iter().position(|column| &*column.name == "score"),
        columns,
    };
    let pairs = BigBed { file, columns: Vec::new(), strand: None, exons: false };
    Ok(Box::new(Indexed::new(Interactions { pairs }, about, options.columns.as_deref())?))
}

struct Interactions {
    pairs: BigBed,
}

/// An end in the queue.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct WaitingEnd {
    start: u32,
    end: u32,
    /// Its tab-separated columns.
    text: String,
    strand: Strand,
}

impl Interactions {
    fn sequences(&self) -> &Sequences {
        self.pairs.file.sequences()
    }

    /// Returns the ends of a row of the file.
    fn ends(&self, sequence: &str, row: &Row<'_>) -> Result<Vec<WaitingEnd>> {
        let (start, end) = (row.start.to_string(), row.end.to_string());
        let mut fields = vec![sequence, &start, &end];
        fields.extend(row.text.split('\t'));
        let line = Line::of_record(row.text, 0, self.path());
        let pair = interaction(&line, &fields).map_err(|error| match error {
            // The number of the row is not known.
            Error::Data { message, .. } => self.damaged(sequence, row, &message),
            other => other,
        })?;
        let ends = pair.rows().map(|found| {
            let end = found.0;
            if end.start < row.start || end.end > row.end {
                return Err(self.damaged(sequence, row, "an end is outside of its row"));
            }
            let text = pair.columns(&found).collect::<Vec<_>>().join("\t");
            Ok(WaitingEnd { start: end.start, end: end.end, text, strand: end.strand })
        });
        ends.collect()
    }

    fn damaged(&self, sequence: &str, row: &Row<'_>, what: &str) -> Error {
        Error::data(self.path(), format!("{sequence}:{}", row.start + 1), what)
    }
}

impl ByRegion for Interactions {
    fn path(&self) -> &Path {
        self.pairs.path()
    }

    /// Returns false: the file counts pairs, not ends.
    fn is_counted(&self) -> bool {
        false
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let name = self.sequences().at(sequence).name;
        let mut waiting = BinaryHeap::new();
        let mut emit = |waiting: &mut BinaryHeap<Reverse<WaitingEnd>>, before: u32| {
            while waiting.peek().is_some_and(|Reverse(next)| next.start < before)
                && let Some(Reverse(WaitingEnd { start, end, text, strand })) = waiting.pop()
            {
                take(Row { start, end, strand, text: &text })?;
            }
            ControlFlow::Continue(())
        };
        let mut stopped = false;
        self.pairs.each(sequence, bases.clone(), &mut |row| {
            let flow = emit(&mut waiting, row.start);
            stopped = flow.is_break();
            flow?;
            let near = |end: &WaitingEnd| {
                end.start < bases.end && end.end.max(end.start + 1) > bases.start
            };
            match self.ends(name, &row) {
                Ok(ends) => waiting.extend(ends.into_iter().filter(near).map(Reverse)),
                Err(error) => return ControlFlow::Break(Err(error)),
            }
            ControlFlow::Continue(())
        })?;
        if stopped {
            return Ok(());
        }
        emit(&mut waiting, u32::MAX).break_value().unwrap_or(Ok(()))
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        put_columns(row.text, columns, put);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &str) -> Vec<Field> {
        let field = |name: &str| Field { name: name.to_owned(), number: false };
        names.split(' ').map(field).collect()
    }

    #[test]
    fn interactions_are_recognized_by_their_columns() {
        let ends = |first: &str, second: &str| {
            let end = |of: &str| {
                ["chrom", "start", "end", "name", "strand"].map(|what| format!("{of}_{what}"))
            };
            let all = [end(first), end(second)].concat().join(" ");
            is(&named(&format!("name score value exp color {all}")))
        };
        assert!(ends("source", "target") && ends("region1", "region2"));
        assert!(!is(&named("name score strand thick_start thick_end reserved")));
        assert!(!is(&named("name score value exp color")));
    }
}
