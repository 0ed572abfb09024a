//! Lines of a text file, numbered, so that an error can say where.

use super::input::{Input, unreadable};
use crate::error::{Error, Result};
use crate::genome::MAX_POSITION;
use std::io::{BufRead, Read};
use std::path::PathBuf;

/// No line of a genomic text format is longer; a file without line ends must not fill the memory.
const LONGEST_LINE: u64 = 16 << 20;

/// Reads a file, plain or packed, line by line.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens the file.
    pub(crate) fn open(input: &Input) -> Result<Self> {
        let reader = input.unpacked()?;
        Ok(Lines { path: input.path().into(), reader, buffer: Vec::new(), number: 0 })
    }

    /// The next line without its end (`\n` or `\r\n`), and its place in the file.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>> {
        self.buffer.clear();
        self.number += 1;
        let read = (&mut self.reader).take(LONGEST_LINE).read_until(b'\n', &mut self.buffer);
        match read {
            Ok(0) => return Ok(None),
            Ok(length) if length as u64 == LONGEST_LINE => {
                return Err(self.error("the line is too long; is this a text file?"));
            }
            Ok(_) => {}
            Err(error) => {
                return Err(unreadable(
                    &self.path,
                    &format!("after line {}", self.number - 1),
                    error,
                ));
            }
        }
        while matches!(self.buffer.last(), Some(b'\n' | b'\r')) {
            self.buffer.pop();
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(Some(Line { text, number: self.number, path: &self.path })),
            Err(_) => Err(self.error("the line is not UTF-8 text")),
        }
    }

    fn error(&self, message: &str) -> Error {
        Error::data(&self.path, format!("line {}", self.number), message)
    }
}

/// A line and its place.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    number: u64,
    path: &'a std::path::Path,
}

impl Line<'_> {
    /// An error at this line.
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        Error::data(self.path, format!("line {}", self.number), message)
    }

    /// A coordinate: digits only, at most [`MAX_POSITION`]. `what` names it in the error.
    pub(crate) fn position(&self, text: &str, what: &str) -> Result<u32> {
        match text.parse::<u32>() {
            Ok(position) if position <= MAX_POSITION && !text.starts_with('+') => Ok(position),
            _ => {
                let problem = match text.parse::<i64>() {
                    Ok(number) if number < 0 => "is negative",
                    Ok(_) => "is beyond 2,147,483,647",
                    Err(_) => "is not a whole number",
                };
                Err(self.error(format!("{what} {problem}: '{}'", shortened(text))))
            }
        }
    }
}

/// A field for an error message: never more than 40 characters of a file's content.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
