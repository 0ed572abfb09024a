//! A summary in the cache folder: sums, ranks and checksums, of which a view reads only its part.
//!
//! A table of contents is followed by the sums of each width and the samples of each ranked level,
//! in chunks that each end with their checksum.

use super::ranks::RowSample;
use super::{SUMS, SignalSummary, level_index};
use crate::bytes::block_cache::{BLOCKS, CachedBlock};
use crate::bytes::{Blob, Cursor, Input};
use crate::source::Level;
use crate::source::signals::bins::{Bin, Bins};
use flate2::Crc;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Must change when the byte layout changes, or what is summed and ranked.
const MAGIC: &[u8; 8] = b"EVSUMS\x00\x02";
/// Sizes of a bin, of a sample and of a checksum in bytes.
const BIN: usize = 20;
const SAMPLE: usize = 8;
const CHECKSUM: usize = 4;
/// Number of bins or samples in a chunk. A view has about 1,000 bins.
const CHUNK: usize = 512;

/// A summary in the cache folder.
#[derive(Debug)]
pub(crate) struct SavedSummary {
    blob: Blob,
    /// The sums for each width of [`SUMS`].
    sums: Vec<Chunks>,
    ranks: Vec<SavedRanks>,
}

/// The place of equally long items in the file.
#[derive(Debug)]
struct Chunks {
    offset: u64,
    /// Number of items, and the bytes of one.
    count: usize,
    item: usize,
}

/// The samples of one level.
#[derive(Debug)]
struct SavedRanks {
    count: u64,
    /// The first sample of each chunk.
    firsts: Vec<RowSample>,
    samples: Chunks,
}

impl Chunks {
    /// Returns the range of items in a chunk.
    fn items(&self, chunk: usize) -> Range<usize> {
        chunk * CHUNK..((chunk + 1) * CHUNK).min(self.count)
    }

    /// Returns the offset after the last chunk.
    fn end(&self) -> u64 {
        let checksums = self.count.div_ceil(CHUNK) * CHECKSUM;
        self.offset + (self.count * self.item + checksums) as u64
    }

    /// Returns the items of a chunk; none if it cannot be read or is damaged.
    fn read(&self, blob: &Blob, chunk: usize) -> Option<Arc<CachedBlock>> {
        let offset = self.offset + (chunk * (CHUNK * self.item + CHECKSUM)) as u64;
        let key = (blob.id(), offset);
        if let Some(known) = BLOCKS.get(key) {
            return Some(known);
        }
        let length = self.items(chunk).len() * self.item;
        let mut bytes = vec![0; length + CHECKSUM];
        let read = blob.read_at(offset, &mut bytes).ok()?;
        if read < bytes.len() || !is_intact(&bytes) {
            return None;
        }
        bytes.truncate(length);
        let block = Arc::new(CachedBlock { bytes, next: 0 });
        BLOCKS.insert(key, &block);
        Some(block)
    }
}

