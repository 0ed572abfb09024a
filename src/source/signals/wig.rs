//! wig and bedGraph: signals in text, made into a bigWig in the cache once and read from there.
//!
//! bedGraph's coordinates are 0-based and half-open, those of fixedStep and variableStep count
//! from 1 (UCSC Genome Browser, "Wiggle format", "BedGraph format").

use super::bigwig;
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::MAX_POSITION;
use crate::source::io::bbi::write::{Refused, Writer};
use crate::source::io::cache;
use crate::source::io::delimited::{is_comment, is_position, most_lines};
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::background::{Preview, open_in_background};
use crate::source::{Context, Format, Options, Source};
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write};

pub(crate) const WIG: Format = Format {
    name: "wig",
    extensions: &["wig"],
    about: "as bigWig, made from the text once and kept in the cache",
    sniff: |head| {
        track_type(head, "wiggle_0")
            || first_words(head)
                .is_some_and(|words| matches!(&*words[0], "fixedStep" | "variableStep"))
    },
    open,
};

pub(crate) const BEDGRAPH: Format = Format {
    name: "bedgraph",
    extensions: &["bedgraph", "bdg", "bg", "wig"],
    about: "as bigWig, made from the text once and kept in the cache",
    sniff: |head| track_type(head, "bedGraph") || is_signal(head),
    open,
};

/// Whether the rows are intervals with one number each that do not overlap, each sequence's in
/// order: what a signal is, and a BED file with numbers for names hardly ever.
fn is_signal(head: &[u8]) -> bool {
    let last = RefCell::new((String::new(), 0));
    most_lines(head, |row| {
        let fields: Vec<_> = row.split_ascii_whitespace().collect();
        let [sequence, start, end, value] = fields[..] else { return false };
        let (Ok(start), Ok(end)) = (start.parse::<u32>(), end.parse::<u32>()) else {
            return false;
        };
        let mut last = last.borrow_mut();
        let follows = last.0 != sequence || last.1 <= start;
        *last = (sequence.to_owned(), end);
        follows && start < end && value.parse::<f32>().is_ok()
    })
}

/// Whether the rows are a signal whose values are no whole numbers, and so no names or scores
/// either.
pub(crate) fn is_fractional(head: &[u8]) -> bool {
    let whole = |row: &str| row.split_ascii_whitespace().nth(3).is_some_and(is_position);
    is_signal(head) && !most_lines(head, whole)
}

/// Lines that are looked at before the others are read.
const PREVIEW_ROWS: usize = 1024;

/// The first line that is neither empty nor for a browser, and its words.
fn first_words(head: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().find(|line| !is_comment(line))?;
    Some(line.split_whitespace().map(str::to_owned).collect())
}

fn track_type(head: &[u8], kind: &str) -> bool {
    let text = String::from_utf8_lossy(head);
    let mut tracks = text.lines().filter(|line| line.starts_with("track"));
    tracks.any(|line| {
        line.split_whitespace().any(|word| {
            let value = word.strip_prefix("type=").map(|value| value.trim_matches(['"', '\'']));
            value.is_some_and(|value| value.eq_ignore_ascii_case(kind))
        })
    })
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let (file, asked) = (input.clone(), options.clone());
    let make = move |context: &Context| {
        let entry = cache::entry(&file, context, "bw", |out| convert(&file, context, out))?;
        bigwig::derived(&Input::File(entry), &asked, context)
    };
    open_in_background(input, context, || preview(input, options), make)
}

/// What the first lines show.
fn preview(input: &Input, options: &Options) -> Result<Preview> {
    let (mut lines, mut section) = (Lines::open(input)?, Section::default());
    let mut first = bigwig::First::default();
    for _ in 0..PREVIEW_ROWS {
        let Some(line) = lines.next()? else { break };
        if !is_comment(line.text)
            && let Some((start, end, _)) = section.record(&line)?
        {
            first.add(&section.sequence, start, end);
        }
    }
    Ok(first.preview(options.missing))
}

/// Writes the records of the text.
fn convert(input: &Input, context: &Context, out: BufWriter<File>) -> Result<()> {
    let unwritable = |error| cache::unwritable(context, &error);
    let mut writer = Writer::new(out).map_err(unwritable)?;
    let mut lines = Lines::watched(input, &context.progress)?;
    let mut section = Section::default();
    while let Some(line) = lines.next()? {
        if is_comment(line.text) {
            continue;
        }
        let Some((start, end, value)) = section.record(&line)? else { continue };
        writer.add(&section.sequence, start, end, value).map_err(|refused| match refused {
            Refused::Order => line.error(
                "the record begins before the last one ends, or its sequence was left before; \
                 sort a bedGraph with sort -k1,1 -k2,2n, and the sections of a wig by their start",
            ),
            Refused::Io(error) => unwritable(error),
        })?;
    }
    if section.sequence.is_empty() {
        return Err(Error::data(input.path(), "", "there are no records in it"));
    }
    writer.finish().and_then(|mut out| out.flush()).map_err(unwritable)
}

