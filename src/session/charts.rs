//! Adding, changing and removing charts on all pages.

use super::page_state::Refusal;
use super::state::{Chart, State, default_settings};
use super::{Page, Session, Topic, refused_by};
use crate::catalog::{ChartType, Listing, Measurement};
use crate::error::{Error, PageError, Result};
use crate::protocol::AddChart;
use crate::provider::{Provider, wire_measurement};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Returns the action that adds a chart.
///
/// # Errors
/// [`PageError::Refused`] if one of its measurements is not served, or if such a page cannot draw
/// them together.
pub(super) fn chart_message(
    provider: &Provider,
    chart: &Chart,
    is_built_in: bool,
) -> Result<AddChart, PageError> {
    let listing = provider.catalog.listing();
    let measurements = served(&listing, &chart.measurements).map_err(PageError::Refused)?;
    chart.kind.draws(&measurements).map_err(PageError::Refused)?;
    chart.kind.compares(&measurements).map_err(PageError::Refused)?;
    // The built-in page itself determines what it must compare.
    let measurements = if is_built_in {
        find_served(&listing, &chart.measurements)
            .map_err(|why| PageError::Refused(why.to_string()))?
    } else {
        drawn(&listing, chart).map_err(PageError::Refused)?
    };
    Ok(AddChart {
        r#type: format!("{MODULE}{}", chart.kind.page_name()),
        measurements: measurements.iter().map(|m| wire_measurement(m)).collect(),
    })
}

/// Returns the measurements of a chart in the form in which EpiViz pages draw them: with common rows,
/// if the chart compares rows.
///
/// # Errors
/// The reason why it cannot be drawn.
pub(super) fn drawn(listing: &Listing, chart: &Chart) -> Result<Vec<Arc<Measurement>>, String> {
    let found = find_served(listing, &chart.measurements).map_err(|why| why.to_string())?;
    if chart.kind.has_own_rows() { Ok(found) } else { listing.comparable(&found) }
}

/// Returns the measurements with these ids, or a message if one is not served.
fn served<'l>(listing: &'l Listing, ids: &[String]) -> Result<Vec<&'l Measurement>, String> {
    let find = |id: &String| {
        let found = listing.measurements().find(|m| m.id == *id).map(|m| &**m);
        found.ok_or_else(|| format!("the measurement '{id}' is currently not served"))
    };
    ids.iter().map(find).collect()
}

/// Returns the measurements with these ids.
///
/// # Errors
/// [`Error::NotFound`] that names the first that is not served.
pub(super) fn find_served(listing: &Listing, ids: &[String]) -> Result<Vec<Arc<Measurement>>> {
    let find = |id: &String| listing.measurements().find(|m| m.id == *id).cloned();
    let missing =
        |id: &String| Error::NotFound(format!("the measurement '{id}' is currently not served"));
    ids.iter().map(|id| find(id).ok_or_else(|| missing(id))).collect()
}

/// The module of the pages' own chart types.
pub(super) const MODULE: &str = "epiviz.plugins.charts.";

impl Session {
    /// Returns the charts of the session.
    pub fn charts(&self) -> Vec<Chart> {
        self.snapshot().0.charts
    }

    /// Draws measurements in a new chart on all pages, including those that connect later. Without
    /// `kind`, the first measurement's default chart type applies. `colors` replace the first default
    /// colours.
    ///
    /// # Errors
    /// [`Error::Input`] without measurements, or if they cannot be drawn with this chart type;
    /// [`Error::Pages`] if no page drew it, or one did not answer. The chart stays unless all pages
    /// refused it; [`Session::undrawn`] returns the pages that refused it if others drew it.
    pub async fn plot(
        &self,
        measurements: &[Arc<Measurement>],
        kind: Option<ChartType>,
        settings: Map<String, Value>,
        colors: Vec<String>,
    ) -> Result<Chart> {
        let Some(first) = measurements.first() else {
            return Err(Error::Input("name at least one measurement to plot".into()));
        };
        let kind = kind.unwrap_or(first.chart);
        let listing = self.provider.catalog.listing();
        let all: Vec<&Measurement> = measurements.iter().map(|m| &**m).collect();
        can_draw(kind, &all)?;
        let (chart, revision) = self.change(|state| {
            let mut chart = Chart::new(state.next_number(), kind, measurements);
            chart.tint(place_of(&listing, first));
            chart.choose(settings);
            chart.recolor(colors);
            state.charts.push(chart.clone());
            chart
        });
        self.charts_event("added", &chart);
        let drawn = self.settle(revision).await;
        let pages = self.pages();
        let is_there = |page: &Page| page.chart_id(chart.number).is_some();
        let refused = |refusal: &Refusal| {
            refusal.chart == Some(chart.number) && matches!(refusal.error, PageError::Refused(_))
        };
        let only_refused = |page: &Page| page.info.settled.borrow().refusals.iter().all(refused);
        if drawn.is_ok() || (pages.iter().any(is_there) && pages.iter().all(only_refused)) {
            return Ok(chart);
        }
        if pages.iter().all(|page| page.known().state.is_refused(chart.number)) {
            self.change(|state| state.charts.retain(|known| known.number != chart.number));
        }
        drawn.map(|()| chart)
    }

