//! `help`.

use super::answer::Answer;
use super::command::{Arguments, Command};
use super::commands::{COMMANDS, find};
use super::state::Console;
use crate::error::Result;
use serde_json::json;

impl Console {
    pub(super) async fn help(&self, arguments: Arguments) -> Result<Answer> {
        match arguments.words()[..] {
            [] => Ok(overview()),
            [name] => find(name).map(describe),
            _ => Err(arguments.misuse()),
        }
    }
}

fn overview() -> Answer {
    let rows = COMMANDS.iter().flat_map(|(group, commands)| {
        let row = move |(at, command): (usize, &Command)| {
            let group = if at == 0 { *group } else { "" };
            vec![json!(group), json!(command.usage), json!(command.about)]
        };
        commands.iter().enumerate().map(row)
    });
    Answer::table(&["", "command", "what it does"], rows.collect(), "")
}

fn describe(command: &Command) -> Answer {
    Answer::say(format!("{}\n    {}", command.usage, command.about))
}
