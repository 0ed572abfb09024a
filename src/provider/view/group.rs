//! One datasource group in a page: its level, and the rows that the page has.

use super::ROWS;
use super::cache::{Cache, neighbourhood};
use crate::genome::Region;
use crate::source::{Level, Shape};
use std::collections::HashMap;
use std::time::Duration;

/// Maximum number of rows in a view before its level is too fine, as a multiple of the target; the
/// minimum is the target divided by it.
pub(super) const HYSTERESIS: u64 = 2;
/// The number of windows that a page requests: the view, and one of the same width on either side.
pub(super) const WINDOWS: u64 = 3;
/// After this time, a clear that the page has not confirmed counts as done.
pub(super) const CLEAR_TIMEOUT: Duration = Duration::from_secs(5);

/// The properties of the data that the view depends on.
pub trait RowCounts {
    /// Returns the shape of a group's datasource; `None` if it is gone.
    fn shape(&self, group: &str) -> Option<Shape>;
    /// Returns the number of rows in a region at a level, which may be an estimate.
    fn rows(&self, group: &str, region: &Region, level: Level) -> u64;
}

/// The state of one group's cache in the page since its last clear.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) level: Level,
    /// The number of clears: the page drops the answers to requests from before a clear.
    pub(super) epoch: u64,
    /// The last clear that the page has confirmed, and when the last was ordered.
    pub(super) confirmed: u64,
    pub(super) ordered: Duration,
    /// The page's cache of the rows, and of each measurement's values.
    pub(super) caches: HashMap<String, Cache>,
    /// The time since which requests are deferred, and the region that they span.
    pub(super) deferred: Option<(Duration, Region)>,
    /// The position of the placeholder row, if the page has one.
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
            deferred: None,
            placeholder: None,
        }
    }

    /// Returns whether the page has done the last clear; without its answer, a timeout applies.
    pub(super) fn is_clear(&self, now: Duration) -> bool {
        self.confirmed == self.epoch || now >= self.ordered + CLEAR_TIMEOUT
    }

    /// Returns whether the page has values beyond their rows. When it trims its cache it drops them,
    /// but still counts them as cached, and later pieces are joined at wrong positions.
    pub(super) fn is_uneven(&self) -> bool {
        let rows = self.caches.get(ROWS);
        rows.is_some_and(|rows| self.caches.values().any(|values| values.reaches_beyond(rows)))
    }

    /// Returns the level for a place: the current one while it has a suitable number of rows.
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

/// Returns the number of rows in view that is farthest from the next change of level.
pub(super) fn ideal(target_rows: u64) -> u64 {
    target_rows + target_rows / 2
}

/// Returns the level for a page with a cache at `place`, which also requests the windows beside it.
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
