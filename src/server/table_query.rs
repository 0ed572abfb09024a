//! The arguments of a request for a table.

use super::table_response::BodyFormat;
use crate::catalog::{Datasource, Resolution};
use crate::error::{Error, Result};
use crate::provider::Provider;
use crate::source::{Level, Shape};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use std::collections::HashSet;

/// Every path of the tables for scripts, its arguments, and what it returns. The table in
/// `docs/http.md` is generated from this list.
pub const PATHS: &[(&str, &str, &str)] = &[
    ("/api/v1/measurements", "", "the measurements"),
    ("/api/v1/sequences", "", "the sequences and their lengths"),
    ("/api/v1/rows", "datasource region columns level bins", "all columns of a datasource"),
    (
        "/api/v1/values",
        "measurement region level bins",
        "measurements; those with different rows on common bins",
    ),
    ("/api/v1/search", "q limit", "genes and features by name"),
];

/// The arguments of a request.
pub(super) struct TableQuery {
    arguments: Vec<(String, String)>,
    accept: String,
}

impl TableQuery {
    pub(super) fn of(request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        TableQuery {
            arguments: pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect(),
            accept: accept(request.headers()),
        }
    }

    /// Refuses an argument that the path does not take, since a misspelled one would have no
    /// effect.
    ///
    /// # Errors
    /// [`Error::Input`] that names it.
    pub(super) fn check(&self, path: &str) -> Result<()> {
        let known = PATHS.iter().find(|known| known.0 == path).map_or("", |known| known.1);
        let known: Vec<_> = known.split(' ').filter(|name| !name.is_empty()).collect();
        let unknown = |key: &&String| !known.contains(&key.as_str()) && *key != "format";
        match self.arguments.iter().map(|(key, _)| key).find(unknown) {
            None => Ok(()),
            Some(key) => Err(Error::Input(format!(
                "{path} takes no '{key}='; it takes {}",
                known.iter().chain(&["format"]).copied().collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.arguments.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn needed(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| missing(name))
    }

    /// Returns the values of an argument, without repetitions. It may be given several times, or
    /// have several values separated by commas.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        self.get(name)?;
        let given = self.arguments.iter().filter(|(key, _)| key == name);
        let all = given.flat_map(|(_, value)| value.split(',')).filter(|part| !part.is_empty());
        let mut seen = HashSet::new();
        Some(all.filter(|part| seen.insert(*part)).map(ToOwned::to_owned).collect())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(Error::Input(format!("{name}={text} is not a whole number above 0"))),
        }
    }

    pub(super) fn format(&self) -> Result<BodyFormat> {
        match self.get("format") {
            Some("tsv") => Ok(BodyFormat::Tsv),
            Some("json") => Ok(BodyFormat::Json),
            Some("npz") => Ok(BodyFormat::Npz),
            Some(other) => Err(Error::Input(format!(
                "format={other} is unknown; the formats are json, tsv and npz"
            ))),
            None if self.accept.contains("text/tab-separated-values") => Ok(BodyFormat::Tsv),
            None if self.accept.contains("application/x-npz") => Ok(BodyFormat::Npz),
            None => Ok(BodyFormat::Json),
        }
    }

    /// Returns the requested level: `level=records`, `level=1024` (the width of bins), or
    /// `bins=500` (the finest level with at most this many rows). The default is every record; for
    /// dense signals, which have no records, the bins that a page would get.
    ///
    /// # Errors
    /// [`Error::Input`] for a level that the datasource does not have.
    pub(super) fn resolution(
        &self,
        provider: &Provider,
        datasource: &Datasource,
    ) -> Result<Resolution> {
        let Some(text) = self.get("level") else {
            return Ok(match (self.number("bins")?, datasource.shape) {
                (Some(most), _) => Resolution::AtMost(most),
                (None, Shape::Dense) => Resolution::AtMost(provider.page_rows),
                (None, _) => Resolution::At(Level::Records),
            });
        };
        let mut known = datasource.shape.levels();
        let named = |level: &Level| match level {
            Level::Records => text == "records",
            Level::Bins { .. } => level.width().to_string() == text,
        };
        known.clone().find(named).map(Resolution::At).ok_or_else(|| {
            let finest = known.next().map_or(String::new(), |level| match level {
                Level::Records => "'records', or bins of 16, 32, 64 and so on bases".into(),
                Level::Bins { .. } => "bins of 1, 2, 4 and so on bases".into(),
            });
            Error::Input(format!("'{}' has no level '{text}'; it has {finest}", datasource.id))
        })
    }
}

pub(super) fn missing(name: &str) -> Error {
    Error::Input(format!("'{name}=' is missing"))
}

fn accept(headers: &HeaderMap) -> String {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.unwrap_or_default().to_owned()
}
