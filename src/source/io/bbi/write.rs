//! Writes a bigWig from sorted records, in one pass and in memory that does not grow with their
//! number, except for the index. Text signals and coverage are converted to bigWig with it.
//!
//! bigtools needs the lengths of the sequences in advance, which text files do not state, and an
//! asynchronous runtime, which this layer does not have. No zoom levels are written, because
//! [`crate::source::signals::bigwig`] does not read any.

use crate::genome::Sequences;
use flate2::{Compression, write::ZlibEncoder};
use std::io::{self, Seek, SeekFrom, Write};

const MAGIC: u32 = 0x888f_fc26;
/// Records per block.
const RECORDS: usize = 1024;
/// Entries per node of either tree.
const ENTRIES: usize = 256;
/// Size of the header and the totals after it, in bytes.
const PREAMBLE: u64 = 104;

/// Why a record was rejected.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It begins before the last one ends, or its sequence has already ended.
    Order,
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Refused::Io(error)
    }
}

/// A bigWig that is being written.
pub(crate) struct Writer<W> {
    out: W,
    /// The sequences with their lengths, as far as they are known, in order of appearance.
    sequences: Sequences,
    /// The end of the last record of each sequence.
    ends: Vec<u32>,
    /// The records of the block that is being filled.
    block: Vec<(u32, u32, f32)>,
    blocks: Vec<WrittenBlock>,
    at: u64,
    totals: RunningTotals,
}

/// A block that has been written: its sequence, its span and its place in the file.
struct WrittenBlock {
    sequence: u32,
    start: u32,
    end: u32,
    offset: u64,
    size: u64,
}

