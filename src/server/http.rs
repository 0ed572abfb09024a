//! What is answered under which path.

use super::access::Access;
use super::{api, guard, metrics, rest, ws};
use crate::session::Session;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::compression::CompressionLayer;

/// What handlers need.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) session: Arc<Session>,
    pub(super) access: Access,
    /// The tasks of connected pages, waited for at the end.
    pub(super) pages: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// The paths. Pages connect to `/ws`; those of epivizr to the root or `/websocket`.
pub(super) fn router(door: Door) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/ws", get(ws::upgrade))
        .route("/websocket", get(ws::upgrade))
        .route("/api", get(api::answer).post(api::answer))
        .merge(rest::routes())
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(door.clone(), guard::guard))
        // Whoever watches over servers may ask under any name.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::answer))
        .with_state(door)
}

/// A page's socket, or what somebody sees who opens the endpoint itself in a browser.
async fn root(State(door): State<Door>, request: Request) -> Response {
    if ws::wants_upgrade(request.headers()) {
        return ws::upgrade(State(door), request).await;
    }
    let listing = door.session.provider.catalog.listing();
    let mut text = String::from(
        "epivizrs serves genomic data to EpiViz pages over a WebSocket at /ws.\n\
         Open the EpiViz address that it printed when it started.\n\nServed here:\n",
    );
    for measurement in listing.measurements() {
        text.push_str(&format!("  {} ({})\n", measurement.id, measurement.chart.word()));
    }
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
