//! One reading of a whole sequence, kept small: what wide bins hold, and where ranks fall.

use crate::genome::Region;
use crate::source::signals::bins::Bins;
use crate::source::{Level, Shape};

/// Width (log2) of the bins that a scan keeps: 8192 bases, 9 MB for a human genome. Narrower bins
/// are summed from the records of the region, at most some ten thousand for a view of a page.
pub(crate) const COARSE: u8 = 13;
/// A sparse scan remembers every such row.
const EVERY: u64 = 16;

/// What a scan of a sequence found.
#[derive(Debug)]
pub(crate) struct SignalSummary {
    coarse: Bins,
    /// For sparse signals: where rows begin, for records and then for each width below a scan's.
    ranks: Vec<LevelRanks>,
    last_end: u32,
}

/// The rows of one level: how many there are, and where each 16th begins.
#[derive(Debug, Default)]
struct LevelRanks {
    count: u64,
    /// For records the first base, for bins the bin's number.
    samples: Vec<u32>,
    last: Option<u32>,
}

impl LevelRanks {
    fn add(&mut self, row: u32) {
        if self.last != Some(row) {
            if self.count.is_multiple_of(EVERY) {
                self.samples.push(row);
            }
            self.count += 1;
            self.last = Some(row);
        }
    }

    /// Rank and place of the last sample at or before `row`; the first if all lie behind it.
    fn before(&self, row: u32) -> (u64, u32) {
        let index = self.samples.partition_point(|sample| *sample <= row).saturating_sub(1);
        (index as u64 * EVERY, self.samples.get(index).copied().unwrap_or(row).min(row))
    }
}

impl SignalSummary {
    pub(crate) fn new(length: u32, shape: Shape) -> Self {
        let bins = (u64::from(length)).div_ceil(1 << COARSE) as u32;
        let levels = if shape == Shape::Sparse { COARSE } else { 0 };
        SignalSummary {
            coarse: Bins::new(COARSE, 0, bins),
            ranks: (0..levels).map(|_| LevelRanks::default()).collect(),
            last_end: 0,
        }
    }

    /// Takes the next record; says whether it lies behind the last one, as it must.
    pub(crate) fn add(&mut self, start: u32, end: u32, value: f32) -> bool {
        self.coarse.add(start, end, value);
        if let Some((records, bins)) = self.ranks.split_first_mut() {
            records.add(start);
            for (ranks, shift) in bins.iter_mut().zip(1u8..) {
                (start >> shift..=(end - 1) >> shift).for_each(|bin| ranks.add(bin));
            }
        }
        let sorted = start >= self.last_end;
        self.last_end = end;
        sorted
    }

    /// The whole sequence in bins at least as wide as a scan's.
    pub(crate) fn coarse(&self, shift: u8) -> Bins {
        self.coarse.widen(shift)
    }

    fn ranks(&self, level: Level) -> Option<&LevelRanks> {
        match level {
            Level::Records => self.ranks.first(),
            Level::Bins { shift } => self.ranks.get(usize::from(shift)),
        }
    }

    /// Rank and place (first base, or bin number) of a row not behind `row`, at most 16 before it.
    pub(crate) fn sample_before(&self, level: Level, row: u32) -> (u64, u32) {
        self.ranks(level).map_or((0, 0), |ranks| ranks.before(row))
    }

    /// About how many rows overlap the region: exact to 16.
    pub(crate) fn rows(&self, region: &Region, level: Level) -> u64 {
        let Level::Bins { shift } = level else {
            return self.between(level, region.start, region.end);
        };
        let (first, last) = crate::source::grid::bins(region, shift);
        if shift < COARSE {
            return self.between(level, first, last);
        }
        let bins = self.coarse(shift).bins;
        let last = (last as usize).min(bins.len());
        let with_data = bins.get(first as usize..last).unwrap_or_default().iter();
        with_data.filter(|bin| bin.covered > 0).count() as u64
    }

    fn between(&self, level: Level, first: u32, last: u32) -> u64 {
        self.ranks(level).map_or(0, |ranks| {
            let sampled = |row| ranks.samples.partition_point(|sample| *sample < row) as u64;
            (sampled(last) - sampled(first)) * EVERY
        })
    }
}
