//! The charts that the endpoint added, and how they are added.

use super::{PAGE_TIMEOUT, Session, no_page};
use crate::catalog::{ChartType, Measurement};
use crate::error::{Error, Result};
use crate::protocol::{AddChart, RemoveChart, SetChartSettings};
use crate::provider::wire_measurement;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// The colours of charts whose user chose none: Tableau's ten, as d3 has them, which pages use too.
const COLORS: [&str; 10] = [
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f",
    "#bcbd22", "#17becf",
];

/// A chart that the endpoint added to the pages.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The number by which the console calls it.
    pub number: usize,
    /// How it draws.
    pub chart: ChartType,
    /// What it draws.
    pub measurements: Vec<Arc<Measurement>>,
    /// The id that each page gave it.
    pub ids: BTreeMap<u64, String>,
}

/// The charts of a session.
#[derive(Debug, Default)]
pub(super) struct Charts {
    list: Vec<Chart>,
    last: usize,
}

impl Charts {
    pub(super) fn forget_page(&mut self, page: u64) {
        self.list.iter_mut().for_each(|chart| _ = chart.ids.remove(&page));
        // A chart that no page shows is gone: pages forget their charts when they are closed.
        self.list.retain(|chart| !chart.ids.is_empty());
    }
}

impl Session {
    /// The charts that the endpoint added and some page still shows.
    pub fn charts(&self) -> Vec<Chart> {
        self.charts.lock().unwrap_or_else(PoisonError::into_inner).list.clone()
    }

    /// Draws measurements in a new chart on every page; the measurement's own kind of chart if
    /// none is given.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no page is connected, [`Error::Page`] if one refused.
    pub async fn plot(
        &self,
        measurements: Vec<Arc<Measurement>>,
        chart: Option<ChartType>,
    ) -> Result<Chart> {
        let Some(first) = measurements.first() else {
            return Err(Error::Input("name at least one measurement to plot".into()));
        };
        let pages = self.pages();
        if pages.is_empty() {
            return Err(no_page());
        }
        let kind = chart.unwrap_or(first.chart);
        let mut ids = BTreeMap::new();
        for page in &pages {
            let add = AddChart {
                r#type: format!("epiviz.plugins.charts.{}", kind.page_name()),
                measurements: measurements.iter().map(|m| wire_measurement(m)).collect(),
            };
            let added = page.call(add, PAGE_TIMEOUT).await?;
            page.call(settings(&added.id, kind, &measurements), PAGE_TIMEOUT).await?;
            ids.insert(page.id(), added.id);
        }
        let mut charts = self.charts.lock().unwrap_or_else(PoisonError::into_inner);
        charts.last += 1;
        let chart = Chart { number: charts.last, chart: kind, measurements, ids };
        charts.list.push(chart.clone());
        Ok(chart)
    }

    /// Removes a chart from every page that shows it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of that number, [`Error::Page`] if a page refused.
    pub async fn remove_chart(&self, number: usize) -> Result<Chart> {
        let chart = {
            let mut charts = self.charts.lock().unwrap_or_else(PoisonError::into_inner);
            let at = charts.list.iter().position(|chart| chart.number == number);
            at.map(|at| charts.list.remove(at))
        };
        let chart = chart.ok_or_else(|| {
            Error::NotFound(format!("there is no chart {number}; 'charts' lists them"))
        })?;
        for page in self.pages() {
            if let Some(id) = chart.ids.get(&page.id()) {
                page.call(RemoveChart { chart: id.clone() }, PAGE_TIMEOUT).await?;
            }
        }
        Ok(chart)
    }
}

/// What must be set on every new chart: line tracks otherwise draw every 200th point, and without
/// colours the page breaks (PROTOCOL section 5).
fn settings(id: &str, kind: ChartType, measurements: &[Arc<Measurement>]) -> SetChartSettings {
    let mut settings = serde_json::Map::new();
    if kind.is_line_track() {
        settings.insert("step".into(), json!(1));
        settings.insert("showPoints".into(), json!(false));
        settings.insert("interpolation".into(), json!("linear"));
    }
    let chosen = measurements.iter().filter_map(|m| m.color.as_deref());
    let usual = COLORS.into_iter().cycle().skip(chosen.clone().count());
    let count = COLORS.len().max(measurements.len());
    let color_map = chosen.chain(usual).take(count).map(str::to_owned).collect();
    SetChartSettings { chart: id.to_owned(), settings, color_map }
}
