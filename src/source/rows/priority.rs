//! The row that a bin shows where a view is too wide for all rows: the one rule of importance, for
//! rows in memory, rows that are read by region, and saved ranks.

use crate::source::rows::names::is_accession;
use std::cmp::Ordering;

/// The importance of a row. A bin shows its row of highest priority; of equal rows, the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priority {
    /// Whether a gene has a name, not only an accession.
    named: bool,
    /// The score; negative infinity if the row has none.
    score: f64,
    /// The length in bases.
    length: u32,
}

impl Priority {
    /// Creates the priority of a row from its name, if rows are genes, its score (NaN if it has
    /// none) and its length in bases.
    pub(crate) fn new(gene: Option<&str>, score: f64, length: u32) -> Self {
        let score = if score.is_nan() { f64::NEG_INFINITY } else { score };
        Priority { named: gene.is_some_and(|name| !is_accession(name)), score, length }
    }
}

impl Ord for Priority {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_name = self.named.cmp(&other.named);
        by_name.then(self.score.total_cmp(&other.score)).then(self.length.cmp(&other.length))
    }
}

impl PartialOrd for Priority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Priority {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Priority {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_outranks_the_score_and_the_score_outranks_the_length() {
        let accession = Some("ENSG00000141510.18");
        let rising = [
            Priority::new(accession, f64::NAN, 900),
            Priority::new(accession, -5.0, 1),
            Priority::new(accession, 3.0, 1),
            Priority::new(accession, 3.0, 2),
            Priority::new(Some("MYC"), f64::NAN, 1),
        ];
        assert!(rising.is_sorted_by(|a, b| a < b), "{rising:?}");
        assert_eq!(Priority::new(None, f64::NAN, 7), Priority::new(Some(""), f64::NAN, 7));
    }
}
