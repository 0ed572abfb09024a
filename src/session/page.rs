//! One actor per page: it owns the socket and the pending calls to the page.
//!
//! Reading, answering and writing do not wait for each other: requests are answered in parallel, and
//! a slow page delays only itself. Replies are sent as soon as they are ready, but those of one
//! datasource group in the order of the requests: a page that gets the values of a piece before its
//! rows draws rows that it does not have (its block track then throws an exception).

mod fitting;
mod requests;

use super::handle::{Page, PageCall, Waiting, Write};
use super::reconcile::reconcile;
use super::reply_budget::Charge;
use super::requests::Answer;
use super::{Limit, Role, Session, Visitor, refused};
use crate::error::PageError;
use crate::protocol::{
    Action, ClearDatasourceGroupCache, Frame, GetCurrentLocation, Redraw, Reply, parse, unread,
};
use crate::provider::{Order, Ticket, View};
use crate::stream::Subscriptions;
use fitting::Fitting;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use requests::{Deferred, Due};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_util::sync::CancellationToken;

/// Maximum number of messages that wait for a slow page; then its requests are not read any more.
const MAX_OUTBOX: usize = 64;
/// Maximum number of deferred requests of one page: more than its charts send in one step.
const MAX_DEFERRED: usize = 1000;

/// How long to wait for a page to accept a close frame and to answer it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves a page until it leaves or `stop` is cancelled.
pub async fn serve<S>(socket: S, visitor: Visitor, session: Arc<Session>, stop: CancellationToken)
where
    S: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Send + 'static,
{
    if let Some(left) = session.config.kicked.left(&visitor, std::time::Instant::now()) {
        tracing::info!("a page of {} is refused: it was disconnected", visitor.name);
        return refuse(socket, left).await;
    }
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let (calls, calls_in) = mpsc::channel(16);
    // What those change who may only look, nobody else sees.
    let session = if visitor.role > Role::View { session } else { session.copy() };
    let page = Page::new(id, visitor, calls);
    let visitor = &page.info.visitor;
    tracing::info!("page {id} of {} connected from {}", visitor.name, visitor.address);
    session.enter(&page);
    let reconciler = tokio::spawn(reconcile(session.clone(), page.clone()));

    let (sink, mut stream) = socket.split();
    // In boxes: a channel has room for 32 at once, however few it may hold.
    let (queue, queued) = mpsc::channel::<Box<Charged>>(1);
    let mut writer = tokio::spawn(write_all(sink, queued));
    let target_rows = session.provider.page_rows;
    let mut actor = Actor {
        session: session.clone(),
        page: page.clone(),
        view: View::new(target_rows),
        started: Instant::now(),
        waiting: BTreeMap::new(),
        last_call: 0,
        answers: JoinSet::new(),
        due: VecDeque::new(),
        deferred: Vec::new(),
        outbox: VecDeque::new(),
        next_poll: Instant::now(),
        fitting: Fitting::default(),
        registered: false,
        subscriptions: Subscriptions::default(),
        was_full: false,
    };
    let close_frame = actor.run(&mut stream, calls_in, &queue, &stop).await;
    // Dropping the senders tells pending callers that the page is gone.
    drop(actor);
    reconciler.abort();
    session.leave(&page);
    let closing = async {
        let _ = queue.send(Box::new((Message::Close(close_frame), None))).await;
        drop(queue);
        let _ = (&mut writer).await;
        // Reads until the page has answered the close frame: unread data would make the system reset
        // the connection, and the frame might never arrive (RFC 6455, 7.1.1).
        while let Some(Ok(_)) = stream.next().await {}
    };
    // A page that does not answer in time is not waited for.
    if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
        writer.abort();
    }
    tracing::info!("page {id} disconnected");
}

