//! Charts made, closed and changed by hand, as pages of ours report them. The session owns the
//! charts: it numbers what is reported, keeps it, and spreads it to the other pages.

use super::charts::find_served;
use super::state::{Chart, State, usual_settings};
use super::{Page, Session};
use crate::catalog::ChartType;
use crate::error::{Error, Result};
use crate::protocol::{PageChange, Reply, ReportedChart, WireRegion};
use serde_json::{Map, Value};
use std::sync::Arc;

impl Session {
    /// Takes over what the user of a page did, at once: changes of one page are taken over in the
    /// order in which it reports them. What takes time is left to [`Session::answer_report`].
    ///
    /// # Errors
    /// [`Error::Input`] or [`Error::NotFound`] if no session can hold such a chart: it stays that
    /// page's own.
    pub(super) fn take_over(&self, page: &Page, change: &PageChange) -> Result<()> {
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

    /// Does the rest of a report, and answers it once the change is saved: a page reports again
    /// what was not answered.
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
        let chart = self.chart_of(page, reported)?;
        // What the page shows is noted under the same lock, so that it is not asked for the chart.
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
        let (removed, _) = self.change(|state| take_out(state, number));
        drop(known);
        if let Some(chart) = removed {
            self.charts_event("removed", &chart);
        }
    }

    fn moved_by_hand(&self, page: &Page, id: &str, to: usize) -> Result<()> {
        let mut known = page.known();
        let number = known.state.number(id).ok_or_else(|| unknown_chart(id))?;
        let (moved, _) = self.change(|state| {
            let chart = take_out(state, number)?;
            state.charts.insert(to.min(state.charts.len()), chart.clone());
            // The page has moved it already.
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
            kind.draws(&all).map_err(Error::Input)?;
            chart.kind = kind;
            for (key, value) in usual_settings(kind) {
                chart.settings.entry(key).or_insert(value);
            }
            known.state.retyped(number, kind);
            Ok(chart.clone())
        })?;
        drop(known);
        self.charts_event("changed", &chart);
        Ok(())
    }

    /// The page tells all that it shows, after its connection was lost, perhaps with the endpoint
    /// it had. Its charts are told from each other by their type and measurements:
    ///
    /// - a chart of the session that it shows stays, and so does the place where it looks;
    /// - one that its user made meanwhile is added, one that its user closed is removed;
    /// - one that the session removed meanwhile is removed from the page, unless the session never
    ///   had a chart: then it has lost its memory, and takes the charts of the page.
    ///
    /// With `replace` the page's charts are shown instead of the session's, as its user set them.
    fn resume(
        &self,
        page: &Page,
        charts: &[ReportedChart],
        place: Option<&WireRegion>,
        replace: bool,
    ) {
        let new: Vec<_> = charts.iter().map(|reported| self.chart_of(page, reported)).collect();
        let mut known = page.known();
        let shown = &mut known.state;
        shown.forget();
        let navigation_id = self.live().navigation_id;
        let ((added, removed), _) = self.change(|state| {
            let (mut added, mut removed) = (Vec::new(), Vec::new());
            let mut order = Vec::new();
            let forgetful = state.last_chart == 0;
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
                        removed.extend(take_out(state, number));
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
                        if !reported.closed && (forgetful || replace || !reported.known) =>
                    {
                        let chart = push(state, new);
                        order.push(chart.number);
                        shown.drawn(&chart, id);
                        added.push(chart);
                    }
                    (None, Ok(new)) if !reported.closed => {
                        // Numbered, shown, and not in the state: so it is removed from the page.
                        shown.drawn(&Chart { number: state.next_number(), ..new }, id);
                    }
                    // Closed before anybody knew it, or what only that page can draw.
                    (None, _) => {}
                }
            }
            if replace {
                // Also those that the page has been asked for and has not drawn yet.
                let others: Vec<_> = state.charts.iter().map(|chart| chart.number).collect();
                let others = others.into_iter().filter(|number| !order.contains(number));
                removed.extend(others.filter_map(|number| take_out(state, number)));
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

    /// The chart that a page reports, not yet numbered.
    ///
    /// # Errors
    /// [`Error::Input`] if it has a type that there is not here, or measurements that it cannot
    /// draw; [`Error::NotFound`] if one of these is not served.
    fn chart_of(&self, page: &Page, reported: &ReportedChart) -> Result<Chart> {
        let kind = kind_named(&reported.r#type)?;
        let listing = self.provider.catalog.listing();
        let measurements = find_served(&listing, &reported.measurements)?;
        let all: Vec<_> = measurements.iter().map(|m| &**m).collect();
        kind.draws(&all).map_err(Error::Input)?;
        if !page.known().state.is_built_in {
            kind.compares(&all).map_err(Error::Input)?;
        }
        let mut chart = Chart::new(0, kind, &measurements);
        chart.settings.extend(without_margins(&reported.settings));
        chart.recolor(reported.colors.clone());
        Ok(chart)
    }
}

fn kind_named(name: &str) -> Result<ChartType> {
    let kind = name.rsplit('.').next().and_then(ChartType::from_word);
    kind.ok_or_else(|| Error::Input(format!("there are no charts of the type '{name}' here")))
}

fn unknown_chart(id: &str) -> Error {
    Error::NotFound(format!("the session has no chart {id} of this page"))
}

fn kind_of(reported: &ReportedChart) -> Option<ChartType> {
    kind_named(&reported.r#type).ok()
}

fn push(state: &mut State, chart: Chart) -> Chart {
    let chart = Chart { number: state.next_number(), ..chart };
    state.charts.push(chart.clone());
    chart
}

fn take_out(state: &mut State, number: usize) -> Option<Chart> {
    let at = state.charts.iter().position(|chart| chart.number == number)?;
    Some(state.charts.remove(at))
}

/// Settings without margins: a page that is sent margins moves its axes and leaves its lines where
/// they were (`docs/protocol.md`, 5.5).
pub(super) fn without_margins(settings: &Map<String, Value>) -> Map<String, Value> {
    let kept = settings.iter().filter(|(key, _)| !key.starts_with("margin"));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}
