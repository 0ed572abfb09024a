//! `help`.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::commands::{COMMANDS, find};
use super::settings::{Setting, built_in};
use super::state::Console;
use crate::catalog::ChartType;
use crate::error::Result;
use crate::session::Topic;
use crate::source::KEYS;
use serde_json::json;

/// The width of the lines.
const WIDTH: usize = 80;
/// The column at which explanations start.
const COLUMN: usize = 30;

impl Console {
    pub(super) async fn help(&self, arguments: Arguments) -> Result<Answer> {
        match arguments.words()[..] {
            [] => Ok(overview()),
            [name] => find(name).map(describe),
            _ => Err(arguments.misuse()),
        }
    }
}

/// Lists all commands: as lines of text for users and as a table for programs.
fn overview() -> Answer {
    let row =
        |group, command: &Command| vec![json!(group), json!(command.usage), json!(command.about)];
    let rows = COMMANDS
        .iter()
        .flat_map(|(group, commands)| commands.iter().map(move |command| row(group, command)));
    let mut text = String::new();
    for (group, commands) in COMMANDS {
        text += &format!("{group}\n");
        let lines =
            commands.iter().map(|command| two_columns(command.usage, command.about, COLUMN));
        text.extend(lines);
    }
    text += "'help COMMAND' shows examples; Tab completes.";
    let table = Answer::table(&["group", "command", "what it does"], rows.collect(), "");
    Answer { text: Some(text), ..table }
}

/// Describes one command: its usage, examples, and the choices for its arguments.
fn describe(command: &'static Command) -> Answer {
    let mut text = wrapped(command.usage, 0);
    text += &wrapped(command.about, 4);
    text += "\nexamples\n";
    text.extend(command.examples.iter().map(|example| format!("    {example}\n")));
    for kind in command.arguments {
        text += &choices(*kind);
    }
    Answer::say(text.trim_end()).with(json!({
        "usage": command.usage, "about": command.about, "examples": command.examples,
    }))
}

/// Lists the choices for an argument of this kind, if they can be listed.
fn choices(kind: Arg) -> String {
    let list = |title: &str, pairs: Vec<(String, String)>| {
        let lines = pairs.iter().map(|(word, about)| two_columns(word, about, 16));
        format!("\n{title}\n{}", lines.collect::<String>())
    };
    let pair = |word: &str, about: &str| (word.to_owned(), about.to_owned());
    match kind {
        Arg::Source => {
            list("keys", KEYS.iter().map(|(key, takes)| pair(&format!("{key}="), takes)).collect())
        }
        Arg::Plot => chart_types() + &settings_of_lines(),
        Arg::Setting => {
            settings_of_lines() + "\n'chart-types TYPE' lists the settings of another chart type.\n"
        }
        Arg::ChartType => chart_types(),
        Arg::Topic => {
            let topics = Topic::ALL.iter().map(|(_, word, about)| pair(word, about));
            list("topics", topics.collect())
        }
        _ => String::new(),
    }
}

fn chart_types() -> String {
    let types = ChartType::ALL.iter().map(|(_, word, _, about)| two_columns(word, about, COLUMN));
    format!("\nchart types\n{}", types.collect::<String>())
}

fn settings_of_lines() -> String {
    let line = |setting: &Setting| {
        let about = format!("{} ({})", setting.label, setting.takes.describe());
        two_columns(&format!("{}=", setting.id), &about, COLUMN)
    };
    let lines: String = built_in(ChartType::Line).iter().map(line).collect();
    format!("\nsettings of a line chart\n{lines}")
}

/// Formats a word with its explanation, which starts at `column`, in lines of 80 characters.
pub fn two_columns(left: &str, right: &str, column: usize) -> String {
    let explanation = wrapped(right, column);
    if left.chars().count() + 4 > column {
        return wrapped(left, 2) + &explanation;
    }
    let rest: String = explanation.chars().skip(column).collect();
    format!("  {left:width$}{rest}", width = column - 2)
}

/// Wraps a text into lines of 80 characters that start with `indent` spaces.
fn wrapped(text: &str, indent: usize) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && indent + length > WIDTH {
            lines += &format!("{:indent$}{line}\n", "");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines + &format!("{:indent$}{line}\n", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::commands::all;

    #[test]
    fn every_line_of_help_fits_eighty_columns() {
        let described = all().map(|command| describe(command).text.unwrap());
        let texts: Vec<_> = described.chain(overview().text).collect();
        for line in texts.iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        let overview = &texts[texts.len() - 1];
        for command in all() {
            assert!(overview.contains(command.name()), "{}", command.name());
        }
    }

    #[test]
    fn help_of_a_command_shows_examples_and_keys() {
        let help = |name: &str| describe(find(name).unwrap()).text.unwrap();
        assert!(help("load").contains("    load signal.bw,name=H3K4me3,color=#d62728\n"));
        assert!(help("load").contains("  missing="), "{}", help("load"));
        assert!(help("set").contains("  yMax=") && help("subscribe").contains("  location"));
        assert!(help("plot").contains("  scatter"));
        for command in all() {
            assert!(!command.examples.is_empty(), "{}", command.name());
            for example in command.examples {
                assert!(example.starts_with(command.name()), "{example}");
            }
        }
    }
}
