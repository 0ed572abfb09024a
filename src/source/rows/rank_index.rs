//! The rank index of a sequence, built by reading it once: the places of its ranks, and the rows
//! that wide views show.

use crate::genome::{Region, Strand};
use crate::source::rows::priority::Priority;
use crate::source::rows::records::{Records, RecordsOptions, Rows};
use crate::source::rows::row::Row;
use crate::source::{FINEST_THINNED, Level, Shape, Source};

/// Width (log2) of the bins whose best rows are held in memory: 16,384 bases, about 190,000 rows
/// for a human genome. The best rows of narrower bins are found by reading the region.
pub(crate) const COARSE: u8 = 14;
/// Number of rows of a level per [`Sample`].
pub(crate) const EVERY: u64 = 64;

/// The ranks of a sequence and its rows in wide bins.
pub(crate) struct RankIndex {
    /// The ranks of all rows.
    pub(crate) records: Ranks,
    /// The ranks of the best rows of bins, for each width from [`FINEST_THINNED`] up to [`COARSE`].
    best: Vec<Ranks>,
    /// The best row of each bin of [`COARSE`], as a source that thins them further.
    pub(crate) wide: Records,
    /// The number of rows that start in each bin of [`COARSE`], up to the last that has any.
    starts: Vec<u32>,
}

impl RankIndex {
    /// Creates the rank index of reads from the ranks of all rows and those of each width.
    pub(crate) fn of_reads(records: Ranks, best: Vec<Ranks>) -> Self {
        let how = RecordsOptions { shape: Shape::Reads, name: None, importance: None };
        RankIndex { records, best, wide: Records::new(Rows::default(), how), starts: Vec::new() }
    }

    /// Returns the number of rows.
    pub(crate) fn total_rows(&self) -> u64 {
        self.records.count
    }

    /// Returns the ranks of the best rows of bins of the given width.
    pub(crate) fn best(&self, shift: u8) -> &Ranks {
        &self.best[usize::from(shift.clamp(FINEST_THINNED, COARSE - 1) - FINEST_THINNED)]
    }

    /// Returns the number of rows that start in each of the bins `first..last`, which are no
    /// narrower than [`COARSE`].
    pub(crate) fn starts(&self, (first, last): (u32, u32), shift: u8) -> Vec<u32> {
        let narrow = 1usize << (shift - COARSE);
        let place = |bin: u32| (bin as usize * narrow).min(self.starts.len());
        (first..last).map(|bin| self.starts[place(bin)..place(bin + 1)].iter().sum()).collect()
    }

    /// Returns the number of rows that a read returns, exact to about a hundred.
    pub(crate) fn rows(&self, region: &Region, level: Level) -> u64 {
        match level {
            _ if region.is_empty() => 0,
            Level::Records => self.records.between(region.start, region.end),
            Level::Bins { shift } if shift < COARSE => {
                let shift = shift.max(FINEST_THINNED);
                self.best(shift).between(region.start, region.end.div_ceil(1 << shift))
            }
            wide => self.wide.rows(region, wide),
        }
    }
}

/// The places of the rows of one level: of every 64th row.
#[derive(Debug, Default)]
pub(crate) struct Ranks {
    pub(crate) count: u64,
    pub(crate) samples: Vec<Sample>,
}

/// A row whose rank is a multiple of [`EVERY`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Its start; at a level of bins, the number of its bin.
    pub(crate) key: u32,
    /// The number of rows before it that have the same key.
    pub(crate) skip: u32,
    /// The largest end of all rows up to the next sample.
    pub(crate) reach: u32,
}

impl Ranks {
    fn add(&mut self, key: u32, skip: u32, reach: u32) {
        let furthest = self.samples.last().map_or(reach, |last| last.reach.max(reach));
        match self.samples.last_mut() {
            Some(last) if !self.count.is_multiple_of(EVERY) => last.reach = furthest,
            _ => self.samples.push(Sample { key, skip, reach: furthest }),
        }
        self.count += 1;
    }

    /// Returns the last sample at or before the first row that reaches beyond `base`, with its
    /// rank; none if no row does.
    pub(crate) fn first_reaching(&self, base: u32) -> Option<(u64, Sample)> {
        let index = self.samples.partition_point(|sample| sample.reach <= base);
        Some((index as u64 * EVERY, *self.samples.get(index)?))
    }

    /// Returns the approximate number of rows from the first that reaches beyond `base` to the last
    /// whose key is below `key`.
    fn between(&self, base: u32, key: u32) -> u64 {
        let Some((first, _)) = self.first_reaching(base) else { return 0 };
        let last = self.samples.partition_point(|sample| sample.key < key) as u64 * EVERY;
        last.min(self.count).saturating_sub(first)
    }
}

