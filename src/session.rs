//! Pages and the state that they share.

mod audit;
mod autoscale;
mod by_hand;
mod chart_settings;
mod charts;
mod events;
mod fit;
mod handle;
mod kicked;
mod made;
mod metrics;
mod navigation;
mod notify;
mod page;
mod page_limits;
mod page_state;
mod reconcile;
mod redraws;
mod registry;
mod reply_budget;
mod requests;
mod rules;
mod state;
mod streaming;
mod summaries;
mod visitor;
mod workspaces;

pub use audit::Audit;
pub use autoscale::{AUTOSCALE, has_autoscale};
pub use events::{Event, Topic};
pub use handle::{Page, Stage};
pub use made::Appended;
pub use metrics::{ActionCounts, Limit, Metrics};
pub use page::{broken, serve};
pub use page_limits::PageLimits;
pub use registry::SessionConfig;
pub use reply_budget::{Charge, ReplyBudget};
pub use requests::Answer;
#[cfg(feature = "internals")]
pub use rules::RULES;
pub use rules::{Kind, needed};
pub use state::{Chart, State};
pub use summaries::{SUMMARIES, SUMMARY};
pub use visitor::{Role, Visitor};

use crate::error::{Error, PageError, Result};
use crate::protocol::{Action, PageAnswer};
use crate::provider::Provider;
use charts::chart_message;
use page_state::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// The default time limit for a page to answer.
pub const PAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// The state that all pages of one address share: charts, regions and data.
#[derive(Debug)]
pub struct Session {
    /// Its name, as in `/ws/NAME`; empty for `/ws`.
    pub name: String,
    /// Answers the pages' requests.
    pub provider: Arc<Provider>,
    /// Counts since the start, of all sessions.
    pub metrics: Arc<Metrics>,
    config: Arc<SessionConfig>,
    pages: Mutex<BTreeMap<u64, Page>>,
    live: Arc<Mutex<Live>>,
    revision: watch::Sender<u64>,
    save_is_due: AtomicBool,
    /// The named sessions; only the unnamed session has any.
    named: Mutex<BTreeMap<String, Arc<Session>>>,
    /// Whether it is a copy of another session, which is not saved.
    is_copy: bool,
    /// The copies of this session, each for a visitor with the role `view`.
    copies: Mutex<Vec<Weak<Session>>>,
}

#[derive(Debug, Default)]
struct Live {
    state: State,
    revision: u64,
    /// The number of navigations.
    navigation_id: u64,
    /// The page that the others follow.
    followed: Option<u64>,
}

impl Session {
    /// Creates a session without pages that is not saved.
    pub fn new(provider: Provider) -> Arc<Self> {
        let config = Arc::new(SessionConfig::new(None, String::new(), PAGE_TIMEOUT));
        Session::with("", Arc::new(provider), config, State::default())
    }

    fn with(
        name: &str,
        provider: Arc<Provider>,
        config: Arc<SessionConfig>,
        state: State,
    ) -> Arc<Self> {
        Arc::new(Session {
            name: name.to_owned(),
            provider,
            metrics: config.metrics.clone(),
            config,
            pages: Mutex::default(),
            live: Arc::new(Mutex::new(Live { state, ..Live::default() })),
            revision: watch::Sender::new(0),
            save_is_due: AtomicBool::new(false),
            named: Mutex::default(),
            is_copy: false,
            copies: Mutex::default(),
        })
    }

    /// Returns the connected pages, in the order of their connection.
    pub fn pages(&self) -> Vec<Page> {
        let mut pages = self.connections();
        pages.retain(|page| page.stage() > Stage::Connected);
        pages
    }

    /// Returns all connections, some of which are programs.
    fn connections(&self) -> Vec<Page> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Returns the pages that accept actions.
    pub fn ready_pages(&self) -> Vec<Page> {
        let mut pages = self.pages();
        pages.retain(|page| page.stage() == Stage::Ready);
        pages
    }

