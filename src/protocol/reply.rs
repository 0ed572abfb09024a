//! Answers to pages.

mod rows;

use super::{Dialect, Positions};
use crate::table::Table;
use serde::{Serialize, Serializer};
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// About how many bytes an answer takes besides its rows, and a cell of a row.
const ENVELOPE: usize = 512;
const CELL: usize = 11;

/// The answer to a request; [`Reply::to_json`] puts it in its envelope.
#[derive(Debug)]
pub enum Reply {
    /// To `getMeasurements`.
    Measurements(MeasurementTable),
    /// To `getSeqInfos`.
    SeqInfos(Vec<SeqInfo>),
    /// To `getRows`: rows; all columns are metadata.
    Rows(Table, Positions),
    /// To `getValues`: rows; the only column has the measurement's values.
    Values(Table, Dialect),
    /// To `getCombined`.
    Combined(Combined),
    /// To `search`.
    Hits(Vec<SearchHit>),
    /// Saved workspaces.
    Workspaces(Vec<Workspace>),
    /// The id of a saved workspace.
    Saved(String),
    /// To `deleteWorkspace`: whether it existed.
    Deleted(bool),
    /// Success without content.
    Done,
    /// Success, with members that no page needs.
    Told(serde_json::Value),
    /// An error, with the reason.
    Refused(String),
}

/// The measurements, column by column, as in the answer to `getMeasurements`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the wire's own names")]
pub struct MeasurementTable {
    pub id: Vec<String>,
    pub name: Vec<String>,
    pub r#type: Vec<&'static str>,
    pub datasource_id: Vec<String>,
    pub datasource_group: Vec<String>,
    pub default_chart_type: Vec<String>,
    pub annotation: Vec<BTreeMap<String, String>>,
    pub min_value: Vec<Option<f64>>,
    pub max_value: Vec<Option<f64>>,
    pub metadata: Vec<MetadataNames>,
}

/// The metadata columns of a measurement. Never null, since a page then assigns the columns of all
/// measurements to each (`docs/protocol.md`, 4.3).
#[derive(Debug, PartialEq)]
pub enum MetadataNames {
    /// For versions up to 4: a list.
    List(Vec<String>),
    /// For version 5, which evaluates it: the list's JSON in a string.
    Text(Vec<String>),
}

impl Serialize for MetadataNames {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            MetadataNames::List(names) => names.serialize(to),
            MetadataNames::Text(names) => {
                to.serialize_str(&serde_json::to_string(names).unwrap_or_else(|_| "[]".into()))
            }
        }
    }
}

/// A sequence: name, first base (1), length, and the name of its assembly, which only version 5
/// reads.
#[derive(Debug, PartialEq, Serialize)]
pub struct SeqInfo(
    pub String,
    pub u32,
    pub u32,
    #[serde(skip_serializing_if = "Option::is_none")] pub Option<String>,
);

/// A hit of a search.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchHit {
    /// The probe; always null here.
    pub probe: Option<String>,
    /// The name.
    pub gene: String,
    /// The sequence.
    pub seq_name: String,
    /// First base, 1-based.
    pub start: u32,
    /// Last base, 1-based, included.
    pub end: u32,
}

/// A saved workspace.
#[derive(Debug, PartialEq, Serialize)]
pub struct Workspace {
    /// Its id; `None` in the answer that opens it, since pages immediately open one without an id.
    pub id: Option<String>,
    /// Its id in version 1 of EpiViz; the same here.
    pub id_v1: Option<String>,
    /// Its name.
    pub name: String,
    /// Its JSON.
    pub content: String,
}

/// Rows and values of several measurements, by datasource.
#[derive(Debug)]
pub struct Combined {
    /// Each requested datasource.
    pub parts: Vec<CombinedPart>,
    /// The form that the page expects.
    pub dialect: Dialect,
    /// How starts and ends are written.
    pub positions: Positions,
}

/// Rows and values of one datasource.
#[derive(Debug)]
pub struct CombinedPart {
    /// The name by which it was requested.
    pub datasource: String,
    /// The rows; the first columns are values, the others metadata.
    pub table: Table,
    /// The measurements whose values come first.
    pub measurements: Vec<String>,
}

