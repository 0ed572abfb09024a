//! Pages and what they share.

mod charts;
mod metrics;
mod page;

pub use charts::Chart;
pub use metrics::{Counts, Metrics};
pub use page::{Page, PageInfo, serve};

use crate::catalog::Measurement;
use crate::error::{Error, PageError, Result};
use crate::genome::Region;
use crate::protocol::{
    Action, AddMeasurements, AddSeqInfos, Dialect, Navigate, RemoveMeasurements, Reply, Request,
    WireRegion,
};
use crate::provider::{Provider, wire_measurement};
use crate::source::Level;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a page may take to do what it is asked.
pub const PAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// What all pages of one address share: the charts that the endpoint added, and the data.
#[derive(Debug)]
pub struct Session {
    /// Answers the pages' requests.
    pub provider: Arc<Provider>,
    /// What has been counted since the start.
    pub metrics: Metrics,
    pages: Mutex<BTreeMap<u64, Page>>,
    charts: Mutex<charts::Charts>,
}

impl Session {
    /// A session without pages.
    pub fn new(provider: Provider) -> Arc<Self> {
        Arc::new(Session {
            provider: Arc::new(provider),
            metrics: Metrics::default(),
            pages: Mutex::default(),
            charts: Mutex::default(),
        })
    }

    /// Answers a request of a page, through whichever door it came, with the whole message. `level`
    /// is as in [`Provider::answer`].
    pub async fn reply_to(&self, id: &RawValue, request: &Request, level: Option<Level>) -> String {
        let started = Instant::now();
        let reply = self.provider.answer(request, level).await;
        let json = reply.to_json(id);
        let (action, took) = (request.name(), started.elapsed());
        let refused = matches!(reply, Reply::Refused(_));
        self.metrics.record(action, refused, json.len(), took);
        tracing::debug!(action, bytes = json.len(), ?took, "answered");
        json
    }

    /// The pages that are connected, in the order in which they came.
    pub fn pages(&self) -> Vec<Page> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn enter(&self, page: &Page) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(page.id(), page.clone());
    }

    fn leave(&self, page: u64) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).remove(&page);
        self.charts.lock().unwrap_or_else(PoisonError::into_inner).forget_page(page);
    }

    /// Asks every page for an action, and waits for the answers.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no page is connected, [`Error::Page`] if one of them did not do it.
    pub async fn ask_all<A: Action>(&self, action: impl Fn() -> A) -> Result<()> {
        let pages = self.pages();
        if pages.is_empty() {
            return Err(no_page());
        }
        let calls = pages.iter().map(|page| page.call(action(), PAGE_TIMEOUT));
        for result in futures_util::future::join_all(calls).await {
            result?;
        }
        Ok(())
    }

    /// Tells every page, without caring what becomes of it: for news that a page learns by itself
    /// when it is loaded again.
    async fn tell_all<A: Action>(&self, action: impl Fn() -> A) {
        match self.ask_all(action).await {
            Ok(()) | Err(Error::NotFound(_)) => {}
            Err(error) => tracing::warn!("{}: {error}", A::NAME),
        }
    }

    /// Lists new measurements, and the sequences they bring, in the menus of every page.
    pub async fn announce(&self, measurements: &[Arc<Measurement>]) {
        let sequences = || self.provider.seq_infos(Dialect::Classic);
        self.tell_all(|| AddSeqInfos { sequences: sequences() }).await;
        let wire = || measurements.iter().map(|m| wire_measurement(m)).collect();
        self.tell_all(|| AddMeasurements { measurements: wire() }).await;
        // Pages may still show charts of what was served under the same names before.
        self.renew(measurements).await;
    }

    /// Takes measurements off the menus of every page and their rows out of its cache.
    pub async fn retract(&self, measurements: &[Arc<Measurement>]) {
        let wire = || measurements.iter().map(|m| wire_measurement(m)).collect();
        self.tell_all(|| RemoveMeasurements { measurements: wire() }).await;
        self.renew(measurements).await;
    }

    /// Has every page ask anew for the rows behind these measurements.
    async fn renew(&self, measurements: &[Arc<Measurement>]) {
        let groups: BTreeSet<&String> = measurements.iter().map(|m| &m.group).collect();
        for page in self.pages() {
            page.renew(groups.iter().map(ToString::to_string).collect()).await;
        }
    }

    /// Shows a region on every page.
    ///
    /// # Errors
    /// As [`Session::ask_all`].
    pub async fn go(&self, region: &Region) -> Result<()> {
        self.ask_all(|| Navigate { range: WireRegion::from(region) }).await
    }
}

fn no_page() -> Error {
    Error::NotFound("no page is connected; open the EpiViz address first".into())
}

/// A page's answer to an action, as our result.
fn refused(answer: &crate::protocol::PageAnswer) -> Option<PageError> {
    // Pages of version 5 answer null to some actions that they did.
    (answer.success == Some(false)).then(|| {
        let message = answer.message.as_str().filter(|message| !message.is_empty());
        PageError::Refused(message.unwrap_or("it gave no reason").to_owned())
    })
}
