//! Chooses the compression of answers for clients that accept several.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Prefers zstd for clients that accept it without a quality, in whatever order they list their
/// encodings: it takes less than half the time of gzip, and the answers are smaller.
pub(super) async fn prefer_zstd(mut request: Request, next: Next) -> Response {
    if takes_zstd(request.headers()) {
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("zstd"));
    }
    next.run(request).await
}

/// Returns whether zstd is listed without a quality, that is, with the highest one (RFC 9110,
/// 12.4.2).
fn takes_zstd(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::ACCEPT_ENCODING).iter();
    let named = named.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut words = named.map(str::trim);
    words.any(|word| word.eq_ignore_ascii_case("zstd"))
}
