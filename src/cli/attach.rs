//! `epivizrs attach`: commands for an endpoint that is already running.

use super::access::{given_token, own_token};
use super::options::AttachOptions;
use super::script::{ScriptFailed, on_terminal, read_script};
use super::state::history_file;
use crate::console::{self, Attach};
use crate::error::Error;
use crate::server::knows_users;
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
    let given = given_token(options.token.as_deref(), options.token_file.as_deref())?;
    // It is not sent to other machines, nor if the system reports the users of connections.
    let token = given.or_else(|| is_near(&options.url).then(own_token).flatten());
    let attached = console::attach(Attach {
        url: options.url,
        commands: options.command,
        script,
        json: options.script.json,
        stay: options.script.stay,
        keep_going: options.keep_going,
        history: history_file(),
        token,
        ca_file: options.ca_file,
    });
    attached.await.map_err(|error| match error {
        Error::Io { .. } => error.into(),
        error => ScriptFailed(error).into(),
    })
}

/// Returns whether an address is on this machine, on a system that does not report users.
fn is_near(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let is_port = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.split(':').next().unwrap_or_default();
    !knows_users() && (is_port || ["localhost", "127.0.0.1"].contains(&name))
}
