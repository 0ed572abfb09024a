//! The list of commands.

use super::command::Command;
use super::{charts, data, navigation, pages, script, workspaces};
use crate::error::{Error, Result};
use crate::source::nearest;

/// All commands, by group.
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

/// Returns the command with this name.
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
    let names = || all().map(Command::name);
    // Otherwise a name that starts with what was typed.
    let completed = || names().find(|known| name.len() >= 3 && known.starts_with(name));
    Error::Input(match nearest(name, names()).or_else(completed) {
        Some(near) => format!("no command is called '{name}'; did you mean '{near}'?"),
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

    #[test]
    fn the_nearest_name_is_suggested() {
        for (typed, meant) in [
            ("mesurements", "measurements"),
            ("plto", "plot"),
            ("colour", "colors"),
            ("work", "workspaces"),
            ("Zoom", "zoom"),
        ] {
            let error = find(typed).err().unwrap().to_string();
            assert!(error.ends_with(&format!("did you mean '{meant}'?")), "{error}");
        }
        let error = find("fly").err().unwrap().to_string();
        assert!(error.ends_with("'help' lists them"), "{error}");
    }
}
