//! The type of a command: its usage, its description and the function that runs it.

use super::answer::Answer;
use super::state::Console;
use crate::error::{Error, Result};
use futures_util::future::BoxFuture;

/// The future of a running command.
pub(super) type Running<'c> = BoxFuture<'c, Result<Answer>>;

/// A command. The prompt, scripts, Tab completion, `help` and the documentation all use this entry.
pub struct Command {
    /// The name and its arguments.
    pub usage: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Examples, shown by `help COMMAND`.
    pub examples: &'static [&'static str],
    /// The kinds of its arguments; the last one applies to all further arguments.
    pub arguments: &'static [Arg],
    /// Runs it.
    pub(super) run: for<'c> fn(&'c mut Console, Arguments) -> Running<'c>,
}

impl Command {
    /// Returns the command's name, the first word of its usage.
    pub fn name(&self) -> &'static str {
        self.usage.split(' ').next().unwrap_or_default()
    }
}

/// The kind of an argument, for Tab completion and `help COMMAND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// The id of a measurement.
    Measurement,
    /// The id of a datasource.
    Datasource,
    /// The number of a chart.
    Chart,
    /// A chart type.
    ChartType,
    /// What follows `plot`: measurements, `as` a chart type, `with` settings.
    Plot,
    /// A sequence, gene or bookmark.
    Place,
    /// A sequence.
    Sequence,
    /// A path on the endpoint's machine.
    File,
    /// A file to serve, with `key=value` after commas.
    Source,
    /// `KEY=VALUE`, a setting of the chart named before it.
    Setting,
    /// The number of a page.
    Page,
    /// The name of a workspace.
    Workspace,
    /// The name of a command.
    Command,
    /// A topic of events.
    Topic,
    /// `all`, or an argument of this kind.
    All(&'static Arg),
    /// One of these words.
    Words(&'static [&'static str]),
    /// Free text.
    Free,
}

/// The words after a command's name.
pub(super) struct Arguments {
    words: Vec<String>,
    text: String,
    usage: &'static str,
}

impl Arguments {
    /// Holds the `words` of `text` (everything after the name), and the command's usage.
    pub(super) fn new(words: Vec<String>, text: &str, usage: &'static str) -> Self {
        // An argument that takes the whole text may be quoted too.
        let text = match &words[..] {
            [only] => only.clone(),
            _ => text.trim().to_owned(),
        };
        Arguments { words, text, usage }
    }

    /// Returns the words.
    pub(super) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Returns the text as it was typed; may be empty.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text; fails if there is none.
    pub(super) fn needed_text(&self) -> Result<&str> {
        if self.words.is_empty() { Err(self.misuse()) } else { Ok(&self.text) }
    }

    /// Returns the only word; fails if there is none or more than one.
    pub(super) fn one(&self) -> Result<&str> {
        match &self.words[..] {
            [word] => Ok(word),
            _ => Err(self.misuse()),
        }
    }

    /// Checks that there are no words.
    pub(super) fn none(&self) -> Result<()> {
        if self.words.is_empty() { Ok(()) } else { Err(self.misuse()) }
    }

    /// Parses a word as a number, such as that of a chart.
    pub(super) fn number<T: std::str::FromStr>(&self, word: &str) -> Result<T> {
        word.parse().map_err(|_| self.misuse())
    }

    /// Returns the error that shows the command's usage.
    pub(super) fn misuse(&self) -> Error {
        Error::Input(format!("usage: {}", self.usage))
    }
}
