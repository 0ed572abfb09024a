//! What a page's user did by hand, in the account of what the page shows.

use super::{PageChart, PageState, Status};
use crate::catalog::ChartType;
use crate::session::state::Chart;
use serde_json::Map;

impl PageState {
    /// The page draws the chart already, under this id; its settings and colours are still to be
    /// sent.
    pub(in crate::session) fn drawn(&mut self, chart: &Chart, id: &str) {
        let bare = Chart { settings: Map::new(), colors: Vec::new(), ..chart.clone() };
        let shown = PageChart::new(Status::There(id.to_owned()), bare);
        self.charts.insert(chart.number, shown);
    }

    /// The number of the page's chart of that id, if it is the session's.
    pub(in crate::session) fn number(&self, id: &str) -> Option<usize> {
        let there = |shown: &PageChart| matches!(&shown.status, Status::There(own) if own == id);
        self.charts.iter().find(|(_, shown)| there(shown)).map(|(number, _)| *number)
    }

    /// The page has the charts in this order.
    pub(in crate::session) fn arranged(&mut self, charts: &[Chart]) {
        self.order = self.order_of(charts);
    }

    /// The page draws that chart as another type.
    pub(in crate::session) fn retyped(&mut self, number: usize, kind: ChartType) {
        if let Some(shown) = self.charts.get_mut(&number) {
            shown.chart.kind = kind;
        }
    }

    /// The charts of these that the page shows, by its ids.
    pub(super) fn order_of(&self, charts: &[Chart]) -> Vec<String> {
        charts.iter().filter_map(|chart| self.id(chart.number)).collect()
    }

    /// The page's user closed the chart of that id. Returns its number, if it is the session's.
    pub(in crate::session) fn closed_by_user(&mut self, id: &str) -> Option<usize> {
        let number = self.number(id)?;
        self.charts.remove(&number);
        self.closed.insert(number);
        Some(number)
    }

    /// The page shows other charts than it was asked to, and is about to tell which. Those that it
    /// has been asked for and not answered stay: they are there before what it tells.
    pub(in crate::session) fn forget(&mut self) {
        self.charts.retain(|_, shown| shown.status == Status::Asked);
    }

    /// Whether the page has been asked for the chart and has not answered.
    pub(in crate::session) fn is_asked(&self, number: usize) -> bool {
        self.charts.get(&number).is_some_and(|shown| shown.status == Status::Asked)
    }

    /// The user closed the chart of that number before the page could tell.
    pub(in crate::session) fn close(&mut self, number: usize) {
        self.closed.insert(number);
    }

    /// The page stays where it looks until the session goes elsewhere.
    pub(in crate::session) fn stays(&mut self, navigation_id: u64) {
        self.navigation_id = Some(navigation_id);
    }
}
