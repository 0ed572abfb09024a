//! What a page's user did by hand, in the account of what the page shows.

use super::{PageChart, PageState, Status};
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

    /// The page's user closed the chart of that id. Returns its number, if it is the session's.
    pub(in crate::session) fn closed_by_user(&mut self, id: &str) -> Option<usize> {
        let there = |shown: &PageChart| matches!(&shown.status, Status::There(own) if own == id);
        let number = *self.charts.iter().find(|(_, shown)| there(shown))?.0;
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
