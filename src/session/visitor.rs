//! Who asks, and what they may do.

use crate::error::{Error, Result};
use std::fmt;

/// What a visitor may do; each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See the data; what such a visitor changes, only that visitor sees.
    View,
    /// Change what is shown to everybody: charts, places, workspaces.
    Drive,
    /// Load and unload files, write files, send others away.
    Admin,
}

impl Role {
    /// Every role and the word for it.
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
            Error::Input(format!("'{text}' is no role; roles are view, drive, admin"))
        })
    }
}

/// Somebody who is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// By what they are known: a user, or the name of a token.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether it is the user whom the endpoint belongs to, on this machine: files are not closed
    /// to them.
    pub is_owner: bool,
    /// Where they are on the network.
    pub address: String,
}

impl Visitor {
    /// The owner, at the endpoint's own prompt.
    pub fn owner() -> Self {
        Visitor {
            name: "the owner".into(),
            role: Role::Admin,
            is_owner: true,
            address: "the prompt".into(),
        }
    }

    /// The same, somewhere on the network.
    #[must_use]
    pub fn at(self, address: impl Into<String>) -> Self {
        Visitor { address: address.into(), ..self }
    }
}
