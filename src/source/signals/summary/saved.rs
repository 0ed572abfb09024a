//! A serialized summary in the cache folder: the narrowest sums, the ranks, and a checksum.

use super::{FINEST_SUMS, LevelRanks, RowSample, SignalSummary};
use crate::bytes::Cursor;
use crate::source::signals::bins::{Bin, Bins};
use flate2::Crc;

/// Must change when the byte layout changes, or what is summed and ranked.
const MAGIC: &[u8; 8] = b"EVSUMS\x00\x01";
/// Sizes of a bin and of a sample in bytes.
const BIN: usize = 20;
const SAMPLE: usize = 8;

impl SignalSummary {
    /// Returns the bytes from which [`SignalSummary::from_bytes`] restores the summary.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let finest = self.sums.first().map_or(&[][..], |sums| &sums.bins);
        bytes.extend((finest.len() as u32).to_le_bytes());
        for Bin { sum, covered, min, max } in finest {
            bytes.extend(sum.to_le_bytes());
            bytes.extend(covered.to_le_bytes());
            bytes.extend(min.to_le_bytes());
            bytes.extend(max.to_le_bytes());
        }
        bytes.extend((self.ranks.len() as u32).to_le_bytes());
        for ranks in &self.ranks {
            bytes.extend(ranks.count.to_le_bytes());
            bytes.extend((ranks.samples.len() as u32).to_le_bytes());
            for RowSample { row, rank } in &ranks.samples {
                bytes.extend(row.to_le_bytes());
                bytes.extend(rank.to_le_bytes());
            }
        }
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    }

    /// Restores a summary from its bytes; none if they are damaged or have another layout.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (bytes, sum) = bytes.split_last_chunk::<4>()?;
        if checksum(bytes) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut fields = Cursor::new(bytes);
        if fields.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let bins = fields.u32()? as usize;
        let bins = fields.take(bins.checked_mul(BIN)?)?.chunks(BIN).map(bin);
        let sums = Self::widened(Bins::of(FINEST_SUMS, bins.collect::<Option<_>>()?));
        let ranks = (0..fields.u32()?).map(|_| level_ranks(&mut fields)).collect::<Option<_>>()?;
        fields.rest().is_empty().then_some(SignalSummary { sums, ranks })
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

fn bin(bytes: &[u8]) -> Option<Bin> {
    let mut fields = Cursor::new(bytes);
    let (sum, covered) = (fields.f64()?, fields.u32()?);
    Some(Bin { sum, covered, min: fields.f32()?, max: fields.f32()? })
}

fn level_ranks(fields: &mut Cursor<'_>) -> Option<LevelRanks> {
    let count = fields.u64()?;
    let samples = fields.u32()? as usize;
    let sample = |bytes| {
        let mut fields = Cursor::new(bytes);
        Some(RowSample { row: fields.u32()?, rank: fields.u32()? })
    };
    let samples = fields.take(samples.checked_mul(SAMPLE)?)?.chunks(SAMPLE).map(sample);
    Some(LevelRanks { count, samples: samples.collect::<Option<_>>()?, last: None })
}

#[cfg(test)]
mod tests {
    use super::super::EVERY;
    use super::*;
    use crate::source::Shape;

    fn summary(shape: Shape) -> SignalSummary {
        let each = |stretch: std::ops::Range<u32>, take: &mut dyn FnMut(u32, u32, f32)| {
            for at in (stretch.start..stretch.end).step_by(1000) {
                take(at, at + 2, at as f32);
            }
            Ok(())
        };
        SignalSummary::read(20_000_000, shape, each).unwrap()
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for shape in [Shape::Dense, Shape::Sparse] {
            let mut written = summary(shape);
            // Needed only while a sequence is read.
            written.ranks.iter_mut().for_each(|ranks| ranks.last = None);
            assert!(shape == Shape::Dense || written.ranks[0].count > 10 * EVERY);
            assert_eq!(SignalSummary::from_bytes(&written.to_bytes()), Some(written));
        }
    }

    #[test]
    fn damaged_bytes_are_no_summary() {
        let bytes = summary(Shape::Sparse).to_bytes();
        for at in [0, 9, 100, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(SignalSummary::from_bytes(&damaged), None, "{at}");
        }
        assert_eq!(SignalSummary::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(SignalSummary::from_bytes(&[]), None);
    }
}
