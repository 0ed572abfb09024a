//! Which level a page is on, and what it holds.
//!
//! A page that caches keeps one interval a datasource group, asks only for pieces that it lacks,
//! joins them by rank, and asks nothing while the view is cached. So the width of a request says
//! nothing about the view, and two levels in one cache are a wrong picture. This model therefore
//! gives each group *one* level at a time, learns where the page looks by asking it, and changes
//! the level only together with a clear of the page's cache. `docs/levels.md` tells the whole
//! story.
//!
//! Pure: events in, [`Order`]s out. Time comes in as a value, so tests need no clock.

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

/// How many rows a page may hold of a group, as a multiple of the target: what each window may have
/// before the level changes. A request that would add more is held until it is known where the page
/// looks; the page then forgets what it holds and asks again.
const MOST_HELD: u64 = WINDOWS * HYSTERESIS;
/// How long a request is held at most: a page may be slow to tell where it looks.
const HOLD: Duration = Duration::from_secs(1);

/// The key under which a page keeps the rows of a group; other keys are its measurements.
pub(super) const ROWS: &str = "rows";

/// What the page is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Forget the rows of a group. The page's answer goes to [`View::cleared`].
    Clear(Clear),
    /// Draw again, asking for what is lacking.
    Redraw,
    /// Answer the requests of a group that are held with no rows: after the clear before this, the
    /// page drops the answers.
    Dismiss(String),
    /// Tell where it looks. The page's answer goes to [`View::located`].
    Locate,
}

/// One clear of a group's rows in the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// The group.
    pub group: String,
    epoch: u64,
}

/// The level at which to answer a request, and what is needed to report the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The level to answer at.
    pub level: Level,
    group: String,
    key: String,
    epoch: u64,
    /// The number of the piece; none if the page will drop the answer.
    piece: Option<usize>,
    held: bool,
    /// A place without rows at which the page is to get one that is none.
    pub placeholder: Option<Region>,
}

impl Ticket {
    /// Whether the request must wait for [`Order::Dismiss`] instead of being answered: its rows
    /// would be far too many.
    pub fn is_held(&self) -> bool {
        self.held
    }
}

/// What is known of one page.
#[derive(Debug)]
pub struct View {
    target_rows: u64,
    groups: BTreeMap<String, Group>,
    place: Option<Region>,
    poll: Poll,
    /// Whether the page has asked for rows since it was last seen at rest.
    fetched: bool,
    /// Whether it has been at rest there since.
    rests: bool,
    clears: Vec<Clear>,
    redraw: bool,
    /// Groups whose held requests are to be answered with nothing.
    dismissed: Vec<String>,
}

impl View {
    /// A page of which nothing is known. `target_rows` rows in view is what it should get.
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

    /// The most rows for a view that is known exactly.
    pub fn most_rows(target_rows: u64) -> u64 {
        ideal(target_rows)
    }

    /// The level for a view that is known exactly: the finest that does not hold too many rows.
    pub fn level_for(
        target_rows: u64,
        counts: &impl RowCounts,
        group: &str,
        view: &Region,
    ) -> Level {
        finest(counts, group, view, |level| counts.rows(group, view, level) <= ideal(target_rows))
    }

    /// The page asks for `key` (rows, or a measurement) of `group` in `piece`, whose end may lie
    /// behind the sequence's. Tells the level to answer at.
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
        // What was asked before the page knew of a clear, it will drop.
        let counted = known.is_clear(now);
        if counted && known.caches.is_empty() {
            // Any level may begin, and the first request of an empty cache is the view itself.
            known.level = level_around(target_rows, counts, group, piece);
        }
        // Too much to send: the view has grown, or wandered far.
        let added = known.caches.get(key).filter(|_| counted).map(|cache| cache.with(piece));
        let added = added.unwrap_or_else(|| piece.clone());
        // The page counts a base at either end as its own that another row may lie in.
        let rows = counts.rows(group, &added, known.level) + 2;
        let overflows = rows > MOST_HELD * target_rows;
        if overflows && !counted {
            // The page will drop the answer, so there is nothing to wait for.
            known.level = level_around(target_rows, counts, group, piece);
        } else if overflows && known.held.is_none() {
            known.held = Some((now, piece.clone()));
            self.poll.hurry(now);
        } else if let Some((_, asked)) = &mut known.held {
            // The pieces of a view come one after the other.
            if asked.sequence == piece.sequence {
                asked.start = asked.start.min(piece.start);
                asked.end = asked.end.max(piece.end);
            } else {
                *asked = piece.clone();
            }
        }
        let held = known.held.is_some();
        let number = (counted && !held).then(|| {
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
            held,
            placeholder: known.placeholder.clone(),
        }
    }

    /// The answer to a request was put on its way.
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

