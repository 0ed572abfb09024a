//! Records changes that the user makes in a page in the page's state.

use super::{PageChart, PageState, Status};
use crate::catalog::ChartType;
use crate::session::state::Chart;
use serde_json::Map;

impl PageState {
    /// Records that the page already draws the chart with this id; its settings and colours have
    /// still to be sent.
    pub(in crate::session) fn drawn(&mut self, chart: &Chart, id: &str) {
        let bare = Chart { settings: Map::new(), colors: Vec::new(), ..chart.clone() };
        let shown = PageChart::new(Status::Drawn(id.to_owned()), bare);
        self.charts.insert(chart.number, shown);
    }

    /// Returns the number of the chart with this page id, if it belongs to the session.
    pub(in crate::session) fn number(&self, id: &str) -> Option<usize> {
        let has_id = |shown: &PageChart| matches!(&shown.status, Status::Drawn(own) if own == id);
        self.charts.iter().find(|(_, shown)| has_id(shown)).map(|(number, _)| *number)
    }

    /// Records that the page has the charts in this order.
    pub(in crate::session) fn arranged(&mut self, charts: &[Chart]) {
        self.order = self.order_of(charts);
    }

    /// Records that the page draws the chart as another type.
    pub(in crate::session) fn retyped(&mut self, number: usize, kind: ChartType) {
        if let Some(shown) = self.charts.get_mut(&number) {
            shown.chart.kind = kind;
        }
    }

    /// Returns the page's ids of those of these charts that it shows.
    pub(super) fn order_of(&self, charts: &[Chart]) -> Vec<String> {
        charts.iter().filter_map(|chart| self.id(chart.number)).collect()
    }

    /// Records that the user closed a chart. Returns its number, if it belongs to the session.
    pub(in crate::session) fn closed_by_user(&mut self, id: &str) -> Option<usize> {
        let number = self.number(id)?;
        self.charts.remove(&number);
        self.closed.insert(number);
        Some(number)
    }

    /// Forgets the charts of a page that is about to report those that it shows. Pending charts are
    /// kept: the page has them before it reads the answer to its report.
    pub(in crate::session) fn forget(&mut self) {
        self.charts.retain(|_, shown| shown.status == Status::Requested);
    }

    /// Returns whether the page has been asked to add the chart and has not answered yet.
    pub(in crate::session) fn is_asked(&self, number: usize) -> bool {
        self.charts.get(&number).is_some_and(|shown| shown.status == Status::Requested)
    }

    /// Records that the user closed the chart while the page was not connected.
    pub(in crate::session) fn close(&mut self, number: usize) {
        self.closed.insert(number);
    }

    /// Leaves the page at its region until the next navigation of the session.
    pub(in crate::session) fn stays(&mut self, navigation_id: u64) {
        self.navigation_id = Some(navigation_id);
    }
}
