//! Values as pages and scripts really send them.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::HashSet;

/// A coordinate: a number, a numeric string, null or nothing; NaN arrives as null. Fractions are
/// rounded, what is too large is cut.
pub(super) fn coordinate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let number = match Value::deserialize(from)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().replace(',', "").parse::<f64>().ok(),
        _ => None,
    };
    Ok(number.filter(|number| number.is_finite()).map(|number| number.round() as i64))
}

/// A list of names: null and nothing are the empty list, one text is a list of one, null entries
/// are dropped. A name that is repeated counts once: its data would be sent as often.
pub(super) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => vec![text],
        Value::Array(list) => once(list.into_iter().filter_map(|entry| match entry {
            Value::String(text) => Some(text),
            _ => None,
        })),
        _ => Vec::new(),
    })
}

/// The names, each where it comes first.
pub(super) fn once(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut known = HashSet::new();
    names.filter(|name| known.insert(name.clone())).collect()
}

/// A text, where null and numbers may stand too.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}
