//! Ranks of the rows of one level: the number of all, and the positions of every sixteenth.

/// Number of rows of a level from one sample to the next.
pub(super) const EVERY: u64 = 16;

/// The number of rows of one level, and the positions of some of them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct LevelRanks {
    pub(super) count: u64,
    pub(super) samples: Vec<RowSample>,
    last: Option<u32>,
}

/// A row and its rank.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RowSample {
    /// The first base of a record, or the number of a bin.
    pub(super) row: u32,
    pub(super) rank: u32,
}

impl LevelRanks {
    pub(super) fn add(&mut self, row: u32) {
        if self.last != Some(row) {
            if self.count.is_multiple_of(EVERY) {
                self.samples.push(RowSample { row, rank: self.count as u32 });
            }
            self.count += 1;
            self.last = Some(row);
        }
    }

    /// Adds the rows of the next stretch.
    pub(super) fn append(&mut self, next: &LevelRanks) {
        let before = self.count as u32;
        let moved =
            next.samples.iter().map(|sample| RowSample { rank: before + sample.rank, ..*sample });
        self.samples.extend(moved);
        self.count += next.count;
    }

    /// Returns the last sample at or before `row`; if there is none, `row` with rank 0.
    pub(super) fn before(&self, row: u32) -> RowSample {
        let index = self.samples.partition_point(|sample| sample.row <= row).saturating_sub(1);
        RowSample::at_most(self.samples.get(index), row)
    }

    /// Returns the number of rows before `row`, or at most [`EVERY`] more.
    pub(super) fn rank(&self, row: u32) -> u64 {
        let index = self.samples.partition_point(|sample| sample.row < row);
        self.samples.get(index).map_or(self.count, |sample| sample.rank.into())
    }

    /// Returns its size in memory in bytes.
    pub(super) fn size(&self) -> usize {
        size_of_val(&self.samples[..])
    }
}

impl RowSample {
    /// Returns the sample, or `row` if the sample comes after it (it is then the first) or if there
    /// is none.
    pub(super) fn at_most(sample: Option<&RowSample>, row: u32) -> Self {
        let first = RowSample { row, rank: 0 };
        sample.map_or(first, |sample| RowSample { row: sample.row.min(row), ..*sample })
    }
}

/// Counts the bins that hold the bases `first` to `last`, at each level: those of `levels[0]` have a
/// width of 2^`shift` bases, and those of each further level twice as many as the one before. Must
/// be called in the order of the sequence.
pub(super) fn count_bins(levels: &mut [LevelRanks], shift: u8, first: u32, last: u32) {
    for (ranks, shift) in levels.iter_mut().zip(shift..) {
        let (first, last) = (first >> shift, last >> shift);
        if first == last && ranks.last == Some(last) {
            // The wider bins were counted together with this one.
            break;
        }
        (first..=last).for_each(|bin| ranks.add(bin));
    }
}
