//! Checks the origin and the host name of every request, and adds the headers that allow a page to
//! read the answer (CORS).

use super::state::AppState;
use super::visitors::visitor;
use crate::error::Error;
use crate::session::{Role, Visitor};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;

/// Passes on requests that the access rules allow, and adds the CORS headers to the answers.
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
    let Some(origin) = origin else { return admit(&state, request, next).await };
    if !is_own(&origin, host.as_deref()) && !state.access.allows(Some(&origin)) {
        return forbidden(&format!(
            "requests of pages from {origin} are refused; to allow them, start epivizrs with \
             --allow-origin '{origin}'"
        ));
    }
    let mut response =
        if is_preflight(&request) { preflight() } else { admit(&state, request, next).await };
    if let Ok(origin) = HeaderValue::from_str(&origin) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// Passes on requests of known visitors; of others, only requests for public files and those that
/// will authenticate in their first message.
async fn admit(state: &AppState, mut request: Request, next: Next) -> Response {
    match visitor(&state.access.keys, &mut request) {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
        }
        Err(_) if is_open(request.uri().path()) || will_say_hello(&request) => {}
        Err(why) => return unknown(state, &request, &why),
    }
    next.run(request).await
}

/// Passes on requests of known visitors under any host name.
pub(super) async fn known(State(state): State<AppState>, request: Request, next: Next) -> Response {
    admit(&state, request, next).await
}

/// Returns whether the content of a path is public, because it is the same for every endpoint: the
/// files of the built-in page and of the copy of EpiViz.
fn is_open(path: &str) -> bool {
    path.starts_with("/ui/") || path.strip_prefix("/epiviz/").is_some_and(|file| !file.is_empty())
}

/// Returns whether a WebSocket will send its token in its first message.
fn will_say_hello(request: &Request) -> bool {
    let path = request.uri().path();
    let is_socket = ["/ws", "/console"].iter().any(|socket| {
        path.strip_prefix(socket).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let query = request.uri().query().unwrap_or_default();
    is_socket && query.split('&').any(|word| word.split('=').next() == Some("hello"))
}

fn unknown(state: &AppState, request: &Request, why: &str) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map_or_else(|| "an unknown address".into(), |info| info.0.to_string());
    tracing::warn!("{address} was refused: {why}");
    let nobody = Visitor {
        name: "nobody".into(),
        role: Role::View,
        is_owner: false,
        address,
        agent: String::new(),
    };
    let asked = format!("{} {}", request.method(), request.uri().path());
    state.session.audit(&nobody, &asked, Some(&Error::Input(why.to_owned())));
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"epivizrs\"")];
    (StatusCode::UNAUTHORIZED, challenge, format!("{why}\n")).into_response()
}

/// Returns whether a request comes from a page of another site without an origin, as for images and
/// scripts (Fetch Metadata, W3C). Links that users follow are allowed, except to `/api`.
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

/// Returns whether the page was loaded from this endpoint, under the host name of the request.
fn is_own(origin: &str, host: Option<&str>) -> bool {
    let own = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
    own.is_some() && own == host
}

/// Returns whether this is a CORS preflight request.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
        // Chromium requires this before a public page may send requests to a private network.
        (HeaderName::from_static("access-control-allow-private-network"), "true"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Returns a header as text, with replacement characters for invalid UTF-8.
fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
