//! Features found by name.

use crate::genome::Region;
use std::sync::Arc;

/// A feature found by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The name as the file writes it.
    pub name: Arc<str>,
    /// Its region.
    pub region: Region,
    /// How well it matches the search text.
    pub closeness: Closeness,
}

/// How well a name matches, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// It equals the search text, ignoring case.
    Exact,
    /// It begins with the search text.
    Prefix,
    /// It contains the search text.
    Inside,
}
