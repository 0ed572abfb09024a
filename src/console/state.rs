//! The state of one console: its user's choices, and where its answers go.

use super::answer::Answer;
use super::files::{AllowedFiles, Files};
use crate::error::Error;
use crate::session::{Session, Topic, Visitor};
use std::sync::Arc;
use tokio::sync::watch;

/// Receives answers while a command is still running.
pub type Say = Box<dyn Fn(Answer) + Send + Sync>;

/// Runs the commands of one user, script or program.
pub struct Console {
    /// The session whose pages it controls.
    pub session: Arc<Session>,
    /// The unnamed session, which has the list of all sessions.
    pub(super) root: Arc<Session>,
    /// The page that navigation and page commands apply to; `None` means all.
    pub(super) page: Option<u64>,
    /// Whether a script stops at its first error.
    pub(super) strict: bool,
    /// The nesting depth of running scripts.
    pub(super) depth: usize,
    /// Whether its user is at the other end of a socket, and may load only what `--allow-url` names
    /// of other machines.
    pub(super) over_socket: bool,
    /// Whether `quit` was the last command.
    pub(super) quit: bool,
    pub(super) say: Say,
    /// The visitor who sends the commands.
    pub(super) visitor: Visitor,
    pub(super) files: Files,
    pub(super) topics: watch::Sender<Vec<Topic>>,
}

impl Console {
    /// Creates the owner's console for `session`; `root` is the unnamed session.
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

    /// Sets the visitor, who may use only the `open` files unless it is the owner.
    #[must_use]
    pub fn of(self, visitor: Visitor, open: Arc<AllowedFiles>) -> Self {
        let files = if visitor.is_owner { Files::All } else { Files::Open(open) };
        Console { visitor, files, over_socket: true, ..self }
    }

    /// Formats an error; only the owner sees the folders of files.
    pub(super) fn words(&self, error: &Error) -> String {
        if self.visitor.is_owner { error.to_string() } else { error.for_page() }
    }

    /// Sets whether scripts continue after an error.
    #[must_use]
    pub fn keep_going(self, keep_going: bool) -> Self {
        Console { strict: !keep_going, ..self }
    }

    /// Returns the subscribed topics, as they change.
    pub fn topics(&self) -> watch::Receiver<Vec<Topic>> {
        self.topics.subscribe()
    }
}
