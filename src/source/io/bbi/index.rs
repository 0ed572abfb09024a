//! The index of a bigWig or bigBed: the tree of data blocks, flattened.

use super::Bbi;
use crate::bytes::memory::Size;
use crate::error::Result;

const MAGIC: u32 = 0x2468_ace0;
const HEADER: u64 = 48;
/// Size in bytes of most trees.
const SMALL: u64 = 1 << 16;
/// Deepest tree; a deeper one has a cycle.
const DEEPEST: u32 = 64;

/// A block of records: its place in the file and its span.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataBlock {
    pub(super) offset: u64,
    pub(super) size: u64,
    /// First sequence and base.
    first: (u32, u32),
    /// Last sequence, and one past the last base there.
    last: (u32, u32),
}

/// All blocks, sorted by their beginning.
#[derive(Debug)]
pub(super) struct BlockIndex {
    blocks: Vec<DataBlock>,
    /// The largest end of this block and all before it.
    reach: Vec<(u32, u32)>,
}

type Span = ((u32, u32), (u32, u32));

/// Returns whether the span of a node matches its entries. Some writers use the end of the last
/// entry as the end of all.
fn is_span((first, last): Span, entries: &[DataBlock]) -> bool {
    let firsts = || entries.iter().map(|entry| entry.first);
    let lasts = || entries.iter().map(|entry| entry.last);
    let begins = firsts().next() == Some(first) || firsts().min() == Some(first);
    begins && (lasts().next_back() == Some(last) || lasts().max() == Some(last))
}

/// Whether the header of the index, `bytes`, counts the records of the file, as that of the first
/// bedToBigBed does, and the blocks are as many as hold them.
fn counts_records(file: &Bbi, bytes: &[u8], blocks: &[DataBlock]) -> Result<bool> {
    let mut header = file.fields(bytes);
    let items = header.take(8).and_then(|_| header.u64());
    let slots = header.take(24).and_then(|_| header.u32()).filter(|slots| *slots > 0);
    let records = file.fields(&file.bytes(file.header.data, 8)?).u64();
    let (Some(items), Some(slots)) = (items, slots) else { return Ok(false) };
    // A block holds rows of one sequence only, so there may be more of them.
    Ok(records == Some(items) && blocks.len() as u64 >= items.div_ceil(slots.into()))
}

impl Size for BlockIndex {
    fn size(&self) -> usize {
        size_of_val(&*self.blocks) + size_of_val(&*self.reach)
    }
}

impl BlockIndex {
    /// Reads the tree at `start` (supplementary tables 14 to 17).
    pub(super) fn read(file: &Bbi, start: u64) -> Result<Self> {
        file.blob.expect(start..start.saturating_add(SMALL))?;
        let bytes = file.bytes(start, HEADER)?;
        let mut head = file.fields(&bytes);
        let head = (head.u32(), head.u32(), head.u64());
        let (Some(MAGIC), Some(_), Some(items)) = head else {
            return Err(file.damaged(start, "the index is damaged"));
        };
        // 32 bytes for each block, and a little for the nodes above them: from another machine, the
        // tree comes with one request.
        file.blob.expect(start..start.saturating_add(items.saturating_mul(33)))?;
        let mut blocks = Vec::new();
        let mut nodes = vec![(start + HEADER, 0, None)];
        let mut visited = 0;
        while let Some((offset, depth, span)) = nodes.pop() {
            let bytes = file.bytes(offset, 4)?;
            let (leaf, count) = (bytes[0] == 1, file.fields(&bytes[2..]).u16().unwrap_or(0));
            let entry = if leaf { 32 } else { 24 };
            let bytes = file.bytes(offset + 4, u64::from(count) * entry)?;
            // Each node takes space in the file.
            visited += 4 + u64::from(count) * entry;
            if depth > DEEPEST || visited > file.blob.size() {
                return Err(file.damaged(offset, "the index has a cycle"));
            }
            let mut fields = file.fields(&bytes);
            let next = || {
                let first = (fields.u32()?, fields.u32()?);
                let last = (fields.u32()?, fields.u32()?);
                let offset = fields.u64()?;
                let size = if leaf { fields.u64()? } else { 0 };
                Some(DataBlock { offset, size, first, last })
            };
            let entries: Vec<DataBlock> = std::iter::from_fn(next).collect();
            let sound = |entry: &DataBlock| {
                let end = entry.offset.checked_add(entry.size);
                entry.first <= entry.last && end.is_some_and(|end| end <= file.blob.size())
            };
            if !entries.iter().all(sound) || span.is_some_and(|span| !is_span(span, &entries)) {
                // A reader that trusted it would miss rows.
                return Err(file.damaged(offset, "the index is damaged; write the file again"));
            }
            if leaf {
                blocks.extend(entries);
            } else {
                let spans = |e: DataBlock| (e.offset, depth + 1, Some((e.first, e.last)));
                nodes.extend(entries.into_iter().map(spans));
            }
        }
        let known = |id| file.ids.binary_search(&id).is_ok();
        let unknown = blocks.iter().any(|block| !known(block.first.0) || !known(block.last.0));
        if unknown || (blocks.len() as u64 != items && !counts_records(file, &bytes, &blocks)?) {
            let what = format!("the index counts {items} blocks and lists {}", blocks.len());
            let what = if unknown { "the index has unknown sequences" } else { &what };
            return Err(file.damaged(start, what));
        }
        blocks.sort_by_key(|block| (block.first, block.offset));
        let mut furthest = (0, 0);
        let reach = blocks.iter().map(|block| {
            furthest = furthest.max(block.last);
            furthest
        });
        Ok(BlockIndex { reach: reach.collect(), blocks })
    }

    /// Returns the blocks that may overlap `[start, end)` of the sequence with that identifier.
    pub(super) fn overlapping(
        &self,
        id: u32,
        start: u32,
        end: u32,
    ) -> impl Iterator<Item = &DataBlock> {
        let first = self.reach.partition_point(|reach| *reach <= (id, start));
        let last = self.blocks.partition_point(|block| block.first < (id, end));
        let candidates = self.blocks.get(first..last).unwrap_or_default().iter();
        candidates.filter(move |block| block.last > (id, start))
    }
}