    /// Subscribes to the events of all sessions of the endpoint.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.config.events.subscribe()
    }

    /// Returns the time limit for a page to answer.
    pub fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// Returns a copy of the session's state.
    pub fn state(&self) -> State {
        self.live().state.clone()
    }

    fn enter(&self, page: &Page) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(page.id(), page.clone());
        let info = page.info();
        self.tell(
            Topic::Pages,
            || json!({"what": "connected", "page": info.id, "address": info.visitor.address}),
        );
    }

    fn leave(&self, page: &Page) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).remove(&page.id());
        page.reach(Stage::Gone);
        {
            let followed = &mut self.live().followed;
            *followed = followed.filter(|leader| *leader != page.id());
        }
        self.tell(Topic::Pages, || json!({"what": "left", "page": page.id()}));
    }

    /// Publishes an event of this session, which is made only if somebody listens.
    fn tell(&self, topic: Topic, make: impl FnOnce() -> Value) {
        self.publish(topic, Some(self.name.clone()), make);
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the state, the number of its last navigation, and its revision.
    fn snapshot(&self) -> (State, u64, u64) {
        let live = self.live();
        (live.state.clone(), live.navigation_id, live.revision)
    }

    /// Changes the state, which the pages then follow. Returns the revision to wait for.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> (T, u64) {
        let mut live = self.live();
        let before = live.state.clone();
        let result = change(&mut live.state);
        let navigation_id = live.navigation_id;
        if live.state == before {
            return (result, live.revision);
        }
        let revision = self.step(live, navigation_id);
        (result, revision)
    }

    /// As [`Session::change`], for changes that can fail, which must then leave the state unchanged.
    fn try_change<T>(&self, change: impl FnOnce(&mut State) -> Result<T>) -> Result<(T, u64)> {
        let (result, revision) = self.change(change);
        result.map(|result| (result, revision))
    }

    /// Starts a new revision, which the pages then follow.
    fn step(&self, mut live: MutexGuard<'_, Live>, navigation_id: u64) -> u64 {
        live.navigation_id = navigation_id;
        live.revision += 1;
        let revision = live.revision;
        drop(live);
        self.revision.send_replace(revision);
        revision
    }

    /// Makes the pages compare their state with the session's again.
    fn nudge(&self) {
        let live = self.live();
        let navigation_id = live.navigation_id;
        self.step(live, navigation_id);
    }

    /// Waits until the state is saved and every page has followed to `revision`.
    ///
    /// # Errors
    /// [`Error::Pages`] that names each page and what it refused.
    async fn settle(&self, revision: u64) -> Result<()> {
        self.save().await;
        let pages = self.ready_pages();
        let all =
            pages.iter().map(|page| async move { (page.id(), settled(page, revision).await) });
        let refusals = futures_util::future::join_all(all).await;
        let lines: Vec<String> = refusals
            .iter()
            .flat_map(|(id, refusals)| refusals.iter().map(|refusal| refused_by(*id, refusal)))
            .collect();
        if lines.is_empty() { Ok(()) } else { Err(Error::Pages(lines.join("; "))) }
    }

    /// Returns whether all pages have reached the current state.
    pub fn is_settled(&self) -> bool {
        let revision = self.live().revision;
        self.ready_pages().iter().all(|page| page.info.settled.borrow().revision >= revision)
    }

    /// Sends an action to all pages, or to the page `only`, and waits for the answers.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no page is connected, [`Error::Pages`] that names each page that failed.
    pub async fn ask<A: Action>(
        &self,
        only: Option<u64>,
        action: impl Fn() -> A,
    ) -> Result<Vec<(u64, A::Answer)>> {
        let mut pages = self.ready_pages();
        pages.retain(|page| only.is_none_or(|only| page.id() == only));
        if pages.is_empty() {
            return Err(self.needs_page(only));
        }
        let calls = pages.iter().map(|page| page.call(action(), self.timeout()));
        let (mut answers, mut lines) = (Vec::new(), Vec::new());
        for (page, result) in pages.iter().zip(futures_util::future::join_all(calls).await) {
            match result {
                Ok(answer) => answers.push((page.id(), answer)),
                Err(error) => lines.push(refused_by(page.id(), &Refusal { chart: None, error })),
            }
        }
        if lines.is_empty() { Ok(answers) } else { Err(Error::Pages(lines.join("; "))) }
    }

    /// Returns the error that the page `only`, or any page, is not connected.
    fn needs_page(&self, only: Option<u64>) -> Error {
        Error::NotFound(match only {
            Some(page) => format!("page {page} is not connected; 'pages' lists those that are"),
            None => self.no_page(),
        })
    }
}

/// Waits until the page has reached `revision` or is gone; returns what it refused.
async fn settled(page: &Page, revision: u64) -> Arc<[Refusal]> {
    let mut settled = page.info.settled.subscribe();
    let mut stage = page.info.stage.subscribe();
    tokio::select! {
        reached = settled.wait_for(|known| known.revision >= revision) => {
            reached.map(|known| known.refusals.clone()).unwrap_or_default()
        }
        _ = stage.wait_for(|known| *known == Stage::Gone) => Arc::default(),
    }
}

/// Formats a refusal as a sentence that names the page.
fn refused_by(page: u64, Refusal { chart, error }: &Refusal) -> String {
    let what = chart.map_or(String::new(), |number| format!(" chart {number}"));
    match error {
        PageError::Refused(why) => format!("page {page} refused{what}: {why}"),
        PageError::TimedOut(after) => {
            let about = if what.is_empty() { String::new() } else { format!(" about{what}") };
            format!("page {page} did not answer{about} within {} s", after.as_secs_f64())
        }
        PageError::Disconnected => format!("page {page} has disconnected"),
    }
}

/// Returns the error in a page's answer, if there is one.
fn refused(answer: &PageAnswer) -> Option<PageError> {
    // Pages of version 5 answer null to some successful actions.
    (answer.success == Some(false)).then(|| {
        let message = answer.message.as_str().filter(|message| !message.is_empty());
        PageError::Refused(message.unwrap_or("it gave no reason").to_owned())
    })
}
