//! Answers to pages.

use super::{Dialect, Positions};
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
            Reply::Rows(table, _) | Reply::Values(table, _) => rows(table),
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
            Reply::Rows(table, positions) => {
                RowsJson { table, metadata: &table.columns, positions: *positions }.serialize(to)
            }
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
            Reply::Combined(Combined { parts, dialect: Dialect::Five, .. }) if parts.len() == 1 => {
                version_five(to, &parts[0].table, &parts[0].measurements)
            }
            Reply::Combined(Combined { parts, positions, .. }) => {
                let mut answer = to.serialize_map(Some(parts.len()))?;
                for part in parts {
                    answer.serialize_entry(&part.datasource, &PartJson(part, *positions))?;
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
    let rows = RowsJson { table, metadata, positions: Positions::Absolute };
    answer.serialize_field("rows", &rows)?;
    answer.serialize_field("values", &Values { first, values: Columns(measurements, values) })?;
    answer.serialize_field("globalStartIndex", &first)?;
    answer.end()
}

/// `{globalStartIndex, useOffset, values: {id, start, end, strand, metadata}}`.
struct RowsJson<'a> {
    table: &'a Table,
    metadata: &'a [Column],
    positions: Positions,
}

impl Serialize for RowsJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut answer = to.serialize_struct("rows", 3)?;
        answer.serialize_field("globalStartIndex", &first_rank(self.table))?;
        answer.serialize_field("useOffset", &(self.positions == Positions::Offsets))?;
        answer.serialize_field("values", &RowColumns(self))?;
        answer.end()
    }
}

struct RowColumns<'a>(&'a RowsJson<'a>);

impl Serialize for RowColumns<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let RowsJson { table, metadata, positions } = self.0;
        let mut answer = to.serialize_struct("values", 5)?;
        let ids = JsonList(|| (0..table.len()).map(|row| table.first_rank + row as u64));
        answer.serialize_field("id", &ids)?;
        let start = |row: usize| table.start[row] + 1;
        // A row without bases (an insertion) is shown at the base after it; a placeholder, whose end
        // is before its start, has no width on the wire either.
        let end = |row: usize| {
            let (start, end) = (table.start[row], table.end[row]);
            if end < start { start } else { end.max(start + 1) }
        };
        let rows = table.len();
        match positions {
            Positions::Absolute => {
                answer.serialize_field("start", &JsonList(|| (0..rows).map(start)))?;
                answer.serialize_field("end", &JsonList(|| (0..rows).map(end)))?;
            }
            Positions::Offsets => {
                answer.serialize_field("start", &JsonList(|| (0..rows).map(offset(start))))?;
                answer.serialize_field("end", &JsonList(|| (0..rows).map(offset(end))))?;
            }
        }
        if table.strand.is_empty() && !table.is_empty() {
            answer.serialize_field("strand", "*")?;
        } else {
            let strands = JsonList(|| table.strand.iter().map(|strand| strand.as_str()));
            answer.serialize_field("strand", &strands)?;
        }
        answer.serialize_field("metadata", &Columns(&[], metadata))?;
        answer.end()
    }
}

/// Returns the difference of each position to the one before; of the first, the position.
fn offset(position: impl Fn(usize) -> u32) -> impl Fn(usize) -> i64 {
    move |row| {
        let before = row.checked_sub(1).map_or(0, &position);
        i64::from(position(row)) - i64::from(before)
    }
}

/// `{globalStartIndex, rows: {id, start, end, strand, metadata}, cols: {measurement: [..]}}`, and
/// `useOffset: true` if that was asked for.
struct PartJson<'a>(&'a CombinedPart, Positions);

impl Serialize for PartJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (CombinedPart { table, measurements, .. }, positions) = (self.0, self.1);
        let (values, metadata) =
            table.columns.split_at(measurements.len().min(table.columns.len()));
        let mut answer = to.serialize_struct("part", 4)?;
        answer.serialize_field("globalStartIndex", &first_rank(table))?;
        // No page but ours reads it here.
        if positions == Positions::Offsets {
            answer.serialize_field("useOffset", &true)?;
        }
        let rows = RowsJson { table, metadata, positions };
        answer.serialize_field("rows", &RowColumns(&rows))?;
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
