//! Compact result of one pass over a whole sequence: sums of wide bins, and ranks of rows.

mod by_sequence;
mod saved;

use crate::bytes::helpers::HELPERS;
use crate::error::Result;
use crate::genome::Region;
use crate::source::signals::bins::{Bin, Bins};
use crate::source::{Level, Shape};
pub(crate) use by_sequence::Summaries;
use std::ops::Range;

/// Widths (log2) of the bins whose sums a summary holds: 2,048 bases (3 MB for human chromosome 1)
/// and 8,192 bases. Narrower bins are summed from the records of the region, at most a few thousand
/// for one view of a page.
const SUMS: [u8; 2] = [11, 13];
/// Width (log2) of the narrowest bins whose sums a summary holds.
pub(crate) const FINEST_SUMS: u8 = SUMS[0];
/// Levels with bins narrower than this (log2) are ranked by samples, others by counting bins.
pub(crate) const RANKED: u8 = SUMS[1];
/// Number of rows of a level from one sample to the next.
const EVERY: u64 = 16;
/// Width (log2) of the stretches of a sequence that are read in parallel: 16 Mb.
const STRETCH: u8 = 24;

/// Returns the stretches of a sequence of that length that are read in parallel, in bases.
pub(crate) fn stretches(length: u32) -> Vec<Range<u32>> {
    let end = |at: u32| ((u64::from(at) + 1) << STRETCH).min(length.into()) as u32;
    (0..length.div_ceil(1 << STRETCH)).map(|at| at << STRETCH..end(at)).collect()
}

/// The summary of the signal of one sequence.
#[derive(Debug, PartialEq)]
pub(crate) struct SignalSummary {
    /// The sums for each width of [`SUMS`].
    sums: Vec<Bins>,
    /// For sparse signals: the ranks of records, then of the bins of each width below [`RANKED`].
    ranks: Vec<LevelRanks>,
}

/// The number of rows of one level, and the positions of some of them.
#[derive(Debug, Default, PartialEq)]
struct LevelRanks {
    count: u64,
    samples: Vec<RowSample>,
    last: Option<u32>,
}

/// A row and its rank.
#[derive(Clone, Copy, Debug, PartialEq)]
struct RowSample {
    /// The first base of a record, or the number of a bin.
    row: u32,
    rank: u32,
}

impl LevelRanks {
    fn add(&mut self, row: u32) {
        if self.last != Some(row) {
            if self.count.is_multiple_of(EVERY) {
                self.samples.push(RowSample { row, rank: self.count as u32 });
            }
            self.count += 1;
            self.last = Some(row);
        }
    }

    /// Adds the rows of the next stretch.
    fn append(&mut self, next: &LevelRanks) {
        let before = self.count as u32;
        let moved =
            next.samples.iter().map(|sample| RowSample { rank: before + sample.rank, ..*sample });
        self.samples.extend(moved);
        self.count += next.count;
    }

    /// Returns the last sample at or before `row`; if there is none, `row` with rank 0.
    fn before(&self, row: u32) -> RowSample {
        let index = self.samples.partition_point(|sample| sample.row <= row).saturating_sub(1);
        let first = RowSample { row, rank: 0 };
        self.samples
            .get(index)
            .map_or(first, |sample| RowSample { row: sample.row.min(row), ..*sample })
    }

    /// Returns the number of rows before `row`, or at most [`EVERY`] more.
    fn rank(&self, row: u32) -> u64 {
        let index = self.samples.partition_point(|sample| sample.row < row);
        self.samples.get(index).map_or(self.count, |sample| sample.rank.into())
    }
}

impl SignalSummary {
    fn empty(shape: Shape) -> Self {
        let levels = if shape == Shape::Sparse { RANKED } else { 0 };
        SignalSummary {
            sums: Vec::new(),
            ranks: (0..levels).map(|_| LevelRanks::default()).collect(),
        }
    }

    /// Reads a sequence of that length, its stretches in parallel. `each` passes on the records
    /// that overlap a stretch, in order: start, end, value.
    ///
    /// # Errors
    /// The first error of `each` in the order of the sequence.
    pub(crate) fn read(
        length: u32,
        shape: Shape,
        each: impl Fn(Range<u32>, &mut dyn FnMut(u32, u32, f32)) -> Result<()> + Sync,
    ) -> Result<Self> {
        let parts = HELPERS.map(&stretches(length), |stretch| Self::of(stretch, shape, &each));
        let mut whole = Self::empty(shape);
        let mut finest = Bins::new(FINEST_SUMS, 0, 0);
        for part in parts {
            let part = part?;
            part.sums.into_iter().for_each(|mut sums| finest.bins.append(&mut sums.bins));
            whole.ranks.iter_mut().zip(&part.ranks).for_each(|(all, next)| all.append(next));
        }
        whole.sums = Self::widened(finest);
        Ok(whole)
    }

    /// Creates the summary of a dense signal from its sums in all bins of the narrowest width.
    pub(crate) fn from_sums(bins: Vec<Bin>) -> Self {
        SignalSummary { sums: Self::widened(Bins::of(FINEST_SUMS, bins)), ranks: Vec::new() }
    }

    /// Computes the sums of all widths from those of the narrowest.
    fn widened(finest: Bins) -> Vec<Bins> {
        let wider = SUMS[1..].iter().map(|shift| {
            let count = (finest.bins.len() as u32).div_ceil(1 << (shift - FINEST_SUMS));
            Bins::of(*shift, finest.widen(*shift, 0..count))
        });
        let wider: Vec<_> = wider.collect();
        [finest].into_iter().chain(wider).collect()
    }

