//! The one door between the asynchronous world and parsers that block.

use crate::error::{Error, Result};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Lets a bounded number of blocking calls run at once; a panic inside is an error outside.
#[derive(Debug)]
pub(super) struct Door {
    places: Arc<Semaphore>,
}

/// Waiting for a disk leaves a core idle, so there are more places than cores.
const PER_CORE: usize = 4;

impl Door {
    /// For reading rows.
    pub(super) fn new() -> Self {
        Door { places: Arc::new(Semaphore::new(cores() * PER_CORE)) }
    }

    /// For searching names, which is work for a core. Those who wait until the names of a file are
    /// collected must not stand in the way of those who read rows.
    pub(super) fn for_names() -> Self {
        Door { places: Arc::new(Semaphore::new(cores())) }
    }

    /// Runs `work` where it may block.
    pub(super) async fn pass<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // The semaphore is never closed.
        let place = self.places.clone().acquire_owned().await;
        let result = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        match result.await {
            Ok(result) => result,
            Err(stopped) => Err(Error::Bug(stopped.to_string())),
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(4, usize::from)
}
