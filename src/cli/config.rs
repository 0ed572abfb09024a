//! `--config`: options and sources in a file, in one of three formats: our own TOML,
//! epivizFileServer's JSON, or a UCSC track hub on this machine.

mod access;
mod file_server;

use super::access_options::AccessConfig;
use super::options::ServeOptions;
use crate::bytes::Input;
use crate::catalog::{COMPUTED_KEYS, ComputedSpec, Hub, is_hub};
use crate::error::{Error, Result};
use crate::source::{KEYS, Spec, unknown};
use clap::{Arg, ArgAction, Args, Command};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The content of a configuration file.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Options as on the command line.
    pub(super) arguments: Vec<String>,
    pub(super) sources: Vec<Spec>,
    pub(super) computed: Vec<ComputedSpec>,
    pub(super) access: AccessConfig,
    /// Errors in single sources; the others can be served.
    pub(super) errors: Vec<Error>,
}

/// Reads a configuration file; paths in it are relative to its folder.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Data`] with the line of an error in it. An error in
/// a single source goes to [`Config::errors`].
pub(super) fn read(path: &Path) -> Result<Config> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        file_server::read(path, &text)
    } else if is_hub(&Input::File(path.into())) {
        let Hub { assembly, tracks, errors } = Hub::read(&Input::File(path.into()))?;
        let arguments = vec![format!("--assembly={assembly}")];
        Ok(Config { arguments, sources: tracks, errors, ..Config::default() })
    } else {
        Toml { path, text: &text }.read()
    }
}

/// Resolves a file or address in a configuration file.
///
/// # Errors
/// [`Error::Data`] for an invalid address.
fn named(config: &Path, place: String, name: &str) -> Result<Input> {
    let input = Input::File(config.into()).join(name);
    input.map_err(|error| Error::data(config, place, error.to_string()))
}

/// Resolves a path on this machine in a configuration file.
///
/// # Errors
/// [`Error::Data`] for an address on another machine.
fn local(config: &Path, place: String, name: &str) -> Result<PathBuf> {
    match named(config, place.clone(), name)? {
        Input::File(path) => Ok(path),
        other => {
            let what = format!("{} is not a file on this machine", other.path().display());
            Err(Error::data(config, place, what))
        }
    }
}

/// A file in our own format: options by their names, and a `[[source]]` for each source.
struct Toml<'a> {
    path: &'a Path,
    text: &'a str,
}

type TomlEntry<'a> = (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

