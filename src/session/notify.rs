//! What pages and programs are told when the data change.

use super::{Event, Session, Topic};
use crate::catalog::{Measurement, SourceChange};
use crate::error::Error;
use crate::protocol::{Action, AddMeasurements, AddSeqInfos, Dialect};
use crate::protocol::{RemoveMeasurements, RemoveSeqNames};
use crate::provider::wire_measurement;
use serde_json::Map;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Session {
    /// Tells those who follow the data.
    pub fn publish_data(&self, what: &str, measurements: &[Arc<Measurement>]) {
        let ids: Vec<_> = measurements.iter().map(|m| m.id.as_str()).collect();
        let data = Map::from_iter([
            ("what".to_owned(), what.into()),
            ("measurements".to_owned(), ids.into()),
        ]);
        let _ = self.config.events.send(Event { topic: Topic::Data, session: None, data });
    }

    /// Tells every page, without caring what becomes of it: for news that a page learns by itself
    /// when it is loaded again.
    async fn tell_all<A: Action>(&self, action: impl Fn() -> A) {
        match self.ask(None, action).await {
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(error) => tracing::warn!("{}: {error}", A::NAME),
        }
    }

    /// Lists new measurements, and the sequences they bring, in the menus of every page.
    pub async fn announce(&self, measurements: &[Arc<Measurement>]) {
        let sequences = || self.provider.seq_infos(Dialect::Classic);
        self.tell_all(|| AddSeqInfos { sequences: sequences() }).await;
        let wire = || measurements.iter().map(|m| wire_measurement(m)).collect();
        self.tell_all(|| AddMeasurements { measurements: wire() }).await;
        self.pages().iter().for_each(|page| page.known().state.retry());
        self.nudge();
        // Pages may still show charts of what was served under the same names before.
        self.renew(measurements).await;
    }

    /// Lists measurements anew that have changed, draws their charts again, since a page sets a
    /// chart's axes once, and has their rows asked for anew.
    pub async fn exchange(&self, before: &[Arc<Measurement>], now: &[Arc<Measurement>]) {
        let wire = || before.iter().map(|m| wire_measurement(m)).collect();
        self.tell_all(|| RemoveMeasurements { measurements: wire() }).await;
        for page in self.pages() {
            page.known().state.outdate(|id| before.iter().any(|m| m.id == *id));
        }
        self.announce(now).await;
        self.renew(before).await;
    }

    /// Brings to the pages of all sessions what is made in the background, as long as it is polled.
    pub async fn follow_making(self: &Arc<Self>) {
        loop {
            let SourceChange { before, now, changed_sequences } =
                self.provider.catalog.next_built().await;
            let ids: Vec<_> = before.iter().map(|m| m.id.as_str()).collect();
            let ids = ids.join(", ");
            match now {
                Ok(now) => {
                    for session in self.all() {
                        session.forget_sequences(&changed_sequences).await;
                        session.exchange(&before, &now).await;
                    }
                    if now.iter().all(|m| m.source.building().is_none()) {
                        tracing::info!("{ids}: read to the end");
                    }
                    self.publish_data("finished", &now);
                }
                Err(error) => {
                    tracing::error!("{ids}: served no longer: {error}");
                    for session in self.all() {
                        session.retract(&before).await;
                    }
                    self.publish_data("failed", &before);
                }
            }
        }
    }

    /// Takes sequences off the menus of every page: a page keeps the length that it was told first.
    async fn forget_sequences(&self, names: &[String]) {
        if !names.is_empty() {
            self.tell_all(|| RemoveSeqNames { sequences: names.to_vec() }).await;
        }
    }

    /// Takes measurements off the menus of every page, their charts away, and their rows out of
    /// the pages' caches. Returns the numbers of the charts that went.
    pub async fn retract(&self, measurements: &[Arc<Measurement>]) -> Vec<usize> {
        let gone = |id: &String| measurements.iter().any(|m| m.id == *id);
        let (charts, revision) = self.change(|state| {
            let (go, stay) = std::mem::take(&mut state.charts)
                .into_iter()
                .partition::<Vec<_>, _>(|chart| chart.measurements.iter().any(gone));
            state.charts = stay;
            go.iter().map(|chart| chart.number).collect()
        });
        // Charts go before what they show: a page fails that draws what it has no rows of.
        if let Err(why) = self.settle(revision).await {
            tracing::warn!("{why}");
        }
        let wire = || measurements.iter().map(|m| wire_measurement(m)).collect();
        self.tell_all(|| RemoveMeasurements { measurements: wire() }).await;
        self.renew(measurements).await;
        charts
    }

    /// Has every page ask anew for the rows behind these measurements.
    pub async fn renew(&self, measurements: &[Arc<Measurement>]) {
        let groups: BTreeSet<&String> = measurements.iter().map(|m| &m.group).collect();
        for page in self.connections() {
            page.renew(groups.iter().map(ToString::to_string).collect()).await;
        }
    }
}
