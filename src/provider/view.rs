//! The level of a page, and the rows that it has.
//!
//! A page with a cache keeps one interval per datasource group, requests only pieces that it lacks,
//! joins them by rank, and requests nothing while its view is cached. So the width of a request
//! does not reveal the view, and two levels in one cache give a wrong picture. This model therefore
//! answers each group at *one* level at a time, asks the page for its view, and changes the level
//! only together with a clear of the page's cache. See `docs/levels.md`.
//!
//! The model is pure: events in, [`Order`]s out. Time is an argument, so tests need no clock.

mod cache;
mod group;
mod poll;

use crate::genome::Region;
use crate::source::{Level, Shape};
use cache::Cache;
pub use group::RowCounts;
use group::{Group, HYSTERESIS, WINDOWS, finest, ideal, level_around};
use poll::Poll;
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum number of rows of a group that a page may have, as a multiple of the target: what each
/// window may have before the level changes. A request that would exceed it is deferred until the
/// view of the page is known; then the page drops its rows and requests them again.
const MAX_ROWS: u64 = WINDOWS * HYSTERESIS;
/// Maximum time for which a request is deferred, since a page may be slow to report its view.
const MAX_DEFERRAL: Duration = Duration::from_secs(1);

/// The key under which a page keeps the rows of a group; other keys are its measurements.
pub(super) const ROWS: &str = "rows";

/// An order to the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Drop the rows of a group. The page's answer goes to [`View::cleared`].
    Clear(Clear),
    /// Redraw, and request missing rows.
    Redraw,
    /// Answer the deferred requests of a group with no rows; the page drops these answers because
    /// of the preceding clear.
    Dismiss(String),
    /// Report the view. The page's answer goes to [`View::located`].
    Locate,
}

/// A clear of a group's rows in the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// The group.
    pub group: String,
    epoch: u64,
}

/// The level at which to answer a request, and the data to report the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The level to answer at.
    pub level: Level,
    group: String,
    key: String,
    epoch: u64,
    /// The number of the piece; `None` if the page will drop the answer.
    piece: Option<usize>,
    deferred: bool,
    /// The position of the placeholder row, if the page is to get one.
    pub placeholder: Option<Region>,
}

impl Ticket {
    /// Returns whether the request must wait for [`Order::Dismiss`] instead of being answered,
    /// because it would give far too many rows.
    pub fn is_deferred(&self) -> bool {
        self.deferred
    }
}

/// The state of one page.
#[derive(Debug)]
pub struct View {
    target_rows: u64,
    groups: BTreeMap<String, Group>,
    place: Option<Region>,
    poll: Poll,
    /// Whether the page has requested rows since it was last at rest.
    fetched: bool,
    /// Whether the page is at rest at `place`.
    rests: bool,
    clears: Vec<Clear>,
    redraw: bool,
    /// Groups whose deferred requests are to be answered with no rows.
    dismissed: Vec<String>,
}

impl View {
    /// Creates the state of a new page, which should get about `target_rows` rows in view.
    pub fn new(target_rows: u64) -> Self {
        View {
            target_rows: target_rows.max(1),
            groups: BTreeMap::new(),
            place: None,
            poll: Poll::new(),
            fetched: false,
            rests: false,
            clears: Vec::new(),
            redraw: false,
            dismissed: Vec::new(),
        }
    }

    /// Returns the maximum number of rows for a view that is known exactly.
    pub fn max_rows(target_rows: u64) -> u64 {
        ideal(target_rows)
    }

    /// Returns the level for a view that is known exactly: the finest without too many rows.
    pub fn level_for(
        target_rows: u64,
        counts: &impl RowCounts,
        group: &str,
        view: &Region,
    ) -> Level {
        finest(counts, group, view, |level| counts.rows(group, view, level) <= ideal(target_rows))
    }

