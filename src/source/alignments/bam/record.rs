//! Reads the header and the records of a BAM file, as far as they are used (SAM specification,
//! section 4.2).

use crate::bytes::Input;
use crate::bytes::bgzf::Bgzf;
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Sequences};
use crate::source::alignments::alignment::{Alignment, Alignments};
use std::sync::Arc;

/// Largest record, in bytes; records of real reads are far smaller.
const LARGEST_RECORD: usize = 1 << 28;
/// Size of the fixed part of a record, before its name, in bytes.
const FIXED: usize = 32;
const LONGEST_NAME: u32 = 4096;

/// An aligned read.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
}

/// Reads the sequences that a file lists. The reader is then at the first record.
pub(super) fn sequences(reader: &mut Bgzf) -> Result<Sequences> {
    let mut bytes = Vec::new();
    if !reader.take(&mut bytes, 8)? || bytes[..4] != *b"BAM\x01" {
        return Err(reader.damaged("does not begin like a BAM file"));
    }
    // The text of the header is not needed here.
    let mut text = number(&bytes, 4) as usize;
    while text > 0 {
        let part = text.min(1 << 16);
        whole(reader, &mut bytes, part)?;
        text -= part;
    }
    whole(reader, &mut bytes, 4)?;
    let count = number(&bytes, 0);
    let mut sequences = Sequences::with_room_for(count as usize);
    for index in 0..count as usize {
        whole(reader, &mut bytes, 4)?;
        let length = number(&bytes, 0);
        if !(2..=LONGEST_NAME).contains(&length) {
            return Err(reader.damaged("a sequence name has an invalid length"));
        }
        whole(reader, &mut bytes, length as usize + 4)?;
        let bases = number(&bytes, length as usize);
        let name = std::str::from_utf8(&bytes[..length as usize - 1])
            .map_err(|_| reader.damaged("a sequence name is not UTF-8 text"))?;
        if bases > MAX_POSITION || sequences.index_or_add(name) != index {
            return Err(reader.damaged("a sequence is listed twice or is too long"));
        }
        sequences.lengthen(index, bases);
    }
    Ok(sequences)
}

/// Replaces the content of `bytes` with the next `count` bytes.
fn whole(reader: &mut Bgzf, bytes: &mut Vec<u8>, count: usize) -> Result<()> {
    bytes.clear();
    if reader.take(bytes, count)? {
        Ok(())
    } else {
        Err(reader.damaged("the file ends early; is the copy complete?"))
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

impl Record {
    /// Reads the next record and checks that its parts fit into it. Returns false at the end of the
    /// file.
    pub(super) fn read(&mut self, reader: &mut Bgzf) -> Result<bool> {
        self.bytes.clear();
        if !reader.take(&mut self.bytes, 4)? {
            return Ok(false);
        }
        let size = number(&self.bytes, 0) as usize;
        if !(FIXED..=LARGEST_RECORD).contains(&size) {
            return Err(reader.damaged(&format!("a record has an invalid size of {size} bytes")));
        }
        whole(reader, &mut self.bytes, size)?;
        let parts = self.cigar_at() as u64 + 4 * u64::from(self.operations());
        let bases = u64::from(self.bases());
        if parts + bases.div_ceil(2) + bases > size as u64 || self.start() > Some(MAX_POSITION) {
            return Err(reader.damaged("the parts of a record do not fit into it"));
        }
        Ok(true)
    }

    fn bases(&self) -> u32 {
        number(&self.bytes, 16)
    }

    fn operations(&self) -> u16 {
        number(&self.bytes, 12) as u16
    }

    fn cigar_at(&self) -> usize {
        FIXED + usize::from(self.bytes[8])
    }

    /// Returns the value of the tag `CG`.
    fn long_cigar(&self) -> Option<&[u8]> {
        let bases = self.bases() as usize;
        let tags = self.cigar_at() + 4 * usize::from(self.operations()) + bases.div_ceil(2) + bases;
        let mut tags = self.bytes.get(tags..)?;
        loop {
            let (tag, kind) = (tags.get(..2)?, *tags.get(2)?);
            let value = &tags[3..];
            let width = |kind| match kind {
                b'A' | b'c' | b'C' => Some(1),
                b's' | b'S' => Some(2),
                b'i' | b'I' | b'f' => Some(4),
                _ => None,
            };
            let length = match kind {
                b'Z' | b'H' => memchr::memchr(0, value)? + 1,
                b'B' => {
                    let bytes = width(*value.first()?)? * number(value, 1) as usize;
                    if tag == b"CG" {
                        return value.get(5..5 + bytes);
                    }
                    5 + bytes
                }
                kind => width(kind)?,
            };
            tags = value.get(length..)?;
        }
    }
}

impl Alignment for Record {
    fn sequence(&self) -> Option<usize> {
        usize::try_from(number(&self.bytes, 0) as i32).ok()
    }

    fn start(&self) -> Option<u32> {
        u32::try_from(number(&self.bytes, 4) as i32).ok()
    }

    fn flags(&self) -> u16 {
        (number(&self.bytes, 12) >> 16) as u16
    }

    fn quality(&self) -> u8 {
        self.bytes[9]
    }

    fn name(&self) -> &[u8] {
        let length = usize::from(self.bytes[8]).saturating_sub(1);
        self.bytes.get(FIXED..FIXED + length).unwrap_or_default()
    }

    /// Returns the operations of its CIGAR: length and letter. A CIGAR of more than 65,535
    /// operations is in the tag `CG`.
    fn cigar(&self) -> impl Iterator<Item = (u32, char)> {
        let at = self.cigar_at();
        let own = &self.bytes[at..at + 4 * usize::from(self.operations())];
        let placeholder = own.len() == 8 && number(own, 0) == self.bases() << 4 | 4;
        let bytes = if placeholder { self.long_cigar().unwrap_or(own) } else { own };
        bytes.chunks_exact(4).map(|operation| {
            let operation = number(operation, 0);
            let letter = b"MIDNSHP=X".get(operation as usize & 0xf).copied().unwrap_or(b'?');
            (operation >> 4, char::from(letter))
        })
    }
}

/// All records of a file.
pub(super) struct Stream {
    reader: Bgzf,
    sequences: Arc<Sequences>,
    record: Record,
}

impl Stream {
    pub(super) fn open(input: &Input) -> Result<Self> {
        let mut reader = Bgzf::open(input)?;
        Ok(Stream {
            sequences: Arc::new(sequences(&mut reader)?),
            reader,
            record: Record::default(),
        })
    }
}

impl Alignments for Stream {
    type Read = Record;

    fn sequences(&self) -> &Arc<Sequences> {
        &self.sequences
    }

    fn next(&mut self) -> Result<Option<&Record>> {
        Ok(self.record.read(&mut self.reader)?.then_some(&self.record))
    }

    fn position(&self) -> u64 {
        self.reader.position() >> 16
    }

    fn damaged(&self, what: &str) -> Error {
        self.reader.damaged(what)
    }
}
