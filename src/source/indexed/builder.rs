//! Rows as they are collected into columns whose kinds are known.

use super::Row;
use crate::source::{ColumnInfo, ColumnKind, Rows};
use crate::table::{Column, Data, Table, Texts};
use std::borrow::Cow;

/// Collects rows.
pub(in crate::source) struct Builder {
    rows: Rows,
}

impl Builder {
    /// For rows that have these columns.
    pub(in crate::source) fn new<'c>(columns: impl Iterator<Item = &'c ColumnInfo>) -> Self {
        let empty = |info: &ColumnInfo| {
            let data = match info.kind {
                ColumnKind::Text => Data::Text(Texts::default()),
                ColumnKind::Number(_) => Data::Doubles(Vec::new()),
            };
            Column::new(info.name.clone(), data)
        };
        Builder { rows: Rows { columns: columns.map(empty).collect(), ..Rows::default() } }
    }

    pub(in crate::source) fn len(&self) -> usize {
        self.rows.start.len()
    }

    /// Adds a row; says what is wrong if a field is not what its column holds.
    pub(in crate::source) fn push<'f>(
        &mut self,
        sequence: &str,
        row: &Row<'_>,
        fields: impl Iterator<Item = Cow<'f, str>>,
    ) -> Result<(), String> {
        for (field, column) in fields.zip(&mut self.rows.columns) {
            match &mut column.data {
                Data::Text(texts) => texts.push(&field),
                Data::Singles(numbers) => numbers.push(number(&field, &column.name)? as f32),
                Data::Doubles(numbers) => numbers.push(number(&field, &column.name)?),
            }
        }
        self.rows.push(sequence, row.start, row.end);
        self.rows.strand.push(row.strand);
        Ok(())
    }

    pub(in crate::source) fn rows(self) -> Rows {
        self.rows
    }

    pub(super) fn table(self, first_rank: u64) -> Table {
        let Rows { start, end, strand, columns, .. } = self.rows;
        Table { first_rank, start, end, strand, columns }
    }
}

/// The number in a field of the column of that name; says what is wrong if it is text.
pub(in crate::source) fn number(field: &str, name: &str) -> Result<f64, String> {
    super::number(field).ok_or_else(|| {
        let shown: String = field.chars().take(40).collect();
        format!("{name} is not a number: '{shown}'")
    })
}
