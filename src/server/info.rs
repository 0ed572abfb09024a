//! `/info`: what the built-in page needs beyond EpiViz's protocol: the first region to show, the
//! colours that the user chose, and the addresses of EpiViz pages.

use super::base_path::BasePath;
use super::state::AppState;
use crate::protocol::WireRegion;
use crate::session::Session;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `GET /info`.
pub(super) async fn info(State(state): State<AppState>, request: Request) -> Response {
    let session = state.session.clone();
    info_of(state, session, request).await
}

/// `GET /s/NAME/info`, for the page of the session of that name.
pub(super) async fn info_named(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match state.session.named(&name) {
        Ok(session) => info_of(state, session, request).await,
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

async fn info_of(state: AppState, session: Arc<Session>, request: Request) -> Response {
    let listing = state.session.provider.catalog.listing();
    let view = state.session.provider.catalog.first_view().await;
    let view = view.map(|region| WireRegion::from(&region));
    let colors: Map<String, Value> = listing
        .measurements()
        .filter_map(|m| Some((m.id.clone(), Value::from(m.color.as_deref()?))))
        .collect();
    // The host and the path by which the browser reached us, which may be those of a proxy.
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let base = BasePath::of_request(request.extensions(), request.uri().path());
    let scheme = if state.access.has_tls { "wss" } else { "ws" };
    let host = format!("{scheme}://{}{base}", host.unwrap_or("localhost"));
    let info = json!({
        "program": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "assembly": listing.assembly(),
        "firstView": view,
        "colors": colors,
        // Whether it never had charts, so that a page may propose some.
        "isNew": session.state().last_chart == 0,
        "pages": session.pages().len(),
        "epiviz": epiviz_link(state.access.page_url(), &host, None, view.as_ref()),
        // Relative to the page, so that it is right behind any proxy.
        "ownEpiviz": state.epiviz.as_ref().map(|_| "epiviz/"),
    });
    answer(&info)
}

/// `GET /info/first/MEASUREMENT`: where the measurement of that id has data, 1-based with both ends
/// included; null if nowhere.
pub(super) async fn first(
    State(state): State<AppState>,
    Path(measurement): Path<String>,
) -> Response {
    let view = state.session.provider.catalog.first_view_of(&measurement).await;
    answer(&json!(view.map(|region| WireRegion::from(&region))))
}

fn answer(json: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, json.to_string()).into_response()
}

/// The address that shows this endpoint's data in the EpiViz page at `page_url`. `host` is the
/// endpoint's `ws:` or `wss:` address, with its base path if it has one; `token` lets the page in.
pub fn epiviz_link(
    page_url: &str,
    host: &str,
    token: Option<&str>,
    view: Option<&WireRegion>,
) -> String {
    let place = view.and_then(|view| {
        let (start, end) = (view.start?, view.end?);
        Some(format!("seqName={}&start={start}&end={end}&", view.sequence))
    });
    // Percent-encoded, or the page would take the token for an argument of its own.
    let token = token.map_or_else(String::new, |token| format!("%3Ftoken%3D{token}"));
    format!("{page_url}?websocket-host[]={host}/ws{token}&{}", place.unwrap_or_default())
}
