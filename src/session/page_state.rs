//! The state of a page as far as the endpoint knows it, and the next change to make. It is pure, so
//! that it can be tested without pages.

mod by_hand;

use super::chart_settings::{self, Fit, Sent};
use super::state::{Chart, State};
use crate::catalog::ChartType;
use crate::error::PageError;
use crate::protocol::WireRegion;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How far a page has been reconciled.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    /// The session's revision that the page has.
    pub(super) revision: u64,
    /// The changes that it refused on the way.
    pub(super) refusals: Arc<[Refusal]>,
}

impl Settled {
    /// Records that the page has reached a revision, perhaps again.
    pub(super) fn reach(&mut self, revision: u64, refusals: Vec<Refusal>) {
        if revision > self.revision {
            *self = Settled { revision, refusals: refusals.into() };
        } else if !refusals.is_empty() {
            self.refusals = self.refusals.iter().cloned().chain(refusals).collect();
        }
    }
}

/// A change that a page refused or did not make.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The chart concerned, if any.
    pub(super) chart: Option<usize>,
    pub(super) error: PageError,
}

/// The state that a page has been brought to.
#[derive(Debug, Default)]
pub(super) struct PageState {
    pub(super) charts: BTreeMap<usize, PageChart>,
    pub(super) sequences: BTreeMap<String, u32>,
    pub(super) hidden: Vec<String>,
    /// The settings that follow from its view, by chart.
    pub(super) fits: BTreeMap<usize, Fit>,
    /// Charts that the page's user closed: they must not be added again before they are removed from
    /// the session's state.
    closed: BTreeSet<usize>,
    /// Whether it is the built-in page, which can reorder its charts and fits its axes itself.
    pub(super) is_built_in: bool,
    /// The page's ids of its charts, in the order that was last sent to it.
    pub(super) order: Vec<String>,
    /// The number of the last navigation that was sent to the page.
    navigation_id: Option<u64>,
    /// Colours that were sent and not yet answered: pages of versions 4 and 5 echo them as if the
    /// user had chosen them.
    pub(super) echoes: VecDeque<(String, Vec<String>)>,
}

#[derive(Debug)]
pub(super) struct PageChart {
    pub(super) status: Status,
    /// The chart, with the settings that the page has.
    pub(super) chart: Chart,
    /// The settings sent to the page that its user did not choose.
    pub(super) sent: Sent,
}

impl PageChart {
    pub(super) fn new(status: Status, chart: Chart) -> Self {
        PageChart { status, chart, sent: Sent::default() }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Status {
    /// The page draws the chart, with this id.
    Drawn(String),
    /// The page has not answered yet.
    Requested,
    /// The page refused the chart.
    Refused,
}

/// The next change that brings a page to the session's state.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    Remove(usize, String),
    AddSequences(BTreeMap<String, u32>),
    RemoveSequences(Vec<String>),
    Add(Chart),
    Settings(String, Chart),
    Arrange(Vec<String>),
    Go(WireRegion),
}

impl PageState {
    /// Returns the page's id of a chart, if the page shows it.
    pub(super) fn id(&self, number: usize) -> Option<String> {
        match &self.charts.get(&number)?.status {
            Status::Drawn(id) => Some(id.clone()),
            _ => None,
        }
    }

    /// Records new settings or colours that the page reports; `initial` are the default settings of a
    /// chart type there. Returns the chart with the settings that the user chose, unless the report
    /// is an echo.
    pub(super) fn told(
        &mut self,
        id: &str,
        settings: &Map<String, Value>,
        colors: Option<&[String]>,
        initial: impl Fn(ChartType) -> Map<String, Value>,
    ) -> Option<(usize, Map<String, Value>)> {
        let colors = colors.unwrap_or_default();
        let is_echo = |sent: &(String, Vec<String>)| sent.0 == id && sent.1 == colors;
        if let Some(at) = self.echoes.iter().position(is_echo).filter(|_| settings.is_empty()) {
            self.echoes.remove(at);
            return None;
        }
        let (number, shown) = self
            .charts
            .iter_mut()
            .find(|(_, shown)| matches!(&shown.status, Status::Drawn(known) if known == id))?;
        let fit = self.fits.get(number);
        let initial = initial(shown.chart.kind);
        let chosen =
            chart_settings::chosen(settings, &shown.chart.settings, &shown.sent, fit, &initial);
        for key in chosen.keys() {
            shown.chart.settings.insert(key.clone(), settings[key].clone());
        }
        if !colors.is_empty() {
            shown.chart.colors = colors.to_vec();
        }
        Some((*number, chosen))
    }

    /// Returns whether the page refused the chart.
    pub(super) fn is_refused(&self, number: usize) -> bool {
        self.charts.get(&number).is_some_and(|shown| shown.status == Status::Refused)
    }

