//! Compact result of one pass over a whole sequence: sums of wide bins, and ranks of rows.

mod by_sequence;
mod ranks;
mod saved;

use crate::bytes::helpers::HELPERS;
use crate::bytes::memory::Size;
use crate::error::Result;
use crate::genome::Region;
use crate::source::signals::bins::{Bin, Bins};
use crate::source::{Level, Shape, WIDEST, grid};
pub(crate) use by_sequence::Summaries;
use ranks::{LevelRanks, count_bins};
use saved::SavedSummary;
use std::ops::Range;
use std::sync::Arc;

/// Widths (log2) of the bins whose sums a summary holds: from 1,024 bases (4.9 MB for human
/// chromosome 1) to a million. Narrower bins are summed from the records of the region, at most a
/// few thousand for one view of a page.
const SUMS: [u8; 6] = [10, 12, 14, 16, 18, 20];
/// Width (log2) of the narrowest bins whose sums a summary holds.
pub(crate) const FINEST_SUMS: u8 = SUMS[0];
/// Number of levels whose rows a summary of a sparse signal ranks: records, and bins of each width.
const LEVELS: usize = WIDEST as usize + 1;
/// Width (log2) of the stretches of a sequence that are read in parallel: 16 Mb.
const STRETCH: u8 = 24;

/// Returns the stretches of a sequence of that length that are read in parallel, in bases.
pub(crate) fn stretches(length: u32) -> Vec<Range<u32>> {
    let end = |at: u32| ((u64::from(at) + 1) << STRETCH).min(length.into()) as u32;
    (0..length.div_ceil(1 << STRETCH)).map(|at| at << STRETCH..end(at)).collect()
}

/// The summary of the signal of one sequence, in memory.
#[derive(Debug, PartialEq)]
pub(crate) struct SignalSummary {
    /// The sums for each width of [`SUMS`].
    sums: Vec<Bins>,
    /// For sparse signals: the ranks of records, then of the bins of each width.
    ranks: Vec<LevelRanks>,
}

impl SignalSummary {
    fn empty(shape: Shape, levels: usize) -> Self {
        let levels = if shape == Shape::Sparse { levels } else { 0 };
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
        let mut whole = Self::empty(shape, LEVELS);
        let mut finest = Bins::new(FINEST_SUMS, 0, 0);
        for part in parts {
            let part = part?;
            part.sums.into_iter().for_each(|mut sums| finest.bins.append(&mut sums.bins));
            whole.ranks.iter_mut().zip(&part.ranks).for_each(|(all, next)| all.append(next));
        }
        // The rows of wide bins are those whose sums have data.
        if let Some(wide) = whole.ranks.get_mut(FINEST_SUMS.into()..) {
            for (bin, _) in (0u32..).zip(&finest.bins).filter(|(_, sum)| sum.covered > 0) {
                count_bins(wide, 0, bin, bin);
            }
        }
        whole.sums = Self::widened(finest);
        Ok(whole)
    }

    /// Creates the summary of a dense signal from its sums in all bins of the narrowest width.
    pub(crate) fn from_sums(bins: Vec<Bin>) -> Self {
        SignalSummary { sums: Self::widened(Bins::of(FINEST_SUMS, bins)), ranks: Vec::new() }
    }

    /// Computes the sums of all widths, each from the one before, from those of the narrowest.
    fn widened(finest: Bins) -> Vec<Bins> {
        let mut all = vec![finest];
        for (narrow, wide) in SUMS.iter().zip(&SUMS[1..]) {
            let last = &all[all.len() - 1];
            let count = (last.bins.len() as u32).div_ceil(1 << (wide - narrow));
            all.push(Bins::of(*wide, last.widen(*wide, 0..count)));
        }
        all
    }

    /// Reads one stretch: the sums of the narrowest bins, and the ranks of rows narrower than these.
    fn of(
        stretch: &Range<u32>,
        shape: Shape,
        each: &impl Fn(Range<u32>, &mut dyn FnMut(u32, u32, f32)) -> Result<()>,
    ) -> Result<Self> {
        let mut part = Self::empty(shape, FINEST_SUMS.into());
        let count = (stretch.end - stretch.start).div_ceil(1 << FINEST_SUMS);
        let mut sums = Bins::new(FINEST_SUMS, stretch.start >> FINEST_SUMS, count);
        each(stretch.clone(), &mut |start, end, value| {
            sums.add(start, end, value);
            let Some((records, bins)) = part.ranks.split_first_mut() else { return };
            // A record that begins in the previous stretch is ranked there.
            if start >= stretch.start {
                records.add(start);
            }
            count_bins(bins, 1, start.max(stretch.start), end.min(stretch.end) - 1);
        })?;
        part.sums = vec![sums];
        Ok(part)
    }

