//! A handle on a connected page, and what is known of it.

use super::look::Fit;
use super::page_state::{PageState, Settled};
use super::visitor::Visitor;
use crate::catalog::ChartType;
use crate::error::PageError;
use crate::genome::Region;
use crate::protocol::Action;
use crate::provider::Clear;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

/// A handle on a connected page.
#[derive(Clone, Debug)]
pub struct Page {
    pub(super) info: Arc<PageInfo>,
    pub(super) calls: mpsc::Sender<PageCall>,
}

/// What is known of a page.
#[derive(Debug)]
pub struct PageInfo {
    /// Its number, counted from 1 since the endpoint started.
    pub id: u64,
    /// Whose page it is.
    pub visitor: Visitor,
    /// When it connected.
    pub since: SystemTime,
    /// How far it has come.
    pub(super) stage: watch::Sender<Stage>,
    /// How far it has been brought to the session's state.
    pub(super) settled: watch::Sender<Settled>,
    /// Whether its charts are to be fitted to its view.
    pub(super) fits_changed: Notify,
    /// Requests whose answers have not left yet.
    pub(super) busy: AtomicUsize,
    known: Mutex<Known>,
}

/// What is learned of a page as it talks.
#[derive(Debug)]
pub struct Known {
    /// The protocol version that it speaks.
    pub version: Option<String>,
    /// Where it looks.
    pub place: Option<Region>,
    /// How long its last answer took.
    pub delay: Option<Duration>,
    /// The chart types that it registered, as it wrote them.
    pub chart_types: Value,
    /// When it last asked for something.
    pub last_request: Instant,
    pub(super) state: PageState,
}

/// How far a page has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Connected; it may be no page at all, but a program or a page's connection for workspaces.
    Connected,
    /// It asked for what pages need to start.
    Starting,
    /// It can be asked for actions.
    Ready,
    /// It has left.
    Gone,
}

/// Writes a message under the id it is given.
pub(super) type Write = Box<dyn FnOnce(u64) -> String + Send>;

/// What the actor of a page is asked for.
pub(super) enum PageCall {
    /// Sends an action to the page. Where its answer goes; nowhere for actions that pages never
    /// answer.
    Act(Write, Option<Waiting>),
    /// The same, right after the page was told to forget the rows of these groups.
    ActAfresh(Vec<String>, Write, Option<Waiting>),
    /// Has the page ask anew for the rows of these groups, which have changed.
    Renew(Vec<String>),
    /// Where each of these groups needs a row for its line to be drawn at this place, where the page is
    /// at rest; none if it is drawn anyway.
    Deserts(Region, Vec<(String, Option<Region>)>),
    /// Sends the page away.
    Leave,
}

/// Who waits for a page's answer.
pub(super) enum Waiting {
    /// Somebody elsewhere.
    Caller(oneshot::Sender<Result<Value, PageError>>),
    /// The view, for where the page looks.
    Location,
    /// The session, for the same.
    Look,
    /// The view, for the end of a clear.
    Clear(Clear),
}

impl Page {
    pub(super) fn new(id: u64, visitor: Visitor, calls: mpsc::Sender<PageCall>) -> Self {
        let known = Known {
            version: None,
            place: None,
            delay: None,
            chart_types: Value::Null,
            last_request: Instant::now(),
            state: PageState::default(),
        };
        let info = PageInfo {
            id,
            visitor,
            since: SystemTime::now(),
            stage: watch::Sender::new(Stage::Connected),
            settled: watch::Sender::new(Settled::default()),
            fits_changed: Notify::new(),
            busy: AtomicUsize::new(0),
            known: Mutex::new(known),
        };
        Page { info: Arc::new(info), calls }
    }

    /// Its number.
    pub fn id(&self) -> u64 {
        self.info.id
    }

    /// What is known of it from its connection.
    pub fn info(&self) -> &PageInfo {
        &self.info
    }

    /// What it has told of itself; not to be held while waiting.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.info.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it can be told settings and colours: pages of version 2 never answer that.
    pub(super) fn has_settings(&self) -> bool {
        !self.known().version.as_deref().is_some_and(|version| version.starts_with('2'))
    }

