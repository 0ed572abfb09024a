//! A BGZF file with its companion index: reads the records near a region, one after the other.

use crate::bytes::bgzf::Bgzf;
use crate::bytes::pool::Pool;
use crate::bytes::{Blob, Input, near};
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::io::bin_index::Index;
use crate::source::rows::indexed::{ByRegion, Flow, Row};
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;

/// Longest note after the last record, in bytes.
const LONGEST_NOTE: usize = 16 << 20;
/// Largest number of gaps in an index that are checked. Damage leaves one or two; an index with
/// more was written by a program that leaves a gap at the end of each block, and checking all of
/// them would take long.
const MOST_GAPS: usize = 64;

/// Maximum number of bytes that are read from another machine for one query.
const MOST_REMOTE: u64 = 512 << 20;
/// Maximum size of a BGZF block, in bytes.
const BLOCK: u64 = 1 << 16;

/// A file and its index.
pub(crate) struct IndexedFile {
    pub(crate) input: Input,
    blob: Blob,
    pub(crate) index: Index,
    pub(crate) index_path: PathBuf,
    readers: Pool<Bgzf>,
}

impl IndexedFile {
    /// Opens the file with its companion index, which has one of the given endings; none if there
    /// is no such index.
    pub(crate) fn open(input: &Input, endings: &[&str]) -> Result<Option<Self>> {
        // Comments may follow the last row.
        Self::open_unless(input, endings, |reader| {
            let next = reader.rest()?.first();
            Ok(next.is_some_and(|byte| !matches!(byte, b'#' | b'\n')))
        })
    }

    /// Does what [`IndexedFile::open`] does; `has_row` returns whether a row begins at the reader's
    /// position.
    pub(crate) fn open_unless(
        input: &Input,
        endings: &[&str],
        has_row: impl Fn(&mut Bgzf) -> Result<bool>,
    ) -> Result<Option<Self>> {
        let Some((index, index_path)) = Index::of_companion(input, endings)? else {
            return Ok(None);
        };
        let blob = Blob::open(input)?;
        let readers = Pool::new(Bgzf::of(blob.clone()));
        let file = IndexedFile { input: input.clone(), blob, index, index_path, readers };
        if let Some(flaw) = file.index.flaw(file.blob.size()) {
            return Err(file.misfit(flaw));
        }
        if file.index.end() > 0 && file.holds_row(file.index.end(), u64::MAX, &has_row)? {
            // Rows were appended after the file was indexed.
            return Err(file.misfit("the file has rows after the last one in the index"));
        }
        for gap in file.index.gaps().into_iter().take(MOST_GAPS) {
            let holds = file.holds_row(gap.start, gap.end, &has_row);
            if holds.map_err(|error| file.or_wrong_index(error))? {
                let what = format!("the rows at offset {} are not in the index", gap.start >> 16);
                return Err(file.misfit(&what));
            }
        }
        Ok(Some(file))
    }

    /// Returns whether `row` finds a row at a virtual offset before `end`. The end of a block does
    /// not count.
    fn holds_row(
        &self,
        at: u64,
        end: u64,
        row: impl Fn(&mut Bgzf) -> Result<bool>,
    ) -> Result<bool> {
        self.readers.lend(
            || Ok(Bgzf::of(self.blob.clone())),
            |reader| {
                reader.seek(at)?;
                Ok(!reader.is_at_end()? && reader.position() < end && row(reader)?)
            },
        )
    }

