//! BGZF: gzip in blocks with random access (SAM specification, section 4.1).
//!
//! This is a reader of our own, since queries must stop at the end of the range: the index readers
//! of libraries continue to the end of every chunk, which costs fifty times as much where long
//! genes are in coarse bins.

use super::block_cache::{BLOCKS, CachedBlock};
use super::{Blob, Input};
use crate::error::{Error, Result};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

/// Largest decompressed block, in bytes.
const LARGEST: usize = 1 << 16;
const HEADER: usize = 18;

/// Returns whether a file begins with a BGZF block.
pub(crate) fn is_bgzf(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b, 8, 4]) && head.get(12..16) == Some(b"BC\x02\0")
}

/// Returns whether a file is BGZF, not plain or gzip.
pub(crate) fn packs(input: &Input) -> Result<bool> {
    let mut head = Vec::new();
    let read = input.open()?.take(HEADER as u64).read_to_end(&mut head);
    read.map_err(|error| Error::io(input.path(), error))?;
    Ok(is_bgzf(&head))
}

/// The empty block that ends every file (SAM specification, section 4.1.2).
pub(crate) const END: [u8; 28] = [
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];

/// Returns whether a BGZF file lacks its end block: a copy that ends between two blocks shows no
/// other sign. Old writers omitted the block, so this is not an error.
pub(crate) fn lacks_end(input: &Input) -> Result<bool> {
    if !packs(input)? {
        return Ok(false);
    }
    let failed = |error| Error::io(input.path(), error);
    let (mut file, mut tail) = (input.open()?, Vec::new());
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    file.seek(SeekFrom::Start(length.saturating_sub(END.len() as u64))).map_err(failed)?;
    file.read_to_end(&mut tail).map_err(failed)?;
    Ok(tail != END)
}

/// Reads decompressed bytes from any virtual offset.
///
/// A virtual offset is the offset of a block in the file, times 2^16, plus an offset in the
/// decompressed block.
pub(crate) struct Bgzf {
    blob: Blob,
    /// Whether blocks are read from and stored in the cache that all readers share.
    shares: bool,
    packed: Vec<u8>,
    block: Arc<CachedBlock>,
    /// Offset of the block in the file.
    start: u64,
    /// Offset of the next block.
    next: u64,
    /// Number of bytes of the block that have been read.
    at: usize,
    inflate: Decompress,
}

impl Bgzf {
    /// Opens a file to read it from the first byte to the last, without the shared cache.
    pub(crate) fn open(input: &Input) -> Result<Self> {
        Ok(Bgzf { shares: false, ..Self::of(Blob::open(input)?) })
    }

    /// Creates a reader of pieces, which uses the shared cache.
    pub(crate) fn of(blob: Blob) -> Self {
        Bgzf {
            blob,
            shares: true,
            packed: Vec::new(),
            block: Arc::default(),
            start: 0,
            next: 0,
            at: 0,
            inflate: Decompress::new(false),
        }
    }

    /// Returns the virtual offset of the next byte.
    pub(crate) fn position(&self) -> u64 {
        if self.at < self.block.bytes.len() {
            self.start << 16 | self.at as u64
        } else {
            self.next << 16
        }
    }

