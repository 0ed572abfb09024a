//! What pages list in their menus: measurements and sequences.

use super::Provider;
use crate::catalog::{Kind, Measurement};
use crate::genome::Sequence;
use crate::protocol::{Dialect, MeasurementTable, MetadataNames, SeqInfo, WireMeasurement};
use crate::source::Shape;

/// The annotation that says in what a measurement's values are counted.
const UNIT: &str = "unit";

impl Provider {
    /// The measurements as `getMeasurements` answers.
    pub fn measurements(&self, dialect: Dialect) -> MeasurementTable {
        let mut table = MeasurementTable::default();
        let listing = self.catalog.listing();
        let mut all: Vec<_> = listing.measurements().collect();
        all.sort_by_key(|measurement| place_in_menus(measurement));
        for measurement in all {
            let wire = wire_measurement(measurement);
            table.id.push(wire.id);
            table.name.push(wire.name);
            table.r#type.push(wire.r#type);
            table.datasource_id.push(wire.datasource_id);
            table.datasource_group.push(wire.datasource_group);
            table.default_chart_type.push(wire.default_chart_type);
            table.annotation.push(wire.annotation);
            table.min_value.push(wire.min_value);
            table.max_value.push(wire.max_value);
            table.metadata.push(match dialect {
                Dialect::Classic => MetadataNames::List(wire.metadata),
                Dialect::Five => MetadataNames::Text(wire.metadata),
            });
        }
        table
    }

    /// The sequences as `getSeqInfos` answers.
    pub fn seq_infos(&self, dialect: Dialect) -> Vec<SeqInfo> {
        let listing = self.catalog.listing();
        let assembly = (dialect == Dialect::Five).then(|| listing.assembly().to_owned());
        let info = |s: &Sequence| SeqInfo(s.name.to_string(), 1, s.length, assembly.clone());
        listing.sequences().iter().map(info).collect()
    }
}

/// Where a measurement comes in the menus of pages, which list a file's many columns as they come:
/// signals, rows, numbers of rows, and then what files are served as besides.
fn place_in_menus(measurement: &Measurement) -> u8 {
    let is_signal = matches!(measurement.source.shape(), Shape::Dense | Shape::Sparse);
    match (measurement.companion, measurement.kind) {
        (Some(_), _) => 3,
        (None, _) if is_signal => 0,
        (None, Kind::Range) => 1,
        (None, Kind::Feature) => 2,
    }
}

/// A measurement as pages read it.
pub fn wire_measurement(measurement: &Measurement) -> WireMeasurement {
    WireMeasurement {
        id: measurement.id.clone(),
        name: match measurement.annotation.get(UNIT) {
            // Plain pages have no other place for it.
            Some(unit) => format!("{} ({unit})", measurement.name),
            None => measurement.name.clone(),
        },
        r#type: match measurement.kind {
            Kind::Range => "range",
            Kind::Feature => "feature",
        },
        datasource_id: measurement.datasource.clone(),
        datasource_group: measurement.group.clone(),
        default_chart_type: measurement.chart.page_name().to_owned(),
        annotation: measurement.annotation.clone(),
        min_value: measurement.range.get().map(|(low, _)| low),
        max_value: measurement.range.get().map(|(_, high)| high),
        metadata: measurement.metadata.iter().map(ToString::to_string).collect(),
    }
}