    /// Forgets refused charts, so that they are tried again after the data have changed.
    pub(super) fn retry(&mut self) {
        self.charts.retain(|_, shown| shown.status != Status::Refused);
    }

    /// Marks charts of these measurements to be redrawn.
    pub(super) fn outdate(&mut self, concerned: impl Fn(&String) -> bool) {
        for shown in self.charts.values_mut() {
            if shown.chart.measurements.iter().any(&concerned) {
                shown.chart.measurements.clear();
            }
        }
    }

    pub(super) fn next(&mut self, state: &State, navigation_id: u64) -> Option<Change> {
        self.charts.retain(|number, shown| {
            shown.status != Status::Refused || state.chart(*number).is_some()
        });
        self.fits.retain(|number, _| state.chart(*number).is_some());
        self.closed.retain(|number| state.chart(*number).is_some());
        let stale = |(number, shown): (&usize, &PageChart)| {
            if *number > state.last_chart {
                return None; // The user added it after this state was read.
            }
            let wanted = state.chart(*number);
            let same = |chart: &Chart| {
                (chart.kind, &chart.measurements) == (shown.chart.kind, &shown.chart.measurements)
            };
            match &shown.status {
                Status::Drawn(id) if !wanted.is_some_and(same) => {
                    Some(Change::Remove(*number, id.clone()))
                }
                _ => None,
            }
        };
        if let Some(step) = self.charts.iter().find_map(stale) {
            return Some(step);
        }
        if self.sequences != state.sequences {
            let gone = |name: &&String| !state.sequences.contains_key(*name);
            let gone: Vec<_> = self.sequences.keys().filter(gone).cloned().collect();
            return Some(if gone.is_empty() {
                Change::AddSequences(state.sequences.clone())
            } else {
                Change::RemoveSequences(gone)
            });
        }
        if self.hidden != state.hidden {
            return Some(Change::RemoveSequences(state.hidden.clone()));
        }
        let is_new = |chart: &&Chart| {
            !self.charts.contains_key(&chart.number) && !self.closed.contains(&chart.number)
        };
        if let Some(new) = state.charts.iter().find(is_new) {
            return Some(Change::Add(new.clone()));
        }
        let looks = |chart: &Chart| {
            let shown = self.charts.get(&chart.number)?;
            let fit = self.fits.get(&chart.number);
            let settings = chart_settings::compose(chart, fit, &shown.chart.settings);
            let same = (&shown.chart.settings, &shown.chart.colors) == (&settings, &chart.colors);
            match &shown.status {
                Status::Drawn(id) if !same => {
                    Some(Change::Settings(id.clone(), Chart { settings, ..chart.clone() }))
                }
                _ => None,
            }
        };
        if let Some(step) = state.charts.iter().find_map(looks) {
            return Some(step);
        }
        let order = self.order_of(&state.charts);
        if self.is_built_in && order.len() > 1 && self.order != order {
            return Some(Change::Arrange(order));
        }
        let sent = self.navigation_id.replace(navigation_id) == Some(navigation_id);
        // A page stays where its user opened it if the session has no charts and was never moved.
        let is_moved = state.went || !state.charts.is_empty();
        state.place.clone().filter(|_| !sent && is_moved).map(Change::Go)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(numbers: &[usize]) -> State {
        let chart = |&number: &usize| Chart::new(number, ChartType::Line, &[]);
        let last_chart = numbers.iter().copied().max().unwrap_or_default();
        State { charts: numbers.iter().map(chart).collect(), last_chart, ..State::default() }
    }

    /// Makes all changes, like a page that refuses nothing, and returns their names.
    fn bring(shown: &mut PageState, state: &State, navigation_id: u64) -> Vec<String> {
        let mut taken = Vec::new();
        while let Some(step) = shown.next(state, navigation_id) {
            match step {
                Change::Remove(number, _) => {
                    shown.charts.remove(&number);
                    taken.push(format!("remove {number}"));
                }
                Change::Add(chart) => {
                    let bare = Chart { settings: Map::new(), colors: vec![], ..chart.clone() };
                    let status = Status::Drawn(format!("id{}", chart.number));
                    shown.charts.insert(chart.number, PageChart::new(status, bare));
                    taken.push(format!("add {}", chart.number));
                }
                Change::Settings(_, chart) => {
                    taken.push(format!("set {}", chart.number));
                    if let Some(known) = shown.charts.get_mut(&chart.number) {
                        known.chart = chart;
                    }
                }
                Change::Arrange(order) => {
                    taken.push(format!("arrange {}", order.join(" ")));
                    shown.order = order;
                }
                Change::Go(place) => taken.push(format!("go {}", place.sequence)),
                Change::AddSequences(wanted) => {
                    shown.sequences = wanted;
                    taken.push("add sequences".into());
                }
                Change::RemoveSequences(names) => {
                    taken.push(format!("remove {names:?}"));
                    let own = names.iter().any(|name| shown.sequences.remove(name).is_some());
                    if !own {
                        shown.hidden = names;
                    }
                }
            }
            assert!(taken.len() < 50, "endless changes: {taken:?}");
        }
        taken
    }

    #[test]
    fn a_new_page_gets_charts_then_settings_then_the_place_once() {
        let mut state = state(&[3, 1, 2]);
        state.go(WireRegion { sequence: "chr1".into(), start: Some(1), end: Some(9) });
        state.sequences.insert("x".into(), 5);
        let mut shown = PageState::default();
        assert_eq!(
            bring(&mut shown, &state, 0),
            ["add sequences", "add 3", "add 1", "add 2", "set 3", "set 1", "set 2", "go chr1"]
        );
        assert!(bring(&mut shown, &state, 0).is_empty());
        assert_eq!(bring(&mut shown, &state, 1), ["go chr1"]);
        state.charts.remove(1);
        state.charts[0].settings.insert("title".into(), "t".into());
        state.charts[1].kind = ChartType::Scatter;
        state.sequences.clear();
        let taken = bring(&mut shown, &state, 1);
        assert_eq!(taken, ["remove 1", "remove 2", "remove [\"x\"]", "add 2", "set 3", "set 2"]);
    }

    #[test]
    fn the_built_in_page_has_its_charts_in_the_order_of_the_session() {
        let mut state = state(&[3, 1, 2]);
        let mut plain = PageState::default();
        let mut page = PageState { is_built_in: true, ..PageState::default() };
        bring(&mut plain, &state, 0);
        assert!(bring(&mut page, &state, 0).contains(&"arrange id3 id1 id2".to_owned()));
        state.charts.swap(0, 2);
        assert!(bring(&mut plain, &state, 0).is_empty());
        assert_eq!(bring(&mut page, &state, 0), ["arrange id2 id1 id3"]);
        state.charts.swap(0, 1);
        page.arranged(&state.charts);
        assert!(bring(&mut page, &state, 0).is_empty(), "its user moved the chart");
    }

    #[test]
    fn a_page_that_was_not_moved_stays_where_it_is() {
        let place = WireRegion { sequence: "chr1".into(), start: Some(1), end: Some(9) };
        let state = State { place: Some(place), ..State::default() };
        assert!(bring(&mut PageState::default(), &state, 0).is_empty());
    }

    #[test]
    fn an_echo_is_ignored_and_a_choice_is_not() {
        let mut shown = PageState::default();
        bring(&mut shown, &state(&[1]), 0);
        let red = ["#f00".to_owned()];
        shown.echoes.push_back(("id1".into(), red.to_vec()));
        let told = |shown: &mut PageState, id, settings: &Map<_, _>, colors: Option<&[String]>| {
            shown.told(id, settings, colors, |_| Map::new())
        };
        assert_eq!(told(&mut shown, "id1", &Map::new(), Some(&red)), None);
        assert_eq!(told(&mut shown, "id1", &Map::new(), Some(&red)), Some((1, Map::new())));
        assert_eq!(told(&mut shown, "id2", &Map::new(), Some(&red)), None);
        let title = Map::from_iter([("title".to_owned(), Value::from("t"))]);
        assert_eq!(told(&mut shown, "id1", &title, None), Some((1, title.clone())));
        // The page has them already, so nothing is sent to it.
        let mut wanted = state(&[1]);
        wanted.charts[0].settings.extend(title);
        wanted.charts[0].colors = red.to_vec();
        assert!(bring(&mut shown, &wanted, 0).is_empty());
    }

    #[test]
    fn fitted_settings_are_sent_but_are_not_the_users_choice() {
        let mut shown = PageState::default();
        let wanted = state(&[1]);
        bring(&mut shown, &wanted, 0);
        let axes = Map::from_iter([("yMax".to_owned(), Value::from(0.5))]);
        shown.fits.insert(1, Fit { axes, ..Fit::default() });
        assert_eq!(bring(&mut shown, &wanted, 0), ["set 1"]);
        // The user's 'Ok' sends all settings.
        let mut all = shown.charts[&1].chart.settings.clone();
        all.insert("lineThickness".into(), 3.into());
        let (_, chosen) = shown.told("id1", &all, None, |_| Map::new()).unwrap();
        assert_eq!(chosen.keys().collect::<Vec<_>>(), ["lineThickness"]);
        let mut wanted = wanted;
        wanted.charts[0].settings.extend(chosen);
        assert!(bring(&mut shown, &wanted, 0).is_empty());
    }

    #[test]
    fn an_unanswered_chart_is_not_added_twice() {
        let wanted = state(&[1]);
        let mut shown = PageState::default();
        let chart = wanted.charts[0].clone();
        shown.charts.insert(1, PageChart::new(Status::Requested, chart));
        assert!(bring(&mut shown, &wanted, 0).is_empty());
    }
}