impl Reply {
    /// Returns the whole message. `id` is the request's, unchanged.
    pub fn to_json(&self, id: &RawValue) -> String {
        let mut json = Vec::with_capacity(self.about_bytes());
        json.extend_from_slice(br#"{"type":"response","requestId":"#);
        json.extend_from_slice(id.get().as_bytes());
        json.extend_from_slice(br#","data":"#);
        self.write(&mut json);
        json.push(b'}');
        String::from_utf8(json).unwrap_or_default()
    }

    /// Returns the member `data` of the message.
    pub fn data_json(&self) -> String {
        let mut json = Vec::with_capacity(self.about_bytes());
        self.write(&mut json);
        String::from_utf8(json).unwrap_or_default()
    }

    /// Returns about how many bytes the answer takes, so that they are not moved while it is
    /// written.
    fn about_bytes(&self) -> usize {
        let rows = |table: &Table| table.len() * CELL * (4 + table.columns.len());
        let rows = match self {
            Reply::Rows(table, _) | Reply::Values(table, _) => rows(table),
            Reply::Combined(combined) => combined.parts.iter().map(|p| rows(&p.table)).sum(),
            _ => 0,
        };
        ENVELOPE + rows
    }

    fn write(&self, json: &mut Vec<u8>) {
        match self {
            Reply::Measurements(table) => write_value(json, table),
            Reply::SeqInfos(infos) => write_value(json, infos),
            Reply::Rows(table, positions) => rows::write(json, table, &table.columns, *positions),
            Reply::Values(table, Dialect::Classic) => rows::write_values(json, table),
            Reply::Values(table, Dialect::Five) => {
                let names = table.columns.iter().map(|c| c.name.to_string()).collect::<Vec<_>>();
                rows::write_five(json, table, &names);
            }
            Reply::Combined(Combined { parts, dialect: Dialect::Five, .. }) if parts.len() == 1 => {
                rows::write_five(json, &parts[0].table, &parts[0].measurements);
            }
            Reply::Combined(Combined { parts, positions, .. }) => {
                let part = |json: &mut Vec<u8>, part: &CombinedPart| {
                    rows::write_part(json, part, *positions);
                };
                rows::write_object(json, parts.iter().map(|p| (&*p.datasource, p)), part);
            }
            Reply::Hits(hits) => write_value(json, hits),
            Reply::Workspaces(workspaces) => write_value(json, workspaces),
            Reply::Saved(id) => write_value(json, id),
            Reply::Deleted(done) => write_value(json, &json!({ "success": done })),
            Reply::Done => json.extend_from_slice(b"{}"),
            Reply::Told(members) => write_value(json, members),
            Reply::Refused(why) => {
                #[derive(Serialize)]
                #[serde(rename_all = "camelCase")]
                struct Refused<'a> {
                    success: bool,
                    error_message: &'a str,
                }
                write_value(json, &Refused { success: false, error_message: why });
            }
        }
    }
}

/// Writes a value; this cannot fail, since all keys are strings.
fn write_value(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let _ = serde_json::to_writer(json, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Adds up offsets as EpiViz does (`genomic-range-array.js`).
    fn decoded(mut column: Vec<i64>) -> Vec<i64> {
        for i in 1..column.len() {
            column[i] += column[i - 1];
        }
        column
    }

    fn column(rows: &Value, name: &str) -> Vec<i64> {
        rows[name].as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect()
    }

    proptest! {
        /// Decodes offsets like a page, and compares with the starts and ends without them.
        #[test]
        fn offsets_add_up_to_the_positions(
            rows in proptest::collection::vec((0u32..0x7fff_0000, -1i32..70_000), 0..40),
            first_rank in 0u64..1_000_000,
        ) {
            let mut start: Vec<u32> = rows.iter().map(|row| row.0).collect();
            start.sort_unstable();
            let end = start.iter().zip(&rows).map(|(start, row)| start.saturating_add_signed(row.1));
            let table = Table { first_rank, end: end.collect(), start, ..Table::default() };
            let id: Box<RawValue> = RawValue::from_string("1".into()).unwrap();
            let data = |reply: Reply| {
                serde_json::from_str::<Value>(&reply.to_json(&id)).unwrap()["data"].take()
            };
            let [absolute, offsets] = [Positions::Absolute, Positions::Offsets]
                .map(|positions| data(Reply::Rows(table.clone(), positions)));
            prop_assert_eq!(&absolute["useOffset"], false);
            prop_assert_eq!(&offsets["useOffset"], true);
            let part = CombinedPart { datasource: "a".into(), table: table.clone(), measurements: Vec::new() };
            let dialect = Dialect::Classic;
            let combined = Combined { parts: vec![part], dialect, positions: Positions::Offsets };
            let combined = data(Reply::Combined(combined))["a"].take();
            prop_assert_eq!(&combined["useOffset"], true);
            for name in ["start", "end"] {
                let expected = column(&absolute["values"], name);
                prop_assert_eq!(&decoded(column(&offsets["values"], name)), &expected);
                prop_assert_eq!(&decoded(column(&combined["rows"], name)), &expected);
            }
            let starts: Vec<i64> = table.start.iter().map(|start| i64::from(*start) + 1).collect();
            prop_assert_eq!(column(&absolute["values"], "start"), starts);
            prop_assert_eq!(column(&offsets["values"], "id"), column(&absolute["values"], "id"));
        }
    }
}
