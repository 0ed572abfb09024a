//! Computed measurements: a signal that follows from others by an expression.
//!
//! The truth is kept at every level. A linear expression follows from the sums of its inputs in any
//! bin: exactly if bases without data count as zero, and in bins that every input covers; where one
//! of them covers a bin in part, it is computed base by base. All other expressions are computed in
//! bins of the width that is part of their definition, and then averaged, since the mean of
//! quotients is not the quotient of means.

mod broken;
mod evaluate;
mod plan;

pub(crate) use broken::Broken;
pub(crate) use plan::{Plan, compile};

use crate::bytes::Input;
use crate::bytes::helpers::HELPERS;
use crate::error::Result;
use crate::genome::{Region, Sequences};
use crate::source::expression::Definition;
use crate::source::grid;
use crate::source::signals::bins::Bin;
use crate::source::signals::summary::{
    FINEST_SUMS, SignalSummary, StoredSummary, Summaries, stretches,
};
use crate::source::{
    BinSum, ColumnInfo, ColumnKind, Context, Level, Shape, Source, unknown_column,
};
use crate::table::{Column, Data, Table};
use evaluate::Window;
use std::ops::Range;
use std::sync::Arc;

/// The name of its one column.
const VALUE: &str = "value";
/// Maximum number of bins, or bases, that are computed at a time.
const CHUNK: u32 = 1 << 18;
/// Width (log2) of the widest bins in which an expression is computed.
pub(crate) const WIDEST_STEP: u8 = 20;

/// A signal from which another one is computed.
#[derive(Clone)]
pub(crate) struct ComputedInput {
    /// The id of its measurement.
    pub(crate) id: String,
    pub(crate) source: Arc<dyn Source>,
    /// For each sequence of the computed signal, the name that the source has for it.
    pub(crate) names: Vec<Option<Arc<str>>>,
}

impl ComputedInput {
    /// Returns whether both are the same source with the same names.
    pub(crate) fn is(&self, other: &ComputedInput) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.source, &other.source) && self.names == other.names
    }
}

/// A signal that follows from others.
pub(crate) struct Computed {
    definition: Arc<Definition>,
    plan: Plan,
    inputs: Vec<ComputedInput>,
    sequences: Sequences,
    columns: [ColumnInfo; 1],
    /// The sums of wide bins that do not follow from those of the inputs.
    summaries: Summaries,
}

impl Computed {
    /// Creates the signal. The plan refers to the inputs by their indexes.
    pub(crate) fn new(
        definition: Arc<Definition>,
        plan: Plan,
        inputs: Vec<ComputedInput>,
        sequences: Sequences,
    ) -> Self {
        let input = Input::Memory(VALUE.into(), &[]);
        let summaries = Summaries::new(&input, &Context::default(), Shape::Dense);
        Computed {
            definition,
            plan,
            inputs,
            sequences,
            columns: [ColumnInfo { name: VALUE.into(), kind: ColumnKind::Number(None) }],
            summaries: summaries.evictable(),
        }
    }

    /// Returns the number of bases of a bin, which ends with its sequence.
    fn width(&self, sequence: usize, shift: u8, bin: u32) -> u32 {
        let start = u64::from(bin) << shift;
        u64::from(self.sequences.at(sequence).length).saturating_sub(start).min(1 << shift) as u32
    }

    /// Returns the number of bins of a sequence.
    fn count(&self, sequence: usize, shift: u8) -> u32 {
        self.sequences.at(sequence).length.div_ceil(1 << shift)
    }

    /// Returns the sums of an input in bins of this signal's sequence.
    fn input(
        &self,
        index: usize,
        sequence: usize,
        shift: u8,
        bins: Range<u32>,
    ) -> Result<Vec<BinSum>> {
        let input = &self.inputs[index];
        match &input.names[sequence] {
            Some(name) => input.source.sums(name, shift, bins),
            None => Ok(vec![BinSum::default(); bins.len()]),
        }
    }

    fn all_inputs(
        &self,
        sequence: usize,
        shift: u8,
        bins: &Range<u32>,
    ) -> Result<Vec<Vec<BinSum>>> {
        let indexes: Vec<usize> = (0..self.inputs.len()).collect();
        let read = HELPERS.map(&indexes, |index| self.input(*index, sequence, shift, bins.clone()));
        read.into_iter().collect()
    }

