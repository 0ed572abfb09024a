//! Runs blocking code, such as parsers, from asynchronous code.

use crate::bytes::helpers::{REMOTE, cores};
use crate::error::{Error, Result};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Runs a bounded number of blocking calls at a time; a panic becomes an error.
#[derive(Clone, Debug)]
pub(super) struct BlockingPool {
    permits: Arc<Semaphore>,
}

/// A call that waits for a disk leaves its core idle, so there are more permits than cores.
const PER_CORE: usize = 4;

impl BlockingPool {
    /// Creates a pool for reading rows.
    pub(super) fn new() -> Self {
        BlockingPool { permits: Arc::new(Semaphore::new(cores() * PER_CORE)) }
    }

    /// Creates a pool for searching names, which keeps a core busy. Searches that wait until the
    /// names of a file have been collected must not delay reads of rows.
    pub(super) fn for_names() -> Self {
        BlockingPool { permits: Arc::new(Semaphore::new(cores())) }
    }

    /// Creates a pool for files on other machines, so that slow servers do not delay reads of local
    /// files.
    pub(super) fn for_remote() -> Self {
        BlockingPool { permits: Arc::new(Semaphore::new(REMOTE)) }
    }

    /// Runs `work` in a thread that may block.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // The semaphore is never closed.
        let permit = self.permits.clone().acquire_owned().await;
        let result = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        match result.await {
            Ok(result) => result,
            Err(stopped) => Err(Error::Bug(stopped.to_string())),
        }
    }
}
