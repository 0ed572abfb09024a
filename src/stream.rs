//! Streams: numbered records of a topic or a datasource, and subscriptions to them.
//!
//! A subscription is a place in a stream, from which its connection takes records when it can send
//! them. Nothing is queued for it: a stream keeps its last records once for all, and a subscriber
//! that falls behind them is told which ones it missed.

mod record;
mod subscription;
mod subscriptions;
mod wanted;

pub use record::{Content, Rows, StreamRecord};
pub use subscription::Subscription;
pub use subscriptions::Subscriptions;
pub use wanted::{Fault, KEYS, WantedRecords};

use crate::genome::Region;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Maximum number of records that a stream keeps.
const MAX_RECORDS: usize = 1000;
/// Maximum memory of the records that a stream keeps, in bytes, unless the last one is larger.
const MAX_MEMORY: usize = 8 << 20;
/// How long records of a topic are still made after its last subscriber has left, so that one that
/// was cut off misses nothing.
const GRACE: Duration = Duration::from_secs(600);

/// The topic of the log.
pub const LOG: &str = "log";
/// The stream of the log, which the whole process shares.
static LOG_STREAM: LazyLock<Arc<Stream>> = LazyLock::new(|| Stream::new(StreamKind::Topic, LOG));

/// Returns the stream of the log.
pub fn log_stream() -> Arc<Stream> {
    LOG_STREAM.clone()
}

/// What a stream is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Events of the endpoint.
    Topic,
    /// Rows that a datasource gets.
    Source,
}

impl StreamKind {
    /// Returns the key under which messages name the stream.
    pub fn key(self) -> &'static str {
        match self {
            StreamKind::Topic => "topic",
            StreamKind::Source => "source",
        }
    }
}

/// A numbered sequence of records.
#[derive(Debug)]
pub struct Stream {
    pub(crate) kind: StreamKind,
    pub(crate) name: String,
    state: Mutex<StreamState>,
    changed: watch::Sender<()>,
    listeners: AtomicUsize,
}

#[derive(Debug)]
struct StreamState {
    /// The last records, the oldest first.
    records: VecDeque<Arc<StreamRecord>>,
    memory: usize,
    /// The number of the next record.
    next: u64,
    /// Why there will be no more.
    closed: Option<String>,
    /// When the last subscriber left.
    left: Option<Instant>,
}

impl Stream {
    /// Creates a stream whose first record has the number 1.
    pub fn new(kind: StreamKind, name: &str) -> Arc<Self> {
        Arc::new(Stream {
            kind,
            name: name.to_owned(),
            state: Mutex::new(StreamState {
                records: VecDeque::new(),
                memory: 0,
                next: 1,
                closed: None,
                left: None,
            }),
            changed: watch::Sender::new(()),
            listeners: AtomicUsize::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether somebody listens, or did a while ago: otherwise records of a topic need not
    /// be made.
    pub fn is_wanted(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
            || self.state().left.is_some_and(|left| left.elapsed() < GRACE)
    }

    /// Adds a record; returns its number and its time in milliseconds since 1970.
    pub fn publish(
        &self,
        session: Option<String>,
        place: Option<Region>,
        content: Content,
    ) -> (u64, u64) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ts = since.as_millis() as u64;
        let recno = {
            let mut state = self.state();
            let recno = state.next;
            state.next += 1;
            state.memory += content.memory();
            state.records.push_back(Arc::new(StreamRecord { recno, ts, session, place, content }));
            while state.records.len() > MAX_RECORDS
                || (state.memory > MAX_MEMORY && state.records.len() > 1)
            {
                let oldest = state.records.pop_front();
                state.memory -= oldest.map_or(0, |record| record.content.memory());
            }
            recno
        };
        self.changed.send_replace(());
        (recno, ts)
    }

    /// Ends the stream; subscribers are told why after the last record.
    pub fn close(&self, why: &str) {
        self.state().closed = Some(why.to_owned());
        self.changed.send_replace(());
    }

    /// Describes the stream: its name, and the numbers of its records that can be asked for.
    pub fn to_json(&self) -> Value {
        let state = self.state();
        let first = state.records.front().map_or(state.next, |record| record.recno);
        json!({self.kind.key(): self.name, "first": first, "next": state.next})
    }

    /// Returns the number of the next record.
    #[cfg(test)]
    fn next(&self) -> u64 {
        self.state().next
    }
}

/// The streams of an endpoint.
#[derive(Debug)]
pub struct Streams {
    topics: BTreeMap<&'static str, Arc<Stream>>,
    sources: Mutex<BTreeMap<String, Arc<Stream>>>,
}

impl Streams {
    /// Creates the streams of these topics.
    pub fn new(topics: impl Iterator<Item = &'static str>) -> Self {
        let stream = |name: &'static str| {
            let stream =
                if name == LOG { log_stream() } else { Stream::new(StreamKind::Topic, name) };
            (name, stream)
        };
        Streams { topics: topics.map(stream).collect(), sources: Mutex::default() }
    }

    /// Returns the stream of a topic.
    pub fn topic(&self, name: &str) -> Option<Arc<Stream>> {
        self.topics.get(name).cloned()
    }

    /// Returns the stream of a datasource, which is made if there is none.
    pub fn source(&self, id: &str) -> Arc<Stream> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.entry(id.to_owned()).or_insert_with(|| Stream::new(StreamKind::Source, id)).clone()
    }

    /// Ends the stream of a datasource.
    pub fn close_source(&self, id: &str, why: &str) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = sources.remove(id) {
            stream.close(why);
        }
    }

    /// Returns all streams: the topics, then the datasources that have one.
    pub fn all(&self) -> Vec<Arc<Stream>> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        self.topics.values().chain(sources.values()).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
