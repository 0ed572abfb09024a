//! The command `plot`.

use super::answer::Answer;
use super::command::Arguments;
use super::settings::{checked, setting};
use super::state::Console;
use crate::catalog::{ChartType, Kind, Listing, Measurement};
use crate::color::check_color;
use crate::error::{Error, Result};
use crate::session::{Chart, SUMMARY};
use crate::source::Shape;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Width of a view, in bases, from which its bins are wider than a peak.
const WIDE: u32 = 2_000_000;

/// The arguments of `plot`.
#[derive(Debug, Default, PartialEq)]
struct Plot {
    names: Vec<String>,
    kind: Option<ChartType>,
    settings: Map<String, Value>,
    colors: Vec<String>,
}

impl Plot {
    /// Parses the words after `plot`.
    fn parse(arguments: &Arguments) -> Result<Self> {
        let words = arguments.words();
        let with = words.iter().position(|word| *word == "with").unwrap_or(words.len());
        let (front, settings) = words.split_at(with);
        let (names, kind) = match front {
            [names @ .., "as", word] => (names, Some(chart_type(word)?)),
            names => (names, None),
        };
        if names.is_empty() || names.contains(&"as") || settings.len() == 1 {
            return Err(arguments.misuse());
        }
        let names = names.iter().map(ToString::to_string).collect();
        let mut plot = Plot { names, kind, ..Plot::default() };
        for word in settings.iter().skip(1) {
            let (key, value) = setting(word).ok_or_else(|| arguments.misuse())?;
            if ["color", "colors", "colour", "colours"].contains(&key.as_str()) {
                plot.colors = split_colors(value.as_str().unwrap_or_default())?;
            } else {
                plot.settings.insert(key, value);
            }
        }
        Ok(plot)
    }
}

/// Returns the chart type with this name.
pub(super) fn chart_type(word: &str) -> Result<ChartType> {
    ChartType::from_word(word).ok_or_else(|| {
        let known: Vec<_> = ChartType::ALL.iter().map(|(_, word, ..)| *word).collect();
        Error::Input(format!("there is no chart type '{word}'; the types are {}", known.join(", ")))
    })
}

/// Splits a list of colours at its commas, but not at those inside `rgb(1, 2, 3)`.
pub(super) fn split_colors(text: &str) -> Result<Vec<String>> {
    let (mut colors, mut color, mut depth) = (Vec::new(), String::new(), 0);
    for char in text.chars().chain([',']) {
        match char {
            ',' if depth == 0 => {
                let name = color.trim();
                if !name.is_empty() {
                    check_color(name)?;
                    colors.push(name.to_owned());
                }
                color.clear();
                continue;
            }
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        color.push(char);
    }
    if color.trim().is_empty() { Ok(colors) } else { check_color(color.trim()).map(|()| colors) }
}

/// Returns the measurements that a name stands for: one, or those of a datasource that have the
/// same kind as its first; with `values`, those with values if there are any.
fn measurements(listing: &Listing, name: &str, values: bool) -> Result<Vec<Arc<Measurement>>> {
    let datasource = listing.datasources().iter().find(|datasource| datasource.id == name);
    let named = listing.measurements().find(|m| m.id == name);
    match (datasource, named) {
        (Some(datasource), named) if values || named.is_none() => {
            let all = &datasource.measurements;
            let has_values = all.iter().any(|m| m.kind == Kind::Feature);
            let first = all.first().map(|first| first.kind);
            let kind = if values && has_values { Some(Kind::Feature) } else { first };
            Ok(all.iter().filter(|m| Some(m.kind) == kind).cloned().collect())
        }
        _ => listing.measurement(name).map(|found| vec![found.clone()]),
    }
}

impl Console {
    pub(super) async fn plot(&self, arguments: Arguments) -> Result<Answer> {
        let Plot { names, kind, settings, colors } = Plot::parse(&arguments)?;
        let listing = self.session.provider.catalog.listing();
        let values = kind.is_some_and(|kind| !kind.shows_rows());
        let found = names.iter().map(|name| measurements(&listing, name, values));
        let mut found: Vec<_> = found.collect::<Result<Vec<_>>>()?.concat();
        let kind = kind.or(found.first().map(|first| first.chart));
        let settings = match kind {
            Some(kind) => checked(kind, &self.settings_of(kind), settings)?,
            None => settings,
        };
        if let Some(word) = settings.get(SUMMARY).and_then(Value::as_str) {
            found = self.session.summarized(&found, word).await?;
        }
        let chart = self.session.plot(&found, kind, settings, colors).await?;
        let later = if self.session.ready_pages().is_empty() {
            " (drawn when a page connects)"
        } else {
            ""
        };
        let mut text = format!("chart {}: {}{later}", chart.number, describe(&chart));
        for refusal in self.session.undrawn(chart.number) {
            text.push_str(&format!("\n{refusal}; the other pages draw it"));
        }
        // If many blocks lie close together, their density is more informative.
        let density = chart.measurements.iter().map(|id| format!("{id}.density"));
        let density = density.filter(|_| chart.kind == ChartType::Blocks);
        let listed = |id: &String| listing.measurements().any(|m| m.id == *id);
        if let Some(id) = density.into_iter().find(listed) {
            text.push_str(&format!("\n'plot {id}' draws their density along the sequence"));
        }
        if self.averages(&chart) {
            let number = chart.number;
            text.push_str(&format!(
                "\na view this wide shows means; 'set {number} {SUMMARY}=max' shows the peaks"
            ));
        }
        Ok(Answer::say(text).with(json!({"chart": chart.number})))
    }

    /// Returns whether the chart shows means over so many bases that peaks are lost.
    fn averages(&self, chart: &Chart) -> bool {
        let listing = self.session.provider.catalog.listing();
        let is_signal = |id: &String| {
            let found = listing.measurements().find(|m| m.id == *id);
            let dense = found.filter(|m| m.companion.is_none() && m.source.shape() == Shape::Dense);
            dense.is_some_and(|m| m.spec.is_some() && !m.is_computed())
        };
        let place = self.session.state().place.and_then(|place| place.region());
        chart.kind == ChartType::Line
            && !chart.settings.contains_key(SUMMARY)
            && chart.measurements.iter().all(is_signal)
            && place.is_some_and(|place| place.len() >= WIDE)
    }
}

pub(super) fn describe(chart: &Chart) -> String {
    format!("{} as {}", chart.measurements.join(", "), chart.kind.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_separated_and_checked() {
        let colors = split_colors("#f00, rgb(1, 2, 3),,steelblue").unwrap();
        assert_eq!(colors, ["#f00", "rgb(1, 2, 3)", "steelblue"]);
        for text in ["#f00,blu", "rgb(1,2", "5"] {
            assert!(
                split_colors(text).unwrap_err().to_string().contains("is not a colour"),
                "{text}"
            );
        }
    }
}
