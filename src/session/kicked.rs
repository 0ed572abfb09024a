//! Pages that an administrator has disconnected: they are not let in again for a while, since pages
//! connect again by themselves.

use super::Visitor;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The browsers whose pages are refused, and until when.
#[derive(Debug, Default)]
pub(super) struct Kicked(Mutex<Vec<(Browser, Instant)>>);

/// What distinguishes browsers: their visitor, machine, and how they name themselves. A page has
/// nothing else that it keeps when it connects again.
#[derive(Debug, PartialEq, Eq)]
struct Browser {
    visitor: String,
    machine: String,
    agent: String,
}

impl Browser {
    fn of(visitor: &Visitor) -> Self {
        // Each connection has another port.
        let address = visitor.address.parse::<SocketAddr>();
        let machine = address.map_or_else(|_| visitor.address.clone(), |own| own.ip().to_string());
        Browser { visitor: visitor.name.clone(), machine, agent: visitor.agent.clone() }
    }
}

impl Kicked {
    fn lock(&self, now: Instant) -> MutexGuard<'_, Vec<(Browser, Instant)>> {
        let mut kicked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kicked.retain(|(_, until)| *until > now);
        kicked
    }

    /// Refuses pages of this visitor's browser for so long.
    pub(super) fn add(&self, visitor: &Visitor, time: Duration, now: Instant) {
        let browser = Browser::of(visitor);
        let mut kicked = self.lock(now);
        kicked.retain(|(known, _)| *known != browser);
        kicked.push((browser, now + time));
    }

    /// Returns for how long pages of this visitor's browser are still refused.
    pub(super) fn left(&self, visitor: &Visitor, now: Instant) -> Option<Duration> {
        let browser = Browser::of(visitor);
        let kicked = self.lock(now);
        let found = kicked.iter().find(|(known, _)| *known == browser);
        found.map(|(_, until)| *until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(address: &str, agent: &str) -> Visitor {
        Visitor { agent: agent.into(), ..Visitor::owner().at(address) }
    }

    #[test]
    fn the_same_browser_is_refused_until_the_time_is_over() {
        let (kicked, now) = (Kicked::default(), Instant::now());
        kicked.add(&visitor("192.0.2.1:999", "Firefox"), Duration::from_secs(60), now);
        let same = visitor("192.0.2.1:1000", "Firefox");
        assert!(kicked.left(&same, now).is_some());
        assert!(kicked.left(&visitor("192.0.2.1:999", "Chromium"), now).is_none());
        assert!(kicked.left(&visitor("192.0.2.2:999", "Firefox"), now).is_none());
        assert!(kicked.left(&same, now + Duration::from_secs(61)).is_none());
    }
}
