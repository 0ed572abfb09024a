//! Where a page looks, and fitting its charts to that.

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

/// After a page without cache has asked for a view, before it counts as at rest.
const DRAWN: Duration = Duration::from_millis(300);
/// Between two questions where the page looks, if nothing else makes it be asked.
const LOOK: Duration = Duration::from_secs(2);
/// The same for a page that others follow.
const LOOK_AT_LEADER: Duration = Duration::from_millis(300);

/// How far a page's charts have been fitted to what it shows.
#[derive(Default)]
pub(super) struct Fitting {
    /// What the charts were fitted to last, and which of them.
    last: Option<(AtRest, Vec<Chart>)>,
    task: Option<AbortHandle>,
    /// Where a page without cache looks, and when it will have drawn that.
    drawn: Option<(Region, Instant)>,
    /// Whether it keeps no cache: then each request is for the view.
    combines: bool,
}

impl Fitting {
    /// A page without cache has asked for a view.
    pub(super) fn asked(&mut self, view: Option<Region>, now: Instant) {
        self.combines = true;
        self.drawn = view.map(|view| (view, now + DRAWN));
    }

    /// When a page without cache will have drawn its view; never as long as it waits for answers,
    /// whose arrival wakes the actor anyway.
    pub(super) fn next(&self, is_answered: bool) -> Option<Instant> {
        self.drawn.as_ref().filter(|_| is_answered).map(|(_, at)| *at)
    }

    /// The view that a page without cache has drawn by now, once.
    fn take_drawn(&mut self, is_answered: bool, now: Instant) -> Option<Region> {
        let is_drawn = self.next(is_answered).is_some_and(|at| now >= at);
        self.drawn.take_if(|_| is_drawn).map(|(view, _)| view)
    }
}

impl Actor {
    /// Asks where the page looks, for those who follow it, or has the view ask, if it depends on the
    /// answer: two kinds of questions side by side would have pages answer twice.
    pub(super) fn look(&mut self) {
        if Instant::now() < self.look_at {
            return;
        }
        self.look_at = Instant::now() + self.pause();
        let asked = |waiting: &Waiting| matches!(waiting, Waiting::Location | Waiting::Look);
        if self.page.stage() != Stage::Ready || self.waiting.values().any(asked) {
            return;
        }
        let listing = self.session.provider.catalog.listing();
        if self.view.depends_on_place(&*listing) {
            self.view.wonder(self.now());
        } else {
            self.act(GetCurrentLocation {}, Some(Waiting::Look));
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
        self.fit(AtRest { place, levels: Some(self.levels()), valued });
    }

    /// The level of each datasource group of which the page holds rows.
    fn levels(&self) -> BTreeMap<String, Level> {
        let listing = self.session.provider.catalog.listing();
        let groups = listing.datasources().iter().map(|datasource| &datasource.group);
        groups.filter_map(|group| Some((group.clone(), self.view.level(group)?))).collect()
    }

    /// A page whose rows are few is not asked for the view's sake; still its charts are to fit.
    pub(super) fn looked(&mut self, answer: Result<Value, PageError>) {
        let place = self.place(answer);
        let listing = self.session.provider.catalog.listing();
        let place = place.and_then(|place| listing.locate(&place));
        let (Some(place), true) = (place, self.due.is_empty() && self.held.is_empty()) else {
            return;
        };
        let levels = self.levels();
        let levels = (!self.fitting.combines).then_some(levels);
        self.fit(AtRest { place, levels, valued: Vec::new() });
    }

    /// Fits the charts of a page without cache, once it has had time to draw.
    pub(super) fn fit_drawn(&mut self) {
        if let Some(place) = self.fitting.take_drawn(self.due.is_empty(), Instant::now()) {
            self.fit(AtRest { place, levels: None, valued: Vec::new() });
        }
    }

    /// Fits the charts to what the page shows, unless that is as it was.
    fn fit(&mut self, rest: AtRest) {
        let charts = self.session.charts();
        let there = |chart: &Chart| self.page.chart_id(chart.number).is_some();
        let charts: Vec<_> = charts.into_iter().filter(there).collect();
        let now = (rest, charts);
        if self.fitting.last.as_ref() == Some(&now) {
            return;
        }
        let (session, page, rest) = (self.session.clone(), self.page.clone(), now.0.clone());
        self.fitting.last = Some(now);
        let task = tokio::spawn(async move { session.fit(&page, &rest).await });
        // What was being looked at is no longer in view.
        self.fitting.task.replace(task.abort_handle()).into_iter().for_each(|old| old.abort());
    }

    /// How long the page is not asked where it looks.
    fn pause(&self) -> Duration {
        let is_leader = self.session.followed() == Some(self.page.id());
        if is_leader { LOOK_AT_LEADER } else { LOOK }
    }

    /// Where the page says that it looks, which is told to the session.
    fn place(&mut self, answer: Result<Value, PageError>) -> Option<Region> {
        let place = serde_json::from_value::<WireRegion>(answer.ok()?).ok()?.region()?;
        self.look_at = Instant::now() + self.pause();
        self.session.moved(&self.page, &place);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The actor sleeps until that time: one in the past would keep a core busy for as long as the
    /// answers take.
    #[test]
    fn a_page_that_waits_for_answers_is_not_looked_at_again_and_again() {
        let (view, now) = (Region::new("chr1", 0, 100), Instant::now());
        let mut fitting = Fitting::default();
        fitting.asked(Some(view.clone()), now);
        let late = now + 2 * DRAWN;
        assert_eq!((fitting.next(false), fitting.take_drawn(false, late)), (None, None));
        assert_eq!((fitting.next(true), fitting.take_drawn(true, now)), (Some(now + DRAWN), None));
        assert_eq!(fitting.take_drawn(true, late), Some(view));
        assert_eq!(fitting.next(true), None, "once");
    }
}
