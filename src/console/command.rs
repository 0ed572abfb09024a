//! The commands: what can be asked for.

use super::words::words;
use super::{charts, data, pages, places, script, workspaces};
use crate::catalog::ChartType;
use crate::error::{Error, Result};
use crate::session::Topic;
use crate::source::Spec;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// A command, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Serve another file.
    Load(Box<Spec>),
    /// Serve a datasource no longer.
    Unload(String),
    /// Open a datasource's files again.
    Reload(String),
    /// What is served, perhaps only what contains a text.
    Measurements(Option<String>),
    /// The files behind it.
    Sources,
    /// The sequences of the pages' menus.
    Sequences,
    /// Add one of a length.
    AddSequence(String, u32),
    /// Take one away.
    RemoveSequence(String),
    /// Find genes and features.
    Search(String),
    /// Draw measurements.
    Plot(Vec<String>, Option<ChartType>, Look),
    /// The charts that were plotted.
    Charts,
    /// Remove a chart; all of them if none is named.
    Remove(Option<usize>),
    /// Change a chart's settings.
    Set(usize, Map<String, Value>),
    /// Change a chart's colours.
    Colors(usize, Vec<String>),
    /// The chart types, or the settings of one.
    ChartTypes(Option<ChartType>),
    /// Draw a chart another way.
    Revisualize(usize, ChartType),
    /// Save a chart or the whole page as a picture of that name and format.
    Print(Option<usize>, String, &'static str),
    /// Show a region or a gene.
    Go(String),
    /// Show so many times the width.
    Zoom(f64),
    /// Move by that part of the width; to the left if negative.
    Pan(f64),
    /// Where the pages look.
    Where,
    /// Where they looked before.
    Back,
    /// One region of a file after the other: how many, and how long each is shown.
    Slideshow(PathBuf, Option<usize>, Duration),
    /// Give the place a name; list the names if none is given.
    Bookmark(Option<String>),
    /// The pages that are connected.
    Pages,
    /// Ask only that page from now on; all if none is named.
    Use(Option<u64>),
    /// Have pages draw again.
    Redraw,
    /// Have pages forget all rows and draw again.
    Flush,
    /// The same for the rows of one datasource.
    Clear(String),
    /// Show a message on the pages.
    Say(String),
    /// Save the session as a workspace.
    Save(String),
    /// The saved workspaces.
    Workspaces,
    /// Open one.
    Open(String),
    /// Delete one.
    Delete(String),
    /// Write the session to a file, as EpiViz writes workspaces.
    Export(PathBuf),
    /// Read such a file.
    Import(PathBuf),
    /// Run the commands of a file.
    Source(PathBuf),
    /// Wait.
    Wait(For),
    /// Print a text.
    Echo(String),
    /// Whether a script ends at its first failure.
    Strict(bool),
    /// Print what happens; nothing any more without topics.
    Subscribe(Vec<Topic>),
    /// What can be done, or how one command is written.
    Help(Option<String>),
    /// Leave.
    Quit,
}

/// How a chart is to look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// Its settings.
    pub settings: Map<String, Value>,
    /// Its first colours.
    pub colors: Vec<String>,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum For {
    /// That long.
    Time(Duration),
    /// Until a page is connected and shows the session; no longer than that.
    Page(Option<Duration>),
    /// Until the pages show the session and ask for nothing more.
    Idle,
}

/// What an argument is, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A measurement's id.
    Measurement,
    /// A datasource's id.
    Datasource,
    /// A chart's number.
    Chart,
    /// A chart type.
    ChartType,
    /// A sequence, gene or bookmark.
    Place,
    /// A sequence.
    Sequence,
    /// A file.
    File,
    /// A page's number.
    Page,
    /// A workspace's name.
    Workspace,
    /// A command.
    Command,
    /// A topic of events.
    Topic,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Anything.
    Free,
}

/// A command's place in the list: how it is written, what it does, how it is read.
pub struct Info {
    /// The word and its arguments.
    pub usage: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What its arguments are; the last one stands for all that follow.
    pub takes: &'static [Arg],
    /// Reads the words behind the verb, and the text that they are in; none if they do not fit.
    pub(super) read: fn(&[&str], &str) -> Result<Option<Command>>,
}

impl Info {
    /// The word that names the command.
    pub fn verb(&self) -> &'static str {
        self.usage.split(' ').next().unwrap_or_default()
    }
}

/// Every command, in groups.
pub const COMMANDS: &[(&str, &[Info])] = &[
    ("data", data::COMMANDS),
    ("charts", charts::COMMANDS),
    ("place", places::COMMANDS),
    ("page", pages::COMMANDS),
    ("workspace", workspaces::COMMANDS),
    ("script", script::COMMANDS),
];

/// The command of that verb.
pub(super) fn info(verb: &str) -> Option<&'static Info> {
    let verb = match verb {
        "?" => "help",
        "exit" => "quit",
        "colours" => "colors",
        verb => verb,
    };
    COMMANDS.iter().flat_map(|(_, infos)| *infos).find(|info| info.verb() == verb)
}

