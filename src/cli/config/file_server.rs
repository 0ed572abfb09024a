//! epivizFileServer's description of files: a list of records with `url file_type name datatype
//! genome annotation`. `file_type` and `datatype` are ignored: the format follows from the content.

use super::{Config, local};
use crate::error::{Error, Result};
use crate::source::Spec;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Record {
    url: String,
    name: Option<String>,
    genome: Option<String>,
    #[serde(default)]
    annotation: Option<BTreeMap<String, Value>>,
}

/// Reads the records.
pub(super) fn read(path: &Path, text: &str) -> Result<Config> {
    let records: Vec<Record> = serde_json::from_str(text).map_err(|error| {
        let message = format!("expected a list of records, each with a url: {error}");
        Error::data(path, format!("line {}", error.line()), message)
    })?;
    let mut genomes: Vec<String> = records.iter().filter_map(|r| r.genome.clone()).collect();
    genomes.dedup();
    let mut config = Config::default();
    if let [genome] = &genomes[..] {
        config.arguments.push(format!("--assembly={genome}"));
    }
    for (index, record) in records.into_iter().enumerate() {
        let place = format!("record {}", index + 1);
        let mut spec = Spec::file(local(path, place, &record.url)?);
        spec.options.name = record.name;
        let annotation = record.annotation.unwrap_or_default().into_iter();
        spec.options.annotation = annotation.map(|(key, value)| (key, plain(&value))).collect();
        config.sources.push(spec);
    }
    Ok(config)
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
        let error = read(Path::new("x.json"), "[{\n\"name\": 1}]").unwrap_err().to_string();
        assert!(error.contains("x.json, line 2: expected a list of records"), "{error}");
    }
}
