//! Which level a page is on, and what it holds.
//!
//! A page that caches keeps one interval a datasource group, asks only for pieces that it lacks,
//! joins them by rank, and asks nothing while the view is cached. So the width of a request says
//! nothing about the view, and two levels in one cache are a wrong picture. This model therefore
//! gives each group *one* level at a time, learns where the page looks by asking it, and changes
//! the level only together with a clear of the page's cache.
//!
//! Pure: events in, decisions out. Time comes in as a value, so tests need no clock.

use crate::genome::Region;
use crate::source::{Level, Shape};
use std::collections::HashMap;
use std::time::Duration;

/// How many rows a view may hold before its level is too fine, as a multiple of the aim; a half
/// is the least.
const HYSTERESIS: u64 = 2;
/// A window of more rows, as a multiple of the aim, is never sent: it proves a wider view.
const WINDOW: u64 = 5;
/// Between two questions where the page looks, while something happens.
const EAGER: Duration = Duration::from_millis(400);
/// How long after the last event that pace is kept; then it halves step by step.
const PATIENCE: Duration = Duration::from_secs(10);
/// The slowest pace, and when a question counts as unanswered.
const SLOW: Duration = Duration::from_secs(5);
/// After the answers of a burst, before the page is asked.
const SETTLE: Duration = Duration::from_millis(30);

/// What the view must know of the data.
pub trait Counts {
    /// The shape of a group's datasource; none if it is gone.
    fn shape(&self, group: &str) -> Option<Shape>;
    /// Rows in a region at a level, perhaps estimated.
    fn rows(&self, group: &str, region: &Region, level: Level) -> u64;
}

/// The level at which to answer a request, and what is needed to report the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The level to answer at.
    pub level: Level,
    group: String,
    key: String,
    region: Region,
    epoch: u64,
}

/// What is known of one page.
#[derive(Debug)]
pub struct View {
    aim: u64,
    groups: HashMap<String, Group>,
    place: Option<Region>,
    /// When the page was asked where it looks, if it still owes the answer.
    asked: Option<Duration>,
    ask_at: Duration,
    pace: Duration,
    last_event: Duration,
}

/// What is known of one group's cache in the page, since its last clear.
#[derive(Debug)]
struct Group {
    level: Level,
    /// Counts clears: an answer to a request from before is dropped by the page.
    epoch: u64,
    /// What the page holds of each thing it asks: the rows, each measurement's values.
    held: HashMap<String, Held>,
}

#[derive(Debug, Default)]
struct Held {
    interval: Option<Region>,
    due: usize,
}

impl View {
    /// A page of which nothing is known. `aim` rows in view is what it should get.
    pub fn new(aim: u64) -> Self {
        View {
            aim: aim.max(1),
            groups: HashMap::new(),
            place: None,
            asked: None,
            ask_at: Duration::ZERO,
            pace: EAGER,
            last_event: Duration::ZERO,
        }
    }

    /// The level for a view that is known exactly: the finest that does not hold too many rows.
    pub fn level_for(aim: u64, counts: &impl Counts, group: &str, view: &Region) -> Level {
        let levels = counts.shape(group).unwrap_or(Shape::Features).levels();
        // Halfway between the least and the most: as far as can be from the next change.
        let most = aim + aim / 2;
        let fits = |level: &Level| counts.rows(group, view, *level) <= most;
        levels.clone().find(fits).or(levels.last()).unwrap_or(Level::Records)
    }

    /// The page asks for `key` (rows, or a measurement) of `group` in `region`. Tells the level to
    /// answer at, and whether the group must be cleared and drawn again at once, since the request
    /// alone proves that the view is wider than the level suits.
    pub fn request(
        &mut self,
        group: &str,
        key: &str,
        region: &Region,
        counts: &impl Counts,
        now: Duration,
    ) -> (Ticket, bool) {
        self.wake(now);
        let aim = self.aim;
        let known = self.groups.entry(group.to_owned()).or_insert_with(|| Group {
            // The first request of an empty cache is the view itself.
            level: Self::level_for(aim, counts, group, region),
            epoch: 0,
            held: HashMap::new(),
        });
        if known.held.is_empty() {
            // The page holds nothing of the group: any level may begin.
            known.level = Self::level_for(aim, counts, group, region);
        }
        let too_fine = counts.rows(group, region, known.level) > aim * WINDOW;
        if too_fine {
            known.restart(Self::level_for(aim, counts, group, region));
        }
        let held = known.held.entry(key.to_owned()).or_default();
        held.due += 1;
        held.lacks(region);
        let ticket = Ticket {
            level: known.level,
            group: group.to_owned(),
            key: key.to_owned(),
            region: region.clone(),
            epoch: known.epoch,
        };
        (ticket, too_fine)
    }

    /// The answer to a request was put on its way.
    pub fn answered(&mut self, ticket: Ticket, now: Duration) {
        self.wake(now);
        let Some(group) = self.groups.get_mut(&ticket.group) else { return };
        if group.epoch == ticket.epoch {
            let held = group.held.entry(ticket.key).or_default();
            held.due = held.due.saturating_sub(1);
            held.gain(ticket.region);
        }
        if self.due() == 0 {
            self.ask_at = self.ask_at.min(now + SETTLE);
        }
    }

