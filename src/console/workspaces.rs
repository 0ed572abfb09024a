//! Commands about workspaces.

use super::Console;
use super::answer::Answer;
use super::command::{Arg, Command, Info};
use crate::error::{Error, Result};
use serde_json::json;
use std::path::Path;

pub(super) const COMMANDS: &[Info] = &[
    Info {
        usage: "save NAME",
        about: "save charts and place as a workspace",
        takes: &[Arg::Workspace],
        read: |words, rest| Ok((!words.is_empty()).then(|| Command::Save(rest.into()))),
    },
    Info {
        usage: "workspaces",
        about: "list the saved workspaces",
        takes: &[Arg::Free],
        read: |words, _| Ok(words.is_empty().then_some(Command::Workspaces)),
    },
    Info {
        usage: "open NAME",
        about: "show a saved workspace instead of what is shown",
        takes: &[Arg::Workspace],
        read: |words, rest| Ok((!words.is_empty()).then(|| Command::Open(rest.into()))),
    },
    Info {
        usage: "delete NAME",
        about: "delete a saved workspace",
        takes: &[Arg::Workspace],
        read: |words, rest| Ok((!words.is_empty()).then(|| Command::Delete(rest.into()))),
    },
    Info {
        usage: "export FILE",
        about: "write charts and place to a new file, as EpiViz writes workspaces",
        takes: &[Arg::File],
        read: |words, rest| Ok((!words.is_empty()).then(|| Command::Export(rest.into()))),
    },
    Info {
        usage: "import FILE",
        about: "show a workspace of EpiViz from a file instead of what is shown",
        takes: &[Arg::File],
        read: |words, rest| Ok((!words.is_empty()).then(|| Command::Import(rest.into()))),
    },
];

impl Console {
    pub(super) async fn save(&self, name: &str) -> Result<Answer> {
        self.session.save_as(name).await?;
        let charts = self.session.charts().len();
        Ok(Answer::say(format!("saved '{name}' with {charts} charts")))
    }

    pub(super) async fn workspaces(&self) -> Result<Answer> {
        let known = self.session.workspaces().await?;
        let rows = known.into_iter().map(|known| {
            let saved = age(known.changed);
            vec![json!(known.id), json!(known.name), json!(saved), json!(known.content.len())]
        });
        let empty = "no workspace is saved; 'save NAME' saves one";
        Ok(Answer::table(&["id", "name", "saved", "bytes"], rows.collect(), empty))
    }

    pub(super) async fn open(&self, name: &str) -> Result<Answer> {
        self.session.open(name).await?;
        Ok(self.opened(name))
    }

    pub(super) async fn delete(&self, name: &str) -> Result<Answer> {
        self.session.delete(name).await?;
        Ok(Answer::say(format!("deleted '{name}'")))
    }

    pub(super) async fn export(&self, file: &Path) -> Result<Answer> {
        let text = format!("{:#}\n", self.session.export());
        let path = file.to_owned();
        blocking(file, move || {
            use std::io::Write;
            // What is there is not lost by a slip.
            std::fs::File::create_new(path)?.write_all(text.as_bytes())
        })
        .await?;
        Ok(Answer::say(format!("wrote {}", file.display())))
    }

    pub(super) async fn import(&self, file: &Path) -> Result<Answer> {
        let path = file.to_owned();
        let text = blocking(file, move || std::fs::read_to_string(path)).await?;
        self.session.import(&text).await?;
        Ok(self.opened(&file.display().to_string()))
    }

    fn opened(&self, what: &str) -> Answer {
        Answer::say(match self.session.charts().len() {
            1 => format!("{what}: 1 chart"),
            many => format!("{what}: {many} charts"),
        })
    }
}

/// Does work with a file where it may block.
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