    /// Records that the page requests `key` (rows, or a measurement) of `group` in `piece`, which
    /// may extend beyond the sequence's end. Returns the level for the answer.
    pub fn request(
        &mut self,
        group: &str,
        key: &str,
        piece: &Region,
        counts: &impl RowCounts,
        now: Duration,
    ) -> Ticket {
        self.poll.wake(now);
        self.rests = false;
        let target_rows = self.target_rows;
        let known = self.groups.entry(group.to_owned()).or_insert_with(Group::new);
        // The page drops the answers to requests from before a clear.
        let counted = known.is_clear(now);
        if counted && known.caches.is_empty() {
            // An empty cache may start at any level, and its first request is the view itself.
            known.level = level_around(target_rows, counts, group, piece);
        }
        // Too many rows: the view has grown or moved far.
        let added = known.caches.get(key).filter(|_| counted).map(|cache| cache.with(piece));
        let added = added.unwrap_or_else(|| piece.clone());
        // The page counts one base more at either end, in which another row may lie.
        let rows = counts.rows(group, &added, known.level) + 2;
        let overflows = rows > MAX_ROWS * target_rows;
        if overflows && !counted {
            // The page will drop the answer, so the request need not be deferred.
            known.level = level_around(target_rows, counts, group, piece);
        } else if overflows && known.deferred.is_none() {
            known.deferred = Some((now, piece.clone()));
            self.poll.hurry(now);
        } else if let Some((_, asked)) = &mut known.deferred {
            // The pieces of a view are requested one after another.
            if asked.sequence == piece.sequence {
                asked.start = asked.start.min(piece.start);
                asked.end = asked.end.max(piece.end);
            } else {
                *asked = piece.clone();
            }
        }
        let deferred = known.deferred.is_some();
        let number = (counted && !deferred).then(|| {
            self.fetched = true;
            let cache = known.caches.entry(key.to_owned()).or_default();
            cache.requested(piece, self.place.as_ref())
        });
        Ticket {
            level: known.level,
            group: group.to_owned(),
            key: key.to_owned(),
            epoch: known.epoch,
            piece: number,
            deferred,
            placeholder: known.placeholder.clone(),
        }
    }

    /// Records that the answer to a request has been sent.
    pub fn answered(&mut self, ticket: &Ticket, now: Duration) {
        self.poll.wake(now);
        if let (Some(group), Some(piece)) = (self.groups.get_mut(&ticket.group), ticket.piece)
            && group.epoch == ticket.epoch
        {
            group.caches.entry(ticket.key.clone()).or_default().answered(piece);
        }
        if !self.is_waiting() {
            self.poll.settle(now);
        }
    }

    /// Records the view that the page reports; `None` if it has none.
    pub fn located(&mut self, place: Option<Region>, counts: &impl RowCounts, now: Duration) {
        // Messages keep their order: the page has already sent all requests for this view.
        let rests = self.poll.answered() && !self.is_waiting();
        let Some(place) = place.filter(|place| !place.is_empty()) else { return };
        let target_rows = self.target_rows;
        let mut stale = Vec::new();
        for (name, group) in &mut self.groups {
            if group.caches.is_empty() && group.deferred.is_none() {
                continue;
            }
            let level = group.level_at(target_rows, counts, name, &place);
            // A piece can have replaced a part of the view.
            let is_torn = rests
                && (group.caches.values().any(|cache| !cache.covers(&place)) || group.is_uneven());
            if level != group.level || is_torn || group.deferred.is_some() {
                group.level = level;
                stale.push(name.clone());
            }
        }
        self.rests = rests && stale.is_empty();
        stale.iter().for_each(|group| self.invalidate(group, now));
        if rests {
            // A late answer for an earlier view makes the page draw that view. Only the page knows
            // which answers did so; redrawing from its cache is cheap.
            self.redraw |= std::mem::take(&mut self.fetched);
        }
        if self.place.as_ref() != Some(&place) {
            self.place = Some(place);
            self.poll.wake(now);
        }
    }

    /// Records that the page has done, or refused, a clear.
    pub fn cleared(&mut self, clear: &Clear) {
        if let Some(group) = self.groups.get_mut(&clear.group) {
            group.confirmed = group.confirmed.max(clear.epoch);
        }
    }

    /// Clears the rows of a group in the page because they have changed.
    pub fn invalidate(&mut self, group: &str, now: Duration) {
        let known = self.groups.entry(group.to_owned()).or_insert_with(Group::new);
        self.rests = false;
        known.epoch += 1;
        known.ordered = now;
        known.caches.clear();
        known.placeholder = None;
        if known.deferred.take().is_some() {
            self.dismissed.push(group.to_owned());
        }
        self.clears.push(Clear { group: group.to_owned(), epoch: known.epoch });
        self.redraw = true;
        self.poll.wake(now);
    }

    /// As [`View::invalidate`], where only rows in these regions have changed. Other rows are numbered
    /// anew, so the page drops them too; but if it shows none of the changed ones, what it has drawn
    /// is still right, and it requests them at its next move.
    pub fn invalidate_within(&mut self, group: &str, regions: &[Region], now: Duration) {
        let redraws = self.redraw;
        let is_shown = self.place.as_ref().is_none_or(|place| {
            regions.iter().any(|region| {
                region.sequence == place.sequence
                    && region.start < place.end
                    && region.end.max(region.start + 1) > place.start
            })
        });
        self.invalidate(group, now);
        if !is_shown {
            self.redraw = redraws;
        }
    }

    /// Returns the orders to send now. Clears come before the redraw: in the reverse order, the
    /// page would draw the old rows and request nothing.
    pub fn orders(&mut self, counts: &impl RowCounts, now: Duration) -> Vec<Order> {
        self.give_up_waiting(counts, now);
        let mut orders: Vec<Order> = self.clears.drain(..).map(Order::Clear).collect();
        if std::mem::take(&mut self.redraw) {
            orders.push(Order::Redraw);
        }
        orders.extend(self.dismissed.drain(..).map(Order::Dismiss));
        let wanted = self.depends_on_place(counts);
        if self.poll.ask(wanted, now) {
            orders.push(Order::Locate);
        }
        orders
    }

