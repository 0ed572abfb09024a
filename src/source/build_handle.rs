//! The progress of a source that is still being built, and its hand-over once it is complete.

use super::Source;
use crate::error::Result;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An opened source, or the reason why it cannot be opened.
pub(crate) type Opened = Result<Box<dyn Source>>;

/// The progress of a source that is still being built, and its hand-over once it is complete.
#[derive(Default)]
pub struct BuildHandle {
    /// The fraction that is done, as the bits of an `f64` from 0 to 1.
    pub(crate) part: AtomicU64,
    state: Mutex<BuildState>,
    changed: Condvar,
}

#[derive(Default)]
enum BuildState {
    #[default]
    Busy,
    /// Busy; the result goes to this function.
    Awaited(Box<dyn FnOnce(Opened) + Send>),
    Done(Opened),
    /// The result has been handed over.
    Taken,
}

impl BuildHandle {
    /// Returns the progress in percent: 0 to 99, since at 100 the source would be complete.
    pub fn percent(&self) -> u8 {
        ((f64::from_bits(self.part.load(Ordering::Relaxed)) * 100.0) as u8).min(99)
    }

    /// Calls `take` with the source as soon as it is built, in the thread that built it. Only the
    /// first caller gets it.
    pub fn then(&self, take: impl FnOnce(Result<Box<dyn Source>>) + Send + 'static) {
        let mut state = self.state();
        match std::mem::replace(&mut *state, BuildState::Taken) {
            BuildState::Busy => *state = BuildState::Awaited(Box::new(take)),
            BuildState::Done(opened) => {
                drop(state);
                take(opened);
            }
            asked => *state = asked,
        }
    }

    fn state(&self) -> MutexGuard<'_, BuildState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn finish(&self, opened: Opened) {
        let mut state = self.state();
        match std::mem::replace(&mut *state, BuildState::Taken) {
            BuildState::Awaited(take) => {
                drop(state);
                take(opened);
            }
            _ => *state = BuildState::Done(opened),
        }
        self.changed.notify_all();
    }

    /// Waits for the source; none if building takes longer than `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Opened> {
        let busy = |state: &mut BuildState| matches!(state, BuildState::Busy);
        let waited = self.changed.wait_timeout_while(self.state(), timeout, busy);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, BuildState::Taken) {
            BuildState::Done(opened) => Some(opened),
            busy => {
                *state = busy;
                None
            }
        }
    }
}
