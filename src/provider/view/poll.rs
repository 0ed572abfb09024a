//! When to ask a page where it looks.

use std::time::Duration;

/// Between two questions while something happens.
const EAGER: Duration = Duration::from_millis(400);
/// How long after the last event that pace is kept; then the pauses double.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest pause of a page that answers, and when a question counts as unanswered.
const SLOW: Duration = Duration::from_secs(5);
/// The longest pause of a page that does not answer.
const MUTE: Duration = Duration::from_secs(60);
/// After the last answer of a burst, before the page is asked.
const SETTLE: Duration = Duration::from_millis(30);

/// The pace of the questions, and the one that is open.
#[derive(Debug)]
pub(super) struct Poll {
    /// When the page was asked, and how many events there had been, while it owes the answer.
    open: Option<(Duration, u64)>,
    next: Duration,
    pause: Duration,
    last_event: Duration,
    events: u64,
}

impl Poll {
    pub(super) fn new() -> Self {
        let zero = Duration::ZERO;
        Poll { open: None, next: zero, pause: EAGER, last_event: zero, events: 0 }
    }

    /// Something happened on the page, or is about to.
    pub(super) fn wake(&mut self, now: Duration) {
        self.events += 1;
        self.last_event = now;
        self.pause = EAGER;
        self.next = self.next.min(now + EAGER);
    }

    /// The page has all that it asked for: a good moment.
    pub(super) fn settle(&mut self, now: Duration) {
        self.next = self.next.min(now + SETTLE);
    }

    /// The page is to be asked at once. If a question is open, its answer will do: messages keep
    /// their order.
    pub(super) fn hurry(&mut self, now: Duration) {
        self.next = self.next.min(now);
    }

    /// Whether to ask now; `wanted` says whether the answer would matter.
    pub(super) fn ask(&mut self, wanted: bool, now: Duration) -> bool {
        if now < self.next() {
            return false;
        }
        if !wanted {
            self.next = now + SLOW;
            return false;
        }
        let slowest = if self.open.is_some() { MUTE } else { SLOW };
        if self.open.is_some() || now >= self.last_event + PATIENCE {
            self.pause = (self.pause * 2).min(slowest);
        }
        self.open = Some((now, self.events));
        self.next = now + self.pause;
        true
    }

    /// When to ask, if nothing happens before. Never while a question is open.
    pub(super) fn next(&self) -> Duration {
        self.open.map_or(self.next, |(since, _)| self.next.max(since + SLOW))
    }

    /// The page has answered. Tells whether nothing happened since it was asked.
    pub(super) fn answered(&mut self) -> bool {
        self.open.take().is_some_and(|(_, events)| events == self.events)
    }
}
