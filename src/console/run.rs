//! Runs lines and scripts.

use super::answer::Answer;
use super::command::Arguments;
use super::commands::find;
use super::state::Console;
use super::tokenizer::{commands, words};
use crate::error::{Error, Result};
use crate::session::{Kind, Role, needed};
use std::path::Path;

/// How a line or a script ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// After its last command, with that command's answer.
    Done(Answer),
    /// At `quit`.
    Quit,
}

impl Console {
    /// Runs the commands of a line. All answers but the last go to [`super::state::Say`].
    ///
    /// # Errors
    /// The first error; later commands are not run.
    pub async fn line(&mut self, line: &str) -> Result<Ending> {
        let mut last = None;
        for text in commands(line) {
            if let Some(answer) = last.take() {
                (self.say)(answer);
            }
            last = Some(self.command(text).await?);
            if std::mem::take(&mut self.quit) {
                return Ok(Ending::Quit);
            }
        }
        Ok(Ending::Done(last.unwrap_or_default()))
    }

    async fn command(&mut self, text: &str) -> Result<Answer> {
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let command = find(name)?;
        let permitted = self.visitor.may(Kind::Command, command.name());
        let refused = permitted.as_ref().err();
        if refused.is_some() || needed(Kind::Command, command.name()) > Role::View {
            self.session.audit(&self.visitor, text, refused);
        }
        permitted?;
        let ran = (command.run)(self, Arguments::new(words(rest), rest, command.usage)).await;
        ran.map_err(|error| match error {
            Error::Data { .. } | Error::Io { .. } | Error::Bug(_) if !self.visitor.is_owner => {
                Error::Input(error.for_page())
            }
            error => error,
        })
    }

    /// Runs a script; its answers go to [`super::state::Say`]. Errors name its file, `name`.
    ///
    /// # Errors
    /// [`Error::Data`] with the line of the first error. After `set +e`, errors are logged and
    /// the script continues.
    pub async fn script(&mut self, text: &str, name: &Path) -> Result<Ending> {
        for (number, line) in (1..).zip(text.lines()) {
            match self.line(line).await {
                Ok(Ending::Done(answer)) => (self.say)(answer),
                Ok(Ending::Quit) => return Ok(Ending::Quit),
                Err(error) => {
                    let error = Error::data(name, format!("line {number}"), error.to_string());
                    if self.strict {
                        return Err(error);
                    }
                    tracing::error!("{error}");
                }
            }
        }
        Ok(Ending::Done(Answer::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::provider::Provider;
    use crate::session::Session;

    fn console() -> Console {
        let catalog = Catalog::new(None);
        catalog.add_mock(1);
        let session = Session::new(Provider { catalog, page_rows: 1000 });
        Console::new(session.clone(), session, Box::new(|_| ()))
    }

    #[tokio::test]
    async fn errors_show_the_usage() {
        let mut console = console();
        for (line, expected) in [
            ("plot", "plot MEASUREMENT"),
            ("plot as line", "plot MEASUREMENT"),
            ("plot a as line with", "plot MEASUREMENT"),
            ("plot a as pie", "the types are line,"),
            ("remove two", "remove CHART"),
            ("remove", "remove CHART"),
            ("zoom sideways", "zoom in|out"),
            ("zoom in -1", "zoom in|out"),
            ("pan up", "pan left|right"),
            ("print fig.gif", "print [CHART]"),
            ("print .pdf", "print [CHART]"),
            ("wait -1", "wait SECONDS"),
            ("slideshow a.bed 5 every 0", "slideshow FILE.bed"),
            ("slideshow a.bed five", "slideshow FILE.bed"),
            ("add-sequence x none", "add-sequence NAME LENGTH"),
            ("subscribe news", "location, charts"),
            ("sources all", "usage: sources"),
            ("measurement", "did you mean 'measurements'"),
            ("fly", "'help' lists them"),
        ] {
            let error = console.line(line).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[tokio::test]
    async fn commands_have_aliases() {
        let mut console = console();
        for (line, expected) in [("? quit", "quit"), ("help colours", "colors")] {
            match console.line(line).await.unwrap() {
                Ending::Done(answer) => assert!(answer.text.unwrap().starts_with(expected)),
                Ending::Quit => panic!("{line}"),
            }
        }
        assert_eq!(console.line("echo a; exit; echo b").await.unwrap(), Ending::Quit);
        assert!(matches!(console.line("echo c").await.unwrap(), Ending::Done(_)));
    }
}
