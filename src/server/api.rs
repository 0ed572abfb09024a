//! `/api`: the pages' requests over HTTP, as EpiViz's WebServerDataProvider sends them.
//!
//! Messages and handler are those of the socket, but the endpoint cannot send actions: see
//! [`stateless`].

use super::arguments;
use super::state::{AppState, Connection};
use super::table_response::{BodyFormat, respond};
use crate::catalog::Resolution;
use crate::protocol::{Frame, Reply, Request, parse, unread};
use crate::session::{Limit, Metrics, Visitor};
use axum::body::{Bytes, to_bytes};
use axum::extract::{self, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// Returns the level of all answers over HTTP. Such a page caches rows, but the endpoint cannot clear its
/// cache, and cannot distinguish two pages. So all rows of a sequence have one level, the finest
/// that always fits in one answer. It may differ between sequences, since a page drops its rows
/// when it changes to another sequence.
fn stateless(state: &AppState) -> Resolution {
    Resolution::AtMostInSequence(state.session.provider.catalog.limits().rows)
}

/// Answers a request of a page.
pub(super) async fn answer(State(state): State<AppState>, request: extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let limits = Connection::of(&parts.extensions).limits;
    let body =
        tokio::time::timeout(limits.request_time, to_bytes(body, state.session.limits().message));
    let body = match body.await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            state.session.metrics.hit(Limit::MessageSize);
            let most = state.session.limits().message >> 20;
            let why = format!("a request body may have at most {most} MiB (--max-message)\n");
            return (StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
        }
        Err(_) => {
            state.session.metrics.hit(Limit::RequestTime);
            let headers = [(header::CONNECTION, "close")];
            let why = "the body of the request did not arrive in time\n";
            return (StatusCode::REQUEST_TIMEOUT, headers, why).into_response();
        }
    };
    let started = Instant::now();
    let query = parts.uri.query().unwrap_or_default();
    let message = if parts.method == Method::POST && is_json(&parts.headers) {
        arguments::message_of_json(&body)
    } else {
        arguments::message(&joined(query, &body))
    };
    let read = |message: String| match state.session.check_depth(&message) {
        Ok(()) => parse(&message),
        Err(why) => unread(&message, why),
    };
    match message.map(read) {
        Ok(Frame::Request(id, request)) if changes(&request) && parts.method != Method::POST => {
            let why = format!("{} changes saved data: send it with POST", request.name());
            let json = refusal(&state, &id, why, started.elapsed());
            let headers =
                [(header::ALLOW, "POST"), (header::CONTENT_TYPE, BodyFormat::Json.content_type())];
            (StatusCode::METHOD_NOT_ALLOWED, headers, json).into_response()
        }
        Ok(Frame::Request(id, request)) => {
            if let Some(visitor) = parts.extensions.get::<Visitor>()
                && let Err(error) = state.session.permit(visitor, &request)
            {
                let json = refusal(&state, &id, error.for_page(), started.elapsed());
                let kind = [(header::CONTENT_TYPE, BodyFormat::Json.content_type())];
                return (StatusCode::FORBIDDEN, kind, json).into_response();
            }
            let answer = state.session.reply_to(&id, &request, Some(stateless(&state))).await;
            respond(&parts.headers, BodyFormat::Json, answer)
        }
        Ok(Frame::Invalid(id, why)) => refused(&state, &id, why, started.elapsed()),
        Ok(Frame::Unexpected(why)) | Err(why) => {
            refused(&state, RawValue::NULL, why, started.elapsed())
        }
        Ok(Frame::Answer(..)) => {
            let why = "this is an answer, not a request".into();
            refused(&state, RawValue::NULL, why, started.elapsed())
        }
    }
}

/// Returns whether a request changes something. Browsers may send GET requests without the user's
/// knowledge, for example for an image in another page; EpiViz itself sends these with POST.
fn changes(request: &Request) -> bool {
    matches!(request, Request::SaveWorkspace { .. } | Request::DeleteWorkspace { .. })
}

/// Returns the answer to an invalid request: in the form of the protocol, with a status for other
/// clients.
fn refused(state: &AppState, id: &RawValue, why: String, took: Duration) -> Response {
    let json = refusal(state, id, why, took);
    let json_type = [(header::CONTENT_TYPE, BodyFormat::Json.content_type())];
    (StatusCode::BAD_REQUEST, json_type, json).into_response()
}

/// Returns the message that refuses a request, which is counted and logged.
fn refusal(state: &AppState, id: &RawValue, why: String, took: Duration) -> String {
    tracing::warn!("refused over HTTP: {why}");
    let json = Reply::Refused(why).to_json(id);
    state.session.metrics.record(Metrics::UNUSABLE, true, json.len(), took);
    json
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

/// Joins the arguments of the address and of the form.
fn joined(query: &str, body: &Bytes) -> Vec<u8> {
    [query.as_bytes(), body].join(&b'&')
}
