//! The specification of a source, as a user writes it: `PATH[,key=value]...`.

use super::expression::{Definition, Expression};
use super::nearest::unknown;
use super::{GeneLoci, Skipped};
use crate::bytes::Input;
use crate::color::check_color;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// A source that a user names.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The place of its bytes.
    pub input: Input,
    /// How to serve it.
    pub options: Options,
}

/// How to serve a source. Every option has a default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The name shown to users; default: the file name without its ending.
    pub name: Option<String>,
    /// The format; default: detected from the content.
    pub format: Option<String>,
    /// The name of the format in which it was opened.
    pub opened_as: Option<&'static str>,
    /// The datasource that a dense signal joins; signals of one group can be compared in plots.
    pub group: Option<String>,
    /// The value that a bin of a signal shows.
    pub summary: Summary,
    /// What a base without data means in a signal.
    pub missing: Missing,
    /// The columns to serve, by name; default: all.
    pub columns: Option<Vec<String>>,
    /// Keys of a VCF's INFO to serve as columns; default: none.
    pub info: Option<Vec<String>>,
    /// Samples of a VCF whose genotypes are served as columns; of an empty list, all. Default:
    /// none.
    pub genotypes: Option<Vec<String>>,
    /// What the rows of genes are.
    pub rows: Unit,
    /// The address of the index of a file on another machine; known to its `Input` once that is
    /// there.
    pub index: Option<String>,
    /// A table that describes the samples of a matrix.
    pub samples: Option<PathBuf>,
    /// The FASTA of the reference against which a CRAM was compressed. It is not needed, but
    /// checked if given.
    pub reference: Option<PathBuf>,
    /// The base of coordinates in a table without a convention of its own: 0 for 0-based half-open,
    /// 1 for 1-based with both ends included.
    pub base: Option<u32>,
    /// The loci of the genes that are the rows of a matrix without coordinates; known once the gene
    /// annotations served with it have been opened.
    pub gene_loci: GeneLoci,
    /// How it is computed from other measurements; then there is no file.
    pub computed: Option<Arc<Definition>>,
    /// Only the rows for which this holds are served.
    pub filter: Option<Expression>,
    /// Whether lines with errors are left out, and what was counted of them.
    pub skip: Option<Skipped>,
    /// Whether a signal on another machine is read as a whole, instead of estimating wide views.
    pub exact: bool,
    /// The color of its charts, in CSS notation (`#1f77b4`).
    pub color: Option<String>,
    /// The smallest and largest value that charts show; default: those of the file.
    pub range: Option<(f64, f64)>,
    /// Annotations of its measurements: keys and values, such as `tissue`, `colon`.
    pub annotation: BTreeMap<String, String>,
    /// Annotations of single columns, by column name.
    pub of_columns: BTreeMap<String, BTreeMap<String, String>>,
}

/// The unit of the rows of a gene annotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// A gene, with the exons of all its transcripts.
    #[default]
    Genes,
    /// A transcript.
    Transcripts,
}

/// The value that a bin of a signal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    /// The mean over the bases that have data.
    #[default]
    Mean,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
}

/// What a base without data means in a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Decided from the file: short records that cover little are points, everything else is
    /// coverage.
    #[default]
    Auto,
    /// Zero, and counted as such in means: coverage that leaves out what is not covered.
    Zero,
    /// Not measured: only rows that have data are served (methylation and other points).
    Gap,
}

