//! What the first records of a signal show of it.

use super::{FIRST_VIEW, MOST_POINTS, VALUE};
use crate::genome::{Region, Sequences};
use crate::source::rows::background::Preview;
use crate::source::{ColumnInfo, ColumnKind, Missing, Shape};

/// Stretches without a gap are on average no longer than this in points: a CpG has two bases.
const LONGEST_POINT: u64 = 4;

/// Records of one sequence in their order, and the stretches without a gap that they form.
#[derive(Default)]
pub(super) struct Stretches {
    pub(super) records: u32,
    count: u32,
    bases: u64,
    last: Option<u32>,
}

impl Stretches {
    pub(super) fn add(&mut self, start: u32, end: u32) {
        self.records += 1;
        self.count += u32::from(self.last != Some(start));
        self.bases += u64::from(end - start);
        self.last = Some(end);
    }

    /// Whether they are as short as those of points. (Coverage may have records of one base, but
    /// they touch.)
    pub(super) fn are_points(&self) -> bool {
        self.bases <= u64::from(self.count) * LONGEST_POINT
    }
}

/// The first records of a text that is not a bigWig yet.
#[derive(Default)]
pub(crate) struct First {
    sequences: Sequences,
    first: Option<(String, u32)>,
    stretches: Stretches,
}

impl First {
    /// Adds the next record.
    pub(crate) fn add(&mut self, sequence: &str, start: u32, end: u32) {
        self.sequences.add(sequence, end);
        let (first, _) = self.first.get_or_insert_with(|| (sequence.to_owned(), start));
        if first == sequence {
            self.stretches.add(start, end);
        }
    }

    /// What they show, unless `missing` says it.
    pub(crate) fn preview(self, missing: Missing) -> Preview {
        let Stretches { bases, last, .. } = self.stretches;
        let spanned =
            self.first.as_ref().zip(last).map_or(0, |((_, start), end)| end.saturating_sub(*start));
        let covered = bases as f64 / f64::from(spanned.max(1));
        let points = match missing {
            Missing::Auto => covered <= MOST_POINTS && self.stretches.are_points(),
            said => said == Missing::Gap,
        };
        Preview {
            shape: if points { Shape::Sparse } else { Shape::Dense },
            sequences: self.sequences,
            knows_lengths: false,
            columns: vec![ColumnInfo { name: VALUE.into(), kind: ColumnKind::Number(None) }],
            first_view: self.first.map(|(sequence, start)| {
                Region::new(sequence, start, start.saturating_add(FIRST_VIEW))
            }),
        }
    }
}
