//! What programs can ask for: the commands of consoles, and what pages can ask for too.

use super::commands::COMMANDS;
use super::remote::ACTIONS;
use crate::session::{Kind, Session, needed};
use serde_json::{Value, json};

/// Describes commands, actions, requests, topics and streams, each with the role that it needs, from
/// the lists that the program itself uses.
pub fn describe(session: &Session) -> Value {
    let commands = COMMANDS.iter().flat_map(|(group, commands)| {
        commands.iter().map(move |command| {
            json!({
                "name": command.name(), "group": group, "usage": command.usage,
                "about": command.about, "examples": command.examples,
                "role": needed(Kind::Command, command.name()).to_string(),
            })
        })
    });
    let actions = ACTIONS.iter().map(|(name, takes, about)| {
        let role = needed(Kind::Request, name).to_string();
        json!({"name": name, "takes": takes, "about": about, "role": role})
    });
    let mut described = session.describe();
    described["commands"] = commands.collect();
    described["actions"] = actions.collect();
    described
}
