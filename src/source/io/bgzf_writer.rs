//! Writes BGZF files and the CSI index of their lines, as bgzip and tabix do.
//!
//! This is a writer of our own, because noodles-csi notes for a bin only the first row *of* the
//! bin, not the first that reaches into it, so that readers miss rows which cross the edge of a
//! bin.

use crate::bytes::bgzf::END;
use crate::source::io::bin_grid::BinGrid;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use std::collections::BTreeMap;
use std::io::{Error, Result, Write};
use std::ops::Range;

/// Size of a block before compression, in bytes, as in bgzip: compressed, it fits in 64 kB even if
/// it grows.
const BLOCK: usize = 0xff00;
/// One level more than tabix has: 2^32 bases in total.
const GRID: BinGrid = BinGrid { min_shift: 14, depth: 6 };

/// Compresses lines that are sorted by sequence and start.
pub(crate) struct BgzfWriter<W> {
    out: W,
    block: Vec<u8>,
    compressed: Vec<u8>,
    /// Offset of the block in the file.
    start: u64,
    sequences: Vec<Places>,
}

/// The places of the rows of a sequence.
struct Places {
    name: String,
    bins: BTreeMap<u32, Vec<Range<u64>>>,
    /// Virtual offset of the first row that overlaps each window of 16 kb.
    linear: Vec<u64>,
    extent: Range<u64>,
    rows: u64,
}

impl<W: Write> BgzfWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        BgzfWriter {
            out,
            block: Vec::new(),
            compressed: Vec::new(),
            start: 0,
            sequences: Vec::new(),
        }
    }

    /// Adds a line, without its line end, that is a row of these bases (0-based, half-open).
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

    /// Ends the file with `note` as a comment, unless it is empty. Returns the compressed index.
    pub(crate) fn finish(mut self, note: &str) -> Result<Vec<u8>> {
        if !note.is_empty() {
            self.write(format!("#{note}\n").as_bytes())?;
        }
        self.flush()?;
        self.out.write_all(&END)?;
        self.out.flush()?;
        let mut index = Vec::new();
        for part in self.index().chunks(BLOCK) {
            compress(part, &mut self.compressed)?;
            index.extend_from_slice(&self.compressed);
        }
        index.extend(END);
        Ok(index)
    }

    /// Returns the virtual offset of the next byte.
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
            compress(&self.block, &mut self.compressed)?;
            self.out.write_all(&self.compressed)?;
            self.start += self.compressed.len() as u64;
            self.block.clear();
        }
        Ok(())
    }

    /// Returns the bytes of the index (CSI specification; the notes are those of tabix for VCF).
    fn index(&self) -> Vec<u8> {
        let names: Vec<u8> =
            self.sequences.iter().flat_map(|sequence| sequence.name.bytes().chain([0])).collect();
        let number = |number: usize| (number as u32).to_le_bytes();
        let mut out = b"CSI\x01".to_vec();
        out.extend(number(GRID.min_shift as usize));
        out.extend(number(GRID.depth as usize));
        out.extend(number(7 * 4 + names.len()));
        // VCF; the columns of sequence, start and end; the comment character; lines to skip; length
        // of names.
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
            // Blocks are decompressed whole.
            Some(chunk) if chunk.end >> 16 >= at.start >> 16 => chunk.end = at.end,
            _ => chunks.push(at.clone()),
        }
        let [first, last] = [bases.start, last].map(|base| (base >> GRID.min_shift) as usize);
        // Rows are sorted by start: windows that have an offset began with an earlier row, and the
        // others before this row have no rows.
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
        // The extent and the number of rows.
        put(GRID.counts() as u32, 0, &[self.extent.clone(), self.rows..0]);
    }
}

/// Compresses a block of at most [`BLOCK`] bytes.
fn compress(block: &[u8], compressed: &mut Vec<u8>) -> Result<()> {
    // Fast compression may make binary data grow; storing it does not.
    let done = [Compression::fast(), Compression::none()].into_iter().any(|level| {
        compressed.clear();
        compressed.extend_from_slice(&END[..16]);
        compressed.extend([0; 2]);
        compressed.reserve((1 << 16) - compressed.len() - 8);
        let end =
            Compress::new(level, false).compress_vec(block, compressed, FlushCompress::Finish);
        matches!(end, Ok(Status::StreamEnd)) && compressed.len() + 8 <= 1 << 16
    });
    if !done {
        return Err(Error::other("a block cannot be compressed"));
    }
    let mut sum = Crc::new();
    sum.update(block);
    compressed.extend(sum.sum().to_le_bytes());
    compressed.extend((block.len() as u32).to_le_bytes());
    let size = (compressed.len() - 1) as u16;
    compressed[16..18].copy_from_slice(&size.to_le_bytes());
    Ok(())
}