    /// Returns when [`View::orders`] has its next orders if nothing happens before.
    pub fn next(&self) -> Duration {
        let deferred = self.groups.values().filter_map(|group| group.deferred.as_ref());
        deferred
            .map(|(since, _)| *since + MAX_DEFERRAL)
            .min()
            .unwrap_or(Duration::MAX)
            .min(self.poll.next())
    }

    /// Stops waiting for pages that do not report their view: assumes that it is the region of the
    /// deferred requests.
    fn give_up_waiting(&mut self, counts: &impl RowCounts, now: Duration) {
        let mut given_up = Vec::new();
        for (name, group) in &mut self.groups {
            if let Some((_, piece)) =
                group.deferred.as_ref().filter(|(since, _)| now >= *since + MAX_DEFERRAL)
            {
                group.level = level_around(self.target_rows, counts, name, piece);
                given_up.push(name.clone());
            }
        }
        given_up.iter().for_each(|group| self.invalidate(group, now));
    }

    /// Returns the view of the page if it has all its rows and needs no change.
    pub fn resting_place(&self) -> Option<&Region> {
        self.place.as_ref().filter(|_| self.rests)
    }

    /// Returns the groups of which the page has values, which it may draw as lines.
    pub fn groups_with_values(&self) -> impl Iterator<Item = (&str, Level)> {
        let valued = |group: &&Group| group.caches.keys().any(|key| key != ROWS);
        let groups = self.groups.iter().filter(move |(_, group)| valued(group));
        groups.map(|(name, group)| (name.as_str(), group.level))
    }

    /// Sets or removes a group's placeholder row. If no row starts in the page's view,
    /// `empty_view`, the page would keep its previous line, so it gets a placeholder in the middle.
    /// `None` removes the placeholder.
    pub fn set_placeholder(&mut self, group: &str, empty_view: Option<&Region>, now: Duration) {
        let known = self.groups.get(group).and_then(|known| known.placeholder.as_ref());
        let fits = match (known, empty_view) {
            (Some(at), Some(empty_view)) => empty_view.contains(at),
            (None, None) => true,
            _ => false,
        };
        if fits {
            return;
        }
        self.invalidate(group, now);
        if let (Some(known), Some(empty_view)) = (self.groups.get_mut(group), empty_view) {
            let middle = empty_view.start + empty_view.len() / 2;
            known.placeholder = Some(Region::new(empty_view.sequence.clone(), middle, middle + 1));
        }
    }

    /// Returns the groups of which the page has rows, with their levels.
    pub fn levels(&self) -> impl Iterator<Item = (&str, Level)> {
        let groups = self.groups.iter().filter(|(_, group)| !group.caches.is_empty());
        groups.map(|(name, group)| (name.as_str(), group.level))
    }

    /// Returns whether orders to the page depend on its view: a level, a deferred request, or a
    /// line that must be cleared because no row is in view.
    pub fn depends_on_place(&self, counts: &impl RowCounts) -> bool {
        let is_deferring = self.groups.values().any(|group| group.deferred.is_some());
        is_deferring || self.fetched || self.has_levels(counts) || self.has_lines_that_end(counts)
    }

    /// Polls the page's view at once even without an event: its user may have moved within the
    /// cached rows.
    pub fn poll_now(&mut self, now: Duration) {
        self.poll.hurry(now);
    }

    /// Returns whether the page may draw a group as a line in views without its rows. A page has
    /// all rows of a small file, so it requests nothing when its user moves there.
    fn has_lines_that_end(&self, counts: &impl RowCounts) -> bool {
        let mut valued = self.groups_with_values();
        valued.any(|(name, _)| counts.shape(name).is_some_and(|shape| shape != Shape::Dense))
    }

    fn is_waiting(&self) -> bool {
        self.groups.values().flat_map(|group| group.caches.values()).any(Cache::is_waiting)
    }

    /// Returns whether some group that the page uses has more than one suitable level.
    fn has_levels(&self, counts: &impl RowCounts) -> bool {
        self.groups.iter().any(|(name, group)| {
            let Some(place) = group.caches.values().find_map(Cache::sequence) else { return false };
            let all = Region::new(place.sequence.clone(), 0, crate::genome::MAX_POSITION);
            let Some(shape) = counts.shape(name) else { return false };
            shape.levels().next().is_some_and(|finest| {
                group.level != finest
                    || !shape.suits(finest, &all)
                    || counts.rows(name, &all, finest) > ideal(self.target_rows)
            })
        })
    }
}

#[cfg(test)]
mod tests;
