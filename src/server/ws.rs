//! The WebSocket upgrade, by hand: axum's own is tied to an older tungstenite.

use super::http::Door;
use crate::session;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The largest message that a page may send: workspaces are the largest, some hundred kilobytes.
const LARGEST_MESSAGE: usize = 4 << 20;

/// Makes the connection a WebSocket and serves the page on it.
pub(super) async fn upgrade(State(door): State<Door>, mut request: Request) -> Response {
    let headers = request.headers();
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| wants_upgrade(headers))
    else {
        return (StatusCode::UPGRADE_REQUIRED, "this address speaks WebSocket\n").into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map_or_else(|| "somewhere".into(), |info| info.0.to_string());
    let upgrade = hyper::upgrade::on(&mut request);
    door.pages.spawn(async move {
        match upgrade.await {
            Ok(connection) => {
                let config = WebSocketConfig::default()
                    .max_message_size(Some(LARGEST_MESSAGE))
                    .max_frame_size(Some(LARGEST_MESSAGE));
                let io = TokioIo::new(connection);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                session::serve(socket, address, door.session, door.stop).await;
            }
            Err(error) => tracing::warn!("an upgrade failed: {error}"),
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

/// Whether a request asks to become a WebSocket.
pub(super) fn wants_upgrade(headers: &HeaderMap) -> bool {
    let has = |name, wanted: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")
}
