//! Reads the lines of a text file with their numbers, so that an error can name the line.
//!
//! Files are read in blocks of whole lines. [`Lines`] reads them one by one; [`in_parallel`] parses
//! several blocks at a time.

use crate::bytes::Input;
use crate::bytes::Progress;
use crate::bytes::{mark, unreadable};
use crate::error::{Error, Result};
use crate::genome::MAX_POSITION;
use crate::source::Skipped;
use memchr::{memchr, memchr_iter, memrchr};
use std::fmt::{Display, Formatter};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Longest line, in bytes; a file without line ends must not fill the memory.
pub(crate) const LONGEST_LINE: usize = 16 << 20;
/// Size of a block, in bytes: large enough to occupy a thread, small enough for its cache.
const BLOCK: usize = 1 << 20;

/// Consecutive whole lines of a file.
#[derive(Default)]
pub(crate) struct LineBlock {
    path: PathBuf,
    text: String,
    /// The number of the first line.
    first: u64,
}

impl LineBlock {
    /// Returns the line that begins at byte `at`, which must lie inside, and the beginning of the
    /// next line.
    fn line(&self, at: usize, number: u64) -> (Line<'_>, usize) {
        let rest = &self.text[at..];
        let length = memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let text = rest[..length].trim_end_matches('\r');
        (Line { text, at: At::Line(number), path: &self.path }, at + length + 1)
    }

    /// Returns the lines in order.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let (mut at, mut number) = (0, self.first);
        std::iter::from_fn(move || {
            (at < self.text.len()).then(|| {
                let (line, next) = self.line(at, number);
                (at, number) = (next, number + 1);
                line
            })
        })
    }
}

/// Reads a plain or compressed file block by block.
struct Blocks {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    /// The part of the next block's first line that was already read.
    rest: Vec<u8>,
    /// The number of that line.
    line: u64,
}

impl Blocks {
    fn open(input: &Input, progress: &Progress) -> Result<Self> {
        let (path, reader) = (input.path().into(), input.watched(progress)?);
        Ok(Blocks { path, reader, rest: Vec::new(), line: 1 })
    }

