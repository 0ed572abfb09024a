//! Collects rows into columns whose kinds are known.

use super::Row;
use crate::source::io::delimited;
use crate::source::io::lines::shortened;
use crate::source::rows::records::Rows;
use crate::source::{ColumnInfo, ColumnKind};
use crate::table::{Column, Data, Table, Texts};

/// Collects rows.
pub(crate) struct Builder {
    rows: Rows,
}

impl Builder {
    /// Creates a builder of rows with these columns.
    pub(crate) fn new<'c>(columns: impl Iterator<Item = &'c ColumnInfo>) -> Self {
        let empty = |info: &ColumnInfo| {
            let data = match info.kind {
                ColumnKind::Text => Data::Text(Texts::default()),
                ColumnKind::Number(_) => Data::Doubles(Vec::new()),
            };
            Column::new(info.name.clone(), data)
        };
        Builder { rows: Rows { columns: columns.map(empty).collect(), ..Rows::default() } }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.start.len()
    }

    /// Adds a row; `fields` passes on its cells. Returns a message if a cell is not of its column's
    /// kind.
    pub(crate) fn push(
        &mut self,
        sequence: &str,
        row: &Row<'_>,
        fields: impl FnOnce(&mut dyn FnMut(&str)),
    ) -> Result<(), String> {
        let mut columns = self.rows.columns.iter_mut();
        let mut wrong = Ok(());
        let mut or_error = |field: &str, name: &str| {
            number(field, name).unwrap_or_else(|what| {
                wrong = Err(what);
                f64::NAN
            })
        };
        fields(&mut |field| match columns.next() {
            Some(Column { data: Data::Text(texts), .. }) => texts.push(field),
            Some(Column { data: Data::Singles(numbers), name }) => {
                numbers.push(or_error(field, name) as f32);
            }
            Some(Column { data: Data::Doubles(numbers), name }) => {
                numbers.push(or_error(field, name));
            }
            None => {}
        });
        self.rows.push(sequence, row.start, row.end);
        self.rows.strand.push(row.strand);
        wrong
    }

    pub(crate) fn rows(self) -> Rows {
        self.rows
    }

    pub(super) fn table(self, first_rank: u64) -> Table {
        let Rows { start, end, strand, columns, .. } = self.rows;
        Table { first_rank, start, end, strand, columns }
    }
}

/// Parses the number in a field of the named column; returns a message if it is text.
pub(crate) fn number(field: &str, name: &str) -> Result<f64, String> {
    delimited::number(field).ok_or_else(|| {
        let shown = shortened(field);
        format!("{name} is not a number: '{shown}'; columns= can name the columns without it")
    })
}
