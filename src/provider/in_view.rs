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
        let mut values = vec![Vec::new(); measurements.len()];
        for datasource in listing.datasources() {
            let own = |(_, m): &(usize, &Arc<Measurement>)| m.datasource == datasource.id;
            let (places, own): (Vec<_>, Vec<_>) = measurements
                .iter()
                .enumerate()
                .filter(own)
                .map(|(place, measurement)| (place, measurement.clone()))
                .unzip();
            if own.is_empty() {
                continue;
            }
            let level = level(&datasource.group);
            let table = self.read(&listing, datasource, view, level, &own, &[]).await?;
            for (column, place) in places.into_iter().enumerate() {
                let starts = table.start.iter().map(|start| *start >= view.start);
                let inside = numbers(&table, column).zip(starts).filter(|(_, inside)| *inside);
                values[place] = inside.map(|(value, _)| value).collect();
            }
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
