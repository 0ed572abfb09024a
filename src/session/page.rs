//! One actor a page: it owns the socket and the calls that wait for the page's answer.
//!
//! Reading, answering and writing do not wait for each other: requests are answered side by side,
//! and a slow page delays itself only. Replies leave as soon as they are ready, but those of one
//! datasource group in the order in which they were asked for: a page that gets the values of a
//! piece before its rows draws what it does not have (its block track then throws).

use super::fit::AtRest;
use super::handle::{Page, PageCall, Stage, Waiting, Write};
use super::reconcile::reconcile;
use super::{Chart, Session, refused};
use crate::catalog::Resolution;
use crate::error::PageError;
use crate::genome::Region;
use crate::protocol::{
    Action, ClearDatasourceGroupCache, Frame, GetCurrentLocation, Redraw, Reply, Request,
    WireRegion, parse,
};
use crate::provider::{Order, Ticket, View};
use crate::source::Level;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{self, AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_util::sync::CancellationToken;

/// Requests of one page that are answered at once; more wait in its socket.
const AT_ONCE: usize = 32;
/// Messages that wait for a slow page before its requests are read no further.
const WAITING: usize = 64;
/// After a page without cache has asked for a view, before it counts as at rest.
const DRAWN: Duration = Duration::from_millis(300);
/// Requests of one page that are held at once: more than its charts ask for in one step.
const MOST_HELD: usize = 1000;
/// Between two questions where the page looks, if nothing else makes it be asked.
const LOOK: Duration = Duration::from_secs(2);
/// The same for a page that others follow.
const LOOK_AT_LEADER: Duration = Duration::from_millis(300);

/// How long a page may take to accept a close frame and to answer it.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves a page until it leaves or `stop` is cancelled.
pub async fn serve<S>(socket: S, address: String, session: Arc<Session>, stop: CancellationToken)
where
    S: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Send + 'static,
{
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let (calls, calls_in) = mpsc::channel(16);
    let page = Page::new(id, address, calls);
    tracing::info!("page {id} connected from {}", page.info.address);
    session.enter(&page);
    let reconciler = tokio::spawn(reconcile(session.clone(), page.clone()));

    let (sink, mut stream) = socket.split();
    let (queue, queued) = mpsc::channel(1);
    let mut writer = tokio::spawn(write_all(sink, queued));
    let aim = session.provider.page_rows;
    let mut actor = Actor {
        session: session.clone(),
        page: page.clone(),
        view: View::new(aim),
        born: Instant::now(),
        waiting: BTreeMap::new(),
        last_call: 0,
        answers: JoinSet::new(),
        due: VecDeque::new(),
        held: Vec::new(),
        outbox: VecDeque::new(),
        look_at: Instant::now(),
        fitted: None,
        fitting: None,
        drawn: None,
        combines: false,
        registered: false,
    };
    let goodbye = actor.run(&mut stream, calls_in, &queue, &stop).await;
    // Whoever still waits for an answer learns that the page is gone when the senders drop.
    drop(actor);
    reconciler.abort();
    session.leave(&page);
    let farewell = async {
        let _ = queue.send(Message::Close(goodbye)).await;
        drop(queue);
        let _ = (&mut writer).await;
        // Until the page has answered the close frame: what it still sends would otherwise have
        // the system reset the connection, and the frame might never arrive (RFC 6455, 7.1.1).
        while let Some(Ok(_)) = stream.next().await {}
    };
    // A page that does not take its goodbye is not waited for.
    if tokio::time::timeout(GOODBYE, farewell).await.is_err() {
        writer.abort();
    }
    tracing::info!("page {id} disconnected");
}

async fn write_all(
    mut sink: impl Sink<Message, Error = WsError> + Unpin,
    mut queued: mpsc::Receiver<Message>,
) {
    while let Some(message) = queued.recv().await {
        // A page that closed the connection is answered by the end, with its own code.
        if matches!(message, Message::Close(None)) {
            break;
        }
        if sink.send(message).await.is_err() {
            return;
        }
    }
    let _ = sink.close().await;
}

/// What leaves for the page, and what to note when it does.
enum Outgoing {
    Reply(String, Option<Ticket>),
    Call(String),
}

/// A request that is being answered.
struct Due {
    task: task::Id,
    id: Box<RawValue>,
    group: Option<String>,
    ticket: Option<Ticket>,
    reply: Option<String>,
    /// Whether the page does not start without the answer.
    greeting: bool,
}

/// A request that is not answered before it is known where the page looks.
struct Held {
    id: Box<RawValue>,
    request: Request,
    group: String,
}

struct Actor {
    session: Arc<Session>,
    page: Page,
    view: View,
    born: Instant,
    waiting: BTreeMap<u64, Waiting>,
    last_call: u64,
    answers: JoinSet<String>,
    /// In the order in which they were asked for.
    due: VecDeque<Due>,
    held: Vec<Held>,
    outbox: VecDeque<Outgoing>,
    /// When to ask where the page looks, for those who follow it.
    look_at: Instant,
    /// What its charts were fitted to last, and for which of them.
    fitted: Option<(AtRest, Vec<Chart>)>,
    fitting: Option<AbortHandle>,
    /// Where a page without cache looks, and when it will have drawn that.
    drawn: Option<(Region, Instant)>,
    /// Whether it keeps no cache: then each request is for the view.
    combines: bool,
    /// Whether it has registered its chart types.
    registered: bool,
}

impl Actor {
    /// Runs until the page leaves (none) or is to be sent away, with the reason.
    async fn run(
        &mut self,
        mut stream: impl Stream<Item = Result<Message, WsError>> + Unpin,
        mut calls: mpsc::Receiver<PageCall>,
        queue: &mpsc::Sender<Message>,
        stop: &CancellationToken,
    ) -> Option<CloseFrame> {
        loop {
            let roomy = self.due.len() < AT_ONCE
                && self.outbox.len() < WAITING
                && self.held.len() < MOST_HELD;
            let drawn = self.drawn.as_ref().map(|(_, at)| *at);
            let next_question = (self.born + self.view.next()).min(self.look_at);
            let next_question = drawn.map_or(next_question, |drawn| next_question.min(drawn));
            tokio::select! {
                () = stop.cancelled() => return close(CloseCode::Away, "the endpoint is shutting down"),
                permit = queue.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => permit.send(self.next_message()),
                    Err(_) => return None,
                },
                message = stream.next(), if roomy => match message {
                    Some(Ok(Message::Text(text))) => self.take(text.as_str()),
                    Some(Ok(Message::Binary(_))) => {
                        tracing::warn!("a page sent a binary message; the protocol has only text");
                        return close(CloseCode::Unsupported, "messages are text");
                    }
                    Some(Ok(Message::Close(_))) | None => return None,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return broken(&error),
                },
                Some(answer) = self.answers.join_next_with_id(), if !self.answers.is_empty() => {
                    self.answered(answer);
                }
                Some(call) = calls.recv() => self.call(call),
                () = tokio::time::sleep_until(next_question) => {}
            }
            self.obey();
            self.look();
            self.fit_drawn();
            let busy = self.due.len() + self.held.len() + self.outbox.len();
            self.page.info.busy.store(busy, Ordering::Relaxed);
        }
    }

    fn now(&self) -> Duration {
        self.born.elapsed()
    }

    fn next_message(&mut self) -> Message {
        match self.outbox.pop_front() {
            Some(Outgoing::Reply(json, ticket)) => {
                if let Some(ticket) = ticket {
                    self.view.answered(&ticket, self.now());
                }
                Message::text(json)
            }
            Some(Outgoing::Call(json)) => Message::text(json),
            None => Message::Ping(Default::default()),
        }
    }

    fn take(&mut self, text: &str) {
        match parse(text) {
            Frame::Request(id, request) => self.request(id, request),
            Frame::Invalid(id, why) => {
                tracing::warn!("a page asked for what cannot be done: {why}");
                let reply = Reply::Refused(why).to_json(&id);
                self.outbox.push_back(Outgoing::Reply(reply, None));
            }
            Frame::Answer(id, answer) => {
                let result = refused(&answer).map_or(Ok(answer.value), Err);
                match self.waiting.remove(&id) {
                    Some(Waiting::Caller(caller)) => drop(caller.send(result)),
                    Some(Waiting::Location) => self.located(result),
                    Some(Waiting::Look) => self.looked(result),
                    Some(Waiting::Clear(clear)) => self.view.cleared(&clear),
                    // Some actions are answered twice; the second has no one waiting.
                    None => {}
                }
            }
            Frame::Unexpected(why) => tracing::warn!("a page sent {why}"),
        }
    }

    fn request(&mut self, id: Box<RawValue>, request: Request) {
        let greeting = self.learn(&request);
        if let Request::GetCombined(range) = &request {
            self.combines = true;
            self.drawn = range.region().map(|region| (region, Instant::now() + DRAWN));
        }
        let (session, page) = (self.session.clone(), self.page.clone());
        let provider = &session.provider;
        let target = provider.target(&request);
        let group = target.as_ref().map(|target| target.group.clone());
        let ticket = target.map(|target| {
            let listing = provider.catalog.listing();
            self.view.request(&target.group, &target.key, &target.piece, &*listing, self.now())
        });
        if let (Some(_), Some(group)) = (ticket.as_ref().filter(|t| t.is_held()), &group) {
            tracing::debug!(group, "held: the page would get too many rows");
            self.held.push(Held { id, request, group: group.clone() });
            return;
        }
        let resolution = ticket.as_ref().map(|ticket| Resolution::At(ticket.level));
        let placeholder = ticket.as_ref().and_then(|ticket| ticket.placeholder.clone());
        let echoed = id.clone();
        let done = match &request {
            Request::ReportChange { change: Some(change) } => session.apply_report(&page, change),
            _ => Ok(()),
        };
        let task = self.answers.spawn(async move {
            let at = placeholder.as_ref();
            match done {
                Ok(()) => session.reply(Some(&page), &echoed, &request, resolution, at).await,
                Err(error) => session.refuse(&echoed, &request, &error),
            }
        });
        self.due.push_back(Due { task: task.id(), id, group, ticket, reply: None, greeting });
    }

    /// Takes note of what a request says about the page; tells whether it is one of those whose
    /// answers the page needs to start.
    fn learn(&mut self, request: &Request) -> bool {
        self.page.known().last_request = Instant::now();
        match request {
            Request::GetMeasurements { version } | Request::GetSeqInfos { version } => {
                self.page.known().version.clone_from(version);
                self.page.reach(Stage::Starting);
                true
            }
            // A page's connection for workspaces registers nothing.
            Request::RegisterChartTypes { data, page } if data.is_object() || data.is_array() => {
                self.page.known().chart_types.clone_from(data);
                self.page.known().state.is_built_in = page.as_deref() == Some("epivizrs");
                self.registered = true;
                false
            }
            _ => false,
        }
    }

    /// Notes an answer, and lets go those for which none of the same group is still due.
    fn answered(&mut self, answer: Result<(task::Id, String), task::JoinError>) {
        let task = answer.as_ref().map_or_else(task::JoinError::id, |(task, _)| *task);
        let Some(due) = self.due.iter_mut().find(|due| due.task == task) else { return };
        due.reply = Some(match answer {
            Ok((_, json)) => json,
            Err(error) => {
                tracing::error!("a request could not be answered: {error}");
                Reply::Refused("internal error".into()).to_json(&due.id)
            }
        });
        let mut held: Vec<String> = Vec::new();
        for mut due in std::mem::take(&mut self.due) {
            let blocked = due.group.as_ref().is_some_and(|group| held.contains(group));
            match due.reply.take() {
                Some(json) if !blocked => self.outbox.push_back(Outgoing::Reply(json, due.ticket)),
                reply => {
                    held.extend(due.group.clone());
                    self.due.push_back(Due { reply, ..due });
                }
            }
        }
        // What is asked of the page from now on leaves behind the answers that it needs to start.
        let greeted = !self.due.iter().any(|due| due.greeting);
        if self.registered && greeted && self.page.stage() == Stage::Starting {
            self.page.reach(Stage::Ready);
        }
    }

    fn call(&mut self, call: PageCall) {
        match call {
            PageCall::Act(write, answer) => self.send(write, answer),
            PageCall::Renew(groups) => {
                groups.iter().for_each(|group| self.view.renew(group, self.now()));
            }
            // The page may have gone on since.
            PageCall::EmptyViews(place, groups) if self.view.resting_place() == Some(&place) => {
                for (group, is_empty_view) in groups {
                    let empty = Some(&place).filter(|_| is_empty_view);
                    self.view.set_placeholder(&group, empty, self.now());
                }
            }
            PageCall::EmptyViews(..) => {}
        }
    }

    fn send(&mut self, write: Write, answer: Option<Waiting>) {
        self.last_call += 1;
        // Who gave up waiting for an answer has dropped the receiver.
        self.waiting.retain(|_, waiting| match waiting {
            Waiting::Caller(caller) => !caller.is_closed(),
            _ => true,
        });
        if let Some(answer) = answer {
            self.waiting.insert(self.last_call, answer);
        }
        self.outbox.push_back(Outgoing::Call(write(self.last_call)));
    }

    fn act<A: Action>(&mut self, action: A, answer: Option<Waiting>) {
        self.send(Box::new(move |id| action.to_json(id)), answer);
    }

    /// Does what the view wants of the page.
    fn obey(&mut self) {
        let listing = self.session.provider.catalog.listing();
        for order in self.view.orders(&*listing, self.now()) {
            match order {
                Order::Clear(clear) => {
                    tracing::debug!(group = clear.group, "cleared");
                    let action = ClearDatasourceGroupCache { group: clear.group.clone() };
                    self.act(action, Some(Waiting::Clear(clear)));
                }
                Order::Redraw => self.act(Redraw {}, None),
                Order::Dismiss(group) => self.dismiss(&group),
                Order::Locate => {
                    // A page that never answers would otherwise leave one behind each time.
                    self.waiting.retain(|_, waiting| !matches!(waiting, Waiting::Location));
                    self.act(GetCurrentLocation {}, Some(Waiting::Location));
                }
            }
        }
    }

    /// Answers what is held of a group with no rows.
    fn dismiss(&mut self, group: &str) {
        for held in self.held.extract_if(.., |held| held.group == group) {
            let reply = self.session.provider.nothing(&held.request).to_json(&held.id);
            self.outbox.push_back(Outgoing::Reply(reply, None));
        }
    }

    /// Asks where the page looks, for those who follow it: the view asks only while levels depend
    /// on the answer.
    fn look(&mut self) {
        if Instant::now() < self.look_at {
            return;
        }
        self.look_at = Instant::now() + self.pause();
        let asked = |waiting: &Waiting| matches!(waiting, Waiting::Location | Waiting::Look);
        if self.page.stage() == Stage::Ready && !self.waiting.values().any(asked) {
            self.act(GetCurrentLocation {}, Some(Waiting::Look));
        }
    }

    fn located(&mut self, answer: Result<Value, PageError>) {
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
    fn looked(&mut self, answer: Result<Value, PageError>) {
        let place = self.place(answer);
        let listing = self.session.provider.catalog.listing();
        let place = place.and_then(|place| listing.locate(&place));
        let (Some(place), true) = (place, self.due.is_empty() && self.held.is_empty()) else {
            return;
        };
        let levels = self.levels();
        let levels = (!self.combines).then_some(levels);
        self.fit(AtRest { place, levels, valued: Vec::new() });
    }

    /// Fits the charts of a page without cache, once it has had time to draw.
    fn fit_drawn(&mut self) {
        let due = |(_, at): &(Region, Instant)| Instant::now() >= *at;
        if self.due.is_empty() && self.drawn.as_ref().is_some_and(due) {
            let drawn = self.drawn.take();
            drawn.into_iter().for_each(|(place, _)| {
                self.fit(AtRest { place, levels: None, valued: Vec::new() });
            });
        }
    }

    /// Fits the charts to what the page shows, unless that is as it was.
    fn fit(&mut self, rest: AtRest) {
        let charts = self.session.charts();
        let there = |chart: &Chart| self.page.chart_id(chart.number).is_some();
        let charts: Vec<_> = charts.into_iter().filter(there).collect();
        let now = (rest, charts);
        if self.fitted.as_ref() == Some(&now) {
            return;
        }
        let (session, page, rest) = (self.session.clone(), self.page.clone(), now.0.clone());
        self.fitted = Some(now);
        let task = tokio::spawn(async move { session.fit(&page, &rest).await });
        // What was being looked at is no longer in view.
        self.fitting.replace(task.abort_handle()).into_iter().for_each(|old| old.abort());
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

/// What a peer is told that broke the rules of WebSocket; nothing if the connection is lost.
pub fn broken(error: &WsError) -> Option<CloseFrame> {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error {
        WsError::Capacity(why) => {
            tracing::warn!("a peer sent too large a message: {why}");
            close(CloseCode::Size, "the message is too large")
        }
        WsError::Utf8(why) => {
            tracing::warn!("a peer sent text that is not UTF-8: {why}");
            close(CloseCode::Invalid, "text must be UTF-8")
        }
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        WsError::Protocol(why) => {
            tracing::warn!("a peer broke the rules of WebSocket: {why}");
            close(CloseCode::Protocol, "this is not WebSocket as RFC 6455 has it")
        }
        lost => {
            tracing::debug!("connection lost: {lost}");
            None
        }
    }
}

fn close(code: CloseCode, reason: &'static str) -> Option<CloseFrame> {
    Some(CloseFrame { code, reason: reason.into() })
}
