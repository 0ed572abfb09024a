//! What the built-in page must know beyond EpiViz's protocol: where to look first, which colours
//! the user chose, and the addresses to open elsewhere.

use super::http::Door;
use crate::protocol::WireRegion;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// `GET /info`.
pub(super) async fn info(State(door): State<Door>, headers: HeaderMap) -> Response {
    let listing = door.session.provider.catalog.listing();
    let view = door.session.provider.catalog.first_view().await;
    let view = view.map(|region| WireRegion::from(&region));
    let colors: Map<String, Value> = listing
        .measurements()
        .filter_map(|m| Some((m.id.clone(), Value::from(m.color.as_deref()?))))
        .collect();
    // The name under which the browser reached us, which may be that of a proxy.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or("localhost");
    let info = json!({
        "program": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "assembly": listing.assembly(),
        "firstView": view,
        "colors": colors,
        "pages": door.session.pages().len(),
        "epiviz": epiviz_link(door.access.page_url(), host, view.as_ref()),
        // Relative to the page, so that it holds behind any proxy.
        "ownEpiviz": door.epiviz.as_ref().map(|_| "epiviz/"),
    });
    answer(&info)
}

/// `GET /info/first/MEASUREMENT`: where the measurement of that id has data, 1-based with both ends
/// included; null if nowhere.
pub(super) async fn first(State(door): State<Door>, Path(measurement): Path<String>) -> Response {
    let view = door.session.provider.catalog.first_view_of(&measurement).await;
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

/// The address that shows this endpoint's data in the EpiViz page at `page_url`.
pub fn epiviz_link(page_url: &str, host: &str, view: Option<&WireRegion>) -> String {
    let place = view.and_then(|view| {
        let (start, end) = (view.start?, view.end?);
        Some(format!("seqName={}&start={start}&end={end}&", view.sequence))
    });
    format!("{page_url}?websocket-host[]=ws://{host}/ws&{}", place.unwrap_or_default())
}
