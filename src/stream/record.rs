//! A record of a stream, and the part of it that a subscriber wants.

use crate::genome::Region;
use crate::table::{Column, Data, Texts};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A record of a stream.
#[derive(Debug)]
pub struct StreamRecord {
    /// Its number in the stream, from 1.
    pub recno: u64,
    /// When it arrived, in milliseconds since 1970.
    pub ts: u64,
    /// The session in which it happened; `None` if it concerns all.
    pub session: Option<String>,
    /// The region that it is about, if it is about one.
    pub place: Option<Region>,
    /// What it says.
    pub content: Content,
}

/// What a record says.
#[derive(Debug)]
pub enum Content {
    /// An event of a topic.
    Event(Map<String, Value>),
    /// New rows of a datasource.
    Rows(Rows),
}

/// Rows on any sequences: 0-based, half-open.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The sequence of each row.
    pub sequence: Texts,
    /// The first base of each row.
    pub start: Vec<u32>,
    /// One past the last base of each row.
    pub end: Vec<u32>,
    /// Further columns.
    pub columns: Vec<Column>,
}

impl Content {
    /// Returns the approximate memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self {
            // The values of events are short.
            Content::Event(members) => members.len() * 64 + 64,
            Content::Rows(rows) => {
                let columns: usize = rows.columns.iter().map(|column| column.data.memory()).sum();
                rows.start.len() * 24 + columns + 64
            }
        }
    }
}

impl Rows {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.start.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    /// Returns the regions that the rows cover, one for each sequence.
    pub fn regions(&self) -> Vec<Region> {
        let mut all: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for (row, sequence) in self.sequence.iter().enumerate() {
            let (start, end) = (self.start[row], self.end[row]);
            let known = all.entry(sequence).or_insert((start, end));
            *known = (known.0.min(start), known.1.max(end));
        }
        all.into_iter().map(|(name, (start, end))| Region::new(name, start, end)).collect()
    }

    /// Returns the rows that overlap a region, and those columns, as JSON columns; `None` if no row
    /// does.
    pub(super) fn to_json(
        &self,
        region: Option<&Region>,
        columns: Option<&[String]>,
    ) -> Option<Value> {
        let overlaps = |row: &usize| {
            region.is_none_or(|region| {
                self.sequence.get(*row) == &*region.sequence
                    && self.start[*row] < region.end
                    && self.end[*row].max(self.start[*row] + 1) > region.start
            })
        };
        let rows: Vec<usize> = (0..self.len()).filter(overlaps).collect();
        if rows.is_empty() && region.is_some() {
            return None;
        }
        let mut object = Map::new();
        let sequences: Vec<&str> = rows.iter().map(|row| self.sequence.get(*row)).collect();
        object.insert("sequence".into(), json!(sequences));
        let numbers = |of: &[u32]| json!(rows.iter().map(|row| of[*row]).collect::<Vec<_>>());
        object.insert("start".into(), numbers(&self.start));
        object.insert("end".into(), numbers(&self.end));
        for Column { name, data } in &self.columns {
            if columns.is_some_and(|wanted| !wanted.iter().any(|known| **known == **name)) {
                continue;
            }
            let cell = |row: &usize| match data {
                Data::Text(texts) => json!(texts.get(*row)),
                // Printed with the digits of single precision.
                Data::Singles(values) => json!(values[*row]),
                Data::Doubles(values) => json!(values[*row]),
            };
            object.insert(name.to_string(), rows.iter().map(cell).collect());
        }
        Some(Value::Object(object))
    }
}
