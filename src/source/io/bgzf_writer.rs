//! Writes BGZF and the CSI index of its lines, as bgzip and tabix do.
//!
//! Its own writer: noodles-csi notes for a bin only where the first row *of* it begins, not where
//! the first that reaches into it does, so that readers miss rows which cross the edge of a bin.

use crate::bytes::bgzf::END;
use crate::source::io::bin_grid::BinGrid;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use std::collections::BTreeMap;
use std::io::{Error, Result, Write};
use std::ops::Range;

/// Bytes of a block before they are packed, as bgzip has them: packed, they fit in 64 kB even if
/// they grow.
const BLOCK: usize = 0xff00;
/// One level more than tabix has: 2^32 bases in all.
const GRID: BinGrid = BinGrid { min_shift: 14, depth: 6 };

/// Packs lines that come sorted by sequence and start.
pub(crate) struct BgzfWriter<W> {
    out: W,
    block: Vec<u8>,
    packed: Vec<u8>,
    /// Where the block will lie in the file.
    start: u64,
    sequences: Vec<Places>,
}

/// Where the rows of a sequence are.
struct Places {
    name: String,
    bins: BTreeMap<u32, Vec<Range<u64>>>,
    /// Where the first row that reaches into each 16 kb begins.
    linear: Vec<u64>,
    extent: Range<u64>,
    rows: u64,
}

impl<W: Write> BgzfWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        BgzfWriter { out, block: Vec::new(), packed: Vec::new(), start: 0, sequences: Vec::new() }
    }

    /// Adds a line, without its end, that is a row of these bases.
    pub(crate) fn line(&mut self, sequence: &str, bases: Range<u32>, line: &[u8]) -> Result<()> {
        let start = self.position();
        self.write(line)?;
        self.write(b"\n")?;
        let at = start..self.position();
        if self.sequences.last().is_none_or(|last| last.name != sequence) {
            self.sequences.push(Places::new(sequence, start));
        }
        self.sequences.iter_mut().last().into_iter().for_each(|last| last.add(&bases, &at));
        Ok(())
    }

    /// Ends the file with a comment, if it says anything; its index, packed too.
    pub(crate) fn finish(mut self, note: &str) -> Result<Vec<u8>> {
        if !note.is_empty() {
            self.write(format!("#{note}\n").as_bytes())?;
        }
        self.flush()?;
        self.out.write_all(&END)?;
        self.out.flush()?;
        let mut index = Vec::new();
        for part in self.index().chunks(BLOCK) {
            pack(part, &mut self.packed)?;
            index.extend_from_slice(&self.packed);
        }
        index.extend(END);
        Ok(index)
    }

    /// The virtual offset of what is written next.
    fn position(&self) -> u64 {
        self.start << 16 | self.block.len() as u64
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.block.is_empty() {
            pack(&self.block, &mut self.packed)?;
            self.out.write_all(&self.packed)?;
            self.start += self.packed.len() as u64;
            self.block.clear();
        }
        Ok(())
    }

    /// The bytes of the index (the CSI specification; its notes are those of tabix for VCF).
    fn index(&self) -> Vec<u8> {
        let names: Vec<u8> =
            self.sequences.iter().flat_map(|sequence| sequence.name.bytes().chain([0])).collect();
        let number = |number: usize| (number as u32).to_le_bytes();
        let mut out = b"CSI\x01".to_vec();
        out.extend(number(GRID.min_shift as usize));
        out.extend(number(GRID.depth as usize));
        out.extend(number(7 * 4 + names.len()));
        // VCF; the columns of sequence, start and end; what comments begin with; lines to skip.
        for note in [2, 1, 2, 0, usize::from(b'#'), 0, names.len()] {
            out.extend(number(note));
        }
        out.extend(names);
        out.extend(number(self.sequences.len()));
        self.sequences.iter().for_each(|sequence| sequence.write(&mut out));
        out
    }
}

impl Places {
    fn new(name: &str, at: u64) -> Self {
        let (bins, linear) = Default::default();
        Places { name: name.to_owned(), bins, linear, extent: at..at, rows: 0 }
    }

    fn add(&mut self, bases: &Range<u32>, at: &Range<u64>) {
        let last = bases.end.max(bases.start + 1) - 1;
        let chunks = self.bins.entry(GRID.smallest(bases.start, last)).or_default();
        match chunks.last_mut() {
            // Blocks are unpacked whole.
            Some(chunk) if chunk.end >> 16 >= at.start >> 16 => chunk.end = at.end,
            _ => chunks.push(at.clone()),
        }
        let [first, last] = [bases.start, last].map(|base| (base >> GRID.min_shift) as usize);
        // Starts come sorted: windows that are told already began with an earlier row, and those
        // before this row that are not have none.
        let before = self.linear.last().copied().unwrap_or(at.start);
        self.linear.resize(self.linear.len().max(first), before);
        self.linear.resize(self.linear.len().max(last + 1), at.start);
        self.extent.end = at.end;
        self.rows += 1;
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend((self.bins.len() as u32 + 1).to_le_bytes());
        let mut put = |number: u32, first: u64, chunks: &[Range<u64>]| {
            out.extend(number.to_le_bytes());
            out.extend(first.to_le_bytes());
            out.extend((chunks.len() as u32).to_le_bytes());
            for chunk in chunks {
                out.extend(chunk.start.to_le_bytes());
                out.extend(chunk.end.to_le_bytes());
            }
        };
        for (number, chunks) in &self.bins {
            let window = (GRID.bases(*number).start >> GRID.min_shift) as usize;
            let first = self.linear.get(window).copied().unwrap_or(self.extent.start);
            put(*number, first, chunks);
        }
        // The extent, and how many rows there are.
        put(GRID.counts() as u32, 0, &[self.extent.clone(), self.rows..0]);
    }
}

/// Packs a block, at most [`BLOCK`] bytes.
fn pack(block: &[u8], packed: &mut Vec<u8>) -> Result<()> {
    // Quick packing may let bytes grow that are no text; storing them does not.
    let done = [Compression::fast(), Compression::none()].into_iter().any(|level| {
        packed.clear();
        packed.extend_from_slice(&END[..16]);
        packed.extend([0; 2]);
        packed.reserve((1 << 16) - packed.len() - 8);
        let end = Compress::new(level, false).compress_vec(block, packed, FlushCompress::Finish);
        matches!(end, Ok(Status::StreamEnd)) && packed.len() + 8 <= 1 << 16
    });
    if !done {
        return Err(Error::other("a block cannot be packed"));
    }
    let mut sum = Crc::new();
    sum.update(block);
    packed.extend(sum.sum().to_le_bytes());
    packed.extend((block.len() as u32).to_le_bytes());
    let size = (packed.len() - 1) as u16;
    packed[16..18].copy_from_slice(&size.to_le_bytes());
    Ok(())
}
