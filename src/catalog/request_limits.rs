//! What one request may ask for at most, and how often a request asked for more.

use std::sync::atomic::{AtomicU64, Ordering};

/// Limits on a single request for rows.
#[derive(Debug)]
pub struct RequestLimits {
    /// Largest number of rows of an answer.
    pub rows: u64,
    /// Largest number of names of datasources, measurements and columns, each counted once.
    pub names: usize,
    /// Largest number of hits of a search.
    pub hits: usize,
    too_many_rows: AtomicU64,
    too_many_names: AtomicU64,
    too_many_hits: AtomicU64,
}

impl RequestLimits {
    /// Creates limits.
    pub fn new(rows: u64, names: usize) -> Self {
        RequestLimits {
            rows,
            names,
            hits: MAX_HITS,
            too_many_rows: AtomicU64::new(0),
            too_many_names: AtomicU64::new(0),
            too_many_hits: AtomicU64::new(0),
        }
    }

    /// Sets the largest number of hits of a search.
    #[must_use]
    pub fn with_hits(self, hits: usize) -> Self {
        RequestLimits { hits, ..self }
    }

    /// Returns how many of the wanted hits of a search are returned; counts it if not all.
    pub fn hits(&self, wanted: usize) -> usize {
        self.too_many_hits.fetch_add(u64::from(wanted > self.hits), Ordering::Relaxed);
        wanted.min(self.hits)
    }

    /// Returns whether an answer may have so many rows; counts it if not.
    pub(super) fn allow_rows(&self, rows: u64) -> bool {
        let is_allowed = rows <= self.rows;
        self.too_many_rows.fetch_add(u64::from(!is_allowed), Ordering::Relaxed);
        is_allowed
    }

    /// Returns whether a request may have so many names; counts it if not.
    pub fn allow_names(&self, names: usize) -> bool {
        let is_allowed = names <= self.names;
        self.too_many_names.fetch_add(u64::from(!is_allowed), Ordering::Relaxed);
        is_allowed
    }

    /// Returns the name of each limit in the metrics, and how often it was reached.
    pub fn reached(&self) -> [(&'static str, u64); 3] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("rows", count(&self.too_many_rows)),
            ("names", count(&self.too_many_names)),
            ("hits", count(&self.too_many_hits)),
        ]
    }
}

/// Default number of hits.
const MAX_HITS: usize = 100;

impl Default for RequestLimits {
    fn default() -> Self {
        RequestLimits::new(super::MAX_ROWS, 4096)
    }
}
