//! bigWig: one number per base, indexed, read by region.
//!
//! Bins are summed from the file's records, not its zoom levels, which do not align with the grid.
//! Wide bins come from a [`SignalSummary`] of the sequence, made when first needed. Only wide views
//! of a large file on another machine are estimated from zoom levels: see [`wide`].

mod first;
mod wide;

use crate::bytes::{Cursor, Input};
use crate::error::{Error, Result};
use crate::genome::{Region, Sequence, Sequences};
use crate::source::grid;
use crate::source::io::bbi::Bbi;
use crate::source::rows::background::{Build, build};
use crate::source::signals::bins::{Bin, Bins};
use crate::source::signals::summary::{FINEST_SUMS, SignalSummary, StoredSummary, Summaries};
use crate::source::{
    BinSum, BuildHandle, ColumnInfo, ColumnKind, Context, ESTIMATED, Format, Level, Missing,
    Options, Shape, Source, Summary, unknown_column,
};
use crate::table::{Column, Data, Table};
pub(crate) use first::First;
use first::Stretches;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use wide::WideViews;

pub(crate) const FORMAT: Format = Format {
    name: "bigwig",
    extensions: &["bw", "bigwig"],
    about: "a line; dense signals share one group and can be compared",
    sniff: |head| {
        head.starts_with(&[0x26, 0xfc, 0x8f, 0x88]) || head.starts_with(&[0x88, 0x8f, 0xfc, 0x26])
    },
    open,
};

/// The name of a signal's one column.
const VALUE: &str = "value";
/// Length of the first view in bases; it begins at the first record.
const FIRST_VIEW: u32 = 1_000_000;
/// Number of records from which points are distinguished from coverage.
const SAMPLE: u32 = 1024;
/// Largest share of the genome that points cover.
const MOST_POINTS: f64 = 0.25;

/// The first bytes of a bigWig file (supplementary table 4).
const MAGIC: u32 = 0x888f_fc26;

struct BigWig {
    file: Bbi,
    columns: [ColumnInfo; 1],
    shape: Shape,
    summary: Summary,
    missing: Missing,
    /// Share of the bases that have data; used to estimate rows until a summary counts them.
    covered: f64,
    summaries: Summaries,
    knows_lengths: bool,
    /// How wide views are estimated; none if they are exact.
    wide: Option<WideViews>,
    /// The reading of the whole file, after which wide views are exact.
    building: Option<Arc<BuildHandle>>,
}

/// Opens a bigWig.
pub(crate) fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut signal = BigWig::open(input, options, context)?;
    if !input.is_remote() || signal.shape != Shape::Dense {
        return Ok(Box::new(signal));
    }
    signal.wide = WideViews::of(&signal.file)?;
    if signal.wide.is_none() || !options.exact {
        return Ok(Box::new(signal));
    }
    let (of, with) = (input.clone(), options.clone());
    let whole = move |context: &Context| BigWig::read_whole(&of, &with, context);
    match build(input, context, whole)? {
        Build::Opened(exact) => Ok(exact),
        Build::Building(building) => {
            signal.building = Some(building);
            Ok(Box::new(signal))
        }
    }
}

/// Opens a bigWig that was converted from a file without sequence lengths.
pub(crate) fn derived(
    input: &Input,
    options: &Options,
    context: &Context,
) -> Result<Box<dyn Source>> {
    Ok(Box::new(BigWig { knows_lengths: false, ..BigWig::open(input, options, context)? }))
}

/// An interval and its value.
struct ValueRecord {
    start: u32,
    end: u32,
    value: f32,
}

impl BigWig {
    fn open(input: &Input, options: &Options, context: &Context) -> Result<Self> {
        let file = Bbi::open(input, MAGIC)?;
        let totals = file.totals()?.filter(|totals| totals.covered > 0);
        let bases: f64 = file.sequences().iter().map(|s| f64::from(s.length)).sum();
        let range = totals.map(|totals| match options.missing {
            // Bases without data are drawn as zero.
            Missing::Zero => (totals.min.min(0.0), totals.max.max(0.0)),
            _ => (totals.min, totals.max),
        });
        let mut signal = BigWig {
            columns: [ColumnInfo { name: VALUE.into(), kind: ColumnKind::Number(range) }],
            shape: Shape::Dense,
            summary: options.summary,
            missing: options.missing,
            covered: totals.map_or(0.0, |totals| totals.covered as f64 / bases),
            summaries: Summaries::new(input, context, Shape::Dense),
            file,
            knows_lengths: true,
            wide: None,
            building: None,
        };
        let gaps = match options.missing {
            Missing::Auto => signal.is_points()?,
            missing => missing == Missing::Gap,
        };
        if gaps {
            signal.shape = Shape::Sparse;
            signal.summaries = Summaries::new(input, context, Shape::Sparse);
        }
        Ok(signal)
    }

