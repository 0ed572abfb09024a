//! `PUT` and `DELETE` below `/api/v1`: measurements that programs define.

use super::rest::status;
use super::state::{AppState, Connection};
use crate::catalog::{ComputedSpec, MAX_PUSHED, PushedSpec, Renewed};
use crate::console::described;
use crate::error::{Error, Result};
use crate::session::{Appended, Kind, Limit, Metrics, Visitor};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use serde_json::{Value, json};
use std::time::Instant;

/// Maximum size of a definition, in bytes.
const MAX_DEFINITION: usize = 16 << 10;

/// The path of a computed measurement.
const COMPUTED: &str = "/api/v1/computed/NAME";

/// The paths of data that a program sends, and of rows to append.
const SOURCE: &str = "/api/v1/sources/NAME";
const ROWS: &str = "/api/v1/sources/NAME/rows";

/// Every path that changes what is served: its method, the path, its arguments, the command whose
/// role it needs, and what it does. The table in `docs/http.md` is generated from this list.
pub const CHANGES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "PUT",
        COMPUTED,
        "at missing group color range",
        "compute",
        "serves a computed measurement; the body is the expression, or JSON",
    ),
    ("DELETE", COMPUTED, "", "drop", "stops serving it"),
    (
        "PUT",
        SOURCE,
        "format keep group color range missing",
        "push",
        "serves the rows in the body: BED, bedGraph, or another text format",
    ),
    ("POST", ROWS, "", "push", "appends the rows in the body, which are a record of its stream"),
    ("DELETE", SOURCE, "", "drop", "stops serving it"),
];

/// Returns the routes.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/v1/computed/{name}", put(compute).delete(forget_computed))
        .route("/api/v1/sources/{name}", put(send).delete(forget_sent))
        .route("/api/v1/sources/{name}/rows", post(append))
}

/// Checks that the visitor may run the command that does the same at the prompt.
fn permit(state: &AppState, request: &Request, path: &str) -> Result<(), ChangeRefusal> {
    let is_it = |change: &&(&str, &str, &str, &str, &str)| {
        change.0 == request.method().as_str() && change.1 == path
    };
    // What is not listed needs the highest role.
    let command = CHANGES.iter().find(is_it).map_or("", |change| change.3);
    let visitor = request.extensions().get::<Visitor>().cloned();
    let visitor = visitor.ok_or_else(|| ChangeRefusal::from(Error::Bug("no visitor".into())))?;
    let permitted = visitor.may(Kind::Command, command);
    let action = format!("{} {}", request.method(), request.uri().path());
    state.session.audit(&visitor, &action, permitted.as_ref().err());
    permitted
        .map_err(|error| ChangeRefusal { status: StatusCode::FORBIDDEN, text: error.for_page() })
}

/// Returns the body of a request.
async fn body(state: &AppState, request: Request, most: usize) -> Result<Bytes, ChangeRefusal> {
    let limits = Connection::of(request.extensions()).limits;
    let refusal = |status, text: String| ChangeRefusal { status, text };
    match tokio::time::timeout(limits.request_time, to_bytes(request.into_body(), most)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            state.session.metrics.hit(Limit::MessageSize);
            let text = format!("the body of this request may have at most {most} bytes");
            Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, text))
        }
        Err(_) => {
            state.session.metrics.hit(Limit::RequestTime);
            let text = "the body of the request did not arrive in time".to_owned();
            Err(refusal(StatusCode::REQUEST_TIMEOUT, text))
        }
    }
}

/// Why a request is refused.
struct ChangeRefusal {
    status: StatusCode,
    text: String,
}

impl From<Error> for ChangeRefusal {
    fn from(error: Error) -> Self {
        ChangeRefusal { status: status(&error), text: error.for_page() }
    }
}

/// Answers with JSON, or with the reason for a refusal, and counts the request.
fn respond(
    state: &AppState,
    started: Instant,
    result: Result<(StatusCode, Value), ChangeRefusal>,
) -> Response {
    let (refused, status, text, kind) = match result {
        Ok((status, value)) => (false, status, value.to_string(), "application/json"),
        Err(ChangeRefusal { status, text }) => {
            (true, status, text + "\n", "text/plain; charset=utf-8")
        }
    };
    state.session.metrics.record(Metrics::REST, refused, text.len(), started.elapsed());
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn compute(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let permitted = permit(&state, &request, COMPUTED);
    let run = async {
        permitted?;
        let query = request.uri().query().unwrap_or_default().to_owned();
        let headers = request.headers().clone();
        let body = body(&state, request, MAX_DEFINITION).await?;
        let wanted = definition(&name, &query, &headers, &body)?;
        let listing = state.session.provider.catalog.listing();
        let is_new = listing.measurements().all(|m| m.id != name);
        let measurement = state.session.compute(wanted).await?;
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, described(&measurement)))
    };
    let result = run.await;
    respond(&state, started, result)
}

