//! Annotations of samples, from a sheet beside the matrix or from lines in it.

use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::source::io::delimited::{Separator, unquoted};
use crate::source::io::lines::Lines;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Annotations by sample: key to value.
#[derive(Clone, Default)]
pub(super) struct Annotations {
    pub(super) by_sample: HashMap<String, BTreeMap<String, String>>,
}

impl Annotations {
    fn add(&mut self, sample: &str, key: &str, value: &str) {
        if !matches!(value, "" | "na" | "NA") {
            let of_sample = self.by_sample.entry(sample.to_owned()).or_default();
            of_sample.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Adds a line of GCT 1.3: the key, then the value of each column.
    pub(super) fn add_line(&mut self, names: &[String], fields: &[&str]) {
        for (name, field) in names.iter().zip(fields).skip(1) {
            self.add(name, unquoted(fields[0]), unquoted(field));
        }
    }

    /// Adds a sheet: a table with a header and the names of samples in its first column (or the one
    /// called `sample`).
    pub(super) fn add_sheet(&mut self, path: &Path, columns: &[String]) -> Result<()> {
        let mut lines = Lines::watched(&Input::File(path.into()), &Progress::default(), None)?;
        let Some(header) = lines.next()?.map(|line| line.text.to_owned()) else {
            return Err(Error::data(
                path,
                "",
                "is empty; expected a header and a line for each sample",
            ));
        };
        let separator = match (header.contains('\t'), header.contains(',')) {
            (false, true) => Separator::Comma,
            _ => Separator::of(&header),
        };
        let keys: Vec<&str> = separator.split(&header).into_iter().map(unquoted).collect();
        let sample = keys.iter().position(|key| key.eq_ignore_ascii_case("sample")).unwrap_or(0);
        let mut known = false;
        while let Some(line) = lines.next()? {
            if line.text.trim().is_empty() {
                continue;
            }
            let fields = separator.split(line.text);
            if fields.len() != keys.len() {
                let (has, keys) = (fields.len(), keys.len());
                return Err(line.error(format!("has {has} columns, not {keys} as in the header")));
            }
            let name = unquoted(fields[sample]);
            known |= columns.iter().any(|column| column == name);
            for (index, (key, field)) in keys.iter().zip(&fields).enumerate() {
                if index != sample {
                    self.add(name, key, unquoted(field));
                }
            }
        }
        if known { Ok(()) } else { Err(Error::data(path, "", "names no sample of the matrix")) }
    }
}
