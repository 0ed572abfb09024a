//! Commands for scripts.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::state::Console;
use super::workspaces::blocking;
use crate::error::{Error, Result};
use crate::session::{Page, Topic};
use futures_util::FutureExt;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Maximum nesting depth of scripts.
const MAX_DEPTH: usize = 16;
/// A page is idle when it has requested nothing for this long.
const QUIET: Duration = Duration::from_millis(300);
/// How often `wait` checks its condition.
const POLL: Duration = Duration::from_millis(30);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        usage: "source FILE",
        about: "run the commands of a file, one per line or separated by ';'",
        examples: &["source figures.txt"],
        arguments: &[Arg::File],
        run: |console, arguments| console.source(arguments).boxed(),
    },
    Command {
        usage: "wait SECONDS|page [SECONDS]|idle",
        about: "wait for a time, for a page (at most SECONDS), or until no page is waiting for rows",
        examples: &["wait 2.5", "wait page", "wait page 30", "wait idle"],
        arguments: &[Arg::Words(&["page", "idle"]), Arg::Free],
        run: |console, arguments| console.wait(arguments).boxed(),
    },
    Command {
        usage: "echo TEXT",
        about: "print a text",
        examples: &["echo done"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.echo(arguments).boxed(),
    },
    Command {
        usage: "subscribe TOPIC...|none",
        about: "print events as lines of JSON: location, charts, pages, data, log",
        examples: &["subscribe location charts", "subscribe none"],
        arguments: &[Arg::Topic],
        run: |console, arguments| console.subscribe(arguments).boxed(),
    },
    Command {
        usage: "help [COMMAND]",
        about: "list the commands, or explain one",
        examples: &["help", "help plot"],
        arguments: &[Arg::Command],
        run: |console, arguments| console.help(arguments).boxed(),
    },
    Command {
        usage: "quit",
        about: "leave the console; at the endpoint's own prompt, stop epivizrs",
        examples: &["quit"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.quit(arguments).boxed(),
    },
];

impl Console {
    async fn source(&mut self, arguments: Arguments) -> Result<Answer> {
        let file = Path::new(arguments.needed_text()?);
        if self.depth >= MAX_DEPTH {
            let message = "scripts are nested too deeply; does one run itself?";
            return Err(Error::data(file, "", message));
        }
        let path = self.files.readable(file)?;
        let text = blocking(file, move || std::fs::read_to_string(path)).await?;
        let nested = NestedScript::enter(self);
        // A recursive future needs a box.
        Box::pin(nested.console.script(&text, file)).await.map(|_| Answer::default())
    }

    async fn wait(&self, arguments: Arguments) -> Result<Answer> {
        let seconds = |text: &str| {
            let seconds = text.parse().ok();
            let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            time.ok_or_else(|| arguments.misuse())
        };
        match arguments.words()[..] {
            ["idle"] => self.wait_until_idle().await,
            ["page"] => self.wait_for_page().await,
            ["page", most] => {
                let most = seconds(most)?;
                tokio::time::timeout(most, self.wait_for_page()).await.map_err(|_| {
                    let seconds = most.as_secs_f64();
                    Error::NotFound(format!("no page has connected within {seconds} s"))
                })?;
            }
            [time] => tokio::time::sleep(seconds(time)?).await,
            _ => return Err(arguments.misuse()),
        }
        Ok(Answer::default())
    }

    /// Waits until a page shows the session.
    async fn wait_for_page(&self) {
        self.until(|| !self.session.ready_pages().is_empty() && self.session.is_settled()).await;
    }

    /// Waits until all pages show the session and none requests anything.
    async fn wait_until_idle(&self) {
        let quiet =
            |page: &Page| page.busy() == 0 && page.known().last_request + QUIET <= Instant::now();
        let since = Instant::now();
        self.until(|| {
            // Pages take a moment to send the requests that the last command caused.
            since.elapsed() >= QUIET
                && self.session.is_settled()
                && self.session.pages().iter().all(quiet)
        })
        .await;
    }

    pub(super) async fn until(&self, holds: impl Fn() -> bool) {
        while !holds() {
            tokio::time::sleep(POLL).await;
        }
    }

    async fn echo(&self, arguments: Arguments) -> Result<Answer> {
        Ok(Answer::say(arguments.text()))
    }

    async fn subscribe(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let topics = match words[..] {
            [] => return Err(arguments.misuse()),
            ["none"] => Vec::new(),
            _ => words.iter().map(|word| topic(word)).collect::<Result<Vec<_>>>()?,
        };
        topics.iter().try_for_each(|topic| self.visitor.may_follow(*topic))?;
        self.topics.send_replace(topics);
        Ok(Answer::say(format!("subscribed to {}", words.join(", "))))
    }

    async fn quit(&mut self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        self.quit = true;
        Ok(Answer::default())
    }
}

/// A nested script, until it ends or is cancelled.
struct NestedScript<'c> {
    console: &'c mut Console,
    strict: bool,
}

impl<'c> NestedScript<'c> {
    fn enter(console: &'c mut Console) -> Self {
        console.depth += 1;
        let strict = console.strict;
        NestedScript { console, strict }
    }
}

impl Drop for NestedScript<'_> {
    fn drop(&mut self) {
        self.console.depth -= 1;
        self.console.strict = self.strict;
    }
}

fn topic(word: &str) -> Result<Topic> {
    Topic::from_word(word).ok_or_else(|| {
        let known: Vec<_> = Topic::ALL.iter().map(|(_, word, _)| *word).collect();
        Error::Input(format!("there is no topic '{word}'; the topics are {}", known.join(", ")))
    })
}