/// Returns the definition in the body, an expression or JSON, with the options in the address.
fn definition(name: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> Result<ComputedSpec> {
    let text = std::str::from_utf8(body);
    let text = text.map_err(|_| Error::Input("the body is not UTF-8".into()))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let mut options: Vec<(String, String)> = Vec::new();
    let expression = if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let example = r#"{"expression": "log2(chip / input)", "at": 64}"#;
        let wrong = |why: String| {
            Error::Input(format!("the body must be one JSON object like {example}: {why}"))
        };
        let object: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let object = object.as_object().ok_or_else(|| wrong("it is no object".into()))?;
        for (key, value) in object.iter().filter(|(key, _)| *key != "expression") {
            let value = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            options.push((key.clone(), value));
        }
        let expression = object.get("expression").and_then(Value::as_str);
        expression.ok_or_else(|| wrong("it has no expression".into()))?.to_owned()
    } else {
        text.to_owned()
    };
    let mut wanted = ComputedSpec::new(name, &expression)?;
    let in_address = form_urlencoded::parse(query.as_bytes());
    options.extend(in_address.map(|(key, value)| (key.into_owned(), value.into_owned())));
    for (key, value) in options {
        wanted.set(&key, &value)?;
    }
    Ok(wanted)
}

async fn forget_computed(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let permitted = permit(&state, &request, COMPUTED);
    forget(state, name, permitted).await
}

async fn forget_sent(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let permitted = permit(&state, &request, SOURCE);
    forget(state, name, permitted).await
}

async fn forget(state: AppState, name: String, permitted: Result<(), ChangeRefusal>) -> Response {
    let started = Instant::now();
    let run = async {
        permitted?;
        let charts = state.session.drop_made(&name).await?;
        Ok((StatusCode::OK, json!({"dropped": name, "charts": charts})))
    };
    let result = run.await;
    respond(&state, started, result)
}

/// Serves the data in the body.
async fn send(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let permitted = permit(&state, &request, SOURCE);
    let run = async {
        permitted?;
        let mut wanted = PushedSpec::new(&name)?;
        let query = request.uri().query().unwrap_or_default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            wanted.set(&key, &value)?;
        }
        if let Some(format) = format_of(request.headers())
            && !wanted.has_format()
        {
            wanted.set("format", format)?;
        }
        let content = body(&state, request, MAX_PUSHED).await?;
        let sent = state.session.put_source(wanted, content.to_vec()).await;
        let Renewed { before, now } = sent.map_err(refusal_of_rows)?;
        let status = if before.is_empty() { StatusCode::CREATED } else { StatusCode::OK };
        let ids: Vec<_> = now.iter().map(|m| m.id.as_str()).collect();
        Ok((status, json!({"source": name, "measurements": ids})))
    };
    let result = run.await;
    respond(&state, started, result)
}

/// Appends the rows in the body.
async fn append(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let permitted = permit(&state, &request, ROWS);
    let run = async {
        permitted?;
        let content = body(&state, request, MAX_PUSHED).await?;
        let appended = state.session.append_rows(&name, content.to_vec()).await;
        let appended = appended.map_err(refusal_of_rows)?;
        let Appended { recno, rows } = appended;
        Ok((StatusCode::OK, json!({"source": name, "rows": rows, "recno": recno})))
    };
    let result = run.await;
    respond(&state, started, result)
}

/// Returns the refusal of rows: what is wrong with them is the client's fault.
fn refusal_of_rows(error: Error) -> ChangeRefusal {
    let is_data = matches!(error, Error::Data { .. });
    let refusal = ChangeRefusal::from(error);
    if is_data { ChangeRefusal { status: StatusCode::BAD_REQUEST, ..refusal } } else { refusal }
}

/// Returns the format that the type of a body names; `None` if it is detected.
fn format_of(headers: &HeaderMap) -> Option<&'static str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next()?.trim() {
        "text/x-bed" | "application/x-bed" => Some("bed"),
        "text/x-bedgraph" | "application/x-bedgraph" => Some("bedgraph"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{COMPUTED_KEYS, PUSHED_KEYS};

    #[test]
    fn the_list_states_every_key_of_a_definition() {
        let keys: Vec<_> = COMPUTED_KEYS.iter().map(|(key, _)| *key).collect();
        assert_eq!(CHANGES[0].2, keys.join(" "));
        let keys: Vec<_> = PUSHED_KEYS.iter().map(|(key, _)| *key).collect();
        assert_eq!(CHANGES[2].2, keys.join(" "));
    }

    #[test]
    fn a_definition_is_text_or_json() {
        let json_type = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("application/json"),
        )]);
        let plain = HeaderMap::new();
        assert!(definition("x", "at=64&missing=gap", &plain, b"a / b").is_ok());
        let json = br#"{"expression": "a / b", "at": 32, "missing": "zero", "color": null}"#;
        assert!(definition("x", "", &json_type, json).is_ok());
        let error = |headers: &HeaderMap, query: &str, body: &[u8]| {
            definition("x", query, headers, body).unwrap_err().to_string()
        };
        assert!(error(&json_type, "", b"{}").ends_with("it has no expression"));
        assert!(error(&json_type, "", b"[").contains("must be one JSON object"));
        assert!(error(&plain, "at=50", b"a").contains("a power of two from 1"));
        assert!(error(&plain, "att=64", b"a").contains("did you mean 'at'?"));
        assert!(error(&plain, "", b"\xff").contains("not UTF-8"));
        assert!(error(&plain, "", b"a +").contains("column 4"));
    }
}
