//! `epivizrs`: parse, run, turn errors into exit codes.

use epivizrs::cli::{Cli, ScriptFailed, Task, attach, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
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
            Task::Serve(options) => serve(*options).await,
            Task::Attach(options) => attach(options).await,
            errand => errand.run(),
        }
    });
    // A prompt may still sit in a read; it does not keep us.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("epivizrs: {error}");
    match error.is::<ScriptFailed>() {
        true => ExitCode::from(ScriptFailed::CODE),
        false => ExitCode::FAILURE,
    }
}
