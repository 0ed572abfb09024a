//! Zoom levels: what the writer of a file summarized over windows of a stated width.

use super::{Bbi, Header, index::BlockIndex};
use crate::bytes::Cursor;
use crate::error::Result;
use crate::genome::Region;
use std::sync::{Mutex, Weak};

/// Size of the description of a level in the file, in bytes.
const DESCRIPTION: u64 = 24;
/// Size of the number of windows, which is written before them, in bytes.
const COUNT: u64 = 4;
/// Largest size of a first block, in bytes.
const FIRST_BLOCK: u64 = 128 << 10;

/// A zoom level.
pub(crate) struct ZoomLevel {
    /// Width of its windows in bases; a window with few data may be wider.
    pub(crate) window: u32,
    data: u64,
    index: u64,
    /// Its index; read again if it has not been used for long.
    blocks: Mutex<Weak<BlockIndex>>,
}

/// The summary of one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ZoomRecord {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Number of bases that have data.
    pub(crate) covered: u32,
    pub(crate) min: f32,
    pub(crate) max: f32,
    pub(crate) sum: f32,
}

impl ZoomLevel {
    /// Returns the size of its windows in the file, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.index - self.data
    }
}

impl Bbi {
    /// Returns the zoom levels, the finest first (supplementary table 6). Those that do not lie in
    /// the file are left out.
    pub(crate) fn zoom_levels(&self) -> Result<Vec<ZoomLevel>> {
        let bytes = self.bytes(Header::SIZE as u64, u64::from(self.header.zooms) * DESCRIPTION)?;
        let mut fields = self.fields(&bytes);
        let mut next = || {
            let (window, _reserved) = (fields.u32()?, fields.u32()?);
            let (data, index) = (fields.u64()?, fields.u64()?);
            Some(ZoomLevel { window, data, index, blocks: Mutex::default() })
        };
        let mut levels: Vec<_> = std::iter::from_fn(&mut next)
            .filter(|level| level.window > 0 && level.data < level.index)
            .filter(|level| level.index < self.blob.size())
            .collect();
        levels.sort_by_key(|level| level.window);
        Ok(levels)
    }

    /// Returns the size of the records in the file, in bytes.
    pub(crate) fn record_bytes(&self) -> u64 {
        self.header.full_index.saturating_sub(self.header.data)
    }

    /// Passes on the windows of a level that overlap the region, in order.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if the level is damaged.
    pub(crate) fn each_window(
        &self,
        level: &ZoomLevel,
        region: &Region,
        mut take: impl FnMut(ZoomRecord),
    ) -> Result<()> {
        let index = self.index_of(&level.blocks, level.index)?;
        self.each_block_of(&index, region, true, |mut fields, _, id| {
            std::iter::from_fn(|| window(&mut fields))
                .filter(|(of, w)| *of == id && w.start < region.end && w.end > region.start)
                .for_each(|(_, window)| take(window));
            Ok(true)
        })
    }

    /// Returns the windows of a level's first block, of its first sequence.
    ///
    /// # Errors
    /// As [`Bbi::each_window`].
    pub(crate) fn first_windows(&self, level: &ZoomLevel) -> Result<Vec<ZoomRecord>> {
        let most = FIRST_BLOCK.min(level.bytes().saturating_sub(COUNT));
        let first = |mut fields: Cursor<'_>| -> Vec<ZoomRecord> {
            let first: Vec<_> = std::iter::from_fn(|| window(&mut fields)).collect();
            let of = first.first().map(|(id, _)| *id);
            first.into_iter().filter(|(id, _)| Some(*id) == of).map(|(_, window)| window).collect()
        };
        // bigtools does not write the number of records.
        let counted = self.block_at(level.data + COUNT, most, first);
        counted.or_else(|_| self.block_at(level.data, most, first))
    }

    /// Passes the content of the first block of records to `take`.
    ///
    /// # Errors
    /// [`crate::error::Error::Data`] if it is damaged.
    pub(crate) fn first_block<T>(&self, take: impl FnOnce(Cursor<'_>) -> T) -> Result<T> {
        let most = FIRST_BLOCK.min(self.record_bytes().saturating_sub(8));
        self.block_at(self.header.data + 8, most, take)
    }

    /// Passes the block at `offset`, of at most `most` bytes, to `take`.
    fn block_at<T>(&self, offset: u64, most: u64, take: impl FnOnce(Cursor<'_>) -> T) -> Result<T> {
        self.lend(|reader| {
            self.decompress(reader, offset, most)?;
            Ok(take(self.fields(&reader.block)))
        })
    }
}

/// Reads a window and the identifier of its sequence (supplementary table 19).
fn window(fields: &mut Cursor<'_>) -> Option<(u32, ZoomRecord)> {
    let (id, start, end, covered) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
    let (min, max, sum, _squares) = (fields.f32()?, fields.f32()?, fields.f32()?, fields.f32()?);
    Some((id, ZoomRecord { start, end, covered, min, max, sum }))
}
