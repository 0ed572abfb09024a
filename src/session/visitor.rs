//! Visitors and their roles.

use crate::error::{Error, Result};
use std::fmt;

/// The role of a visitor; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads data; changes are visible to this visitor only.
    View,
    /// Makes changes for everybody: charts, regions, workspaces.
    Drive,
    /// Loads and unloads files, writes files, disconnects others.
    Admin,
}

impl Role {
    /// Every role and its name.
    pub const ALL: [(Role, &str); 3] =
        [(Role::View, "view"), (Role::Drive, "drive"), (Role::Admin, "admin")];
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Role::ALL.iter().find(|(role, _)| role == self).map_or("", |(_, word)| word);
        formatter.write_str(word)
    }
}

impl std::str::FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Role::ALL.iter().find(|(_, word)| *word == text).map(|(role, _)| *role);
        known.ok_or_else(|| {
            Error::Input(format!("'{text}' is not a role; the roles are view, drive and admin"))
        })
    }
}

/// A connected user or program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Its name: of a user or a token.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Whether it is the user who runs the endpoint, on this machine, who may use all files.
    pub is_owner: bool,
    /// Its network address.
    pub address: String,
    /// Its program, as it names itself.
    pub agent: String,
}

impl Visitor {
    /// Returns the owner, at the endpoint's own prompt.
    pub fn owner() -> Self {
        Visitor {
            name: "the owner".into(),
            role: Role::Admin,
            is_owner: true,
            address: "the prompt".into(),
            agent: String::new(),
        }
    }

    /// Sets the network address.
    #[must_use]
    pub fn at(self, address: impl Into<String>) -> Self {
        Visitor { address: address.into(), ..self }
    }
}
