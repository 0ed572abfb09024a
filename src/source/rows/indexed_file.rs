//! A BGZF file with the index beside it: the records near a region, one after the other.

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
/// Damage leaves a hole or two in an index. One with more of them than this is of a writer that has
/// each block's end for one, and looking at all of them would take long.
const MOST_GAPS: usize = 64;

/// So many bytes are read from another machine at most to answer one question.
const MOST_REMOTE: u64 = 512 << 20;
/// No block of BGZF has more bytes.
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
    /// The file with the index of one of those endings that lies beside it; none if none does.
    pub(crate) fn open(input: &Input, endings: &[&str]) -> Result<Option<Self>> {
        // Comments may follow the last row.
        Self::open_unless(input, endings, |reader| {
            let next = reader.rest()?.first();
            Ok(next.is_some_and(|byte| !matches!(byte, b'#' | b'\n')))
        })
    }

    /// As [`IndexedFile::open`]; `behind` says whether a row stands where the index ends.
    pub(crate) fn open_unless(
        input: &Input,
        endings: &[&str],
        behind: impl Fn(&mut Bgzf) -> Result<bool>,
    ) -> Result<Option<Self>> {
        let Some((index, index_path)) = Index::beside(input, endings)? else { return Ok(None) };
        let blob = Blob::open(input)?;
        let readers = Pool::new(Bgzf::of(blob.clone()));
        let file = IndexedFile { input: input.clone(), blob, index, index_path, readers };
        if let Some(flaw) = file.index.flaw(file.blob.size()) {
            return Err(file.misfit(flaw));
        }
        if file.index.end() > 0 && file.holds_row(file.index.end(), u64::MAX, &behind)? {
            // The file was added to since.
            return Err(file.misfit("rows stand behind the last that it knows"));
        }
        for gap in file.index.gaps().into_iter().take(MOST_GAPS) {
            let holds = file.holds_row(gap.start, gap.end, &behind);
            if holds.map_err(|error| file.doubtful(error))? {
                let what = format!("it does not lead to the rows at offset {}", gap.start >> 16);
                return Err(file.misfit(&what));
            }
        }
        Ok(Some(file))
    }

    /// Whether a row, as `row` knows them, stands at a virtual offset; not if what is between it and
    /// `end` is nothing but the end of a block.
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

    /// The line that stands behind the last record; empty if none does.
    pub(crate) fn behind(&self) -> Result<String> {
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

    /// Calls `read` where each record begins that the index places near `bases` of the sequence
    /// with that number, to read it and offer the row that it is. Those with a base in there go to
    /// `take`, as [`ByRegion::each`] tells.
    pub(crate) fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
        mut read: impl FnMut(&mut Bgzf, &mut RegionFilter<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut offer = RegionFilter { bases: bases.clone(), take, rows: 0, enough: false };
        // A row without bases is found where it stands: the bin of the base before.
        let chunks = self.index.chunks(sequence, bases.start.saturating_sub(1)..bases.end);
        self.check_distance(&chunks)?;
        let open = || Ok(Bgzf::of(self.blob.clone()));
        self.blob.expect(near(chunks.iter().map(|c| c.start >> 16..(c.end >> 16) + BLOCK)))?;
        self.readers.lend(open, |reader| {
            for chunk in chunks {
                reader.seek(chunk.start)?;
                let mut is_first = true;
                // The last piece may reach to the end of the file, behind the empty block that
                // stands there; such blocks stand where files were joined, too.
                while reader.position() < chunk.end
                    && !reader.is_at_end()?
                    && reader.position() < chunk.end
                {
                    let done = read(reader, &mut offer);
                    done.map_err(|error| if is_first { self.doubtful(error) } else { error })?;
                    if offer.enough {
                        return Ok(());
                    }
                    is_first = false;
                }
            }
            Ok(())
        })?;
        let RegionFilter { rows, enough, .. } = offer;
        match self.index.sequences.get(sequence).and_then(|bins| bins.count) {
            Some(count) if count != rows && !enough && bases == (0..u32::MAX) => {
                let what = format!("it counts {count} rows of a sequence that has {rows}");
                Err(self.misfit(&what))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to read more from another machine than anybody would wait for.
    fn check_distance(&self, chunks: &[Range<u64>]) -> Result<()> {
        let bytes: u64 = chunks.iter().map(|chunk| (chunk.end >> 16) - (chunk.start >> 16)).sum();
        if !self.input.is_remote() || bytes <= MOST_REMOTE {
            return Ok(());
        }
        let what = format!(
            "to show its rows, those of their sequence are counted first, which means to read {} MB \
             from its server; download it, or load a part of it as a file of its own",
            bytes.div_ceil(1_000_000)
        );
        Err(Error::data(self.input.path(), "", what))
    }

    /// Whether the index says how many rows each sequence has.
    pub(crate) fn is_counted(&self) -> bool {
        self.index.sequences.iter().all(|bins| bins.is_empty() || bins.count.is_some())
    }

    /// The error at a place to which the index leads: perhaps no record begins there.
    fn doubtful(&self, error: Error) -> Error {
        match error {
            Error::Data { path, place, message } if path == self.input.path() => {
                let index = self.index_path.display();
                let hint = format!("; unless {index} is the index of another file: index it again");
                Error::Data { path, place, message: message + &hint }
            }
            other => other,
        }
    }

    /// An error for an index that is of another file, or of an older one.
    pub(crate) fn misfit(&self, what: &str) -> Error {
        let file = self.input.path().display();
        let what = format!("the index does not fit {file}: {what}; index the file again");
        Error::data(&self.index_path, "", what)
    }
}

/// The sequences of those names, in the order of their indexes: as long as `known` says, else as
/// their last row reaches, which reaches behind the base that `last` tells.
pub(crate) fn sequences_of<'n>(
    file: &impl ByRegion,
    names: impl Iterator<Item = &'n str>,
    known: &Sequences,
    last: impl Fn(usize) -> u32,
) -> Result<Sequences> {
    let mut sequences = Sequences::default();
    for (index, name) in names.enumerate() {
        if index == 0 {
            // The index of another file mostly shows at the first row to which it leads.
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

/// Where the rows of a region go.
pub(crate) struct RegionFilter<'a> {
    bases: Range<u32>,
    take: &'a mut dyn FnMut(Row<'_>) -> Flow,
    /// How many came by.
    rows: u64,
    enough: bool,
}

impl RegionFilter<'_> {
    /// Passes a record that the index counts, but which is no row.
    pub(crate) fn pass(&mut self) {
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
