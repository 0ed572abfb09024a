//! Commands about workspaces.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::state::Console;
use crate::error::{Error, Result};
use futures_util::FutureExt;
use serde_json::json;
use std::path::Path;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        usage: "save NAME",
        about: "save charts and region as a workspace",
        arguments: &[Arg::Workspace],
        run: |console, arguments| console.save(arguments).boxed(),
    },
    Command {
        usage: "workspaces",
        about: "list the saved workspaces",
        arguments: &[Arg::Free],
        run: |console, arguments| console.workspaces(arguments).boxed(),
    },
    Command {
        usage: "open NAME",
        about: "replace charts and region with those of a saved workspace",
        arguments: &[Arg::Workspace],
        run: |console, arguments| console.open(arguments).boxed(),
    },
    Command {
        usage: "delete NAME",
        about: "delete a saved workspace",
        arguments: &[Arg::Workspace],
        run: |console, arguments| console.delete(arguments).boxed(),
    },
    Command {
        usage: "export FILE",
        about: "write charts and region to a new file in EpiViz's workspace format",
        arguments: &[Arg::File],
        run: |console, arguments| console.export(arguments).boxed(),
    },
    Command {
        usage: "import FILE",
        about: "replace charts and region with those of an EpiViz workspace file",
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
        let file = Path::new(arguments.needed_text()?);
        let text = format!("{:#}\n", self.session.export());
        let path = file.to_owned();
        blocking(file, move || {
            use std::io::Write;
            // An existing file is not overwritten by mistake.
            std::fs::File::create_new(path)?.write_all(text.as_bytes())
        })
        .await?;
        Ok(Answer::say(format!("wrote {}", file.display())))
    }

    async fn import(&self, arguments: Arguments) -> Result<Answer> {
        let file = Path::new(arguments.needed_text()?);
        let path = file.to_owned();
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

/// Runs work on a file on a thread that may block.
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
