//! Commands: at the prompt, from scripts, and from other terminals.

mod answer;
mod attach;
mod charts;
mod command;
mod complete;
mod data;
mod log;
mod pages;
mod places;
mod prompt;
mod remote;
mod script;
mod words;
mod workspaces;

pub use answer::{Answer, to_json};
pub use attach::{Attach, attach};
pub use command::{Arg, COMMANDS, Command, For, Info, Look};
pub use complete::complete;
pub use log::{LogLines, Printer, print_with};
pub use prompt::{Runs, print_line, prompt, screen};
pub use remote::serve;
pub use script::Ending;

use crate::error::Result;
use crate::session::{Session, Topic};
use std::sync::Arc;
use tokio::sync::watch;

/// Where answers go that come while a command is still running.
pub type Say = Box<dyn Fn(Answer) + Send + Sync>;

/// One that gives commands: what it has chosen, and where its answers go.
pub struct Console {
    /// The session whose pages it drives.
    pub session: Arc<Session>,
    /// The unnamed session, behind which all others are.
    root: Arc<Session>,
    /// The only page that place and page commands concern.
    used: Option<u64>,
    /// Whether a script ends at its first failure.
    strict: bool,
    /// Scripts within scripts.
    depth: usize,
    say: Say,
    topics: watch::Sender<Vec<Topic>>,
}

/// Prints what happens and is followed, above the line that is being typed.
pub async fn follow(topics: watch::Receiver<Vec<Topic>>, session: Arc<Session>) {
    let mut events = session.events();
    while let Ok(event) = events.recv().await {
        let of_session = event.session.as_ref().is_none_or(|name| *name == session.name);
        if of_session && topics.borrow().contains(&event.topic) {
            log::print(format!("{}\n", event.to_json()));
        }
    }
}

impl Console {
    /// A console of a session; `root` is the unnamed session behind it.
    pub fn new(root: Arc<Session>, session: Arc<Session>, say: Say) -> Self {
        let topics = watch::Sender::new(Vec::new());
        Console { session, root, used: None, strict: true, depth: 0, say, topics }
    }

    /// Whether scripts go on after a failure.
    pub fn keep_going(self, keep_going: bool) -> Self {
        Console { strict: !keep_going, ..self }
    }

    /// What it wants to be told.
    pub fn topics(&self) -> watch::Receiver<Vec<Topic>> {
        self.topics.subscribe()
    }

    /// Does what a command says. [`Command::Quit`] and [`Command::Strict`] are the caller's.
    ///
    /// # Errors
    /// Whatever kept the command from being done.
    pub async fn run(&mut self, command: Command) -> Result<Answer> {
        match command {
            Command::Load(spec) => self.load(*spec).await,
            Command::Unload(id) => self.unload(&id).await,
            Command::Reload(id) => self.reload(&id).await,
            Command::Measurements(text) => Ok(self.measurements(text.as_deref())),
            Command::Sources => Ok(self.sources()),
            Command::Sequences => Ok(self.sequences()),
            Command::AddSequence(name, length) => self.add_sequence(&name, length).await,
            Command::RemoveSequence(name) => self.remove_sequence(&name).await,
            Command::Search(text) => self.search(&text).await,
            Command::Plot(names, kind, look) => self.plot(&names, kind, look).await,
            Command::Charts => Ok(self.charts()),
            Command::Remove(number) => self.remove(number).await,
            Command::Set(number, settings) => self.set(number, settings).await,
            Command::Colors(number, colors) => self.colors(number, colors).await,
            Command::ChartTypes(kind) => self.chart_types(kind),
            Command::Revisualize(number, kind) => self.revisualize(number, kind).await,
            Command::Print(chart, name, kind) => self.print(chart, &name, kind).await,
            Command::Go(text) => self.go(&text).await,
            Command::Zoom(factor) => self.step(factor, 0.0).await,
            Command::Pan(part) => self.step(1.0, part).await,
            Command::Where => self.whereabouts().await,
            Command::Back => self.back().await,
            Command::Slideshow(file, count, every) => self.slideshow(&file, count, every).await,
            Command::Bookmark(name) => self.bookmark(name.as_deref()).await,
            Command::Pages => Ok(self.pages()),
            Command::Use(page) => self.use_page(page),
            Command::Redraw => self.redraw().await,
            Command::Flush => self.flush().await,
            Command::Clear(id) => self.clear(&id).await,
            Command::Say(text) => self.say(&text).await,
            Command::Save(name) => self.save(&name).await,
            Command::Workspaces => self.workspaces().await,
            Command::Open(name) => self.open(&name).await,
            Command::Delete(name) => self.delete(&name).await,
            Command::Export(file) => self.export(&file).await,
            Command::Import(file) => self.import(&file).await,
            Command::Source(file) => self.source(&file).await,
            Command::Wait(what) => self.wait(what).await,
            Command::Echo(text) => Ok(Answer::say(text)),
            Command::Subscribe(topics) => Ok(self.follow(topics)),
            Command::Help(verb) => script::help(verb.as_deref()),
            Command::Strict(strict) => {
                self.strict = strict;
                Ok(Answer::default())
            }
            Command::Quit => Ok(Answer::default()),
        }
    }
}
