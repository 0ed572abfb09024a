//! The built-in page: the files of `ui/`, which are compiled into the program.

use axum::extract::{Path, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// Every file of the page: its path in `ui/`, and its text.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../ui/", $name)))),*];
    };
}

files! {
    "index.html", "style.css", "icon.svg",
    "epiviz/charts.js", "epiviz/connection.js", "epiviz/drawing.js", "epiviz/joined.js", "epiviz/settings.js",
    "epiviz/workspaces.js",
    "js/actions.js", "js/app.js", "js/chart.js", "js/charts/axis.js", "js/charts/features.js",
    "js/charts/lanes.js", "js/charts/lines.js", "js/charts/list.js", "js/charts/plots.js",
    "js/data.js", "js/dialogs.js", "js/dom.js", "js/finder.js", "js/keys.js", "js/link.js",
    "js/main.js", "js/nearest.js", "js/pen.js", "js/picture.js", "js/place.js", "js/region.js",
    "js/scale.js", "js/sharing.js", "js/socket.js", "js/theme.js",
}

/// The page may only run its own files and connect to its own endpoint: even if text from a data
/// file became markup, it could neither run nor send anything.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'self'";

/// The name of the page for named sessions; there is no file with this name.
const NAMED: &str = "s/index.html";

/// Serves the page at `/`.
pub(super) fn index(headers: &HeaderMap) -> Response {
    serve("index.html", headers)
}

/// Serves the page of a named session at `/s/NAME`, whose files are one folder above.
pub(super) async fn index_named(Path(_): Path<String>, request: Request) -> Response {
    serve(NAMED, request.headers())
}

/// Serves a file of the page at `/ui/...`.
pub(super) async fn file(Path(name): Path<String>, request: Request) -> Response {
    serve(&name, request.headers())
}

fn serve(name: &str, headers: &HeaderMap) -> Response {
    let own = if name == NAMED { "index.html" } else { name };
    let Some((own, text)) = FILES.iter().find(|file| file.0 == own) else {
        return (StatusCode::NOT_FOUND, "the built-in page has no such file\n").into_response();
    };
    let text = if name == NAMED {
        Cow::from(text.replace("=\"ui/", "=\"../ui/"))
    } else {
        Cow::from(*text)
    };
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.contains(&tag));
    let common = [
        (header::CONTENT_TYPE, content_type(own)),
        // Browsers cache the files and revalidate them each time.
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, &tag),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The page's address, which may contain a token, is not sent to other sites.
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if is_known {
        (StatusCode::NOT_MODIFIED, common).into_response()
    } else {
        (common, text).into_response()
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use std::path::Path;

    fn names_in(folder: &Path, root: &Path, names: &mut Vec<String>) {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                names_in(&path, root, names);
            } else {
                names.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
        let mut names = Vec::new();
        names_in(&root, &root, &mut names);
        names.sort();
        let mut served: Vec<_> = FILES.iter().map(|(name, _)| name.to_string()).collect();
        served.sort();
        assert_eq!(served, names);
    }

    /// Returns the compressed size of a text.
    fn gzipped(text: &str) -> usize {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap().len()
    }

    #[test]
    fn the_page_is_small_and_uses_no_other_server() {
        let size: usize = FILES.iter().map(|(_, text)| gzipped(text)).sum();
        assert!(size < 250_000, "the page's files have {size} bytes as sent");
        for (name, text) in FILES {
            for scheme in ["https://", "http://"] {
                let foreign = text.matches(scheme).count();
                // A namespace, not an address that is opened.
                let languages = text.matches("http://www.w3.org/2000/svg").count();
                assert_eq!(foreign, if scheme == "http://" { languages } else { 0 }, "{name}");
            }
        }
    }

    #[test]
    fn a_file_is_sent_once_and_then_revalidated() {
        let first = serve("js/main.js", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let mut again = HeaderMap::new();
        again.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(serve("js/main.js", &again).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(serve("js/../../Cargo.toml", &again).status(), StatusCode::NOT_FOUND);
    }
}
