//! Sheets: lines of which each is one row, all in one layout, held in memory, or read by region:
//! where tabix or CSI has indexed them, or, if there are many, from an indexed copy in the cache.

mod layout;

use crate::bytes::Input;
use crate::error::Result;
use crate::genome::{Sequences, Strand};
use crate::source::features::bedpe::Pairs;
use crate::source::io::delimited::{is_comment, strand, unquoted};
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::background::{PREVIEW_ROWS, Preview, open_in_background};
use crate::source::rows::collector::{Collector, NAMES, WEIGHTS};
use crate::source::rows::column_stats::ColumnStats;
use crate::source::rows::indexed::{About, Indexed, Row};
use crate::source::rows::sorted_copy::{self, Take, ToCopy};
use crate::source::rows::tabix::{Decode, Tabix};
use crate::source::{ColumnInfo, ColumnKind, Context, Options, Shape, Source};
pub(crate) use layout::Layout;

/// What the copies of sheets end in, of lines and of pairs.
const COPY: [&str; 2] = ["rows.bgz", "pairs.bgz"];

/// The lines of a file that is read as a sheet, from its first on. Only reading all of them is
/// told: of what is read by region, or copied first, these are but the beginning.
pub(crate) fn lines(input: &Input, context: &Context) -> Result<Lines> {
    match context.holds(input)? {
        true => Lines::watched(input, &context.progress),
        false => Lines::open(input),
    }
}

/// How a line is a row.
#[derive(Clone)]
struct RowDecoder {
    layout: Layout,
    /// The fields that are columns.
    served: Vec<usize>,
}

impl RowDecoder {
    fn fields<'a>(&self, line: &Line<'a>) -> Result<Vec<&'a str>> {
        let fields = self.layout.separator.split(line.text);
        let (has, names) = (fields.len(), self.layout.names.len());
        match has == names {
            true => Ok(fields),
            false => Err(line.error(format!("has {has} columns, not {names} as those before"))),
        }
    }

    fn strand(&self, line: &Line<'_>, fields: &[&str]) -> Result<Option<Strand>> {
        self.layout.strand.map(|index| strand(line, unquoted(fields[index]))).transpose()
    }

    /// The columns, by what the note of a copy says of all fields.
    fn columns(&self, note: &str) -> Option<Vec<ColumnInfo>> {
        let held: Vec<ColumnStats> =
            note.split('\t').map(ColumnStats::parse).collect::<Option<_>>()?;
        let column = |field: &usize| {
            let name = self.layout.names[*field].as_str().into();
            let kind = match NAMES.contains(&&*self.layout.names[*field]) {
                true => ColumnKind::Text,
                false => held.get(*field)?.kind(),
            };
            Some(ColumnInfo { name, kind })
        };
        let fits = held.len() == self.layout.names.len();
        fits.then(|| self.served.iter().map(column).collect()).flatten()
    }
}

impl Decode for RowDecoder {
    fn row<'l>(&self, line: &Line<'l>) -> Result<(&'l str, Row<'l>)> {
        let fields = self.fields(line)?;
        let (name, start, end) = self.layout.place(line, &fields)?;
        let strand = self.strand(line, &fields)?.unwrap_or_default();
        Ok((name, Row { start, end, strand, text: line.text }))
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let fields = self.layout.separator.split(row.text);
        columns.iter().for_each(|column| put(unquoted(fields[self.served[*column]])));
    }
}

/// Rows as they are read line by line in one layout.
pub(crate) struct Sheet {
    lined: RowDecoder,
    /// Lines are pairs, each of which becomes lines of the sheet.
    pairs: Option<Pairs>,
    pub(crate) collector: Collector,
}

impl Sheet {
    /// A sheet without rows.
    pub(crate) fn new(layout: Layout) -> Self {
        let served: Vec<usize> = layout.served().collect();
        let names = served.iter().map(|field| layout.names[*field].clone()).collect();
        let collector = Collector::new(names);
        Sheet { lined: RowDecoder { layout, served }, pairs: None, collector }
    }

    /// The same sheet, of the lines that pairs become.
    pub(crate) fn of_pairs(self, pairs: Pairs) -> Self {
        Sheet { pairs: Some(pairs), ..self }
    }

    /// Adds the rows of a line.
    pub(crate) fn push(&mut self, line: &Line<'_>) -> Result<()> {
        match self.pairs {
            Some(pairs) => pairs.lines(line, |text| self.push_line(&line.with_text(text))),
            None => self.push_line(line),
        }
    }

