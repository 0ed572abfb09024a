//! Fits the charts of a page to its view once the page is at rest.

use super::autoscale::{applies, axes};
use super::chart_settings::Fit;
use super::charts::drawn;
use super::handle::PageCall;
use super::{Page, Session};
use crate::catalog::{ChartType, Listing, Measurement, joined_id};
use crate::genome::Region;
use crate::genome::thousands;
use crate::provider::Visibility;
use crate::source::{Level, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The view of a page at rest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AtRest {
    pub(super) place: Region,
    /// The level of each datasource group; `None` for a page without a cache, where the view
    /// decides.
    pub(super) levels: Option<BTreeMap<String, Level>>,
    /// The groups of which a page with a cache has values, which it may draw as lines.
    pub(super) valued: Vec<(String, Level)>,
    /// The revision of the problems with files, see [`crate::Catalog::trouble_revision`].
    pub(super) troubles: u64,
}

impl AtRest {
    fn level(&self, group: &str) -> Option<Level> {
        self.levels.as_ref().and_then(|levels| levels.get(group).copied())
    }
}

impl Session {
    /// Fits the axes of the page's charts to the values in view, and adds a notice about hidden
    /// rows to their titles. The built-in page does this itself.
    pub(super) async fn fit(&self, page: &Page, rest: &AtRest) {
        if page.known().state.is_built_in {
            return;
        }
        let listing = self.provider.catalog.listing();
        let Some(place) = listing.locate(&rest.place).filter(|_| page.has_settings()) else {
            return;
        };
        let mut fits = BTreeMap::new();
        for chart in self.charts() {
            // If one of them is no longer served, the page keeps what it has drawn.
            let Ok(measurements) = drawn(&listing, &chart) else { continue };
            // A page has no rows yet for a chart that has just been added.
            let held = |m: &Arc<Measurement>| {
                rest.levels.as_ref().is_none_or(|levels| levels.contains_key(&m.group))
            };
            let is_held = measurements.iter().all(held);
            // What is wrong with a file is said even where there are no rows, which may be why.
            let has_trouble =
                || measurements.iter().any(|m| self.provider.catalog.trouble(m).is_some());
            if page.chart_id(chart.number).is_none() || !(is_held || has_trouble()) {
                continue;
            }
            let mut fit = Fit {
                notice: self.notice(&listing, &measurements, &place, rest),
                names: names(&measurements),
                ..Fit::default()
            };
            if is_held && applies(&chart) {
                let level = |group: &str| rest.level(group);
                match self.provider.values_in_view(&measurements, &place, level).await {
                    Ok(values) => fit.axes = axes(chart.kind, &values),
                    Err(error) => tracing::debug!("chart {}: no axis: {error}", chart.number),
                }
            }
            fits.insert(chart.number, fit);
        }
        page.fitted(fits);
        self.find_empty_views(page, rest).await;
    }

    /// Tells a page's actor which groups have no row in view, where the page would leave the
    /// previous lines.
    async fn find_empty_views(&self, page: &Page, rest: &AtRest) {
        let mut empty_views = Vec::new();
        let (listing, charts) = (self.provider.catalog.listing(), self.charts());
        // Of the charts that compare rows, only one type keeps its previous picture; the others would
        // show the added row as a point.
        let keeps_picture = |group: &String| {
            let is_listed = listing.datasources().iter().any(|d| d.group == *group);
            let mut stacked = charts.iter().filter(|c| c.kind == ChartType::StackedLinePlot);
            is_listed || stacked.any(|chart| joined_id(&chart.measurements) == *group)
        };
        for (group, level) in rest.valued.iter().filter(|(group, _)| keeps_picture(group)) {
            match self.provider.missing_row(group, &rest.place, *level).await {
                Ok(missing) => empty_views.push((group.clone(), missing)),
                Err(error) => {
                    tracing::debug!("{group}: cannot tell whether there are rows: {error}");
                }
            }
        }
        // A page that is gone draws nothing.
        let _ = page.calls.send(PageCall::EmptyViews(rest.place.clone(), empty_views).into()).await;
    }

    fn notice(
        &self,
        listing: &Listing,
        measurements: &[Arc<Measurement>],
        place: &Region,
        rest: &AtRest,
    ) -> Option<String> {
        if let Some(why) = measurements.iter().find_map(|m| self.provider.catalog.trouble(m)) {
            return Some(why);
        }
        let shown = measurements.iter().map(|m| {
            let shown = self.provider.visibility(listing, &m.group, place, rest.level(&m.group));
            (m, shown)
        });
        let (measurement, shown) = shown.max_by_key(|(_, shown)| match shown {
            Visibility::All => 0,
            Visibility::Part => 1,
            Visibility::None => 2,
        })?;
        match (shown, measurement.source.shape()) {
            (Visibility::All, _) => measurements.iter().find_map(|m| {
                let own = listing.own_region(&*m.source, place)?;
                m.source.estimate(&own.sequence, rest.level(&m.group)?)
            }),
            (Visibility::None, shape) => {
                let widest = thousands(shape.widest_view().unwrap_or_default().into());
                let what = if shape == Shape::Bases { "letters" } else { "reads" };
                Some(format!("zoom in below {widest} bases for {what}"))
            }
            _ => Some("the most important rows; zoom in for all".into()),
        }
    }
}

fn names(measurements: &[Arc<Measurement>]) -> String {
    let names: Vec<_> = measurements.iter().map(|m| m.name.as_str()).collect();
    names.join(", ")
}
