//! Limits on connections, so that no client can exhaust the resources of others.

use crate::session::{Limit, Metrics};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Limits on the connections of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of concurrent connections.
    pub connections: usize,
    /// Maximum number of concurrent connections from one address. It does not apply to loopback
    /// addresses, which all clients behind a proxy on this machine share.
    pub per_address: usize,
    /// How long a client may take to send the head of an HTTP request, and again for its body.
    pub request_time: Duration,
    /// How long a WebSocket may be idle before its client is pinged. It is closed if two pings are
    /// not answered, or if the client does not accept a message for as long.
    pub ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 10_000,
            per_address: 1_000,
            request_time: Duration::from_secs(30),
            ping_interval: Duration::from_secs(20),
        }
    }
}

/// Counts the open connections.
#[derive(Debug, Default)]
pub(super) struct Connected(Arc<Mutex<ConnectionCounts>>);

#[derive(Debug, Default)]
struct ConnectionCounts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The slot of a connection, which is released on drop.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    counts: Arc<Mutex<ConnectionCounts>>,
    address: IpAddr,
}

impl Connected {
    /// Returns a slot for a connection from this address; `None`, with a count, if a limit is
    /// reached.
    pub(super) fn slot(
        &self,
        from: IpAddr,
        limits: &Limits,
        metrics: &Metrics,
    ) -> Option<ConnectionSlot> {
        let address = from.to_canonical();
        let mut counts = lock(&self.0);
        if counts.all >= limits.connections {
            metrics.hit(Limit::Connections);
            return None;
        }
        let has = counts.by_address.get(&address).copied().unwrap_or(0);
        if has >= limits.per_address && !address.is_loopback() {
            metrics.hit(Limit::ConnectionsPerAddress);
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, has + 1);
        Some(ConnectionSlot { counts: self.0.clone(), address })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.all -= 1;
        if let Some(has) = counts.by_address.get_mut(&self.address) {
            *has -= 1;
            if *has == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

fn lock(counts: &Mutex<ConnectionCounts>) -> MutexGuard<'_, ConnectionCounts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_limited_in_total_and_per_address_and_released() {
        let limits = Limits { connections: 4, per_address: 2, ..Limits::default() };
        let (connected, metrics) = (Connected::default(), Metrics::default());
        let slot = |address: &str| connected.slot(address.parse().unwrap(), &limits, &metrics);
        let hits = || Limit::ALL.map(|limit| metrics.hits(limit));
        let one = [slot("192.0.2.1").unwrap(), slot("192.0.2.1").unwrap()];
        // The same address, mapped to IPv6.
        assert!(slot("::ffff:192.0.2.1").is_none());
        assert_eq!(hits()[..2], [0, 1]);
        let own = [slot("127.0.0.1").unwrap(), slot("127.0.0.1").unwrap()];
        assert!(slot("192.0.2.9").is_none());
        assert_eq!(hits()[..2], [1, 1]);
        drop(own);
        let others = [slot("192.0.2.9").unwrap(), slot("::1").unwrap()];
        drop((one, others));
        assert_eq!(lock(&connected.0).all, 0);
        assert!(lock(&connected.0).by_address.is_empty());
    }
}
