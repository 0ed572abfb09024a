//! Notifies pages and programs when the data change.

use super::{Chart, Session, Topic};
use crate::catalog::{FileChange, Measurement, Renewed, SourceChange, joined_id};
use crate::error::Error;
use crate::protocol::{Action, AddMeasurements, AddSeqInfos, Dialect};
use crate::protocol::{RemoveMeasurements, RemoveSeqNames};
use crate::provider::wire_measurement;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many periods pass between two looks at files on other machines.
const REMOTE: u32 = 15;

impl Session {
    /// Publishes an event about the data.
    pub fn publish_data(&self, what: &str, measurements: &[Arc<Measurement>]) {
        self.publish(Topic::Data, None, || {
            let ids: Vec<_> = measurements.iter().map(|m| m.id.as_str()).collect();
            json!({"what": what, "measurements": ids})
        });
        if what == "unloaded" {
            for id in measurements.iter().flat_map(|m| [&m.id, &m.datasource]) {
                let listing = self.provider.catalog.listing();
                if listing.datasource(id).is_none() {
                    let why = format!("'{id}' is no longer served");
                    self.config.streams.close_source(id, &why);
                }
            }
        }
    }

    /// Sends an action to all pages and only logs failures: a page that misses it is up to date after
    /// a reload.
    async fn notify_pages<A: Action>(&self, action: impl Fn() -> A) {
        match self.ask(None, action).await {
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(error) => tracing::warn!("{}: {error}", A::NAME),
        }
    }

    /// Adds new measurements and their sequences to the menus of all pages.
    pub async fn announce(&self, measurements: &[Arc<Measurement>]) {
        let sequences = || self.provider.seq_infos(Dialect::Classic);
        self.notify_pages(|| AddSeqInfos { sequences: sequences() }).await;
        let wire = || measurements.iter().map(|m| wire_measurement(m)).collect();
        self.notify_pages(|| AddMeasurements { measurements: wire() }).await;
        self.pages().iter().for_each(|page| page.known().state.retry());
        self.nudge();
        // Pages may still show charts of earlier data with the same ids.
        self.invalidate(measurements).await;
    }

    /// Replaces measurements that have changed in the menus, redraws their charts, since a page sets
    /// a chart's axes only once, and makes pages request their rows again.
    pub async fn replace_measurements(
        &self,
        before: &[Arc<Measurement>],
        now: &[Arc<Measurement>],
    ) {
        let wire = || before.iter().map(|m| wire_measurement(m)).collect();
        self.notify_pages(|| RemoveMeasurements { measurements: wire() }).await;
        for page in self.pages() {
            page.known().state.outdate(|id| before.iter().any(|m| m.id == *id));
        }
        self.announce(now).await;
        self.invalidate(before).await;
    }

    /// Updates the pages of all sessions when sources have been built in the background; never returns.
    pub async fn follow_builds(self: &Arc<Self>) {
        loop {
            let SourceChange { before, now, changed_sequences } =
                self.provider.catalog.next_built().await;
            let ids: Vec<_> = before.iter().map(|m| m.id.as_str()).collect();
            let ids = ids.join(", ");
            match now {
                Ok(now) => {
                    for session in self.all() {
                        session.forget_sequences(&changed_sequences).await;
                        session.replace_measurements(&before, &now).await;
                    }
                    if now.iter().all(|m| m.source.building().is_none()) {
                        tracing::info!("{ids}: completely read");
                    }
                    self.publish_data("finished", &now);
                }
                Err(error) => {
                    tracing::error!("{ids}: no longer served: {error}");
                    for session in self.all() {
                        session.retract(&before).await;
                    }
                    self.publish_data("failed", &before);
                }
            }
        }
    }

    /// Updates the pages of all sessions when computed measurements were renewed; never returns.
    pub async fn follow_computed(self: &Arc<Self>) {
        loop {
            let Renewed { before, now } = self.provider.catalog.next_renewed().await;
            for session in self.all() {
                session.replace_measurements(&before, &now).await;
            }
            self.publish_data("reloaded", &now);
        }
    }

    /// Reopens files that have changed on disk, and updates the pages of all sessions. Runs as long as
    /// it is polled.
    pub async fn follow_files(self: &Arc<Self>) {
        let Some(period) = self.provider.catalog.watches() else { return };
        loop {
            tokio::time::sleep(period).await;
            for change in self.provider.catalog.look_at_files().await {
                self.apply_file_change(change).await;
            }
        }
    }

    /// As [`Session::follow_files`], for files on other machines, which are asked for less often.
    pub async fn follow_remote_files(self: &Arc<Self>) {
        let Some(period) = self.provider.catalog.watches() else { return };
        loop {
            tokio::time::sleep(period * REMOTE).await;
            for change in self.provider.catalog.look_at_remote_files().await {
                self.apply_file_change(change).await;
            }
        }
    }

    /// Updates the pages of all sessions after a file has changed.
    async fn apply_file_change(self: &Arc<Self>, change: FileChange) {
        let FileChange { path, before, now, changed_sequences } = change;
        match now {
            Ok(now) => {
                for session in self.all() {
                    session.forget_sequences(&changed_sequences).await;
                    session.replace_measurements(&before, &now).await;
                }
                tracing::info!("{} has changed on disk and was reopened", path.display());
                self.publish_data("reloaded", &now);
            }
            // It has already been logged.
            Err(_) => self.publish_data("failed", &before),
        }
    }

    /// Removes sequences from the menus of all pages, since a page keeps the first length that it got.
    pub(super) async fn forget_sequences(&self, names: &[String]) {
        if !names.is_empty() {
            self.notify_pages(|| RemoveSeqNames { sequences: names.to_vec() }).await;
        }
    }

    /// Removes measurements from the menus of all pages, with their charts and cached rows. Returns
    /// the numbers of the removed charts.
    pub async fn retract(&self, measurements: &[Arc<Measurement>]) -> Vec<usize> {
        let gone = |id: &String| measurements.iter().any(|m| m.id == *id);
        let (charts, revision) = self.change(|state| {
            let (go, stay) = std::mem::take(&mut state.charts)
                .into_iter()
                .partition::<Vec<_>, _>(|chart| chart.measurements.iter().any(gone));
            state.charts = stay;
            go.iter().map(|chart| chart.number).collect()
        });
        // Charts are removed first: a page fails if it draws a chart without rows.
        if let Err(why) = self.settle(revision).await {
            tracing::warn!("{why}");
        }
        let wire = || measurements.iter().map(|m| wire_measurement(m)).collect();
        self.notify_pages(|| RemoveMeasurements { measurements: wire() }).await;
        self.invalidate(measurements).await;
        charts
    }

    /// Makes all pages request the rows of these measurements again.
    pub async fn invalidate(&self, measurements: &[Arc<Measurement>]) {
        let groups = self.groups_of(measurements);
        for page in self.connections() {
            page.invalidate(groups.clone()).await;
        }
    }

    /// Returns the groups under which pages of this session keep rows of these measurements.
    pub(super) fn groups_of(&self, measurements: &[Arc<Measurement>]) -> Vec<String> {
        let mut groups: BTreeSet<String> = measurements.iter().map(|m| m.group.clone()).collect();
        // Charts that compare them with others have rows of their own.
        let is_concerned = |chart: &&Chart| {
            let mut ids = chart.measurements.iter();
            !chart.kind.has_own_rows() && ids.any(|id| measurements.iter().any(|m| m.id == *id))
        };
        let charts = self.charts();
        groups.extend(charts.iter().filter(is_concerned).map(|c| joined_id(&c.measurements)));
        groups.into_iter().collect()
    }
}
