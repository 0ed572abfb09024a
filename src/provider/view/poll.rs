//! Decides when to ask a page for its view.

use std::time::Duration;

/// The interval between two polls while something happens.
const MIN_INTERVAL: Duration = Duration::from_millis(400);
/// How long after the last event this interval applies; then the intervals double.
const ACTIVE_TIME: Duration = Duration::from_secs(10);
/// The longest interval for a page that answers; also the time after which a poll is unanswered.
const MAX_INTERVAL: Duration = Duration::from_secs(5);
/// The longest interval for a page that does not answer.
const MAX_UNANSWERED: Duration = Duration::from_secs(60);
/// The delay between the last answer of a burst and a poll.
const SETTLE_DELAY: Duration = Duration::from_millis(30);

/// The interval of the polls, and the pending poll.
#[derive(Debug)]
pub(super) struct Poll {
    /// While the page owes an answer: when it was asked, and how many events there had been.
    open: Option<(Duration, u64)>,
    next: Duration,
    pause: Duration,
    last_event: Duration,
    events: u64,
}

impl Poll {
    pub(super) fn new() -> Self {
        let zero = Duration::ZERO;
        Poll { open: None, next: zero, pause: MIN_INTERVAL, last_event: zero, events: 0 }
    }

    /// Records an event on the page.
    pub(super) fn wake(&mut self, now: Duration) {
        self.events += 1;
        self.last_event = now;
        self.pause = MIN_INTERVAL;
        self.next = self.next.min(now + MIN_INTERVAL);
    }

    /// The page has received all rows that it requested: polls soon.
    pub(super) fn settle(&mut self, now: Duration) {
        self.next = self.next.min(now + SETTLE_DELAY);
    }

    /// Polls at once. If a poll is pending, its answer suffices, since messages keep their order.
    pub(super) fn hurry(&mut self, now: Duration) {
        self.next = self.next.min(now);
    }

    /// Returns whether to poll now; `wanted` means that the answer matters.
    pub(super) fn ask(&mut self, wanted: bool, now: Duration) -> bool {
        if now < self.next() {
            return false;
        }
        if !wanted {
            self.next = now + MAX_INTERVAL;
            return false;
        }
        let slowest = if self.open.is_some() { MAX_UNANSWERED } else { MAX_INTERVAL };
        if self.open.is_some() || now >= self.last_event + ACTIVE_TIME {
            self.pause = (self.pause * 2).min(slowest);
        }
        self.open = Some((now, self.events));
        self.next = now + self.pause;
        true
    }

    /// Returns when to poll if nothing happens before; never while a poll is pending.
    pub(super) fn next(&self) -> Duration {
        self.open.map_or(self.next, |(since, _)| self.next.max(since + MAX_INTERVAL))
    }

    /// Records an answer; returns whether nothing has happened since the poll.
    pub(super) fn answered(&mut self) -> bool {
        self.open.take().is_some_and(|(_, events)| events == self.events)
    }
}
