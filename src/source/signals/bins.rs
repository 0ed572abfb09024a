//! Sums of a signal over bins of the common grid: bins are 2^shift bases wide and counted from the
//! sequence's first base.

use crate::source::{Missing, Summary};
use std::ops::Range;

/// Statistics of the values in one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bin {
    /// Sum of value times bases.
    pub(crate) sum: f64,
    /// Number of bases that have data.
    pub(crate) covered: u32,
    pub(crate) min: f32,
    pub(crate) max: f32,
}

impl Bin {
    pub(crate) const EMPTY: Bin =
        Bin { sum: 0.0, covered: 0, min: f32::INFINITY, max: f32::NEG_INFINITY };

    pub(crate) fn add(&mut self, bases: u32, value: f32) {
        self.sum += f64::from(value) * f64::from(bases);
        self.covered += bases;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn merge(&mut self, other: &Bin) {
        self.sum += other.sum;
        self.covered += other.covered;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Returns the number to draw; NaN where there is no data. `width` is the bin's number of
    /// bases; those without data count as zero if `missing` is `Zero`.
    pub(crate) fn value(&self, summary: Summary, missing: Missing, width: u32) -> f32 {
        let zeros = missing == Missing::Zero && self.covered < width;
        match (self.covered, summary) {
            (0, _) if zeros => 0.0,
            (0, _) => f32::NAN,
            (_, Summary::Mean) if zeros => (self.sum / f64::from(width)) as f32,
            (covered, Summary::Mean) => (self.sum / f64::from(covered)) as f32,
            (_, Summary::Min) => {
                if zeros {
                    self.min.min(0.0)
                } else {
                    self.min
                }
            }
            (_, Summary::Max) => {
                if zeros {
                    self.max.max(0.0)
                } else {
                    self.max
                }
            }
        }
    }
}

/// A run of adjacent bins, filled record by record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bins {
    shift: u8,
    first: u32,
    pub(crate) bins: Vec<Bin>,
}

impl Bins {
    /// Creates the bins `first .. first + count` of width 2^`shift`, without data.
    pub(crate) fn new(shift: u8, first: u32, count: u32) -> Self {
        Bins { shift, first, bins: vec![Bin::EMPTY; count as usize] }
    }

    /// Creates a run from bins that begin at the sequence's first base.
    pub(crate) fn of(shift: u8, bins: Vec<Bin>) -> Self {
        Bins { shift, first: 0, bins }
    }

    /// Creates a run from bins of which `first` is the number of the first.
    pub(crate) fn from(shift: u8, first: u32, bins: Vec<Bin>) -> Self {
        Bins { shift, first, bins }
    }

    /// Returns the bases of the run.
    pub(crate) fn span(&self) -> (u32, u32) {
        let origin = self.first << self.shift;
        let end = u64::from(origin) + ((self.bins.len() as u64) << self.shift);
        (origin, end.min(u32::MAX.into()) as u32)
    }

    /// Adds the part of a record that lies within the run.
    pub(crate) fn add(&mut self, start: u32, end: u32, value: f32) {
        self.each_overlap(start, end, |bin, from, to| bin.add(to - from, value));
    }

    /// Passes on each bin of the run that `[start, end)` overlaps, with the bases of it that do.
    pub(crate) fn each_overlap(
        &mut self,
        start: u32,
        end: u32,
        mut take: impl FnMut(&mut Bin, u32, u32),
    ) {
        let (origin, limit) = self.span();
        let (mut at, end) = (start.max(origin), end.min(limit));
        while at < end {
            let index = (at >> self.shift) - self.first;
            let bin_end = (u64::from(at >> self.shift) + 1) << self.shift;
            let stop = u64::from(end).min(bin_end) as u32;
            take(&mut self.bins[index as usize], at, stop);
            at = stop;
        }
    }

    /// Returns the width (log2) of the bins.
    pub(crate) fn shift(&self) -> u8 {
        self.shift
    }

    /// Returns the bins numbered `wanted`, of width 2^`shift`, merged from these bins, which must
    /// be no wider, and hold those up to the end of the sequence or of the wanted bins.
    pub(crate) fn widen(&self, shift: u8, wanted: Range<u32>) -> Vec<Bin> {
        let more = shift - self.shift;
        let first = self.first as usize;
        let at = |bin: u32| ((bin as usize) << more).saturating_sub(first).min(self.bins.len());
        let join = |bins: &[Bin]| {
            let mut joined = Bin::EMPTY;
            bins.iter().for_each(|bin| joined.merge(bin));
            joined
        };
        self.bins[at(wanted.start)..at(wanted.end)].chunks(1 << more).map(join).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Compares the sum, coverage and extremes of every bin with a count base by base.
        #[test]
        fn bins_equal_a_count_base_by_base(
            lengths in proptest::collection::vec((0u32..9, 1u32..40, -50i8..50), 0..30),
            shift in 0u8..6, first in 0u32..4, count in 1u32..20,
        ) {
            let mut bins = Bins::new(shift, first, count);
            let mut bases = vec![None; 4096];
            let mut at = 0;
            for (gap, length, value) in lengths {
                let start = at + gap;
                at = start + length;
                bins.add(start, at, f32::from(value));
                bases[start as usize..at as usize].fill(Some(f32::from(value)));
            }
            for (index, bin) in bins.bins.iter().enumerate() {
                let start = (first as usize + index) << shift;
                let known: Vec<f32> = bases[start..start + (1 << shift)].iter().flatten().copied().collect();
                prop_assert_eq!(bin.covered as usize, known.len());
                prop_assert_eq!(bin.sum, known.iter().map(|v| f64::from(*v)).sum::<f64>());
                prop_assert_eq!(bin.max, known.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                prop_assert_eq!(bin.min, known.iter().copied().fold(f32::INFINITY, f32::min));
            }
        }
    }

    #[test]
    fn a_bin_at_the_end_of_all_positions_does_not_overflow() {
        let mut bins = Bins::new(28, 7, 1);
        bins.add(0, u32::MAX >> 1, 1.0);
        assert_eq!(bins.bins[0].covered, (1 << 28) - 1);
    }

    #[test]
    fn no_data_is_nothing_or_zero_as_asked() {
        let mut bin = Bin::EMPTY;
        assert!(bin.value(Summary::Mean, Missing::Gap, 4).is_nan());
        assert_eq!(bin.value(Summary::Max, Missing::Zero, 4), 0.0);
        bin.add(1, 8.0);
        assert_eq!(bin.value(Summary::Mean, Missing::Gap, 4), 8.0);
        assert_eq!(bin.value(Summary::Mean, Missing::Zero, 4), 2.0);
        assert_eq!(bin.value(Summary::Min, Missing::Zero, 4), 0.0);
    }
}