    /// Returns the sums of bins of any width.
    fn bin_sums(&self, sequence: usize, shift: u8, bins: Range<u32>) -> Result<Vec<BinSum>> {
        let narrow = match self.definition.at {
            // These follow from the inputs' sums of wide bins.
            Some(at) => at < FINEST_SUMS,
            None => self.definition.gaps && self.inputs.len() > 1,
        };
        if shift < FINEST_SUMS || !narrow {
            return self.direct(sequence, shift, bins);
        }
        let length = self.sequences.at(sequence).length;
        let make = || self.summarize(sequence);
        let read = |summary: &StoredSummary| summary.sums(shift, bins.clone());
        let sums = self.summaries.read(sequence, length, make, read)?.into_iter();
        Ok(sums.map(|bin| BinSum { sum: bin.sum, covered: bin.covered }).collect())
    }

    /// Computes the sums of bins from the inputs.
    fn direct(&self, sequence: usize, shift: u8, bins: Range<u32>) -> Result<Vec<BinSum>> {
        match self.definition.at {
            Some(at) if shift <= at => self.steps(sequence, at, shift, bins),
            Some(at) => self.averages(sequence, at, shift, bins),
            None => self.linear(sequence, shift, bins),
        }
    }

    /// Computes all sums of the narrowest width that summaries have, in parallel.
    fn summarize(&self, sequence: usize) -> Result<SignalSummary> {
        let parts = HELPERS.map(&stretches(self.sequences.at(sequence).length), |bases| {
            let bins = bases.start >> FINEST_SUMS..bases.end.div_ceil(1 << FINEST_SUMS);
            self.direct(sequence, FINEST_SUMS, bins)
        });
        let mut all = Vec::with_capacity(self.count(sequence, FINEST_SUMS) as usize);
        for part in parts {
            let bins = part?.into_iter();
            all.extend(bins.map(|BinSum { sum, covered }| Bin { sum, covered, ..Bin::EMPTY }));
        }
        Ok(SignalSummary::from_sums(all))
    }

    /// Returns the values of the bins of the definition's width; NaN where there is none.
    fn values(&self, sequence: usize, at: u8, bins: &Range<u32>) -> Result<Vec<f64>> {
        let margin = self.plan.margin(at);
        let wide = bins.start.saturating_sub(margin)
            ..bins.end.saturating_add(margin).min(self.count(sequence, at));
        let value = |(sum, bin): (BinSum, u32)| match sum.covered {
            covered if self.definition.gaps => sum.sum / f64::from(covered),
            _ => sum.sum / f64::from(self.width(sequence, at, bin)),
        };
        let columns: Vec<Vec<f64>> = self
            .all_inputs(sequence, at, &wide)?
            .into_iter()
            .map(|sums| sums.into_iter().zip(wide.clone()).map(value).collect())
            .collect();
        let window = Window { first: wide.start, count: wide.len(), shift: at };
        let mut values = self.plan.evaluate(&columns, &window);
        values.drain(..(bins.start - wide.start) as usize);
        values.truncate(bins.len());
        Ok(values)
    }

    /// Returns bins that are no wider than those of the definition: parts of steps.
    fn steps(&self, sequence: usize, at: u8, shift: u8, bins: Range<u32>) -> Result<Vec<BinSum>> {
        let more = at - shift;
        let last = bins.end.saturating_sub(1) >> more;
        let wide = bins.start >> more..last + 1;
        let values = self.values(sequence, at, &wide)?;
        let sum = |bin: u32| {
            let value = values[((bin >> more) - wide.start) as usize];
            BinSum::of(value, self.width(sequence, shift, bin))
        };
        Ok(bins.map(sum).collect())
    }

    /// Returns bins that are wider than those of the definition: averages over them.
    fn averages(
        &self,
        sequence: usize,
        at: u8,
        shift: u8,
        bins: Range<u32>,
    ) -> Result<Vec<BinSum>> {
        let more = shift - at;
        let (chunk, count) = ((CHUNK >> more).max(1), self.count(sequence, at));
        let mut sums = vec![BinSum::default(); bins.len()];
        for from in bins.clone().step_by(chunk as usize) {
            let to = bins.end.min(from + chunk);
            let narrow = from << more..(u64::from(to) << more).min(count.into()) as u32;
            let values = self.values(sequence, at, &narrow)?;
            for (bin, value) in narrow.zip(values) {
                let sum = BinSum::of(value, self.width(sequence, at, bin));
                sums[((bin >> more) - bins.start) as usize].add(sum);
            }
        }
        Ok(sums)
    }

