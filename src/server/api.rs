//! `/api`: the pages' requests over HTTP, as EpiViz's WebServerDataProvider sends them.
//!
//! The messages and the handler are those of the socket. What differs is that the endpoint cannot
//! speak first, so such pages are answered at one level for ever (see `provider/stateless_level.rs`).

use super::arguments;
use super::http::Door;
use super::sheet::{Wire, sent};
use crate::protocol::{Frame, Reply, Request, parse};
use crate::session::Metrics;
use axum::body::{Bytes, to_bytes};
use axum::extract::{self, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// The largest body taken; workspaces are the largest, some hundred kilobytes.
const LARGEST_BODY: usize = 4 << 20;

/// Answers a request of a page.
pub(super) async fn answer(State(door): State<Door>, request: extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "at most 4 MiB are taken\n").into_response();
    };
    let started = Instant::now();
    let query = parts.uri.query().unwrap_or_default();
    let message = match parts.method == Method::POST && is_json(&parts.headers) {
        true => arguments::message_of_json(&body),
        false => arguments::message(&joined(query, &body)),
    };
    match message.map(|message| parse(&message)) {
        Ok(Frame::Request(id, request)) if changes(&request) && parts.method != Method::POST => {
            let why = format!("{} changes what is saved: send it with POST", request.name());
            let json = refusal(&door, &id, why, started.elapsed());
            let headers =
                [(header::ALLOW, "POST"), (header::CONTENT_TYPE, Wire::Json.content_type())];
            (StatusCode::METHOD_NOT_ALLOWED, headers, json).into_response()
        }
        Ok(Frame::Request(id, request)) => {
            let level = door.session.provider.stateless_level(&request).await;
            let json = door.session.reply_to(&id, &request, level).await;
            sent(&parts.headers, Wire::Json, json)
        }
        Ok(Frame::Unusable(id, why)) => refused(&door, &id, why, started.elapsed()),
        Ok(Frame::Noise(why)) | Err(why) => refused(&door, RawValue::NULL, why, started.elapsed()),
        Ok(Frame::Answer(..)) => {
            let why = "nothing was asked that could be answered here".into();
            refused(&door, RawValue::NULL, why, started.elapsed())
        }
    }
}

/// Whether a request changes something. Browsers open addresses (GET) for reasons that no user
/// sees, such as the picture of a page elsewhere; EpiViz itself sends these with POST.
fn changes(request: &Request) -> bool {
    matches!(request, Request::SaveWorkspace { .. } | Request::DeleteWorkspace { .. })
}

/// What makes no sense is answered in the page's own form, with a status for everybody else.
fn refused(door: &Door, id: &RawValue, why: String, took: Duration) -> Response {
    let json = refusal(door, id, why, took);
    let json_type = [(header::CONTENT_TYPE, Wire::Json.content_type())];
    (StatusCode::BAD_REQUEST, json_type, json).into_response()
}

/// The message that refuses a request, which is counted and logged.
fn refusal(door: &Door, id: &RawValue, why: String, took: Duration) -> String {
    tracing::warn!("refused over HTTP: {why}");
    let json = Reply::Refused(why).to_json(id);
    door.session.metrics.record(Metrics::UNUSABLE, true, json.len(), took);
    json
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

/// The arguments of the address and of the form.
fn joined(query: &str, body: &Bytes) -> Vec<u8> {
    [query.as_bytes(), body].join(&b'&')
}
