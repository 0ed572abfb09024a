//! wig and bedGraph: text signals, converted once to a bigWig in the cache and read from there.
//!
//! bedGraph coordinates are 0-based and half-open; those of fixedStep and variableStep are 1-based
//! (UCSC Genome Browser, "Wiggle format", "BedGraph format").

use super::bigwig;
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Region, Sequences};
use crate::source::io::bbi::write::{Refused, Writer};
use crate::source::io::cache;
use crate::source::io::delimited::{is_comment, is_position, most_lines};
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::background::{Preview, open_in_background};
use crate::source::rows::external_sort::{SortBuffer, SortKey, SortedRuns};
use crate::source::{Context, Format, Options, Skipped, Source};
use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::ops::Range;

pub(crate) const WIG: Format = Format {
    name: "wig",
    extensions: &["wig"],
    about: "as bigWig, made from the text once and kept in the cache",
    sniff: |head| {
        track_type(head, "wiggle_0")
            || first_words(head).is_some_and(|words| matches!(&*words, [word, ..] if is_step(word)))
    },
    open,
};

pub(crate) const BEDGRAPH: Format = Format {
    name: "bedgraph",
    extensions: &["bedgraph", "bdg", "bg", "wig"],
    about: "as bigWig, made from the text once and kept in the cache",
    sniff: |head| track_type(head, "bedGraph") || is_signal(head) || is_fractional(head),
    open,
};

fn is_step(word: &str) -> bool {
    matches!(word, "fixedStep" | "variableStep")
}

/// Returns whether the rows are intervals with one number each, sorted and without overlaps within
/// each sequence: true of signals, and hardly ever of a BED file with numbers as names.
fn is_signal(head: &[u8]) -> bool {
    let last = RefCell::new((String::new(), 0));
    let (rows, overlaps) = (Cell::new(0), Cell::new(0));
    let fits = most_lines(head, |row| {
        let fields: Vec<_> = row.split_ascii_whitespace().collect();
        let [sequence, start, end, value] = fields[..] else { return false };
        let (Ok(start), Ok(end)) = (start.parse::<u32>(), end.parse::<u32>()) else {
            return false;
        };
        let mut last = last.borrow_mut();
        let follows = last.0 != sequence || last.1 <= start;
        *last = (sequence.to_owned(), end);
        rows.set(rows.get() + 1);
        overlaps.set(overlaps.get() + u32::from(!follows));
        follows && start < end && value.parse::<f32>().is_ok()
    });
    // Of two rows, one that overlaps the other is no exception.
    fits && overlaps.get() * 10 <= rows.get()
}

/// Returns whether the rows are intervals with one number each, in any order. This is also true of
/// a BED file with numbers as names: only the file name distinguishes them.
pub(crate) fn is_graph(head: &[u8]) -> bool {
    most_lines(head, |row| {
        let fields: Vec<_> = row.split_ascii_whitespace().collect();
        let [_, start, end, value] = fields[..] else { return false };
        is_position(start) && is_position(end) && value.parse::<f32>().is_ok()
    })
}

/// Returns whether the numbers of such rows are not all integers, and thus not names or scores.
pub(crate) fn is_fractional(head: &[u8]) -> bool {
    let whole = |row: &str| row.split_ascii_whitespace().nth(3).is_some_and(is_position);
    is_graph(head) && !most_lines(head, whole)
}

/// Number of first lines that are read for the preview.
const PREVIEW_ROWS: usize = 1024;

/// Returns the words of the first line that is neither empty, a comment nor for a browser.
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
        let skip = asked.skip.as_ref();
        let ending = if skip.is_some() { "good.bw" } else { "bw" };
        let skipped = cache::path(&file, context, &format!("{ending}.skipped"))?;
        if skip.is_some() {
            cache::fetch(&file, context, &format!("{ending}.skipped"));
        }
        if let Some(skip) = skip
            && skip.load(&skipped).is_none()
        {
            let _ = fs::remove_file(cache::path(&file, context, ending)?);
        }
        let make = |out| {
            Conversion { input: &file, context, skip }.write(out)?;
            let saved = skip.map_or(Ok(()), |skip| skip.save(&skipped));
            saved.map_err(|error| cache::unwritable(context, &error))
        };
        let entry = cache::entry(&file, context, ending, make)?;
        skip.into_iter().for_each(|skip| skip.tell(file.path()));
        bigwig::derived(&Input::File(entry), &asked, context)
    };
    open_in_background(input, context, || preview(input, options), make)
}

