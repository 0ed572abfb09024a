//! The state of the servers that files are read from.

use super::address::Address;
use super::failure::Failure;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest and the longest pause after a server failed.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// The servers that were asked, by host.
#[derive(Default)]
pub(super) struct Servers(Mutex<HashMap<String, Arc<Server>>>);

/// The state of a server, shared by all who use it.
#[derive(Default)]
pub(super) struct Server(Mutex<ServerState>);

#[derive(Default)]
struct ServerState {
    counts: RemoteCounts,
    /// When the server may be asked again, and how it failed.
    down: Option<(Instant, Failure)>,
    rest: Duration,
}

/// Counts of requests and of their results: to a server, or for a file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RemoteCounts {
    /// Requests, including those that failed.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Bytes of files that were received.
    pub bytes: u64,
    /// Total duration of all requests, in seconds.
    pub seconds: f64,
    /// Blocks of a file that were in memory or on disk when they were needed; not known of a server.
    pub hits: u64,
}

impl RemoteCounts {
    /// Counts a request.
    pub(super) fn add(&mut self, bytes: u64, took: Duration, failed: bool) {
        self.requests += 1;
        self.failures += u64::from(failed);
        self.bytes += bytes;
        self.seconds += took.as_secs_f64();
    }
}

impl Servers {
    /// Returns the server of an address.
    pub(super) fn of(&self, address: &Address) -> Arc<Server> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(address.host().to_owned()).or_default().clone()
    }

    /// Returns the counts of each server.
    pub(super) fn counts(&self) -> Vec<(String, RemoteCounts)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> =
            known.iter().map(|(name, server)| (name.clone(), server.state(|s| s.counts))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

impl Server {
    fn state<T>(&self, work: impl FnOnce(&mut ServerState) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns an error at once if the server is down: a thread that waited for it would keep
    /// others waiting.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.state(|state| match &state.down {
            Some((until, failure)) if Instant::now() < *until => Err(failure.clone()),
            Some((_, failure)) => {
                // One request tries again; meanwhile the others fail at once.
                let failure = failure.clone();
                state.down = Some((Instant::now() + state.rest, failure));
                Ok(())
            }
            None => Ok(()),
        })
    }

    /// Returns whether the server was down when it was last asked.
    pub(super) fn is_doubtful(&self) -> bool {
        self.state(|state| state.down.is_some())
    }

    pub(super) fn answered(&self) {
        self.state(|state| (state.down, state.rest) = (None, Duration::ZERO));
    }

    pub(super) fn failed(&self, failure: &Failure) {
        self.state(|state| {
            state.rest = (state.rest * 2).clamp(SHORTEST, LONGEST);
            state.down = Some((Instant::now() + state.rest, failure.clone()));
        });
    }

    pub(super) fn count(&self, bytes: u64, took: Duration, failed: bool) {
        self.state(|state| state.counts.add(bytes, took, failed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_down_is_left_alone_until_it_answers() {
        let address = Address::parse("https://lab.example/x").unwrap().unwrap();
        let servers = Servers::default();
        let server = servers.of(&address);
        assert_eq!(server.check(), Ok(()));
        server.count(0, Duration::from_secs(1), true);
        server.failed(&Failure::TooSlow);
        assert_eq!(servers.of(&address).check(), Err(Failure::TooSlow));
        // As if the time had passed.
        server.state(|state| state.down = Some((Instant::now(), Failure::TooSlow)));
        assert_eq!(server.check(), Ok(()), "one asks again");
        assert!(server.is_doubtful());
        assert_eq!(server.check(), Err(Failure::TooSlow), "the others do not");
        server.answered();
        assert_eq!(server.check(), Ok(()));
        assert!(!server.is_doubtful());
        let counts = servers.counts();
        assert_eq!((counts.len(), counts[0].1.requests, counts[0].1.failures), (1, 1, 1));
    }
}
