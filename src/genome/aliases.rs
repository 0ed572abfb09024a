//! Aliases of sequences, from a file in the format of UCSC's `chromAlias`.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::Path;

/// Sets of names; each set names one sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    rows: Vec<Vec<String>>,
    by_name: HashMap<String, usize>,
}

/// Origins of names, as in the third column of the database table.
const ORIGINS: [&str; 6] = ["ensembl", "refseq", "genbank", "assembly", "ncbi", "ucsc"];

impl Aliases {
    /// Reads `chromAlias.txt` as distributed with genomes (all names of a sequence on one line), or
    /// the database table of the same name (alias, name, origin).
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] at a line with fewer than two names.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        let mut aliases = Aliases::default();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut names: Vec<&str> = line.split('\t').map(str::trim).collect();
            let of_table = |origin: &str| origin.split(',').all(|o| ORIGINS.contains(&o));
            if names.len() == 3 && of_table(names[2]) {
                names.truncate(2);
            }
            names.retain(|name| !name.is_empty());
            if names.len() < 2 {
                let message = "expected names of one sequence, separated by tabs";
                return Err(Error::data(path, format!("line {number}"), message));
            }
            aliases.add(&names);
        }
        Ok(aliases)
    }

    /// Adds names of one sequence; sets that share a name are merged.
    fn add(&mut self, names: &[&str]) {
        let known = names.iter().find_map(|name| self.by_name.get(*name)).copied();
        let row = known.unwrap_or_else(|| {
            self.rows.push(Vec::new());
            self.rows.len() - 1
        });
        for name in names {
            // A set that was separate until now is merged.
            let joined = match self.by_name.get(*name) {
                Some(known) if *known == row => continue,
                Some(known) => std::mem::take(&mut self.rows[*known]),
                None => vec![(*name).to_owned()],
            };
            for name in joined {
                self.by_name.insert(name.clone(), row);
                self.rows[row].push(name);
            }
        }
    }

    /// Returns all names of the sequence with this name.
    pub fn of(&self, name: &str) -> impl Iterator<Item = &str> {
        let row = self.by_name.get(name).map(|row| &self.rows[*row]);
        row.into_iter().flatten().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_file_formats_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let names = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            let aliases = Aliases::from_file(file.path()).map_err(|error| error.to_string())?;
            Ok::<_, String>(aliases.of("chr1").map(str::to_owned).collect::<Vec<_>>())
        };
        let with_genome = "# ucsc\tassembly\tgenbank\nchr1\t1\tCM1.1\nchrM\t\tJ1.1\n";
        assert_eq!(names(with_genome).unwrap(), ["chr1", "1", "CM1.1"]);
        let table = "1\tchr1\tassembly,ensembl\nNC_1.1\tchr1\trefseq\n";
        assert_eq!(names(table).unwrap(), ["1", "chr1", "NC_1.1"]);
        let late = "chr1\t1\nNC_1\tCM_1\n1\tNC_1\n";
        assert_eq!(names(late).unwrap(), ["chr1", "1", "NC_1", "CM_1"]);
        assert!(names("chr1\n").unwrap_err().contains("line 1: expected names"));
    }
}
