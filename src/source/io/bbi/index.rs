//! The tree that says where in the file the blocks of each region are, flattened.

use super::Bbi;
use crate::error::Result;

const MAGIC: u32 = 0x2468_ace0;
const HEADER: u64 = 48;
/// No writer builds a deeper tree; a deeper one runs in a circle.
const DEEPEST: u32 = 64;

/// A block of records: where it lies, and what it spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) offset: u64,
    pub(super) size: u64,
    /// First sequence and base.
    first: (u32, u32),
    /// Last sequence, and one past the last base there.
    last: (u32, u32),
}

/// All blocks, sorted by where they begin.
#[derive(Debug)]
pub(super) struct Index {
    blocks: Vec<Block>,
    /// The furthest end among this block and those before it.
    reach: Vec<(u32, u32)>,
}

impl Index {
    /// Reads the tree at `start` (supplementary tables 14 to 17).
    pub(super) fn read(file: &Bbi, start: u64) -> Result<Self> {
        let bytes = file.bytes(start, HEADER)?;
        if file.fields(&bytes).u32() != Some(MAGIC) {
            return Err(file.damaged(start, "the index is damaged"));
        }
        let mut blocks = Vec::new();
        let mut nodes = vec![(start + HEADER, 0)];
        let mut visited = 0;
        while let Some((offset, depth)) = nodes.pop() {
            let bytes = file.bytes(offset, 4)?;
            let (leaf, count) = (bytes[0] == 1, file.fields(&bytes[2..]).u16().unwrap_or(0));
            let entry = if leaf { 32 } else { 24 };
            let bytes = file.bytes(offset + 4, u64::from(count) * entry)?;
            // Each node takes room in the file.
            visited += 4 + u64::from(count) * entry;
            if depth > DEEPEST || visited > file.length {
                return Err(file.damaged(offset, "the index runs in a circle"));
            }
            let mut fields = file.fields(&bytes);
            let mut next = || {
                let first = (fields.u32()?, fields.u32()?);
                let last = (fields.u32()?, fields.u32()?);
                let offset = fields.u64()?;
                let size = if leaf { fields.u64()? } else { 0 };
                Some(Block { offset, size, first, last })
            };
            let entries = std::iter::from_fn(&mut next);
            match leaf {
                true => blocks.extend(entries),
                false => nodes.extend(entries.map(|entry| (entry.offset, depth + 1))),
            }
        }
        blocks.sort_by_key(|block| (block.first, block.offset));
        let mut furthest = (0, 0);
        let reach = blocks.iter().map(|block| {
            furthest = furthest.max(block.last);
            furthest
        });
        Ok(Index { reach: reach.collect(), blocks })
    }

    /// The blocks that may hold something of `[start, end)` on the sequence with that identifier.
    pub(super) fn overlapping(
        &self,
        id: u32,
        start: u32,
        end: u32,
    ) -> impl Iterator<Item = &Block> {
        let first = self.reach.partition_point(|reach| *reach <= (id, start));
        let last = self.blocks.partition_point(|block| block.first < (id, end));
        let candidates = self.blocks.get(first..last).unwrap_or_default().iter();
        candidates.filter(move |block| block.last > (id, start))
    }
}