/// Creates the preview from the first lines.
fn preview(input: &Input, options: &Options) -> Result<Preview> {
    let (mut lines, mut section) = (Lines::open(input)?, Section::default());
    let mut first = bigwig::First::default();
    for _ in 0..PREVIEW_ROWS {
        let Some(line) = lines.next()? else { break };
        if is_comment(line.text) {
            continue;
        }
        match section.record(&line) {
            Ok(Some((start, end, _))) => first.add(&section.sequence, start, end),
            Err(error) if options.skip.is_none() => return Err(error),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(first.preview(options.missing))
}

/// The conversion of a text signal to a bigWig.
struct Conversion<'a> {
    input: &'a Input,
    context: &'a Context,
    /// Counts the lines that are skipped; none if a damaged line is an error.
    skip: Option<&'a Skipped>,
}

/// A record: its sequence, interval, value and line.
type Record<'a, 'l> = (&'a str, Range<u32>, f32, &'a Line<'l>);

impl Conversion<'_> {
    /// Writes the records of the text in file order; if they are not sorted, sorts them first.
    fn write(&self, out: BufWriter<File>) -> Result<()> {
        let again = out.get_ref().try_clone();
        let mut again = again.map_err(|error| self.unwritable(&error))?;
        if !self.in_order(out)? {
            let name = self.input.path().display();
            tracing::info!("{name} is not sorted, which takes longer");
            let empty = again.rewind().and_then(|()| again.set_len(0));
            empty.map_err(|error| self.unwritable(&error))?;
            self.sorted(BufWriter::new(again))?;
        }
        Ok(())
    }

    fn unwritable(&self, error: &io::Error) -> Error {
        cache::unwritable(self.context, error)
    }

    /// Passes each record to `take` until it returns false.
    fn each(&self, mut take: impl FnMut(Record<'_, '_>) -> Result<bool>) -> Result<()> {
        self.skip.into_iter().for_each(Skipped::restart);
        let mut lines = Lines::watched(self.input, &self.context.progress, self.skip)?;
        let (mut section, mut any) = (Section::default(), false);
        while let Some(line) = lines.next()? {
            if is_comment(line.text) {
                continue;
            }
            let (start, end, value) = match (section.record(&line), self.skip) {
                (Ok(Some(record)), _) => record,
                (Ok(None), _) => continue,
                (Err(error), Some(skip)) => {
                    skip.count(error)?;
                    continue;
                }
                (Err(error), None) => return Err(error),
            };
            any = true;
            if !take((&section.sequence, start..end, value, &line))? {
                return Ok(());
            }
        }
        if any {
            return Ok(());
        }
        Err(Error::data(self.input.path(), "", "there are no records in it"))
    }

    /// Writes the records in file order; returns false if they are not sorted.
    fn in_order(&self, out: BufWriter<File>) -> Result<bool> {
        let mut writer = Writer::new(out).map_err(|error| self.unwritable(&error))?;
        let mut sorted = true;
        self.each(|(sequence, place, value, _)| {
            match writer.add(sequence, place.start, place.end, value) {
                Ok(()) => {}
                Err(Refused::Order) => sorted = false,
                Err(Refused::Io(error)) => return Err(self.unwritable(&error)),
            }
            Ok(sorted)
        })?;
        if sorted {
            let written = writer.finish().and_then(|mut out| out.flush());
            written.map_err(|error| self.unwritable(&error))?;
        }
        Ok(sorted)
    }

    /// Writes the records sorted: runs that fit in memory are sorted and written aside, then
    /// merged.
    fn sorted(&self, out: BufWriter<File>) -> Result<()> {
        let aside = cache::path(self.input, self.context, "bw.runs.part")?;
        let mut runs = SortedRuns::create(aside).map_err(|error| self.unwritable(&error))?;
        let (mut rows, mut sequences) = (SortBuffer::default(), Sequences::default());
        self.each(|(sequence, place, value, line)| {
            let sequence = sequences.index_or_add(sequence) as u32;
            let key = SortKey { sequence, start: place.start, end: place.end };
            rows.push(key, &format!("{value} {}", line.number()));
            if rows.size() > self.context.in_memory {
                runs.add(&mut rows).map_err(|error| self.unwritable(&error))?;
            }
            Ok(true)
        })?;
        let path = self.input.path();
        let mut wrong = None;
        let merge = || {
            let mut writer = Writer::new(out)?;
            runs.add(&mut rows)?;
            runs.merge(|key, text, part| {
                part.into_iter().for_each(|part| self.context.progress.report(path, part));
                let text = String::from_utf8_lossy(text);
                let (value, line) = text.split_once(' ').unwrap_or_default();
                let sequence = sequences.at(key.sequence as usize).name;
                match writer.add(sequence, key.start, key.end, value.parse().unwrap_or(f32::NAN)) {
                    Ok(()) => Ok(()),
                    Err(Refused::Io(error)) => Err(error),
                    Err(Refused::Order) => {
                        let region = Region::new(sequence, key.start, key.end);
                        let what = format!("{region} overlaps another record, even after sorting");
                        let error = Error::data(path, format!("line {line}"), what);
                        let counted = match self.skip {
                            Some(skip) => skip.count(error),
                            None => Err(error),
                        };
                        counted.map_err(|error| {
                            wrong = Some(error);
                            io::Error::other("records overlap")
                        })
                    }
                }
            })?;
            writer.finish()?.flush()
        };
        let merged = merge();
        self.context.progress.done(path);
        match wrong {
            Some(error) => Err(error),
            None => merged.map_err(|error| self.unwritable(&error)),
        }
    }
}

/// The last declaration, and the position of its next record.
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
    /// Returns the record of a line; none if the line is a declaration or its value means no data.
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
            return Err(line.error(format!("the end ({end}) is not after the start ({start})")));
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

    /// Reads a declaration such as `fixedStep chrom=chr1 start=1 step=10 span=5`.
    fn declare(&mut self, kind: Declaration, line: &Line<'_>) -> Result<()> {
        let mut declared = Section { kind, step: 1, span: 1, ..Section::default() };
        let mut start = None;
        // Lines after a refused declaration belong to no declaration.
        *self = Section::default();
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

/// Reads a 1-based position and returns it as 0-based.
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
        let context = Context { cache: folder.path().into(), ..Context::default() };
        let options = Options { missing: Missing::Gap, ..Options::default() };
        open(&Input::File(path), &options, &context)
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
    fn records_in_any_order_are_sorted() {
        let text = "c 400 500 6\nd 7 8 1\nc 0 5 1\nvariableStep chrom=c\n11 2.5\nc 9 10 0.1\n";
        let truth = [(0, 5, 1.0), (9, 10, f64::from(0.1f32)), (10, 11, 2.5), (400, 500, 6.0)];
        assert_eq!(records(text), truth);
    }

    #[test]
    fn damaged_lines_are_left_out_and_counted_on_request() {
        let text = "c 0 5 1\nc 5 x 1\nfixedStep chrom=c start=0\n7\nc 3 9 2\nc 20 30 4\n";
        let skip = Skipped::default();
        let (skipping, missing) = (Some(skip.clone()), Missing::Zero);
        let options = Options { skip: skipping, missing, ..Options::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wig");
        std::fs::write(&path, text).unwrap();
        let context = Context { cache: folder.path().into(), ..Context::default() };
        for _ in 0..2 {
            let source = open(&Input::File(path.clone()), &options, &context).unwrap();
            let region = Region::new("c", 0, 30);
            let table = source.read(&region, Level::Bins { shift: 0 }, &["value"]).unwrap();
            let value = |base| table.columns[0].data.number(base);
            assert_eq!([value(4), value(5), value(6), value(29)], [1.0, 0.0, 0.0, 4.0]);
            let summary = skip.summary().unwrap();
            assert!(
                summary.starts_with("4 lines, the first is line 2: end (column 3)"),
                "{summary}"
            );
            // The second time, the cache has the bigWig.
            skip.restart();
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |text| opened("x.wig", text).err().unwrap().to_string();
        assert!(error("c 0 5 1\nc 4 9 1\n").contains("line 2: c:5-9 overlaps another record"));
        assert!(error("c 5 5 1\n").contains("line 1: the end (5) is not after the start (5)"));
        assert!(error("c 5 6 x\n").contains("line 1: the value is not a number: 'x'"));
        assert!(error("1.5\n").contains("neither a record nor a declaration"));
        assert!(error("fixedStep chrom=c step=1\n1\n").contains("lacks chrom= or start="));
        assert!(error("fixedStep chrom=c start=0\n1\n").contains("positions begin at 1"));
        assert!(error("fixedStep chrom=c start=2147483640 span=99\n1\n").contains("beyond"));
        assert!(error("# nothing\n").contains("there are no records"));
    }
}
