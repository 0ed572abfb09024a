//! Polls a page's view, and fits its charts to it.

use super::Actor;
use crate::error::PageError;
use crate::genome::Region;
use crate::protocol::{GetCurrentLocation, WireRegion};
use crate::session::fit::AtRest;
use crate::session::handle::Waiting;
use crate::session::{Chart, Stage};
use crate::source::Level;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// A page without a cache counts as at rest this long after it requested its view.
const DRAW_TIME: Duration = Duration::from_millis(300);
/// The interval at which a page's view is polled if there is no other reason to poll it.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The same interval for a page that others follow.
const LEADER_INTERVAL: Duration = Duration::from_millis(300);

/// The state of fitting a page's charts to its view.
#[derive(Default)]
pub(super) struct Fitting {
    /// The last view and the charts that were fitted to it.
    last: Option<(AtRest, Vec<Chart>)>,
    task: Option<AbortHandle>,
    /// The view of a page without a cache, and when it will have drawn it.
    drawn: Option<(Region, Instant)>,
    /// Whether it has no cache: then each request is for its view.
    combines: bool,
}

impl Fitting {
    /// Records that a page without a cache has requested its view.
    pub(super) fn requested(&mut self, view: Option<Region>, now: Instant) {
        self.combines = true;
        self.drawn = view.map(|view| (view, now + DRAW_TIME));
    }

    /// Returns when a page without a cache will have drawn its view; `None` while it waits for
    /// answers, which wake the actor anyway.
    pub(super) fn next(&self, is_answered: bool) -> Option<Instant> {
        self.drawn.as_ref().filter(|_| is_answered).map(|(_, at)| *at)
    }

    /// Makes the next fit take place even if the view has not changed, since the data may have.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// Returns whether charts still have to be fitted to this view, and records them as fitted.
    fn begins(&mut self, rest: &AtRest, charts: Vec<Chart>) -> bool {
        let now = Some((rest.clone(), charts));
        let is_new = self.last != now;
        self.last = now;
        is_new
    }

    /// Returns the view that a page without a cache has drawn by now, once.
    fn take_drawn(&mut self, is_answered: bool, now: Instant) -> Option<Region> {
        let is_drawn = self.next(is_answered).is_some_and(|at| now >= at);
        self.drawn.take_if(|_| is_drawn).map(|(view, _)| view)
    }
}

impl Actor {
    /// Polls the page's view for those who follow it. If the view model needs the answer too, it does
    /// the polling, so that a page is not asked twice.
    pub(super) fn poll_view(&mut self) {
        if Instant::now() < self.next_poll {
            return;
        }
        self.next_poll = Instant::now() + self.pause();
        let asked = |waiting: &Waiting| matches!(waiting, Waiting::Location | Waiting::PolledView);
        if self.page.stage() != Stage::Ready || self.waiting.values().any(asked) {
            return;
        }
        let listing = self.session.provider.catalog.listing();
        if self.view.depends_on_place(&*listing) {
            self.view.poll_now(self.now());
        } else {
            self.act(GetCurrentLocation {}, Some(Waiting::PolledView));
        }
    }

    pub(super) fn located(&mut self, answer: Result<Value, PageError>) {
        let listing = self.session.provider.catalog.listing();
        let place = self.place(answer).and_then(|place| listing.locate(&place));
        self.view.located(place, &*listing, self.now());
        self.fit_resting();
    }

    /// Fits the charts of a page with a cache to the place where it is at rest.
    fn fit_resting(&mut self) {
        let Some(place) = self.view.resting_place().cloned() else { return };
        let valued = self.view.groups_with_values();
        let valued = valued.map(|(group, level)| (group.to_owned(), level)).collect();
        self.fit(AtRest { place, levels: Some(self.levels()), valued, troubles: 0 });
    }

    /// Returns the level of each datasource group of which the page has rows.
    fn levels(&self) -> BTreeMap<String, Level> {
        self.view.levels().map(|(group, level)| (group.to_owned(), level)).collect()
    }

    /// Fits the charts of a page with few rows, whose view is not polled by the view model.
    pub(super) fn view_polled(&mut self, answer: Result<Value, PageError>) {
        let place = self.place(answer);
        let listing = self.session.provider.catalog.listing();
        let place = place.and_then(|place| listing.locate(&place));
        let (Some(place), true) = (place, self.due.is_empty() && self.deferred.is_empty()) else {
            return;
        };
        let levels = self.levels();
        let levels = (!self.fitting.combines).then_some(levels);
        self.fit(AtRest { place, levels, valued: Vec::new(), troubles: 0 });
    }

    /// Fits the charts of a page without a cache once it has had time to draw.
    pub(super) fn fit_drawn(&mut self) {
        if let Some(place) = self.fitting.take_drawn(self.due.is_empty(), Instant::now()) {
            self.fit(AtRest { place, levels: None, valued: Vec::new(), troubles: 0 });
        }
    }

    /// Fits the charts to the page's view, unless both are unchanged.
    fn fit(&mut self, rest: AtRest) {
        let troubles = self.session.provider.catalog.trouble_revision();
        let rest = AtRest { troubles, ..rest };
        let charts = self.session.charts();
        let there = |chart: &Chart| self.page.chart_id(chart.number).is_some();
        let charts: Vec<_> = charts.into_iter().filter(there).collect();
        if !self.fitting.begins(&rest, charts) {
            return;
        }
        let (session, page) = (self.session.clone(), self.page.clone());
        let task = tokio::spawn(async move { session.fit(&page, &rest).await });
        // The previous task fits a view that is no longer shown.
        self.fitting.task.replace(task.abort_handle()).into_iter().for_each(|old| old.abort());
    }

    /// Returns the interval at which the page's view is polled.
    fn pause(&self) -> Duration {
        let is_leader = self.session.followed() == Some(self.page.id());
        if is_leader { LEADER_INTERVAL } else { POLL_INTERVAL }
    }

    /// Parses the view that the page reports, and passes it to the session.
    fn place(&mut self, answer: Result<Value, PageError>) -> Option<Region> {
        let place = serde_json::from_value::<WireRegion>(answer.ok()?).ok()?.region()?;
        self.next_poll = Instant::now() + self.pause();
        self.session.moved(&self.page, &place);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The actor sleeps until this time: one in the past would keep a core busy until the answers
    /// arrive.
    #[test]
    fn a_page_that_waits_for_answers_does_not_keep_the_actor_awake() {
        let (view, now) = (Region::new("chr1", 0, 100), Instant::now());
        let mut fitting = Fitting::default();
        fitting.requested(Some(view.clone()), now);
        let late = now + 2 * DRAW_TIME;
        assert_eq!((fitting.next(false), fitting.take_drawn(false, late)), (None, None));
        assert_eq!(
            (fitting.next(true), fitting.take_drawn(true, now)),
            (Some(now + DRAW_TIME), None)
        );
        assert_eq!(fitting.take_drawn(true, late), Some(view));
        assert_eq!(fitting.next(true), None, "once");
    }

    /// A clear takes the row that is none out of a view without rows: whether it is still wanted must
    /// be found out again, though the page looks where it looked.
    #[test]
    fn after_a_clear_charts_are_fitted_again() {
        let place = Region::new("chr1", 0, 100);
        let rest = AtRest { place, levels: None, valued: Vec::new(), troubles: 0 };
        let mut fitting = Fitting::default();
        assert!(fitting.begins(&rest, Vec::new()));
        assert!(!fitting.begins(&rest, Vec::new()));
        fitting.forget();
        assert!(fitting.begins(&rest, Vec::new()));
    }
}
