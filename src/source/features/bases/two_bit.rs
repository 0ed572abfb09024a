//! The letters of 2bit files.

use crate::bytes::{Blob, Input};
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::signals::gc::TwoBit;
use std::ops::Range;

/// The letters of a 2bit file.
pub(super) struct TwoBitLetters {
    input: Input,
    blob: Blob,
    /// The offset of each sequence's record.
    offsets: Vec<u64>,
}

impl TwoBitLetters {
    pub(super) fn open(input: &Input) -> Result<(Sequences, Self)> {
        let blob = Blob::open(input)?;
        let (mut file, index) = TwoBit::open(input, Box::new(blob.reader()))?;
        let mut sequences = Sequences::with_room_for(index.len());
        let mut offsets = Vec::with_capacity(index.len());
        for (name, offset) in index {
            let length = file.length(offset)?;
            let known = sequences.len();
            if length == 0 {
                continue;
            }
            if sequences.index_or_add(&name) < known {
                return Err(Error::data(input.path(), "", format!("'{name}' appears twice")));
            }
            sequences.lengthen(known, length);
            offsets.push(offset);
        }
        Ok((sequences, TwoBitLetters { input: input.clone(), blob, offsets }))
    }

    pub(super) fn read(&self, sequence: usize, bases: Range<u32>) -> Result<Vec<u8>> {
        let (mut file, _) = TwoBit::head(&self.input, Box::new(self.blob.reader()))?;
        file.letters(self.offsets[sequence], bases)
    }
}
