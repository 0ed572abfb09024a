//! `epivizrs attach`: commands for an endpoint that is already running.

use super::options::AttachOptions;
use super::script::{ScriptFailed, on_terminal, read_script};
use super::state::history_file;
use crate::console::{self, Attach};
use crate::error::Error;
use anyhow::{Result, bail};

/// Runs the commands, or prompts for them at a terminal.
///
/// # Errors
/// [`ScriptFailed`] with the first command that failed, or the connection fails.
pub(super) async fn attach(options: AttachOptions) -> Result<()> {
    let script = match &options.script.script {
        Some(path) => Some(read_script(path).await?),
        None => None,
    };
    if script.is_none() && options.command.is_empty() && !on_terminal() {
        bail!(
            "there are no commands to run; give them with -c or --script FILE ('-' for standard input)"
        );
    }
    let attached = console::attach(Attach {
        url: options.url,
        commands: options.command,
        script,
        json: options.script.json,
        stay: options.script.stay,
        keep_going: options.keep_going,
        history: history_file(),
    });
    attached.await.map_err(|error| match error {
        Error::Io { .. } => error.into(),
        error => ScriptFailed(error).into(),
    })
}
