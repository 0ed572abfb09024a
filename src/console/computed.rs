//! `compute` and `drop`: measurements that are computed from others.

use super::answer::Answer;
use super::command::Arguments;
use super::state::Console;
use crate::catalog::{ComputedSpec, Measurement};
use crate::error::Result;
use serde_json::{Value, json};
use std::sync::Arc;

impl Console {
    pub(super) async fn compute(&self, arguments: Arguments) -> Result<Answer> {
        let text = arguments.text();
        if text.is_empty() {
            return Ok(self.computed());
        }
        let (name, definition) = text.split_once('=').ok_or_else(|| arguments.misuse())?;
        let (expression, options) = match definition.rsplit_once(" with ") {
            Some((expression, options)) => (expression, options),
            None => (definition, ""),
        };
        let mut wanted = ComputedSpec::new(name.trim(), expression)?;
        for word in options.split_whitespace() {
            let (key, value) = word.split_once('=').ok_or_else(|| arguments.misuse())?;
            wanted.set(key, value)?;
        }
        let measurement = self.root.compute(wanted).await?;
        Ok(Answer::say(sentence(&measurement)).with(described(&measurement)))
    }

    /// Lists the computed measurements.
    fn computed(&self) -> Answer {
        let catalog = &self.session.provider.catalog;
        let listing = catalog.listing();
        let row = |m: &Arc<Measurement>| {
            let told = |key: &str| json!(m.annotation.get(key));
            let state = catalog.trouble(m).unwrap_or_else(|| "ok".to_owned());
            vec![json!(m.id), told("computed"), told("bins"), told("missing data"), json!(state)]
        };
        let rows = listing.measurements().filter(|m| m.is_computed()).map(row).collect();
        let columns = ["id", "computed", "bins", "missing data", "state"];
        Answer::table(&columns, rows, "nothing is computed; 'help compute' shows how")
    }

    pub(super) async fn forget(&self, arguments: Arguments) -> Result<Answer> {
        let id = arguments.one()?;
        let charts = self.root.drop_made(id).await?;
        let also = match charts {
            0 => String::new(),
            1 => "; removed 1 chart".into(),
            many => format!("; removed {many} charts"),
        };
        Ok(Answer::say(format!("dropped {id}{also}")))
    }
}

/// Returns a sentence that says how the measurement is computed.
fn sentence(measurement: &Measurement) -> String {
    let told = |key: &str| measurement.annotation.get(key).map_or("", String::as_str);
    let missing = match told("missing data") {
        "counts as zero" => "missing data count as zero",
        _ => "it is missing where one of them is",
    };
    format!("serving {}: {}; {missing}", measurement.id, told("bins"))
}

/// Returns the definition of a computed measurement for programs.
pub fn described(measurement: &Measurement) -> Value {
    let definition = measurement.spec.as_deref().and_then(|spec| spec.options.computed.as_deref());
    let Some(definition) = definition else { return Value::Null };
    json!({
        "measurement": measurement.id,
        "name": measurement.name,
        "expression": definition.expression.text(),
        "at": definition.at.map(|shift| 1u32 << shift),
        "missing": if definition.gaps { "gap" } else { "zero" },
    })
}
