//! What is typed while a command runs: Ctrl-C, which cancels it, and the next lines.
//!
//! A key that is pressed together with Enter reaches the editor before the command has started: it is
//! no signal then, but a character that waits to be read. So while a command runs, the editor reads on,
//! without a prompt. When the command ends, it is interrupted by the signal that it takes for Ctrl-C.

use super::PromptHelper;
use nix::sys::signal::{Signal, raise};
use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Most commands end within this time, and are not worth changing the terminal's mode.
const SHORT: Duration = Duration::from_millis(100);
/// The interval at which the editor is interrupted until it returns: it may not have installed its
/// handler yet.
const INTERVAL: Duration = Duration::from_millis(10);

/// A running command.
#[derive(Debug, Default)]
pub(super) struct RunningCommand {
    state: Mutex<TypedState>,
    changed: Condvar,
    /// Notified when the user presses Ctrl-C.
    pub(super) cancel: Notify,
}

#[derive(Debug, Default)]
struct TypedState {
    has_ended: bool,
    /// Whether it was the last command.
    is_last: bool,
    /// Whether the editor reads.
    is_read: bool,
}

impl RunningCommand {
    fn state(&self) -> MutexGuard<'_, TypedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the command has ended, and waits until the editor no longer reads. Without `more`,
    /// no further line is read, and the terminal is left as it was.
    pub(super) async fn end(&self, more: bool) {
        {
            let mut state = self.state();
            (state.has_ended, state.is_last) = (true, !more);
        }
        self.changed.notify_all();
        while self.state().is_read {
            // If it cannot be sent, the editor returns after the next line.
            if raise(Signal::SIGINT).is_err() {
                return;
            }
            // Also long enough for a signal that the editor did not get to reach the program's handler.
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Waits for the end of a short command. Returns false, and records that the editor reads, if it
    /// runs longer.
    fn is_short(&self) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), SHORT, |state| !state.has_ended);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_read = !state.has_ended;
        state.has_ended
    }
}

/// What was typed while a command ran.
#[derive(Default)]
pub(super) struct TypedAhead {
    /// The lines that were entered.
    pub(super) lines: VecDeque<String>,
    /// The line that was begun.
    pub(super) begun: String,
    /// Whether no more lines will come.
    pub(super) ended: bool,
}

impl TypedAhead {
    /// Reads until the command has ended.
    pub(super) fn read(
        &mut self,
        editor: &mut Editor<PromptHelper, FileHistory>,
        running: &RunningCommand,
    ) {
        if running.is_short() {
            self.ended |= running.state().is_last;
            return;
        }
        while !running.state().has_ended && !self.ended {
            editor.helper().map(PromptHelper::take_begun);
            match editor.readline("") {
                Ok(line) => self.lines.push_back(line),
                Err(ReadlineError::Interrupted) if running.state().has_ended => {
                    self.begun = editor.helper().map(PromptHelper::take_begun).unwrap_or_default();
                }
                Err(ReadlineError::Interrupted) => running.cancel.notify_one(),
                Err(_) => self.ended = true,
            }
        }
        let mut state = running.state();
        state.is_read = false;
        // A command whose input has ended may go on.
        while !state.has_ended {
            state = running.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_last {
            *self = TypedAhead { ended: true, ..TypedAhead::default() };
        }
    }
}
