//! Classifies a signal by its first records.

use super::{FIRST_VIEW, MOST_POINTS, VALUE};
use crate::genome::{Region, Sequences};
use crate::source::rows::background::Preview;
use crate::source::{ColumnInfo, ColumnKind, Missing, Shape};

/// Largest mean length of the stretches without a gap in points, in bases; a CpG has two bases.
const LONGEST_POINT: u64 = 4;

/// Statistics of the stretches without a gap that consecutive records of one sequence form.
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

    /// Returns whether the stretches are as short as points. (Coverage may have records of one
    /// base, but they are adjacent.)
    pub(super) fn are_points(&self) -> bool {
        self.bases <= u64::from(self.count) * LONGEST_POINT
    }
}

/// The first records of a text signal that is not yet converted to bigWig.
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

    /// Returns the preview; `missing` decides between points and coverage unless it is `Auto`.
    pub(crate) fn preview(self, missing: Missing) -> Preview {
        let Stretches { bases, last, .. } = self.stretches;
        let spanned =
            self.first.as_ref().zip(last).map_or(0, |((_, start), end)| end.saturating_sub(*start));
        let covered = bases as f64 / f64::from(spanned.max(1));
        let points = match missing {
            Missing::Auto => covered <= MOST_POINTS && self.stretches.are_points(),
            chosen => chosen == Missing::Gap,
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