#[derive(Default)]
struct RunningTotals {
    covered: u64,
    min: Option<f64>,
    max: Option<f64>,
    sum: f64,
    squares: f64,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file.
    pub(crate) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&[0; PREAMBLE as usize + 8])?;
        Ok(Writer {
            out,
            sequences: Sequences::default(),
            ends: Vec::new(),
            block: Vec::with_capacity(RECORDS),
            blocks: Vec::new(),
            at: PREAMBLE + 8,
            totals: RunningTotals::default(),
        })
    }

    /// Adds a record, which must not be empty. The records of a sequence must be consecutive,
    /// sorted and without overlap.
    pub(crate) fn add(
        &mut self,
        sequence: &str,
        start: u32,
        end: u32,
        value: f32,
    ) -> Result<(), Refused> {
        if self.sequences.iter().next_back().is_none_or(|last| last.name != sequence) {
            self.begin(sequence, 0)?;
        }
        self.add_here(start, end, value)
    }

    /// Begins the next sequence. Its length is `length` or the end of its last record, whichever is
    /// larger.
    pub(crate) fn begin(&mut self, name: &str, length: u32) -> Result<(), Refused> {
        self.flush()?;
        if self.sequences.index_or_add(name) < self.ends.len() {
            return Err(Refused::Order);
        }
        self.sequences.lengthen(self.ends.len(), length);
        self.ends.push(0);
        Ok(())
    }

    /// Adds a record to the current sequence.
    pub(crate) fn add_here(&mut self, start: u32, end: u32, value: f32) -> Result<(), Refused> {
        *self.ends.last_mut().filter(|last| start >= **last).ok_or(Refused::Order)? = end;
        self.totals.add(end - start, value);
        self.block.push((start, end, value));
        if self.block.len() == RECORDS { Ok(self.flush()?) } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let (Some(first), Some(last)) = (self.block.first(), self.block.last()) else {
            return Ok(());
        };
        let sequence = self.sequences.len() as u32 - 1;
        let (start, end) = (first.0, last.1);
        let mut plain = Vec::with_capacity(24 + 12 * RECORDS);
        // No step, no span, type 1: each record has its own start and end.
        for number in [sequence, start, end, 0, 0] {
            plain.extend(number.to_le_bytes());
        }
        plain.extend([1, 0]);
        plain.extend((self.block.len() as u16).to_le_bytes());
        for (start, end, value) in self.block.drain(..) {
            plain.extend(start.to_le_bytes());
            plain.extend(end.to_le_bytes());
            plain.extend(value.to_le_bytes());
        }
        // All bytes are compressed in one call, because the encoder clears its whole buffer in each
        // call.
        let mut compressed = ZlibEncoder::new(Vec::new(), Compression::fast());
        compressed.write_all(&plain)?;
        let compressed = compressed.finish()?;
        let size = compressed.len() as u64;
        self.blocks.push(WrittenBlock { sequence, start, end, offset: self.at, size });
        self.put(&compressed)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Writes the last block, the trees and the header. Returns the underlying writer.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        let sequences = self.at;
        self.put_sequences()?;
        let index = self.at;
        self.put_index()?;
        self.put(&MAGIC.to_le_bytes())?;
        self.out.seek(SeekFrom::Start(0))?;
        let mut head = Vec::new();
        head.extend(MAGIC.to_le_bytes());
        // Version 4, no zoom levels.
        head.extend(4u16.to_le_bytes());
        head.extend(0u16.to_le_bytes());
        // The list of sequences, the data, their index; no columns and no description.
        for offset in
            [sequences, PREAMBLE, index, 0 /* no columns, first half of no description */]
        {
            head.extend(offset.to_le_bytes());
        }
        head.extend([0; 4]);
        head.extend(64u64.to_le_bytes());
        head.extend((24 + 12 * RECORDS as u32).to_le_bytes());
        head.extend(0u64.to_le_bytes());
        head.extend(self.totals.covered.to_le_bytes());
        let RunningTotals { min, max, sum, squares, .. } = self.totals;
        for number in [min.unwrap_or(0.0), max.unwrap_or(0.0), sum, squares] {
            head.extend(number.to_le_bytes());
        }
        head.extend((self.blocks.len() as u64).to_le_bytes());
        self.out.write_all(&head)?;
        Ok(self.out)
    }

    /// Writes the tree of sequences (supplementary tables 8 to 11): a root and its leaves.
    fn put_sequences(&mut self) -> io::Result<()> {
        let mut named: Vec<(&str, u32, u32)> = self
            .sequences
            .iter()
            .zip(&self.ends)
            .zip(0..)
            .map(|((s, end), id)| (s.name, id, s.length.max(*end)))
            .collect();
        named.sort_unstable();
        let key = named.iter().map(|(name, ..)| name.len()).max().unwrap_or(1);
        let padded = |name: &str| {
            let mut name = name.as_bytes().to_vec();
            name.resize(key, 0);
            name
        };
        let mut tree = Vec::new();
        for number in [0x78ca_8c91, ENTRIES as u32, key as u32, 8] {
            tree.extend(number.to_le_bytes());
        }
        tree.extend((named.len() as u64).to_le_bytes());
        tree.extend([0; 8]);
        let leaves: Vec<_> = named.chunks(ENTRIES).collect();
        let node = (4 + ENTRIES * (key + 8)) as u64;
        let first = self.at + 32 + 4 + (leaves.len() * (key + 8)) as u64;
        tree.extend(head_of_node(false, leaves.len()));
        for (place, leaf) in (0..).zip(&leaves) {
            tree.extend(padded(leaf[0].0));
            tree.extend((first + place * node).to_le_bytes());
        }
        for leaf in &leaves {
            tree.extend(head_of_node(true, leaf.len()));
            for (name, id, length) in *leaf {
                tree.extend(padded(name));
                tree.extend(id.to_le_bytes());
                tree.extend(length.to_le_bytes());
            }
        }
        self.put(&tree)
    }

    /// Writes the tree of blocks (supplementary tables 14 to 17): a root and its leaves.
    fn put_index(&mut self) -> io::Result<()> {
        let span = |blocks: &[WrittenBlock], out: &mut Vec<u8>| {
            let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return };
            for number in [first.sequence, first.start, last.sequence, last.end] {
                out.extend(number.to_le_bytes());
            }
        };
        let mut tree = Vec::new();
        for number in [0x2468_ace0, ENTRIES as u32] {
            tree.extend(number.to_le_bytes());
        }
        tree.extend((self.blocks.len() as u64).to_le_bytes());
        let before = tree.len();
        span(&self.blocks, &mut tree);
        tree.resize(before + 16, 0);
        tree.extend(self.at.to_le_bytes());
        tree.extend((RECORDS as u32).to_le_bytes());
        tree.extend([0; 4]);
        // The number of a root's entries has 16 bits, so leaves grow if there are very many blocks.
        let entries = ENTRIES.max(self.blocks.len().div_ceil(60_000));
        let leaves: Vec<_> = self.blocks.chunks(entries).collect();
        let node = (4 + entries * 32) as u64;
        let first = self.at + 48 + 4 + (leaves.len() * 24) as u64;
        tree.extend(head_of_node(false, leaves.len()));
        for (place, leaf) in (0..).zip(&leaves) {
            span(leaf, &mut tree);
            tree.extend((first + place * node).to_le_bytes());
        }
        for leaf in &leaves {
            tree.extend(head_of_node(true, leaf.len()));
            for block in *leaf {
                span(std::slice::from_ref(block), &mut tree);
                tree.extend(block.offset.to_le_bytes());
                tree.extend(block.size.to_le_bytes());
            }
        }
        self.put(&tree)
    }
}

fn head_of_node(leaf: bool, entries: usize) -> [u8; 4] {
    let [low, high] = (entries as u16).to_le_bytes();
    [u8::from(leaf), 0, low, high]
}

impl RunningTotals {
    fn add(&mut self, bases: u32, value: f32) {
        let value = f64::from(value);
        self.covered += u64::from(bases);
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        self.sum += value * f64::from(bases);
        self.squares += value * value * f64::from(bases);
    }
}