    /// Opens a signal and reads it as a whole, so that its sums are in the cache folder.
    fn read_whole(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
        let signal = BigWig::open(input, options, context)?;
        let lengths = || signal.sequences().iter().map(|sequence| f64::from(sequence.length));
        let (mut done, all) = (0.0, lengths().sum::<f64>());
        for (index, length) in lengths().enumerate() {
            signal.summary(index, |_| Some(()))?;
            done += length;
            context.progress.report(input.path(), done / all);
        }
        context.progress.done(input.path());
        Ok(Box::new(signal))
    }

    fn sequence(&self, index: usize) -> Sequence<'_> {
        self.file.sequences().at(index)
    }

    /// Returns whether the file holds points (methylation), not coverage: it covers little, and the
    /// gapless stretches in its first sequence with data average a few bases.
    fn is_points(&self) -> Result<bool> {
        if self.covered > MOST_POINTS {
            return Ok(false);
        }
        for sequence in self.file.sequences().iter() {
            let mut stretches = Stretches::default();
            self.each_record(&Region::new(sequence.name, 0, sequence.length), |record| {
                stretches.add(record.start, record.end);
                stretches.records < SAMPLE
            })?;
            if stretches.records > 0 {
                return Ok(stretches.are_points());
            }
        }
        Ok(false)
    }

    /// Passes each record that overlaps `region`, unclipped, to `take` until it returns false.
    fn each_record(
        &self,
        region: &Region,
        mut take: impl FnMut(ValueRecord) -> bool,
    ) -> Result<()> {
        let length = self.file.sequences().get(&region.sequence).map_or(0, |s| s.length);
        let mut last_end = 0;
        self.file.each_block(region, |fields, offset, id| {
            let damaged = || self.file.damaged(offset, "a block of data is damaged");
            let (block_id, records) = records(fields).ok_or_else(damaged)?;
            if block_id != id {
                return Err(damaged());
            }
            for record in records {
                let record = record.filter(|r| r.start < r.end && r.start < length);
                let mut record = record.ok_or_else(damaged)?;
                if record.start < last_end {
                    let message = "records overlap or are not sorted; write the file again, for \
                                   instance with bedGraphToBigWig";
                    return Err(Error::data(self.file.path(), &*region.sequence, message));
                }
                last_end = record.end;
                // Some writers let the last record extend past the end of its sequence.
                record.end = record.end.min(length);
                if record.start >= region.end {
                    return Ok(false);
                }
                // Others write NaN where there is no data.
                if record.end > region.start && !record.value.is_nan() && !take(record) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Reads from the summary of a sequence.
    fn summary<T>(&self, index: usize, read: impl Fn(&StoredSummary) -> Option<T>) -> Result<T> {
        let Sequence { name, length } = self.sequence(index);
        let make = || {
            SignalSummary::read(length, self.shape, |stretch, take| {
                let region = Region::new(name, stretch.start, stretch.end);
                self.each_record(&region, |record| {
                    take(record.start, record.end, record.value);
                    true
                })
            })
        };
        self.summaries.read(index, length, make, read)
    }

    /// Returns the sums of bins that are no narrower than [`FINEST_SUMS`].
    fn wide_sums(&self, index: usize, shift: u8, bins: Range<u32>) -> Result<Vec<Bin>> {
        self.summary(index, |summary| summary.sums(shift, bins.clone()))
    }

    fn value(&self, bin: &Bin, index: u32, shift: u8, length: u32) -> f32 {
        let start = u64::from(index) << shift;
        let width = (u64::from(length).saturating_sub(start)).min(1 << shift) as u32;
        bin.value(self.summary, self.missing, width)
    }

    /// Returns the sums of the bins `first..last`, which are narrower than those of a summary.
    fn fine(&self, region: &Region, shift: u8, first: u32, last: u32) -> Result<Bins> {
        let mut bins = Bins::new(shift, first, last - first);
        let end = (u64::from(last) << shift).min(u64::from(region.end)) as u32;
        let region = Region::new(region.sequence.clone(), first << shift, end);
        self.each_record(&region, |record| {
            bins.add(record.start, record.end, record.value);
            true
        })?;
        Ok(bins)
    }

    /// Returns the sums of bins of any width.
    fn bins(&self, index: usize, shift: u8, bins: Range<u32>) -> Result<Vec<Bin>> {
        let Sequence { name, length } = self.sequence(index);
        let whole = Region::new(name, 0, length);
        let is_saved = || shift >= FINEST_SUMS && self.summaries.saved(index, length).is_some();
        if let Some(wide) = self.wide.as_ref().filter(|_| !is_saved()) {
            if let Some(level) = wide.level(shift, length)
                && wide.is_sound(&self.file)?
            {
                let run = Bins::new(shift, bins.start, bins.end - bins.start);
                return Ok(WideViews::estimate(&self.file, level, &whole, run)?.bins);
            }
            // A summary would read the whole sequence.
            if wide.reads_few(shift, length) {
                return Ok(self.fine(&whole, shift, bins.start, bins.end)?.bins);
            }
        }
        if shift < FINEST_SUMS {
            return Ok(self.fine(&whole, shift, bins.start, bins.end)?.bins);
        }
        self.wide_sums(index, shift, bins)
    }

    /// Returns every bin that overlaps the region; the rank of a bin is its number.
    fn dense(&self, index: usize, region: &Region, shift: u8) -> Result<Table> {
        let sequence = self.sequence(index);
        let (first, last) = grid::bins(region, shift);
        let sums = self.bins(index, shift, first..last)?;
        let values = (first..last)
            .zip(&sums)
            .map(|(bin, sum)| self.value(sum, bin, shift, sequence.length))
            .collect();
        Ok(rows(first.into(), first..last, shift, sequence.length, values))
    }

    /// Returns the bins that overlap the region and have data, ranked among all bins with data.
    fn sparse(&self, index: usize, region: &Region, shift: u8) -> Result<Table> {
        let sequence = self.sequence(index);
        let (first, last) = grid::bins(region, shift);
        let (rank, from) =
            self.summary(index, |summary| summary.sample_before(Level::Bins { shift }, first))?;
        let sums = if shift < FINEST_SUMS {
            let whole = Region::new(sequence.name, 0, sequence.length);
            self.fine(&whole, shift, from, last)?.bins
        } else {
            self.wide_sums(index, shift, from..last)?
        };
        let with_data: Vec<(u32, &Bin)> =
            (from..last).zip(&sums).filter(|(_, sum)| sum.covered > 0).collect();
        let before = with_data.iter().take_while(|(bin, _)| *bin < first).count();
        let rows_of = &with_data[before..];
        let values = rows_of
            .iter()
            .map(|(bin, sum)| self.value(sum, *bin, shift, sequence.length))
            .collect();
        let bins = rows_of.iter().map(|(bin, _)| *bin);
        Ok(rows(rank + before as u64, bins, shift, sequence.length, values))
    }

    /// Returns the records that overlap the region, not clipped to it.
    fn records(&self, index: usize, region: &Region) -> Result<Table> {
        let (rank, from) =
            self.summary(index, |summary| summary.sample_before(Level::Records, region.start))?;
        let mut table = Table { first_rank: rank, ..Table::default() };
        let mut values = Vec::new();
        let counted = Region::new(region.sequence.clone(), from, region.end);
        self.each_record(&counted, |record| {
            if record.end <= region.start {
                table.first_rank += 1;
            } else {
                table.start.push(record.start);
                table.end.push(record.end);
                values.push(record.value);
            }
            true
        })?;
        table.columns = vec![Column::new(VALUE, Data::Singles(values))];
        Ok(table)
    }
}

/// Returns the sequence id and the records of a block (supplementary table 12); none where the
/// block is damaged.
fn records(mut fields: Cursor<'_>) -> Option<(u32, impl Iterator<Item = Option<ValueRecord>>)> {
    let (id, start, _end) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (step, span) = (fields.u32()?, fields.u32()?);
    let (kind, _reserved, count) = (fields.u8()?, fields.u8()?, fields.u16()?);
    if !(1..=3).contains(&kind) {
        return None;
    }
    let mut next = start;
    let read = move |_| {
        let (start, end) = match kind {
            1 => (fields.u32()?, fields.u32()?),
            2 => {
                let start = fields.u32()?;
                (start, start.checked_add(span)?)
            }
            _ => {
                let start = next;
                next = next.checked_add(step)?;
                (start, start.checked_add(span)?)
            }
        };
        Some(ValueRecord { start, end, value: fields.f32()? })
    };
    Some((id, (0..count).map(read)))
}

fn rows(
    first_rank: u64,
    bins: impl Iterator<Item = u32> + Clone,
    shift: u8,
    length: u32,
    values: Vec<f32>,
) -> Table {
    let end = |bin: u32| ((u64::from(bin) + 1) << shift).min(u64::from(length)) as u32;
    Table {
        first_rank,
        start: bins.clone().map(|bin| bin << shift).collect(),
        end: bins.map(end).collect(),
        strand: Vec::new(),
        columns: vec![Column::new(VALUE, Data::Singles(values))],
    }
}

impl Source for BigWig {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn sequences(&self) -> &Sequences {
        self.file.sequences()
    }

    fn covered(&self) -> Option<u64> {
        let bases: f64 = self.sequences().iter().map(|s| f64::from(s.length)).sum();
        (self.covered > 0.0).then_some((self.covered * bases).round() as u64)
    }

    fn knows_lengths(&self) -> bool {
        self.knows_lengths
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        let Some((index, region)) = region.within(self.file.sequences()) else { return 0 };
        let bins = u64::from(region.len().div_ceil(level.width()));
        if self.shape == Shape::Dense {
            return bins;
        }
        let summary = self.summaries.known(index, self.sequence(index).length);
        // Assumes evenly spread points, each in a bin of its own as long as there are bins.
        let estimate = bins.min((f64::from(region.len()) * self.covered) as u64);
        summary.and_then(|summary| summary.rows(&region, level)).unwrap_or(estimate)
    }

    fn count_rows(&self, sequence: &str) -> Result<()> {
        match (self.shape, self.file.sequences().position(sequence)) {
            (Shape::Sparse, Some(index)) => self.summary(index, |_| Some(())),
            _ => Ok(()),
        }
    }

    fn first_view(&self) -> Option<Region> {
        self.file.sequences().iter().find_map(|sequence| {
            let mut first = None;
            let whole = Region::new(sequence.name, 0, sequence.length);
            self.each_record(&whole, |record| {
                first = Some(record.start);
                false
            })
            .ok()?;
            let end = first?.saturating_add(FIRST_VIEW).min(sequence.length);
            Some(Region::new(sequence.name, first?, end))
        })
    }

    fn building(&self) -> Option<&Arc<BuildHandle>> {
        self.building.as_ref()
    }

    fn annotation(&self, _: &str) -> BTreeMap<String, String> {
        let said = self.wide.iter().map(|wide| (ESTIMATED.to_owned(), wide.to_string()));
        said.collect()
    }

    fn estimate(&self, sequence: &str, level: Level) -> Option<String> {
        let index = self.file.sequences().position(sequence)?;
        let (length, shift) = (self.sequence(index).length, level.width().trailing_zeros() as u8);
        let wide = self.wide.as_ref().filter(|wide| wide.is_used())?;
        let level = wide.level(shift, length)?;
        let is_exact = shift >= FINEST_SUMS && self.summaries.known(index, length).is_some();
        (!is_exact).then(|| format!("\u{2248}, from zoom level {}", level.window))
    }

    fn has_sums(&self) -> bool {
        true
    }

    fn sums(&self, sequence: &str, shift: u8, bins: Range<u32>) -> Result<Vec<BinSum>> {
        let mut sums = Vec::new();
        if let Some(index) = self.file.sequences().position(sequence) {
            let count = self.sequence(index).length.div_ceil(1 << shift);
            let known = bins.start.min(count)..bins.end.min(count);
            if !known.is_empty() {
                let known = self.bins(index, shift, known)?;
                sums.extend(known.iter().map(|bin| BinSum { sum: bin.sum, covered: bin.covered }));
            }
        }
        sums.resize(bins.len(), BinSum::default());
        Ok(sums)
    }

    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table> {
        if let Some(unknown) = columns.iter().find(|name| **name != VALUE) {
            return Err(unknown_column(unknown, &self.columns));
        }
        let Some((index, region)) = region.within(self.file.sequences()) else {
            return Ok(Table::empty(columns));
        };
        let mut table = match (self.shape, level) {
            (Shape::Sparse, Level::Records) => self.records(index, &region)?,
            (Shape::Sparse, Level::Bins { shift }) => self.sparse(index, &region, shift)?,
            (_, Level::Records) => self.dense(index, &region, 0)?,
            (_, Level::Bins { shift }) => self.dense(index, &region, shift)?,
        };
        if columns.is_empty() {
            table.columns.clear();
        }
        Ok(table)
    }
}
