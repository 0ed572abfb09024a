//! Features found by name.

use crate::genome::Region;
use std::sync::Arc;

/// A feature found by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The name as the file writes it.
    pub name: Arc<str>,
    /// Where it lies.
    pub region: Region,
    /// How well it fits what was asked.
    pub closeness: Closeness,
}

/// How well a name fits; the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// It is what was asked, but for upper and lower case.
    Exact,
    /// It begins with what was asked.
    Prefix,
    /// What was asked stands somewhere inside.
    Inside,
}
