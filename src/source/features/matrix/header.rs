//! The header of a matrix: the lines before the rows, which describe the columns.

use crate::error::{Error, Result};
use crate::source::io::delimited::{Separator, is_number, is_position, unquoted};
use crate::source::io::lines::Line;
use crate::source::rows::delimited::Layout;
use std::path::Path;

/// Names of region columns, in lower case; the first column may have any name.
const REGIONS: &[&str] =
    &["region", "location", "locus", "interval", "peak", "coordinates", "coord", "position"];

/// Returns the sequence, first and last base of a region in a common notation: `chr1:101-200`,
/// `chr1-101-200`, `chr1_101_200`, `chr1:101`. Without a colon, the sequence must look like a
/// chromosome, since gene names have dashes and numbers too.
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

/// The content of the first lines of a matrix.
#[derive(Clone)]
pub(super) struct Header {
    separator: Separator,
    /// The names of all columns.
    pub(super) names: Vec<String>,
    /// The layout, if coordinates are among the columns.
    pub(super) layout: Option<Layout>,
    /// Without coordinates: the column of regions (`chr1:101-200`), if there is one.
    pub(super) regions: Option<usize>,
    /// GCT: the number of rows.
    pub(super) rows: Option<u64>,
    /// Whether there is no header: the first line is a row, which begins with a region.
    pub(super) is_row: bool,
    /// GCT 1.3: the number of lines about samples that precede the rows.
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
                return Err(error("line 2 does not give the numbers of rows and samples"));
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
        let mut names: Vec<String> =
            separator.split(&line).into_iter().map(|name| unquoted(name).to_owned()).collect();
        let layout = Layout::from_header(&line, separator);
        let is_row = rows.is_none() && names[0].contains(':') && region(&names[0]).is_some();
        if is_row {
            names.iter_mut().zip(1..).for_each(|(name, number)| *name = format!("column_{number}"));
            "region".clone_into(&mut names[0]);
        }
        let regions = is_row.then_some(0);
        Ok(Header { separator, names, layout, regions, rows, is_row, sample_lines })
    }

    /// Returns whether a line can be the first row: it has as many columns, and the last is a
    /// number under a name.
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
            // The header is not a row of BED.
            && !self.names.iter().skip(1).take(2).any(|name| is_position(name));
        match &self.layout {
            Some(layout) if fields.len() == self.names.len() => is_row && is_place(layout),
            // In GCT, the fields of lines about samples may hold any text.
            _ => is_row && (self.rows.is_some() || (is_number(last) && !is_position(fields[0]))),
        }
    }

    fn is_short(&self, fields: &[&str]) -> bool {
        self.layout.is_none() && fields.len() == self.names.len() + 1
    }

    /// Completes the header from the first row: the name of the first column, which R leaves out,
    /// and the column of regions.
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

    /// Returns whether tabs separate the columns.
    pub(super) fn is_tabbed(&self) -> bool {
        self.separator == Separator::Tab
    }

    /// Returns the fields of a row without checking their number.
    pub(super) fn split<'a>(&self, row: &'a str) -> Vec<&'a str> {
        self.separator.split(row)
    }

    /// Returns the fields of a row, and checks their number.
    pub(super) fn fields<'a>(&self, line: &Line<'a>) -> Result<Vec<&'a str>> {
        let fields = self.split(line.text);
        let (has, names) = (fields.len(), self.names.len());
        if has == names {
            return Ok(fields);
        }
        Err(line.error(format!("has {has} columns, not {names} as in the header")))
    }

    /// Returns the columns that are served: all but those of coordinates.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        let layout = self.layout.as_ref();
        let place = layout.map(|l| [Some(l.sequence), Some(l.start), Some(l.end), l.strand]);
        (0..self.names.len())
            .filter(move |index| !place.is_some_and(|place| place.contains(&Some(*index))))
    }

    /// Returns the fields that may be the name of a gene: the first, and all that are not numbers.
    pub(super) fn texts<'a>(&self, fields: &[&'a str]) -> impl Iterator<Item = &'a str> {
        fields
            .iter()
            .map(|field| unquoted(field))
            .enumerate()
            .filter_map(|(index, field)| (index == 0 || !is_number(field)).then_some(field))
    }
}
