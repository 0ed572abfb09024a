//! The one way between the asynchronous world and parsers that block.

use crate::bytes::helpers::{REMOTE, cores};
use crate::error::{Error, Result};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Lets a bounded number of blocking calls run at once; a panic inside is an error outside.
#[derive(Clone, Debug)]
pub(super) struct BlockingPool {
    permits: Arc<Semaphore>,
}

/// Waiting for a disk leaves a core idle, so there are more permits than cores.
const PER_CORE: usize = 4;

impl BlockingPool {
    /// For reading rows.
    pub(super) fn new() -> Self {
        BlockingPool { permits: Arc::new(Semaphore::new(cores() * PER_CORE)) }
    }

    /// For searching names, which is work for a core. Those who wait until the names of a file are
    /// collected must not stand in the way of those who read rows.
    pub(super) fn for_names() -> Self {
        BlockingPool { permits: Arc::new(Semaphore::new(cores())) }
    }

    /// For reading from other machines: those who wait for a slow server must not stand in the way
    /// of those who read files of this machine.
    pub(super) fn for_remote() -> Self {
        BlockingPool { permits: Arc::new(Semaphore::new(REMOTE)) }
    }

    /// Runs `work` where it may block.
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
