//! The bins of a tabix, CSI or BAI index: one bin of all bases, then levels with eight times as
//! many bins each (SAM specification, section 5.3; CSIv1 specification).

use std::ops::Range;

/// How an index divides a sequence into bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BinGrid {
    /// Width (log2) of the finest bins.
    pub(crate) min_shift: u32,
    /// The level of the finest bins; level 0 is the one bin of all bases.
    pub(crate) depth: u32,
}

impl BinGrid {
    /// The grid of BAI and tabix indexes.
    pub(crate) const FIXED: BinGrid = BinGrid { min_shift: 14, depth: 5 };

    /// Returns the width (log2) of the bins of a level.
    pub(crate) fn shift(self, level: u32) -> u32 {
        self.min_shift + 3 * (self.depth - level)
    }

    /// Returns the number of the first bin of a level.
    pub(crate) fn first(self, level: u32) -> u64 {
        ((1 << (3 * level)) - 1) / 7
    }

    /// Returns the number of the pseudo-bin after the last bin, in which an index has its counts.
    pub(crate) fn counts(self) -> u64 {
        self.first(self.depth + 1) + 1
    }

    /// Returns the bases that a bin spans.
    pub(crate) fn bases(self, bin: u32) -> Range<u64> {
        let bin = u64::from(bin);
        let level = (0..=self.depth).rev().find(|level| bin >= self.first(*level)).unwrap_or(0);
        let (at, shift) = (bin - self.first(level), self.shift(level));
        at << shift..(at + 1) << shift
    }

    /// Returns the smallest bin that contains all bases from `first` to `last`, both included.
    pub(crate) fn smallest(self, first: u32, last: u32) -> u32 {
        let within = |level: u32| {
            let [first, last] = [first, last].map(|base| u64::from(base) >> self.shift(level));
            (first == last).then(|| (self.first(level) + first) as u32)
        };
        (0..=self.depth).rev().find_map(within).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `reg2bin` of the SAM specification, for an end that is included.
    fn of_the_specification(beg: u32, end: u32) -> u32 {
        for (shift, first) in [(14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)] {
            if beg >> shift == end >> shift {
                return first + (beg >> shift);
            }
        }
        0
    }

    proptest::proptest! {
        #[test]
        fn bins_are_numbered_by_the_specification(start in 0u32..1 << 29, length in 0u32..1 << 20) {
            let last = (start + length).min((1 << 29) - 1);
            let bin = BinGrid::FIXED.smallest(start, last);
            assert_eq!(bin, of_the_specification(start, last));
            let bases = BinGrid::FIXED.bases(bin);
            assert!(bases.contains(&start.into()) && bases.contains(&last.into()));
        }
    }

    #[test]
    fn the_pseudo_bin_of_a_bai_file_is_37450() {
        assert_eq!(BinGrid::FIXED.counts(), 37450);
    }
}
