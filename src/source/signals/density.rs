//! The density of features: a dense signal that is the companion of a large set of features, of
//! which wide views can show only a part.

use crate::error::Result;
use crate::genome::{Region, Sequences};
use crate::source::grid::bins;
use crate::source::total;
use crate::source::{ColumnInfo, ColumnKind, Level, Part, Shape, Source, unknown_column};
use crate::table::{Column, Data, Table};
use std::sync::Arc;

/// Sets with more rows than this get a density as their companion: at that number, the blocks of a whole
/// chromosome are about a pixel apart.
const MANY: u64 = 5_000;
/// The name of its one column, and of the part.
pub(crate) const DENSITY: &str = "density";

/// The number of rows of a source that start in each bin.
///
/// A row is counted only in the bin in which it starts, so the number in a wide bin is the sum of
/// the numbers in the narrow bins inside it.
pub struct Density {
    of: Arc<dyn Source>,
    columns: [ColumnInfo; 1],
}

impl Density {
    /// Creates the density of a source of features.
    pub fn new(of: Arc<dyn Source>) -> Self {
        let kind = ColumnKind::Number(None);
        Density { of, columns: [ColumnInfo { name: DENSITY.into(), kind }] }
    }

    /// Returns the companion of a source; none if it is not a set of features, or a small one.
    pub(crate) fn companion(of: &Arc<dyn Source>) -> Option<Part> {
        let features = matches!(of.shape(), Shape::Features | Shape::Genes);
        (features && total(&**of) > MANY)
            .then(|| Part { companion: Some(DENSITY), source: Arc::new(Density::new(of.clone())) })
    }
}

impl Source for Density {
    fn shape(&self) -> Shape {
        Shape::Dense
    }

    fn sequences(&self) -> &Sequences {
        self.of.sequences()
    }

    fn knows_lengths(&self) -> bool {
        self.of.knows_lengths()
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        let Some((_, region)) = region.within(self.sequences()) else { return 0 };
        let (first, last) = bins(&region, level.width().trailing_zeros() as u8);
        u64::from(last - first)
    }

    fn first_view(&self) -> Option<Region> {
        self.of.first_view()
    }

    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table> {
        if let Some(unknown) = columns.iter().find(|name| **name != DENSITY) {
            return Err(unknown_column(unknown, &self.columns));
        }
        let Some((index, region)) = region.within(self.sequences()) else {
            return Ok(Table::empty(columns));
        };
        let length = self.sequences().at(index).length;
        let shift = level.width().trailing_zeros() as u8;
        let (first, last) = bins(&region, shift);
        let counts = self.of.starts(&region, shift)?;
        let values = counts.into_iter().map(|count| count as f32).collect::<Vec<_>>();
        let end = |bin: u32| ((u64::from(bin) + 1) << shift).min(length.into()) as u32;
        Ok(Table {
            first_rank: first.into(),
            start: (first..last).map(|bin| bin << shift).collect(),
            end: (first..last).map(end).collect(),
            strand: Vec::new(),
            columns: columns
                .iter()
                .map(|name| Column::new(*name, Data::Singles(values.clone())))
                .collect(),
        })
    }
}
