//! The WebSocket upgrade; axum's own is tied to an older tungstenite.

use super::hello::hello;
use super::keep_alive::KeepAlive;
use super::state::{AppState, Connection};
use crate::console;
use crate::session::{self, Session, Visitor};
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

/// Size of the buffer from which each connection reads, in bytes: requests are short, and idle pages
/// keep it.
const READ_BUFFER: usize = 2 << 10;

/// The version of the protocol that RFC 6455 describes.
const WEBSOCKET_VERSION: &str = "13";

/// As [`upgrade`], for the session in the path.
pub(super) async fn upgrade_named(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match state.session.named(&name) {
        Ok(session) => upgrade(State(AppState { session, ..state }), request).await,
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// Serves a page on the connection.
pub(super) async fn upgrade(State(state): State<AppState>, request: Request) -> Response {
    let session = state.session.clone();
    accept(state, request, |socket, visitor, stop| session::serve(socket, visitor, session, stop))
}

/// Serves a console on the connection.
pub(super) async fn console(State(state): State<AppState>, request: Request) -> Response {
    let session = state.session.clone();
    console_of(state, session, request)
}

/// As [`console`], for the session in the path.
pub(super) async fn console_named(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match state.session.named(&name) {
        Ok(session) => console_of(state, session, request),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// Serves a console to programs only, since it can read and write files: browsers, which send an
/// origin, are refused whatever the origin is.
fn console_of(state: AppState, session: Arc<Session>, request: Request) -> Response {
    if request.headers().contains_key(header::ORIGIN) {
        let text = "the console is open only to programs, not to web pages\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let (root, open) = (state.session.clone(), state.access.open_files.clone());
    accept(state, request, |socket, visitor, stop| {
        console::serve(socket, root, session, visitor, open, stop)
    })
}

type Socket = KeepAlive<WebSocketStream<TokioIo<Upgraded>>>;

/// Upgrades the connection to a WebSocket and serves it.
fn accept<F: Future<Output = ()> + Send>(
    state: AppState,
    mut request: Request,
    serve: impl FnOnce(Socket, Visitor, CancellationToken) -> F + Send + 'static,
) -> Response {
    let accept = match accepted_key(&request) {
        Ok(key) => derive_accept_key(key),
        Err((status, why)) => {
            // These headers tell the client what is required.
            let headers = [
                (header::CONNECTION, "upgrade"),
                (header::UPGRADE, "websocket"),
                (header::SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION),
            ];
            return (status, headers, why).into_response();
        }
    };
    let known = request.extensions().get::<Visitor>().cloned();
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default().to_owned();
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map_or_else(|| "an unknown address".into(), |info| info.0.to_string());
    let upgrade = hyper::upgrade::on(&mut request);
    let connection = Connection::of(request.extensions());
    let tasks = connection.tasks.clone();
    tasks.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let most = state.session.limits().message;
                let config = WebSocketConfig::default()
                    .read_buffer_size(READ_BUFFER)
                    .max_message_size(Some(most))
                    .max_frame_size(Some(most));
                let io = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                let mut socket = KeepAlive::new(socket, connection.limits.ping_interval);
                let visitor = match known {
                    Some(visitor) => Some(visitor),
                    None => {
                        let (keys, limits) = (&state.access.keys, connection.limits);
                        hello(&mut socket, keys, limits.request_time).await
                    }
                };
                let visitor = visitor.map(|visitor| Visitor { agent, ..visitor });
                match visitor {
                    Some(visitor) if visitor.address.is_empty() => {
                        serve(socket, visitor.at(address), state.stop).await;
                    }
                    Some(visitor) => serve(socket, visitor, state.stop).await,
                    None => tracing::warn!("{address} did not authenticate"),
                }
                // The connection keeps its slot until here.
                drop(connection);
            }
            Err(error) => tracing::warn!("a connection did not become a WebSocket: {error}"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    // Base64 is always a legal header.
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// Returns the key of a request for a WebSocket.
///
/// # Errors
/// The status and the reason, if the request lacks something (RFC 6455, sections 4.2.1 and 4.4).
fn accepted_key(request: &Request) -> Result<&[u8], (StatusCode, &'static str)> {
    let headers = request.headers();
    let refuse = |status, why| Err((status, why));
    if !wants_upgrade(headers) {
        return refuse(StatusCode::UPGRADE_REQUIRED, "this address is for WebSockets only\n");
    }
    if request.version() < Version::HTTP_11 {
        return refuse(StatusCode::BAD_REQUEST, "WebSockets need HTTP/1.1\n");
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|given| given != WEBSOCKET_VERSION) {
        return refuse(
            StatusCode::UPGRADE_REQUIRED,
            "this endpoint supports version 13 of the WebSocket protocol\n",
        );
    }
    match headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes) {
        Some(key) if is_key(key) => Ok(key),
        _ => refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in Base64\n"),
    }
}

/// Returns whether a key is the Base64 of 16 bytes.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    key.len() == 24 && key.strip_suffix(b"==").is_some_and(|digits| digits.iter().all(is_digit))
}

/// Returns whether a request asks for an upgrade to a WebSocket.
pub(super) fn wants_upgrade(headers: &HeaderMap) -> bool {
    let has = |name, wanted: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")
}
