//! Delimited tables: each line is one row, and all lines have the same layout.

mod layout;

use crate::bytes::Input;
use crate::error::Result;
use crate::source::ColumnInfo;
use crate::source::io::delimited::{strand, unquoted};
use crate::source::io::lines::Line;
use crate::source::rows::collector;
use crate::source::rows::column_stats::ColumnStats;
use crate::source::rows::format::RowFormat;
use crate::source::rows::indexed::About;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::IndexHint;
pub(crate) use layout::Layout;

/// A table whose lines have one layout.
#[derive(Clone)]
pub(crate) struct Delimited {
    layout: Layout,
    /// The fields that are columns.
    served: Vec<usize>,
    /// Statistics of each field, served or not, because the served fields may change.
    stats: Vec<ColumnStats>,
}

impl Delimited {
    pub(crate) fn new(layout: Layout) -> Self {
        Self::serving(layout, |_| true)
    }

    /// A table of which only the columns of `wanted` names are served.
    pub(crate) fn serving(layout: Layout, wanted: impl Fn(&str) -> bool) -> Self {
        let stats = vec![ColumnStats::default(); layout.names.len()];
        let served = layout.served().filter(|field| wanted(&layout.names[*field])).collect();
        Delimited { served, stats, layout }
    }

    /// The fields of a line.
    pub(crate) fn split<'l>(&self, line: &'l str) -> Vec<&'l str> {
        self.layout.separator.split(line)
    }
}

impl RowFormat for Delimited {
    type Copied = Self;
    const INFERRED: bool = true;

    fn cache_ending(&self) -> &'static str {
        "rows.bgz"
    }

    fn about(&self) -> About {
        let column = |field: &usize| {
            let name = self.layout.names[*field].as_str();
            ColumnInfo { name: name.into(), kind: collector::kind(name, &self.stats[*field]) }
        };
        collector::about(self.served.iter().map(column).collect())
    }

    fn has_strand(&self) -> bool {
        self.layout.strand.is_some()
    }

    fn header_lines(&self) -> usize {
        self.layout.header_lines
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let layout = &self.layout;
        let [mut sequence, mut start, mut end, mut strand_field] = [""; 4];
        // Only these are needed of most rows.
        let has = layout.separator.each(line.text, |index, field| {
            if index == layout.sequence {
                sequence = field;
            }
            if index == layout.start {
                start = field;
            }
            if index == layout.end {
                end = field;
            }
            if layout.strand == Some(index) {
                strand_field = field;
            }
            true
        });
        let names = layout.names.len();
        if has != names {
            return Err(
                line.error(format!("has {has} columns, not {names} as in the lines before it"))
            );
        }
        let (name, start, end) = layout.place(line, sequence, start, end)?;
        let strand = layout.strand.map(|_| strand(line, unquoted(strand_field)));
        let strand = strand.transpose()?.unwrap_or_default();
        emit(name, Row { start, end, strand, text: line.text })
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let Some(last) = columns.iter().map(|column| self.served[*column]).max() else { return };
        let fields = self.layout.separator.split_to(row.text, last);
        columns.iter().for_each(|column| put(unquoted(fields[self.served[*column]])));
    }

    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        Some(self.layout.index_hint(input))
    }

    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        let fields = self.layout.separator.split(row.text);
        self.stats.iter_mut().zip(fields).for_each(|(stats, field)| stats.add(unquoted(field)));
        Ok(())
    }

    fn note(&self) -> String {
        collector::note(&self.stats)
    }

    fn copied(self, note: &str) -> Option<Self> {
        let stats = collector::noted(note, self.stats.len())?;
        Some(Delimited { stats, ..self })
    }
}
