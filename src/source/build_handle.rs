//! A source that is still being built: how far it is, and who gets it.

use super::Source;
use crate::error::Result;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A source, or why there is none.
pub(crate) type Opened = Result<Box<dyn Source>>;

/// A source that is being made: how far it is, and who gets it.
#[derive(Default)]
pub struct BuildHandle {
    /// The part that is done, as the bits of a number from 0 to 1.
    pub(crate) part: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Busy,
    /// Busy, and this is to be called with what comes of it.
    Awaited(Box<dyn FnOnce(Opened) + Send>),
    Done(Opened),
    /// Somebody has it.
    Taken,
}

impl BuildHandle {
    /// How much of it is done, in percent; never 100, since then it would be made.
    pub fn percent(&self) -> u8 {
        ((f64::from_bits(self.part.load(Ordering::Relaxed)) * 100.0) as u8).min(99)
    }

    /// Calls `take` with what has been made, as soon as it is; in the thread that made it. Only
    /// the first who asks gets it.
    pub fn then(&self, take: impl FnOnce(Result<Box<dyn Source>>) + Send + 'static) {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Busy => *state = State::Awaited(Box::new(take)),
            State::Done(opened) => {
                drop(state);
                take(opened);
            }
            asked => *state = asked,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn finish(&self, opened: Opened) {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Awaited(take) => {
                drop(state);
                take(opened);
            }
            _ => *state = State::Done(opened),
        }
        self.changed.notify_all();
    }

    /// Waits for what is made; none if it takes longer.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Opened> {
        let busy = |state: &mut State| matches!(state, State::Busy);
        let waited = self.changed.wait_timeout_while(self.state(), timeout, busy);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(opened) => Some(opened),
            busy => {
                *state = busy;
                None
            }
        }
    }
}
