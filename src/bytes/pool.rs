//! A pool of readers: each running query has its own reader, which is reused later.

use crate::error::Result;
use std::sync::{Mutex, PoisonError};

/// Idle readers. Reading needs `&mut`, and queries run in parallel.
pub(crate) struct Pool<R> {
    idle: Mutex<Vec<R>>,
}

impl<R> Pool<R> {
    /// Creates a pool with a first reader.
    pub(crate) fn new(first: R) -> Self {
        Pool { idle: Mutex::new(vec![first]) }
    }

    /// Creates a pool without readers.
    pub(crate) const fn empty() -> Self {
        Pool { idle: Mutex::new(Vec::new()) }
    }

    /// Lends a reader to `work`: an idle one, or else a new one from `make`. A reader whose work
    /// failed is dropped, because its state is not known.
    pub(crate) fn lend<T>(
        &self,
        make: impl FnOnce() -> Result<R>,
        work: impl FnOnce(&mut R) -> Result<T>,
    ) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => make()?,
        };
        let result = work(&mut reader)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        Ok(result)
    }
}
