//! The values and rows that a page at rest shows.

use super::{Provider, View};
use crate::catalog::{Listing, Measurement, Query, QueryResult, Resolution, numbers};
use crate::error::Result;
use crate::genome::Region;
use crate::source::{Level, Shape};
use std::sync::Arc;

/// How many of the rows in view a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All of them, or a summary of all.
    All,
    /// The most important one in each bin.
    Part,
    /// None, because the view is too wide.
    None,
}

impl Provider {
    /// Returns the values of each measurement that a line in the view shows: those of the rows that
    /// start in it, at `level` or else at the level that a page without a cache gets.
    ///
    /// # Errors
    /// As `Snapshot::read`.
    pub async fn values_in_view(
        &self,
        measurements: &[Arc<Measurement>],
        view: &Region,
        level: impl Fn(&str) -> Option<Level>,
    ) -> Result<Vec<Vec<f64>>> {
        let snapshot = self.catalog.snapshot();
        let queries: Vec<_> = measurements
            .iter()
            .map(|measurement| {
                let datasource = snapshot.datasource(&measurement.datasource)?;
                Some(Query {
                    datasource: datasource.clone(),
                    region: view.clone(),
                    measurements: vec![measurement.clone()],
                    metadata: Vec::new(),
                    resolution: level(&datasource.group).map_or(self.for_view(), Resolution::At),
                })
            })
            .collect();
        let served: Vec<_> = queries.iter().map(Option::is_some).collect();
        let mut answers =
            snapshot.read_all(queries.into_iter().flatten().collect()).await.into_iter();
        let mut values = Vec::new();
        for is_served in served {
            // A measurement that is no longer served has no values.
            let answer = if is_served { answers.next().transpose()? } else { None };
            let inside = answer.map(|QueryResult { table, .. }| {
                let starts = table.start.iter().map(|start| *start >= view.start);
                let inside = numbers(&table, 0).zip(starts).filter(|(_, inside)| *inside);
                inside.map(|(value, _)| value).collect()
            });
            values.push(inside.unwrap_or_default());
        }
        Ok(values)
    }

    /// Returns how many of a group's rows a page shows in `view`; `level` as for
    /// [`Provider::values_in_view`].
    pub fn visibility(
        &self,
        listing: &Listing,
        group: &str,
        view: &Region,
        level: Option<Level>,
    ) -> Visibility {
        let shape = listing.group(group).map(|datasource| datasource.shape);
        let level = level.unwrap_or_else(|| View::level_for(self.page_rows, listing, group, view));
        match shape {
            Some(shape) if shape.hides(level) => Visibility::None,
            Some(Shape::Features | Shape::Genes | Shape::Reads | Shape::Bases)
                if level != Level::Records =>
            {
                Visibility::Part
            }
            _ => Visibility::All,
        }
    }
}
