//! What stands before every answer: who may ask, under which name, and what browsers are told.

use super::http::Door;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Lets through what the access rules allow, and marks the answer for the page that asked (CORS).
pub(super) async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let host = text_of(request.headers(), header::HOST);
    let origin = text_of(request.headers(), header::ORIGIN);
    if !door.access.allows_host(host.as_deref()) {
        return forbidden(&format!(
            "this endpoint is not known as '{0}'; to make it so, start epivizrs with \
             --allow-origin 'http://{0}'",
            host.unwrap_or_default()
        ));
    }
    let origin = origin.or_else(|| is_of_a_stranger(&request).then(|| "null".to_owned()));
    let Some(origin) = origin else { return next.run(request).await };
    if !is_own(&origin, host.as_deref()) && !door.access.allows(Some(&origin)) {
        return forbidden(&format!(
            "pages of {origin} may not ask; to allow them, start epivizrs with \
             --allow-origin '{origin}'"
        ));
    }
    let mut response = match is_preflight(&request) {
        true => preflight(),
        false => next.run(request).await,
    };
    if let Ok(origin) = HeaderValue::from_str(&origin) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// Whether a page elsewhere asks without its origin, as browsers let it by the address of a picture
/// or a script (Fetch Metadata, W3C). Links that people follow are let through, but not to where
/// asking can change something.
fn is_of_a_stranger(request: &Request) -> bool {
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

/// Whether a page was loaded from here, under a name by which the endpoint may be reached.
fn is_own(origin: &str, host: Option<&str>) -> bool {
    let own = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
    own.is_some() && own == host
}

/// The question that browsers ask before a request that pages could not always make.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
        // Chromium asks whether pages of the internet may reach into a private network.
        (HeaderName::from_static("access-control-allow-private-network"), "true"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// A header as text, however broken.
fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
