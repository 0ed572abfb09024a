//! One actor a page: it owns the socket and the calls that wait for the page's answer.
//!
//! Reading, answering and writing do not wait for each other: requests are answered side by side,
//! and a slow page delays itself only. Replies leave as soon as they are ready, but those of one
//! datasource group in the order in which they were asked for: a page that gets the values of a
//! piece before its rows draws what it does not have (its block track then throws).

mod fitting;
mod requests;

use super::handle::{Page, PageCall, Waiting, Write};
use super::reconcile::reconcile;
use super::{Role, Session, Visitor, refused};
use crate::protocol::{
    Action, ClearDatasourceGroupCache, Frame, GetCurrentLocation, Redraw, Reply, parse,
};
use crate::provider::{Order, Ticket, View};
use fitting::Fitting;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use requests::{Due, Held};
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

/// Requests of one page that are answered at once; more wait in its socket.
const AT_ONCE: usize = 32;
/// Messages that wait for a slow page before its requests are read no further.
const WAITING: usize = 64;
/// Requests of one page that are held at once: more than its charts ask for in one step.
const MOST_HELD: usize = 1000;

/// How long a page may take to accept a close frame and to answer it.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves a page until it leaves or `stop` is cancelled.
pub async fn serve<S>(socket: S, visitor: Visitor, session: Arc<Session>, stop: CancellationToken)
where
    S: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Send + 'static,
{
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
        fitting: Fitting::default(),
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
    fitting: Fitting,
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
            let drawn = self.fitting.next(self.due.is_empty()).into_iter();
            let wake = drawn.fold((self.born + self.view.next()).min(self.look_at), Instant::min);
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
                Some(call) = calls.recv() => match call {
                    PageCall::Leave => return close(CloseCode::Policy, "you were sent away"),
                    call => self.call(call),
                },
                () = tokio::time::sleep_until(wake) => {}
            }
            self.obey(None);
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
            Frame::Unusable(id, why) => {
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
            Frame::Noise(why) => tracing::warn!("a page sent {why}"),
        }
    }

    fn call(&mut self, call: PageCall) {
        match call {
            PageCall::Act(write, answer) => self.send(write, answer),
            PageCall::ActAfresh(groups, write, answer) => {
                groups.iter().for_each(|group| self.view.renew(group, self.now()));
                self.obey(Some((write, answer)));
            }
            PageCall::Renew(groups) => {
                groups.iter().for_each(|group| self.view.renew(group, self.now()));
            }
            // The page may have gone on since.
            PageCall::Deserts(place, groups) if self.view.resting_place() == Some(&place) => {
                for (group, desert) in groups {
                    self.view.set_placeholder(&group, desert.as_ref(), self.now());
                }
            }
            PageCall::Deserts(..) => self.fitting.forget(),
            PageCall::Leave => {}
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

    /// Does what the view wants of the page; `after_clears` is sent between the clears and the redraw.
    fn obey(&mut self, mut after_clears: Option<(Write, Option<Waiting>)>) {
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
                    // A page that never answers would otherwise leave one behind each time.
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
