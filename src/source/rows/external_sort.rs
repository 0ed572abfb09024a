//! Sorts rows that do not fit in memory: sorted runs are written to a file and then merged.

use crate::genome::Sequences;
use crate::source::io::bgzf_writer::BgzfWriter;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Result, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

/// Number of rows between two progress reports.
const ROWS_PER_REPORT: u64 = 1 << 14;

/// Size of the read buffer of each run, in bytes.
const BUFFER: usize = 1 << 18;

/// The key by which rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey {
    /// Number of the sequence, in order of appearance.
    pub(crate) sequence: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl SortKey {
    /// Returns the part of the key that an index needs sorted.
    pub(crate) fn place(self) -> (u32, u32) {
        (self.sequence, self.start)
    }
}

/// Rows in memory: their keys, and the ranges of their lines in the text.
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

    /// Returns their memory, in bytes.
    pub(crate) fn size(&self) -> u64 {
        (self.text.len() + self.rows.len() * size_of::<(SortKey, Range<usize>)>()) as u64
    }

    /// Passes the rows to `take`, sorted, and empties the buffer.
    fn drain(&mut self, mut take: impl FnMut(SortKey, &[u8]) -> Result<()>) -> Result<()> {
        self.rows.sort_by_key(|row| row.0);
        let mut rows = self.rows.drain(..);
        let drained = rows.try_for_each(|(key, line)| take(key, &self.text[line]));
        drop(rows);
        self.text.clear();
        drained
    }

    /// Writes the rows, sorted, and empties the buffer.
    pub(crate) fn write_sorted(
        &mut self,
        sequences: &Sequences,
        writer: &mut BgzfWriter<impl Write>,
    ) -> Result<()> {
        self.drain(|key, line| {
            writer.line(sequences.at(key.sequence as usize).name, key.start..key.end, line)
        })
    }
}

/// Sorted runs of rows in a file, which is removed when this is dropped.
pub(crate) struct SortedRuns {
    path: PathBuf,
    file: BufWriter<File>,
    /// End of each run in the file.
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

    /// Passes all rows to `take`, sorted; some with the fraction of rows that is done.
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
        // Rows with equal keys come in the order of their runs, which is file order.
        let mut next = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            next.extend(run.next()?.map(|key| Reverse((key, number))));
        }
        let mut done = 0;
        while let Some(Reverse((key, number))) = next.pop() {
            let run = &mut runs[number];
            let part = (done % ROWS_PER_REPORT == 0).then(|| done as f64 / self.rows as f64);
            take(key, &run.line, part)?;
            done += 1;
            next.extend(run.next()?.map(|key| Reverse((key, number))));
        }
        Ok(())
    }
}

impl Drop for SortedRuns {
    fn drop(&mut self) {
        // A file left by a crash is overwritten when the copy is written again.
        let _ = fs::remove_file(&self.path);
    }
}

/// A part of a file that other runs read too.
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
    /// The line of the last row that was read.
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
