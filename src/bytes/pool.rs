//! Lends readers: open once, keep the metadata, one reader for each query that runs.

use crate::error::Result;
use std::sync::{Mutex, PoisonError};

/// Readers that are idle. Reading needs `&mut`, queries run side by side.
pub(crate) struct Pool<R> {
    idle: Mutex<Vec<R>>,
}

impl<R> Pool<R> {
    /// A pool that holds a first reader.
    pub(crate) fn new(first: R) -> Self {
        Pool { idle: Mutex::new(vec![first]) }
    }

    /// Lends a reader to `work`, a new one from `make` if none is idle. A reader whose work failed
    /// is dropped: its state is not known.
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
