//! A place in a stream.

use super::{Content, Stream, StreamRecord, WantedRecords};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::watch;

/// A subscription: the stream, the next record to deliver, and how many.
#[derive(Debug)]
pub struct Subscription {
    stream: Arc<Stream>,
    wanted: WantedRecords,
    /// The number under which its client knows it.
    number: u64,
    /// The number of the next record to look at.
    next: u64,
    /// How many records are still to be delivered; `None` for all that ever come.
    left: Option<u64>,
    is_done: bool,
    changed: watch::Receiver<()>,
}

impl Subscription {
    /// Subscribes to a stream.
    pub fn new(stream: Arc<Stream>, wanted: WantedRecords) -> Self {
        let next = {
            let state = stream.state();
            match wanted.startrec {
                0 => state.next,
                from if from > 0 => from.unsigned_abs(),
                back => state.next.saturating_sub(back.unsigned_abs()).max(1),
            }
        };
        stream.listeners.fetch_add(1, Ordering::Relaxed);
        let left = (wanted.numrec > 0).then_some(wanted.numrec);
        let changed = stream.changed.subscribe();
        Subscription { stream, wanted, number: 0, next, left, is_done: false, changed }
    }

    /// Sets the number under which its client knows it.
    #[must_use]
    pub(super) fn numbered(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the number of the next record that it looks at: where a client goes on later.
    pub fn next_recno(&self) -> u64 {
        self.next
    }

    /// Returns whether it has delivered its last event.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Returns the next event; `None` if it has to wait for one.
    pub fn next_event(&mut self) -> Option<Value> {
        // Changes from now on wake those who wait.
        self.changed.mark_unchanged();
        if self.is_done {
            return None;
        }
        if self.left == Some(0) {
            self.is_done = true;
            return Some(self.event("eos", 200));
        }
        let stream = self.stream.clone();
        let state = stream.state();
        let first = state.records.front().map_or(state.next, |record| record.recno);
        if self.next < first {
            let missed = json!({"from": self.next, "to": first - 1});
            self.next = first;
            let mut event = self.event("status", 206);
            event["missed"] = missed;
            event["text"] = "these records are no longer kept".into();
            return Some(event);
        }
        while let Some(record) = state.records.get((self.next - first) as usize) {
            self.next += 1;
            if let Some(event) = self.data(record) {
                self.left = self.left.map(|left| left - 1);
                return Some(event);
            }
        }
        let why = state.closed.as_ref()?;
        self.is_done = true;
        let mut event = self.event("shutdown", 410);
        event["text"] = why.as_str().into();
        Some(event)
    }

    /// Waits until there may be another event.
    pub async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // The stream lives as long as this subscription.
            std::future::pending::<()>().await;
        }
    }

    fn event(&self, name: &str, status: u16) -> Value {
        let mut event = json!({"event": name, "subscription": self.number, "status": status});
        event[self.stream.kind.key()] = self.stream.name.as_str().into();
        event["recno"] = (self.next - 1).into();
        event
    }

    /// Returns the event of a record; `None` if the subscriber does not want it.
    fn data(&self, record: &StreamRecord) -> Option<Value> {
        let WantedRecords { session, region, columns, .. } = &self.wanted;
        let is_elsewhere =
            |wanted: &String| record.session.as_ref().is_some_and(|session| session != wanted);
        if session.as_ref().is_some_and(is_elsewhere) {
            return None;
        }
        let overlaps = |place: &crate::genome::Region| {
            region.as_ref().is_none_or(|region| {
                place.sequence == region.sequence
                    && place.start < region.end
                    && place.end > region.start
            })
        };
        let mut event = self.event("data", 200);
        event["recno"] = record.recno.into();
        event["ts"] = record.ts.into();
        match &record.content {
            Content::Event(members) => {
                if !record.place.as_ref().is_none_or(overlaps) {
                    return None;
                }
                if let Some(session) = &record.session {
                    event["session"] = session.as_str().into();
                }
                event["data"] = Value::Object(members.clone());
            }
            Content::Rows(rows) => {
                event["rows"] = rows.to_json(region.as_ref(), columns.as_deref())?;
            }
        }
        Some(event)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.stream.listeners.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stream.state().left = Some(Instant::now());
        }
    }
}
