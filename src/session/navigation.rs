//! The regions that pages show.

use super::{Page, Session, Topic};
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::protocol::{GetCurrentLocation, Navigate, WireRegion};
use serde_json::json;
use std::sync::Arc;

impl Session {
    /// Shows a region on all pages, including those that connect later; or only on the page `only`.
    ///
    /// # Errors
    /// [`Error::Pages`] if a page refused, [`Error::NotFound`] if `only` is not connected.
    pub async fn go(&self, region: &Region, only: Option<u64>) -> Result<()> {
        let place = WireRegion::from(region);
        if only.is_some() {
            return self.ask(only, || Navigate { range: place.clone() }).await.map(drop);
        }
        self.travel(|state| state.go(place)).await
    }

    /// Returns all pages to the region before the last navigation.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there was no navigation; otherwise as [`Session::go`].
    pub async fn back(&self) -> Result<WireRegion> {
        let before = self.live().state.trail.last().cloned();
        let before = before.ok_or_else(|| {
            Error::NotFound(
                "there is no earlier region; 'back' undoes 'go', 'zoom' and 'pan'".into(),
            )
        })?;
        self.travel(|state| {
            state.trail.pop();
            state.place = Some(before.clone());
        })
        .await?;
        Ok(before)
    }

    /// Changes the state as a navigation, and waits until the pages have followed.
    pub(super) async fn travel(&self, change: impl FnOnce(&mut super::State)) -> Result<()> {
        let revision = self.depart(change);
        self.settle(revision).await
    }

    pub(super) fn depart(&self, change: impl FnOnce(&mut super::State)) -> u64 {
        let mut live = self.live();
        change(&mut live.state);
        let navigation_id = live.navigation_id + 1;
        self.step(live, navigation_id)
    }

