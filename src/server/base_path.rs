//! The path under which the endpoint is served, if it is not the root.

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{Extensions, StatusCode};
use axum::routing::get;
use std::fmt;
use std::str::FromStr;

/// A path such as `/genomes/lab`: it starts with a slash and does not end with one; empty for the
/// root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// Serves `router` under this path, and `/healthz` also at the root, where monitoring may
    /// expect it.
    pub fn mount(&self, router: Router) -> Router {
        if self.0.is_empty() {
            return router;
        }
        let nothing = format!("nothing is served here; epivizrs is at {self}/\n");
        Router::new()
            .nest_service(&self.0, router)
            .route("/healthz", get(|| async { "ok\n" }))
            .fallback(async move || (StatusCode::NOT_FOUND, nothing))
    }

    /// Returns the base path of a request that was routed as `path`, wherever the router is
    /// mounted: the part of the requested path before `path`.
    pub(super) fn of_request(extensions: &Extensions, path: &str) -> Self {
        let original = extensions.get::<OriginalUri>().map(|original| original.path());
        let base = original.and_then(|original| original.strip_suffix(path));
        BasePath(base.unwrap_or_default().to_owned())
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.trim_end_matches('/');
        let is_plain = |part: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
            !part.is_empty() && part.chars().all(plain) && !part.chars().all(|c| c == '.')
        };
        if path.is_empty() || path.strip_prefix('/').is_some_and(|p| p.split('/').all(is_plain)) {
            Ok(BasePath(path.to_owned()))
        } else {
            Err("expected a path such as /genomes, of letters, digits, '-', '_', '.' and '~' \
                 between slashes"
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_starts_with_a_slash_and_ends_without_one() {
        let read = |text: &str| text.parse::<BasePath>().map(|path| path.to_string());
        for (text, path) in [
            ("/", ""),
            ("", ""),
            ("/lab", "/lab"),
            ("/lab/", "/lab"),
            ("/a/b.c_d~-1", "/a/b.c_d~-1"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(path), "{text}");
        }
        for text in ["lab", "/a//b", "/a/../b", "/.", "/{x}", "/a b", "/a?b", "http://x/lab", "/é"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
