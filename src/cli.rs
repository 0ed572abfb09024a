//! The command line, and what it sets in motion.

mod attach;
mod commands;
mod config;
mod demo;
mod errand;
mod inspect;
mod install;
mod open;
mod options;
mod progress;
mod query;
mod serve;
mod state;

pub use attach::attach;
pub use inspect::{Beside, Inspect};
pub use install::Install;
pub use options::{AttachOptions, Cli, LogFormat, Options, ScriptOptions, Task};
pub use query::Query;
pub use serve::serve;

use crate::error::Error;

/// A script's command failed: the exit code is another than for what could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ScriptFailed(#[source] pub Error);

impl ScriptFailed {
    /// The exit code.
    pub const CODE: u8 = 3;
}

fn on_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin())
}
