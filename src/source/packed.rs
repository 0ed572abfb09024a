//! A BGZF file with the index beside it: the records near a region, one after the other.

use super::Input;
use super::bgzf::Bgzf;
use super::binning::Index;
use super::pool::Pool;
use crate::error::{Error, Result};
use std::ops::Range;
use std::path::PathBuf;

/// A file and its index.
pub(super) struct Packed {
    pub(super) input: Input,
    pub(super) index: Index,
    pub(super) index_path: PathBuf,
    readers: Pool<Bgzf>,
}

impl Packed {
    /// The file with the index of one of those endings that lies beside it; none if none does.
    pub(super) fn open(input: &Input, endings: &[&str]) -> Result<Option<Self>> {
        let Some((index, index_path)) = Index::beside(input, endings)? else { return Ok(None) };
        let readers = Pool::new(Bgzf::open(input)?);
        Ok(Some(Packed { input: input.clone(), index, index_path, readers }))
    }

    /// Calls `next` where each record begins that the index places near `bases` of that sequence,
    /// to read it, until it says that it has enough.
    pub(super) fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        mut next: impl FnMut(&mut Bgzf) -> Result<bool>,
    ) -> Result<()> {
        // A row without bases is found where it stands: the bin of the base before.
        let chunks = self.index.chunks(sequence, bases.start.saturating_sub(1)..bases.end);
        let open = || Bgzf::open(&self.input);
        self.readers.lend(open, |reader| {
            for chunk in chunks {
                reader.seek(chunk.start)?;
                while reader.position() < chunk.end {
                    if !next(reader)? {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }

    /// An error for an index that is of another file, or of an older one.
    pub(super) fn misfit(&self, what: &str) -> Error {
        let file = self.input.path().display();
        let what = format!("the index does not fit {file}: {what}; index the file again");
        Error::data(&self.index_path, "", what)
    }
}
