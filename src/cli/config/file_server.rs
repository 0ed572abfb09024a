//! epivizFileServer's description of files: a list of records with `url file_type name datatype
//! genome annotation`. `file_type` and `datatype` are ignored: the format is detected from the
//! content.

use super::{Config, named};
use crate::error::{Error, Result};
use crate::source::{Options, Spec};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct FileEntry {
    url: String,
    name: Option<String>,
    genome: Option<String>,
    #[serde(default)]
    annotation: Option<BTreeMap<String, Value>>,
}

/// Parses the records.
pub(super) fn read(path: &Path, text: &str) -> Result<Config> {
    let records: Vec<Value> = serde_json::from_str(text).map_err(|error| {
        let message = format!("expected a list of records, each with a url: {error}");
        Error::data(path, format!("line {}", error.line()), message)
    })?;
    let (mut config, mut genomes) = (Config::default(), Vec::new());
    for (number, record) in (1..).zip(records) {
        match source(path, number, record) {
            Ok((spec, genome)) => {
                config.sources.push(spec);
                genomes.extend(genome);
            }
            Err(error) => config.errors.push(error),
        }
    }
    genomes.dedup();
    if let [genome] = &genomes[..] {
        config.arguments.push(format!("--assembly={genome}"));
    }
    Ok(config)
}

/// Converts a record to a source, and returns the genome that it names.
fn source(path: &Path, number: usize, record: Value) -> Result<(Spec, Option<String>)> {
    let place = format!("record {number}");
    let record: FileEntry = serde_json::from_value(record)
        .map_err(|error| Error::data(path, place.clone(), error.to_string()))?;
    let mut spec = Spec { input: named(path, place, &record.url)?, options: Options::default() };
    spec.options.name = record.name;
    let annotation = record.annotation.unwrap_or_default().into_iter();
    spec.options.annotation = annotation.map(|(key, value)| (key, plain(&value))).collect();
    Ok((spec, record.genome))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Input;

    #[test]
    fn records_become_sources() {
        let text = r#"[{"url": "a.bw", "file_type": "bigwig", "datatype": "bp", "name": "A",
            "genome": "hg19", "annotation": {"group": "g", "rep": 1}},
            {"url": "/b.bb", "file_type": "bigbed", "genome": "hg19"}]"#;
        let config = read(Path::new("/data/files.json"), text).unwrap();
        assert_eq!(config.arguments, ["--assembly=hg19"]);
        assert_eq!(config.sources[0].input, Input::File("/data/a.bw".into()));
        assert_eq!(config.sources[0].options.name.as_deref(), Some("A"));
        assert_eq!(config.sources[0].options.annotation["rep"], "1");
        assert_eq!(config.sources[1].input, Input::File("/b.bb".into()));
        let error = read(Path::new("x.json"), "[{\n\"name\": 1}").unwrap_err().to_string();
        assert!(error.contains("x.json, line 2: expected a list of records"), "{error}");
        let text =
            r#"[{"name": 1}, {"url": "a.bw"}, {"url": "http://x/b.bw"}, {"url": "ftp://x/y"}]"#;
        let config = read(Path::new("x.json"), text).unwrap();
        assert_eq!(config.sources.len(), 2);
        assert_eq!(config.sources[1].input.path(), Path::new("http://x/b.bw"));
        let errors: Vec<_> = config.errors.iter().map(ToString::to_string).collect();
        assert!(errors[0].starts_with("x.json, record 1: "), "{errors:?}");
        assert!(errors[1].starts_with("x.json, record 4: 'ftp://' addresses cannot"), "{errors:?}");
    }
}
