//! `epivizrs`: parse, run, turn errors into exit codes.

use clap::Parser;
use epivizrs::cli::{Cli, Task, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match Cli::parse().task() {
        Task::Serve(options) => options,
        errand => return errand.run().map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS),
    };
    options.set_up_logging();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let result = runtime.block_on(serve(options));
    // A prompt may still sit in a read; it does not keep us.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("epivizrs: {error}");
    ExitCode::FAILURE
}
