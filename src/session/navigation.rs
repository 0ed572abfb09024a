//! Where the pages look.

use super::{Page, Session, Topic};
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::protocol::{GetCurrentLocation, Navigate, WireRegion};
use serde_json::json;
use std::sync::Arc;

impl Session {
    /// Shows a region on every page, now and whenever one connects; or only on the page `only`.
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

    /// Sends every page where it was before the last time it was sent somewhere.
    ///
    /// # Errors
    /// [`Error::NotFound`] if they never were; otherwise as [`Session::go`].
    pub async fn back(&self) -> Result<WireRegion> {
        let before = self.live().state.trail.last().cloned();
        let before = before.ok_or_else(|| {
            Error::NotFound("there is no place to go back to; 'go' leaves one behind".into())
        })?;
        self.travel(|state| {
            state.trail.pop();
            state.place = Some(before.clone());
        })
        .await?;
        Ok(before)
    }

    /// Brings the pages to where `change` says, and everything else in the state too.
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

    /// Where each page looks, or only the page `only`; asked now.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub async fn locations(&self, only: Option<u64>) -> Result<Vec<(u64, Option<Region>)>> {
        let answers = self.ask(only, || GetCurrentLocation {}).await?;
        Ok(answers.into_iter().map(|(page, place)| (page, place.region())).collect())
    }

    /// Where the page looks to which a console's moves are relative: the one in use, else the first.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no page is connected and none ever was, or if the page has no place.
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
            (None, Some(page)) => Err(Error::NotFound(format!("page {page} shows no place yet"))),
        }
    }

    /// A page told where it looks.
    pub(super) fn moved(self: &Arc<Self>, page: &Page, place: &Region) {
        let known = page.known().place.replace(place.clone());
        if known.as_ref() == Some(place) {
            return;
        }
        // The first answer of a page tells where it was opened, perhaps before it was brought to
        // where the session is.
        if known.is_some() && page.info.settled.borrow().revision >= self.live().revision {
            // Pages do not follow each other's users, so nobody has to be told.
            self.live().state.place = Some(place.into());
            self.save_soon();
        }
        if self.followed() == Some(page.id()) {
            let (session, leader, place) = (self.clone(), page.id(), place.into());
            tokio::spawn(async move { session.lead(leader, place).await });
        }
        let region = place.to_string();
        self.tell(
            Topic::Location,
            json!({
                "page": page.id(), "region": region, "seqName": &*place.sequence,
                "start": place.start + 1, "end": place.end,
            }),
        );
    }

    /// The page that the others follow, if any.
    pub fn followed(&self) -> Option<u64> {
        self.live().followed
    }

    /// From now on the other pages go wherever that page goes, beginning with where it is; or none
    /// follows another.
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

    /// Brings all pages but the leader to a place.
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

    /// Gives the place where the first page looks a name.
    ///
    /// # Errors
    /// As [`Session::place`].
    pub async fn bookmark(&self, name: &str, only: Option<u64>) -> Result<Region> {
        let place = self.place(only).await?;
        self.change(|state| state.bookmarks.insert(name.to_owned(), WireRegion::from(&place)));
        self.save().await;
        Ok(place)
    }

    /// Adds a sequence to the menus of every page.
    ///
    /// # Errors
    /// [`Error::Input`] if it is served anyway, [`Error::Pages`] if a page refused.
    pub async fn add_sequence(&self, name: &str, length: u32) -> Result<()> {
        let served = self.provider.catalog.listing().sequences().get(name).is_some();
        let ((), revision) = self.try_change(|state| {
            let hidden = state.hidden.iter().position(|hidden| hidden == name);
            if served && hidden.is_none() {
                return Err(Error::Input(format!("the sequence '{name}' is there already")));
            }
            hidden.map(|at| state.hidden.remove(at));
            state.sequences.insert(name.to_owned(), length);
            Ok(())
        })?;
        self.settle(revision).await
    }

    /// Keeps only the sequences of these names on the menus of every page; returns how many were
    /// taken off.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of one of the names, [`Error::Pages`] if a page refused.
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
                // One that was taken off before comes back as an added one.
                if let Some(at) = state.hidden.iter().position(|name| **name == *sequence.name) {
                    state.hidden.remove(at);
                    state.sequences.insert(sequence.name.to_string(), sequence.length);
                }
            }
            Ok(removed)
        })?;
        self.settle(revision).await.map(|()| removed)
    }

    /// Takes a sequence off the menus of every page.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of that name, [`Error::Pages`] if a page refused.
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
