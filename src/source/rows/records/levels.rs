//! Selects the rows that each level of [`Records`] shows.

use super::Records;
use crate::genome::Region;
use crate::source::rows::priority::Priority;
use crate::source::{Level, Shape, WIDEST};
use crate::table::Data;
use std::cmp::Reverse;
use std::ops::Range;

/// The rows of a sequence at each level, as far as levels differ.
pub(super) type Levels = Box<[LevelRows]>;

/// The rows of a sequence at one level, sorted by start.
#[derive(Debug, Default)]
pub(super) struct LevelRows {
    rows: Vec<u32>,
    /// The largest end of this row and all before it, so that a binary search finds the first
    /// overlap.
    reach: Vec<u32>,
}

/// The rows of a sequence at one level: all of them, or some.
pub(super) enum RowsOfLevel<'a> {
    /// All rows: the index of the first, and the [reach](LevelRows::reach) of each.
    All(usize, &'a [u32]),
    Some(&'a LevelRows),
}

impl RowsOfLevel<'_> {
    /// Returns the row with the given rank.
    pub(super) fn row(&self, rank: usize) -> usize {
        match self {
            RowsOfLevel::All(first, _) => first + rank,
            RowsOfLevel::Some(level) => level.rows[rank] as usize,
        }
    }

    fn reach(&self) -> &[u32] {
        match self {
            RowsOfLevel::All(_, reach) => reach,
            RowsOfLevel::Some(level) => &level.reach,
        }
    }

    /// Returns the number of rows for which `is` is true; they must precede all others.
    fn partition_point(&self, is: impl Fn(usize) -> bool) -> usize {
        match self {
            RowsOfLevel::All(first, reach) => {
                let (mut low, mut high) = (0, reach.len());
                while low < high {
                    let middle = low + (high - low) / 2;
                    if is(first + middle) { low = middle + 1 } else { high = middle }
                }
                low
            }
            RowsOfLevel::Some(level) => level.rows.partition_point(|row| is(*row as usize)),
        }
    }
}

impl Records {
    /// Returns the rows of a level of the sequence with the given index.
    pub(super) fn level_rows(&self, sequence: usize, level: Level) -> RowsOfLevel<'_> {
        let bounds = self.rows_of(sequence);
        let shift = match level {
            Level::Bins { shift } if bounds.len() > 1 => shift,
            // In an assembly of a million scaffolds, most have one row, which every level shows.
            _ => return RowsOfLevel::All(bounds.start, &self.reach[bounds]),
        };
        let at = self.levels.partition_point(|(index, _)| *index < sequence);
        let levels = self.levels[at].1.get_or_init(|| self.thin(bounds));
        let first = first_shift();
        let level = usize::from(shift.clamp(first, WIDEST) - first);
        RowsOfLevel::Some(&levels[level.min(levels.len() - 1)])
    }

    /// Returns whether the rows of each level of a sequence are known, or soon selected.
    pub(super) fn has_levels(&self, sequence: usize) -> bool {
        const FEW: usize = 5000;
        let known =
            |at: usize| self.levels.get(at).is_some_and(|(_, levels)| levels.get().is_some());
        self.rows_of(sequence).len() <= FEW
            || known(self.levels.partition_point(|(index, _)| *index < sequence))
    }

    /// Selects the rows of each level of bins: the most important row that starts in each bin. The
    /// row of a wide bin is also the row of one of the narrow bins inside it, so zooming in only
    /// adds rows. Levels after the last one returned have the same rows as that one.
    fn thin(&self, bounds: Range<usize>) -> Levels {
        let mut rows: Vec<u32> = bounds.map(|row| row as u32).collect();
        let mut levels = Vec::new();
        for shift in first_shift()..=WIDEST {
            rows = rows
                .chunk_by(|a, b| {
                    self.start[*a as usize] >> shift == self.start[*b as usize] >> shift
                })
                .filter_map(|bin| {
                    bin.iter().copied().max_by_key(|row| (self.priority(*row), Reverse(*row)))
                })
                .collect();
            let reach = reach(rows.iter().map(|row| *row as usize), &self.start, &self.end);
            levels.push(LevelRows { rows: rows.clone(), reach });
            if rows.len() == 1 {
                break;
            }
        }
        levels.into()
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

    /// Returns the contiguous run of ranks from the first row that overlaps the region to the last
    /// that starts before its end. Rows between them that end before the region belong to the run.
    pub(super) fn run(&self, sequence: usize, level: Level, region: &Region) -> Range<usize> {
        let shown = self.level_rows(sequence, level);
        if region.is_empty() || self.shape.hides(level) {
            return 0..0;
        }
        let first = shown.reach().partition_point(|reach| *reach <= region.start);
        let last = shown.partition_point(|row| self.start[row] < region.end);
        if first < last { first..last } else { 0..0 }
    }
}

/// Returns the largest end of each row and all rows before it.
pub(super) fn reach(rows: impl Iterator<Item = usize>, start: &[u32], end: &[u32]) -> Vec<u32> {
    let mut furthest = 0;
    let reach = rows.map(|row| {
        furthest = furthest.max(end[row].max(start[row] + 1));
        furthest
    });
    reach.collect()
}

/// Returns the width (log2) of the narrowest bins that thin features, from [`Shape::levels`].
fn first_shift() -> u8 {
    match Shape::Features.levels().nth(1) {
        Some(Level::Bins { shift }) => shift,
        _ => 0,
    }
}
