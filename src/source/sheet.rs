//! Sheets: lines of which each is one row, all in one layout, held in memory, or read by region
//! where tabix or CSI has indexed them.

use super::fields::unquoted;
use super::fields::{Collector, DRAWING, NAMES, Place, Separator, WEIGHTS, is_comment, strand};
use super::indexed::{About, Indexed, Row};
use super::tabix::{self, Decode, Tabix};
use super::text::{Line, Lines};
use super::{ColumnInfo, ColumnKind, Context, Input, Options, Shape, Source};
use crate::error::Result;
use crate::genome::{Sequences, Strand};
use std::fmt::{Formatter, from_fn};

/// Of a file that is read by region, so many rows tell which columns are numbers.
const SAMPLE: usize = 10_000;

/// Which field of a line is what.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) separator: Separator,
    /// The names of all fields, in their order.
    pub(super) names: Vec<String>,
    pub(super) sequence: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) strand: Option<usize>,
    /// The number of a sequence's first base: 0, and ends are not included; or 1, and they are.
    pub(super) first: u32,
}

const SEQUENCE: &[&str] =
    &["chrom", "chr", "chromosome", "seqnames", "seqname", "seqid", "genoname", "tname", "contig"];
const START: &[&str] =
    &["chromstart", "start", "genostart", "txstart", "tstart", "pos", "position"];
const END: &[&str] = &["chromend", "end", "genoend", "txend", "tend", "stop"];

impl Layout {
    /// The layout that a header's names show, if they show where rows lie. Starts count from 0 in
    /// tables of UCSC (`chromStart`, `txStart`) and where the header is a comment, as in BED; else
    /// from 1, as R and spreadsheets have them.
    pub(super) fn from_header(line: &str, separator: Separator) -> Option<Layout> {
        let comment = line.starts_with('#');
        let names = separator.split(line.trim_start_matches(['#', ' ']));
        let names: Vec<String> = names.into_iter().map(|name| unquoted(name).to_owned()).collect();
        let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        let find = |known: &[&str]| lower.iter().position(|name| known.contains(&name.as_str()));
        let (sequence, start) = (find(SEQUENCE)?, find(START)?);
        let single = lower[start].starts_with("pos");
        let end = if single { Some(start) } else { find(END) }?;
        let from_0 =
            (comment && !single) || !matches!(lower[start].as_str(), "start" | "pos" | "position");
        let strand = find(&["strand"]);
        Some(Layout { separator, names, sequence, start, end, strand, first: u32::from(!from_0) })
    }

    /// The fields that are served as columns: neither the place nor what only draws the row.
    pub(super) fn served(&self) -> impl Iterator<Item = usize> {
        let place = [Some(self.sequence), Some(self.start), Some(self.end), self.strand];
        (0..self.names.len()).filter(move |field| {
            !place.contains(&Some(*field)) && !DRAWING.contains(&self.names[*field].as_str())
        })
    }

    /// The layout in the words of tabix's options.
    fn for_tabix(&self) -> String {
        let [sequence, start, end] = [self.sequence, self.start, self.end].map(|field| field + 1);
        let zero = if self.first == 0 { "-0 " } else { "" };
        format!("{zero}-s {sequence} -b {start} -e {end}")
    }

    /// The place of the row that a line's fields hold.
    pub(super) fn place<'a>(&self, line: &Line<'_>, fields: &[&'a str]) -> Result<Place<'a>> {
        let at = |index: usize| {
            let name = move |f: &mut Formatter<'_>| {
                write!(f, "{} (column {})", self.names[index], index + 1)
            };
            (unquoted(fields[index]), from_fn(name))
        };
        let (start, end) = line.interval(at(self.start), at(self.end), self.first)?;
        match unquoted(fields[self.sequence]) {
            "" => Err(line.error("the sequence's name is empty")),
            sequence => Ok((sequence, start, end)),
        }
    }
}