    fn next(&mut self) -> Result<Option<Unchecked>> {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.reserve(BLOCK);
        loop {
            let read = self.reader.by_ref().take(BLOCK as u64).read_to_end(&mut bytes);
            let read = read.map_err(|error| {
                let line = self.line + lines_in(&bytes);
                unreadable(&self.path, &format!("after line {}", line - 1), error)
            })?;
            if read == 0 {
                break;
            }
            let end = memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
            if bytes.len() - end > LONGEST_LINE {
                let place = format!("line {}", self.line + lines_in(&bytes));
                let message = "the line is too long; is this a text file?";
                return Err(Error::data(&self.path, place, message));
            }
            if end > 0 {
                self.rest = bytes.split_off(end);
                break;
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first = self.line;
        if first == 1 {
            drop(bytes.drain(..mark(&bytes)));
        }
        self.line += lines_in(&bytes);
        Ok(Some(Unchecked { path: self.path.clone(), bytes, first }))
    }
}

fn lines_in(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

/// Indexes end the names of sequences with a zero byte.
const ZERO: &str = "the line has a zero byte, so it is not text";
const NOT_TEXT: &str = "the line is not UTF-8 text";

/// A block that may not be valid text.
struct Unchecked {
    path: PathBuf,
    bytes: Vec<u8>,
    first: u64,
}

impl Unchecked {
    /// Checks that it is text. Lines that are not are counted in `skip` and left empty; without
    /// `skip`, the first one is an error.
    fn check(mut self, skip: Option<&Skipped>) -> Result<LineBlock> {
        if let Some(skip) = skip {
            self.blank(&mut |error| skip.count(error))?;
        }
        let Unchecked { path, bytes, first } = self;
        let refuse = |good: &[u8], what| {
            Err(Error::data(&path, format!("line {}", first + lines_in(good)), what))
        };
        if let Some(at) = memchr(0, &bytes) {
            return refuse(&bytes[..at], ZERO);
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(LineBlock { path, text, first }),
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                refuse(good, NOT_TEXT)
            }
        }
    }

    /// Empties the lines that are not text; `told` gets the error of each.
    fn blank(&mut self, told: &mut dyn FnMut(Error) -> Result<()>) -> Result<()> {
        if memchr(0, &self.bytes).is_none() && std::str::from_utf8(&self.bytes).is_ok() {
            return Ok(());
        }
        let mut good = Vec::with_capacity(self.bytes.len());
        for (number, line) in (self.first..).zip(self.bytes.split_inclusive(|b| *b == b'\n')) {
            let what = match memchr(0, line) {
                Some(_) => ZERO,
                None if std::str::from_utf8(line).is_err() => NOT_TEXT,
                None => {
                    good.extend(line);
                    continue;
                }
            };
            good.push(b'\n');
            told(Error::data(&self.path, format!("line {number}"), what))?;
        }
        self.bytes = good;
        Ok(())
    }
}

/// Reads a plain or compressed file line by line.
pub(crate) struct Lines {
    blocks: Blocks,
    block: LineBlock,
    at: usize,
    number: u64,
    skip: Option<Skipped>,
}

impl Lines {
    /// Opens a file to read its beginning, without progress reports. Lines that are not text are
    /// empty: whoever reads the whole file refuses or counts them.
    pub(crate) fn open(input: &Input) -> Result<Self> {
        Self::watched(input, &Progress::default(), Some(&Skipped::default()))
    }

    /// Opens a file, reports the progress of the reading, and counts lines that are not text in
    /// `skip`; without it, they are errors.
    pub(crate) fn watched(
        input: &Input,
        progress: &Progress,
        skip: Option<&Skipped>,
    ) -> Result<Self> {
        let blocks = Blocks::open(input, progress)?;
        Ok(Lines { blocks, block: LineBlock::default(), at: 0, number: 0, skip: skip.cloned() })
    }

    /// Returns the next line without its end (LF or CRLF), with its place in the file.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>> {
        if self.at >= self.block.text.len() {
            let Some(block) = self.blocks.next()? else { return Ok(None) };
            self.block = block.check(self.skip.as_ref())?;
            (self.number, self.at) = (self.block.first, 0);
        }
        let (line, next) = self.block.line(self.at, self.number);
        (self.at, self.number) = (next, self.number + 1);
        Ok(Some(line))
    }
}

/// Parses the blocks of a file on all cores and returns the results in file order. Lines that are not
/// text are counted in `skip`, if that is given.
///
/// # Errors
/// The error of the first faulty line.
pub(crate) fn in_parallel<T: Send>(
    input: &Input,
    progress: &Progress,
    skip: Option<&Skipped>,
    parse: impl Fn(&LineBlock) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let blocks = Mutex::new((0, Blocks::open(input, progress)?));
    let failed = AtomicBool::new(false);
    // Reading is sequential: one thread reads while the others parse.
    let next = || -> Option<(usize, Result<Unchecked>)> {
        let (index, blocks) = &mut *blocks.lock().ok()?;
        *index += 1;
        Some((*index, blocks.next().transpose()?))
    };
    let work = || {
        let mut parsed = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let Some((index, block)) = next() else { break };
            let result = block.and_then(|block| parse(&block.check(skip)?));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            parsed.push((index, result));
        }
        parsed
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut parsed = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut parsed = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(mut part) => parsed.append(&mut part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        parsed
    });
    parsed.sort_by_key(|(index, _)| *index);
    parsed.into_iter().map(|(_, result)| result).collect()
}

/// A line and its place.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    at: At,
    path: &'a Path,
}

