//! Parses the command line, and reads the configuration file that it names.

use super::config;
use super::options::{Cli, ServeOptions, Subcommands};
use super::stdin::STDIN_NAME;
use crate::source::nearest;
use anyhow::{Result, anyhow, bail};
use clap::{CommandFactory, Parser};
use std::ffi::OsString;

impl Cli {
    /// Parses the command line, and reads the configuration file that it names.
    ///
    /// # Errors
    /// The configuration file cannot be read, or contains an unknown option.
    pub fn read(mut line: Vec<OsString>) -> Result<Self> {
        line.iter_mut().for_each(rename_standard_input);
        let mut cli = Cli::parse_from(&line);
        cli.check_first_word()?;
        let Some(path) = cli.options_mut().and_then(|options| options.config.take()) else {
            return Ok(cli);
        };
        let config = config::read(&path)?;
        // Clap uses the last value, so the file's options are inserted before those of the command
        // line.
        let first = if line.get(1).is_some_and(|word| word == "serve") { 2 } else { 1 };
        line.splice(first..first, config.arguments.into_iter().map(OsString::from));
        let mut cli = Cli::try_parse_from(&line)
            .map_err(|error| anyhow!("{}: {}", path.display(), first_line(&error.to_string())))?;
        if let Some(options) = cli.options_mut() {
            options.sources.splice(0..0, config.sources);
            options.configured = config.access;
            options.computed = config.computed;
            let errors: Vec<_> = config.errors.iter().map(ToString::to_string).collect();
            if !options.keep_going && !errors.is_empty() {
                bail!("{}", errors.join("\nepivizrs: "));
            }
            options.refused = errors;
        }
        Ok(cli)
    }

    /// Reports a misspelled command, such as `epivizrs inpsect x.bed`, instead of taking it for a
    /// file.
    fn check_first_word(&self) -> Result<()> {
        let (None, Some(first)) = (&self.command, self.serve.sources.first()) else {
            return Ok(());
        };
        let word = first.input.path().to_string_lossy();
        if word.contains(['/', '.']) || first.input.path().exists() {
            return Ok(());
        }
        let program = Cli::command();
        let names = program.get_subcommands().map(clap::Command::get_name);
        if let Some(near) = nearest(&word, names) {
            bail!("no file or command is called '{word}'; did you mean 'epivizrs {near}'?");
        }
        Ok(())
    }

    fn options_mut(&mut self) -> Option<&mut ServeOptions> {
        match &mut self.command {
            Some(Subcommands::Serve(options)) => Some(options),
            None => Some(&mut self.serve),
            _ => None,
        }
    }
}

/// Replaces `-` in sources such as `-,format=bed`, which would be parsed as an option.
fn rename_standard_input(word: &mut OsString) {
    if let Some(options) = word.to_str().and_then(|word| word.strip_prefix("-,")) {
        *word = format!("{STDIN_NAME},{options}").into();
    }
}

/// Returns the reason from clap's message, without the hints after it.
fn first_line(message: &str) -> &str {
    let line = message.lines().next().unwrap_or(message);
    line.strip_prefix("error: ").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_command_is_not_taken_for_a_file() {
        let read = |words: &[&str]| {
            let line = std::iter::once(&"epivizrs").chain(words).map(OsString::from).collect();
            Cli::read(line).map_err(|error| error.to_string())
        };
        for (words, near) in [
            (&["inpsect", "x.bed"][..], "inspect"),
            (&["quer", "x.bed", "chr1:1-9"], "query"),
            (&["atach"], "attach"),
        ] {
            let error = read(words).unwrap_err();
            assert!(error.ends_with(&format!("did you mean 'epivizrs {near}'?")), "{error}");
        }
        assert!(read(&["x.bed"]).is_ok() && read(&["some-data"]).is_ok());
    }
}
