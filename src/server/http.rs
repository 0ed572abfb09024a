//! What is answered under which path.

use super::access::Access;
use super::epiviz::Epiviz;
use super::{api, epiviz, guard, info, metrics, rest, ui, ws};
use crate::session::Session;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
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
    /// The copy of EpiViz to serve, if there is one.
    pub(super) epiviz: Option<Epiviz>,
    /// The tasks of connected pages, waited for at the end.
    pub(super) pages: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// The paths. Pages connect to `/ws`, or to a session of their own at `/ws/NAME`; those of epivizr
/// to the root or `/websocket`.
pub(super) fn router(door: Door) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/ui/{*name}", get(ui::file))
        .route("/info", get(info::info))
        .route("/info/first/{measurement}", get(info::first))
        .route("/ws", get(ws::upgrade))
        .route("/ws/{name}", get(ws::upgrade_named))
        .route("/websocket", get(ws::upgrade))
        .route("/console", get(ws::console))
        .route("/console/{name}", get(ws::console_named))
        .route("/api", get(api::answer).post(api::answer))
        .merge(rest::routes())
        .route("/epiviz", get(epiviz::folder))
        .route("/epiviz/", get(epiviz::page))
        .route("/epiviz/{*path}", get(epiviz::file))
        .fallback(nothing)
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(door.clone(), guard::guard))
        // Whoever watches over servers may ask under any name.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::answer))
        .with_state(door)
}

/// The answer under an address that there is not.
async fn nothing() -> (StatusCode, &'static str) {
    let addresses =
        "nothing is here; there are / (a page), /ws (for EpiViz), /api and /api/v1/...\n";
    (StatusCode::NOT_FOUND, addresses)
}

/// A page's socket, or the built-in page for who opens the endpoint itself in a browser.
async fn root(State(door): State<Door>, request: Request) -> Response {
    match ws::wants_upgrade(request.headers()) {
        true => ws::upgrade(State(door), request).await,
        false => ui::index(request.headers()),
    }
}
