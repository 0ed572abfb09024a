//! Values of several sources on one grid of bins, so that plots can compare them.
//!
//! Points and features of different files have different rows. Here the value of a bin is the mean
//! over the bases of it that have data (or the summary that the file was loaded with), and a bin is a
//! row if each source of points or features has a value there: a plot then draws no point at a value
//! that does not exist. A dense signal has a value in almost every bin; where it has none, that of the
//! row is missing. Rows are ranked among themselves.

mod runs;

use crate::bytes::helpers::HELPERS;
use crate::bytes::memory::{RECENT, Size};
use crate::error::Result;
use crate::genome::{Region, Sequences};
use crate::source::grid::bins;
use crate::source::signals::bins::Bin;
use crate::source::signals::summary::{FINEST_SUMS, SignalSummary, stretches};
use crate::source::slots::Slots;
use crate::source::unknown_column;
use crate::source::{ColumnInfo, ColumnKind, Level, Missing, Shape, Source, Summary};
use crate::table::{Column, Data, Table};
use runs::Runs;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, Weak};

/// Levels with narrower bins than this (log2) are counted row by row, others from their sums.
const RANKED: u8 = 13;
/// Rows that are more bins apart are read separately from a dense signal.
const APART: u32 = 256;

/// One of the joined sources.
pub(crate) struct JoinedPart {
    /// The name of its column among those of the joined rows.
    pub(crate) name: Arc<str>,
    /// The source, and its column of numbers.
    pub(crate) source: Arc<dyn Source>,
    pub(crate) column: Arc<str>,
    /// The number that a bin shows.
    pub(crate) summary: Summary,
    /// Its own names of the sequences, by the common names.
    pub(crate) sequences: HashMap<Arc<str>, Arc<str>>,
}

/// Joined sources, of which at least one is not a dense signal.
pub(crate) struct Joined {
    parts: Vec<JoinedPart>,
    columns: Vec<ColumnInfo>,
    sequences: Sequences,
    counted: Slots<Weak<Counted>>,
}

/// What one reading of a whole sequence gives.
struct Counted {
    /// The sums of each part; none of dense signals, which have their own.
    sums: Vec<Option<SignalSummary>>,
    /// The rows of each level below [`RANKED`].
    runs: Vec<Runs>,
}

impl Counted {
    /// Returns the runs of rows among bins that are no narrower than [`FINEST_SUMS`].
    fn rows_among(&self, shift: u8, among: Range<u32>) -> Vec<(u32, u32)> {
        let sums: Vec<_> =
            self.sums.iter().flatten().map(|sums| sums.sums(shift, among.clone())).collect();
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (at, bin) in among.enumerate() {
            let is_row = sums.iter().all(|sums| sums.get(at).is_some_and(|bin| bin.covered > 0));
            match runs.last_mut().filter(|run| run.1 == bin) {
                _ if !is_row => {}
                Some(run) => run.1 += 1,
                None => runs.push((bin, bin + 1)),
            }
        }
        runs
    }
}

impl Size for Counted {
    fn size(&self) -> usize {
        let sums = self.sums.iter().flatten().map(Size::size).sum::<usize>();
        sums + self.runs.iter().map(Runs::size).sum::<usize>()
    }
}

impl JoinedPart {
    fn is_dense(&self) -> bool {
        self.source.shape() == Shape::Dense
    }

    /// Returns the region `range` of the sequence with that common name; none if the source lacks it.
    fn region(&self, sequence: &str, range: Range<u32>) -> Option<Region> {
        let own = self.sequences.get(sequence)?;
        Some(Region::new(own.clone(), range.start, range.end))
    }

    /// Passes on the records in a range of a sequence that have a value: start, end, value.
    fn each_record(
        &self,
        sequence: &str,
        range: Range<u32>,
        take: &mut dyn FnMut(u32, u32, f32),
    ) -> Result<()> {
        let Some(region) = self.region(sequence, range.clone()) else { return Ok(()) };
        let table = self.source.read(&region, Level::Records, &[&*self.column])?;
        for row in 0..table.len() {
            let (start, value) = (table.start[row], table.columns[0].data.number(row) as f32);
            // An insertion lies between two bases; it counts for the one after it.
            let end = table.end[row].max(start + 1);
            if start < range.end && end > range.start && !value.is_nan() {
                take(start, end, value);
            }
        }
        Ok(())
    }

    /// Returns the values of a dense signal in some bins.
    fn dense_values(&self, sequence: &str, shift: u8, rows: &[u32]) -> Result<Vec<f32>> {
        let mut values = vec![f32::NAN; rows.len()];
        let mut at = 0;
        // Rows may lie far apart.
        for near in rows.chunk_by(|bin, next| next - bin <= APART) {
            let among = near[0]..near[near.len() - 1] + 1;
            if let Some(region) = self.region(sequence, bases(shift, &among)) {
                let level = Level::Bins { shift };
                let table = self.source.read(&region, level, &[&*self.column])?;
                for (row, start) in table.start.iter().enumerate() {
                    if let Ok(place) = near.binary_search(&(start >> shift)) {
                        values[at + place] = table.columns[0].data.number(row) as f32;
                    }
                }
            }
            at += near.len();
        }
        Ok(values)
    }
}