    /// Asks all pages, or only the page `only`, for their regions.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub async fn locations(&self, only: Option<u64>) -> Result<Vec<(u64, Option<Region>)>> {
        let answers = self.ask(only, || GetCurrentLocation {}).await?;
        Ok(answers.into_iter().map(|(page, place)| (page, place.region())).collect())
    }

    /// Returns the region that moves at the console start from: of the page `only`, else of the first.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no page is connected and none ever was, or if the page has no location.
    pub async fn place(&self, only: Option<u64>) -> Result<Region> {
        let pages = self.ready_pages();
        let first = only.or_else(|| pages.first().map(Page::id));
        let place = match first {
            Some(page) => self.locations(Some(page)).await?.pop().and_then(|(_, place)| place),
            None => self.state().place.and_then(|place| place.region()),
        };
        match (place, first) {
            (Some(place), _) => Ok(place),
            (None, None) => Err(self.needs_page(None)),
            (None, Some(page)) => Err(Error::NotFound(format!("page {page} shows no region yet"))),
        }
    }

    /// Records the region that a page has reported.
    pub(super) fn moved(self: &Arc<Self>, page: &Page, place: &Region) {
        let known = page.known().place.replace(place.clone());
        if known.as_ref() == Some(place) {
            return;
        }
        // The first report of a page is the region at which it was opened, perhaps before it was
        // sent to the session's.
        if known.is_some() && page.info.settled.borrow().revision >= self.live().revision {
            // Pages do not follow each other's users, so no page is notified.
            self.live().state.place = Some(place.into());
            self.save_soon();
        }
        if self.followed() == Some(page.id()) {
            let (session, leader, place) = (self.clone(), page.id(), place.into());
            tokio::spawn(async move { session.lead(leader, place).await });
        }
        let region = place.to_string();
        self.tell(Topic::Location, || {
            json!({
                "page": page.id(), "region": region, "seqName": &*place.sequence,
                "start": place.start + 1, "end": place.end,
            })
        });
    }

    /// Returns the page that the others follow, if any.
    pub fn followed(&self) -> Option<u64> {
        self.live().followed
    }

    /// Makes the other pages follow a page, starting with its current region; `None` ends this.
    ///
    /// # Errors
    /// As [`Session::locations`].
    pub async fn follow(&self, page: Option<u64>) -> Result<()> {
        let place = match page {
            Some(_) => self.locations(page).await?.pop().and_then(|(_, place)| place),
            None => None,
        };
        self.live().followed = page;
        if let (Some(leader), Some(place)) = (page, place) {
            self.lead(leader, WireRegion::from(&place)).await;
        }
        Ok(())
    }

    /// Sends all pages but the leader to a region.
    async fn lead(&self, leader: u64, place: WireRegion) {
        let mut others = self.ready_pages();
        others.retain(|page| page.id() != leader);
        let calls =
            others.iter().map(|page| page.call(Navigate { range: place.clone() }, self.timeout()));
        for (page, result) in others.iter().zip(futures_util::future::join_all(calls).await) {
            if let Err(error) = result {
                tracing::warn!("page {} does not follow page {leader}: {error:?}", page.id());
            }
        }
    }

    /// Saves the region of the page as a bookmark; as [`Session::place`] for `only`.
    ///
    /// # Errors
    /// As [`Session::place`].
    pub async fn bookmark(&self, name: &str, only: Option<u64>) -> Result<Region> {
        let place = self.place(only).await?;
        self.change(|state| state.bookmarks.insert(name.to_owned(), WireRegion::from(&place)));
        self.save().await;
        Ok(place)
    }

    /// Adds a sequence to the menus of all pages.
    ///
    /// # Errors
    /// [`Error::Input`] if it is already in the menus, [`Error::Pages`] if a page refused.
    pub async fn add_sequence(&self, name: &str, length: u32) -> Result<()> {
        let served = self.provider.catalog.listing().sequences().get(name).is_some();
        let ((), revision) = self.try_change(|state| {
            let hidden = state.hidden.iter().position(|hidden| hidden == name);
            if served && hidden.is_none() {
                return Err(Error::Input(format!("the sequence '{name}' is already in the menus")));
            }
            hidden.map(|at| state.hidden.remove(at));
            state.sequences.insert(name.to_owned(), length);
            Ok(())
        })?;
        self.settle(revision).await
    }

    /// Keeps only these sequences in the menus of all pages; returns how many were removed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if a sequence does not exist, [`Error::Pages`] if a page refused.
    pub async fn keep_sequences(&self, names: &[&str]) -> Result<usize> {
        let listing = self.provider.catalog.listing();
        let served = listing.sequences();
        let (removed, revision) = self.try_change(|state| {
            let (mut own, mut added) = (Vec::new(), Vec::new());
            for name in names {
                if state.sequences.contains_key(*name) {
                    added.push(*name);
                } else if let Some(sequence) = served.get(name) {
                    own.push(sequence);
                } else {
                    let message = format!("no sequence is called '{name}'; 'sequences' lists them");
                    return Err(Error::NotFound(message));
                }
            }
            let before = state.sequences.len();
            state.sequences.retain(|name, _| added.contains(&name.as_str()));
            let gone: Vec<String> = served
                .iter()
                .filter(|sequence| !own.contains(sequence))
                .map(|sequence| sequence.name.to_string())
                .filter(|name| !state.hidden.contains(name))
                .collect();
            let removed = before - state.sequences.len() + gone.len();
            state.hidden.extend(gone);
            for sequence in own {
                // A sequence that was removed before is added again.
                if let Some(at) = state.hidden.iter().position(|name| **name == *sequence.name) {
                    state.hidden.remove(at);
                    state.sequences.insert(sequence.name.to_string(), sequence.length);
                }
            }
            Ok(removed)
        })?;
        self.settle(revision).await.map(|()| removed)
    }

    /// Removes a sequence from the menus of all pages.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist, [`Error::Pages`] if a page refused.
    pub async fn remove_sequence(&self, name: &str) -> Result<()> {
        let served = self.provider.catalog.listing().sequences().iter().any(|s| *s.name == *name);
        let ((), revision) = self.try_change(|state| {
            let added = state.sequences.remove(name).is_some();
            if served && !state.hidden.iter().any(|hidden| hidden == name) {
                state.hidden.push(name.to_owned());
            } else if !added {
                let message = format!("no sequence is called '{name}'; 'sequences' lists them");
                return Err(Error::NotFound(message));
            }
            Ok(())
        })?;
        self.settle(revision).await
    }
}