    /// Returns a sentence for each page that does not draw a chart, with the reason.
    pub fn undrawn(&self, number: usize) -> Vec<String> {
        let of_page = |page: &Page| {
            let refusals = page.info.settled.borrow().refusals.clone();
            let concerned = refusals.iter().filter(|refusal| refusal.chart == Some(number));
            concerned.map(|refusal| refused_by(page.id(), refusal)).collect::<Vec<_>>()
        };
        self.ready_pages().iter().flat_map(of_page).collect()
    }

    /// Changes a chart on all pages.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such chart, [`Error::Pages`] if a page refused.
    pub async fn change_chart(
        &self,
        number: usize,
        change: impl FnOnce(&mut Chart),
    ) -> Result<Chart> {
        let (chart, revision) = self.try_change(|state| {
            let chart = find(state, number)?;
            change(chart);
            Ok(chart.clone())
        })?;
        self.charts_event("changed", &chart);
        self.settle(revision).await.map(|()| chart)
    }

    /// Changes the type of a chart. It becomes the last chart, as on the pages.
    ///
    /// # Errors
    /// As [`Session::change_chart`], and [`Error::Input`] if the type cannot draw its measurements.
    pub async fn revisualize(&self, number: usize, kind: ChartType) -> Result<Chart> {
        let listing = self.provider.catalog.listing();
        let (chart, revision) = self.try_change(|state| {
            let mut chart = find(state, number)?.clone();
            let measurements = served(&listing, &chart.measurements).map_err(Error::Input)?;
            can_draw(kind, &measurements)?;
            (chart.kind, chart.settings) = (kind, default_settings(kind));
            state.charts.retain(|known| known.number != number);
            state.charts.push(chart.clone());
            Ok(chart)
        })?;
        self.charts_event("changed", &chart);
        self.settle(revision).await.map(|()| chart)
    }

    /// Removes charts from all pages.
    ///
    /// # Errors
    /// [`Error::NotFound`] if a chart does not exist, [`Error::Pages`] if a page did not answer.
    pub async fn remove_charts(&self, numbers: &[usize]) -> Result<Vec<Chart>> {
        let (removed, revision) = self.try_change(|state| {
            let found = numbers.iter().map(|number| find(state, *number).cloned());
            let found = found.collect::<Result<Vec<_>>>()?;
            state.charts.retain(|chart| !numbers.contains(&chart.number));
            Ok(found)
        })?;
        removed.iter().for_each(|chart| self.charts_event("removed", chart));
        self.settle(revision).await.map(|()| removed)
    }

    /// Applies a change of a chart by the user of a page, so that the other pages get it too.
    pub(super) fn chosen(
        &self,
        page: &super::Page,
        id: &str,
        settings: &Map<String, Value>,
        colors: Option<&[String]>,
    ) {
        let kind_of = |kind| page.initial_settings(kind);
        let initial: BTreeMap<_, _> =
            ChartType::ALL.iter().map(|(kind, ..)| (kind.word(), kind_of(*kind))).collect();
        let initial = |kind: ChartType| initial.get(kind.word()).cloned().unwrap_or_default();
        let told = page.known().state.told(id, settings, colors, initial);
        let Some((number, settings)) = told else { return };
        let (changed, _) = self.change(|state| {
            let chart = find(state, number).ok()?;
            let before = chart.clone();
            chart.choose(settings);
            if let Some(colors) = colors.filter(|colors| !colors.is_empty()) {
                chart.colors = colors.to_vec();
            }
            (*chart != before).then(|| chart.clone())
        });
        if let Some(chart) = changed {
            self.charts_event("changed", &chart);
        }
    }

    pub(super) fn charts_event(&self, what: &str, chart: &Chart) {
        self.tell(Topic::Charts, || {
            json!({
                "what": what, "chart": chart.number, "type": chart.kind.word(),
                "measurements": chart.measurements, "settings": chart.settings,
                "colors": chart.colors,
            })
        });
    }
}

/// Checks that pages can draw the measurements together.
///
/// # Errors
/// [`Error::Input`] with the reason.
pub(super) fn can_draw(kind: ChartType, measurements: &[&Measurement]) -> Result<()> {
    kind.draws(measurements).and_then(|()| kind.compares(measurements)).map_err(Error::Input)
}

/// Returns the position of a measurement's file among the served files.
fn place_of(listing: &Listing, measurement: &Measurement) -> usize {
    let specs = listing.measurements().filter_map(|m| m.spec.as_ref());
    let mut specs: Vec<_> = specs.collect();
    specs.dedup_by(|a, b| Arc::ptr_eq(a, b));
    let own = |spec: &&Arc<_>| measurement.spec.as_ref().is_some_and(|m| Arc::ptr_eq(m, spec));
    specs.iter().position(own).unwrap_or(0)
}

fn find(state: &mut State, number: usize) -> Result<&mut Chart> {
    state
        .charts
        .iter_mut()
        .find(|chart| chart.number == number)
        .ok_or_else(|| Error::NotFound(format!("there is no chart {number}; 'charts' lists them")))
}
