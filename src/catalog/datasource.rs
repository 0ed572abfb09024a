//! Datasources and measurements: how pages see sources.

use super::{ChartType, Listing, ValueRange};
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::source::{Level, Shape, Source, Spec};
use crate::table::{Column, Data, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One set of rows with an id, and its measurements.
///
/// All dense signals of a group are measurements of one datasource: their rows are the same bins,
/// so these are sent once and plots can compare the signals.
#[derive(Clone, Debug)]
pub struct Datasource {
    /// The id by which pages request rows.
    pub id: String,
    /// The page's cache key: datasources of one group share one row array there, so each datasource
    /// has a separate group.
    pub group: String,
    /// How its rows are served.
    pub shape: Shape,
    /// Its measurements.
    pub measurements: Vec<Arc<Measurement>>,
}

/// A named column of a datasource, or its rows, as a chart draws them.
pub struct Measurement {
    /// The id; unique among all measurements.
    pub id: String,
    /// The name shown to users.
    pub name: String,
    /// The id of its datasource. A range measurement has the same id, since pages request its
    /// rows by the measurement (`docs/protocol.md`, 4.2).
    pub datasource: String,
    /// The group of its datasource.
    pub group: String,
    /// Whether it is rows or values.
    pub kind: Kind,
    /// The text columns of its rows.
    pub metadata: Vec<Arc<str>>,
    /// The smallest and the largest value.
    pub range: ValueRange,
    /// The default chart type.
    pub chart: ChartType,
    /// Its colour, if the user chose one.
    pub color: Option<String>,
    /// Further information.
    pub annotation: BTreeMap<String, String>,
    /// The source of its rows and values.
    pub source: Arc<dyn Source>,
    /// How it was opened; `None` for generated data.
    pub spec: Option<Arc<Spec>>,
    /// The source's column that it shows; `None` for a range measurement.
    pub column: Option<Arc<str>>,
    /// The kind of companion, such as reads; `None` for the file's own rows or values.
    pub companion: Option<&'static str>,
}

impl Measurement {
    /// Returns whether it was opened by this very `spec`.
    pub(super) fn is_of(&self, spec: &Arc<Spec>) -> bool {
        self.spec.as_ref().is_some_and(|own| Arc::ptr_eq(own, spec))
    }

    /// Returns whether it is computed from others.
    pub fn is_computed(&self) -> bool {
        self.spec.as_ref().is_some_and(|spec| spec.options.computed.is_some())
    }

    /// Whether its file is on another machine, and too large to read all of it for its names.
    pub(super) fn is_far(&self) -> bool {
        const LARGE: u64 = 64 << 20;
        let spec = self.spec.as_ref().filter(|spec| spec.input.is_remote());
        spec.is_some_and(|spec| spec.input.size().map_or(true, |size| size > LARGE))
    }
}

impl std::fmt::Debug for Measurement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Measurement({} of {})", self.id, self.datasource)
    }
}

/// The two kinds of measurement that a page knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The rows themselves are the data: blocks, genes.
    Range,
    /// Each row has a value.
    Feature,
}

impl Datasource {
    /// Returns whether one of its files is on another machine.
    pub(super) fn is_remote(&self) -> bool {
        let mut specs = self.measurements.iter().filter_map(|m| m.spec.as_ref());
        specs.any(|spec| spec.input.is_remote())
    }

    /// Returns the number of rows that overlap the region, which may be an estimate until a
    /// [`Snapshot`](super::Snapshot) has counted the sequence; reads no file.
    pub fn count(&self, listing: &Listing, region: &Region, level: Level) -> u64 {
        match (self.shape, self.measurements.first()) {
            (Shape::Dense, _) => u64::from(region.len().div_ceil(level.width())),
            (_, Some(first)) => {
                let own = listing.own_region(&*first.source, region);
                own.map_or(0, |region| first.source.rows(&region, level))
            }
            (_, None) => 0,
        }
    }

    /// Returns whether a view of the region's sequence is read from memory at once.
    pub(super) fn is_quick(&self, listing: &Listing, region: &Region) -> bool {
        let first = self.measurements.first().filter(|_| self.shape != Shape::Dense);
        let own = first.and_then(|m| Some((&m.source, listing.own_region(&*m.source, region)?)));
        own.is_some_and(|(source, region)| source.is_quick(&region.sequence))
    }

    /// Counts the rows of the region's sequence.
    pub(super) fn count_rows(&self, listing: &Listing, region: &Region) -> Result<()> {
        // The rows of dense signals follow from the sequence's length.
        let first = self.measurements.first().filter(|_| self.shape != Shape::Dense);
        let own = first.and_then(|m| Some((&m.source, listing.own_region(&*m.source, region)?)));
        own.map_or(Ok(()), |(source, region)| source.count_rows(&region.sequence))
    }

    /// Returns the rows that overlap the region, for all shapes but dense signals: a column for
    /// each measurement, then the metadata.
    pub(super) fn read(
        &self,
        listing: &Listing,
        region: &Region,
        level: Level,
        measurements: &[Arc<Measurement>],
        metadata: &[Arc<str>],
    ) -> Result<Table> {
        let mut columns: Vec<&str> = Vec::new();
        for measurement in measurements {
            let column = measurement.column.as_deref();
            columns.push(column.ok_or_else(|| measurement.without_values())?);
        }
        columns.extend(metadata.iter().map(|name| &**name));
        let own = self
            .measurements
            .first()
            .and_then(|first| Some((&first.source, listing.own_region(&*first.source, region)?)));
        let mut table = match own {
            Some((source, region)) => source.read(&region, level, &columns)?,
            None => Table::empty(&columns),
        };
        for (column, measurement) in table.columns.iter_mut().zip(measurements) {
            column.name = measurement.id.as_str().into();
        }
        Ok(table)
    }
}

impl Measurement {
    /// Returns the values of a dense signal in the first `rows` bins of the common grid that
    /// overlap the region. Bins beyond the end of the file's sequence have no data.
    pub(super) fn read_bins(
        &self,
        listing: &Listing,
        region: &Region,
        level: Level,
        rows: usize,
    ) -> Result<Column> {
        let column = self.column.as_deref().ok_or_else(|| self.without_values())?;
        let mut values = vec![f32::NAN; rows];
        if let Some(region) = listing.own_region(&*self.source, region) {
            let own = self.source.read(&region, level, &[column])?;
            for (value, row) in values.iter_mut().zip(0..own.len()) {
                *value = own.columns[0].data.number(row) as f32;
            }
        }
        Ok(self.bins(values))
    }

    /// Returns a column of its values.
    pub(super) fn bins(&self, values: Vec<f32>) -> Column {
        Column::new(self.id.as_str(), Data::Singles(values))
    }

    fn without_values(&self) -> Error {
        Error::Input(format!("'{}' has rows but no values", self.id))
    }
}

impl Listing {
    /// Returns the bins of the common grid that overlap the region. The last one ends with its
    /// sequence.
    pub(super) fn grid(&self, region: &Region, level: Level) -> Table {
        let width = u64::from(level.width());
        let Some((index, region)) = region.within(self.sequences()) else {
            return Table::default();
        };
        let length = u64::from(self.sequences().at(index).length);
        let bins = u64::from(region.start) / width..u64::from(region.end).div_ceil(width);
        let ends = bins.clone().map(|bin| ((bin + 1) * width).min(length));
        Table {
            first_rank: bins.start,
            start: bins.map(|bin| (bin * width) as u32).collect(),
            end: ends.map(|end| end as u32).collect(),
            ..Table::default()
        }
    }
}