    /// Moves to a virtual offset.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<()> {
        let (block, within) = (offset >> 16, (offset & 0xffff) as usize);
        // Consecutive queries often begin in the same block.
        if self.block.bytes.is_empty() || self.start != block {
            self.next = block;
            self.load()?;
        }
        if within > self.block.bytes.len() {
            return Err(self.damaged("the index points beyond the end of a block"));
        }
        self.at = within;
        Ok(())
    }

    /// Creates an error at the current block.
    pub(crate) fn damaged(&self, what: &str) -> Error {
        Error::data(self.blob.path(), format!("offset {}", self.start), what)
    }

    /// Decompresses the next block. Returns false at the end of the file.
    fn load(&mut self) -> Result<bool> {
        self.start = self.next;
        self.at = 0;
        let key = (self.blob.id(), self.start);
        let known = if self.shares { BLOCKS.get(key) } else { None };
        if let Some(block) = known {
            self.next = block.next;
            self.block = block;
            return Ok(true);
        }
        let old = std::mem::take(&mut self.block);
        let mut bytes = Arc::try_unwrap(old).map_or_else(|_| Vec::new(), |block| block.bytes);
        let mut header = [0; HEADER];
        match self.blob.read_at(self.start, &mut header)? {
            0 => return Ok(false),
            HEADER if is_bgzf(&header) => {}
            _ => {
                let what = "no BGZF block begins here; if the file changed since it was indexed, \
                            index it again; if it is plain gzip, compress it with bgzip";
                return Err(self.damaged(what));
            }
        }
        let size = usize::from(u16::from_le_bytes([header[16], header[17]])) + 1;
        let rest = size.checked_sub(HEADER).filter(|rest| *rest >= 8);
        let rest = rest.ok_or_else(|| self.damaged("a BGZF block has an invalid size"))?;
        self.packed.resize(rest, 0);
        if self.blob.read_at(self.start + HEADER as u64, &mut self.packed)? < rest {
            return Err(self.damaged("the file ends within a block; is the copy complete?"));
        }
        let (data, trailer) = self.packed.split_at(rest - 8);
        let number = |at: usize| {
            u32::from_le_bytes([trailer[at], trailer[at + 1], trailer[at + 2], trailer[at + 3]])
        };
        let (sum, length) = (number(0), number(4) as usize);
        self.inflate.reset(false);
        bytes.clear();
        bytes.reserve_exact(length.min(LARGEST));
        let finish = FlushDecompress::Finish;
        let done = self.inflate.decompress_vec(data, &mut bytes, finish);
        let mut crc = Crc::new();
        crc.update(&bytes);
        if !matches!(done, Ok(Status::StreamEnd)) || bytes.len() != length || crc.sum() != sum {
            return Err(self.damaged("a compressed block is damaged; copy the file again"));
        }
        self.next = self.start + size as u64;
        self.block = Arc::new(CachedBlock { bytes, next: self.next });
        if self.shares {
            BLOCKS.insert(key, &self.block);
        }
        Ok(true)
    }

    /// Returns the rest of the current block or, if that is empty, the next block that is not;
    /// empty at the end of the file.
    pub(crate) fn rest(&mut self) -> Result<&[u8]> {
        while self.at >= self.block.bytes.len() {
            if !self.load()? {
                return Ok(&[]);
            }
        }
        Ok(&self.block.bytes[self.at..])
    }

    /// Skips empty blocks. Returns whether the file ends there.
    pub(crate) fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.rest()?.is_empty())
    }

    /// Appends the next line to `line`, without its line end. Returns false at the end of the file.
    pub(crate) fn line(&mut self, line: &mut Vec<u8>, longest: usize) -> Result<bool> {
        let mut any = false;
        loop {
            let rest = self.rest()?;
            if rest.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = memchr::memchr(b'\n', rest);
            line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            self.at += end.map_or(rest.len(), |end| end + 1);
            if end.is_some() {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(true);
            }
            if line.len() > longest {
                return Err(self.damaged("a line is too long; is this a text file?"));
            }
        }
    }

    /// Appends exactly `count` bytes to `bytes`. Returns false if the file ends before the first of
    /// them.
    pub(crate) fn take(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<bool> {
        let wanted = bytes.len() + count;
        while bytes.len() < wanted {
            let missing = wanted - bytes.len();
            let rest = self.rest()?;
            if rest.is_empty() {
                return if missing == count {
                    Ok(false)
                } else {
                    Err(self.damaged("the file ends within a record; is the copy complete?"))
                };
            }
            let part = rest.len().min(missing);
            bytes.extend_from_slice(&rest[..part]);
            self.at += part;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_end_block_is_detected() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lacks = |bytes: &[u8]| {
            std::fs::write(file.path(), bytes).unwrap();
            lacks_end(&Input::File(file.path().into())).unwrap()
        };
        let twice = [END, END].concat();
        assert!(!lacks(&twice) && lacks(&twice[..55]), "cut within the last block");
        assert!(lacks(&twice[..20]) && !lacks(b"text") && !lacks(b""));
    }
}