/// Returns the bases of bins.
fn bases(shift: u8, bins: &Range<u32>) -> Range<u32> {
    let end = (u64::from(bins.end) << shift).min(u32::MAX.into()) as u32;
    bins.start << shift..end
}

/// Returns the number of rows in runs.
fn number(runs: &[(u32, u32)]) -> u64 {
    runs.iter().map(|(first, end)| u64::from(end - first)).sum()
}

/// Returns the runs of bins that records reach.
fn runs(records: &[(u32, u32)], shift: u8) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for (start, end) in records {
        let (first, last) = (start >> shift, ((end - 1) >> shift) + 1);
        match runs.last_mut().filter(|run| first <= run.1) {
            Some(run) => run.1 = run.1.max(last),
            None => runs.push((first, last)),
        }
    }
    runs
}

/// Returns the runs of bins that records of each part reach.
fn shared_runs(parts: &[Vec<(u32, u32)>], shift: u8) -> Vec<(u32, u32)> {
    let mut parts = parts.iter().map(|records| runs(records, shift));
    let first = parts.next().unwrap_or_default();
    parts.fold(first, |known, next| common(&known, &next))
}

/// Returns the parts that two lists of runs have in common.
fn common(a: &[(u32, u32)], b: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let (mut common, mut i, mut j) = (Vec::new(), 0, 0);
    while let (Some(one), Some(two)) = (a.get(i), b.get(j)) {
        let (first, end) = (one.0.max(two.0), one.1.min(two.1));
        if first < end {
            common.push((first, end));
        }
        if one.1 <= two.1 { i += 1 } else { j += 1 }
    }
    common
}

impl Joined {
    pub(crate) fn new(parts: Vec<JoinedPart>, sequences: Sequences) -> Self {
        let column = |part: &JoinedPart| ColumnInfo {
            name: part.name.clone(),
            kind: ColumnKind::Number(None),
        };
        let columns = parts.iter().map(column).collect();
        Joined { parts, columns, sequences, counted: Slots::default() }
    }

    /// Returns what is known of a sequence that was counted; does not wait.
    fn known(&self, index: usize) -> Option<Arc<Counted>> {
        let slot = self.counted.known(index)?;
        let counted = slot.try_lock().ok()?.upgrade()?;
        RECENT.hold(&counted);
        Some(counted)
    }

    /// Counts a sequence. If it is not counted yet, the first caller does it while others wait.
    fn counted(&self, index: usize) -> Result<Arc<Counted>> {
        let slot = self.counted.of(index);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = match slot.upgrade() {
            Some(counted) => counted,
            None => Arc::new(self.count(index)?),
        };
        *slot = Arc::downgrade(&counted);
        RECENT.hold(&counted);
        Ok(counted)
    }

    /// Reads a whole sequence.
    fn count(&self, index: usize) -> Result<Counted> {
        let sequence = self.sequences.at(index);
        let (name, length) = (sequence.name, sequence.length);
        let sums = self.parts.iter().map(|part| {
            let each = |range: Range<u32>, take: &mut dyn FnMut(u32, u32, f32)| {
                part.each_record(name, range, take)
            };
            (!part.is_dense()).then(|| SignalSummary::read(length, Shape::Dense, each)).transpose()
        });
        let sums = sums.collect::<Result<_>>()?;
        let mut runs: Vec<Runs> = (0..RANKED).map(|_| Runs::default()).collect();
        for stretch in HELPERS.map(&stretches(length), |stretch| self.runs_of(name, stretch)) {
            runs.iter_mut().zip(stretch?).for_each(|(all, next)| all.append(&next));
        }
        Ok(Counted { sums, runs })
    }

    /// Returns the rows of each level below [`RANKED`] in one stretch of a sequence.
    fn runs_of(&self, sequence: &str, stretch: &Range<u32>) -> Result<Vec<Runs>> {
        let parts = self.records(sequence, stretch)?;
        let of_level = |shift| {
            let mut rows = Runs::default();
            shared_runs(&parts, shift).into_iter().for_each(|(first, end)| rows.add(first, end));
            rows
        };
        Ok((0..RANKED).map(of_level).collect())
    }

    /// Returns the records of each part of points or features, clipped to a range of a sequence.
    fn records(&self, sequence: &str, range: &Range<u32>) -> Result<Vec<Vec<(u32, u32)>>> {
        let mut parts = Vec::new();
        for part in self.parts.iter().filter(|part| !part.is_dense()) {
            let mut records = Vec::new();
            part.each_record(sequence, range.clone(), &mut |start, end, _| {
                records.push((start.max(range.start), end.min(range.end)));
            })?;
            parts.push(records);
        }
        Ok(parts)
    }

