//! The state of one console: what its user has chosen, and where its answers go.

use super::answer::Answer;
use crate::session::{Session, Topic};
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
    pub(super) topics: watch::Sender<Vec<Topic>>,
}

impl Console {
    /// A console for `session`; `root` is the unnamed session behind it.
    pub fn new(root: Arc<Session>, session: Arc<Session>, say: Say) -> Self {
        let topics = watch::Sender::new(Vec::new());
        let (page, strict, depth, over_socket, quit) = (None, true, 0, false, false);
        Console { session, root, page, strict, depth, over_socket, quit, say, topics }
    }

    /// The same console, its user at the other end of a socket.
    #[must_use]
    pub fn over_socket(self) -> Self {
        Console { over_socket: true, ..self }
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
