//! Selects the rows that each level of [`Records`] shows.

use super::Records;
use crate::genome::Region;
use crate::source::rows::priority::Priority;
use crate::source::{Level, Shape, WIDEST};
use crate::table::Data;
use std::cmp::Reverse;
use std::ops::Range;

/// The rows of a sequence at one level, sorted by start.
#[derive(Debug, Default)]
pub(super) struct LevelRows {
    pub(super) rows: Vec<u32>,
    /// The largest end of this row and all before it, so that a binary search finds the first
    /// overlap.
    reach: Vec<u32>,
}

impl Records {
    /// Returns the rows of a level of the sequence with the given index.
    pub(super) fn level_rows(&self, sequence: usize, level: Level) -> &LevelRows {
        let levels = self.levels[sequence].get_or_init(|| self.thin(self.bounds[sequence].clone()));
        match level {
            Level::Records => &levels[0],
            Level::Bins { shift } => {
                let first = first_shift();
                &levels[1 + usize::from(shift.clamp(first, WIDEST) - first)]
            }
        }
    }

    /// Returns the rows of each level: all rows, then the most important row that starts in each
    /// bin. The row of a wide bin is also the row of a narrower bin inside it, so zooming in only
    /// adds rows.
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

    /// Returns the contiguous run of ranks from the first row that overlaps the region to the last
    /// that starts before its end. Rows between them that end before the region belong to the run.
    pub(super) fn run(&self, sequence: usize, level: Level, region: &Region) -> Range<usize> {
        let shown = self.level_rows(sequence, level);
        if region.is_empty() || self.shape.hides(level) {
            return 0..0;
        }
        let first = shown.reach.partition_point(|reach| *reach <= region.start);
        let last = shown.rows.partition_point(|&row| self.start[row as usize] < region.end);
        if first < last { first..last } else { 0..0 }
    }
}

/// Returns the width (log2) of the narrowest bins that thin features, from [`Shape::levels`].
fn first_shift() -> u8 {
    match Shape::Features.levels().nth(1) {
        Some(Level::Bins { shift }) => shift,
        _ => 0,
    }
}
