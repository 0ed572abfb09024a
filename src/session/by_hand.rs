//! Charts that users add, close and change in pages that report it. The session owns the charts: it
//! numbers and saves reported charts, and adds them to the other pages.

use super::charts::{can_draw, find_served};
use super::state::{Chart, State, default_settings};
use super::{Page, Session};
use crate::catalog::ChartType;
use crate::error::{Error, Result};
use crate::protocol::{PageChange, Reply, ReportedChart, WireRegion};
use serde_json::{Map, Value};
use std::sync::Arc;

impl Session {
    /// Applies a change by the user of a page immediately, so that the changes of one page are
    /// applied in the order of its reports. [`Session::answer_report`] does the slow part.
    ///
    /// # Errors
    /// [`Error::Input`] or [`Error::NotFound`] if no session can hold such a chart, which then
    /// stays on that page only.
    pub(super) fn apply_report(&self, page: &Page, change: &PageChange) -> Result<()> {
        match change {
            PageChange::AddChart(reported) => self.added_by_hand(page, reported),
            PageChange::RemoveChart { chart } => {
                self.closed_by_hand(page, chart);
                Ok(())
            }
            PageChange::MoveChart { chart, to } => self.moved_by_hand(page, chart, *to),
            PageChange::SetChartType { chart, r#type } => self.retyped_by_hand(page, chart, r#type),
            PageChange::Resume { charts, place, replace } => {
                self.resume(page, charts, place.as_ref(), *replace);
                Ok(())
            }
            PageChange::OpenWorkspace { .. } | PageChange::SaveWorkspace { .. } => Ok(()),
        }
    }

    /// Completes a report, and answers it once the change has been saved: a page repeats reports
    /// that were not answered.
    pub(super) async fn answer_report(self: &Arc<Self>, change: &PageChange) -> Reply {
        let done = match change {
            PageChange::OpenWorkspace { id } => self.open_workspace(id).await.map(|()| Reply::Done),
            PageChange::SaveWorkspace { name } => {
                self.save_as(name).await.map(|id| Reply::Saved(id.to_string()))
            }
            _ => {
                self.save().await;
                Ok(Reply::Done)
            }
        };
        done.unwrap_or_else(|error| Reply::Refused(error.for_page()))
    }

    fn added_by_hand(&self, page: &Page, reported: &ReportedChart) -> Result<()> {
        let chart = self.chart_of(reported)?;
        // The page's state changes under the same lock, so that it is not asked to add the chart.
        let mut known = page.known();
        let (chart, _) = self.change(|state| push(state, chart));
        if let Some(id) = &reported.id {
            known.state.drawn(&chart, id);
        }
        drop(known);
        self.charts_event("added", &chart);
        Ok(())
    }

    fn closed_by_hand(&self, page: &Page, id: &str) {
        let mut known = page.known();
        let Some(number) = known.state.closed_by_user(id) else { return };
        let (removed, _) = self.change(|state| remove_chart(state, number));
        drop(known);
        if let Some(chart) = removed {
            self.charts_event("removed", &chart);
        }
    }

    fn moved_by_hand(&self, page: &Page, id: &str, to: usize) -> Result<()> {
        let mut known = page.known();
        let number = known.state.number(id).ok_or_else(|| unknown_chart(id))?;
        let (moved, _) = self.change(|state| {
            let chart = remove_chart(state, number)?;
            state.charts.insert(to.min(state.charts.len()), chart.clone());
            // The page has already moved it.
            known.state.arranged(&state.charts);
            Some(chart)
        });
        drop(known);
        if let Some(chart) = moved {
            self.charts_event("moved", &chart);
        }
        Ok(())
    }

    fn retyped_by_hand(&self, page: &Page, id: &str, r#type: &str) -> Result<()> {
        let kind = kind_named(r#type)?;
        let listing = self.provider.catalog.listing();
        let mut known = page.known();
        let number = known.state.number(id).ok_or_else(|| unknown_chart(id))?;
        let (chart, _) = self.try_change(|state| {
            let chart = state.charts.iter_mut().find(|chart| chart.number == number);
            let chart = chart.ok_or_else(|| unknown_chart(id))?;
            let measurements = find_served(&listing, &chart.measurements)?;
            let all: Vec<_> = measurements.iter().map(|m| &**m).collect();
            can_draw(kind, &all)?;
            chart.kind = kind;
            for (key, value) in default_settings(kind) {
                chart.settings.entry(key).or_insert(value);
            }
            known.state.retyped(number, kind);
            Ok(chart.clone())
        })?;
        drop(known);
        self.charts_event("changed", &chart);
        Ok(())
    }

    /// Applies a page's report of all its charts after its connection was lost, perhaps to another
    /// endpoint. Its charts are matched by their type and measurements:
    ///
    /// - a chart of the session that it shows stays, and so does its region;
    /// - a chart that the user added in the meantime is added, one that the user closed is removed;
    /// - a chart that the session has removed in the meantime is removed from the page, unless the
    ///   session never had a chart: then it has lost its state, and adopts the charts of the page.
    ///
    /// With `replace`, the page's charts replace the session's, with the user's settings.
    fn resume(
        &self,
        page: &Page,
        charts: &[ReportedChart],
        place: Option<&WireRegion>,
        replace: bool,
    ) {
        let new: Vec<_> = charts.iter().map(|reported| self.chart_of(reported)).collect();
        let mut known = page.known();
        let shown = &mut known.state;
        shown.forget();
        let navigation_id = self.live().navigation_id;
        let ((added, removed), _) = self.change(|state| {
            let (mut added, mut removed) = (Vec::new(), Vec::new());
            let mut order = Vec::new();
            let is_new = state.last_chart == 0;
            let mut unclaimed: Vec<(usize, ChartType, Vec<String>)> = state
                .charts
                .iter()
                .filter(|chart| !shown.is_asked(chart.number))
                .map(|chart| (chart.number, chart.kind, chart.measurements.clone()))
                .collect();
            for (reported, new) in charts.iter().zip(new) {
                let kind = kind_of(reported);
                let is_same = |(_, known, measurements): &(usize, ChartType, Vec<String>)| {
                    (Some(*known), measurements) == (kind, &reported.measurements)
                };
                let claimed = unclaimed.iter().position(is_same).map(|at| unclaimed.remove(at).0);
                let id = reported.id.as_deref().unwrap_or_default();
                match (claimed, new) {
                    (Some(number), _) if reported.closed => {
                        shown.close(number);
                        removed.extend(remove_chart(state, number));
                    }
                    (Some(number), new) => {
                        let own = state.charts.iter_mut().find(|chart| chart.number == number);
                        if let (Some(own), Ok(new), true) = (own, new, replace) {
                            (own.settings, own.colors) = (new.settings, new.colors);
                        }
                        order.push(number);
                        state.chart(number).into_iter().for_each(|chart| shown.drawn(chart, id));
                    }
                    (None, Ok(new))
                        if !reported.closed && (is_new || replace || !reported.known) =>
                    {
                        let chart = push(state, new);
                        order.push(chart.number);
                        shown.drawn(&chart, id);
                        added.push(chart);
                    }
                    (None, Ok(new)) if !reported.closed => {
                        // It is numbered and shown, but not in the state, so it will be removed
                        // from the page.
                        shown.drawn(&Chart { number: state.next_number(), ..new }, id);
                    }
                    // The user closed it before it was reported, or only that page can draw it.
                    (None, _) => {}
                }
            }
            if replace {
                // This includes charts that the page has been asked to add and has not drawn yet.
                let others: Vec<_> = state.charts.iter().map(|chart| chart.number).collect();
                let others = others.into_iter().filter(|number| !order.contains(number));
                removed.extend(others.filter_map(|number| remove_chart(state, number)));
                let place = |chart: &Chart| order.iter().position(|number| *number == chart.number);
                state.charts.sort_by_key(|chart| place(chart).unwrap_or(usize::MAX));
            }
            if let Some(place) = place.filter(|place| place.region().is_some()) {
                state.place = Some(place.clone());
                shown.stays(navigation_id);
            }
            (added, removed)
        });
        drop(known);
        added.iter().for_each(|chart| self.charts_event("added", chart));
        removed.iter().for_each(|chart| self.charts_event("removed", chart));
    }

    /// Converts a reported chart; it has no number yet.
    ///
    /// # Errors
    /// [`Error::Input`] if its type is unknown or cannot draw its measurements; [`Error::NotFound`]
    /// if a measurement is not served.
    fn chart_of(&self, reported: &ReportedChart) -> Result<Chart> {
        let kind = kind_named(&reported.r#type)?;
        let listing = self.provider.catalog.listing();
        let measurements = find_served(&listing, &reported.measurements)?;
        let all: Vec<_> = measurements.iter().map(|m| &**m).collect();
        can_draw(kind, &all)?;
        let mut chart = Chart::new(0, kind, &measurements);
        chart.settings.extend(without_margins(&reported.settings));
        chart.recolor(reported.colors.clone());
        Ok(chart)
    }
}

fn kind_named(name: &str) -> Result<ChartType> {
    let kind = name.rsplit('.').next().and_then(ChartType::from_word);
    kind.ok_or_else(|| Error::Input(format!("there is no chart type '{name}' here")))
}

fn unknown_chart(id: &str) -> Error {
    Error::NotFound(format!("the session has no chart with the id {id} of this page"))
}

fn kind_of(reported: &ReportedChart) -> Option<ChartType> {
    kind_named(&reported.r#type).ok()
}

fn push(state: &mut State, chart: Chart) -> Chart {
    let chart = Chart { number: state.next_number(), ..chart };
    state.charts.push(chart.clone());
    chart
}

fn remove_chart(state: &mut State, number: usize) -> Option<Chart> {
    let at = state.charts.iter().position(|chart| chart.number == number)?;
    Some(state.charts.remove(at))
}

/// Removes margins from settings: a page that gets margins moves its axes but not its lines
/// (`docs/protocol.md`, 5.5).
pub(super) fn without_margins(settings: &Map<String, Value>) -> Map<String, Value> {
    let kept = settings.iter().filter(|(key, _)| !key.starts_with("margin"));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}
