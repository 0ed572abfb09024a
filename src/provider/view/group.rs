//! One datasource group in a page: the level it is on, and what the page holds of it.

use super::ROWS;
use super::cache::{Cache, neighbourhood};
use crate::genome::Region;
use crate::source::{Level, Shape};
use std::collections::HashMap;
use std::time::Duration;

/// How many rows a view may hold before its level is too fine, as a multiple of the target; a half
/// is the least.
pub(super) const HYSTERESIS: u64 = 2;
/// The windows that a page asks for: the view, and as much on either side.
pub(super) const WINDOWS: u64 = 3;
/// When a clear that the page has not confirmed is taken for done.
pub(super) const CONFIRMED: Duration = Duration::from_secs(5);

/// What the view must know of the data.
pub trait RowCounts {
    /// The shape of a group's datasource; none if it is gone.
    fn shape(&self, group: &str) -> Option<Shape>;
    /// Rows in a region at a level, perhaps estimated.
    fn rows(&self, group: &str, region: &Region, level: Level) -> u64;
}

/// What is known of one group's cache in the page, since its last clear.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) level: Level,
    /// RowCounts clears: the page drops the answer to a request from before one.
    pub(super) epoch: u64,
    /// The last clear that the page has confirmed, and when the last was ordered.
    pub(super) confirmed: u64,
    pub(super) ordered: Duration,
    /// What the page holds of each thing it asks: the rows, each measurement's values.
    pub(super) caches: HashMap<String, Cache>,
    /// Since when requests are held, and the region that they span.
    pub(super) held: Option<(Duration, Region)>,
    /// Where the page was given a row that is none.
    pub(super) placeholder: Option<Region>,
}

impl Group {
    pub(super) fn new() -> Self {
        Group {
            level: Level::Records,
            epoch: 0,
            confirmed: 0,
            ordered: Duration::ZERO,
            caches: HashMap::new(),
            held: None,
            placeholder: None,
        }
    }

    /// Whether the page has done the last clear. One that does not say so is trusted in time.
    pub(super) fn is_clear(&self, now: Duration) -> bool {
        self.confirmed == self.epoch || now >= self.ordered + CONFIRMED
    }

    /// Whether the page holds values beyond the rows they belong to. When it trims its cache it
    /// drops them, but still takes itself to have them, and what it then joins lies at wrong places.
    pub(super) fn is_uneven(&self) -> bool {
        let rows = self.caches.get(ROWS);
        rows.is_some_and(|rows| self.caches.values().any(|values| values.reaches_beyond(rows)))
    }

    /// The level for that place: the present one while it holds a sensible number of rows.
    pub(super) fn level_at(
        &self,
        target_rows: u64,
        counts: &impl RowCounts,
        name: &str,
        place: &Region,
    ) -> Level {
        let rows = |level| counts.rows(name, place, level);
        let around = counts.rows(name, &neighbourhood(place), self.level);
        let suits = counts.shape(name).is_none_or(|shape| shape.suits(self.level, place));
        let too_many = !suits
            || rows(self.level) > target_rows * HYSTERESIS
            || around > target_rows * WINDOWS * HYSTERESIS;
        let too_few = rows(self.level) < target_rows / HYSTERESIS;
        match (too_many, too_few) {
            (true, _) => level_around(target_rows, counts, name, place),
            (_, true) => level_around(target_rows, counts, name, place).min(self.level),
            _ => self.level,
        }
    }
}

/// Rows in view that are as far as can be from the next change of level.
pub(super) fn ideal(target_rows: u64) -> u64 {
    target_rows + target_rows / 2
}

/// The level for a page that caches and looks at `place`: it will ask for the windows beside it.
pub(super) fn level_around(
    target_rows: u64,
    counts: &impl RowCounts,
    group: &str,
    place: &Region,
) -> Level {
    let around = neighbourhood(place);
    finest(counts, group, place, |level| {
        counts.rows(group, place, level) <= ideal(target_rows)
            && counts.rows(group, &around, level) <= WINDOWS * ideal(target_rows)
    })
}

pub(super) fn finest(
    counts: &impl RowCounts,
    group: &str,
    view: &Region,
    fits: impl Fn(Level) -> bool,
) -> Level {
    let shape = counts.shape(group).unwrap_or(Shape::Features);
    let mut levels = shape.levels();
    let coarsest = levels.clone().next_back().unwrap_or(Level::Records);
    levels.find(|level| shape.suits(*level, view) && fits(*level)).unwrap_or(coarsest)
}
