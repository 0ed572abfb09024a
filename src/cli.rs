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

pub use options::{AttachOptions, Cli, LogFormat, Options, ScriptOptions, Task};

use crate::error::Error;
use std::process::ExitCode;

/// Does what the program's arguments ask, until it is done; what went wrong is told on standard
/// error.
///
/// All of the program is here: what a program awaits is compiled where it is awaited, which in
/// `main.rs` would come after the library instead of beside its parts.
pub fn run() -> ExitCode {
    let task = match Cli::read(std::env::args_os().collect()) {
        Ok(cli) => cli.task(),
        Err(error) => return fail(&error),
    };
    match &task {
        Task::Serve(options) => options.set_up_logging(),
        Task::Attach(_) => {}
        _ => return task.run().map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS),
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let result = runtime.block_on(async {
        match task {
            Task::Serve(options) => serve::serve(*options).await,
            Task::Attach(options) => attach::attach(options).await,
            errand => errand.run(),
        }
    });
    // A prompt may still sit in a read; it does not keep us.
    runtime.shutdown_background();
    result.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("epivizrs: {error}");
    match error.is::<ScriptFailed>() {
        true => ExitCode::from(ScriptFailed::CODE),
        false => ExitCode::FAILURE,
    }
}

/// A script's command failed: the exit code is another than for what could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ScriptFailed(#[source] Error);

impl ScriptFailed {
    const CODE: u8 = 3;
}

fn on_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin())
}
