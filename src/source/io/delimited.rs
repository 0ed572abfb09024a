//! Splits lines into fields and parses fields.

use crate::error::Result;
use crate::genome::Strand;
use crate::source::io::lines::{Line, shortened};
use percent_encoding::percent_decode_str;

/// The separator of the fields of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Separator {
    /// A tab; fields may contain spaces.
    Tab,
    /// Any number of spaces or tabs.
    Space,
    /// A comma; fields may be quoted.
    Comma,
}

impl Separator {
    /// Returns `Tab` if the line has tabs, since names may contain spaces; otherwise `Space`.
    pub(crate) fn of(line: &str) -> Self {
        if line.contains('\t') { Separator::Tab } else { Separator::Space }
    }

    /// Passes the fields of a line, with their indexes, to `take` until that returns false. Returns
    /// how many it passed.
    pub(crate) fn each<'l>(
        self,
        line: &'l str,
        mut take: impl FnMut(usize, &'l str) -> bool,
    ) -> usize {
        let mut count = 0;
        let mut pass = |field| {
            count += 1;
            take(count - 1, field)
        };
        match self {
            Separator::Tab => split(line, b'\t').all(&mut pass),
            Separator::Space => line.split_ascii_whitespace().all(&mut pass),
            Separator::Comma => self.split(line).into_iter().all(&mut pass),
        };
        count
    }

    /// Returns the fields of a line up to the one with the index `last`.
    pub(crate) fn split_to(self, line: &str, last: usize) -> Vec<&str> {
        let mut fields = Vec::with_capacity(last + 1);
        self.each(line, |index, field| {
            fields.push(field);
            index < last
        });
        fields
    }

    /// Splits a line into its fields.
    pub(crate) fn split(self, line: &str) -> Vec<&str> {
        match self {
            Separator::Tab => {
                let mut fields = Vec::with_capacity(16);
                fields.extend(split(line, b'\t'));
                fields
            }
            Separator::Space => line.split_ascii_whitespace().collect(),
            Separator::Comma => {
                let mut quoted = false;
                let mut between = |c: char| {
                    quoted ^= c == '"';
                    c == ',' && !quoted
                };
                line.split(&mut between).collect()
            }
        }
    }
}

/// Splits a text at an ASCII byte, like [`str::split`], but twice as fast on the short fields of
/// lines.
pub(crate) fn split(text: &str, between: u8) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let ends = memchr::memchr_iter(between, text.as_bytes()).chain([text.len()]);
    ends.map(move |end| {
        let part = &text[start..end];
        start = end + 1;
        part
    })
}

/// Passes the columns of those indexes to `put`, of a row whose text is its tab-separated columns.
pub(crate) fn put_columns(text: &str, columns: &[usize], put: &mut dyn FnMut(&str)) {
    let last = columns.iter().copied().max().unwrap_or_default();
    let fields = Separator::Tab.split_to(text, last);
    columns.iter().for_each(|column| put(fields.get(*column).copied().unwrap_or_default()));
}

/// Returns the first `N` tab-separated fields of a text; missing fields are empty.
pub(crate) fn first_fields<const N: usize>(text: &str) -> [&str; N] {
    let mut fields = [""; N];
    fields.iter_mut().zip(split(text, b'\t')).for_each(|(field, part)| *field = part);
    fields
}

/// Returns a field without the quotes that R writes around texts.
pub(crate) fn unquoted(field: &str) -> &str {
    let field = field.trim();
    let inner = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(field)
}

