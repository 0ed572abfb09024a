//! `/epiviz/`: a local copy of EpiViz that is configured for this endpoint while it is served.
//!
//! The files of the copy are served unchanged, except for its settings: the companion
//! (`ui/epiviz/`) is appended to them. It makes the page use this endpoint only, share its charts
//! with the session, reconnect when the endpoint is back, and draw missing values as gaps.

use super::epiviz_copy::{Epiviz, PAGE, SETTINGS};
use super::state::AppState;
use crate::genome::Region;
use crate::session::Visitor;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::services::ServeDir;

/// The page itself.
pub(super) async fn page(State(state): State<AppState>, request: Request) -> Response {
    serve(&state, PAGE, request).await
}

/// A file of the copy.
pub(super) async fn file(
    State(state): State<AppState>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    serve(&state, &path, request).await
}

/// Redirects `/epiviz` to `/epiviz/`, since the page's addresses are relative to its folder.
pub(super) async fn folder() -> Redirect {
    Redirect::temporary("epiviz/")
}

async fn serve(state: &AppState, path: &str, request: Request) -> Response {
    let Some(epiviz) = &state.epiviz else {
        let why = "no copy of EpiViz is served here; 'epivizrs ui install' fetches one\n";
        return (StatusCode::NOT_FOUND, why).into_response();
    };
    let found = epiviz.find(path).await;
    let response = match (path, found) {
        (_, None) => StatusCode::NOT_FOUND.into_response(),
        (SETTINGS, Some(file)) => match tokio::fs::read_to_string(file).await {
            Ok(text) => {
                // Browsers request scripts without the page's token, so the page requests the
                // region.
                let is_known = request.extensions().get::<Visitor>().is_some();
                settings(state, text, is_known).await
            }
            Err(error) => {
                tracing::error!("EpiViz's settings cannot be read: {error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        },
        (path, Some(_)) => from_folder(epiviz, path, request).await,
    };
    guarded(response, path)
}

async fn from_folder(epiviz: &Epiviz, path: &str, request: Request) -> Response {
    let uri = path.split('/').map(|part| {
        form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
    });
    let uri = format!("/{}", uri.collect::<Vec<_>>().join("/"));
    let Ok(uri) = uri.parse::<Uri>() else { return StatusCode::NOT_FOUND.into_response() };
    let (mut parts, _) = request.into_parts();
    parts.uri = uri;
    let mut files = ServeDir::new(&epiviz.folder).append_index_html_on_directories(false);
    match files.try_call(Request::from_parts(parts, Body::empty())).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!("a file of EpiViz cannot be read: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Adds headers that keep the page from connecting to any other server, whatever its code or a
/// saved workspace says.
fn guarded(mut response: Response, path: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    if path.ends_with(".html") {
        const POLICY: &str = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; \
                              frame-ancestors 'self'";
        let policy = header::HeaderValue::from_static(POLICY);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().extend(headers);
    response
}

async fn settings(state: &AppState, mut text: String, is_known: bool) -> Response {
    let view = if is_known { state.session.provider.catalog.first_view().await } else { None };
    let shared = serde_json::json!({ "view": is_known.then(|| arguments(view.as_ref())) });
    text.push_str(&format!("\n;const epivizrs = {shared};\n"));
    COMPANION.iter().for_each(|file| text.push_str(file));
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// The first region to show, as arguments of the page's address.
fn arguments(view: Option<&Region>) -> serde_json::Value {
    match view {
        Some(view) => serde_json::json!({
            "seqName": &*view.sequence,
            "start": (view.start + 1).to_string(),
            "end": view.end.to_string(),
        }),
        None => serde_json::json!({}),
    }
}

/// The companion, which is appended to EpiViz's own settings in this order.
const COMPANION: [&str; 6] = [
    include_str!("../../ui/epiviz/settings.js"),
    include_str!("../../ui/epiviz/connection.js"),
    include_str!("../../ui/epiviz/charts.js"),
    include_str!("../../ui/epiviz/workspaces.js"),
    include_str!("../../ui/epiviz/drawing.js"),
    include_str!("../../ui/epiviz/joined.js"),
];