/// Closes the connection of a page that was disconnected a short time ago.
async fn refuse<S>(socket: S, left: Duration)
where
    S: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError>,
{
    let minutes = left.as_secs() / 60 + 1;
    let reason = format!("disconnected by an administrator; not admitted for {minutes} min");
    let frame = CloseFrame { code: CloseCode::Policy, reason: reason.into() };
    let mut socket = std::pin::pin!(socket);
    let closing = async {
        let _ = socket.send(Message::Close(Some(frame))).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
}

async fn write_all(
    mut sink: impl Sink<Message, Error = WsError> + Unpin,
    mut queued: mpsc::Receiver<Box<Charged>>,
) {
    while let Some(queued) = queued.recv().await {
        let (message, charge) = *queued;
        // Closing the sink answers a page that closed the connection, with its own code.
        if matches!(message, Message::Close(None)) {
            break;
        }
        if sink.send(message).await.is_err() {
            return;
        }
        drop(charge);
    }
    let _ = sink.close().await;
}

/// A message, and what it takes of the memory of answers until it is sent.
type Charged = (Message, Option<Charge>);

/// A message to the page, and what to record when it is sent.
enum Outgoing {
    Reply(Answer, Option<Ticket>),
    Call(String),
}

struct Actor {
    session: Arc<Session>,
    page: Page,
    view: View,
    started: Instant,
    waiting: BTreeMap<u64, Waiting>,
    last_call: u64,
    answers: JoinSet<Answer>,
    /// Requests that are being answered, in the order in which they arrived.
    due: VecDeque<Due>,
    deferred: Vec<Deferred>,
    outbox: VecDeque<Outgoing>,
    /// When to poll the page's view for those who follow it.
    next_poll: Instant,
    fitting: Fitting,
    /// Whether it has registered its chart types.
    registered: bool,
    subscriptions: Subscriptions,
    /// Whether it had the largest number of concurrent requests.
    was_full: bool,
}

impl Actor {
    /// Runs until the page leaves (`None`) or the connection is to be closed, with the reason.
    async fn run(
        &mut self,
        mut stream: impl Stream<Item = Result<Message, WsError>> + Unpin,
        mut calls: mpsc::Receiver<Box<PageCall>>,
        queue: &mpsc::Sender<Box<Charged>>,
        stop: &CancellationToken,
    ) -> Option<CloseFrame> {
        loop {
            let has_capacity = self.has_capacity();
            let drawn = self.fitting.next(self.due.is_empty()).into_iter();
            let wake =
                drawn.fold((self.started + self.view.next()).min(self.next_poll), Instant::min);
            tokio::select! {
                () = stop.cancelled() => return close(CloseCode::Away, "the endpoint is shutting down"),
                permit = queue.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => permit.send(Box::new(self.next_message())),
                    Err(_) => return None,
                },
                message = stream.next(), if has_capacity => match message {
                    Some(Ok(Message::Text(text))) => self.take(text.as_str()),
                    Some(Ok(Message::Binary(_))) => {
                        tracing::warn!("a page sent a binary message, but the protocol uses only text");
                        return close(CloseCode::Unsupported, "messages must be text");
                    }
                    Some(Ok(Message::Close(_))) | None => return None,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        if matches!(error, WsError::Capacity(_)) {
                            self.session.metrics.hit(Limit::MessageSize);
                        }
                        return broken(&error);
                    }
                },
                Some(answer) = self.answers.join_next_with_id(), if !self.answers.is_empty() => {
                    self.answered(answer);
                }
                mut event = self.subscriptions.next(), if self.outbox.len() < MAX_OUTBOX => {
                    event["type"] = "event".into();
                    self.outbox.push_back(Outgoing::Reply(event.to_string().into(), None));
                }
                Some(call) = calls.recv() => match *call {
                    PageCall::Leave => return close(CloseCode::Policy, "disconnected by the endpoint"),
                    call => self.call(call),
                },
                () = tokio::time::sleep_until(wake) => {}
            }
            self.send_orders(None);
            self.poll_view();
            self.fit_drawn();
            let busy = self.due.len() + self.deferred.len() + self.outbox.len();
            self.page.info.busy.store(busy, Ordering::Relaxed);
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns whether another request can be read; counts when the page reaches its limit.
    fn has_capacity(&mut self) -> bool {
        let is_full = self.due.len() >= self.session.limits().requests;
        if is_full && !self.was_full {
            self.session.metrics.hit(Limit::PageRequests);
        }
        self.was_full = is_full;
        !is_full
            && self.outbox.len() < MAX_OUTBOX
            && self.deferred.len() < MAX_DEFERRED
            && self.held() < self.session.replies().share()
    }

    /// Returns the bytes of the answers that wait to be sent.
    fn held(&self) -> usize {
        let waiting = self.due.iter().filter_map(Due::charge);
        let ready = self.outbox.iter().filter_map(|outgoing| match outgoing {
            Outgoing::Reply(answer, _) => answer.charge.as_ref(),
            Outgoing::Call(_) => None,
        });
        waiting.chain(ready).map(Charge::bytes).sum()
    }

    fn next_message(&mut self) -> Charged {
        match self.outbox.pop_front() {
            Some(Outgoing::Reply(Answer { json, charge }, ticket)) => {
                if let Some(ticket) = ticket {
                    self.view.answered(&ticket, self.now());
                }
                (Message::text(json), charge)
            }
            Some(Outgoing::Call(json)) => (Message::text(json), None),
            None => (Message::Ping(Default::default()), None),
        }
    }

    fn take(&mut self, text: &str) {
        let depth = self.session.check_depth(text);
        match depth.map_or_else(|why| unread(text, why), |()| parse(text)) {
            Frame::Request(id, request) => self.request(id, request),
            Frame::Invalid(id, why) => {
                tracing::warn!("a page sent an invalid request: {why}");
                let reply = Reply::Refused(why).to_json(&id);
                self.outbox.push_back(Outgoing::Reply(reply.into(), None));
            }
            Frame::Answer(id, answer) => {
                let result = refused(&answer).map_or(Ok(answer.value), Err);
                match self.waiting.remove(&id) {
                    Some(Waiting::Caller(caller)) => drop(caller.send(result)),
                    Some(Waiting::Location) => self.located(result),
                    Some(Waiting::PolledView) => self.view_polled(result),
                    Some(Waiting::Clear(clear)) => self.view.cleared(&clear),
                    // Some actions are answered twice; the second answer is ignored.
                    None => {}
                }
            }
            Frame::Unexpected(why) => tracing::warn!("a page sent {why}"),
        }
    }

    fn call(&mut self, call: PageCall) {
        match call {
            PageCall::Act(write, answer) => self.send(write, answer),
            PageCall::ClearAndAct(groups, write, answer) => {
                groups.iter().for_each(|group| self.view.invalidate(group, self.now()));
                self.send_orders(Some((write, answer)));
            }
            PageCall::Invalidate(groups) => {
                groups.iter().for_each(|group| self.view.invalidate(group, self.now()));
            }
            PageCall::InvalidateWithin(groups, regions) => {
                let now = self.now();
                groups.iter().for_each(|group| self.view.invalidate_within(group, &regions, now));
            }
            // The page may have moved in the meantime.
            PageCall::EmptyViews(place, groups) if self.view.resting_place() == Some(&place) => {
                for (group, missing) in groups {
                    self.view.set_placeholder(&group, missing.as_ref(), self.now());
                }
            }
            PageCall::EmptyViews(..) => self.fitting.forget(),
            PageCall::Leave => {}
        }
    }

    fn send(&mut self, write: Write, answer: Option<Waiting>) {
        self.last_call += 1;
        // Callers that gave up waiting have dropped their receivers.
        self.waiting.retain(|_, waiting| match waiting {
            Waiting::Caller(caller) => !caller.is_closed(),
            _ => true,
        });
        let most = self.session.limits().calls;
        if self.waiting.len() >= most
            && let Some(Waiting::Caller(caller)) = answer
        {
            self.session.metrics.hit(Limit::PageCalls);
            let why = format!("{most} calls wait for its answer (--max-page-calls)");
            return drop(caller.send(Err(PageError::Refused(why))));
        }
        if let Some(answer) = answer {
            self.waiting.insert(self.last_call, answer);
        }
        self.outbox.push_back(Outgoing::Call(write(self.last_call)));
    }

    fn act<A: Action>(&mut self, action: A, answer: Option<Waiting>) {
        self.send(Box::new(move |id| action.to_json(id)), answer);
    }

    /// Sends the orders of the view model; `after_clears` is sent between the clears and the redraw.
    fn send_orders(&mut self, mut after_clears: Option<(Write, Option<Waiting>)>) {
        let listing = self.session.provider.catalog.listing();
        for order in self.view.orders(&*listing, self.now()) {
            if !matches!(order, Order::Clear(_))
                && let Some((write, answer)) = after_clears.take()
            {
                self.send(write, answer);
            }
            match order {
                Order::Clear(clear) => {
                    tracing::debug!(group = clear.group, "cleared");
                    self.fitting.forget();
                    let action = ClearDatasourceGroupCache { group: clear.group.clone() };
                    self.act(action, Some(Waiting::Clear(clear)));
                }
                Order::Redraw => self.act(Redraw {}, None),
                Order::Dismiss(group) => self.dismiss(&group),
                Order::Locate => {
                    // Otherwise a page that never answers would leave an entry each time.
                    self.waiting.retain(|_, waiting| !matches!(waiting, Waiting::Location));
                    self.act(GetCurrentLocation {}, Some(Waiting::Location));
                }
            }
        }
        if let Some((write, answer)) = after_clears {
            self.send(write, answer);
        }
    }
}

/// Returns the close frame for a WebSocket error; `None` if the connection is lost.
pub fn broken(error: &WsError) -> Option<CloseFrame> {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error {
        WsError::Capacity(why) => {
            tracing::warn!("a client sent too large a message: {why}");
            close(CloseCode::Size, "the message is too large")
        }
        WsError::Utf8(why) => {
            tracing::warn!("a client sent text that is not UTF-8: {why}");
            close(CloseCode::Invalid, "text must be UTF-8")
        }
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        WsError::Protocol(why) => {
            tracing::warn!("a client violated the WebSocket protocol: {why}");
            close(CloseCode::Protocol, "this violates RFC 6455 (WebSocket)")
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