    /// Whether to ask the page now where it looks.
    pub fn ask(&mut self, counts: &impl Counts, now: Duration) -> bool {
        let waiting = self.asked.is_some_and(|since| now < since + SLOW);
        if waiting || now < self.ask_at {
            return false;
        }
        if !self.is_worth_asking(counts) {
            self.ask_at = now + SLOW;
            return false;
        }
        self.asked = Some(now);
        self.pace = match now < self.last_event + PATIENCE {
            true => EAGER,
            false => (self.pace * 2).min(SLOW),
        };
        self.ask_at = now + self.pace;
        true
    }

    /// When [`View::ask`] may next say yes, if nothing happens before.
    pub fn next(&self) -> Duration {
        self.asked.map_or(self.ask_at, |since| self.ask_at.max(since + SLOW))
    }

    /// The page has told where it looks, or that it does not know. Returns the groups that must be
    /// cleared and then drawn again; from now on they are answered at their new level.
    pub fn located(
        &mut self,
        place: Option<Region>,
        counts: &impl Counts,
        now: Duration,
    ) -> Vec<String> {
        self.asked = None;
        let Some(place) = place else { return Vec::new() };
        let moved = self.place.as_ref() != Some(&place);
        if moved {
            self.wake(now);
        }
        let at_rest = !moved && self.due() == 0;
        let aim = self.aim;
        let mut stale = Vec::new();
        for (name, group) in &mut self.groups {
            if group.held.is_empty() || counts.shape(name).is_none() {
                continue;
            }
            let level = group.level_at(aim, counts, name, &place);
            let torn = at_rest && group.held.values().any(|held| !held.covers(&place));
            if level != group.level || torn {
                group.restart(level);
                stale.push(name.clone());
            }
        }
        stale.sort_unstable();
        self.place = Some(place);
        stale
    }

    /// Where the page looks, as far as is known.
    pub fn place(&self) -> Option<&Region> {
        self.place.as_ref()
    }

    /// Forgets a group whose rows have changed; the page must be told to clear it.
    pub fn forget(&mut self, group: &str) {
        if let Some(group) = self.groups.get_mut(group) {
            group.restart(group.level);
        }
    }

    fn wake(&mut self, now: Duration) {
        self.last_event = now;
        self.pace = EAGER;
        self.ask_at = self.ask_at.min(now + EAGER);
    }

    fn due(&self) -> usize {
        self.groups.values().flat_map(|group| group.held.values()).map(|held| held.due).sum()
    }

    /// Whether some group that the page uses has more than one level to be at.
    fn is_worth_asking(&self, counts: &impl Counts) -> bool {
        self.groups.iter().any(|(name, group)| {
            let finest = counts.shape(name).and_then(|shape| shape.levels().next());
            let whole = |held: &Held| {
                let place = held.interval.as_ref()?;
                let all = Region::new(place.sequence.clone(), 0, crate::genome::MAX_POSITION);
                Some(counts.rows(name, &all, finest?) > self.aim * HYSTERESIS)
            };
            group.held.values().any(|held| whole(held).unwrap_or(held.due > 0))
        })
    }
}

impl Group {
    /// The level for that place: the present one while it holds a sensible number of rows.
    fn level_at(&self, aim: u64, counts: &impl Counts, name: &str, place: &Region) -> Level {
        let rows = counts.rows(name, place, self.level);
        let finest = counts.shape(name).and_then(|shape| shape.levels().next());
        let too_many = rows > aim * HYSTERESIS;
        let too_few = rows < aim / HYSTERESIS && Some(self.level) != finest;
        match too_many || too_few {
            true => View::level_for(aim, counts, name, place),
            false => self.level,
        }
    }

    /// The page's cache of the group is cleared; what was asked before is dropped there.
    fn restart(&mut self, level: Level) {
        self.level = level;
        self.epoch += 1;
        self.held.clear();
    }
}

impl Held {
    /// A piece arrived: joined to what is held if they touch, else in its place.
    fn gain(&mut self, piece: Region) {
        self.interval = match self.interval.take() {
            Some(held)
                if held.sequence == piece.sequence
                    && held.start <= piece.end
                    && piece.start <= held.end =>
            {
                let (start, end) = (held.start.min(piece.start), held.end.max(piece.end));
                Some(Region::new(held.sequence, start, end))
            }
            _ => Some(piece),
        };
    }

    /// The page asks for a piece, so it does not hold it: it has trimmed its cache.
    fn lacks(&mut self, piece: &Region) {
        let Some(held) = self.interval.as_mut().filter(|held| held.sequence == piece.sequence)
        else {
            return;
        };
        if piece.start <= held.start && piece.end > held.start {
            held.start = piece.end.min(held.end);
        } else if piece.start < held.end && piece.start > held.start {
            held.end = piece.start;
        }
    }

    fn covers(&self, place: &Region) -> bool {
        // The page's arithmetic takes an interval's last base for its end, hence one base more.
        self.interval.as_ref().is_some_and(|held| {
            held.sequence == place.sequence
                && held.start <= place.start + 1
                && place.end <= held.end + 1
        })
    }
}