impl Command {
    /// Reads one command.
    ///
    /// # Errors
    /// [`Error::Input`] that says how the command is written.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let (verb, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let info = info(verb).ok_or_else(|| unknown(verb))?;
        let words = words(rest);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // An argument that is all of the rest may be quoted too.
        let rest = if let [only] = words[..] { only } else { rest.trim() };
        (info.read)(&words, rest)?
            .ok_or_else(|| Error::Input(format!("write it like this: {}", info.usage)))
    }
}

/// The error for a verb that there is not, with what may be meant.
fn unknown(verb: &str) -> Error {
    let infos = COMMANDS.iter().flat_map(|(_, infos)| *infos);
    let near = infos.map(Info::verb).find(|known| {
        let start = verb.get(..3).or(Some(verb)).filter(|start| !start.is_empty());
        start.is_some_and(|start| known.starts_with(start))
    });
    Error::Input(match near {
        Some(near) => format!("no command is called '{verb}'; do you mean '{near}'?"),
        None => format!("no command is called '{verb}'; 'help' lists them"),
    })
}

/// `key=value` with the value as JSON has it, or else as a text.
pub(super) fn setting(word: &str) -> Option<(String, Value)> {
    let (key, value) = word.split_once('=').filter(|(key, _)| !key.is_empty())?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Some((key.to_owned(), value))
}

/// A chart type by its word.
pub(super) fn chart_type(word: &str) -> Result<ChartType> {
    ChartType::from_word(word).ok_or_else(|| {
        let known: Vec<_> = ChartType::ALL.iter().map(|(_, word, ..)| *word).collect();
        Error::Input(format!("no chart is called '{word}'; there are {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(text: &str) -> Command {
        Command::parse(text).unwrap()
    }

    #[test]
    fn commands_are_read_as_people_write_them() {
        let look = Look {
            settings: Map::from_iter([("step".to_owned(), json!(1))]),
            colors: vec!["#f00".into(), "red".into()],
        };
        assert_eq!(
            parse(" plot a \"b c\" as scatter with step=1 color=#f00,red"),
            Command::Plot(vec!["a".into(), "b c".into()], Some(ChartType::Scatter), look)
        );
        assert_eq!(parse("plot a"), Command::Plot(vec!["a".into()], None, Look::default()));
        assert_eq!(parse("go chr1: 5 - 9"), Command::Go("chr1: 5 - 9".into()));
        assert_eq!(parse("zoom in"), Command::Zoom(0.5));
        assert_eq!(parse("zoom out 10"), Command::Zoom(10.0));
        assert_eq!(parse("pan left"), Command::Pan(-0.5));
        assert_eq!(parse("print fig.v2.pdf"), Command::Print(None, "fig.v2".into(), "pdf"));
        assert_eq!(parse("print 2 fig.png"), Command::Print(Some(2), "fig".into(), "png"));
        assert_eq!(parse("use all"), Command::Use(None));
        assert_eq!(parse("remove all"), Command::Remove(None));
        assert_eq!(parse("wait page"), Command::Wait(For::Page(None)));
        assert_eq!(parse("wait 0.5"), Command::Wait(For::Time(Duration::from_millis(500))));
        assert_eq!(parse("set -e"), Command::Strict(true));
        assert_eq!(
            parse("set 1 title=\"my chart\" yMin=-1 showPoints=true"),
            Command::Set(
                1,
                json!({"title": "my chart", "yMin": -1, "showPoints": true})
                    .as_object()
                    .unwrap()
                    .clone()
            )
        );
        assert_eq!(
            parse("slideshow a.bed 5 every 2"),
            Command::Slideshow("a.bed".into(), Some(5), Duration::from_secs(2))
        );
        assert_eq!(parse("add-sequence x 1.5m"), Command::AddSequence("x".into(), 1_500_000));
        assert_eq!(parse("exit"), Command::Quit);
    }

    #[test]
    fn mistakes_say_how_to_write_it() {
        let error = |text| Command::parse(text).unwrap_err().to_string();
        assert!(error("plot").contains("plot MEASUREMENT"));
        assert!(error("plot as line").contains("plot MEASUREMENT"));
        assert!(error("plot a as pie").contains("there are line,"));
        assert!(error("remove two").contains("remove CHART"));
        assert!(error("zoom sideways").contains("zoom in|out"));
        assert!(error("zoom in -1").contains("zoom in|out"));
        assert!(error("print fig.gif").contains("print [CHART]"));
        assert!(error("wait -1").contains("wait SECONDS"));
        assert!(error("subscribe news").contains("location, charts"));
        assert!(error("measurement").contains("do you mean 'measurements'"));
        assert!(error("fly").contains("'help' lists them"));
    }

    #[test]
    fn every_listed_command_is_read_and_explained() {
        let infos: Vec<_> = COMMANDS.iter().flat_map(|(_, infos)| *infos).collect();
        for info in &infos {
            assert!(!info.about.is_empty() && !info.takes.is_empty(), "{}", info.usage);
            assert_eq!(infos.iter().filter(|other| other.verb() == info.verb()).count(), 1);
            let unknown = |text: &str| {
                Command::parse(text).is_err_and(|e| e.to_string().contains("no command"))
            };
            assert!(!unknown(info.verb()), "{}", info.verb());
        }
    }
}
