//! Tasks that finish by themselves: all but `serve` and `attach`.

use super::options::{Cli, Task};
use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::io::{self, ErrorKind, Write};

/// The program's name.
const NAME: &str = env!("CARGO_PKG_NAME");

impl Task {
    /// Runs the task. `serve` and `attach` are run elsewhere and do nothing here.
    ///
    /// # Errors
    /// A source cannot be read, EpiViz cannot be installed, or standard output is closed.
    pub fn run(self) -> Result<()> {
        let mut text = Vec::new();
        match self {
            Task::Serve(_) | Task::Attach(_) => {}
            Task::Inspect(inspect) => text.extend(wait(inspect.run())?.into_bytes()),
            Task::Query(query) => text.extend(wait(query.run())?.into_bytes()),
            Task::Prepare(prepare) => text.extend(wait(prepare.run())?.into_bytes()),
            Task::Install(install) => text.extend(install.run()?.into_bytes()),
            Task::Completions(shell) => {
                clap_complete::generate(shell, &mut Cli::command(), NAME, &mut text);
            }
            Task::Man => manual(&mut text)?,
        }
        match std::io::stdout().write_all(&text) {
            // A closed pipe (`| head`) is not an error.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

/// Writes the manual as one page.
fn manual(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    writeln!(page, ".SH COMMANDS")?;
    commands(&command, page)?;
    man.render_extra_section(page)?;
    man.render_version_section(page)
}

/// Writes the subcommands of a command, each with its options.
fn commands(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for one in command.get_subcommands() {
        let usage = one.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").replace('-', "\\-");
        writeln!(page, ".SS \"{usage}\"")?;
        let man = Man::new(one.clone());
        let mut part = Vec::new();
        man.render_description_section(&mut part)?;
        // The options of 'serve' are those of the program.
        if one.get_name() != "serve" {
            man.render_options_section(&mut part)?;
        }
        let part = String::from_utf8_lossy(&part);
        page.extend(
            part.lines()
                .filter(|line| !line.starts_with(".SH"))
                .flat_map(|line| line.bytes().chain([b'\n'])),
        );
        commands(one, page)?;
    }
    Ok(())
}

/// Runs a future to completion; warnings go to standard error.
fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .with_target(false)
        .without_time()
        .init();
    tokio::runtime::Runtime::new()?.block_on(work)
}
