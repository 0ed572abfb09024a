//! Pages and data that grow: they are redrawn at most every two seconds, and only where something
//! has changed in view.

use super::Session;
use crate::catalog::{Measurement, Renewed};
use crate::genome::Region;
use crate::provider::wire_measurement;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The time from one redraw of a datasource to the next.
const PAUSE: Duration = Duration::from_secs(2);

/// What is to be redrawn, by datasource.
#[derive(Debug, Default)]
pub(super) struct Redraws(Mutex<BTreeMap<String, PendingRedraw>>);

#[derive(Debug)]
struct PendingRedraw {
    /// The earliest time of the next one.
    next: Instant,
    due: Option<DueChange>,
}

/// How data have changed.
#[derive(Debug)]
pub(super) struct DueChange {
    /// Measurements as the pages know them, and now.
    pub(super) renewed: Renewed,
    /// Where rows were added.
    pub(super) regions: Vec<Region>,
    /// Sequences whose length has changed.
    pub(super) sequences: Vec<String>,
    /// Whether there are sequences that the pages do not know.
    pub(super) has_new_sequences: bool,
}

impl DueChange {
    /// Adds a later change.
    fn join(&mut self, later: DueChange) {
        self.renewed.now = later.renewed.now;
        self.regions.extend(later.regions);
        self.sequences.extend(later.sequences);
        self.has_new_sequences |= later.has_new_sequences;
    }

    /// Returns whether the menus of pages stay as they are, so that rows are all that changes.
    fn is_rows_only(&self) -> bool {
        let Renewed { before, now } = &self.renewed;
        let same = |(a, b): (&Arc<Measurement>, &Arc<Measurement>)| {
            let (a, b) = (wire_measurement(a), wire_measurement(b));
            (a.id, a.name, a.min_value, a.max_value, a.metadata)
                == (b.id, b.name, b.min_value, b.max_value, b.metadata)
        };
        self.sequences.is_empty()
            && !self.has_new_sequences
            && before.len() == now.len()
            && before.iter().zip(now).all(same)
    }
}

impl Session {
    /// Updates the pages of all sessions when a datasource has grown: at once, or two seconds after
    /// its last redraw.
    pub(super) fn redraw_soon(self: &Arc<Self>, name: &str, change: DueChange) {
        let at = {
            let mut redraws = self.config.redraws.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let known = redraws.entry(name.to_owned());
            let known = known.or_insert_with(|| PendingRedraw { next: now, due: None });
            if let Some(due) = &mut known.due {
                return due.join(change);
            }
            known.due = Some(change);
            known.next.max(now)
        };
        let (session, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            session.redraw_now(&name).await;
        });
    }

    async fn redraw_now(self: &Arc<Self>, name: &str) {
        let change = {
            let mut redraws = self.config.redraws.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(known) = redraws.get_mut(name) else { return };
            known.next = Instant::now() + PAUSE;
            known.due.take()
        };
        let Some(change) = change else { return };
        let regions: Arc<[Region]> = change.regions.clone().into();
        for session in self.all() {
            if change.is_rows_only() {
                let groups = session.groups_of(&change.renewed.now);
                for page in session.connections() {
                    page.invalidate_within(groups.clone(), regions.clone()).await;
                }
            } else {
                session.forget_sequences(&change.sequences).await;
                session.replace_measurements(&change.renewed.before, &change.renewed.now).await;
            }
        }
    }
}
