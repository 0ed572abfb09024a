//! Counts requests, errors, bytes and durations, by action.

use crate::protocol::REQUESTS;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of the histogram of durations, in seconds.
const LATENCIES: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Names that are counted in addition to the requests of pages.
const OTHERS: [&str; 2] = [Metrics::REST, Metrics::UNUSABLE];

/// Counts since the start. Counting takes no lock.
#[derive(Debug)]
pub struct Metrics {
    actions: Vec<(&'static str, ActionCounts)>,
    hits: [AtomicU64; Limit::ALL.len()],
}

/// A limit that clients can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Concurrent connections.
    Connections,
    /// Concurrent connections from one address.
    ConnectionsPerAddress,
    /// The time for the body of a request to arrive.
    RequestTime,
    /// The size of a message or of a request's body.
    MessageSize,
    /// The depth of the JSON in a message.
    MessageDepth,
    /// Concurrent requests of a page.
    PageRequests,
    /// Calls that a page has not answered.
    PageCalls,
    /// The memory of answers.
    ReplyMemory,
}

impl Limit {
    /// Every limit, in the order of its variants.
    pub const ALL: [Limit; 8] = [
        Limit::Connections,
        Limit::ConnectionsPerAddress,
        Limit::RequestTime,
        Limit::MessageSize,
        Limit::MessageDepth,
        Limit::PageRequests,
        Limit::PageCalls,
        Limit::ReplyMemory,
    ];

    /// Returns its name in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Connections => "connections",
            Limit::ConnectionsPerAddress => "connections_per_address",
            Limit::RequestTime => "request_time",
            Limit::MessageSize => "message_size",
            Limit::MessageDepth => "message_depth",
            Limit::PageRequests => "page_requests",
            Limit::PageCalls => "page_calls",
            Limit::ReplyMemory => "reply_memory",
        }
    }
}

/// The counts of one action.
#[derive(Debug, Default)]
pub struct ActionCounts {
    answered: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
    micros: AtomicU64,
    classes: [AtomicU64; LATENCIES.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        let names = REQUESTS.iter().map(|request| request.0).chain(OTHERS);
        Metrics {
            actions: names.map(|name| (name, ActionCounts::default())).collect(),
            hits: Default::default(),
        }
    }
}

impl Metrics {
    /// The name under which requests of scripts are counted.
    pub const REST: &str = "rest";
    /// The name under which invalid requests are counted.
    pub const UNUSABLE: &str = "unusable";

    /// Counts an answer: whether it is a refusal, its size, and how long it took.
    pub fn record(&self, action: &str, refused: bool, bytes: usize, took: Duration) {
        let Some((_, counts)) = self.actions.iter().find(|(name, _)| *name == action) else {
            return;
        };
        counts.answered.fetch_add(1, Relaxed);
        counts.refused.fetch_add(refused.into(), Relaxed);
        counts.bytes.fetch_add(bytes as u64, Relaxed);
        counts.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
        let class = LATENCIES.iter().position(|most| took.as_secs_f64() <= *most);
        if let Some(class) = class {
            counts.classes[class].fetch_add(1, Relaxed);
        }
    }

    /// Counts that a limit was reached.
    pub fn hit(&self, limit: Limit) {
        self.hits[limit as usize].fetch_add(1, Relaxed);
    }

    /// Returns how often a limit was reached.
    pub fn hits(&self, limit: Limit) -> u64 {
        self.hits[limit as usize].load(Relaxed)
    }

    /// Returns the counts of all actions.
    pub fn actions(&self) -> impl Iterator<Item = (&'static str, &ActionCounts)> {
        self.actions.iter().map(|(name, counts)| (*name, counts))
    }
}

impl ActionCounts {
    /// Returns the number of answers, including refusals.
    pub fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    /// Returns the number of refusals.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Returns the size of all answers in bytes, before compression.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Returns the duration of all answers in seconds.
    pub fn seconds(&self) -> f64 {
        self.micros.load(Relaxed) as f64 / 1e6
    }

    /// Returns durations in seconds, and how many answers took at most that long.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let counts = self.classes.iter().scan(0, |sum, class| {
            *sum += class.load(Relaxed);
            Some(*sum)
        });
        LATENCIES.into_iter().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_add_up() {
        let metrics = Metrics::default();
        for millis in [0, 1, 3, 400, 60_000] {
            metrics.record("getRows", millis == 3, 10, Duration::from_millis(millis));
        }
        let (_, rows) = metrics.actions().find(|(name, _)| *name == "getRows").unwrap();
        assert_eq!((rows.answered(), rows.refused(), rows.bytes()), (5, 1, 50));
        assert_eq!(rows.seconds(), 60.404);
        let counts: Vec<_> = rows.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 2, 3, 3, 3, 3, 4, 4, 4]);
    }
}
