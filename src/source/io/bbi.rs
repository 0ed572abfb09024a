//! The container of bigWig and bigBed: header, sequences, index, compressed blocks.
//!
//! This is a reader of our own, because bigtools trusts every size in a damaged file: a flipped bit
//! in the index makes it allocate terabytes, which ends the process. Here no buffer is larger than
//! the file and the header allow. Layout: Kent et al., "BigWig and BigBed: enabling browsing of
//! large distributed datasets", Bioinformatics 2010, supplementary tables 5 to 17.

mod index;
pub(crate) mod write;
mod zoom;

use crate::bytes::block_cache::{BLOCKS, CachedBlock};
use crate::bytes::memory::RECENT;
use crate::bytes::pool::Pool;
use crate::bytes::{Blob, Cursor, Input, near};
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Region, Sequences};
use flate2::{Decompress, FlushDecompress, Status};
use index::BlockIndex;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
pub(crate) use zoom::{ZoomLevel, ZoomRecord};

/// Largest decompressed block, in bytes; a header that states more is damaged.
const LARGEST_BLOCK: u32 = 64 << 20;
/// Longest description of columns, in bytes.
const LONGEST_AUTO_SQL: u64 = 1 << 20;
/// Largest distance from the beginning of the index to the end of the file, in bytes, for which the
/// index is checked when the file is opened.
const CHECKED_INDEX: u64 = 1 << 20;
const CHROMOSOME_TREE: u32 = 0x78ca_8c91;

/// An open bigWig or bigBed file.
pub(crate) struct Bbi {
    blob: Blob,
    swapped: bool,
    header: Header,
    sequences: Arc<Sequences>,
    /// The identifier that the file gives to each of `sequences`.
    ids: Vec<u32>,
    /// The index; read again if it has not been used for long.
    index: Mutex<Weak<BlockIndex>>,
}

/// The fields of the header that are used.
struct Header {
    chromosome_tree: u64,
    data: u64,
    full_index: u64,
    columns: (u16, u16),
    auto_sql: u64,
    summary: u64,
    block_size: u32,
    /// Number of zoom levels.
    zooms: u16,
}

/// Totals over the whole file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Number of bases that have data.
    pub(crate) covered: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// The buffers of all files: as many as threads read at once.
static READERS: Pool<BlockReader> = Pool::empty();
/// Larger buffers than this, in bytes, are not reused.
const LARGE_BUFFER: usize = 4 << 20;

/// The buffers of a reader, which are reused.
struct BlockReader {
    inflate: Decompress,
    compressed: Vec<u8>,
    block: Vec<u8>,
}

impl BlockReader {
    fn new() -> Self {
        BlockReader { inflate: Decompress::new(true), compressed: Vec::new(), block: Vec::new() }
    }
}

impl Bbi {
    /// Opens a file that begins with `magic` in either byte order.
    pub(crate) fn open(input: &Input, magic: u32) -> Result<Self> {
        let blob = Blob::open(input)?;
        let mut bytes = [0; Header::SIZE];
        if blob.read_at(0, &mut bytes)? < Header::SIZE {
            let what = "the file ends in its header; is the copy complete?";
            return Err(Error::data(blob.path(), "", what));
        }
        let swapped = bytes[..4] == magic.to_be_bytes();
        if !swapped && bytes[..4] != magic.to_le_bytes() {
            let what = "does not begin like a file of this format";
            return Err(Error::data(blob.path(), "offset 0", what));
        }
        let header = Header::read(Cursor::in_order(&bytes, swapped));
        let damaged = || Error::data(blob.path(), "offset 0", "the header is damaged");
        let mut file = Bbi {
            header: header.ok_or_else(damaged)?,
            blob,
            swapped,
            sequences: Arc::default(),
            ids: Vec::new(),
            index: Mutex::default(),
        };
        file.read_sequences()?;
        if file.sequences.is_empty() {
            return Err(file.damaged(file.header.chromosome_tree, "the file has no sequences"));
        }
        // A damaged index is reported now, not when a page requests rows, unless reading it takes
        // long. It is not stored, because of many files only a few are viewed.
        if file.blob.size().saturating_sub(file.header.full_index) < CHECKED_INDEX {
            BlockIndex::read(&file, file.header.full_index)?;
        }
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        self.blob.path()
    }

    /// Returns the sequences that have data, with their lengths.
    pub(crate) fn sequences(&self) -> &Arc<Sequences> {
        &self.sequences
    }

    /// Returns the error for damage at `offset`.
    pub(crate) fn damaged(&self, offset: u64, what: &str) -> Error {
        Error::data(self.blob.path(), format!("offset {offset}"), what)
    }

