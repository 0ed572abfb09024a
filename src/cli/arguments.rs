//! Reads the command line, together with the configuration file that it names.

use super::config;
use super::options::{Cli, Options, Subcommands};
use anyhow::{Result, anyhow};
use clap::Parser;
use std::ffi::OsString;

impl Cli {
    /// Reads the command line, and the configuration file that it names.
    ///
    /// # Errors
    /// The configuration file cannot be read, or holds an option that does not exist.
    pub fn read(mut line: Vec<OsString>) -> Result<Self> {
        let mut cli = Cli::parse_from(&line);
        let Some(path) = cli.options_mut().and_then(|options| options.config.take()) else {
            return Ok(cli);
        };
        let config = config::read(&path)?;
        // The last one counts, so the file's options go before those of the command line.
        let first = if line.get(1).is_some_and(|word| word == "serve") { 2 } else { 1 };
        line.splice(first..first, config.arguments.into_iter().map(OsString::from));
        let mut cli = Cli::try_parse_from(&line)
            .map_err(|error| anyhow!("{}: {}", path.display(), first_line(&error.to_string())))?;
        if let Some(options) = cli.options_mut() {
            options.sources.splice(0..0, config.sources);
        }
        Ok(cli)
    }

    fn options_mut(&mut self) -> Option<&mut Options> {
        match &mut self.command {
            Some(Subcommands::Serve(options)) => Some(options),
            None => Some(&mut self.serve),
            _ => None,
        }
    }
}

/// The reason in clap's message, without the hints after it.
fn first_line(message: &str) -> &str {
    let line = message.lines().next().unwrap_or(message);
    line.strip_prefix("error: ").unwrap_or(line)
}
