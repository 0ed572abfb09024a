//! Lenient parsing of the values that pages and scripts send.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::HashSet;

/// Parses a coordinate: a number, a numeric string, null or nothing; NaN arrives as null. Fractions
/// are rounded, and numbers that are too large are limited.
pub(super) fn coordinate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let number = match Value::deserialize(from)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().replace(',', "").parse::<f64>().ok(),
        _ => None,
    };
    Ok(number.filter(|number| number.is_finite()).map(|number| number.round() as i64))
}

/// Parses a list of names: null and nothing mean the empty list, a string is a list of one, null
/// entries are dropped. A repeated name counts once; otherwise its data would be sent repeatedly.
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

/// Removes repeated names.
pub(super) fn once(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut known = HashSet::new();
    names.filter(|name| known.insert(name.clone())).collect()
}

/// Parses a string; numbers are converted, null is `None`.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Parses a switch: true, or "true" over HTTP; anything else is false.
pub(super) fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value == true || value == "true")
}