/// How a line is a row.
#[derive(Clone)]
struct Lined {
    layout: Layout,
    /// The fields that are columns.
    served: Vec<usize>,
}

impl Lined {
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
}

impl Decode for Lined {
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
pub(super) struct Sheet {
    lined: Lined,
    pub(super) collector: Collector,
}

impl Sheet {
    /// A sheet without rows.
    pub(super) fn new(layout: Layout) -> Self {
        let served: Vec<usize> = layout.served().collect();
        let names = served.iter().map(|field| layout.names[*field].clone()).collect();
        Sheet { lined: Lined { layout, served }, collector: Collector::new(names) }
    }

    /// Adds the row of a line.
    pub(super) fn push(&mut self, line: &Line<'_>) -> Result<()> {
        let fields = self.lined.fields(line)?;
        let place = self.lined.layout.place(line, &fields)?;
        let strand = self.lined.strand(line, &fields)?;
        let columns = self.lined.served.iter().map(|field| unquoted(fields[*field]));
        self.collector.push(line, place, strand, columns)
    }

    /// Adds the rows that follow, until there are `most`.
    pub(super) fn fill(&mut self, lines: &mut Lines, most: usize) -> Result<()> {
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
    pub(super) fn source(
        mut self,
        input: &Input,
        mut lines: Lines,
        options: &Options,
        context: &Context,
    ) -> Result<Box<dyn Source>> {
        match Tabix::open(input, self.lined.clone())? {
            Ok(file) => {
                self.fill(&mut lines, SAMPLE)?;
                self.by_region(file, options)
            }
            Err(_) => {
                if input.size()? > context.in_memory {
                    tracing::warn!(
                        "{} has no index and is held in memory as a whole; to have it read by \
                         region, sort it and: {}",
                        input.path().display(),
                        tabix::commands(input, &self.lined.layout.for_tabix())
                    );
                }
                self.fill(&mut lines, usize::MAX)?;
                Ok(Box::new(self.collector.records()))
            }
        }
    }

    /// The file as it is read by region; the rows so far tell what its columns hold.
    fn by_region(self, file: Tabix<Lined>, options: &Options) -> Result<Box<dyn Source>> {
        let sample = self.collector.records();
        let kind = |kind| match kind {
            ColumnKind::Number(_) => ColumnKind::Number(None),
            ColumnKind::Text => ColumnKind::Text,
        };
        let column = |info: &ColumnInfo| ColumnInfo { kind: kind(info.kind), ..info.clone() };
        let columns: Vec<_> = sample.columns().iter().map(column).collect();
        let first = |known: &[&str]| {
            known.iter().find_map(|name| columns.iter().position(|info| *info.name == **name))
        };
        let about = About {
            shape: Shape::Features,
            sequences: file.sequences(&Sequences::default())?,
            knows_lengths: false,
            rows: file.rows(),
            name: first(NAMES),
            importance: first(WEIGHTS),
            columns,
        };
        Ok(Box::new(Indexed::new(file, about, options.columns.as_deref())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_where_rows_lie_and_how_they_count() {
        let layout = |header: &str| {
            let layout = Layout::from_header(header, Separator::Tab)?;
            Some((layout.sequence, layout.start, layout.end, layout.strand, layout.first))
        };
        assert_eq!(layout("#bin\tchrom\tchromStart\tchromEnd\tname"), Some((1, 2, 3, None, 0)));
        assert_eq!(layout("gene\tchr\tstart\tend\tstrand\ts1"), Some((1, 2, 3, Some(4), 1)));
        assert_eq!(layout("#chr\tstart\tend"), Some((0, 1, 2, None, 0)));
        assert_eq!(layout("chr\tpos\ts1"), Some((0, 1, 1, None, 1)));
        assert_eq!(layout("gene\ts1\ts2"), None);
        let table = Layout::from_header("#bin\tchrom\tchromStart\tchromEnd", Separator::Tab);
        assert_eq!(table.unwrap().for_tabix(), "-0 -s 2 -b 3 -e 4");
    }
}
