//! Formats whose lines are rewritten as lines of one table: sequence, start and end (0-based,
//! half-open), strand, then columns. For example, a pair becomes two rows, and counts become
//! percentages.

use crate::bytes::Input;
use crate::error::Result;
use crate::source::io::delimited::{Separator, is_comment};
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::collector::inferred;
use crate::source::rows::delimited::{Delimited, Layout};
use crate::source::rows::format::RowFormat;
use crate::source::rows::indexed::About;
use crate::source::rows::open::open as open_rows;
use crate::source::rows::records::Rows;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::IndexHint;
use crate::source::{Context, Options, Source};

/// Receives a rewritten line.
pub(crate) type Add<'a> = dyn FnMut(&str) -> Result<()> + 'a;

/// How the lines of a format are rewritten.
pub(crate) struct Rewrite {
    /// The ending of the sorted copy's name; each way of rewriting has its own.
    pub(crate) ending: &'static str,
    /// Whether the line is a header, which holds no row.
    pub(crate) is_header: fn(&[&str]) -> bool,
    /// Returns the columns of the rows from the names in the header (none without a header) and the
    /// number of fields of the first line.
    pub(crate) columns: fn(&[&str], usize) -> Vec<String>,
    /// Rewrites a line as lines of tab-separated fields.
    pub(crate) lines: fn(&Line<'_>, &[&str], &mut Add<'_>) -> Result<()>,
}

/// A file whose lines are rewritten.
#[derive(Clone)]
pub(crate) struct Rewritten {
    how: &'static Rewrite,
    /// The number of fields of each line.
    width: usize,
    table: Delimited,
}

/// Opens a file whose lines are rewritten.
///
/// # Errors
/// As [`open_rows`].
pub(crate) fn open(
    how: &'static Rewrite,
    input: &Input,
    options: &Options,
    context: &Context,
) -> Result<Box<dyn Source>> {
    let mut lines = Lines::open(input)?;
    let mut header = String::new();
    while let Some(line) = lines.next()? {
        let fields = fields_of(line.text);
        if is_comment(line.text) || (how.is_header)(&fields) {
            header = line.text.trim_start_matches(['#', ' ']).to_owned();
        } else {
            let names = Separator::of(line.text).split(&header).into_iter();
            let names: Vec<_> = names.map(str::trim).collect();
            let names = if names.len() == fields.len() { &names[..] } else { &[] };
            let rows = Rewritten::new(how, names, fields.len());
            return open_rows(rows, input, options, context);
        }
    }
    Ok(Box::new(inferred(Rows::default())))
}

/// Returns the fields of a line, without spaces around them, with which some programs align columns.
fn fields_of(line: &str) -> Vec<&str> {
    Separator::of(line).split(line).into_iter().map(str::trim).collect()
}

impl Rewritten {
    fn new(how: &'static Rewrite, header: &[&str], width: usize) -> Self {
        let place = ["chrom", "start", "end", "strand"].map(str::to_owned);
        let layout = Layout {
            separator: Separator::Tab,
            names: place.into_iter().chain((how.columns)(header, width)).collect(),
            sequence: 0,
            start: 1,
            end: 2,
            strand: Some(3),
            first: 0,
            header_lines: 0,
        };
        Rewritten { how, width, table: Delimited::new(layout) }
    }
}

impl RowFormat for Rewritten {
    type Copied = Delimited;
    const INFERRED: bool = true;

    fn cache_ending(&self) -> &'static str {
        self.how.ending
    }

    fn about(&self) -> About {
        self.table.about()
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let fields = fields_of(line.text);
        if (self.how.is_header)(&fields) {
            return Ok(());
        }
        if fields.len() != self.width {
            let (has, width) = (fields.len(), self.width);
            return Err(
                line.error(format!("has {has} columns, not {width} as in the lines before it"))
            );
        }
        let mut add = |text: &str| self.table.parse(&line.with_text(text), emit);
        (self.how.lines)(line, &fields, &mut add)
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.table.cells(row, columns, put);
    }

    /// Returns none: an index lists the lines of the file, not the rows that they become.
    fn index_hint(&self, _: &Input) -> Option<IndexHint> {
        None
    }

    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        self.table.learn(row)
    }

    fn note(&self) -> String {
        self.table.note()
    }

    fn copied(self, note: &str) -> Option<Delimited> {
        self.table.copied(note)
    }
}
