//! The header of a VCF file: its sequences, and what the keys of INFO hold.

use super::entry;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::Input;
use crate::source::text::Lines;

/// What the header says.
#[derive(Default)]
pub(super) struct Header {
    /// The sequences it lists, with their lengths as far as it says.
    pub(super) sequences: Sequences,
    info: Vec<Info>,
}

/// A key of INFO.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Info {
    pub(super) key: String,
    /// Whether its values are numbers; of several, for several alternative alleles, the first is
    /// shown.
    pub(super) number: bool,
}

impl Info {
    /// What a row shows of the key. A key without a value is a flag.
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
            if line.text.starts_with("#CHROM\t") {
                return Ok(header);
            }
            let Some(meta) = line.text.strip_prefix("##") else { break };
            if let Some(contig) = structured(meta, "contig") {
                let length = attribute(contig, "length").and_then(|length| length.parse().ok());
                if let Some(name) = attribute(contig, "ID") {
                    header.sequences.add(name, length.unwrap_or(0));
                }
            } else if let Some(info) = structured(meta, "INFO") {
                let numeric = matches!(attribute(info, "Type"), Some("Integer" | "Float"));
                let several = attribute(info, "Number") == Some(".");
                if let Some(key) = attribute(info, "ID") {
                    header.info.push(Info { key: key.to_owned(), number: numeric && !several });
                }
            }
        }
        let what = "the header has no line that begins with #CHROM";
        Err(Error::data(input.path(), "", what))
    }

    /// Whether every sequence's length is said.
    pub(super) fn knows_lengths(&self) -> bool {
        !self.sequences.is_empty() && self.sequences.iter().all(|sequence| sequence.length > 0)
    }

    /// The keys of INFO that are asked for.
    pub(super) fn chosen(&self, input: &Input, keys: Option<&[String]>) -> Result<Vec<Info>> {
        let find = |key: &String| {
            self.info.iter().find(|info| info.key == *key).cloned().ok_or_else(|| {
                let known: Vec<_> = self.info.iter().map(|info| info.key.as_str()).collect();
                let path = input.path().display();
                Error::NotFound(format!("{path}: INFO has no '{key}'; it has {}", known.join(", ")))
            })
        };
        keys.unwrap_or_default().iter().map(find).collect()
    }
}

/// What stands between the brackets of `kind=<...>`.
fn structured<'l>(meta: &'l str, kind: &str) -> Option<&'l str> {
    meta.strip_prefix(kind)?.strip_prefix("=<")?.strip_suffix('>')
}

/// The value of `key=` in a list between commas. A description may hold commas, but stands last or
/// in quotes, and no key of ours is in there first.
fn attribute<'l>(list: &'l str, key: &str) -> Option<&'l str> {
    list.split(',').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}