    /// Returns the runs of rows among bins.
    fn rows_among(
        &self,
        counted: &Counted,
        sequence: &str,
        shift: u8,
        among: Range<u32>,
    ) -> Result<Vec<(u32, u32)>> {
        if among.is_empty() {
            return Ok(Vec::new());
        }
        if shift < FINEST_SUMS {
            return Ok(shared_runs(&self.records(sequence, &bases(shift, &among))?, shift));
        }
        Ok(counted.rows_among(shift, among))
    }

    /// Returns the number that each of some bins shows, in order; NaN without data.
    fn values(
        &self,
        (part, sums): (&JoinedPart, Option<&SignalSummary>),
        sequence: &str,
        shift: u8,
        rows: &[u32],
    ) -> Result<Vec<f32>> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
        let among = *first..last + 1;
        let Some(sums) = sums else { return part.dense_values(sequence, shift, rows) };
        let bins: Vec<Bin> = if shift >= FINEST_SUMS {
            let sums = sums.sums(shift, among);
            rows.iter()
                .map(|bin| sums.get((bin - first) as usize).copied().unwrap_or(Bin::EMPTY))
                .collect()
        } else {
            let mut bins = vec![Bin::EMPTY; rows.len()];
            part.each_record(sequence, bases(shift, &among), &mut |start, end, value| {
                let mut at = rows.partition_point(|bin| *bin < start >> shift);
                while let Some(bin) = rows.get(at).filter(|bin| **bin <= (end - 1) >> shift) {
                    let own = bases(shift, &(*bin..bin + 1));
                    bins[at].add(end.min(own.end) - start.max(own.start), value);
                    at += 1;
                }
            })?;
            bins
        };
        Ok(bins.iter().map(|bin| bin.value(part.summary, Missing::Gap, 1 << shift)).collect())
    }

    /// Returns the bins of a level that overlap a region, up to the end of the sequence.
    fn bins(&self, region: &Region, level: Level) -> Option<(usize, u8, Range<u32>)> {
        let (index, region) = region.within(&self.sequences)?;
        let shift = level.width().trailing_zeros() as u8;
        let (first, last) = bins(&region, shift);
        Some((index, shift, first..last))
    }
}

impl Source for Joined {
    fn shape(&self) -> Shape {
        Shape::Sparse
    }

    fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    fn knows_lengths(&self) -> bool {
        self.parts.iter().any(|part| part.source.knows_lengths())
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        let Some((index, shift, wanted)) = self.bins(region, level) else { return 0 };
        let Some(counted) = self.known(index) else {
            // Points fill a bin each; features may fill many, so as many are expected as there are.
            let sequence = &self.sequences.at(index).name;
            let points = self.parts.iter().filter(|part| part.source.shape() == Shape::Sparse);
            let rows = points.map(|part| {
                let own = part.region(sequence, region.start..region.end);
                own.map_or(0, |own| part.source.rows(&own, Level::Records))
            });
            return rows.min().unwrap_or(u64::MAX).min(wanted.len() as u64);
        };
        match counted.runs.get(usize::from(shift)) {
            Some(runs) => runs.rank(wanted.end).saturating_sub(runs.rank(wanted.start)),
            None => number(&counted.rows_among(shift, wanted)),
        }
    }

    fn count_rows(&self, sequence: &str) -> Result<()> {
        let index = self.sequences.position(sequence);
        index.map_or(Ok(()), |index| self.counted(index).map(drop))
    }

    fn estimate(&self, sequence: &str, level: Level) -> Option<String> {
        self.parts
            .iter()
            .find_map(|part| part.source.estimate(part.sequences.get(sequence)?, level))
    }

    fn first_view(&self) -> Option<Region> {
        self.parts.iter().find_map(|part| part.source.first_view())
    }

    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table> {
        let places = columns.iter().map(|name| {
            let place = self.columns.iter().position(|column| *column.name == **name);
            place.ok_or_else(|| unknown_column(name, &self.columns))
        });
        let places = places.collect::<Result<Vec<_>>>()?;
        let Some((index, shift, wanted)) = self.bins(region, level) else {
            return Ok(Table::empty(columns));
        };
        let (counted, sequence) = (self.counted(index)?, self.sequences.at(index));
        let runs = counted.runs.get(usize::from(shift));
        let (from, rank) = runs.map_or((0, 0), |runs| runs.before(wanted.start));
        let name = sequence.name;
        let before = self.rows_among(&counted, name, shift, from..wanted.start)?;
        let rows = self.rows_among(&counted, name, shift, wanted)?;
        let rows: Vec<u32> = rows.into_iter().flat_map(|(first, end)| first..end).collect();
        let value = |place: usize| {
            self.values((&self.parts[place], counted.sums[place].as_ref()), name, shift, &rows)
        };
        let end = |bin: &u32| ((u64::from(*bin) + 1) << shift).min(sequence.length.into()) as u32;
        let column =
            |(place, name): (usize, &&str)| Ok(Column::new(*name, Data::Singles(value(place)?)));
        Ok(Table {
            first_rank: rank + number(&before),
            start: rows.iter().map(|bin| bin << shift).collect(),
            end: rows.iter().map(end).collect(),
            strand: Vec::new(),
            columns: places.into_iter().zip(columns).map(column).collect::<Result<_>>()?,
        })
    }
}
