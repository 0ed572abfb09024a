//! Commands for workspaces.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::state::Console;
use crate::error::{Error, Result};
use crate::private;
use futures_util::FutureExt;
use serde_json::json;
use std::io::ErrorKind;
use std::path::Path;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        usage: "save NAME",
        about: "save charts and region as a workspace",
        examples: &["save my view"],
        arguments: &[Arg::Workspace],
        run: |console, arguments| console.save(arguments).boxed(),
    },
    Command {
        usage: "workspaces",
        about: "list the saved workspaces",
        examples: &["workspaces"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.workspaces(arguments).boxed(),
    },
    Command {
        usage: "open NAME",
        about: "replace charts and region with those of a saved workspace",
        examples: &["open my view"],
        arguments: &[Arg::Workspace],
        run: |console, arguments| console.open(arguments).boxed(),
    },
    Command {
        usage: "delete NAME",
        about: "delete a saved workspace",
        examples: &["delete my view"],
        arguments: &[Arg::Workspace],
        run: |console, arguments| console.delete(arguments).boxed(),
    },
    Command {
        usage: "export [--force] FILE",
        about: "write charts and region to a file in EpiViz's workspace format; --force overwrites it",
        examples: &["export view.json", "export --force view.json"],
        arguments: &[Arg::File],
        run: |console, arguments| console.export(arguments).boxed(),
    },
    Command {
        usage: "import FILE",
        about: "replace charts and region with those of an EpiViz workspace file",
        examples: &["import view.json"],
        arguments: &[Arg::File],
        run: |console, arguments| console.import(arguments).boxed(),
    },
];

impl Console {
    async fn save(&self, arguments: Arguments) -> Result<Answer> {
        let name = arguments.needed_text()?;
        self.session.save_as(name).await?;
        Ok(Answer::say(format!("saved '{name}' with {}", self.count_of_charts())))
    }

    async fn workspaces(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        let known = self.session.workspaces().await?;
        let rows = known.into_iter().map(|known| {
            let saved = age(known.changed);
            vec![json!(known.id), json!(known.name), json!(saved), json!(known.content.len())]
        });
        let empty = "there are no workspaces; 'save NAME' saves one";
        Ok(Answer::table(&["id", "name", "saved", "bytes"], rows.collect(), empty))
    }

    async fn open(&self, arguments: Arguments) -> Result<Answer> {
        let name = arguments.needed_text()?;
        self.session.open(name).await?;
        Ok(self.opened(name))
    }

    async fn delete(&self, arguments: Arguments) -> Result<Answer> {
        let name = arguments.needed_text()?;
        self.session.delete(name).await?;
        Ok(Answer::say(format!("deleted '{name}'")))
    }

    async fn export(&self, arguments: Arguments) -> Result<Answer> {
        let text = arguments.needed_text()?;
        let (file, force) = match text.strip_prefix("--force ").or(text.strip_suffix(" --force")) {
            Some(file) => (Path::new(file.trim()), true),
            None => (Path::new(text), false),
        };
        let workspace = format!("{:#}\n", self.session.export());
        let path = self.files.writable(file)?;
        let written = blocking(file, move || {
            use std::io::Write;
            let mut options = private::options();
            // Without --force, an existing file is not overwritten.
            let options = options.write(true).create(true).truncate(true).create_new(!force);
            options.open(path)?.write_all(workspace.as_bytes())
        });
        written.await.map_err(|error| match error {
            Error::Io { path, source } if source.kind() == ErrorKind::AlreadyExists => {
                let path = path.display();
                Error::Input(format!("{path} exists; 'export --force {path}' overwrites it"))
            }
            error => error,
        })?;
        Ok(Answer::say(format!("wrote {}", file.display())))
    }

    async fn import(&self, arguments: Arguments) -> Result<Answer> {
        let file = Path::new(arguments.needed_text()?);
        let path = self.files.readable(file)?;
        let text = blocking(file, move || std::fs::read_to_string(path)).await?;
        self.session.import(&text).await?;
        Ok(self.opened(&file.display().to_string()))
    }

    fn opened(&self, what: &str) -> Answer {
        Answer::say(format!("opened {what} with {}", self.count_of_charts()))
    }

    fn count_of_charts(&self) -> String {
        match self.session.charts().len() {
            1 => "1 chart".to_owned(),
            many => format!("{many} charts"),
        }
    }
}

/// Runs work on a file in a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    file: &Path,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|stopped| Error::Bug(stopped.to_string()))?.map_err(|error| Error::io(file, error))
}

fn age(then: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    match now - then {
        ..60 => "just now".to_owned(),
        ago @ 60..3600 => format!("{} min ago", ago / 60),
        ago @ 3600..86_400 => format!("{} h ago", ago / 3600),
        ago => format!("{} d ago", ago / 86_400),
    }
}