impl SavedSummary {
    /// Opens a saved summary; none if there is none, or if it is damaged or has another layout.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let blob = Blob::open(&Input::File(path.to_owned())).ok()?;
        let mut head = [0; MAGIC.len() + 4];
        blob.read_at(0, &mut head).ok()?;
        let mut fields = Cursor::new(&head);
        if fields.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let length = fields.u32()?;
        if u64::from(length) > blob.size() {
            return None;
        }
        let mut contents = vec![0; length as usize];
        blob.read_at(head.len() as u64, &mut contents).ok()?;
        if !is_intact(&contents) {
            return None;
        }
        let mut fields = Cursor::new(&contents);
        let (finest, levels) = (fields.u32()? as usize, fields.u32()?);
        let mut offset = head.len() as u64 + u64::from(length);
        let mut next = |count, item| {
            let chunks = Chunks { offset, count, item };
            offset = chunks.end();
            chunks
        };
        let width = |shift: &u8| 1 << (shift - SUMS[0]);
        let sums = SUMS.iter().map(|shift| next(finest.div_ceil(width(shift)), BIN)).collect();
        let ranks = (0..levels).map(|_| {
            let (count, samples) = (fields.u64()?, next(fields.u32()? as usize, SAMPLE));
            let firsts = (0..samples.count.div_ceil(CHUNK)).map(|_| sample(&mut fields));
            Some(SavedRanks { count, firsts: firsts.collect::<Option<_>>()?, samples })
        });
        let ranks = ranks.collect::<Option<_>>()?;
        (offset == blob.size()).then_some(SavedSummary { blob, sums, ranks })
    }

    /// Returns whether all of it can be read.
    pub(super) fn is_intact(&self) -> bool {
        let all = self.sums.iter().chain(self.ranks.iter().map(|ranks| &ranks.samples));
        let mut chunks =
            all.flat_map(|all| (0..all.count.div_ceil(CHUNK)).map(move |at| (all, at)));
        chunks.all(|(all, at)| all.read(&self.blob, at).is_some())
    }

    /// As [`super::StoredSummary::sums`].
    pub(super) fn sums(&self, shift: u8, wanted: Range<u32>) -> Option<Vec<Bin>> {
        let place = SUMS.iter().rposition(|own| *own <= shift)?;
        let (chunks, more) = (&self.sums[place], shift - SUMS[place]);
        let at = |bin: u32| ((bin as usize) << more).min(chunks.count);
        let narrow = at(wanted.start)..at(wanted.end);
        let mut bins = Vec::with_capacity(narrow.len());
        let mut next = narrow.start;
        while next < narrow.end {
            let chunk = next / CHUNK;
            let items = chunks.items(chunk);
            let block = chunks.read(&self.blob, chunk)?;
            let end = items.end.min(narrow.end);
            let part = block.bytes.get((next - items.start) * BIN..(end - items.start) * BIN)?;
            bins.extend(part.chunks_exact(BIN).filter_map(bin));
            next = end;
        }
        let bins = Bins::from(SUMS[place], narrow.start as u32, bins);
        Some(bins.widen(shift, wanted))
    }

    /// As [`super::StoredSummary::sample_before`].
    pub(super) fn sample_before(&self, level: Level, row: u32) -> Option<RowSample> {
        let Some(ranks) = self.ranks.get(level_index(level)) else {
            return Some(RowSample::default());
        };
        let chunk = ranks.firsts.partition_point(|first| first.row <= row);
        let Some(chunk) = chunk.checked_sub(1) else {
            return Some(RowSample::at_most(ranks.firsts.first(), row));
        };
        let samples = ranks.read(&self.blob, chunk)?;
        let index = samples.partition_point(|sample| sample.row <= row).saturating_sub(1);
        Some(RowSample::at_most(samples.get(index), row))
    }

    /// Returns the number of rows before `row`, or a few more.
    pub(super) fn rank(&self, level: Level, row: u32) -> Option<u64> {
        let Some(ranks) = self.ranks.get(level_index(level)) else { return Some(0) };
        let next = ranks.firsts.partition_point(|first| first.row < row);
        let samples = match next.checked_sub(1) {
            Some(chunk) => ranks.read(&self.blob, chunk)?,
            None => Vec::new(),
        };
        let within = samples.iter().find(|sample| sample.row >= row);
        let sample = within.or(ranks.firsts.get(next));
        Some(sample.map_or(ranks.count, |sample| sample.rank.into()))
    }
}

impl SavedRanks {
    fn read(&self, blob: &Blob, chunk: usize) -> Option<Vec<RowSample>> {
        let block = self.samples.read(blob, chunk)?;
        block.bytes.chunks_exact(SAMPLE).map(|bytes| sample(&mut Cursor::new(bytes))).collect()
    }
}

impl SignalSummary {
    /// Returns the content of the file that [`SavedSummary::open`] opens.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut contents = Vec::new();
        let finest = self.sums.first().map_or(0, |sums| sums.bins.len());
        contents.extend((finest as u32).to_le_bytes());
        contents.extend((self.ranks.len() as u32).to_le_bytes());
        for ranks in &self.ranks {
            contents.extend(ranks.count.to_le_bytes());
            contents.extend((ranks.samples.len() as u32).to_le_bytes());
            ranks
                .samples
                .iter()
                .step_by(CHUNK)
                .for_each(|first| write_sample(&mut contents, first));
        }
        finish(&mut contents, 0);
        let mut bytes = MAGIC.to_vec();
        bytes.extend((contents.len() as u32).to_le_bytes());
        bytes.extend(contents);
        self.sums.iter().for_each(|sums| write_chunks(&mut bytes, &sums.bins, write_bin));
        self.ranks.iter().for_each(|ranks| write_chunks(&mut bytes, &ranks.samples, write_sample));
        bytes
    }
}

fn write_chunks<T>(bytes: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    for chunk in items.chunks(CHUNK) {
        let start = bytes.len();
        chunk.iter().for_each(|item| write(bytes, item));
        finish(bytes, start);
    }
}

/// Appends the checksum of the bytes from `start` on.
fn finish(bytes: &mut Vec<u8>, start: usize) {
    let sum = checksum(&bytes[start..]);
    bytes.extend(sum.to_le_bytes());
}

