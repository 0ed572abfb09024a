//! Searches the names of features for a part of a name, ignoring case.

use crate::source::Closeness;
use crate::source::gene_loci::bare;
use crate::table::Texts;
use memchr::memmem::Finder;

/// An index of the names of rows. A search scans all names once: 60,000 take well under a
/// millisecond, and no memory is needed but for the names themselves.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// All names in lower case, each followed by a line feed.
    folded: String,
    /// End of each name's line in `folded`.
    ends: Vec<usize>,
}

impl Names {
    /// Creates an index of `names`; row numbers are those of the column.
    pub(crate) fn new(names: &Texts) -> Self {
        let mut index = Names::default();
        for name in names.iter() {
            index.folded.extend(name.chars().flat_map(char::to_lowercase));
            index.folded.push('\n');
            index.ends.push(index.folded.len());
        }
        index
    }

    /// Returns its memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.folded.len() + self.ends.len() * size_of::<usize>()
    }

    /// Returns the rows whose name contains `text`, at most the best `limit`, ordered by closeness
    /// and then by row.
    pub(crate) fn search(&self, text: &str, limit: usize) -> Vec<(Closeness, usize)> {
        let wanted = text.trim().to_lowercase();
        if wanted.is_empty() || wanted.contains('\n') {
            return Vec::new();
        }
        let finder = Finder::new(&wanted);
        let (mut found, mut at, mut row) = (Vec::new(), 0, 0);
        while let Some(offset) = finder.find(&self.folded.as_bytes()[at..]) {
            let offset = at + offset;
            // A letter is in most names: their ends are passed one by one.
            while self.ends[row] <= offset {
                row += 1;
            }
            let start = if row == 0 { 0 } else { self.ends[row - 1] };
            let closeness = match (offset == start, offset + wanted.len() + 1 == self.ends[row]) {
                (true, true) => Closeness::Exact,
                (true, false) => Closeness::Prefix,
                _ => Closeness::Inside,
            };
            found.push((closeness, row));
            at = self.ends[row];
        }
        if found.len() > limit {
            found.select_nth_unstable(limit);
            found.truncate(limit);
        }
        found.sort_unstable();
        found
    }
}

/// The ids of rows, such as those of a gene and its transcripts. A row is found by a whole id; the
/// version of the id (`ENST00000269305.9`) need not match.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    /// All ids in lower case, each between line feeds.
    folded: String,
    /// End of each row's ids in `folded`.
    ends: Vec<usize>,
}

impl Ids {
    /// Creates an index of the ids of each row, which are separated by line feeds.
    pub(crate) fn new<'a>(rows: impl Iterator<Item = &'a str>) -> Self {
        let mut index = Ids { folded: "\n".into(), ends: Vec::new() };
        for ids in rows {
            index.folded.extend(ids.chars().flat_map(char::to_lowercase));
            index.folded.push('\n');
            index.ends.push(index.folded.len());
        }
        index
    }

    /// Returns its memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.folded.len() + self.ends.len() * size_of::<usize>()
    }

    /// Returns the rows that have this id; those of the same version, if there are any.
    pub(crate) fn search(&self, id: &str) -> Vec<usize> {
        let id = id.trim().to_lowercase();
        let plain = bare(&id);
        if plain.is_empty() || id.contains('\n') {
            return Vec::new();
        }
        let wanted = format!("\n{plain}");
        let (mut same, mut others) = (Vec::new(), Vec::new());
        for at in Finder::new(&wanted).find_iter(self.folded.as_bytes()) {
            let found = self.folded[at + 1..].split('\n').next().unwrap_or_default();
            let rows = if found == id { &mut same } else { &mut others };
            if bare(found) == plain {
                // A row's ids begin behind the line feed that ends those of the row before.
                rows.push(self.ends.partition_point(|end| *end <= at + 1));
            }
        }
        let mut found = if same.is_empty() { others } else { same };
        found.dedup();
        found
    }
}

/// Returns whether a gene's name is missing or an accession: empty, or letters followed by at least
/// six digits and perhaps a version (`ENSG00000141510.18`, `LOC100288069`, `AC093323.1`).
pub(crate) fn is_accession(name: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    let unversioned = match name.rsplit_once('.') {
        Some((before, version)) if !version.is_empty() && version.chars().all(digit) => before,
        _ => name,
    };
    let letters = unversioned.trim_end_matches(digit);
    let digits = unversioned.len() - letters.len();
    let prefix = letters.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    matches!(name, "" | ".") || (prefix && (digits >= 6 || (letters == "LOC" && digits > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_before_prefix_before_inside_then_by_row() {
        let names = Names::new(&["XTP53", "TP53I3", "tp53", "BRCA1", "TP53"].into_iter().collect());
        let rows = |text, limit| names.search(text, limit).into_iter().map(|(_, row)| row);
        assert_eq!(rows("tp53", 9).collect::<Vec<_>>(), [2, 4, 1, 0]);
        assert_eq!(rows("TP53", 3).collect::<Vec<_>>(), [2, 4, 1]);
        assert_eq!(rows("rca", 9).collect::<Vec<_>>(), [3]);
        assert_eq!(rows("  ", 9).count(), 0);
        assert_eq!(rows("3\nb", 9).count(), 0, "a match never spans two names");
    }

    #[test]
    fn an_id_is_found_whole_whatever_its_version() {
        let rows = ["ENSG1.5\n\nENST1.2\nENST11.1", "ENSG2\n7157", "\n", "ENSG1.7\nENST9"];
        let ids = Ids::new(rows.into_iter());
        for (id, found) in [
            ("enst1.2", vec![0]),
            ("ENST1", vec![0]),
            ("ENST1.9", vec![0]),
            ("ENST11", vec![0]),
            ("ENSG1", vec![0, 3]),
            ("ENSG1.7", vec![3]),
            ("7157", vec![1]),
            ("ENST9", vec![3]),
            ("ENST", vec![]),
            ("NST1", vec![]),
            ("", vec![]),
            (".2", vec![]),
            ("ENSG2\n7157", vec![]),
        ] {
            assert_eq!(ids.search(id), found, "{id}");
        }
    }

    #[test]
    fn accessions_are_told_from_names() {
        for accession in [
            "",
            ".",
            "ENSG00000141510",
            "ENSMUSG00000059552.14",
            "LOC646",
            "AC093323.1",
            "FBgn0000008",
        ] {
            assert!(is_accession(accession), "{accession}");
        }
        for name in ["TP53", "LINC01128", "MIR1302-2", "HLA-DRB1", "C1orf112", "Y_RNA"] {
            assert!(!is_accession(name), "{name}");
        }
    }
}
