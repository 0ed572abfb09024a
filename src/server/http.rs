//! The routes of the endpoint.

use super::access::Access;
use super::epiviz_copy::Epiviz;
use super::state::AppState;
use super::{api, changes, encoding, epiviz, guard, info, metrics, rest, stream, ui, ws};
use crate::session::Session;
use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

/// Returns the whole endpoint as a router of [axum] 0.8, which [`crate::serve`] serves, or which
/// can be mounted in another application at any path: `app.nest_service("/genomes", router)`.
/// There, the application decides who may connect; its clients have the role `drive`, which may not
/// load files.
///
/// A copy of EpiViz is served at `/epiviz/`. Until `stop` is cancelled, a task updates the pages
/// when sources have been built in the background; then each WebSocket is closed.
///
/// # Panics
/// Outside a tokio runtime.
pub fn router(
    session: Arc<Session>,
    access: Access,
    epiviz: Option<Epiviz>,
    stop: CancellationToken,
) -> Router {
    let (following, until) = (session.clone(), stop.clone());
    tokio::spawn(async move {
        let following = async {
            tokio::join!(
                following.follow_builds(),
                following.follow_files(),
                following.follow_remote_files(),
                following.follow_computed()
            )
        };
        until.run_until_cancelled(following).await
    });
    routes(AppState { session, access, epiviz, stop })
}

/// Returns the routes. Pages connect to `/ws`, or to a named session at `/ws/NAME`; those of
/// epivizr connect to the root or to `/websocket`.
fn routes(state: AppState) -> Router {
    let known = from_fn_with_state(state.clone(), guard::known);
    Router::new()
        .route("/", get(root))
        .route("/s/{name}", get(ui::index_named))
        .route("/s/{name}/info", get(info::info_named))
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
        .merge(changes::routes())
        .merge(stream::routes())
        .route("/epiviz", get(epiviz::folder))
        .route("/epiviz/", get(epiviz::page))
        .route("/epiviz/{*path}", get(epiviz::file))
        .fallback(nothing)
        .layer(CompressionLayer::new())
        .layer(from_fn(encoding::prefer_zstd))
        .layer(from_fn_with_state(state.clone(), guard::guard))
        // Monitoring may use any host name.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::answer).layer(known))
        .with_state(state)
}

/// Answers requests for all other paths.
async fn nothing() -> (StatusCode, &'static str) {
    let addresses =
        "nothing is served here; try / (a page), /ws (for EpiViz), /api or /api/v1/...\n";
    (StatusCode::NOT_FOUND, addresses)
}

/// Serves a page's socket, or the built-in page for a browser that opens the endpoint.
async fn root(State(state): State<AppState>, original: OriginalUri, request: Request) -> Response {
    if ws::wants_upgrade(request.headers()) {
        return ws::upgrade(State(state), request).await;
    }
    // The page's addresses are relative to its folder.
    match original.path().rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => {
            Redirect::temporary(&format!("{name}/")).into_response()
        }
        _ => ui::index(request.headers()),
    }
}