/// What the last declaration said, and where its records have come to.
#[derive(Default)]
struct Section {
    kind: Declaration,
    sequence: String,
    next: u32,
    step: u32,
    span: u32,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Declaration {
    #[default]
    Graph,
    Fixed,
    Variable,
}

impl Section {
    /// The record of a line; none if it is a declaration or says that there is no data.
    fn record(&mut self, line: &Line<'_>) -> Result<Option<(u32, u32, f32)>> {
        let mut words = line.text.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        match first {
            "fixedStep" => return self.declare(Declaration::Fixed, line).map(|()| None),
            "variableStep" => return self.declare(Declaration::Variable, line).map(|()| None),
            _ => {}
        }
        let rest: Vec<&str> = words.collect();
        let (start, end, value) = match (self.kind, &rest[..]) {
            (_, [start, end, value]) => {
                if *first != self.sequence || self.kind != Declaration::Graph {
                    *self = Section { sequence: first.to_owned(), ..Section::default() };
                }
                let start = line.position(start, "start (column 2)")?;
                (start, line.position(end, "end (column 3)")?, *value)
            }
            (Declaration::Fixed, []) => {
                let start = self.next;
                self.next = start.saturating_add(self.step);
                (start, start.saturating_add(self.span), first)
            }
            (Declaration::Variable, [value]) => {
                let start = from_1(line, first, "position")?;
                (start, start.saturating_add(self.span), *value)
            }
            _ => {
                let columns = rest.len() + 1;
                let what = "neither a record nor a declaration";
                return Err(line.error(format!("has {columns} columns: {what}")));
            }
        };
        if end <= start {
            return Err(line.error(format!("the end ({end}) is not behind the start ({start})")));
        }
        if end > MAX_POSITION {
            return Err(line.error("the record reaches beyond 2,147,483,647"));
        }
        match value {
            "NA" | "." => Ok(None),
            text => match text.parse::<f32>() {
                Ok(value) if value.is_nan() => Ok(None),
                Ok(value) if value.is_finite() => Ok(Some((start, end, value))),
                _ => {
                    let shown: String = text.chars().take(40).collect();
                    Err(line.error(format!("the value is not a number: '{shown}'")))
                }
            },
        }
    }

    /// `fixedStep chrom=chr1 start=1 step=10 span=5`
    fn declare(&mut self, kind: Declaration, line: &Line<'_>) -> Result<()> {
        let mut declared = Section { kind, step: 1, span: 1, ..Section::default() };
        let mut start = None;
        for word in line.text.split_ascii_whitespace().skip(1) {
            match word.split_once('=') {
                Some(("chrom", name)) => declared.sequence = name.to_owned(),
                Some(("start", text)) => start = Some(from_1(line, text, "start")?),
                Some(("step", text)) => declared.step = line.position(text, "step")?,
                Some(("span", text)) => declared.span = line.position(text, "span")?,
                _ => return Err(line.error(format!("'{word}' has no place in a declaration"))),
            }
        }
        if declared.sequence.is_empty() || (kind == Declaration::Fixed && start.is_none()) {
            return Err(line.error("the declaration lacks chrom= or start="));
        }
        declared.next = start.unwrap_or(0);
        *self = declared;
        Ok(())
    }
}

/// A position that is counted from 1, as 0-based.
fn from_1(line: &Line<'_>, text: &str, what: &str) -> Result<u32> {
    let position = line.position(text, what)?;
    position.checked_sub(1).ok_or_else(|| line.error(format!("{what} is 0; positions begin at 1")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::{Level, Missing};

    fn opened(name: &str, text: &str) -> Result<Box<dyn Source>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let context = Context { cache: folder.keep(), ..Context::default() };
        let options = Options { missing: Missing::Gap, ..Options::default() };
        let source = open(&Input::File(path), &options, &context);
        let _ = std::fs::remove_dir_all(&context.cache);
        source
    }

    fn records(text: &str) -> Vec<(u32, u32, f64)> {
        let source = opened("x.wig", text).unwrap();
        let table = source.read(&Region::new("c", 0, 10_000), Level::Records, &["value"]).unwrap();
        (0..table.len())
            .map(|row| (table.start[row], table.end[row], table.columns[0].data.number(row)))
            .collect()
    }

    #[test]
    fn first_and_last_base_of_each_kind() {
        let text = "track type=wiggle_0\nfixedStep chrom=c start=1 step=10 span=5\n1\n2.5\n\
                    variableStep  chrom=c\n101 -3\nvariableStep chrom=c span=9\n201 4\n300 NaN\n\
                    c 400 500 6\n";
        let truth =
            [(0, 5, 1.0), (10, 15, 2.5), (100, 101, -3.0), (200, 209, 4.0), (400, 500, 6.0)];
        assert_eq!(records(text), truth);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |text| opened("x.wig", text).err().unwrap().to_string();
        assert!(error("c 0 5 1\nc 4 9 1\n").contains("line 2: the record begins before"));
        assert!(error("c 0 5 1\nd 0 5 1\nc 9 10 1\n").contains("line 3: "));
        assert!(error("c 5 5 1\n").contains("line 1: the end (5) is not behind the start (5)"));
        assert!(error("c 5 6 x\n").contains("line 1: the value is not a number: 'x'"));
        assert!(error("1.5\n").contains("neither a record nor a declaration"));
        assert!(error("fixedStep chrom=c step=1\n1\n").contains("lacks chrom= or start="));
        assert!(error("fixedStep chrom=c start=0\n1\n").contains("positions begin at 1"));
        assert!(error("fixedStep chrom=c start=2147483640 span=99\n1\n").contains("beyond"));
        assert!(error("# nothing\n").contains("there are no records"));
    }
}
