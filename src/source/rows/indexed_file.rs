//! A BGZF file with the index beside it: the records near a region, one after the other.

use crate::bytes::Input;
use crate::bytes::bgzf::Bgzf;
use crate::bytes::pool::Pool;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::io::bin_index::Index;
use crate::source::rows::indexed::{ByRegion, Flow, Row};
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;

/// What stands behind the last record is no longer.
const LONGEST_NOTE: usize = 16 << 20;

/// A file and its index.
pub(crate) struct IndexedFile {
    pub(crate) input: Input,
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
        behind: impl FnOnce(&mut Bgzf) -> Result<bool>,
    ) -> Result<Option<Self>> {
        let Some((index, index_path)) = Index::beside(input, endings)? else { return Ok(None) };
        let mut reader = Bgzf::open(input)?;
        let end = index.end();
        let beyond = end >> 16 > input.size()?;
        if !beyond {
            reader.seek(end)?;
        }
        // The file was added to since.
        let behind = !beyond && end > 0 && behind(&mut reader)?;
        let readers = Pool::new(reader);
        let file = IndexedFile { input: input.clone(), index, index_path, readers };
        if beyond {
            Err(file.misfit("it leads behind the end of the file, perhaps an incomplete copy"))
        } else if behind {
            Err(file.misfit("rows stand behind the last that it knows"))
        } else {
            Ok(Some(file))
        }
    }

    /// The line that stands behind the last record; empty if none does.
    pub(crate) fn behind(&self) -> Result<String> {
        let mut line = Vec::new();
        self.readers.lend(
            || Bgzf::open(&self.input),
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
        let open = || Bgzf::open(&self.input);
        self.readers.lend(open, |reader| {
            for chunk in chunks {
                reader.seek(chunk.start)?;
                while reader.position() < chunk.end {
                    let entry = reader.position() == chunk.start;
                    let done = read(reader, &mut offer);
                    done.map_err(|error| if entry { self.doubtful(error) } else { error })?;
                    if offer.enough {
                        return Ok(());
                    }
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
