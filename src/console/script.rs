//! Scripts, and the commands that they need.

use super::Console;
use super::answer::Answer;
use super::command::{self, Arg, Command, For, Info, info};
use super::words::commands;
use super::workspaces::blocking;
use crate::error::{Error, Result};
use crate::session::Topic;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Scripts that call scripts, at most.
const DEEPEST: usize = 16;
/// Pages that have asked for nothing for that long have what they need.
const QUIET: Duration = Duration::from_millis(300);
/// Between two looks whether something waited for has come.
const GLANCE: Duration = Duration::from_millis(30);

pub(super) const COMMANDS: &[Info] = &[
    Info {
        usage: "source FILE",
        about: "run the commands of a file, one a line or separated by ';'",
        takes: &[Arg::File],
        read: |words, rest| Ok((!words.is_empty()).then(|| Command::Source(rest.into()))),
    },
    Info {
        usage: "wait SECONDS|page [SECONDS]|idle",
        about: "wait that long, or for a page (at most that long), or until all pages have all rows",
        takes: &[Arg::Words(&["page", "idle"]), Arg::Free],
        read: |words, _| {
            let seconds = |text: &str| Duration::try_from_secs_f64(text.parse().ok()?).ok();
            Ok(match words {
                ["page"] => Some(For::Page(None)),
                ["page", most] => seconds(most).map(|most| For::Page(Some(most))),
                ["idle"] => Some(For::Idle),
                [time] => seconds(time).map(For::Time),
                _ => None,
            }
            .map(Command::Wait))
        },
    },
    Info {
        usage: "echo TEXT",
        about: "print a text",
        takes: &[Arg::Free],
        read: |_, rest| Ok(Some(Command::Echo(rest.into()))),
    },
    Info {
        usage: "subscribe TOPIC...|none",
        about: "print what happens as lines of JSON: location, charts, pages, data, log",
        takes: &[Arg::Topic],
        read: |words, _| match words {
            [] => Ok(None),
            ["none"] => Ok(Some(Command::Subscribe(Vec::new()))),
            words => {
                let topic = |word: &&str| {
                    Topic::from_word(word).ok_or_else(|| {
                        let known: Vec<_> = Topic::ALL.iter().map(|(_, word, _)| *word).collect();
                        Error::Input(format!(
                            "there is no topic '{word}'; there are {}",
                            known.join(", ")
                        ))
                    })
                };
                words.iter().map(topic).collect::<Result<_>>().map(|t| Some(Command::Subscribe(t)))
            }
        },
    },
    Info {
        usage: "help [COMMAND]",
        about: "list the commands, or tell how one is written",
        takes: &[Arg::Command],
        read: |words, _| {
            Ok(match words {
                [] => Some(Command::Help(None)),
                [verb] => Some(Command::Help(Some((*verb).into()))),
                _ => None,
            })
        },
    },
    Info {
        usage: "quit",
        about: "leave; at the endpoint's own prompt, end epivizrs",
        takes: &[Arg::Free],
        read: |words, _| Ok(words.is_empty().then_some(Command::Quit)),
    },
];

/// How a line or a script ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// With its last command, and that one's answer.
    Done(Answer),
    /// With `quit`.
    Quit,
}

impl Console {
    /// Runs the commands of a line; the answers of all but the last go where answers go.
    ///
    /// # Errors
    /// The first failure; the commands behind it are not run.
    pub async fn line(&mut self, line: &str) -> Result<Ending> {
        let mut last = None;
        for text in commands(line) {
            if let Some(answer) = last.take() {
                (self.say)(answer);
            }
            match Command::parse(text)? {
                Command::Quit => return Ok(Ending::Quit),
                command => last = Some(self.run(command).await?),
            }
        }
        Ok(Ending::Done(last.unwrap_or_default()))
    }

    /// Runs a script; its answers go where answers go. `name` is its file, for messages.
    ///
    /// # Errors
    /// [`Error::Data`] with the line of the first failure. After `set +e`, failures are logged
    /// and the script goes on.
    pub async fn script(&mut self, text: &str, name: &Path) -> Result<Ending> {
        for (number, line) in text.lines().enumerate() {
            match self.line(line).await {
                Ok(Ending::Done(answer)) => (self.say)(answer),
                Ok(Ending::Quit) => return Ok(Ending::Quit),
                Err(error) => {
                    let error =
                        Error::data(name, format!("line {}", number + 1), error.to_string());
                    match self.strict {
                        true => return Err(error),
                        false => tracing::error!("{error}"),
                    }
                }
            }
        }
        Ok(Ending::Done(Answer::default()))
    }

    pub(super) async fn source(&mut self, file: &Path) -> Result<Answer> {
        if self.depth >= DEEPEST {
            let message = "scripts call each other too deeply; does one call itself?";
            return Err(Error::data(file, "", message));
        }
        let path = file.to_owned();
        let text = blocking(file, move || std::fs::read_to_string(path)).await?;
        let (depth, strict) = (self.depth, self.strict);
        self.depth += 1;
        // A future that holds itself needs a box.
        let done = Box::pin(self.script(&text, file)).await;
        (self.depth, self.strict) = (depth, strict);
        done.map(|_| Answer::default())
    }

    pub(super) async fn wait(&self, what: For) -> Result<Answer> {
        match what {
            For::Time(time) => tokio::time::sleep(time).await,
            For::Page(most) => {
                let there = || !self.session.ready_pages().is_empty() && self.session.is_settled();
                let come = self.until(there);
                match most {
                    None => come.await,
                    Some(most) => tokio::time::timeout(most, come).await.map_err(|_| {
                        let seconds = most.as_secs_f64();
                        Error::NotFound(format!("no page has connected within {seconds} s"))
                    })?,
                }
            }
            For::Idle => {
                let quiet = |page: &crate::session::Page| {
                    page.busy() == 0 && page.known().last_request + QUIET <= Instant::now()
                };
                let since = Instant::now();
                let idle = || {
                    // What was just asked for makes the pages ask in turn.
                    since.elapsed() >= QUIET
                        && self.session.is_settled()
                        && self.session.pages().iter().all(quiet)
                };
                self.until(idle).await;
            }
        }
        Ok(Answer::default())
    }

    async fn until(&self, come: impl Fn() -> bool) {
        while !come() {
            tokio::time::sleep(GLANCE).await;
        }
    }

    pub(super) fn follow(&self, topics: Vec<Topic>) -> Answer {
        let words: Vec<_> = topics.iter().map(|topic| topic.word()).collect();
        let said = match words.is_empty() {
            true => "following nothing".to_owned(),
            false => format!("following {}", words.join(", ")),
        };
        self.topics.send_replace(topics);
        Answer::say(said)
    }
}

pub(super) fn help(verb: Option<&str>) -> Result<Answer> {
    if let Some(verb) = verb {
        let message = || Error::NotFound(format!("no command is called '{verb}'"));
        let info = info(verb).ok_or_else(message)?;
        return Ok(Answer::say(format!("{}\n    {}", info.usage, info.about)));
    }
    let rows = command::COMMANDS.iter().flat_map(|(group, infos)| {
        let row = move |(at, info): (usize, &Info)| {
            let group = if at == 0 { *group } else { "" };
            vec![json!(group), json!(info.usage), json!(info.about)]
        };
        infos.iter().enumerate().map(row)
    });
    Ok(Answer::table(&["", "command", "what it does"], rows.collect(), ""))
}