    /// Returns the sums of the bins numbered `wanted`, which are no narrower than [`FINEST_SUMS`].
    pub(crate) fn sums(&self, shift: u8, wanted: Range<u32>) -> Vec<Bin> {
        let widest = self.sums.iter().rfind(|sums| sums.shift() <= shift);
        widest.map_or_else(Vec::new, |sums| sums.widen(shift, wanted))
    }

    fn ranks(&self, level: Level) -> Option<&LevelRanks> {
        self.ranks.get(level_index(level))
    }
}

impl Size for SignalSummary {
    fn size(&self) -> usize {
        let sums: usize = self.sums.iter().map(|sums| size_of_val(&sums.bins[..])).sum();
        sums + self.ranks.iter().map(LevelRanks::size).sum::<usize>()
    }
}

/// Returns the place of a level among those that are ranked.
fn level_index(level: Level) -> usize {
    match level {
        Level::Records => 0,
        Level::Bins { shift } => shift.into(),
    }
}

/// A summary in memory, or in the cache folder, from which only what is needed is read.
#[derive(Clone)]
pub(crate) enum StoredSummary {
    Memory(Arc<SignalSummary>),
    Saved(Arc<SavedSummary>),
}

/// Each of these returns none if the cache folder cannot be read.
impl StoredSummary {
    /// Returns the sums of the bins numbered `wanted`, which are no narrower than [`FINEST_SUMS`].
    pub(crate) fn sums(&self, shift: u8, wanted: Range<u32>) -> Option<Vec<Bin>> {
        match self {
            StoredSummary::Memory(summary) => Some(summary.sums(shift, wanted)),
            StoredSummary::Saved(summary) => summary.sums(shift, wanted),
        }
    }

    /// Returns the rank and place (first base, or bin number) of a row at or before `row` from
    /// which to count rows: at most 16 rows before it, or the first of all.
    pub(crate) fn sample_before(&self, level: Level, row: u32) -> Option<(u64, u32)> {
        let sample = match self {
            StoredSummary::Memory(summary) => {
                summary.ranks(level).map_or_else(Default::default, |ranks| ranks.before(row))
            }
            StoredSummary::Saved(summary) => summary.sample_before(level, row)?,
        };
        Some((sample.rank.into(), sample.row))
    }

    /// Returns the number of rows of a sparse signal that overlap the region, to within about 16.
    pub(crate) fn rows(&self, region: &Region, level: Level) -> Option<u64> {
        let (first, last) = match level {
            Level::Records => (region.start, region.end),
            Level::Bins { shift } => grid::bins(region, shift),
        };
        let rank = |row| match self {
            StoredSummary::Memory(summary) => {
                Some(summary.ranks(level).map_or(0, |ranks| ranks.rank(row)))
            }
            StoredSummary::Saved(summary) => summary.rank(level, row),
        };
        Some(rank(last)?.saturating_sub(rank(first)?))
    }
}

#[cfg(test)]
mod tests {
    use super::ranks::EVERY;
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
            let summary = Arc::new(SignalSummary::read(length, Shape::Sparse, each).unwrap());
            let stored = StoredSummary::Memory(summary.clone());
            for shift in [None, Some(3u8), Some(9), Some(10), Some(11), Some(20)] {
                let (level, row) = shift.map_or((Level::Records, asked), |shift| {
                    (Level::Bins { shift }, asked >> shift)
                });
                let mut rows: Vec<u32> = points.iter().flat_map(|(start, end, _)| match shift {
                    None => *start..=*start,
                    Some(shift) => start >> shift..=(end - 1) >> shift,
                }).collect();
                rows.dedup();
                let (rank, from) = stored.sample_before(level, row).unwrap();
                let before = rows.iter().filter(|row| **row < from).count() as u64;
                prop_assert_eq!(rank, before, "{:?} from {}", level, from);
                let skipped = rows.iter().filter(|other| (from..row).contains(other)).count();
                prop_assert!(from <= row && skipped <= EVERY as usize, "{skipped}");
                let region = Region::new("x", asked, length);
                let counted = stored.rows(&region, level).unwrap();
                let after = rows.iter().filter(|other| **other >= row).count() as u64;
                prop_assert!(counted.abs_diff(after) <= EVERY, "{counted} {after}");
            }
            let bases: u32 = points.iter().map(|(start, end, _)| end - start).sum();
            for shift in [10, 11, 13, 16, 20, 28] {
                let wide = summary.sums(shift, 0..length.div_ceil(1 << shift));
                prop_assert_eq!(wide.iter().map(|bin| bin.covered).sum::<u32>(), bases);
                prop_assert_eq!(wide.iter().map(|bin| bin.sum).sum::<f64>(), f64::from(bases));
            }
        }
    }
}