impl Toml<'_> {
    fn read(&self) -> Result<Config> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.error(at, error.message().lines().collect::<Vec<_>>().join(", "))
        })?;
        let command = ServeOptions::augment_args(Command::new("epivizrs"));
        let mut config = Config::default();
        for (key, value) in table.get_ref() {
            match (&**key.get_ref(), value.get_ref()) {
                ("source", DeValue::Array(sources)) => {
                    for source in sources.iter() {
                        match self.source(source) {
                            Ok(spec) => config.sources.push(spec),
                            Err(error) => config.errors.push(error),
                        }
                    }
                }
                ("computed", DeValue::Array(all)) => {
                    for computed in all.iter() {
                        match self.computed(computed) {
                            Ok(computed) => config.computed.push(computed),
                            Err(error) => config.errors.push(error),
                        }
                    }
                }
                ("computed", _) => {
                    return Err(self.error(key.span().start, "write each one as [[computed]]"));
                }
                ("access", _) => config.access = self.access(value)?,
                ("source", _) => {
                    return Err(self.error(key.span().start, "write each source as [[source]]"));
                }
                _ => config.arguments.extend(self.argument(&command, (key, value))?),
            }
        }
        Ok(config)
    }

    /// Converts an option to command-line arguments.
    fn argument(&self, command: &Command, (key, value): TomlEntry<'_>) -> Result<Vec<String>> {
        let name = &**key.get_ref();
        let names = || command.get_arguments().filter(|arg| arg.get_id() != "config");
        let known = names().find(|arg| arg.get_long() == Some(name));
        let Some(known) = known else {
            let names = names().filter_map(Arg::get_long).chain(["source", "computed", "access"]);
            return Err(self.error(key.span().start, unknown("option", name, names)));
        };
        let at = value.span().start;
        match (known.get_action(), value.get_ref()) {
            (ArgAction::SetTrue, DeValue::Boolean(on)) => {
                Ok(on.then(|| format!("--{name}")).into_iter().collect())
            }
            (ArgAction::SetTrue, _) => Err(self.error(at, format!("{name} must be true or false"))),
            (ArgAction::Count, value) => {
                let times = self.text_of(at, value)?.parse::<usize>().ok().filter(|n| *n <= 9);
                let times = times.ok_or_else(|| {
                    self.error(at, format!("{name} must be a number from 0 to 9"))
                })?;
                Ok(vec![format!("--{name}"); times])
            }
            (ArgAction::Append, DeValue::Array(values)) => values
                .iter()
                .map(|value| Ok(format!("--{name}={}", self.file_or_text(value)?)))
                .collect(),
            _ => Ok(vec![format!("--{name}={}", self.file_or_text(value)?)]),
        }
    }

    /// Returns a string value; if it names a file relative to the configuration, the path of that
    /// file.
    fn file_or_text(&self, value: &Spanned<DeValue<'_>>) -> Result<String> {
        let text = self.text_of(value.span().start, value.get_ref())?;
        let path = self.path.parent().unwrap_or(Path::new("")).join(&text);
        if path.is_file() { Ok(path.to_string_lossy().into_owned()) } else { Ok(text) }
    }

    fn source(&self, source: &Spanned<DeValue<'_>>) -> Result<Spec> {
        let start = source.span().start;
        let DeValue::Table(table) = source.get_ref() else {
            return Err(self.error(start, "write each source as [[source]]"));
        };
        let mut input = None;
        let mut options = crate::source::Options::default();
        for (key, value) in table {
            let (key_at, at) = (key.span().start, value.span().start);
            match (&**key.get_ref(), value.get_ref()) {
                ("file", value) => {
                    let file = self.text_of(at, value)?;
                    input = Some(named(self.path, self.line(at), &file)?);
                }
                ("annotation", DeValue::Table(table)) => {
                    for (key, value) in table {
                        let (key, at) = (key.get_ref().to_string(), value.span().start);
                        match value.get_ref() {
                            DeValue::Table(column) => {
                                options.of_columns.insert(key, self.texts_of(column)?);
                            }
                            value => {
                                options.annotation.insert(key, self.text_of(at, value)?);
                            }
                        }
                    }
                }
                ("annotation", _) => {
                    return Err(
                        self.error(at, "annotation must be a table: { tissue = \"colon\" }")
                    );
                }
                (key, _) if !KEYS.iter().any(|(known, _)| *known == key) => {
                    let known = ["file", "annotation"].into_iter().chain(KEYS.iter().map(|k| k.0));
                    return Err(self.error(key_at, unknown("key", key, known)));
                }
                (key, DeValue::Array(values)) => {
                    let texts = values.iter().map(|v| self.text_of(v.span().start, v.get_ref()));
                    let joined = texts.collect::<Result<Vec<_>>>()?.join(":");
                    options.set(key, &joined).map_err(|e| self.error(at, e.to_string()))?;
                }
                (name @ ("samples" | "reference"), value) => {
                    let file = self.text_of(at, value)?;
                    let file = Some(local(self.path, self.line(at), &file)?);
                    match name {
                        "samples" => options.samples = file,
                        _ => options.reference = file,
                    }
                }
                (key, value) => {
                    let text = self.text_of(at, value)?;
                    options.set(key, &text).map_err(|e| self.error(at, e.to_string()))?;
                }
            }
        }
        let input = input.ok_or_else(|| self.error(start, "the source has no file"))?;
        let spec = Spec { input, options }.indexed();
        spec.map_err(|error| self.error(start, error.to_string()))
    }

    /// Reads a measurement that is computed from others.
    fn computed(&self, computed: &Spanned<DeValue<'_>>) -> Result<ComputedSpec> {
        let start = computed.span().start;
        let DeValue::Table(table) = computed.get_ref() else {
            return Err(self.error(start, "write each one as [[computed]]"));
        };
        let text = |name: &str| {
            let value = table.get(name);
            let value = value.ok_or_else(|| self.error(start, format!("it has no {name}")))?;
            let at = value.span().start;
            Ok::<_, Error>((at, self.text_of(at, value.get_ref())?))
        };
        let ((_, name), (at, expression)) = (text("name")?, text("expression")?);
        let computed = ComputedSpec::new(&name, &expression);
        let mut computed = computed.map_err(|error| self.error(at, error.to_string()))?;
        for (key, value) in table {
            let (key_at, key) = (key.span().start, &**key.get_ref());
            if ["name", "expression"].contains(&key) {
                continue;
            }
            if !COMPUTED_KEYS.iter().any(|(known, _)| *known == key) {
                let known = ["name", "expression"].into_iter();
                let known = known.chain(COMPUTED_KEYS.iter().map(|(key, _)| *key));
                return Err(self.error(key_at, unknown("key", key, known)));
            }
            let at = value.span().start;
            let text = match value.get_ref() {
                DeValue::Array(values) => {
                    let texts = values.iter().map(|v| self.text_of(v.span().start, v.get_ref()));
                    texts.collect::<Result<Vec<_>>>()?.join(":")
                }
                value => self.text_of(at, value)?,
            };
            computed.set(key, &text).map_err(|error| self.error(at, error.to_string()))?;
        }
        Ok(computed)
    }

    fn texts_of(&self, table: &DeTable<'_>) -> Result<BTreeMap<String, String>> {
        let pair = |(key, value): TomlEntry<'_>| {
            Ok((key.get_ref().to_string(), self.text_of(value.span().start, value.get_ref())?))
        };
        table.iter().map(pair).collect()
    }

    /// Formats a single value as text.
    fn text_of(&self, at: usize, value: &DeValue<'_>) -> Result<String> {
        match value {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => Ok(number.to_string()),
            DeValue::Float(number) => Ok(number.to_string()),
            DeValue::Boolean(on) => Ok(on.to_string()),
            DeValue::Datetime(time) => Ok(time.to_string()),
            _ => Err(self.error(at, "expected a string, number, date or boolean")),
        }
    }

    fn line(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        format!("line {}", before.matches('\n').count() + 1)
    }

    fn error(&self, at: usize, message: impl Into<String>) -> Error {
        Error::data(self.path, self.line(at), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml(text: &str) -> Result<Config> {
        Toml { path: Path::new("/data/tracks.toml"), text }.read()
    }

    #[test]
    fn a_file_holds_options_and_sources() {
        let config = toml(
            "assembly = 'hg38'\nport = 9000\nmock = true\nkeep-going = false\n\
             allow-origin = ['https://a.example', 'null']\n\
             [[source]]\nfile = 'signal.bw'\nname = 'H3K4me3'\nrange = [0, 50.5]\ncolor = '#1f77b4'\n\
             annotation = { tissue = 'colon', value = { unit = 'reads' } }\n\
             [[source]]\nfile = '/peaks.bed'\ncolumns = ['score', 'name']\n\
             [[source]]\nfile = 'https://lab.example/x.bam?t=S'\nindex = 'https://other/x.bai'\n",
        )
        .unwrap();
        let mut arguments = config.arguments;
        arguments.sort();
        let expected = [
            "--allow-origin=https://a.example",
            "--allow-origin=null",
            "--assembly=hg38",
            "--mock",
            "--port=9000",
        ];
        assert_eq!(arguments, expected);
        let [signal, peaks, reads] = &config.sources[..] else { panic!("{:?}", config.sources) };
        assert_eq!(signal.input, Input::File("/data/signal.bw".into()));
        assert_eq!(signal.options.range, Some((0.0, 50.5)));
        assert_eq!(signal.options.annotation["tissue"], "colon");
        assert_eq!(signal.options.of_columns["value"]["unit"], "reads");
        assert_eq!(peaks.input, Input::File("/peaks.bed".into()));
        assert_eq!(peaks.options.columns, Some(vec!["score".into(), "name".into()]));
        assert_eq!(reads.input.path(), Path::new("https://lab.example/x.bam"));
        assert_eq!(reads.input.index(), Some("https://other/x.bai".into()));
    }

    #[test]
    fn measurements_may_be_computed() {
        let config = toml(
            "[[computed]]\nname = 'ratio'\nexpression = 'log2(a / b)'\nat = 128\nmissing = 'gap'\n\
             range = [-3, 3]\ncolor = '#1f77b4'\n[[computed]]\nname = 'x'\nexpression = 'a + 1'\n",
        )
        .unwrap();
        let names: Vec<_> = config.computed.iter().map(ComputedSpec::name).collect();
        assert_eq!((names, config.errors.len()), (vec!["ratio", "x"], 0));
        for (text, expected) in [
            ("expression = 'a'", "line 1: it has no name"),
            ("name = 'x'\nexpression = 'a +'", "line 3: 'a +', column 4: a number or a name"),
            ("name = 'x'\nexpression = 'a'\nat = 50", "line 4: at=50: at takes a power of two"),
            ("name = 'x'\nexpression = 'a'\nmising = 50", "did you mean 'missing'?"),
        ] {
            let errors = toml(&format!("[[computed]]\n{text}\n")).unwrap().errors;
            assert!(errors[0].to_string().contains(expected), "{text}: {}", errors[0]);
        }
    }

    #[test]
    fn every_option_of_the_command_line_is_known() {
        let command = ServeOptions::augment_args(Command::new("x"));
        for argument in command.get_arguments().filter(|a| a.get_id() != "config") {
            let Some(name) = argument.get_long() else { continue };
            let value = match argument.get_action() {
                ArgAction::SetTrue => "true",
                ArgAction::Count => "1",
                _ => "'x'",
            };
            assert_eq!(toml(&format!("{name} = {value}")).unwrap().arguments.len(), 1, "{name}");
        }
    }

    #[test]
    fn errors_name_the_line_and_the_nearest_name() {
        let error = |text: &str| match toml(text) {
            Ok(config) => config.errors[0].to_string(),
            Err(error) => error.to_string(),
        };
        let of_option = error("port = 1\nasembly = 'hg38'\n");
        assert!(of_option.contains("line 2: unknown option 'asembly'"), "{of_option}");
        assert!(of_option.ends_with("did you mean 'assembly'?"), "{of_option}");
        let of_key = error("[[source]]\nfile = 'a'\ncolour_ = 'x'\n");
        assert!(of_key.contains("line 3: unknown key 'colour_'"), "{of_key}");
        assert!(error("[[source]]\nname = 'a'\n").contains("line 1: the source has no file"));
        assert!(error("port = \n").contains("line 1: "));
        assert!(error("[[source]]\nfile='a'\nrange = [5, 1]\n").contains("line 3: range=5:1"));
        assert!(error("mock = 3\n").contains("mock must be true or false"));
        assert!(
            error("[[source]]\nfile='ftp://a/b.bw'\n")
                .contains("line 2: 'ftp://' addresses cannot")
        );
        let reference = error("[[source]]\nfile='a.cram'\nreference='https://a/b.fa'\n");
        assert!(reference.ends_with("https://a/b.fa is not a file on this machine"), "{reference}");
    }
}
