//! Answers to pages.

use super::Dialect;
use crate::table::{Column, Data, Table};
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct, Serializer};
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
    Rows(Table),
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
        #[derive(Serialize)]
        struct Message<'a> {
            r#type: &'static str,
            #[serde(rename = "requestId")]
            id: &'a RawValue,
            data: &'a Reply,
        }
        let message = Message { r#type: "response", id, data: self };
        let mut json = Vec::with_capacity(self.about_bytes());
        // This cannot fail: all keys are strings.
        let written = serde_json::to_writer(&mut json, &message).is_ok();
        String::from_utf8(json).ok().filter(|_| written).unwrap_or_default()
    }

    /// Returns about how many bytes the answer takes, so that they are not moved while it is
    /// written.
    fn about_bytes(&self) -> usize {
        let rows = |table: &Table| table.len() * CELL * (4 + table.columns.len());
        let rows = match self {
            Reply::Rows(table) | Reply::Values(table, _) => rows(table),
            Reply::Combined(combined) => combined.parts.iter().map(|p| rows(&p.table)).sum(),
            _ => 0,
        };
        ENVELOPE + rows
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Reply::Measurements(table) => table.serialize(to),
            Reply::SeqInfos(infos) => infos.serialize(to),
            Reply::Rows(table) => RowsJson { table, metadata: &table.columns }.serialize(to),
            Reply::Values(table, Dialect::Classic) => {
                let mut answer = to.serialize_struct("values", 2)?;
                answer.serialize_field("globalStartIndex", &first_rank(table))?;
                answer
                    .serialize_field("values", &table.columns.first().map(|c| Entries(&c.data)))?;
                answer.end()
            }
            Reply::Values(table, Dialect::Five) => {
                let names = table.columns.iter().map(|c| c.name.to_string()).collect::<Vec<_>>();
                version_five(to, table, &names)
            }
            Reply::Combined(Combined { parts, dialect: Dialect::Five }) if parts.len() == 1 => {
                version_five(to, &parts[0].table, &parts[0].measurements)
            }
            Reply::Combined(Combined { parts, .. }) => {
                let mut answer = to.serialize_map(Some(parts.len()))?;
                for part in parts {
                    answer.serialize_entry(&part.datasource, &PartJson(part))?;
                }
                answer.end()
            }
            Reply::Hits(hits) => hits.serialize(to),
            Reply::Workspaces(workspaces) => workspaces.serialize(to),
            Reply::Saved(id) => to.serialize_str(id),
            Reply::Deleted(done) => {
                let mut answer = to.serialize_struct("deleted", 1)?;
                answer.serialize_field("success", done)?;
                answer.end()
            }
            Reply::Done => to.serialize_map(Some(0))?.end(),
            Reply::Told(members) => members.serialize(to),
            Reply::Refused(why) => {
                let mut answer = to.serialize_struct("refused", 2)?;
                answer.serialize_field("success", &false)?;
                answer.serialize_field("errorMessage", why)?;
                answer.end()
            }
        }
    }
}

fn first_rank(table: &Table) -> Option<u64> {
    (!table.is_empty()).then_some(table.first_rank)
}

/// Writes `{rows, values, globalStartIndex}`, the answer to getValues and getCombined in version 5.
fn version_five<S: Serializer>(
    to: S,
    table: &Table,
    measurements: &[String],
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Values<'a> {
        #[serde(rename = "globalStartIndex")]
        first: Option<u64>,
        values: Columns<'a>,
    }
    let (values, metadata) = table.columns.split_at(measurements.len().min(table.columns.len()));
    let first = first_rank(table);
    let mut answer = to.serialize_struct("five", 3)?;
    answer.serialize_field("rows", &RowsJson { table, metadata })?;
    answer.serialize_field("values", &Values { first, values: Columns(measurements, values) })?;
    answer.serialize_field("globalStartIndex", &first)?;
    answer.end()
}

/// `{globalStartIndex, useOffset, values: {id, start, end, strand, metadata}}`.
struct RowsJson<'a> {
    table: &'a Table,
    metadata: &'a [Column],
}

impl Serialize for RowsJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut answer = to.serialize_struct("rows", 3)?;
        answer.serialize_field("globalStartIndex", &first_rank(self.table))?;
        answer.serialize_field("useOffset", &false)?;
        answer.serialize_field("values", &RowColumns(self))?;
        answer.end()
    }
}

struct RowColumns<'a>(&'a RowsJson<'a>);

impl Serialize for RowColumns<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let RowsJson { table, metadata } = self.0;
        let mut answer = to.serialize_struct("values", 5)?;
        row_fields(&mut answer, table, metadata)?;
        answer.end()
    }
}

fn row_fields<S: SerializeStruct>(
    to: &mut S,
    table: &Table,
    metadata: &[Column],
) -> Result<(), S::Error> {
    let ids = JsonList(|| (0..table.len()).map(|row| table.first_rank + row as u64));
    to.serialize_field("id", &ids)?;
    to.serialize_field("start", &JsonList(|| table.start.iter().map(|start| start + 1)))?;
    // A row without bases (an insertion) is shown at the base after it; a placeholder, whose end is
    // before its start, has no width on the wire either.
    let shown_end =
        |(start, end): (&u32, &u32)| if end < start { *start } else { *end.max(&(start + 1)) };
    let ends = JsonList(|| table.start.iter().zip(&table.end).map(shown_end));
    to.serialize_field("end", &ends)?;
    if table.strand.is_empty() && !table.is_empty() {
        to.serialize_field("strand", "*")?;
    } else {
        to.serialize_field(
            "strand",
            &JsonList(|| table.strand.iter().map(|strand| strand.as_str())),
        )?;
    }
    to.serialize_field("metadata", &Columns(&[], metadata))
}

/// `{globalStartIndex, rows: {id, start, end, strand, metadata}, cols: {measurement: [..]}}`.
struct PartJson<'a>(&'a CombinedPart);

impl Serialize for PartJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let CombinedPart { table, measurements, .. } = self.0;
        let (values, metadata) =
            table.columns.split_at(measurements.len().min(table.columns.len()));
        let mut answer = to.serialize_struct("part", 3)?;
        answer.serialize_field("globalStartIndex", &first_rank(table))?;
        answer.serialize_field("rows", &RowColumns(&RowsJson { table, metadata }))?;
        answer.serialize_field("cols", &Columns(measurements, values))?;
        answer.end()
    }
}

/// Columns under the given names, or else under their own.
struct Columns<'a>(&'a [String], &'a [Column]);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.1.len()))?;
        for (index, column) in self.1.iter().enumerate() {
            let name = self.0.get(index).map_or(&*column.name, String::as_str);
            map.serialize_entry(name, &Entries(&column.data))?;
        }
        map.end()
    }
}

/// The entries of a column; a missing number is null.
struct Entries<'a>(&'a Data);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            // serde_json writes what is not finite as null.
            Data::Singles(values) => values.serialize(to),
            Data::Doubles(values) => values.serialize(to),
            Data::Text(texts) => to.collect_seq(texts.iter()),
        }
    }
}

/// Serializes the items of an iterator.
struct JsonList<F>(F);

impl<F: Fn() -> I, I: ExactSizeIterator<Item: Serialize>> Serialize for JsonList<F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let entries = (self.0)();
        let mut list = to.serialize_seq(Some(entries.len()))?;
        for entry in entries {
            list.serialize_element(&entry)?;
        }
        list.end()
    }
}