/// The row of highest priority in its bin so far.
#[derive(Clone, Debug)]
pub(crate) struct BestRow {
    start: u32,
    end: u32,
    strand: Strand,
    priority: Priority,
    text: String,
}

impl BestRow {
    pub(crate) fn row(&self) -> Row<'_> {
        Row { start: self.start, end: self.end, strand: self.strand, text: &self.text }
    }
}

/// Finds the best row of each bin in rows sorted by start.
pub(crate) struct Thinner {
    shift: u8,
    best: Option<BestRow>,
}

impl Thinner {
    pub(crate) fn new(shift: u8) -> Self {
        Thinner { shift, best: None }
    }

    /// Adds the next row. Returns the best row of the previous bin if the row begins a new bin.
    pub(crate) fn add(&mut self, row: &Row<'_>, priority: Priority) -> Option<BestRow> {
        let Row { start, end, strand, text } = *row;
        let best = |replaced: Option<BestRow>| {
            // Reuses the memory of the text.
            let mut reused = replaced.map(|replaced| replaced.text).unwrap_or_default();
            reused.clear();
            reused.push_str(text);
            Some(BestRow { start, end, strand, priority, text: reused })
        };
        match self.best.take() {
            Some(last) if last.start >> self.shift != start >> self.shift => {
                self.best = best(None);
                Some(last)
            }
            Some(last) if priority <= last.priority => {
                self.best = Some(last);
                None
            }
            replaced => {
                self.best = best(replaced);
                None
            }
        }
    }

    /// Returns the best row of the last bin.
    pub(crate) fn finish(&mut self) -> Option<BestRow> {
        self.best.take()
    }
}

/// Builds a [`RankIndex`] from rows.
pub(crate) struct RankCounter {
    records: Ranks,
    /// The start of the last row, and the number of rows with that start.
    last: (u32, u32),
    best: Vec<Best>,
    wide: Thinner,
    starts: Vec<u32>,
}

/// The best row of the current bin of one width, without its text.
#[derive(Default)]
struct Best {
    ranks: Ranks,
    row: Option<(u32, u32, Priority)>,
}

impl RankCounter {
    pub(crate) fn new() -> Self {
        RankCounter {
            records: Ranks::default(),
            last: (0, 0),
            best: (FINEST_THINNED..COARSE).map(|_| Best::default()).collect(),
            wide: Thinner::new(COARSE),
            starts: Vec::new(),
        }
    }

    /// Adds the next row. Returns the best row of a wide bin that is complete.
    pub(crate) fn add(&mut self, row: &Row<'_>, priority: Priority) -> Option<BestRow> {
        let (start, count) = self.last;
        let skip = if start == row.start { count } else { 0 };
        self.last = (row.start, skip + 1);
        self.records.add(row.start, skip, row.reach());
        let bin = (row.start >> COARSE) as usize;
        if self.starts.len() <= bin {
            self.starts.resize(bin + 1, 0);
        }
        self.starts[bin] += 1;
        for (best, shift) in self.best.iter_mut().zip(FINEST_THINNED..) {
            best.add(row, priority, shift);
        }
        self.wide.add(row, priority)
    }

    /// Ends the reading. Returns the best row of the last wide bin.
    pub(crate) fn finish(&mut self) -> Option<BestRow> {
        self.best.iter_mut().zip(FINEST_THINNED..).for_each(|(best, shift)| best.close(shift));
        self.wide.finish()
    }

    pub(crate) fn into_rank_index(self, wide: Records) -> RankIndex {
        let best = self.best.into_iter().map(|best| best.ranks).collect();
        RankIndex { records: self.records, best, wide, starts: self.starts }
    }

    /// Returns the ranks of all rows, then those of each width up to [`COARSE`].
    pub(crate) fn ranks(&self) -> impl Iterator<Item = &Ranks> {
        std::iter::once(&self.records).chain(self.best.iter().map(|best| &best.ranks))
    }
}

impl Best {
    fn add(&mut self, row: &Row<'_>, priority: Priority, shift: u8) {
        if self.row.is_some_and(|(start, ..)| start >> shift != row.start >> shift) {
            self.close(shift);
        }
        if self.row.is_none_or(|(.., best)| priority > best) {
            self.row = Some((row.start, row.end, priority));
        }
    }

    fn close(&mut self, shift: u8) {
        if let Some((start, end, _)) = self.row.take() {
            self.ranks.add(start >> shift, 0, end.max(start + 1));
        }
    }
}