    /// Returns the totals of the file; none if it has none.
    pub(crate) fn totals(&self) -> Result<Option<Totals>> {
        if self.header.summary == 0 {
            return Ok(None);
        }
        let bytes = self.bytes(self.header.summary, 24)?;
        let mut fields = self.fields(&bytes);
        let totals =
            || Some(Totals { covered: fields.u64()?, min: fields.f64()?, max: fields.f64()? });
        Ok({ totals }())
    }

    /// Returns the number of columns of a bigBed, and the number of standard BED columns among
    /// them.
    pub(crate) fn columns(&self) -> (usize, usize) {
        (self.header.columns.0.into(), self.header.columns.1.into())
    }

    /// Returns the number of records that a bigBed states.
    pub(crate) fn records(&self) -> Result<u64> {
        let bytes = self.bytes(self.header.data, 8)?;
        Ok(self.fields(&bytes).u64().unwrap_or(0))
    }

    /// Returns the autoSql description of a bigBed's columns; empty if it has none.
    pub(crate) fn auto_sql(&self) -> Result<String> {
        let longest = self.blob.size().saturating_sub(self.header.auto_sql).min(LONGEST_AUTO_SQL);
        let bytes = match self.header.auto_sql {
            0 => Vec::new(),
            offset => self.bytes(offset, longest)?,
        };
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Calls `take` with the content of each block that may hold records overlapping the region,
    /// its offset, and the identifier of the sequence, in order, until it returns false.
    pub(crate) fn each_block(
        &self,
        region: &Region,
        take: impl FnMut(Cursor<'_>, u64, u32) -> Result<bool>,
    ) -> Result<()> {
        let length = self.sequences.get(&region.sequence).map_or(0, |sequence| sequence.length);
        let index = self.index_of(&self.index, self.header.full_index)?;
        // A whole sequence is read to build a summary that is stored, so its blocks are not cached.
        self.each_block_of(&index, region, region.len() < length, take)
    }

    /// The same with the blocks of an index, which are kept in memory if `cached`.
    fn each_block_of(
        &self,
        index: &BlockIndex,
        region: &Region,
        cached: bool,
        mut take: impl FnMut(Cursor<'_>, u64, u32) -> Result<bool>,
    ) -> Result<()> {
        let Some(sequence) = self.sequences.position(&region.sequence) else { return Ok(()) };
        let id = self.ids[sequence];
        let blocks = index.overlapping(id, region.start, region.end);
        self.blob.expect(near(blocks.map(|block| block.offset..block.offset + block.size)))?;
        self.lend(|reader| {
            for block in index.overlapping(id, region.start, region.end) {
                let key = (self.blob.id(), block.offset);
                let known = BLOCKS.get(key);
                let bytes = if let Some(known) = &known {
                    &known.bytes
                } else {
                    self.decompress(reader, block.offset, block.size)?;
                    if cached {
                        let block = CachedBlock { bytes: reader.block.clone(), next: 0 };
                        BLOCKS.insert(key, &Arc::new(block));
                    }
                    &reader.block
                };
                let fields = Cursor::in_order(bytes, self.swapped);
                if !take(fields, block.offset, id)? {
                    break;
                }
            }
            Ok(())
        })
    }

    fn fields<'a>(&self, bytes: &'a [u8]) -> Cursor<'a> {
        Cursor::in_order(bytes, self.swapped)
    }

    fn lend<T>(&self, work: impl FnOnce(&mut BlockReader) -> Result<T>) -> Result<T> {
        READERS.lend(
            || Ok(BlockReader::new()),
            |reader| {
                let result = work(reader);
                reader.compressed.shrink_to(LARGE_BUFFER);
                reader.block.shrink_to(LARGE_BUFFER);
                result
            },
        )
    }

    /// Reads bytes of the file; an error if the file ends before them.
    fn bytes(&self, offset: u64, count: u64) -> Result<Vec<u8>> {
        self.lend(|reader| {
            self.fill(reader, offset, count)?;
            Ok(std::mem::take(&mut reader.compressed))
        })
    }

    fn fill(&self, reader: &mut BlockReader, offset: u64, count: u64) -> Result<()> {
        let short = || self.damaged(offset, "the file ends before this; is the copy complete?");
        if offset.checked_add(count).is_none_or(|end| end > self.blob.size()) {
            return Err(short());
        }
        reader.compressed.resize(count as usize, 0);
        let read = self.blob.read_at(offset, &mut reader.compressed)?;
        if read < reader.compressed.len() { Err(short()) } else { Ok(()) }
    }

    /// Reads a block into the reader's buffer and decompresses it.
    fn decompress(&self, reader: &mut BlockReader, offset: u64, size: u64) -> Result<()> {
        self.fill(reader, offset, size)?;
        if self.header.block_size == 0 {
            std::mem::swap(&mut reader.compressed, &mut reader.block);
            return Ok(());
        }
        reader.inflate.reset(true);
        reader.block.clear();
        reader.block.reserve(self.header.block_size as usize);
        let done = reader.inflate.decompress_vec(
            &reader.compressed,
            &mut reader.block,
            FlushDecompress::Finish,
        );
        if matches!(done, Ok(Status::StreamEnd)) {
            return Ok(());
        }
        Err(self.damaged(offset, "a block of data is damaged"))
    }

    /// Returns the index at `start`, which is kept in `slot` as long as there is room.
    fn index_of(&self, slot: &Mutex<Weak<BlockIndex>>, start: u64) -> Result<Arc<BlockIndex>> {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match slot.upgrade() {
            Some(index) => index,
            None => Arc::new(BlockIndex::read(self, start)?),
        };
        *slot = Arc::downgrade(&index);
        RECENT.hold(&index);
        Ok(index)
    }

    /// Walks the tree of sequence names (supplementary tables 8 to 11).
    fn read_sequences(&mut self) -> Result<()> {
        let start = self.header.chromosome_tree;
        let bytes = self.bytes(start, 32)?;
        let mut fields = self.fields(&bytes);
        let head =
            || Some((fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?, fields.u64()?));
        let (magic, key) = match { head }() {
            Some((magic, _, key, 8, _)) => (magic, key as usize),
            _ => return Err(self.damaged(start, "the list of sequences is damaged")),
        };
        if magic != CHROMOSOME_TREE || !(1..=1 << 16).contains(&key) {
            return Err(self.damaged(start, "the list of sequences is damaged"));
        }
        let mut nodes = vec![start + 32];
        let mut found = Vec::new();
        let mut visited = 0;
        while let Some(offset) = nodes.pop() {
            let bytes = self.bytes(offset, 4)?;
            let (leaf, count) = (bytes[0] == 1, self.fields(&bytes[2..]).u16().unwrap_or(0));
            let bytes = self.bytes(offset + 4, u64::from(count) * (key as u64 + 8))?;
            // Each node takes space in the file, so more nodes than fit mean a cycle.
            visited += 4 + bytes.len() as u64;
            if visited > self.blob.size() {
                return Err(self.damaged(offset, "the list of sequences has a cycle"));
            }
            let mut fields = self.fields(&bytes);
            while let Some(name) = fields.take(key) {
                match (leaf, fields) {
                    (true, mut fields) => found.extend(sequence(name, &mut fields)),
                    (false, mut fields) => nodes.extend(fields.u64()),
                }
                fields.take(8);
            }
        }
        found.sort_by_key(|(_, id, _)| *id);
        let mut sequences = Sequences::with_room_for(found.len());
        for (name, id, length) in found {
            if !(1..=MAX_POSITION).contains(&length) {
                let what = format!("sequence '{name}' has an invalid length of {length} bases");
                return Err(self.damaged(start, &what));
            }
            if sequences.index_or_add(&name) == self.ids.len() {
                sequences.lengthen(self.ids.len(), length);
                self.ids.push(id);
            }
        }
        self.sequences = Arc::new(sequences);
        Ok(())
    }
}

/// Reads the name, identifier and length of a sequence.
fn sequence(name: &[u8], fields: &mut Cursor<'_>) -> Option<(String, u32, u32)> {
    let name = name.split(|byte| *byte == 0).next()?;
    Some((String::from_utf8_lossy(name).into_owned(), fields.u32()?, fields.u32()?))
}

impl Header {
    /// Its size in bytes; the descriptions of the zoom levels follow.
    const SIZE: usize = 64;

    /// Reads the header (supplementary table 5).
    fn read(mut fields: Cursor<'_>) -> Option<Self> {
        let (_magic, _version, zooms) = (fields.u32()?, fields.u16()?, fields.u16()?);
        let (chromosome_tree, data, full_index) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (columns, auto_sql) = ((fields.u16()?, fields.u16()?), fields.u64()?);
        let (summary, block_size) = (fields.u64()?, fields.u32()?);
        (block_size <= LARGEST_BLOCK).then_some(Header {
            chromosome_tree,
            data,
            full_index,
            columns,
            auto_sql,
            summary,
            block_size,
            zooms,
        })
    }
}
