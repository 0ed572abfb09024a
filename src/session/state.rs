//! What a session remembers: everything that the endpoint did to its pages.

use crate::catalog::{ChartType, Measurement};
use crate::protocol::WireRegion;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The colours of charts whose user chose none: Tableau's ten, as d3 has them, which pages use too.
const COLORS: [&str; 10] = [
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f",
    "#bcbd22", "#17becf",
];
/// The settings of a chart's axes.
pub(super) const AXES: [&str; 4] = ["xMin", "xMax", "yMin", "yMax"];
/// Places that `back` can return to.
const TRAIL: usize = 100;

/// A chart that the endpoint added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// The number by which the console calls it.
    pub number: usize,
    /// How it draws.
    pub kind: ChartType,
    /// The ids of the measurements that it draws.
    pub measurements: Vec<String>,
    /// Settings that differ from the page's own.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Its colours, as CSS writes them. Never empty: without colours pages break.
    pub colors: Vec<String>,
}

/// What a session remembers, in the form in which it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The charts, in the order in which they were added.
    pub charts: Vec<Chart>,
    /// The number of the chart added last.
    pub last_chart: usize,
    /// Sequences added to those that are served, with their lengths.
    pub sequences: BTreeMap<String, u32>,
    /// Sequences taken off the pages' menus.
    pub hidden: Vec<String>,
    /// The id of the workspace that was opened last.
    pub workspace: Option<i64>,
    /// Where the pages look, or looked last.
    pub place: Option<WireRegion>,
    /// Whether the endpoint ever sent the pages somewhere.
    pub went: bool,
    /// Places to go back to, the latest last.
    pub trail: Vec<WireRegion>,
    /// Places with names.
    pub bookmarks: BTreeMap<String, WireRegion>,
}

impl Chart {
    /// A new chart with the settings that every chart needs: line tracks otherwise draw every
    /// 200th point, and without colours the page breaks (`docs/protocol.md`, 5.2 and 5.3).
    pub(super) fn new(number: usize, kind: ChartType, measurements: &[Arc<Measurement>]) -> Self {
        let chosen = measurements.iter().filter_map(|m| m.color.as_deref());
        let usual = COLORS.into_iter().cycle().skip(chosen.clone().count());
        let count = COLORS.len().max(measurements.len());
        Chart {
            number,
            kind,
            measurements: measurements.iter().map(|m| m.id.clone()).collect(),
            settings: usual_settings(kind),
            colors: chosen.chain(usual).take(count).map(str::to_owned).collect(),
        }
    }

    /// Begins the usual colours with another of them, so that charts differ; those that the user
    /// chose for the data stay in front.
    pub(super) fn tint(&mut self, first: usize) {
        let chosen = self.colors.iter().zip(COLORS).take_while(|(own, usual)| own != usual).count();
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

    /// Takes over settings that a user chose. `default` for the end of an axis takes a choice back.
    pub fn choose(&mut self, settings: Map<String, Value>) {
        for (key, value) in settings {
            if AXES.contains(&key.as_str()) && value == "default" {
                self.settings.remove(&key);
            } else {
                self.settings.insert(key, value);
            }
        }
    }

    /// Puts `colors` first; the others follow as before.
    pub fn recolor(&mut self, colors: Vec<String>) {
        let rest = self.colors.drain(..).skip(colors.len()).collect::<Vec<_>>();
        self.colors = colors.into_iter().chain(rest).collect();
    }
}

/// The settings that a chart of that kind gets before any are chosen.
pub(super) fn usual_settings(kind: ChartType) -> Map<String, Value> {
    let mut settings = Map::new();
    if kind.is_line_track() {
        settings.insert("step".into(), json!(1));
        settings.insert("showPoints".into(), json!(false));
        settings.insert("interpolation".into(), json!("linear"));
    }
    match kind {
        // Otherwise blocks a few pixels apart are one: a whole chromosome's peaks a solid bar.
        ChartType::Blocks => drop(settings.insert("minBlockDistance".into(), json!(0))),
        // Otherwise all samples of a file go by the file's name.
        ChartType::Heatmap => drop(settings.insert("rowLabel".into(), json!("name"))),
        _ => {}
    }
    settings
}

impl State {
    /// The chart of that number.
    pub fn chart(&self, number: usize) -> Option<&Chart> {
        self.charts.iter().find(|chart| chart.number == number)
    }

    /// The next chart's number.
    pub(super) fn next_number(&mut self) -> usize {
        self.last_chart += 1;
        self.last_chart
    }

    /// Goes to a place; where it was is kept to go back to.
    pub(super) fn go(&mut self, place: WireRegion) {
        if let Some(before) = self.place.replace(place) {
            self.trail.push(before);
            let surplus = self.trail.len().saturating_sub(TRAIL);
            self.trail.drain(..surplus);
        }
        self.went = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_of_other_data_begin_with_other_colours() {
        let mut chart = Chart::new(1, ChartType::Line, &[]);
        chart.tint(11);
        assert_eq!((chart.colors[0].as_str(), chart.colors.len()), (COLORS[1], 10));
        let mut chosen = Chart::new(1, ChartType::Line, &[]);
        chosen.recolor(vec!["#123456".into()]);
        chosen.tint(3);
        assert_eq!(chosen.colors[0], "#123456");
    }

    #[test]
    fn a_default_takes_the_choice_of_an_axis_back() {
        let mut chart = Chart::new(1, ChartType::Line, &[]);
        let own = chart.settings.clone();
        let settings = |value: Value| value.as_object().cloned().unwrap();
        chart.choose(settings(json!({"yMin": 0, "yMax": 50, "title": "default"})));
        chart.choose(settings(json!({"yMax": "default"})));
        assert_eq!(
            (chart.settings.get("yMin"), chart.settings.get("yMax")),
            (Some(&json!(0)), None)
        );
        assert_eq!(chart.settings["title"], "default", "any title may be chosen");
        chart.choose(settings(json!({"yMin": "default", "title": ""})));
        chart.settings.remove("title");
        assert_eq!(chart.settings, own);
    }

    #[test]
    fn a_state_survives_its_stored_form() {
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
