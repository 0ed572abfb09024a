//! Composes the settings of a chart in a page, from those of the user, those that fit the view, and
//! the title; and determines which of the settings that a page reports are its user's choice.

use super::autoscale::{self, AUTOSCALE};
use super::state::{AXES, Chart};
use super::summaries::SUMMARY;
use serde_json::{Map, Value};
use std::collections::VecDeque;

const TITLE: &str = "title";
/// Settings that the endpoint itself applies.
const OWN: [&str; 2] = [AUTOSCALE, SUMMARY];
/// How many sent values, which the page may echo, are remembered per chart.
const REMEMBERED: usize = 64;

/// The settings that follow from a page's view; never saved.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fit {
    /// The limits of the axes.
    pub(super) axes: Map<String, Value>,
    /// A notice about hidden rows, for the title.
    pub(super) notice: Option<String>,
    /// The names of its measurements, used if there is no title.
    pub(super) names: String,
}

/// Settings that were sent to a page.
#[derive(Debug, Default)]
pub(super) struct Sent(VecDeque<(String, Value)>);

impl Sent {
    pub(super) fn remember(&mut self, settings: &Map<String, Value>) {
        let own = settings.iter().filter(|(key, _)| *key == TITLE || AXES.contains(&key.as_str()));
        for (key, value) in own {
            if !self.has(key, value) {
                self.0.push_back((key.clone(), value.clone()));
            }
        }
        let surplus = self.0.len().saturating_sub(REMEMBERED);
        self.0.drain(..surplus);
    }

    fn has(&self, key: &str, value: &Value) -> bool {
        self.0.iter().any(|(known, sent)| known == key && is_same(sent, value))
    }
}

/// Composes the settings that a page should have; it currently `has` some.
pub(super) fn compose(
    chart: &Chart,
    fit: Option<&Fit>,
    has: &Map<String, Value>,
) -> Map<String, Value> {
    let mut settings = chart.settings.clone();
    OWN.iter().for_each(|own| drop(settings.remove(*own)));
    if let Some(fit) = fit.filter(|_| autoscale::applies(chart)) {
        settings.extend(fit.axes.clone());
    }
    if let Some((names, notice)) = fit.and_then(|fit| Some((&fit.names, fit.notice.as_ref()?))) {
        let own = settings.get(TITLE).and_then(Value::as_str).filter(|title| !title.is_empty());
        let title = format!("{}: {notice}", own.unwrap_or(names));
        settings.insert(TITLE.to_owned(), title.into());
    }
    // Settings that no longer apply are reset to the page's defaults.
    let obsolete = |key: &&str| has.contains_key(*key) && !settings.contains_key(*key);
    let obsolete: Vec<_> = AXES.into_iter().chain([TITLE]).filter(obsolete).collect();
    for key in obsolete {
        let before = if key == TITLE { "" } else { "default" };
        settings.insert(key.to_owned(), before.into());
    }
    settings
}

/// Returns the settings that the user chose, from all settings that a page reports after a change:
/// those that differ from what the page `has` and from the `initial` ones. Margins are never
/// chosen: a page changes them itself when a title appears or disappears.
pub(super) fn chosen(
    told: &Map<String, Value>,
    has: &Map<String, Value>,
    sent: &Sent,
    fit: Option<&Fit>,
    initial: &Map<String, Value>,
) -> Map<String, Value> {
    let is_chosen = |(key, value): &(&String, &Value)| {
        let known = has.get(*key).or_else(|| initial.get(*key));
        let is_known = known.is_some_and(|known| is_same(known, value));
        !key.starts_with("margin") && !is_known && !sent.has(key, value)
    };
    let mut chosen: Map<_, _> =
        told.iter().filter(is_chosen).map(|(key, value)| (key.clone(), value.clone())).collect();
    // The user changed a title that ends in the notice.
    if let Some(notice) = fit.and_then(|fit| fit.notice.as_ref())
        && let Some(Value::String(title)) = chosen.get_mut(TITLE)
        && let Some(own) = title.strip_suffix(notice.as_str())
    {
        *title = own.trim_end().trim_end_matches(':').to_owned();
    }
    chosen
}

/// Returns whether a page treats two values as equal; typed values are strings.
fn is_same(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => text(a) == text(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ChartType;
    use serde_json::json;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn chart(settings: &Value) -> Chart {
        let mut chart = Chart::new(1, ChartType::Line, &[]);
        chart.settings = object(settings);
        chart
    }

    fn fit(notice: Option<&str>) -> Fit {
        let axes = object(&json!({"yMin": 0.0, "yMax": 0.5}));
        Fit { axes, notice: notice.map(str::to_owned), names: "peaks".into() }
    }

    #[test]
    fn a_view_affects_only_axes_and_title() {
        let has = Map::new();
        let settings = compose(
            &chart(&json!({"step": 1, "autoscale": "on", "summary": "max"})),
            Some(&fit(None)),
            &has,
        );
        assert_eq!(Value::Object(settings.clone()), json!({"step": 1, "yMin": 0.0, "yMax": 0.5}));
        // Turned off, the page gets its own axes back, and our title is removed.
        let has = object(&json!({"yMin": 0.0, "yMax": 0.5, "title": "peaks: part"}));
        let settings = compose(&chart(&json!({"autoscale": "off"})), Some(&fit(None)), &has);
        let expected = json!({"yMin": "default", "yMax": "default", "title": ""});
        assert_eq!(Value::Object(settings), expected);
        let chosen = chart(&json!({"yMax": 7, "title": "Mine"}));
        let settings = compose(&chosen, Some(&fit(Some("part of the rows"))), &Map::new());
        let expected = json!({"yMax": 7, "title": "Mine: part of the rows"});
        assert_eq!(Value::Object(settings), expected);
        let settings = compose(&chart(&json!({})), Some(&fit(Some("part"))), &Map::new());
        assert_eq!(settings["title"], "peaks: part");
    }

    #[test]
    fn only_changed_settings_are_the_users_choice() {
        let has = object(&json!({"step": 1, "yMin": 0.0, "yMax": 0.5, "title": "peaks: part"}));
        let initial = object(&json!({"step": 50, "lineThickness": 1, "yMin": "default"}));
        let mut sent = Sent::default();
        sent.remember(&object(&json!({"yMax": 20.0, "title": "older", "step": 1})));
        sent.remember(&has);
        let fit = fit(Some("part"));
        let chosen = |told: Value| chosen(&object(&told), &has, &sent, Some(&fit), &initial);
        // All settings, as the page's dialog sends them, with one change.
        let told = json!({"step": "1", "yMin": 0, "yMax": "0.5", "title": "peaks: part",
            "lineThickness": 3, "marginTop": 70});
        assert_eq!(Value::Object(chosen(told)), json!({"lineThickness": 3}));
        // A dialog that was open while the view changed has the earlier values.
        assert!(chosen(json!({"yMax": 20, "title": "older"})).is_empty());
        assert_eq!(Value::Object(chosen(json!({"yMax": 7}))), json!({"yMax": 7}));
        assert_eq!(chosen(json!({"title": "Mine: part"}))["title"], "Mine");
    }

    #[test]
    fn the_number_of_remembered_values_is_limited() {
        let mut sent = Sent::default();
        for value in 0..1000 {
            sent.remember(&object(&json!({ "yMax": value })));
        }
        assert_eq!(sent.0.len(), REMEMBERED);
    }
}
