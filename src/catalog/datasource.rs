//! Datasources and measurements: what a page sees of the sources.

use super::{ChartType, Listing, ValueRange};
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::source::{Level, Shape, Source, Spec};
use crate::table::{Column, Data, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One set of rows under an id, and the measurements that hang on it.
///
/// A dense signal is a measurement of the datasource that all signals of its group share: their
/// rows are the same bins, so they are sent once and can be compared in plots.
#[derive(Clone, Debug)]
pub struct Datasource {
    /// The id by which pages ask for rows.
    pub id: String,
    /// The page's cache key: all datasources of one group share one row array there, so each
    /// datasource has a group of its own.
    pub group: String,
    /// How its rows are served.
    pub shape: Shape,
    /// Its measurements.
    pub measurements: Vec<Arc<Measurement>>,
}

/// A named column of a datasource: what a chart draws.
pub struct Measurement {
    /// The id; unique among all measurements.
    pub id: String,
    /// What people see.
    pub name: String,
    /// The id of its datasource. A range measurement has the same id, since pages ask for its
    /// rows by the measurement (`docs/protocol.md`, 4.2).
    pub datasource: String,
    /// The group of its datasource.
    pub group: String,
    /// Whether it is rows or values.
    pub kind: Kind,
    /// Columns of text that belong to its rows.
    pub metadata: Vec<Arc<str>>,
    /// Smallest and largest value.
    pub range: ValueRange,
    /// The chart that shows it best.
    pub chart: ChartType,
    /// Its colour, if the user chose one.
    pub color: Option<String>,
    /// What else is known of it.
    pub annotation: BTreeMap<String, String>,
    /// Where its rows and values come from.
    pub source: Arc<dyn Source>,
    /// How it was asked for; none for what is made up.
    pub spec: Option<Arc<Spec>>,
    /// The source's column that it shows; none for a range measurement.
    pub column: Option<Arc<str>>,
    /// What it shows beside the file's own rows or values; none for those.
    pub companion: Option<&'static str>,
}

impl Measurement {
    /// Whether it was asked for by that very `spec`.
    pub(super) fn is_of(&self, spec: &Arc<Spec>) -> bool {
        self.spec.as_ref().is_some_and(|own| Arc::ptr_eq(own, spec))
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
    /// Rows are the data: blocks, genes.
    Range,
    /// Each row has a value.
    Feature,
}

impl Datasource {
    /// Whether a file of it is on another machine.
    pub(super) fn is_remote(&self) -> bool {
        let mut specs = self.measurements.iter().filter_map(|m| m.spec.as_ref());
        specs.any(|spec| spec.input.is_remote())
    }

    /// Number of rows that overlap the region, perhaps estimated until the sequence has been
    /// counted (by a [`Snapshot`](super::Snapshot)); reads no file.
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

    /// Has the rows of the region's sequence counted.
    pub(super) fn count_rows(&self, listing: &Listing, region: &Region) -> Result<()> {
        // The rows of dense signals follow from the sequence's length.
        let first = self.measurements.first().filter(|_| self.shape != Shape::Dense);
        let own = first.and_then(|m| Some((&m.source, listing.own_region(&*m.source, region)?)));
        own.map_or(Ok(()), |(source, region)| source.count_rows(&region.sequence))
    }

    /// The rows that overlap the region, of any but dense signals: a column for each measurement,
    /// then the metadata.
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
    /// The values of a dense signal in the first `rows` bins of the common grid that overlap the
    /// region. Where its file's sequence is shorter than the assembly's, the rest has no data.
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

    /// A column of its values.
    pub(super) fn bins(&self, values: Vec<f32>) -> Column {
        Column::new(self.id.as_str(), Data::Singles(values))
    }

    fn without_values(&self) -> Error {
        Error::Input(format!("'{}' has rows but no values", self.id))
    }
}

impl Listing {
    /// The bins of the common grid that overlap the region. The last ends with its sequence.
    pub(super) fn grid(&self, region: &Region, level: Level) -> Table {
        let width = u64::from(level.width());
        let Some(sequence) = self.sequences().get(&region.sequence) else {
            return Table::default();
        };
        let end = region.end.min(sequence.length);
        if region.start >= end {
            return Table::default();
        }
        let bins = u64::from(region.start) / width..u64::from(end).div_ceil(width);
        let ends = bins.clone().map(|bin| ((bin + 1) * width).min(u64::from(sequence.length)));
        Table {
            first_rank: bins.start,
            start: bins.map(|bin| (bin * width) as u32).collect(),
            end: ends.map(|end| end as u32).collect(),
            ..Table::default()
        }
    }
}