    /// Whether it draws charts as soon as it has a part of their measurements, and then cannot draw
    /// plots that compare them: pages of version 5 do, unless they have none of them.
    pub(super) fn draws_too_early(&self) -> bool {
        self.known().version.as_deref().is_some_and(|version| version.starts_with('5'))
    }

    /// Takes note of what fits its view, by chart; charts that are not named keep what they have.
    pub(super) fn fitted(&self, fits: BTreeMap<usize, Fit>) {
        let changed = {
            let known = &mut self.known().state.fits;
            let before = known.clone();
            known.extend(fits);
            *known != before
        };
        if changed {
            self.info.fits_changed.notify_one();
        }
    }

    /// The settings that charts of a type begin with there, as far as it told.
    pub(super) fn initial_settings(&self, kind: ChartType) -> Map<String, Value> {
        let known = self.known();
        let types = items(&known.chart_types);
        let named = |known: &&Value| {
            let name = known["chartName"].as_str().unwrap_or_default();
            name.rsplit('.').next() == Some(kind.page_name())
        };
        let settings = types.into_iter().find(named).map(|found| items(&found["customSettings"]));
        let initial = settings.unwrap_or_default().into_iter().filter_map(|setting| {
            Some((setting["id"].as_str()?.to_owned(), setting["defaultValue"].clone()))
        });
        initial.collect()
    }

    /// Its own id of a chart, if it shows that chart.
    pub fn chart_id(&self, number: usize) -> Option<String> {
        self.known().state.id(number)
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        *self.info.stage.borrow()
    }

    /// Requests whose answers have not left yet.
    pub fn busy(&self) -> usize {
        self.info.busy.load(Ordering::Relaxed)
    }

    /// Moves on to `stage`; never back.
    pub(super) fn reach(&self, stage: Stage) {
        self.info.stage.send_if_modified(|known| {
            let further = stage > *known;
            *known = stage.max(*known);
            further
        });
    }

    /// Has the page forget the rows of these groups, which have changed, and ask for them anew.
    pub async fn renew(&self, groups: Vec<String>) {
        // A page that is gone holds nothing.
        let _ = self.calls.send(PageCall::Renew(groups)).await;
    }

    /// Asks the page for an action and waits for its answer. Where pages never answer, the default
    /// answer comes at once.
    ///
    /// # Errors
    /// The page refused, did not answer in time, or is gone.
    pub async fn call<A: Action>(
        &self,
        action: A,
        timeout: Duration,
    ) -> Result<A::Answer, PageError> {
        let answer = self.start(action, Vec::new()).await?;
        match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(PageError::TimedOut(timeout)),
        }
    }

    /// Closes the page's connection, whatever it is doing.
    pub async fn send_away(&self) {
        // One that has left already needs not be told.
        let _ = self.calls.send(PageCall::Leave).await;
    }

    /// Asks the page for an action, after it has forgotten the rows of the groups `afresh`; what is
    /// returned waits for its answer, for ever if none comes.
    pub(super) async fn start<A: Action>(
        &self,
        action: A,
        afresh: Vec<String>,
    ) -> Result<impl Future<Output = Result<A::Answer, PageError>> + Send + use<A>, PageError> {
        let (sender, receiver) = oneshot::channel();
        let write: Write = Box::new(move |id| action.to_json(id));
        let answer = A::ANSWERED.then_some(Waiting::Caller(sender));
        let call = if afresh.is_empty() {
            PageCall::Act(write, answer)
        } else {
            PageCall::ActAfresh(afresh, write, answer)
        };
        self.calls.send(call).await.map_err(|_| PageError::Disconnected)?;
        let (info, since) = (self.info.clone(), Instant::now());
        Ok(async move {
            let value = if A::ANSWERED {
                receiver.await.unwrap_or(Err(PageError::Disconnected))?
            } else {
                Value::Null
            };
            if A::ANSWERED {
                let mut known = info.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.delay = Some(since.elapsed());
            }
            serde_json::from_value(value)
                .map_err(|error| PageError::Refused(format!("its answer makes no sense: {error}")))
        })
    }
}

/// The items of a list; pages write some lists as objects whose keys count from 0.
fn items(list: &Value) -> Vec<&Value> {
    match list {
        Value::Array(items) => items.iter().collect(),
        Value::Object(items) => items.values().collect(),
        _ => Vec::new(),
    }
}
