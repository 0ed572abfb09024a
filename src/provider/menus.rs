//! The measurements and sequences in the menus of pages.

use super::Provider;
use crate::catalog::{Kind, Measurement, UNIT};
use crate::genome::Sequence;
use crate::protocol::{Dialect, MeasurementTable, MetadataNames, SeqInfo, WireMeasurement};
use crate::source::Shape;

impl Provider {
    /// Returns the measurements for the answer to `getMeasurements`.
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

    /// Returns the sequences for the answer to `getSeqInfos`.
    pub fn seq_infos(&self, dialect: Dialect) -> Vec<SeqInfo> {
        let listing = self.catalog.listing();
        let assembly = (dialect == Dialect::Five).then(|| listing.assembly().to_owned());
        let info = |s: Sequence<'_>| SeqInfo(s.name.to_string(), 1, s.length, assembly.clone());
        listing.sequences().iter().map(info).collect()
    }
}

/// Returns the position of a measurement in the menus of pages, which keep the order of the answer:
/// signals, rows, numeric columns of rows, and then companions.
fn place_in_menus(measurement: &Measurement) -> u8 {
    let is_signal = matches!(measurement.source.shape(), Shape::Dense | Shape::Sparse);
    match (measurement.companion, measurement.kind) {
        (Some(_), _) => 3,
        (None, _) if is_signal => 0,
        (None, Kind::Range) => 1,
        (None, Kind::Feature) => 2,
    }
}

/// Converts a measurement to the form of the protocol.
pub fn wire_measurement(measurement: &Measurement) -> WireMeasurement {
    WireMeasurement {
        id: measurement.id.clone(),
        name: match measurement.annotation.get(UNIT) {
            // Plain pages show the unit nowhere else.
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
