//! The headers of tables whose columns are known by their names.

use crate::bytes::Input;
use crate::error::Result;
use crate::source::io::delimited::{Separator, is_comment, unquoted};
use crate::source::io::lines::Lines;
use crate::source::rows::delimited::Layout;

/// The header of a table: the line before the first row, which may be a comment.
pub(super) struct TableHeader {
    /// The meaning of the columns. Its `header_lines` are those of the file.
    pub(super) layout: Layout,
    /// The names of the columns in lower case.
    lower: Vec<String>,
}

impl TableHeader {
    /// Returns the header of a file; none if it has no header with the columns of an interval.
    pub(super) fn read(input: &Input) -> Result<Option<Self>> {
        let mut lines = Lines::open(input)?;
        let mut first = Vec::new();
        // The last comment before the first other line, and the number of that line.
        let mut comment = String::new();
        let mut count = 0;
        while let Some(line) = lines.next()? {
            count += 1;
            if is_comment(line.text) {
                comment = line.text.to_owned();
                continue;
            }
            first.push(line.text.to_owned());
            break;
        }
        let Some(line) = first.first() else { return Ok(None) };
        Ok(Self::of(&comment, line, count))
    }

    /// Returns the header at the beginning of a file, and its first row.
    pub(super) fn sniff(head: &[u8]) -> Option<(Self, Vec<String>)> {
        let text = String::from_utf8_lossy(head);
        let (mut comment, mut lines) = ("", text.lines());
        let line = loop {
            match lines.next()? {
                line if is_comment(line) => comment = line,
                line => break line,
            }
        };
        let header = Self::of(comment, line, 1)?;
        let row = if header.layout.header_lines == 0 { line } else { lines.next()? };
        let fields = header.layout.separator.split(row);
        let fields: Vec<_> = fields.into_iter().map(|field| unquoted(field).to_owned()).collect();
        (fields.len() == header.layout.names.len()).then_some((header, fields))
    }

    /// Returns the header in a comment, if it has a name for each field of the line after it;
    /// otherwise the header in that line, which has the given number.
    fn of(comment: &str, line: &str, number: usize) -> Option<Self> {
        let separator = match (line.contains('\t'), line.contains(',')) {
            (true, _) => Separator::Tab,
            (false, true) => Separator::Comma,
            _ => Separator::Space,
        };
        let width = separator.split(line).len();
        let commented = Layout::from_header(comment, separator);
        let layout = match commented.filter(|layout| layout.names.len() == width) {
            Some(layout) => layout,
            None => Layout { header_lines: number, ..Layout::from_header(line, separator)? },
        };
        let lower = layout.names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Some(TableHeader { layout, lower })
    }

    /// Returns the column with the first of the names, in lower case, that the table has.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.lower.iter().position(|known| known == name))
    }
}
