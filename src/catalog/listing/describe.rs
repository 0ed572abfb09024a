//! Derives the datasource and the measurements of a source.

use super::{Listing, row_summary};
use crate::catalog::value_range::rounded;
use crate::catalog::{ChartType, Datasource, Kind, Measurement, ValueRange};
use crate::source::{
    ColumnInfo, ColumnKind, Mock, Options, Part, Shape, Skipped, Source, Spec, unit,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The default group of dense signals.
const SIGNALS: &str = "signals";
/// The annotation with the unit of a measurement's values.
pub(crate) const UNIT: &str = "unit";
/// The annotation that says which lines `skip=errors` skipped.
pub(crate) const LEFT_OUT: &str = "left out";

impl Listing {
    /// Returns the measurements of a source: its rows if they are features, then each numeric
    /// column.
    pub(super) fn describe(
        &self,
        part: &Part,
        spec: &Arc<Spec>,
        id: &str,
        name: &str,
    ) -> Vec<Arc<Measurement>> {
        let (source, options) = (&part.source, &spec.options);
        let shape = source.shape();
        let datasource = match shape {
            Shape::Dense => options.group.clone().unwrap_or_else(|| SIGNALS.to_owned()),
            _ => id.to_owned(),
        };
        let columns = selected_columns(source, options);
        let text = columns.iter().filter(|column| column.kind == ColumnKind::Text);
        let metadata: Vec<Arc<str>> = text.map(|column| column.name.clone()).collect();
        let file = spec.input.path().file_name().unwrap_or_default().to_string_lossy();
        let origin = match &options.computed {
            Some(definition) => definition.annotation(),
            None => BTreeMap::from([("file".to_owned(), file.into_owned())]),
        };
        let summary = row_summary::summary(&**source);
        let skipped = options.skip.as_ref().and_then(Skipped::summary);
        let skipped = skipped.map(|summary| (LEFT_OUT.to_owned(), summary));
        let measurement = |id: String, name: String, kind, chart| Measurement {
            id,
            name,
            datasource: datasource.clone(),
            group: datasource.clone(),
            kind,
            metadata: metadata.clone(),
            range: ValueRange::default(),
            chart,
            color: options.color.clone(),
            annotation: origin
                .clone()
                .into_iter()
                .chain(summary.clone())
                .chain(skipped.clone())
                .chain(options.annotation.clone())
                .collect(),
            source: source.clone(),
            spec: Some(spec.clone()),
            column: None,
            companion: part.companion,
        };
        let mut all = Vec::new();
        let chart = match shape {
            Shape::Genes => Some(ChartType::Genes),
            Shape::Features | Shape::Reads | Shape::Bases => Some(ChartType::Blocks),
            Shape::Dense | Shape::Sparse => None,
        };
        if let Some(chart) = chart {
            all.push(measurement(id.to_owned(), name.to_owned(), Kind::Range, chart));
        }
        // Companions have scales of their own.
        let chosen = options.range.filter(|_| part.companion.is_none());
        for column in columns {
            let ColumnKind::Number(range) = column.kind else { continue };
            let (id, name) = match chart {
                Some(_) => (format!("{id}.{}", column.name), format!("{name} {}", column.name)),
                None => (id.to_owned(), name.to_owned()),
            };
            let described = measurement(id, name, Kind::Feature, ChartType::Line);
            let unit = unit(options.opened_as, part.companion, &column.name);
            let unit = unit.filter(|_| !options.annotation.contains_key(UNIT));
            all.push(Measurement {
                range: chosen
                    .or(range.map(rounded))
                    .map_or_else(ValueRange::default, ValueRange::stated),
                column: Some(column.name.clone()),
                annotation: described
                    .annotation
                    .into_iter()
                    .chain(unit.map(|unit| (UNIT.to_owned(), unit.to_owned())))
                    .chain(source.annotation(&column.name))
                    .chain(options.of_columns.get(&*column.name).cloned().unwrap_or_default())
                    .collect(),
                ..described
            });
        }
        all.into_iter().map(Arc::new).collect()
    }

    /// Adds the measurement of EpiViz's tutorial, with the names used there.
    pub(in crate::catalog) fn add_mock(&mut self, mock: Arc<Mock>) {
        for sequence in mock.sequences() {
            if self.sequences.get(sequence.name).is_none() && !self.fixed {
                Arc::make_mut(&mut self.sequences).add(sequence.name, sequence.length);
            }
        }
        let measurement = Measurement {
            id: Mock::MEASUREMENT.into(),
            name: "Python Measurement".into(),
            datasource: "py_datasource".into(),
            group: "py_datasourcegroup".into(),
            kind: Kind::Feature,
            metadata: vec![Mock::METADATA.into()],
            range: ValueRange::stated((-5.0, 25.0)),
            chart: ChartType::Line,
            color: None,
            annotation: BTreeMap::new(),
            source: mock,
            spec: None,
            column: Some(Mock::MEASUREMENT.into()),
            companion: None,
        };
        self.datasources.push(Arc::new(Datasource {
            id: measurement.datasource.clone(),
            group: measurement.group.clone(),
            shape: Shape::Features,
            measurements: vec![Arc::new(measurement)],
        }));
    }

    pub(in crate::catalog) fn free_id(&self, name: &str) -> String {
        let taken = |id: &str| id == SIGNALS || self.datasource(id).is_some();
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        std::iter::once(name.to_owned()).chain(numbered).find(|id| !taken(id)).unwrap_or_default()
    }
}

/// Returns the columns that the user selected; all if none of the source's columns is selected,
/// since the selection may be for another source of the same file.
fn selected_columns<'s>(source: &'s Arc<dyn Source>, options: &Options) -> Vec<&'s ColumnInfo> {
    let named =
        |column: &&ColumnInfo| options.columns.iter().flatten().any(|name| **name == *column.name);
    if source.columns().iter().any(|column| named(&column)) {
        source.columns().iter().filter(named).collect()
    } else {
        source.columns().iter().collect()
    }
}
