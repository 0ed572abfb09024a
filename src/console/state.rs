//! The state of one console: what its user has chosen, and where its answers go.

use super::answer::Answer;
use super::files::{Files, OpenFiles};
use crate::error::Error;
use crate::session::{Session, Topic, Visitor};
use std::sync::Arc;
use tokio::sync::watch;

/// Receives the answers that come while a command is still running.
pub type Say = Box<dyn Fn(Answer) + Send + Sync>;

/// Runs the commands of one user, script or program.
pub struct Console {
    /// The session whose pages it controls.
    pub session: Arc<Session>,
    /// The unnamed session, which knows all others.
    pub(super) root: Arc<Session>,
    /// The only page that navigation and page commands apply to; all if none.
    pub(super) page: Option<u64>,
    /// Whether a script stops at its first error.
    pub(super) strict: bool,
    /// How many scripts are running inside each other.
    pub(super) depth: usize,
    /// Whether its user is at the other end of a socket, and may load only what `--allow-url` names
    /// of other machines.
    pub(super) over_socket: bool,
    /// Whether `quit` was the last command.
    pub(super) quit: bool,
    pub(super) say: Say,
    /// Whose commands these are.
    pub(super) visitor: Visitor,
    pub(super) files: Files,
    pub(super) topics: watch::Sender<Vec<Topic>>,
}

impl Console {
    /// The owner's console for `session`; `root` is the unnamed session behind it.
    pub fn new(root: Arc<Session>, session: Arc<Session>, say: Say) -> Self {
        let topics = watch::Sender::new(Vec::new());
        Console {
            session,
            root,
            page: None,
            strict: true,
            depth: 0,
            over_socket: false,
            quit: false,
            say,
            visitor: Visitor::owner(),
            files: Files::All,
            topics,
        }
    }

    /// The same console in the hands of a visitor, who may use the `open` files if it is not the
    /// owner.
    #[must_use]
    pub fn of(self, visitor: Visitor, open: Arc<OpenFiles>) -> Self {
        let files = if visitor.is_owner { Files::All } else { Files::Open(open) };
        Console { visitor, files, over_socket: true, ..self }
    }

    /// An error in words; only the owner is told the folders of files.
    pub(super) fn words(&self, error: &Error) -> String {
        if self.visitor.is_owner { error.to_string() } else { error.for_page() }
    }

    /// The same console; with `keep_going`, scripts continue after an error.
    #[must_use]
    pub fn keep_going(self, keep_going: bool) -> Self {
        Console { strict: !keep_going, ..self }
    }

    /// The topics subscribed to.
    pub fn topics(&self) -> watch::Receiver<Vec<Topic>> {
        self.topics.subscribe()
    }
}
