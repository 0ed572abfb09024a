//! Which rows each level of [`Records`] keeps.

use super::Records;
use crate::genome::Region;
use crate::source::rows::priority::Priority;
use crate::source::{Level, Shape, WIDEST};
use crate::table::Data;
use std::cmp::Reverse;
use std::ops::Range;

/// The rows of a sequence that one level keeps, sorted by start.
#[derive(Debug, Default)]
pub(super) struct LevelRows {
    pub(super) rows: Vec<u32>,
    /// The largest end among this row and those before it: where the first overlap lies is then a
    /// binary search.
    reach: Vec<u32>,
}

impl Records {
    /// The level's rows of the sequence with that index.
    pub(super) fn kept(&self, sequence: usize, level: Level) -> &LevelRows {
        let levels = self.levels[sequence].get_or_init(|| self.thin(self.bounds[sequence].clone()));
        match level {
            Level::Records => &levels[0],
            Level::Bins { shift } => {
                let first = first_shift();
                &levels[1 + usize::from(shift.clamp(first, WIDEST) - first)]
            }
        }
    }

    /// Which rows each level keeps: all, then of each bin the most important row that starts in
    /// it. What a wide bin keeps, the narrow ones inside it have kept, so zooming in only adds.
    fn thin(&self, bounds: Range<usize>) -> Vec<LevelRows> {
        let mut rows: Vec<u32> = bounds.map(|row| row as u32).collect();
        let mut levels = vec![self.reach(rows.clone())];
        for shift in first_shift()..=WIDEST {
            rows = rows
                .chunk_by(|a, b| {
                    self.start[*a as usize] >> shift == self.start[*b as usize] >> shift
                })
                .filter_map(|bin| {
                    bin.iter().copied().max_by_key(|row| (self.priority(*row), Reverse(*row)))
                })
                .collect();
            levels.push(self.reach(rows.clone()));
        }
        levels
    }

    fn priority(&self, row: u32) -> Priority {
        let row = row as usize;
        let gene = match &self.names {
            Some((column, _)) if self.shape == Shape::Genes => match &self.columns[*column].data {
                Data::Text(names) => Some(names.get(row)),
                _ => None,
            },
            _ => None,
        };
        let score = self.importance.map_or(f64::NAN, |i| self.columns[i].data.number(row));
        Priority::new(gene, score, self.end[row] - self.start[row])
    }

    fn reach(&self, rows: Vec<u32>) -> LevelRows {
        let mut furthest = 0;
        let reach = rows.iter().map(|&row| {
            furthest = furthest.max(self.end[row as usize].max(self.start[row as usize] + 1));
            furthest
        });
        LevelRows { reach: reach.collect(), rows }
    }

    /// The contiguous run of ranks that holds every row overlapping the region, up to the last that
    /// starts before its end: short rows behind a long one belong to no other piece.
    pub(super) fn run(&self, sequence: usize, level: Level, region: &Region) -> Range<usize> {
        let kept = self.kept(sequence, level);
        if region.is_empty() || self.shape.hides(level) {
            return 0..0;
        }
        let first = kept.reach.partition_point(|reach| *reach <= region.start);
        let last = kept.rows.partition_point(|&row| self.start[row as usize] < region.end);
        if first < last { first..last } else { 0..0 }
    }
}

/// The narrowest bins that thin features, as [`Shape::levels`] says.
fn first_shift() -> u8 {
    match Shape::Features.levels().nth(1) {
        Some(Level::Bins { shift }) => shift,
        _ => 0,
    }
}
