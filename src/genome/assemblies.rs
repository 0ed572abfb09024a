//! Built-in assemblies, and assemblies that are read from a file of sequence lengths.

use super::{MAX_POSITION, Sequences};
use crate::error::{Error, Result};
use std::path::Path;

/// Name and table of each built-in assembly. A table has a line per sequence: name, length, aliases
/// separated by commas; its comments name the origin of the lengths.
const ASSEMBLIES: &[(&str, &str)] = &[
    ("hg38", include_str!("assemblies/hg38.tsv")),
    ("hg19", include_str!("assemblies/hg19.tsv")),
    ("hs1", include_str!("assemblies/hs1.tsv")),
    ("mm39", include_str!("assemblies/mm39.tsv")),
    ("mm10", include_str!("assemblies/mm10.tsv")),
    ("mm9", include_str!("assemblies/mm9.tsv")),
    ("rn7", include_str!("assemblies/rn7.tsv")),
    ("rn6", include_str!("assemblies/rn6.tsv")),
    ("danRer11", include_str!("assemblies/danRer11.tsv")),
    ("galGal6", include_str!("assemblies/galGal6.tsv")),
    ("dm6", include_str!("assemblies/dm6.tsv")),
    ("ce11", include_str!("assemblies/ce11.tsv")),
    ("sacCer3", include_str!("assemblies/sacCer3.tsv")),
    ("tair10", include_str!("assemblies/tair10.tsv")),
];

/// Returns the names of the built-in assemblies.
pub fn built_in_names() -> impl Iterator<Item = &'static str> {
    ASSEMBLIES.iter().map(|(name, _)| *name)
}

/// Returns the sequences of a built-in assembly by its UCSC name, ignoring case.
pub fn built_in(name: &str) -> Option<Sequences> {
    let (_, table) = ASSEMBLIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let mut sequences = Sequences::default();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        if let (Some(name), Some(Ok(length))) = (fields.next(), fields.next().map(str::parse)) {
            let aliases = fields.next().unwrap_or_default().split(',').filter(|a| !a.is_empty());
            sequences.add_with_aliases(name, length, aliases);
        }
    }
    Some(sequences)
}

impl Sequences {
    /// Reads sequence names and lengths from a UCSC `chrom.sizes` file or a samtools `.fai` index:
    /// in both, each line begins with name, tab, length.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Data`] at the first line without a length.
    pub fn from_sizes_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        let mut sequences = Sequences::default();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut fields = line.split_whitespace();
            let length = fields.nth(1).and_then(|length| length.parse().ok());
            match (line.split_whitespace().next(), length) {
                (Some(name), Some(length)) if (1..=MAX_POSITION).contains(&length) => {
                    sequences.add(name, length);
                }
                _ => {
                    let place = format!("line {}", index + 1);
                    let message = "expected a sequence name and its length, as in 'chr1 248956422'; \
                                   'samtools faidx' writes such a file for a FASTA";
                    return Err(Error::data(path, place, message));
                }
            }
        }
        Ok(sequences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_built_in_tables_is_read() {
        for (name, table) in ASSEMBLIES {
            let sequences = built_in(name).unwrap();
            let lines = table.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(sequences.len(), lines, "{name}: a line was not read");
            assert!(sequences.iter().all(|s| s.length > 0 && s.length <= MAX_POSITION), "{name}");
        }
        assert_eq!(built_in("HG38").unwrap().get("1").unwrap().length, 248_956_422);
        assert!(built_in("hg99").is_none());
    }

    #[test]
    fn chrom_sizes_and_fai_files_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "chrA\t1000\t6\t60\t61\nchrB 20\n").unwrap();
        let sequences = Sequences::from_sizes_file(file.path()).unwrap();
        assert_eq!(sequences.get("chrA").unwrap().length, 1000);
        std::fs::write(file.path(), "chrA\t1000\nchrB\n").unwrap();
        let error = Sequences::from_sizes_file(file.path()).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
