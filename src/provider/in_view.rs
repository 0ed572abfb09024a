//! What a page at rest shows of its measurements.

use super::{Provider, View};
use crate::catalog::{Listing, Measurement, numbers};
use crate::error::Result;
use crate::genome::Region;
use crate::source::{Level, Shape};
use std::sync::Arc;

/// How much of the rows in view a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All of them, or a summary of them all.
    All,
    /// The most important of each bin.
    Part,
    /// None, as in any view that wide.
    None,
}

impl Provider {
    /// The values of each measurement that a line along the view at `level` has, or at the level
    /// that a page without cache gets: those of the rows that start in it.
    ///
    /// # Errors
    /// As [`crate::catalog::Catalog::read`].
    pub async fn values_in_view(
        &self,
        measurements: &[Arc<Measurement>],
        view: &Region,
        level: impl Fn(&str) -> Option<Level>,
    ) -> Result<Vec<Vec<f64>>> {
        let listing = self.catalog.listing();
        let mut values = Vec::new();
        for measurement in measurements {
            let Some(datasource) = listing.datasource(&measurement.datasource) else {
                values.push(Vec::new());
                continue;
            };
            let level = level(&datasource.group);
            let one = [measurement.clone()];
            let table = self.read(&listing, datasource, view, level, &one, &[]).await?;
            let starts = table.start.iter().map(|start| *start >= view.start);
            let inside = numbers(&table, 0).zip(starts).filter(|(_, inside)| *inside);
            values.push(inside.map(|(value, _)| value).collect());
        }
        Ok(values)
    }

    /// How much of a group's rows a page shows that looks at `view`; `level` as for
    /// [`Provider::values_in_view`].
    pub fn shown(
        &self,
        listing: &Listing,
        group: &str,
        view: &Region,
        level: Option<Level>,
    ) -> Shown {
        let shape = listing.datasources().iter().find(|d| d.group == group).map(|d| d.shape);
        let level = level.unwrap_or_else(|| View::level_for(self.page_rows, listing, group, view));
        match shape {
            Some(shape) if shape.hides(level) => Shown::None,
            Some(Shape::Features | Shape::Genes | Shape::Reads) if level != Level::Records => {
                Shown::Part
            }
            _ => Shown::All,
        }
    }
}
