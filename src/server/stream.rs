//! `/api/v1/stream`: the streams of topics and datasources for programs without a WebSocket, as
//! server-sent events (WHATWG HTML, "Server-sent events") or by long polling.

use super::state::AppState;
use crate::session::Visitor;
use crate::stream::{Fault, Subscription};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::unfold;
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// After this time without an event, a comment is sent, so that nothing on the way closes the
/// connection, and a client that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Longest wait of a poll, in seconds.
const LONGEST_WAIT: u64 = 60;
/// Maximum number of records in the answer to a poll.
const MAX_RECORDS: usize = 1000;

/// Returns the routes.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/api/v1/stream", get(stream)).route("/api/v1/describe", get(describe))
}

/// Describes what can be asked for, from the program's own lists.
async fn describe(State(state): State<AppState>) -> Response {
    let text = crate::console::describe(&state.session).to_string();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn stream(State(state): State<AppState>, request: Request) -> Response {
    let visitor = request.extensions().get::<Visitor>().cloned();
    let query = request.uri().query().unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut members: Map<String, Value> =
        pairs.map(|(key, value)| (key.into_owned(), value.into_owned().into())).collect();
    let resumed = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let resumed: Option<i64> = resumed.and_then(|id| id.parse().ok());
    let started = async {
        let visitor = visitor.ok_or(Fault { status: 401, text: "no visitor".into() })?;
        let poll = poll(&mut members)?;
        if let Some(last) = resumed.filter(|_| poll.is_none()) {
            members.insert("startrec".into(), last.saturating_add(1).into());
        }
        // A stream has no end unless one is asked for.
        members.entry("numrec").or_insert(0.into());
        Ok::<_, Fault>((state.session.subscribe(&visitor, &members, &[])?, poll))
    };
    match started.await {
        Ok((subscription, Some(wait))) => polled(subscription, wait, &state.stop).await,
        Ok((subscription, None)) => sent(subscription, state.stop.clone()),
        Err(Fault { status, text }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, text + "\n").into_response()
        }
    }
}

/// Removes the arguments of a poll, `after` and `wait`, and begins after that record. Returns how
/// long to wait; `None` if it is no poll.
fn poll(members: &mut Map<String, Value>) -> Result<Option<Duration>, Fault> {
    let number = |value: Option<Value>, name: &str| {
        let Some(value) = value else { return Ok(None) };
        let number = value.as_str().and_then(|text| text.parse::<u32>().ok());
        let bad = || Fault::invalid(format!("{name} is not valid: {value}; it takes a number"));
        number.map(Some).ok_or_else(bad)
    };
    let after = number(members.remove("after"), "after")?;
    let wait = number(members.remove("wait"), "wait")?;
    if after.is_none() && wait.is_none() {
        return Ok(None);
    }
    if let Some(after) = after {
        members.insert("startrec".into(), (i64::from(after) + 1).into());
    }
    Ok(Some(Duration::from_secs(u64::from(wait.unwrap_or(0)).min(LONGEST_WAIT))))
}

/// Answers a poll: with what is there, or else with the first events within this time.
async fn polled(
    mut subscription: Subscription,
    wait: Duration,
    stop: &CancellationToken,
) -> Response {
    let mut events = Vec::new();
    let arrived = async {
        loop {
            while let Some(event) = subscription.next_event() {
                events.push(event);
                if events.len() == MAX_RECORDS {
                    return;
                }
            }
            if !events.is_empty() || subscription.is_done() {
                return;
            }
            subscription.changed().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        // Nothing within this time is an answer too.
        _ = tokio::time::timeout(wait, arrived) => {}
    }
    let last = subscription.next_recno() - 1;
    let text = json!({"after": last, "events": events}).to_string();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// What is sent to a client.
struct Sender {
    subscription: Subscription,
    stop: CancellationToken,
    has_begun: bool,
    is_done: bool,
}

/// Answers with server-sent events until the subscription ends or the client leaves.
fn sent(subscription: Subscription, stop: CancellationToken) -> Response {
    let sender = Sender { subscription, stop, has_begun: false, is_done: false };
    let body = unfold(sender, |mut sender| async move {
        let text = sender.next().await?;
        Some((Ok::<_, Infallible>(text), sender))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy must not collect events.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

impl Sender {
    /// Returns the next piece of text; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.has_begun, true) {
            // The number after which a client goes on if it is cut off before the first record.
            return Some(format!("id: {}\n\n", self.subscription.next_recno() - 1));
        }
        if self.is_done {
            return None;
        }
        loop {
            if let Some(event) = self.subscription.next_event() {
                self.is_done = self.subscription.is_done();
                let name = event["event"].as_str().unwrap_or("data");
                return Some(format!("id: {}\nevent: {name}\ndata: {event}\n\n", event["recno"]));
            }
            if self.subscription.is_done() {
                return None;
            }
            tokio::select! {
                () = self.stop.cancelled() => {
                    self.is_done = true;
                    let text = "the endpoint is shutting down";
                    let event = json!({"event": "shutdown", "status": 503, "text": text});
                    return Some(format!("event: shutdown\ndata: {event}\n\n"));
                }
                () = self.subscription.changed() => {}
                () = tokio::time::sleep(HEARTBEAT) => return Some(": still here\n\n".into()),
            }
        }
    }
}
