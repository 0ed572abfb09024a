//! Runs the commands of a script or of the terminal on the endpoint of this process.

use super::options::ServeOptions;
use super::script::{ScriptFailed, on_terminal, read_script};
use super::state::history_file;
use crate::console::{self, Answer, Console, Ending, LineRunner, follow};
use crate::session::Session;
use anyhow::Result;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs the script or the prompt, then stops the endpoint. With `--stay`, or without either, waits
/// until it is stopped.
pub(super) async fn command(
    session: Arc<Session>,
    options: &ServeOptions,
    stop: CancellationToken,
) -> Result<()> {
    let json = options.script.json;
    let say = Box::new(move |answer| show(json, &Ok(answer)));
    let console = Console::new(session.clone(), session.clone(), say);
    let mut console = console.keep_going(options.keep_going);
    if let Some(path) = &options.script.script {
        let ran = tokio::select! {
            ran = script(&mut console, path) => ran,
            () = stop.cancelled() => return Ok(()),
        };
        match ran {
            Ok(Ending::Done(_)) if options.script.stay => stop.cancelled().await,
            Ok(_) => {}
            Err(error) => {
                stop.cancel();
                return Err(error);
            }
        }
    } else if prompts(options) {
        let runtime = tokio::runtime::Handle::current();
        let complete = move |line: &str| runtime.block_on(console::complete(&session, line, true));
        let follower = tokio::spawn(follow(console.topics(), console.session.clone()));
        tokio::select! {
            () = console::prompt(TerminalConsole { console, json }, Box::new(complete), history_file()) => {}
            () = stop.cancelled() => {}
        }
        follower.abort();
    } else {
        stop.cancelled().await;
    }
    stop.cancel();
    Ok(())
}

async fn script(console: &mut Console, path: &Path) -> Result<Ending> {
    let (text, name) = read_script(path).await?;
    Ok(console.script(&text, &name).await.map_err(ScriptFailed)?)
}

/// Returns whether to prompt for commands. Standard input is read only if it is a terminal.
pub(super) fn prompts(options: &ServeOptions) -> bool {
    !options.no_prompt && options.script.script.is_none() && on_terminal()
}

/// The console at the endpoint's own terminal.
struct TerminalConsole {
    console: Console,
    json: bool,
}

impl LineRunner for TerminalConsole {
    async fn run(&mut self, line: String) -> bool {
        match self.console.line(&line).await {
            Ok(Ending::Done(answer)) => show(self.json, &Ok(answer)),
            Ok(Ending::Quit) => return false,
            Err(error) => show(self.json, &Err(error)),
        }
        true
    }
}

fn show(json: bool, result: &crate::error::Result<Answer>) {
    match (json, result) {
        (false, result) => console::screen(result),
        // Commands without an answer print nothing.
        (true, Ok(answer)) if *answer == Answer::default() => {}
        (true, result) => console::print_line(&console::to_json(result).to_string()),
    }
}
