//! The saved state of a session.

use crate::catalog::{ChartType, Measurement};
use crate::protocol::WireRegion;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The default colours of charts: Tableau's ten colours as in d3, which pages use too.
const COLORS: [&str; 10] = [
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f",
    "#bcbd22", "#17becf",
];
/// The settings of a chart's axes.
pub(super) const AXES: [&str; 4] = ["xMin", "xMax", "yMin", "yMax"];
/// How many regions `back` can return to.
const MAX_TRAIL: usize = 100;

/// A chart of the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Its number at the console.
    pub number: usize,
    /// Its type.
    pub kind: ChartType,
    /// The ids of its measurements.
    pub measurements: Vec<String>,
    /// Settings that differ from the page's defaults.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Its CSS colours. Never empty, since pages fail without colours.
    pub colors: Vec<String>,
}

/// The state of a session, in the form in which it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The charts, in the order in which they were added.
    pub charts: Vec<Chart>,
    /// The highest chart number so far.
    pub last_chart: usize,
    /// Sequences in addition to those that are served, with their lengths.
    pub sequences: BTreeMap<String, u32>,
    /// Sequences removed from the pages' menus.
    pub hidden: Vec<String>,
    /// The id of the last workspace that was opened.
    pub workspace: Option<i64>,
    /// The last region of the pages.
    pub place: Option<WireRegion>,
    /// Whether the session was ever navigated.
    pub went: bool,
    /// Regions for `back`, the latest last.
    pub trail: Vec<WireRegion>,
    /// Bookmarked regions, by name.
    pub bookmarks: BTreeMap<String, WireRegion>,
}

impl Chart {
    /// Creates a chart with the settings that every chart needs: otherwise line tracks draw only every
    /// 200th point, and without colours the page fails (`docs/protocol.md`, 5.2 and 5.3).
    pub(super) fn new(number: usize, kind: ChartType, measurements: &[Arc<Measurement>]) -> Self {
        let chosen = measurements.iter().filter_map(|m| m.color.as_deref());
        let default = COLORS.into_iter().cycle().skip(chosen.clone().count());
        let count = COLORS.len().max(measurements.len());
        Chart {
            number,
            kind,
            measurements: measurements.iter().map(|m| m.id.clone()).collect(),
            settings: default_settings(kind),
            colors: chosen.chain(default).take(count).map(str::to_owned).collect(),
        }
    }

    /// Starts the default colours with another one, so that charts differ, unless the user chose
    /// colours for the data.
    pub(super) fn tint(&mut self, first: usize) {
        let chosen =
            self.colors.iter().zip(COLORS).take_while(|(own, default)| own != default).count();
        if chosen == 0 {
            let count = self.colors.len();
            self.colors = COLORS
                .into_iter()
                .cycle()
                .skip(first % COLORS.len())
                .take(count)
                .map(str::to_owned)
                .collect();
        }
    }

    /// Applies settings that a user chose. `default` for the limit of an axis removes the setting.
    pub fn choose(&mut self, settings: Map<String, Value>) {
        for (key, value) in settings {
            if AXES.contains(&key.as_str()) && value == "default" {
                self.settings.remove(&key);
            } else {
                self.settings.insert(key, value);
            }
        }
    }

    /// Replaces the first colours by `colors`; the others stay.
    pub fn recolor(&mut self, colors: Vec<String>) {
        let rest = self.colors.drain(..).skip(colors.len()).collect::<Vec<_>>();
        self.colors = colors.into_iter().chain(rest).collect();
    }
}

/// Returns the initial settings of a chart type.
pub(super) fn default_settings(kind: ChartType) -> Map<String, Value> {
    let mut settings = Map::new();
    if kind.is_line_track() {
        settings.insert("step".into(), json!(1));
        settings.insert("showPoints".into(), json!(false));
        settings.insert("interpolation".into(), json!("linear"));
    }
    match kind {
        // Otherwise blocks a few pixels apart are merged: the peaks of a chromosome become a solid bar.
        ChartType::Blocks => drop(settings.insert("minBlockDistance".into(), json!(0))),
        // Otherwise all samples of a file are labelled with the file's name.
        ChartType::Heatmap => drop(settings.insert("rowLabel".into(), json!("name"))),
        _ => {}
    }
    settings
}

impl State {
    /// Returns the chart with this number.
    pub fn chart(&self, number: usize) -> Option<&Chart> {
        self.charts.iter().find(|chart| chart.number == number)
    }

    /// Returns the number for the next chart.
    pub(super) fn next_number(&mut self) -> usize {
        self.last_chart += 1;
        self.last_chart
    }

    /// Navigates to a region, and saves the previous one for `back`.
    pub(super) fn go(&mut self, place: WireRegion) {
        if let Some(before) = self.place.replace(place) {
            self.trail.push(before);
            let surplus = self.trail.len().saturating_sub(MAX_TRAIL);
            self.trail.drain(..surplus);
        }
        self.went = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_of_other_data_start_with_other_colours() {
        let mut chart = Chart::new(1, ChartType::Line, &[]);
        chart.tint(11);
        assert_eq!((chart.colors[0].as_str(), chart.colors.len()), (COLORS[1], 10));
        let mut chosen = Chart::new(1, ChartType::Line, &[]);
        chosen.recolor(vec!["#123456".into()]);
        chosen.tint(3);
        assert_eq!(chosen.colors[0], "#123456");
    }

    #[test]
    fn default_removes_the_limit_of_an_axis() {
        let mut chart = Chart::new(1, ChartType::Line, &[]);
        let own = chart.settings.clone();
        let settings = |value: Value| value.as_object().cloned().unwrap();
        chart.choose(settings(json!({"yMin": 0, "yMax": 50, "title": "default"})));
        chart.choose(settings(json!({"yMax": "default"})));
        assert_eq!(
            (chart.settings.get("yMin"), chart.settings.get("yMax")),
            (Some(&json!(0)), None)
        );
        assert_eq!(chart.settings["title"], "default", "any title is allowed");
        chart.choose(settings(json!({"yMin": "default", "title": ""})));
        chart.settings.remove("title");
        assert_eq!(chart.settings, own);
    }

    #[test]
    fn a_state_can_be_stored_and_restored() {
        let mut state = State::default();
        let mut chart = Chart::new(state.next_number(), ChartType::StackedLinePlot, &[]);
        chart.recolor(vec!["#000".into()]);
        assert_eq!((chart.colors[0].as_str(), chart.colors.len()), ("#000", 10));
        state.charts.push(chart);
        let place = |start| WireRegion { sequence: "1".into(), start: Some(start), end: Some(9) };
        state.go(place(1));
        state.go(place(2));
        assert_eq!(state.trail, [place(1)]);
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
        assert!(json.contains("stacked-line-plot"), "as the console writes it: {json}");
        assert_eq!(serde_json::from_str::<State>("{}").unwrap(), State::default());
    }
}