/// The place of a line in its file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    /// Line number, from 1.
    Line(u64),
    /// Virtual offset, for a line that was found by an index, which does not count lines.
    Offset(u64),
    /// Number of the binary record that it was made of, from 1.
    Record(u64),
}

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            At::Line(number) => write!(f, "line {number}"),
            At::Offset(offset) => write!(f, "virtual offset {offset}"),
            At::Record(number) => write!(f, "record {number}"),
        }
    }
}

impl<'a> Line<'a> {
    /// Creates a line that was read at a virtual offset.
    pub(crate) fn at_offset(text: &'a str, offset: u64, path: &'a Path) -> Self {
        Line { text, at: At::Offset(offset), path }
    }

    /// Returns a line with another text at the same place.
    pub(crate) fn with_text<'b>(self, text: &'b str) -> Line<'b>
    where
        'a: 'b,
    {
        Line { text, ..self }
    }

    /// Creates a line from the binary record of that number.
    pub(crate) fn of_record(text: &'a str, number: u64, path: &'a Path) -> Self {
        Line { text, at: At::Record(number), path }
    }
}

impl Line<'_> {
    /// Creates an error at this line.
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        Error::data(self.path, self.at.to_string(), message)
    }

    /// An error of the whole file that shows at this line: leaving out the line is no remedy.
    pub(crate) fn error_of_file(&self, message: &str) -> Error {
        Error::data(self.path, "", format!("{}: {message}", self.at))
    }

    /// The number of the line, from 1 on; 0 if that is not known.
    pub(crate) fn number(&self) -> u64 {
        match self.at {
            At::Line(number) | At::Record(number) => number,
            At::Offset(_) => 0,
        }
    }

    /// Parses a coordinate: digits only, at most [`MAX_POSITION`]. `what` names it in the error.
    pub(crate) fn position(&self, text: &str, what: impl Display) -> Result<u32> {
        match text.parse::<u32>() {
            Ok(position) if position <= MAX_POSITION && !text.starts_with('+') => Ok(position),
            _ => {
                let digits =
                    |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                let problem = match text.strip_prefix('-') {
                    Some(rest) if digits(rest) => "is negative",
                    None if digits(text) => "is beyond 2,147,483,647",
                    _ => "is not a whole number",
                };
                Err(self.error(format!("{what} {problem}: '{}'", shortened(text))))
            }
        }
    }

    /// Parses an interval and returns it 0-based and half-open. `first` is the number of a
    /// sequence's first base in the file (0: the end is not included, 1: it is).
    pub(crate) fn interval(
        &self,
        (start, start_is): (&str, impl Display),
        (end, end_is): (&str, impl Display),
        first: u32,
    ) -> Result<(u32, u32)> {
        let start = self.position(start, &start_is)?;
        let end = self.position(end, end_is)?;
        match start.checked_sub(first) {
            None => Err(self.error(format!("{start_is} is 0, but positions are 1-based"))),
            Some(start_0) if end < start_0 || (first == 1 && end < start) => {
                Err(self.error(format!("the end ({end}) is before the start ({start})")))
            }
            Some(start) => Ok((start, end)),
        }
    }
}