    /// The page has told where it looks, or that it does not know.
    pub fn located(&mut self, place: Option<Region>, counts: &impl RowCounts, now: Duration) {
        // Messages keep their order: whatever the page would ask for at this place, it has asked.
        let rests = self.poll.answered() && !self.is_waiting();
        let Some(place) = place.filter(|place| !place.is_empty()) else { return };
        let target_rows = self.target_rows;
        let mut stale = Vec::new();
        for (name, group) in &mut self.groups {
            if group.caches.is_empty() && group.held.is_none() {
                continue;
            }
            let level = group.level_at(target_rows, counts, name, &place);
            // Pages can lose a part of the view to a piece that took its place.
            let torn = rests
                && (group.caches.values().any(|cache| !cache.covers(&place)) || group.is_uneven());
            if level != group.level || torn || group.held.is_some() {
                group.level = level;
                stale.push(name.clone());
            }
        }
        self.rests = rests && stale.is_empty();
        stale.iter().for_each(|group| self.renew(group, now));
        if rests {
            // An answer that came late, for a place that was left, has the page draw that place
            // again. Which answers did, only the page knows; drawing from its cache is cheap.
            self.redraw |= std::mem::take(&mut self.fetched);
        }
        if self.place.as_ref() != Some(&place) {
            self.place = Some(place);
            self.poll.wake(now);
        }
    }

    /// The page has done, or refused, a clear.
    pub fn cleared(&mut self, clear: &Clear) {
        if let Some(group) = self.groups.get_mut(&clear.group) {
            group.confirmed = group.confirmed.max(clear.epoch);
        }
    }

    /// The rows of a group are no longer those that the page holds.
    pub fn renew(&mut self, group: &str, now: Duration) {
        let known = self.groups.entry(group.to_owned()).or_insert_with(Group::new);
        self.rests = false;
        known.epoch += 1;
        known.ordered = now;
        known.caches.clear();
        known.placeholder = None;
        if known.held.take().is_some() {
            self.dismissed.push(group.to_owned());
        }
        self.clears.push(Clear { group: group.to_owned(), epoch: known.epoch });
        self.redraw = true;
        self.poll.wake(now);
    }

    /// What the page is to be told now. Clears come before the redraw: the other way round the
    /// page would draw the old rows and ask for nothing.
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

    /// When [`View::orders`] next has something to say, if nothing happens before.
    pub fn next(&self) -> Duration {
        let held = self.groups.values().filter_map(|group| group.held.as_ref());
        held.map(|(since, _)| *since + HOLD).min().unwrap_or(Duration::MAX).min(self.poll.next())
    }

    /// Requests were held for a page that does not tell where it looks: what they span is all that
    /// is known of its view.
    fn give_up_waiting(&mut self, counts: &impl RowCounts, now: Duration) {
        let mut given_up = Vec::new();
        for (name, group) in &mut self.groups {
            if let Some((_, piece)) = group.held.as_ref().filter(|(since, _)| now >= *since + HOLD)
            {
                group.level = level_around(self.target_rows, counts, name, piece);
                given_up.push(name.clone());
            }
        }
        given_up.iter().for_each(|group| self.renew(group, now));
    }

    /// Where the page looks, if it has all that it asked for and nothing is to be changed.
    pub fn resting_place(&self) -> Option<&Region> {
        self.place.as_ref().filter(|_| self.rests)
    }

    /// The groups of which the page holds values, which it may draw as lines.
    pub fn groups_with_values(&self) -> impl Iterator<Item = (&str, Level)> {
        let valued = |group: &&Group| group.caches.keys().any(|key| key != ROWS);
        let groups = self.groups.iter().filter(move |(_, group)| valued(group));
        groups.map(|(name, group)| (name.as_str(), group.level))
    }

    /// No row of the group starts in `desert`, where the page looks, so that the page leaves the
    /// line of the place before: it is given a row that is none, in its middle. Without a desert,
    /// the page gets rid of that row.
    pub fn set_placeholder(&mut self, group: &str, desert: Option<&Region>, now: Duration) {
        let known = self.groups.get(group).and_then(|known| known.placeholder.as_ref());
        let fits = match (known, desert) {
            (Some(at), Some(desert)) => desert.contains(at),
            (None, None) => true,
            _ => false,
        };
        if fits {
            return;
        }
        self.renew(group, now);
        if let (Some(known), Some(desert)) = (self.groups.get_mut(group), desert) {
            let middle = desert.start + desert.len() / 2;
            known.placeholder = Some(Region::new(desert.sequence.clone(), middle, middle + 1));
        }
    }

    /// The level that a group is on; none if the page holds nothing of it.
    pub fn level(&self, group: &str) -> Option<Level> {
        let known = self.groups.get(group).filter(|known| !known.caches.is_empty());
        known.map(|known| known.level)
    }

    /// Whether what the page is told depends on where it looks: a level, whether a request is held,
    /// or whether a line has to be wiped away because no row is left in view.
    pub fn depends_on_place(&self, counts: &impl RowCounts) -> bool {
        let holds = self.groups.values().any(|group| group.held.is_some());
        holds || self.fetched || self.has_levels(counts) || self.has_lines_that_end(counts)
    }

    /// The page is to be asked where it looks at once, though nothing happened that is known of: its
    /// user may have moved within what it holds.
    pub fn wonder(&mut self, now: Duration) {
        self.poll.hurry(now);
    }

    /// Whether the page may draw a group as a line in views that have no row of it. All rows of a
    /// small file are held, so the page asks for nothing when its user pans there.
    fn has_lines_that_end(&self, counts: &impl RowCounts) -> bool {
        let mut valued = self.groups_with_values();
        valued.any(|(name, _)| counts.shape(name).is_some_and(|shape| shape != Shape::Dense))
    }

    fn is_waiting(&self) -> bool {
        self.groups.values().flat_map(|group| group.caches.values()).any(Cache::is_waiting)
    }

    /// Whether some group that the page uses has more than one level to be at.
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