    /// Reads one stretch, with sums of the narrowest bins only.
    fn of(
        stretch: &Range<u32>,
        shape: Shape,
        each: &impl Fn(Range<u32>, &mut dyn FnMut(u32, u32, f32)) -> Result<()>,
    ) -> Result<Self> {
        let mut part = Self::empty(shape);
        let count = (stretch.end - stretch.start).div_ceil(1 << FINEST_SUMS);
        let mut sums = Bins::new(FINEST_SUMS, stretch.start >> FINEST_SUMS, count);
        each(stretch.clone(), &mut |start, end, value| {
            sums.add(start, end, value);
            let Some((records, bins)) = part.ranks.split_first_mut() else { return };
            // A record that begins in the previous stretch is ranked there.
            if start >= stretch.start {
                records.add(start);
            }
            let (start, end) = (start.max(stretch.start), end.min(stretch.end));
            for (ranks, shift) in bins.iter_mut().zip(1u8..) {
                (start >> shift..=(end - 1) >> shift).for_each(|bin| ranks.add(bin));
            }
        })?;
        part.sums = vec![sums];
        Ok(part)
    }

    /// Returns its size in memory in bytes.
    pub(crate) fn size(&self) -> usize {
        let sums: usize = self.sums.iter().map(|sums| size_of_val(&sums.bins[..])).sum();
        sums + self.ranks.iter().map(|ranks| size_of_val(&ranks.samples[..])).sum::<usize>()
    }

    /// Returns the sums of the bins numbered `wanted`, which are no narrower than [`FINEST_SUMS`].
    pub(crate) fn sums(&self, shift: u8, wanted: Range<u32>) -> Vec<Bin> {
        let widest = self.sums.iter().rfind(|sums| sums.shift() <= shift);
        widest.map_or_else(Vec::new, |sums| sums.widen(shift, wanted))
    }

    fn ranks(&self, level: Level) -> Option<&LevelRanks> {
        match level {
            Level::Records => self.ranks.first(),
            Level::Bins { shift } => self.ranks.get(usize::from(shift)),
        }
    }

    /// Returns the rank and place (first base, or bin number) of a row at or before `row` from
    /// which to count rows: at most 16 rows before it, or the first of all.
    pub(crate) fn sample_before(&self, level: Level, row: u32) -> (u64, u32) {
        let ranked = self.ranks(level).map(|ranks| ranks.before(row));
        ranked.map_or((0, 0), |sample| (sample.rank.into(), sample.row))
    }

    /// Returns the number of rows that overlap the region, to within about 16.
    pub(crate) fn rows(&self, region: &Region, level: Level) -> u64 {
        let (first, last) = match level {
            Level::Records => (region.start, region.end),
            Level::Bins { shift } => crate::source::grid::bins(region, shift),
        };
        match (self.ranks(level), level) {
            (Some(ranks), _) => ranks.rank(last).saturating_sub(ranks.rank(first)),
            (None, Level::Bins { shift }) => {
                self.sums(shift, first..last).iter().filter(|bin| bin.covered > 0).count() as u64
            }
            (None, Level::Records) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Generates points in order along a sequence.
    fn points() -> impl Strategy<Value = Vec<(u32, u32, f32)>> {
        proptest::collection::vec((1u32..900_000, 1u32..3), 1..300).prop_map(|steps| {
            let mut at = 0;
            let point = |(step, length): (u32, u32)| {
                at += step + 2;
                (at, at + length, 1.0)
            };
            steps.into_iter().map(point).collect()
        })
    }

    proptest! {
        /// Compares with a count of all rows, across the borders of stretches read in parallel.
        #[test]
        fn ranks_and_sums_are_those_of_one_reading(points in points(), asked in 0u32..300_000_000) {
            let length = 280_000_000;
            let each = |stretch: Range<u32>, take: &mut dyn FnMut(u32, u32, f32)| {
                for (start, end, value) in &points {
                    if *start < stretch.end && *end > stretch.start {
                        take(*start, *end, *value);
                    }
                }
                Ok(())
            };
            let summary = SignalSummary::read(length, Shape::Sparse, each).unwrap();
            for shift in [None, Some(3u8), Some(12)] {
                let (level, row) = shift.map_or((Level::Records, asked), |shift| {
                    (Level::Bins { shift }, asked >> shift)
                });
                let mut rows: Vec<u32> = points.iter().flat_map(|(start, end, _)| match shift {
                    None => *start..=*start,
                    Some(shift) => start >> shift..=(end - 1) >> shift,
                }).collect();
                rows.dedup();
                let (rank, from) = summary.sample_before(level, row);
                let before = rows.iter().filter(|row| **row < from).count() as u64;
                prop_assert_eq!(rank, before, "{:?} from {}", level, from);
                let skipped = rows.iter().filter(|other| (from..row).contains(other)).count();
                prop_assert!(from <= row && skipped <= EVERY as usize, "{skipped}");
            }
            let bases: u32 = points.iter().map(|(start, end, _)| end - start).sum();
            let wide = summary.sums(20, 0..length.div_ceil(1 << 20));
            prop_assert_eq!(wide.iter().map(|bin| bin.covered).sum::<u32>(), bases);
        }
    }
}
