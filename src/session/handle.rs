//! A handle of a connected page, and its state.

use super::chart_settings::Fit;
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

/// A handle of a connected page.
#[derive(Clone, Debug)]
pub struct Page {
    pub(super) info: Arc<PageInfo>,
    pub(super) calls: mpsc::Sender<Box<PageCall>>,
}

/// Information about a page.
#[derive(Debug)]
pub struct PageInfo {
    /// Its number, counted from 1 since the endpoint started.
    pub id: u64,
    /// Whose page it is.
    pub visitor: Visitor,
    /// When it connected.
    pub since: SystemTime,
    /// Its stage.
    pub(super) stage: watch::Sender<Stage>,
    /// How far it has been reconciled with the session's state.
    pub(super) settled: watch::Sender<Settled>,
    /// Notified when the settings that fit its view have changed.
    pub(super) fits_changed: Notify,
    /// The number of requests whose answers have not been sent yet.
    pub(super) busy: AtomicUsize,
    known: Mutex<Known>,
}

/// What a page has reported.
#[derive(Debug)]
pub struct Known {
    /// Its protocol version.
    pub version: Option<String>,
    /// Its view.
    pub place: Option<Region>,
    /// How long its last answer took.
    pub delay: Option<Duration>,
    /// The chart types that it registered, unchanged.
    pub chart_types: Value,
    /// When it sent its last request.
    pub last_request: Instant,
    pub(super) state: PageState,
}

/// The stage of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Connected; it may be a program or a page's connection for workspaces instead of a page.
    Connected,
    /// It has sent the requests with which pages start.
    Starting,
    /// It accepts actions.
    Ready,
    /// It has left.
    Gone,
}

/// Formats a message with the given id.
pub(super) type Write = Box<dyn FnOnce(u64) -> String + Send>;

/// A call to the actor of a page.
pub(super) enum PageCall {
    /// Sends an action to the page; its answer goes to the receiver, if pages answer it.
    Act(Write, Option<Waiting>),
    /// The same, right after the page was told to drop the rows of these groups.
    ClearAndAct(Vec<String>, Write, Option<Waiting>),
    /// Makes the page request the rows of these groups again, because they have changed.
    Invalidate(Vec<String>),
    /// The same, where only rows in these regions have changed.
    InvalidateWithin(Vec<String>, Arc<[Region]>),
    /// Reports, for the view in which the page is at rest, where each of these groups needs a row for
    /// its line to be drawn; none if it is drawn anyway.
    EmptyViews(Region, Vec<(String, Option<Region>)>),
    /// Closes the page's connection.
    Leave,
}

/// The receiver of a page's answer.
pub(super) enum Waiting {
    /// A caller outside the actor.
    Caller(oneshot::Sender<Result<Value, PageError>>),
    /// The view model, for the page's view.
    Location,
    /// The session, for the page's view.
    PolledView,
    /// The view model, for the end of a clear.
    Clear(Clear),
}

impl Page {
    pub(super) fn new(id: u64, visitor: Visitor, calls: mpsc::Sender<Box<PageCall>>) -> Self {
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

    /// Returns its number.
    pub fn id(&self) -> u64 {
        self.info.id
    }

    /// Returns the information about its connection.
    pub fn info(&self) -> &PageInfo {
        &self.info
    }

    /// Locks what it has reported; the lock must not be held across an await.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.info.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether it accepts settings and colours, which pages of version 2 never answer.
    pub(super) fn has_settings(&self) -> bool {
        !self.known().version.as_deref().is_some_and(|version| version.starts_with('2'))
    }

    /// Returns whether it draws charts as soon as it has some of their measurements, and then cannot
    /// draw plots that compare them. Pages of version 5 do so unless they have none of them.
    pub(super) fn draws_too_early(&self) -> bool {
        self.known().version.as_deref().is_some_and(|version| version.starts_with('5'))
    }

    /// Sets the settings that fit its view, by chart; those of other charts do not change.
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

    /// Returns the default settings of a chart type, as far as it has reported them.
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

    /// Returns its id of a chart, if it shows the chart.
    pub fn chart_id(&self, number: usize) -> Option<String> {
        self.known().state.id(number)
    }

    /// Its stage.
    pub fn stage(&self) -> Stage {
        *self.info.stage.borrow()
    }

    /// The number of requests whose answers have not been sent yet.
    pub fn busy(&self) -> usize {
        self.info.busy.load(Ordering::Relaxed)
    }

    /// Advances to `stage`; never goes back.
    pub(super) fn reach(&self, stage: Stage) {
        self.info.stage.send_if_modified(|known| {
            let further = stage > *known;
            *known = stage.max(*known);
            further
        });
    }

    /// Makes the page drop the rows of these groups, which have changed, and request them again.
    pub async fn invalidate(&self, groups: Vec<String>) {
        // A page that is gone has no rows.
        let _ = self.calls.send(PageCall::Invalidate(groups).into()).await;
    }

    /// As [`Page::invalidate`], where only rows in these regions have changed: a page that shows none
    /// of them is not redrawn.
    pub(super) async fn invalidate_within(&self, groups: Vec<String>, regions: Arc<[Region]>) {
        let _ = self.calls.send(PageCall::InvalidateWithin(groups, regions).into()).await;
    }

    /// Sends an action to the page and waits for its answer. For actions that pages never answer,
    /// returns the default answer at once.
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

    /// Closes the page's connection.
    pub(super) async fn disconnect(&self) {
        // The page may have left already.
        let _ = self.calls.send(PageCall::Leave.into()).await;
    }

    /// Sends an action to the page, after it has dropped the rows of the groups `to_clear`. Returns a
    /// future that waits for the answer, forever if there is none.
    pub(super) async fn start<A: Action>(
        &self,
        action: A,
        to_clear: Vec<String>,
    ) -> Result<impl Future<Output = Result<A::Answer, PageError>> + Send + use<A>, PageError> {
        let (sender, receiver) = oneshot::channel();
        let write: Write = Box::new(move |id| action.to_json(id));
        let answer = A::ANSWERED.then_some(Waiting::Caller(sender));
        let call = if to_clear.is_empty() {
            PageCall::Act(write, answer)
        } else {
            PageCall::ClearAndAct(to_clear, write, answer)
        };
        self.calls.send(call.into()).await.map_err(|_| PageError::Disconnected)?;
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
                .map_err(|error| PageError::Refused(format!("its answer is invalid: {error}")))
        })
    }
}

/// Returns the items of a list; pages send some lists as objects with the keys 0, 1, 2, ...
fn items(list: &Value) -> Vec<&Value> {
    match list {
        Value::Array(items) => items.iter().collect(),
        Value::Object(items) => items.values().collect(),
        _ => Vec::new(),
    }
}
