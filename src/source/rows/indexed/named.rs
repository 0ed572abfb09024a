//! Searches the rows of an indexed file by name: all names are read, once.

use super::{ByRegion, Indexed};
use crate::error::Result;
use crate::source::ColumnInfo;
use crate::source::rows::records::{IDS, Records, RecordsOptions, Rows};
use crate::table::{Column, Data, Texts};
use std::sync::{Arc, PoisonError};

/// Largest number of rows whose names are collected for the search, to bound the memory.
const MOST_NAMES: u64 = 4_000_000;

impl<F: ByRegion> Indexed<F> {
    /// Returns all names. The first caller reads them while others wait.
    pub(super) fn names(&self, column: usize) -> Result<Arc<Records>> {
        let mut slot = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = &*slot {
            return Ok(names.clone());
        }
        let rows = self.all_names(column, MOST_NAMES)?.unwrap_or_else(|| {
            let name = self.file.path().display();
            tracing::warn!(
                "{name} has more than {MOST_NAMES} rows, too many to search by name; to search some \
                 of them, load these rows as a separate file"
            );
            Rows {
                columns: vec![Column::new("name", Data::Text(Texts::default()))],
                ..Rows::default()
            }
        });
        let how = RecordsOptions { shape: self.about.shape, name: Some("name"), importance: None };
        let names = Arc::new(Records::new(rows, how));
        *slot = Some(names.clone());
        Ok(names)
    }

    /// Reads all names with their intervals, and the ids of genes and transcripts; none if there are
    /// more than `most`.
    fn all_names(&self, column: usize, most: u64) -> Result<Option<Rows>> {
        let mut rows = Rows::default();
        let (mut names, mut ids) = (Texts::default(), Texts::default());
        let is_id = |column: &ColumnInfo| IDS.contains(&&*column.name);
        let has_ids = self.gene().is_some();
        let columns = self.about.columns.iter().enumerate();
        let columns = columns.filter(|(_, column)| has_ids && is_id(column)).map(|(at, _)| at);
        let columns: Vec<usize> = std::iter::once(column).chain(columns).collect();
        if self.about.rows.iter().sum::<u64>() > most {
            return Ok(None);
        }
        for (index, sequence) in self.about.sequences.iter().enumerate() {
            self.each(index, 0..u32::MAX, |row| {
                rows.push(sequence.name, row.start, row.end);
                let (mut is_name, mut own) = (true, String::new());
                self.file.fields(&row, &columns, &mut |text| {
                    if std::mem::take(&mut is_name) {
                        names.push(text);
                    } else {
                        own.extend([text, "\n"]);
                    }
                });
                ids.push(own.trim_end());
                Ok(names.len() as u64 <= most)
            })?;
            if names.len() as u64 > most {
                return Ok(None);
            }
        }
        rows.columns = vec![Column::new("name", Data::Text(names))];
        rows.ids = has_ids.then_some(ids);
        Ok(Some(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Strand;
    use crate::source::rows::indexed::{About, Flow, Row};
    use crate::source::{ColumnKind, Shape};
    use std::ops::{ControlFlow, Range};
    use std::path::Path;

    /// A file of three rows that states that it has one.
    struct Three;

    impl ByRegion for Three {
        fn path(&self) -> &Path {
            Path::new("three")
        }

        fn each(
            &self,
            _: usize,
            _: Range<u32>,
            take: &mut dyn FnMut(Row<'_>) -> Flow,
        ) -> Result<()> {
            let row = |start| Row { start, end: start + 5, strand: Strand::Both, text: "name" };
            match [10, 20, 30].map(row).into_iter().try_for_each(take) {
                ControlFlow::Break(result) => result,
                ControlFlow::Continue(()) => Ok(()),
            }
        }

        fn fields(&self, row: &Row<'_>, _: &[usize], put: &mut dyn FnMut(&str)) {
            put(row.text);
        }
    }

    #[test]
    fn either_all_names_are_searched_or_none() {
        let about = About {
            shape: Shape::Features,
            sequences: Arc::new([("chr1", 100)].into_iter().collect()),
            knows_lengths: true,
            rows: vec![1],
            columns: vec![ColumnInfo { name: "name".into(), kind: ColumnKind::Text }],
            name: Some(0),
            importance: None,
        };
        let three = Indexed::new(Three, about, None).unwrap();
        let found = |most| three.all_names(0, most).unwrap().map(|rows| rows.start);
        assert_eq!(found(3), Some(vec![10, 20, 30]));
        assert_eq!(found(2), None, "some of the names would be searched as if they were all");
        assert_eq!(found(0), None);
    }
}
