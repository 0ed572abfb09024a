//! What is done and over, without serving anything.

use super::options::{Cli, Task};
use anyhow::Result;
use clap::CommandFactory;
use std::io::{ErrorKind, Write};

/// The program's name.
const NAME: &str = env!("CARGO_PKG_NAME");

impl Task {
    /// Does what is not serving.
    ///
    /// # Errors
    /// A source cannot be read, EpiViz cannot be installed, or standard output is closed.
    pub fn run(self) -> Result<()> {
        let mut text = Vec::new();
        match self {
            Task::Serve(_) | Task::Attach(_) => {}
            Task::Inspect(inspect) => text.extend(wait(inspect.run())?.into_bytes()),
            Task::Query(query) => text.extend(wait(query.run())?.into_bytes()),
            Task::Install(install) => text.extend(install.run()?.into_bytes()),
            Task::Completions(shell) => {
                clap_complete::generate(shell, &mut Cli::command(), NAME, &mut text);
            }
            Task::Man => clap_mangen::Man::new(Cli::command()).render(&mut text)?,
        }
        match std::io::stdout().write_all(&text) {
            // Whoever reads only the first lines has what they wanted.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

/// What a future gives; warnings go to standard error meanwhile.
fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .with_target(false)
        .without_time()
        .init();
    tokio::runtime::Runtime::new()?.block_on(work)
}