/// Shortens a field for an error message to at most 40 characters.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> (tempfile::NamedTempFile, Input) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        (file, input)
    }

    /// More than three blocks, with lines of all lengths.
    fn long_text() -> String {
        (0..60_000u32).map(|n| format!("{n} {}\n", "x".repeat(n as usize % 101))).collect()
    }

    #[test]
    fn sequential_and_parallel_reading_return_the_same_numbered_lines() {
        let text = long_text();
        assert!(text.len() > 3 * BLOCK);
        let (_file, input) = file(text.as_bytes());
        let mut lines = Lines::open(&input).unwrap();
        let mut one_by_one = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            one_by_one.push((line.at, line.text.to_owned()));
        }
        let blocks = in_parallel(&input, &Progress::default(), None, |block| {
            Ok(block.lines().map(|l| (l.at, l.text.to_owned())).collect::<Vec<_>>())
        });
        let numbered = (1..).map(At::Line).zip(text.lines().map(str::to_owned));
        let expected: Vec<_> = numbered.collect();
        assert_eq!(one_by_one, expected);
        assert_eq!(blocks.unwrap().concat(), expected);
    }

    #[test]
    fn the_first_error_of_the_file_is_returned() {
        let (_file, input) = file(long_text().as_bytes());
        let error = in_parallel(&input, &Progress::default(), None, |block| {
            let bad = block.lines().zip(block.first..).find(|(_, number)| *number > 20_000);
            bad.map_or(Ok(()), |(line, _)| Err(line.error("bad")))
        });
        assert!(error.unwrap_err().to_string().ends_with("line 20001: bad"));
    }

    #[test]
    fn lines_may_end_in_lf_or_crlf_or_at_the_end() {
        let (_file, input) = file(b"a\r\n\nb");
        let mut lines = Lines::open(&input).unwrap();
        let mut next = || lines.next().unwrap().map(|line| line.text.to_owned());
        assert_eq!(
            [next(), next(), next(), next()].map(|l| l.unwrap_or("end".into())),
            ["a", "", "b", "end"]
        );
    }

    #[test]
    fn lines_that_are_not_text_can_be_counted_and_left_empty() {
        let text = b"a\n\xff\xfe\nb\nc\0d\ne\xc3";
        let (_file, input) = file(text);
        let skip = Skipped::default();
        let mut lines = Lines::watched(&input, &Progress::default(), Some(&skip)).unwrap();
        let mut left = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            left.push((line.number(), line.text.to_owned()));
        }
        let expected = [(1, "a"), (2, ""), (3, "b"), (4, ""), (5, "")];
        assert_eq!(left, expected.map(|(number, text)| (number, text.to_owned())));
        let told = skip.summary().unwrap();
        assert!(told.starts_with("3 lines, the first is line 2: the line is not UTF-8"), "{told}");
        let again = Skipped::default();
        let blocks = in_parallel(&input, &Progress::default(), Some(&again), |block| {
            Ok(block.lines().map(|line| line.text.to_owned()).collect::<Vec<_>>())
        });
        assert_eq!(blocks.unwrap().concat(), ["a", "", "b", "", ""]);
        assert_eq!(again.summary().unwrap(), told);
    }

    #[test]
    fn invalid_text_is_an_error_with_its_line() {
        let error = |text: &[u8]| {
            let (_file, input) = file(text);
            let mut lines = Lines::watched(&input, &Progress::default(), None).unwrap();
            loop {
                match lines.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => return String::new(),
                    Err(error) => return error.to_string(),
                }
            }
        };
        assert!(error(b"a\nb\n\xff\xfe\n").ends_with("line 3: the line is not UTF-8 text"));
        assert!(
            error(b"a\n\0hr1\t1\n")
                .ends_with("line 2: the line has a zero byte, so it is not text")
        );
        let endless = [b"a\n".as_slice(), &vec![b'x'; LONGEST_LINE + 2]].concat();
        assert!(error(&endless).contains("line 2: the line is too long"));
    }

    #[test]
    fn intervals_become_half_open() {
        let line = Line { text: "", at: At::Line(1), path: Path::new("x") };
        let interval = |start, end, first| {
            line.interval((start, "start"), (end, "end"), first).map_err(|e| e.to_string())
        };
        assert_eq!(interval("10", "20", 0), Ok((10, 20)));
        assert_eq!(interval("11", "20", 1), Ok((10, 20)));
        assert_eq!(interval("7", "7", 0), Ok((7, 7)));
        assert!(interval("8", "7", 1).unwrap_err().contains("is before the start"));
        assert!(interval("0", "7", 1).unwrap_err().contains("positions are 1-based"));
    }
}
