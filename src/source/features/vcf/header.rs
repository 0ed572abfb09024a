//! The header of a VCF file: its sequences and the keys of INFO.

use super::entry;
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::io::delimited::Separator;
use crate::source::io::lines::Lines;
use std::sync::Arc;

/// The parsed header.
#[derive(Clone, Default)]
pub(super) struct Header {
    /// The sequences that it lists, with length 0 where it states none.
    pub(super) sequences: Arc<Sequences>,
    info: Vec<Info>,
    /// The names of its samples, in the order of their columns.
    samples: Vec<String>,
}

/// The most samples whose genotypes are served: each is a column, which every answer has.
const MOST_SAMPLES: usize = 200;
/// The columns before those of samples.
pub(super) const BEFORE_SAMPLES: usize = 9;

/// A key of INFO.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Info {
    pub(super) key: String,
    /// Whether its values are numbers; of several values (one per alternative allele) the first is
    /// shown.
    pub(super) number: bool,
}

impl Info {
    /// Returns the value that a row shows for the key. A key without a value is a flag.
    pub(super) fn value<'i>(&self, info: &'i str) -> &'i str {
        match entry(info, &self.key) {
            None => "",
            Some("") => "yes",
            Some(value) if self.number => value.split(',').next().unwrap_or_default(),
            Some(value) => value,
        }
    }
}

impl Header {
    pub(super) fn read(input: &Input) -> Result<Self> {
        let mut header = Header::default();
        let mut lines = Lines::open(input)?;
        while let Some(line) = lines.next()? {
            match line.text.strip_prefix("##") {
                Some(meta) => header.note(meta),
                None if line.text.starts_with("#CHROM\t") => {
                    header.note_samples(line.text);
                    return Ok(header);
                }
                None => break,
            }
        }
        let what = "the header has no line that begins with #CHROM";
        Err(Error::data(input.path(), "", what))
    }

    /// Parses the header text of a BCF file.
    pub(super) fn parse(text: &str) -> Self {
        let mut header = Header::default();
        for line in text.lines() {
            match line.strip_prefix("##") {
                Some(meta) => header.note(meta),
                None => header.note_samples(line),
            }
        }
        header
    }

    /// Takes the line that names the columns.
    fn note_samples(&mut self, line: &str) {
        let names = line.split('\t').skip(BEFORE_SAMPLES);
        self.samples = names.map(|name| name.trim_end().to_owned()).collect();
    }

    /// The samples whose genotypes are asked for: their names, and their places among all.
    pub(super) fn chosen_samples(
        &self,
        input: &Input,
        names: Option<&[String]>,
    ) -> Result<Vec<(String, usize)>> {
        let Some(names) = names else { return Ok(Vec::new()) };
        let path = input.path().display();
        let first =
            || self.samples.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
        let find = |name: &String| {
            let at = self.samples.iter().position(|known| known == name);
            let missing = || {
                let message = format!("{path}: no sample is called '{name}'; it has {}", first());
                Error::NotFound(message)
            };
            at.map(|at| (name.clone(), at)).ok_or_else(missing)
        };
        let all = || self.samples.iter().cloned().zip(0..).collect();
        let chosen: Vec<_> =
            if names.is_empty() { all() } else { names.iter().map(find).collect::<Result<_>>()? };
        match chosen.len() {
            0 => Err(Error::NotFound(format!("{path}: it has no samples, so no genotypes"))),
            1..=MOST_SAMPLES => Ok(chosen),
            many => Err(Error::Input(format!(
                "{path}: the genotypes of {many} samples are more than the {MOST_SAMPLES} that can \
                 be served; name them: genotypes={}:...",
                self.samples[0]
            ))),
        }
    }

    /// Adds a line, without its `##`.
    fn note(&mut self, meta: &str) {
        if let Some(contig) = structured(meta, "contig") {
            let length = attribute(contig, "length").and_then(|length| length.parse().ok());
            if let Some(name) = attribute(contig, "ID") {
                Arc::make_mut(&mut self.sequences).add(name, length.unwrap_or(0));
            }
        } else if let Some(info) = structured(meta, "INFO") {
            let numeric = matches!(attribute(info, "Type"), Some("Integer" | "Float"));
            let several = attribute(info, "Number") == Some(".");
            if let Some(key) = attribute(info, "ID") {
                self.info.push(Info { key: key.to_owned(), number: numeric && !several });
            }
        }
    }

    /// Returns whether the lengths of all sequences are stated.
    pub(super) fn knows_lengths(&self) -> bool {
        !self.sequences.is_empty() && self.sequences.iter().all(|sequence| sequence.length > 0)
    }

    /// Returns all keys of INFO.
    pub(super) fn all(&self) -> &[Info] {
        &self.info
    }

    /// Returns the requested keys of INFO.
    pub(super) fn chosen(&self, input: &Input, keys: Option<&[String]>) -> Result<Vec<Info>> {
        let find = |key: &String| {
            self.info.iter().find(|info| info.key == *key).cloned().ok_or_else(|| {
                let known: Vec<_> = self.info.iter().map(|info| info.key.as_str()).collect();
                let path = input.path().display();
                Error::NotFound(format!(
                    "{path}: INFO has no '{key}'; its keys are {}",
                    known.join(", ")
                ))
            })
        };
        keys.unwrap_or_default().iter().map(find).collect()
    }
}

/// Returns the text between the brackets of `kind=<...>`.
pub(super) fn structured<'l>(meta: &'l str, kind: &str) -> Option<&'l str> {
    meta.strip_prefix(kind)?.strip_prefix("=<")?.strip_suffix('>')
}

/// Returns the value of `key=` in a comma-separated list; quoted values may contain commas.
pub(super) fn attribute<'l>(list: &'l str, key: &str) -> Option<&'l str> {
    let pairs = Separator::Comma.split(list);
    pairs.into_iter().find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}