    /// Reads the line after the last record; empty if there is none.
    pub(crate) fn note(&self) -> Result<String> {
        let mut line = Vec::new();
        self.readers.lend(
            || Ok(Bgzf::of(self.blob.clone())),
            |reader| {
                reader.seek(self.index.end())?;
                reader.line(&mut line, LONGEST_NOTE)
            },
        )?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Calls `read` at the beginning of each record that the index places near `bases` (0-based,
    /// half-open) of the sequence with that number; `read` passes the record's row to the filter.
    /// Rows in `bases` go to `take`, as [`ByRegion::each`] describes.
    pub(crate) fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
        mut read: impl FnMut(&mut Bgzf, &mut RegionFilter<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut filter = RegionFilter { bases: bases.clone(), take, rows: 0, enough: false };
        // A row without bases is in the bin of the base before its start.
        let chunks = self.index.chunks(sequence, bases.start.saturating_sub(1)..bases.end);
        self.check_distance(&chunks)?;
        let open = || Ok(Bgzf::of(self.blob.clone()));
        self.blob.expect(near(chunks.iter().map(|c| c.start >> 16..(c.end >> 16) + BLOCK)))?;
        self.readers.lend(open, |reader| {
            for chunk in chunks {
                reader.seek(chunk.start)?;
                let mut is_first = true;
                // The last chunk may reach to the end of the file, after the empty block there.
                // Files that were joined have empty blocks in the middle, too.
                while reader.position() < chunk.end
                    && !reader.is_at_end()?
                    && reader.position() < chunk.end
                {
                    let done = read(reader, &mut filter);
                    done.map_err(
                        |error| if is_first { self.or_wrong_index(error) } else { error },
                    )?;
                    if filter.enough {
                        return Ok(());
                    }
                    is_first = false;
                }
            }
            Ok(())
        })?;
        let RegionFilter { rows, enough, .. } = filter;
        match self.index.count(sequence) {
            Some(count) if count != rows && !enough && bases == (0..u32::MAX) => {
                let what = format!("it counts {count} rows on a sequence that has {rows}");
                Err(self.misfit(&what))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to read so much from another machine that the answer would take too long.
    fn check_distance(&self, chunks: &[Range<u64>]) -> Result<()> {
        let bytes: u64 = chunks.iter().map(|chunk| (chunk.end >> 16) - (chunk.start >> 16)).sum();
        if !self.input.is_remote() || bytes <= MOST_REMOTE {
            return Ok(());
        }
        let what = format!(
            "all rows of a sequence are counted before some are shown, which requires reading {} \
             MB from its server; download it, or load a part of it as a separate file",
            bytes.div_ceil(1_000_000)
        );
        Err(Error::data(self.input.path(), "", what))
    }

    /// Returns whether the index has the number of rows of each sequence.
    pub(crate) fn is_counted(&self) -> bool {
        let index = &self.index;
        (0..index.len()).all(|at| index.has_none(at) || index.count(at).is_some())
    }

    /// Adds to an error at an offset from the index that the index may be of another file.
    fn or_wrong_index(&self, error: Error) -> Error {
        match error {
            Error::Data { path, place, message } if path == self.input.path() => {
                let index = self.index_path.display();
                let hint =
                    format!("; if {index} is the index of another file, index the file again");
                Error::Data { path, place, message: message + &hint }
            }
            other => other,
        }
    }

    /// Returns the error for an index of another file, or of an older version.
    pub(crate) fn misfit(&self, what: &str) -> Error {
        let file = self.input.path().display();
        let what = format!("the index does not fit {file}: {what}; index the file again");
        Error::data(&self.index_path, "", what)
    }
}

/// Returns the sequences of the given names, in index order. A length comes from `known`, or else
/// from the end of the last row, which is at or after the base that `last` returns.
pub(crate) fn sequences_of<'n>(
    file: &impl ByRegion,
    names: impl Iterator<Item = &'n str>,
    known: &Sequences,
    last: impl Fn(usize) -> u32,
) -> Result<Sequences> {
    let mut sequences = Sequences::default();
    for (index, name) in names.enumerate() {
        if index == 0 {
            // The index of another file mostly fails at its first row.
            file.each(index, 0..u32::MAX, &mut |_| ControlFlow::Break(Ok(())))?;
        }
        let mut length = known.get(name).map_or(0, |sequence| sequence.length);
        if length == 0 {
            file.each(index, last(index)..u32::MAX, &mut |row| {
                length = length.max(row.end);
                ControlFlow::Continue(())
            })?;
        }
        let at = sequences.index_or_add(name);
        sequences.lengthen(at, length);
    }
    Ok(sequences)
}

/// Passes on the rows of a region.
pub(crate) struct RegionFilter<'a> {
    bases: Range<u32>,
    take: &'a mut dyn FnMut(Row<'_>) -> Flow,
    /// Number of rows so far.
    rows: u64,
    enough: bool,
}

impl RegionFilter<'_> {
    /// Counts a record that is in the index but is not a row.
    pub(crate) fn skip(&mut self) {
        self.rows += 1;
    }

    /// Takes the next row of the sequence; rows are sorted by start.
    pub(crate) fn row(&mut self, row: Row<'_>) -> Result<()> {
        self.rows += 1;
        if row.start >= self.bases.end {
            self.enough = true;
        } else if row.reach() > self.bases.start
            && let ControlFlow::Break(result) = (self.take)(row)
        {
            self.enough = true;
            return result;
        }
        Ok(())
    }
}