    /// Returns the sums of a linear expression.
    fn linear(&self, sequence: usize, shift: u8, bins: Range<u32>) -> Result<Vec<BinSum>> {
        let Some(linear) = &self.plan.linear else {
            return Ok(vec![BinSum::default(); bins.len()]);
        };
        let inputs = self.all_inputs(sequence, shift, &bins)?;
        let mut sums = Vec::with_capacity(bins.len());
        let mut partial: Vec<Range<u32>> = Vec::new();
        for (at, bin) in bins.clone().enumerate() {
            let width = self.width(sequence, shift, bin);
            let covered = if self.definition.gaps {
                inputs.iter().map(|sums| sums[at].covered).min().unwrap_or(0)
            } else {
                width
            };
            let exact =
                !self.definition.gaps || inputs.len() == 1 || covered == 0 || covered == width;
            if exact {
                let terms =
                    linear.terms.iter().map(|(input, times)| inputs[*input][at].sum * times);
                let sum = terms.sum::<f64>() + linear.constant * f64::from(covered);
                sums.push(if covered == 0 { BinSum::default() } else { BinSum { sum, covered } });
                continue;
            }
            sums.push(BinSum::default());
            match partial.last_mut() {
                Some(run) if run.end == bin => run.end += 1,
                _ => partial.push(bin..bin + 1),
            }
        }
        for run in partial {
            let start = run.start << shift;
            let end = (u64::from(run.end) << shift).min(self.sequences.at(sequence).length.into());
            for from in (start..end as u32).step_by(CHUNK as usize) {
                let bases = from..(end as u32).min(from + CHUNK);
                let inputs = self.all_inputs(sequence, 0, &bases)?;
                for (at, base) in bases.enumerate() {
                    if inputs.iter().all(|sums| sums[at].covered > 0) {
                        let terms =
                            linear.terms.iter().map(|(i, times)| inputs[*i][at].sum * times);
                        let sum = terms.sum::<f64>() + linear.constant;
                        sums[((base >> shift) - bins.start) as usize].add(BinSum::of(sum, 1));
                    }
                }
            }
        }
        Ok(sums)
    }
}

impl Source for Computed {
    fn shape(&self) -> Shape {
        Shape::Dense
    }

    fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    fn knows_lengths(&self) -> bool {
        true
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        let Some((_, region)) = region.within(&self.sequences) else { return 0 };
        let (first, last) = grid::bins(&region, level.width().trailing_zeros() as u8);
        u64::from(last - first)
    }

    fn first_view(&self) -> Option<Region> {
        self.inputs.iter().find_map(|input| input.source.first_view())
    }

    fn estimate(&self, sequence: &str, level: Level) -> Option<String> {
        let index = self.sequences.position(sequence)?;
        let level = self.definition.at.map_or(level, |shift| Level::Bins { shift });
        self.inputs.iter().find_map(|input| {
            let own = input.names.get(index)?.as_ref()?;
            input.source.estimate(own, level)
        })
    }

    fn has_sums(&self) -> bool {
        true
    }

    fn sums(&self, sequence: &str, shift: u8, bins: Range<u32>) -> Result<Vec<BinSum>> {
        let mut sums = match self.sequences.position(sequence) {
            Some(index) => {
                let count = self.count(index, shift);
                let known = bins.start.min(count)..bins.end.min(count);
                if known.is_empty() { Vec::new() } else { self.bin_sums(index, shift, known)? }
            }
            None => Vec::new(),
        };
        sums.resize(bins.len(), BinSum::default());
        Ok(sums)
    }

    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table> {
        if let Some(unknown) = columns.iter().find(|name| **name != VALUE) {
            return Err(unknown_column(unknown, &self.columns));
        }
        let Some((index, region)) = region.within(&self.sequences) else {
            return Ok(Table::empty(columns));
        };
        let shift = level.width().trailing_zeros() as u8;
        let (first, last) = grid::bins(&region, shift);
        let sums = self.bin_sums(index, shift, first..last)?;
        let values: Vec<f32> = sums.iter().map(|sum| sum.mean() as f32).collect();
        let end = |bin: u32| (bin << shift) + self.width(index, shift, bin);
        Ok(Table {
            first_rank: first.into(),
            start: (first..last).map(|bin| bin << shift).collect(),
            end: (first..last).map(end).collect(),
            strand: Vec::new(),
            columns: columns
                .iter()
                .map(|name| Column::new(*name, Data::Singles(values.clone())))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests;
