//! What a subscriber asks for.

use crate::genome::{Region, Sequences};
use serde_json::{Map, Value};

/// Why a request for a stream fails: a status as in HTTP, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status.
    pub status: u16,
    /// The reason, and the remedy.
    pub text: String,
}

impl Fault {
    /// Creates the fault of an invalid request.
    pub fn invalid(text: impl Into<String>) -> Self {
        Fault { status: 400, text: text.into() }
    }
}

/// What a subscriber asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WantedRecords {
    /// The topic.
    pub topic: Option<String>,
    /// Or the datasource.
    pub source: Option<String>,
    /// The first record: 0 for the next one, a positive number for that record, a negative one to
    /// count from the end.
    pub startrec: i64,
    /// The number of records; 0 for all that ever come.
    pub numrec: u64,
    /// Only records of this session.
    pub session: Option<String>,
    /// Only rows and events in this region.
    pub region: Option<Region>,
    /// Only these columns of rows.
    pub columns: Option<Vec<String>>,
}

/// The keys of a subscription and what they take, for `describe` and for errors.
pub const KEYS: &[(&str, &str)] = &[
    ("source", "a datasource"),
    ("topic", "or a topic"),
    ("startrec", "0: from the next record; n: from record n; -n: from the nth before the end"),
    ("numrec", "how many records, 1 by default; 0 for all that ever come"),
    ("region", "only rows and events in it, as chr1:1,001-2,000"),
    ("columns", "only these columns of rows"),
    ("session", "only events of this session; * for all; default: that of the connection"),
];

impl WantedRecords {
    /// Reads a request's members; other keys than [`KEYS`] and `known` are faults.
    ///
    /// # Errors
    /// [`Fault`] that names the wrong member.
    pub fn parse(
        members: &Map<String, Value>,
        known: &[&str],
        sequences: &Sequences,
    ) -> Result<Self, Fault> {
        let mut wanted = WantedRecords { numrec: 1, ..WantedRecords::default() };
        for (key, value) in members.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let takes = KEYS.iter().find(|known| known.0 == key).map(|known| known.1);
            let takes = takes.ok_or_else(|| {
                let keys: Vec<_> = KEYS.iter().map(|known| known.0).collect();
                Fault::invalid(format!("unknown key '{key}'; known are {}", keys.join(", ")))
            })?;
            let bad = || Fault::invalid(format!("{key} is not valid: {value}; it takes {takes}"));
            if value.is_null() {
                continue;
            }
            let text = || value.as_str().map(str::to_owned).ok_or_else(bad);
            // Addresses have only texts.
            let number = || value.as_str().and_then(|text| text.parse().ok());
            match key.as_str() {
                "source" => wanted.source = Some(text()?),
                "topic" => wanted.topic = Some(text()?),
                "startrec" => {
                    wanted.startrec = value.as_i64().or_else(number).ok_or_else(bad)?;
                }
                "numrec" => {
                    let number = value.as_i64().or_else(number);
                    wanted.numrec = number.and_then(|n| n.try_into().ok()).ok_or_else(bad)?;
                }
                "region" => {
                    let region = Region::parse(&text()?, sequences);
                    wanted.region = Some(region.map_err(|error| Fault::invalid(error.for_page()))?);
                }
                "session" => wanted.session = Some(text()?),
                _ => {
                    let names = match value {
                        Value::Array(names) => {
                            names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
                        }
                        Value::String(names) => Some(names.split(',').map(str::to_owned).collect()),
                        _ => None,
                    };
                    wanted.columns = Some(names.ok_or_else(bad)?);
                }
            }
        }
        if wanted.source.is_some() == wanted.topic.is_some() {
            return Err(Fault::invalid("name either a source or a topic"));
        }
        if wanted.columns.is_some() && wanted.topic.is_some() {
            return Err(Fault::invalid("only the rows of a source have columns"));
        }
        Ok(wanted)
    }
}