/// The keys of a source and their values, for help texts and errors.
pub const KEYS: &[(&str, &str)] = &[
    ("name", "the name shown to users"),
    ("format", "one of the known formats"),
    ("group", "signals of one group are drawn and compared together"),
    ("summary", "mean, min or max: what a bin of a signal shows"),
    ("missing", "zero or gap: what a base without data means in a signal"),
    ("columns", "columns to serve, separated by ':'"),
    ("info", "keys of a VCF's INFO to serve as columns, separated by ':'"),
    ("genotypes", "yes, or samples of a VCF separated by ':', whose genotypes are columns"),
    ("rows", "genes or transcripts: what a row of a gene annotation is"),
    ("index", "the address of the index of a file on another machine, if not beside it"),
    ("samples", "a table that describes the samples of a matrix; its first column has their names"),
    ("reference", "the FASTA of a CRAM's reference: not needed, but checked if given"),
    (
        "base",
        "0 or 1: how a table counts bases if its format does not say (0-based half-open, or 1-based)",
    ),
    ("filter", "only the rows for which this holds, such as score>500 && strand=='+'"),
    ("skip", "errors: damaged lines of a text file are left out and counted"),
    (
        "exact",
        "yes: a bigWig on another machine is read as a whole, in the background, for wide views",
    ),
    ("color", "colour of its charts, like #1f77b4"),
    ("range", "LOW:HIGH, the values that charts show"),
];

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // A file may have a comma in its name.
        if text.is_empty() || Path::new(text).exists() {
            return Ok(Spec::file(text));
        }
        let is_address = text.contains("://");
        let mut parts = text.split(',');
        let mut path = parts.next().unwrap_or_default().to_owned();
        let mut options = Options::default();
        let mut in_path = true;
        for part in parts {
            match part.split_once('=') {
                // So may the query of an address, with what looks like an option.
                Some((key, _)) if in_path && is_address && path.contains('?') && !is_key(key) => {
                    path.push(',');
                    path.push_str(part);
                }
                Some((key, value)) => {
                    options.set(key.trim(), value.trim())?;
                    in_path = false;
                }
                None if in_path => {
                    path.push(',');
                    path.push_str(part);
                }
                None => {
                    let shown = if is_address { "what follows the address" } else { text };
                    return Err(Error::Input(format!("'{part}' in '{shown}' is not key=value")));
                }
            }
        }
        Spec::named(&path, options)
    }
}

fn is_key(key: &str) -> bool {
    KEYS.iter().any(|(known, _)| *known == key.trim())
}

impl Spec {
    /// A file with the default options.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Spec { input: Input::File(path.into()), options: Options::default() }
    }

    /// The file that a text names, an address or a path, with those options.
    ///
    /// # Errors
    /// [`Error::Input`] for an address that cannot be read.
    pub fn named(text: &str, options: Options) -> Result<Self> {
        let input = Input::named(text)?;
        Spec { input, options }.indexed()
    }

    /// The same source, asked for by somebody at the other end of a socket.
    ///
    /// # Errors
    /// [`Error::Input`] if it is at an address that nobody allowed.
    pub(crate) fn for_stranger(self) -> Result<Self> {
        Ok(Spec { input: self.input.for_stranger()?, options: self.options })
    }

    /// The same source, its index where the options say.
    pub(crate) fn indexed(mut self) -> Result<Self> {
        if let Some(index) = &self.options.index {
            let index = Input::named(index)?;
            if !(self.input.is_remote() && index.is_remote()) {
                let what = "index= is the address of the index of a file on another machine; the \
                            index of a file on this machine lies beside it";
                return Err(Error::Input(what.into()));
            }
            self.input = self.input.with_index(Some(index));
            // It may hold a secret, and is known to the file now.
            self.options.index = None;
        }
        Ok(self)
    }
}

impl Options {
    /// The same options for another file, whose damaged lines are counted by themselves.
    #[must_use]
    pub fn for_another_file(&self) -> Self {
        let skip = self.skip.as_ref().map(|_| Skipped::default());
        Options { skip, opened_as: None, ..self.clone() }
    }

