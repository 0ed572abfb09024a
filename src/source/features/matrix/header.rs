//! The lines before the rows of a matrix: what its columns are.

use crate::error::{Error, Result};
use crate::source::io::delimited::{Separator, is_number, is_position, unquoted};
use crate::source::io::lines::Line;
use crate::source::rows::delimited::Layout;
use std::path::Path;

/// What columns of regions are called, in lower case; the first column may have any name.
const REGIONS: &[&str] =
    &["region", "location", "locus", "interval", "peak", "coordinates", "coord", "position"];

/// Sequence, first and last base of a region as people and programs write it: `chr1:101-200`,
/// `chr1-101-200`, `chr1_101_200`, `chr1:101`. Without a colon the sequence must look like a
/// chromosome: names of genes have dashes and numbers too.
pub(in crate::source::features) fn region(text: &str) -> Option<[&str; 3]> {
    let (rest, end) = text.rsplit_once(['-', '_', ':'])?;
    let parted = rest.rsplit_once([':', '-', '_']).filter(|(_, start)| is_position(start));
    let [sequence, start] = match parted {
        Some((sequence, start)) => [sequence, start],
        None if text.ends_with(&format!(":{end}")) => [rest, end],
        None => return None,
    };
    let is_chromosome = text.contains(':') || sequence.len() <= 2 || sequence.starts_with("chr");
    let is_region = is_position(end) && !sequence.is_empty() && is_chromosome;
    is_region.then_some([sequence, start, end])
}

/// What the first lines of a matrix say.
#[derive(Clone)]
pub(super) struct Header {
    separator: Separator,
    /// The names of all columns.
    pub(super) names: Vec<String>,
    /// Where rows lie, if coordinates are among the columns.
    pub(super) layout: Option<Layout>,
    /// Without coordinates: the column that holds regions (`chr1:101-200`), if one does.
    pub(super) regions: Option<usize>,
    /// GCT: the number of rows.
    pub(super) rows: Option<u64>,
    /// GCT 1.3: how many lines that describe samples come before the rows.
    pub(super) sample_lines: usize,
}

impl Header {
    /// Reads the header from the lines of a file.
    pub(super) fn read(
        path: &Path,
        mut next: impl FnMut() -> Result<Option<String>>,
    ) -> Result<Header> {
        let error = |message: &str| Error::data(path, "", message);
        let mut next = || next()?.ok_or_else(|| error("holds no matrix: it has no header"));
        let mut line = next()?;
        let (mut rows, mut sample_lines) = (None, 0);
        if line.starts_with("#1.2") || line.starts_with("#1.3") {
            let sizes = next()?;
            let sizes: Vec<u64> = sizes.split_whitespace().flat_map(str::parse).collect();
            let [count, _, rest @ ..] = &sizes[..] else {
                return Err(error("line 2 does not say the numbers of rows and samples"));
            };
            rows = Some(*count);
            sample_lines = rest.get(1).map_or(0, |lines| *lines as usize);
            line = next()?;
        }
        while line.starts_with('#') || line.trim().is_empty() {
            line = next()?;
        }
        let separator = match (line.contains('\t'), line.contains(',')) {
            (true, _) => Separator::Tab,
            (false, true) => Separator::Comma,
            _ => Separator::Space,
        };
        let names =
            separator.split(&line).into_iter().map(|name| unquoted(name).to_owned()).collect();
        let layout = Layout::from_header(&line, separator);
        Ok(Header { separator, names, layout, regions: None, rows, sample_lines })
    }

    /// Whether a line can be the first row: as many columns, the last of them a number under a
    /// name.
    pub(super) fn is_of(&self, row: &str) -> bool {
        let fields = self.separator.split(row);
        let is_place = |layout: &Layout| {
            let starts = fields.get(layout.start).map(|field| unquoted(field).split(';').next());
            starts.flatten().is_some_and(is_position)
        };
        let last = fields.last().map_or("", |field| unquoted(field));
        let is_row = fields.len() > 1
            && (fields.len() == self.names.len() || self.is_short(&fields))
            && self.names.last().is_some_and(|name| !is_number(name))
            // Not a row of BED.
            && !self.names.iter().skip(1).take(2).any(|name| is_position(name));
        match &self.layout {
            Some(layout) if fields.len() == self.names.len() => is_row && is_place(layout),
            // The second column of GCT's lines about samples may be anything.
            _ => is_row && (self.rows.is_some() || (is_number(last) && !is_position(fields[0]))),
        }
    }

    fn is_short(&self, fields: &[&str]) -> bool {
        self.layout.is_none() && fields.len() == self.names.len() + 1
    }

    /// Takes from the first row what the header does not say: the name of the first column, which R
    /// leaves out, and whether a column holds regions.
    pub(super) fn suit(&mut self, row: &str) {
        if self.is_short(&self.split(row)) {
            self.names.insert(0, "id".to_owned());
        }
        let fields = self.split(row);
        let is_region = |column: &usize| {
            let name = self.names[*column].to_ascii_lowercase();
            let named = *column == 0 || REGIONS.contains(&&*name);
            named && fields.get(*column).is_some_and(|field| region(unquoted(field)).is_some())
        };
        self.regions = match self.layout {
            None => (0..self.names.len()).find(is_region),
            Some(_) => None,
        };
    }

    /// Whether tabs separate the columns.
    pub(super) fn is_tabbed(&self) -> bool {
        self.separator == Separator::Tab
    }

    /// The fields of a row that was read before.
    pub(super) fn split<'a>(&self, row: &'a str) -> Vec<&'a str> {
        self.separator.split(row)
    }

    /// The fields of a row.
    pub(super) fn fields<'a>(&self, line: &Line<'a>) -> Result<Vec<&'a str>> {
        let fields = self.split(line.text);
        let (has, names) = (fields.len(), self.names.len());
        if has == names {
            return Ok(fields);
        }
        Err(line.error(format!("has {has} columns, not {names} as the header")))
    }

    /// The columns that are served: all but those of coordinates.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        let layout = self.layout.as_ref();
        let place = layout.map(|l| [Some(l.sequence), Some(l.start), Some(l.end), l.strand]);
        (0..self.names.len())
            .filter(move |index| !place.is_some_and(|place| place.contains(&Some(*index))))
    }

    /// What in a row may be the name of a gene: its texts.
    pub(super) fn texts<'a>(&self, fields: &[&'a str]) -> impl Iterator<Item = &'a str> {
        fields
            .iter()
            .map(|field| unquoted(field))
            .enumerate()
            .filter_map(|(index, field)| (index == 0 || !is_number(field)).then_some(field))
    }
}
