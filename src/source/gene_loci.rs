//! Gene loci by id and name, which give coordinates to the rows of a matrix without coordinates.

use crate::genome::Strand;
use std::collections::HashMap;
use std::sync::Arc;

/// The locus of a gene, 0-based and half-open.
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

/// The loci of genes. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneLoci {
    by_name: Arc<HashMap<String, GeneLocus>>,
}

impl GeneLoci {
    /// Adds the locus of a gene. Of two genes with the same name, the first is used.
    pub fn add(&mut self, name: &str, locus: &GeneLocus) {
        if !name.is_empty() && !self.by_name.contains_key(name) {
            Arc::make_mut(&mut self.by_name).insert(name.to_owned(), locus.clone());
        }
    }

    /// Returns the locus of a gene by its id or name. The version of an id (`ENSG00000136997.21`)
    /// need not match.
    pub fn find(&self, name: &str) -> Option<&GeneLocus> {
        self.by_name.get(name).or_else(|| self.by_name.get(bare(name)))
    }

    /// Returns whether there are no loci.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// Returns an id without its version.
pub(crate) fn bare(id: &str) -> &str {
    match id.rsplit_once('.') {
        Some((bare, version)) if version.bytes().all(|b| b.is_ascii_digit()) => bare,
        _ => id,
    }
}