/// Decodes the escapes of a GFF3 value (`%2C` is a comma).
pub(crate) fn unescaped(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// Returns whether a line holds no row: an empty line, a comment, or a `track` or `browser` line.
pub(crate) fn is_comment(line: &str) -> bool {
    let first = line.split_ascii_whitespace().next().unwrap_or("#");
    first.starts_with('#') || first == "track" || first == "browser"
}

/// Returns the first line that holds a row.
pub(crate) fn first_row(head: &str) -> Option<&str> {
    head.lines().find(|line| !is_comment(line))
}

/// Returns whether all rows at the beginning of a file fit, except for one or a tenth of them, so
/// that a single faulty row does not hide the format. A last line that may be cut off is ignored.
pub(crate) fn most_lines(head: &[u8], fits: impl Fn(&str) -> bool) -> bool {
    let text = String::from_utf8_lossy(head);
    let whole = text.rfind('\n').map_or(&*text, |end| &text[..end]);
    let rows = whole.lines().filter(|line| !is_comment(line)).take(SAMPLE);
    let (mut all, mut fitting) = (0, 0);
    for row in rows {
        all += 1;
        fitting += usize::from(fits(row));
    }
    fitting > 0 && (fitting + 1 >= all || fitting * 10 >= all * 9)
}

/// Does what [`most_lines`] does, with the fields of each row.
pub(crate) fn most_rows(head: &[u8], fits: impl Fn(&[&str]) -> bool) -> bool {
    most_lines(head, |row| fits(&Separator::of(row).split(row)))
}

/// Number of first rows from which a format is detected.
const SAMPLE: usize = 1000;

/// Returns whether the field is a coordinate.
pub(crate) fn is_position(field: &str) -> bool {
    field.parse::<u32>().is_ok()
}

/// Returns whether the field is a strand as any format writes it.
pub(crate) fn is_strand(field: &str) -> bool {
    matches!(field, "+" | "-" | "." | "*" | "?" | "")
}

/// Returns whether the field is a number or a missing value.
pub(crate) fn is_number(field: &str) -> bool {
    number(field).is_some()
}

/// Parses the number in a field: NaN for a missing value, none for text.
pub(crate) fn number(field: &str) -> Option<f64> {
    match field {
        "." | "" | "NA" | "NaN" | "nan" => Some(f64::NAN),
        field => field.trim().parse().ok(),
    }
}

/// Columns that say how a browser draws or finds the row, not what it is, by their names in BED and
/// in UCSC's tables.
pub(crate) const DRAWING: &[&str] = &[
    "thick_start",
    "thick_end",
    "block_count",
    "block_sizes",
    "block_starts",
    "thickStart",
    "thickEnd",
    "blockCount",
    "blockSizes",
    "blockStarts",
    "chromStarts",
    "chrom_starts",
    "bin",
];

/// Parses the strand in a field.
pub(crate) fn strand(line: &Line<'_>, field: &str) -> Result<Strand> {
    if is_strand(field) {
        return Ok(Strand::from_text(field));
    }
    Err(line.error(format!("'{}' is not a strand (+, - or .)", shortened(field))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_by_their_separator() {
        assert_eq!(Separator::of("a b\tc"), Separator::Tab);
        assert_eq!(Separator::Tab.split("a b\t\tc"), ["a b", "", "c"]);
        assert_eq!(Separator::Tab.split(""), [""]);
        assert_eq!(first_fields("a\tb\tc"), ["a", "b"]);
        assert_eq!(first_fields("a\t\tc"), ["a", "", "c", "", ""]);
        assert_eq!(Separator::Space.split(" a  b\tc"), ["a", "b", "c"]);
        for (separator, line) in [
            (Separator::Tab, "a\t\tc d"),
            (Separator::Space, " a b  c"),
            (Separator::Comma, "a,\"b,c\",d"),
        ] {
            let all = separator.split(line);
            assert_eq!(separator.split_to(line, 9), all);
            assert_eq!(separator.split_to(line, 1), all[..2]);
            let mut second = None;
            let count = separator.each(line, |index, field| {
                second = (index == 1).then_some(field).or(second);
                true
            });
            assert_eq!((count, second), (3, Some(all[1])));
        }
        let fields = Separator::Comma.split("\"a,b\",2,");
        assert_eq!(fields.into_iter().map(unquoted).collect::<Vec<_>>(), ["a,b", "2", ""]);
    }
}
