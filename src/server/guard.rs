//! What is checked before every answer: the origin and the host name of a request; and the headers
//! by which browsers let a page read the answer (CORS).

use super::state::AppState;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Lets through what the access rules allow, and adds the CORS headers to the answer.
pub(super) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let host = text_of(request.headers(), header::HOST);
    let origin = text_of(request.headers(), header::ORIGIN);
    if !state.access.allows_host(host.as_deref()) {
        return forbidden(&format!(
            "requests for the host '{0}' are refused; to allow them, start epivizrs with \
             --allow-origin 'http://{0}'",
            host.unwrap_or_default()
        ));
    }
    let origin = origin.or_else(|| is_cross_site(&request).then(|| "null".to_owned()));
    let Some(origin) = origin else { return next.run(request).await };
    if !is_own(&origin, host.as_deref()) && !state.access.allows(Some(&origin)) {
        return forbidden(&format!(
            "requests of pages from {origin} are refused; to allow them, start epivizrs with \
             --allow-origin '{origin}'"
        ));
    }
    let mut response = if is_preflight(&request) { preflight() } else { next.run(request).await };
    if let Ok(origin) = HeaderValue::from_str(&origin) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// Whether a page of another site asks without naming its origin, as browsers let it do with the
/// address of an image or a script (Fetch Metadata, W3C). Links that users follow are let through,
/// except to `/api`.
fn is_cross_site(request: &Request) -> bool {
    let says = |name, words: &[&str]| {
        let text = text_of(request.headers(), HeaderName::from_static(name));
        text.is_some_and(|text| words.contains(&&*text))
    };
    let is_link = says("sec-fetch-mode", &["navigate"]) && request.uri().path() != "/api";
    says("sec-fetch-site", &["cross-site", "same-site"]) && !is_link
}

fn forbidden(why: &str) -> Response {
    tracing::warn!("{why}");
    (StatusCode::FORBIDDEN, format!("{why}\n")).into_response()
}

/// Whether the page was loaded from this endpoint, under the host name of the request.
fn is_own(origin: &str, host: Option<&str>) -> bool {
    let own = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
    own.is_some() && own == host
}

/// Whether this is the request by which browsers ask for permission first (CORS preflight).
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
        // Chromium asks whether a public page may send requests to a private network.
        (HeaderName::from_static("access-control-allow-private-network"), "true"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// A header as text, with replacement characters for what is not UTF-8.
fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
