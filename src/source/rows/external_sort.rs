//! Rows that are sorted outside of the memory: runs of sorted ones in a file, which are merged.

use crate::genome::Sequences;
use crate::source::io::bgzf_writer::BgzfWriter;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Result, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

/// Progress is reported once in so many rows.
const TOLD: u64 = 1 << 14;

/// Bytes of each run that are read at once.
const BUFFER: usize = 1 << 18;

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey {
    /// Its number in the order in which sequences appear.
    pub(crate) sequence: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl SortKey {
    /// What an index wants sorted.
    pub(crate) fn place(self) -> (u32, u32) {
        (self.sequence, self.start)
    }
}

/// Some rows in memory: their keys, and where their lines lie in the text.
#[derive(Default)]
pub(crate) struct SortBuffer {
    text: Vec<u8>,
    rows: Vec<(SortKey, Range<usize>)>,
}

impl SortBuffer {
    pub(crate) fn push(&mut self, key: SortKey, line: &str) {
        let start = self.text.len();
        self.text.extend_from_slice(line.as_bytes());
        self.rows.push((key, start..self.text.len()));
    }

    pub(crate) fn last(&self) -> Option<SortKey> {
        self.rows.last().map(|row| row.0)
    }

    /// The memory they take, in bytes.
    pub(crate) fn size(&self) -> u64 {
        (self.text.len() + self.rows.len() * size_of::<(SortKey, Range<usize>)>()) as u64
    }

    /// Passes on the rows, sorted, and forgets them.
    fn drain(&mut self, mut take: impl FnMut(SortKey, &[u8]) -> Result<()>) -> Result<()> {
        self.rows.sort_by_key(|row| row.0);
        let mut rows = self.rows.drain(..);
        let drained = rows.try_for_each(|(key, line)| take(key, &self.text[line]));
        drop(rows);
        self.text.clear();
        drained
    }

    /// Writes the rows, sorted, and forgets them.
    pub(crate) fn pack(
        &mut self,
        sequences: &Sequences,
        packer: &mut BgzfWriter<impl Write>,
    ) -> Result<()> {
        self.drain(|key, line| {
            packer.line(&sequences.at(key.sequence as usize).name, key.start..key.end, line)
        })
    }
}

/// Sorted runs of rows in a file, which goes with them.
pub(crate) struct SortedRuns {
    path: PathBuf,
    file: BufWriter<File>,
    /// Where each run ends.
    ends: Vec<u64>,
    rows: u64,
}

impl SortedRuns {
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let file =
            File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
        Ok(SortedRuns { path, file: BufWriter::new(file), ends: Vec::new(), rows: 0 })
    }

    /// Adds a run.
    pub(crate) fn add(&mut self, rows: &mut SortBuffer) -> Result<()> {
        self.rows += rows.rows.len() as u64;
        let file = &mut self.file;
        rows.drain(|key, line| {
            for number in [key.sequence, key.start, key.end, line.len() as u32] {
                file.write_all(&number.to_le_bytes())?;
            }
            file.write_all(line)
        })?;
        self.ends.push(self.file.stream_position()?);
        Ok(())
    }

    /// Passes on all rows, sorted, each with the part of them that is done.
    pub(crate) fn merge(
        &mut self,
        mut take: impl FnMut(SortKey, &[u8], Option<f64>) -> Result<()>,
    ) -> Result<()> {
        self.file.flush()?;
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        let part = |(at, end)| FileSlice { file: self.file.get_ref(), at, end };
        let parts = begins.zip(self.ends.iter().copied()).map(part);
        let mut runs: Vec<_> = parts
            .map(|part| Run { rest: BufReader::with_capacity(BUFFER, part), line: Vec::new() })
            .collect();
        // Rows that are alike come in the order of their runs, which is that of the file.
        let mut next = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            next.extend(run.next()?.map(|key| Reverse((key, number))));
        }
        let mut done = 0;
        while let Some(Reverse((key, number))) = next.pop() {
            let run = &mut runs[number];
            let part = (done % TOLD == 0).then(|| done as f64 / self.rows as f64);
            take(key, &run.line, part)?;
            done += 1;
            next.extend(run.next()?.map(|key| Reverse((key, number))));
        }
        Ok(())
    }
}

impl Drop for SortedRuns {
    fn drop(&mut self) {
        // What stays after a crash is written over by who makes the copy then.
        let _ = fs::remove_file(&self.path);
    }
}

/// A part of a file that others read too.
struct FileSlice<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for FileSlice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.file.seek(SeekFrom::Start(self.at))?;
        let read = self.file.take(self.end - self.at).read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A run that is being read.
struct Run<'a> {
    rest: BufReader<FileSlice<'a>>,
    /// Of the row that was read last.
    line: Vec<u8>,
}

impl Run<'_> {
    /// Reads the next row; none at the end.
    fn next(&mut self) -> Result<Option<SortKey>> {
        if self.rest.buffer().is_empty() && self.rest.get_ref().at == self.rest.get_ref().end {
            return Ok(None);
        }
        let mut number = || {
            let mut bytes = [0; 4];
            self.rest.read_exact(&mut bytes).map(|()| u32::from_le_bytes(bytes))
        };
        let key = SortKey { sequence: number()?, start: number()?, end: number()? };
        let length = number()? as usize;
        self.line.resize(length, 0);
        self.rest.read_exact(&mut self.line)?;
        Ok(Some(key))
    }
}
