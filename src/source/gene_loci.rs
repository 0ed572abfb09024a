//! Where genes lie, by id and by name: places the rows of matrices that have no coordinates.

use crate::genome::Strand;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a gene lies; 0-based, half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneLocus {
    /// Its sequence.
    pub sequence: Arc<str>,
    /// First base.
    pub start: u32,
    /// One past the last base.
    pub end: u32,
    /// Its strand.
    pub strand: Strand,
}

/// The places of genes. Cheap to share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneLoci {
    by_name: Arc<HashMap<String, GeneLocus>>,
}

impl GeneLoci {
    /// Adds the place of a gene; who came first keeps a name that two have.
    pub fn add(&mut self, name: &str, place: &GeneLocus) {
        if !name.is_empty() && !self.by_name.contains_key(name) {
            Arc::make_mut(&mut self.by_name).insert(name.to_owned(), place.clone());
        }
    }

    /// The place of a gene by its id or name; the version of an id (`ENSG00000136997.21`) need not
    /// agree.
    pub fn find(&self, name: &str) -> Option<&GeneLocus> {
        self.by_name.get(name).or_else(|| self.by_name.get(bare(name)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// An id without its version.
pub(crate) fn bare(id: &str) -> &str {
    match id.rsplit_once('.') {
        Some((bare, version)) if version.bytes().all(|b| b.is_ascii_digit()) => bare,
        _ => id,
    }
}