    /// Sets the option `key`, one of `KEYS`, from its text.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown key or a value that the key does not take.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let bad = |takes: &str| Error::Input(format!("{key}={value}: {key} takes {takes}"));
        let text = || match value {
            "" => Err(bad("a text")),
            text => Ok(Some(text.to_owned())),
        };
        match key {
            "name" => self.name = text()?,
            "format" => self.format = text()?,
            "group" => self.group = text()?,
            "color" | "colour" => {
                check_color(value)?;
                self.color = Some(value.to_owned());
            }
            "columns" => {
                self.columns =
                    Some(text()?.iter().flat_map(|t| t.split(':')).map(str::to_owned).collect());
            }
            "info" => {
                self.info =
                    Some(text()?.iter().flat_map(|t| t.split(':')).map(str::to_owned).collect());
            }
            "genotypes" => {
                self.genotypes = Some(match value {
                    "" => return Err(bad("yes, or names of samples separated by ':'")),
                    "yes" => Vec::new(),
                    names => names.split(':').map(str::to_owned).collect(),
                });
            }
            "summary" => {
                self.summary = match value {
                    "mean" => Summary::Mean,
                    "min" => Summary::Min,
                    "max" => Summary::Max,
                    _ => return Err(bad("mean, min or max")),
                }
            }
            "range" => {
                let ends = value.split_once(':').map(|(low, high)| (low.parse(), high.parse()));
                self.range = match ends {
                    Some((Ok(low), Ok(high))) if low < high && high - low < f64::INFINITY => {
                        Some((low, high))
                    }
                    _ => return Err(bad("two numbers, the smaller first: 0:50")),
                }
            }
            "index" => self.index = text()?,
            "samples" => self.samples = text()?.map(PathBuf::from),
            "reference" => self.reference = text()?.map(PathBuf::from),
            "base" => {
                self.base = match value {
                    "0" => Some(0),
                    "1" => Some(1),
                    _ => return Err(bad("0 or 1")),
                }
            }
            "filter" => self.filter = Some(Expression::parse(value)?),
            "skip" => {
                self.skip = match value {
                    "errors" => Some(Skipped::default()),
                    _ => return Err(bad("errors")),
                }
            }
            "exact" => {
                self.exact = match value {
                    "yes" => true,
                    "no" => false,
                    _ => return Err(bad("yes or no")),
                }
            }
            "rows" => {
                self.rows = match value {
                    "genes" => Unit::Genes,
                    "transcripts" => Unit::Transcripts,
                    _ => return Err(bad("genes or transcripts")),
                }
            }
            "missing" => {
                self.missing = match value {
                    "auto" => Missing::Auto,
                    "zero" => Missing::Zero,
                    "gap" => Missing::Gap,
                    _ => return Err(bad("zero, gap or auto")),
                }
            }
            _ => {
                return Err(Error::Input(unknown("key", key, KEYS.iter().map(|(key, _)| *key))));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_a_path() {
        let spec: Spec = "a,b.bw,name=H3K4me3,missing=gap,columns=score:name".parse().unwrap();
        assert_eq!(spec.input, Input::File("a,b.bw".into()));
        assert_eq!(spec.options.name.as_deref(), Some("H3K4me3"));
        assert_eq!(spec.options.missing, Missing::Gap);
        assert_eq!(spec.options.columns, Some(vec!["score".into(), "name".into()]));
    }

    #[test]
    fn errors_name_the_wrong_key_or_value() {
        let error = |text: &str| text.parse::<Spec>().unwrap_err().to_string();
        assert!(error("a.bw,nmae=x").contains("unknown key 'nmae'; known are name, format"));
        assert!(error("a.bw,nmae=x").ends_with("; did you mean 'name'?"));
        assert!(error("a.bw,range=5:1").contains("the smaller first"));
        assert!(error("a.bw,summary=median").contains("mean, min or max"));
        assert!(error("a.bw,name=x,rest").contains("not key=value"));
    }

    #[test]
    fn every_listed_key_is_accepted() {
        for (key, _) in KEYS {
            let value = match *key {
                "summary" => "mean",
                "missing" => "gap",
                "base" => "1",
                "exact" => "yes",
                "color" => "steelblue",
                "range" => "-1.5:50",
                "skip" => "errors",
                "rows" => "transcripts",
                _ => "x",
            };
            Options::default().set(key, value).unwrap();
        }
    }
}
