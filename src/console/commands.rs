//! The list of commands.

use super::command::Command;
use super::{charts, data, navigation, pages, script, workspaces};
use crate::error::{Error, Result};

/// Every command, in groups.
pub const COMMANDS: &[(&str, &[Command])] = &[
    ("data", data::COMMANDS),
    ("charts", charts::COMMANDS),
    ("navigation", navigation::COMMANDS),
    ("pages", pages::COMMANDS),
    ("workspaces", workspaces::COMMANDS),
    ("scripts", script::COMMANDS),
];

/// All commands, without their groups.
pub(super) fn all() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().flat_map(|(_, commands)| *commands)
}

/// The command of that name.
///
/// # Errors
/// [`Error::Input`] that suggests the nearest name.
pub(super) fn find(name: &str) -> Result<&'static Command> {
    let full = match name {
        "?" => "help",
        "exit" => "quit",
        "colours" => "colors",
        name => name,
    };
    all().find(|command| command.name() == full).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let near = all().map(Command::name).find(|known| {
        let start = name.get(..3).or(Some(name)).filter(|start| !start.is_empty());
        start.is_some_and(|start| known.starts_with(start))
    });
    Error::Input(match near {
        Some(near) => format!("no command is called '{name}'; do you mean '{near}'?"),
        None => format!("no command is called '{name}'; 'help' lists them"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_listed_once_and_explained() {
        for command in all() {
            let name = command.name();
            assert!(!command.about.is_empty() && !command.arguments.is_empty(), "{name}");
            assert_eq!(all().filter(|other| other.name() == name).count(), 1, "{name}");
            assert_eq!(find(name).unwrap().usage, command.usage);
        }
    }
}
