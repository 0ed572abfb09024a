//! The command line and its subcommands.

mod access;
mod access_options;
mod arguments;
mod assembly;
mod attach;
mod browser;
mod commands;
mod config;
mod demo;
mod file_options;
mod greeting;
mod inspect;
mod install;
mod limits;
mod logging;
mod oneshot;
mod options;
mod prepare;
mod progress;
mod query;
mod remote_options;
mod script;
mod serve;
mod signals;
mod state;
mod stdin;

pub use options::{Cli, Task};

use script::ScriptFailed;
use std::process::ExitCode;

/// Runs the program with its arguments; errors go to standard error.
///
/// This is part of the library because futures are compiled where they are awaited: in `main.rs`
/// they would be compiled after the library instead of in parallel with it.
pub fn run() -> ExitCode {
    crate::bytes::raise_limit();
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
            oneshot => oneshot.run(),
        }
    });
    // The thread of the prompt may still be reading the terminal; it is not waited for.
    runtime.shutdown_background();
    result.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("epivizrs: {error}");
    if error.is::<ScriptFailed>() { ScriptFailed::CODE.into() } else { ExitCode::FAILURE }
}