    fn push_line(&mut self, line: &Line<'_>) -> Result<()> {
        let fields = self.lined.fields(line)?;
        let place = self.lined.layout.place(line, &fields)?;
        let strand = self.lined.strand(line, &fields)?;
        let columns = self.lined.served.iter().map(|field| unquoted(fields[*field]));
        self.collector.push(line, place, strand, columns)
    }

    /// Adds the rows that follow, until there are `most`.
    pub(crate) fn fill(&mut self, lines: &mut Lines, most: usize) -> Result<()> {
        while self.collector.len() < most
            && let Some(line) = lines.next()?
        {
            if !is_comment(line.text) {
                self.push(&line)?;
            }
        }
        Ok(())
    }

    /// The rows up to here and those of the lines that follow, as a source.
    pub(crate) fn source(
        mut self,
        input: &Input,
        mut lines: Lines,
        options: &Options,
        context: &Context,
    ) -> Result<Box<dyn Source>> {
        let layout = &self.lined.layout;
        // An index knows only one end of a pair.
        let index_hint = self.pairs.is_none().then(|| layout.index_hint(input));
        if self.pairs.is_none()
            && let Ok(file) = Tabix::open(input, self.lined.clone())?
        {
            self.fill(&mut lines, PREVIEW_ROWS)?;
            let columns = Preview::of(&self.collector.records()).columns;
            return by_region(file, columns, options);
        }
        if context.holds(input)? {
            self.fill(&mut lines, usize::MAX)?;
            return Ok(Box::new(self.collector.records()));
        }
        self.fill(&mut lines, PREVIEW_ROWS)?;
        drop(lines);
        let (file, options, lined) = (input.clone(), options.clone(), self.lined.clone());
        let rows = Copying::new(self.lined, self.pairs);
        let preview = || Ok(Preview::of(&self.collector.records()));
        open_in_background(input, context, preview, move |context| {
            let ending = COPY[usize::from(index_hint.is_none())];
            let copy = sorted_copy::copy(&file, context, ending, rows, index_hint.as_ref())?;
            let mut columns = Vec::new();
            let file = Tabix::of_copy(&file, &copy, |note| {
                columns = lined.columns(note)?;
                Some(lined)
            })?;
            by_region(file, columns, &options)
        })
    }
}

/// A file as it is read by region.
fn by_region(
    file: Tabix<RowDecoder>,
    columns: Vec<ColumnInfo>,
    options: &Options,
) -> Result<Box<dyn Source>> {
    let first = |known: &[&str]| {
        known.iter().find_map(|name| columns.iter().position(|info| *info.name == **name))
    };
    let about = About {
        shape: Shape::Features,
        sequences: file.sequences(&Sequences::default())?,
        knows_lengths: false,
        rows: file.rows(),
        name: first(NAMES),
        importance: first(WEIGHTS).filter(|at| columns[*at].kind != ColumnKind::Text),
        columns,
    };
    Ok(Box::new(Indexed::new(file, about, options.columns.as_deref())?))
}

/// Rows on their way into a copy, and what their fields hold.
struct Copying {
    lined: RowDecoder,
    pairs: Option<Pairs>,
    held: Vec<ColumnStats>,
}

impl Copying {
    fn new(lined: RowDecoder, pairs: Option<Pairs>) -> Self {
        let held = vec![ColumnStats::default(); lined.layout.names.len()];
        Copying { lined, pairs, held }
    }

    fn row(&mut self, line: &Line<'_>, take: &mut Take<'_>) -> Result<()> {
        let fields = self.lined.fields(line)?;
        let (name, start, end) = self.lined.layout.place(line, &fields)?;
        let strand = self.lined.strand(line, &fields)?.unwrap_or_default();
        for (held, field) in self.held.iter_mut().zip(&fields) {
            held.see(unquoted(field));
        }
        take(name, Row { start, end, strand, text: line.text })
    }
}

impl ToCopy for Copying {
    fn rows(&mut self, line: &Line<'_>, take: &mut Take<'_>) -> Result<()> {
        match self.pairs {
            Some(pairs) => pairs.lines(line, |text| self.row(&line.with_text(text), take)),
            None => self.row(line, take),
        }
    }

    /// What each field holds, whether it is served or not: which are may change.
    fn note(&self) -> String {
        let held: Vec<_> = self.held.iter().map(ColumnStats::to_string).collect();
        held.join("\t")
    }
}