/// Returns whether the last bytes are the checksum of those before.
fn is_intact(bytes: &[u8]) -> bool {
    let split = bytes.split_last_chunk::<CHECKSUM>();
    split.is_some_and(|(bytes, sum)| checksum(bytes) == u32::from_le_bytes(*sum))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

fn write_bin(bytes: &mut Vec<u8>, bin: &Bin) {
    bytes.extend(bin.sum.to_le_bytes());
    bytes.extend(bin.covered.to_le_bytes());
    bytes.extend(bin.min.to_le_bytes());
    bytes.extend(bin.max.to_le_bytes());
}

fn bin(bytes: &[u8]) -> Option<Bin> {
    let mut fields = Cursor::new(bytes);
    let (sum, covered) = (fields.f64()?, fields.u32()?);
    Some(Bin { sum, covered, min: fields.f32()?, max: fields.f32()? })
}

fn write_sample(bytes: &mut Vec<u8>, sample: &RowSample) {
    bytes.extend(sample.row.to_le_bytes());
    bytes.extend(sample.rank.to_le_bytes());
}

fn sample(fields: &mut Cursor<'_>) -> Option<RowSample> {
    Some(RowSample { row: fields.u32()?, rank: fields.u32()? })
}

#[cfg(test)]
mod tests {
    use super::super::{FINEST_SUMS, StoredSummary};
    use super::*;
    use crate::genome::Region;
    use crate::source::Shape;
    use proptest::prelude::*;
    use std::path::PathBuf;

    /// Makes the summary of points that are `step` bases apart.
    fn summary(shape: Shape, step: u32) -> SignalSummary {
        let each = |stretch: Range<u32>, take: &mut dyn FnMut(u32, u32, f32)| {
            let first = stretch.start.next_multiple_of(step);
            for at in (first..stretch.end).step_by(step as usize) {
                take(at, at + 2, at as f32);
            }
            Ok(())
        };
        SignalSummary::read(40_000_000, shape, each).unwrap()
    }

    /// Saves a summary in a folder.
    fn save(summary: &SignalSummary, folder: &Path) -> PathBuf {
        let file = folder.join("sums");
        std::fs::write(&file, summary.to_bytes()).unwrap();
        file
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Compares what is read of the file with the summary that was written.
        #[test]
        fn parts_that_are_read_are_those_that_were_written(
            step in 2u32..5000, regions in proptest::collection::vec((0u32..41_000_000, 0u32..30_000_000), 8),
        ) {
            let folder = tempfile::tempdir().unwrap();
            for shape in [Shape::Dense, Shape::Sparse] {
                let written = Arc::new(summary(shape, step));
                let file = save(&written, folder.path());
                let saved = SavedSummary::open(&file).unwrap();
                prop_assert!(saved.is_intact());
                let stored = StoredSummary::Saved(Arc::new(saved));
                let memory = StoredSummary::Memory(written);
                for (start, length) in &regions {
                    let region = Region::new("x", *start, start + length);
                    for shift in FINEST_SUMS..=28 {
                        let bins = start >> shift..(start + length) >> shift;
                        let (read, expected) = (stored.sums(shift, bins.clone()), memory.sums(shift, bins));
                        prop_assert_eq!(read, expected);
                    }
                    let levels = (1..=28).map(|shift| Level::Bins { shift });
                    for level in levels.chain([Level::Records]) {
                        let row = start / level.width();
                        prop_assert_eq!(stored.sample_before(level, row), memory.sample_before(level, row));
                        prop_assert_eq!(stored.rows(&region, level), memory.rows(&region, level));
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_and_last_rows_of_chunks_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let written = Arc::new(summary(Shape::Sparse, 100));
        let saved = SavedSummary::open(&save(&written, folder.path())).unwrap();
        let ranks = &saved.ranks[0];
        assert!(ranks.firsts.len() > 20);
        let memory = StoredSummary::Memory(written);
        let firsts: Vec<u32> = ranks.firsts.iter().map(|first| first.row).collect();
        let stored = StoredSummary::Saved(Arc::new(saved));
        for row in firsts.into_iter().flat_map(|row| [row.saturating_sub(1), row, row + 1]) {
            let level = Level::Records;
            assert_eq!(stored.sample_before(level, row), memory.sample_before(level, row));
            let region = Region::new("x", row, 40_000_000);
            assert_eq!(stored.rows(&region, level), memory.rows(&region, level));
        }
    }

    #[test]
    fn damaged_bytes_are_no_summary() {
        let folder = tempfile::tempdir().unwrap();
        let file = save(&summary(Shape::Sparse, 1000), folder.path());
        let bytes = std::fs::read(&file).unwrap();
        let check = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            SavedSummary::open(&file).is_some_and(|saved| saved.is_intact())
        };
        assert!(check(&bytes));
        for at in [0, 9, 20, 100, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(!check(&damaged), "{at}");
        }
        for length in [bytes.len() - 1, bytes.len() / 2, 12, 8, 0] {
            assert!(!check(&bytes[..length]), "{length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(!check(&longer));
    }
}
