//! `/epiviz/`: a local copy of EpiViz, set up on its way out so that this endpoint is all it knows.
//!
//! The copy is served as it lies in its folder, except for its settings: they are followed by the
//! page's companion (`ui/epiviz/`), which makes the page ask this endpoint alone, share its charts
//! with the session, connect again when the endpoint is back, and draw what is missing as missing.

use super::http::Door;
use crate::error::{Error, Result};
use crate::genome::Region;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::path;
use std::sync::Arc;
use tower_http::services::ServeDir;

/// The page that is opened, of those that EpiViz has.
const PAGE: &str = "index-standalone.html";
/// Where EpiViz keeps the settings that this page reads.
const SETTINGS: &str = "src/epiviz/standalone-settings.js";
/// Where EpiViz says which version it is.
const VERSION: &str = "src/epiviz/epiviz.js";

/// A copy of EpiViz in a folder.
#[derive(Clone, Debug)]
pub struct Epiviz {
    folder: Arc<path::Path>,
}

impl Epiviz {
    /// The copy in `folder`.
    ///
    /// # Errors
    /// [`Error::Input`] if none lies there, or one of a version whose page does not start by itself.
    pub fn open(folder: &path::Path) -> Result<Self> {
        let unfit = |why: String| {
            Error::Input(format!("{} holds no EpiViz that can be served: {why}", folder.display()))
        };
        let real = folder.canonicalize().map_err(|error| Error::io(folder, error))?;
        if let Some(missing) = [PAGE, SETTINGS, VERSION].iter().find(|f| !real.join(f).is_file()) {
            return Err(unfit(format!("it lacks {missing}")));
        }
        let code = std::fs::read_to_string(real.join(VERSION));
        let code = code.map_err(|error| Error::io(&folder.join(VERSION), error))?;
        match version(&code) {
            Some(version) if version.starts_with('4') => Ok(Epiviz { folder: real.into() }),
            version => Err(unfit(format!(
                "its version is {}, and only 4 starts as it is (branches master and epiviz-4.1)",
                version.unwrap_or("unknown")
            ))),
        }
    }

    /// A file of the copy by its path there, if it may be served: nothing hidden, nothing outside.
    async fn find(&self, path: &str) -> Option<path::PathBuf> {
        let parts = path::Path::new(path).components();
        let plain = |part: path::Component<'_>| match part {
            path::Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
            _ => false,
        };
        if !parts.clone().all(plain) {
            return None;
        }
        // A link in the copy may lead anywhere.
        let real = tokio::fs::canonicalize(self.folder.join(path)).await.ok()?;
        real.starts_with(&self.folder).then_some(real)
    }
}

/// The version that EpiViz's code names.
fn version(code: &str) -> Option<&str> {
    let (_, after) = code.split_once("EpiViz.VERSION = ")?;
    after.get(1..)?.split(['\'', '"']).next()
}

/// The page itself.
pub(super) async fn page(State(door): State<Door>, request: Request) -> Response {
    serve(&door, PAGE, request).await
}

/// A file of the copy.
pub(super) async fn file(
    State(door): State<Door>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    serve(&door, &path, request).await
}

/// The page's files are named relative to its folder.
pub(super) async fn folder() -> Redirect {
    Redirect::temporary("epiviz/")
}

async fn serve(door: &Door, path: &str, request: Request) -> Response {
    let Some(epiviz) = &door.epiviz else {
        let why = "no EpiViz is served here; 'epivizrs ui install' fetches one\n";
        return (StatusCode::NOT_FOUND, why).into_response();
    };
    let found = epiviz.find(path).await;
    let response = match (path, found) {
        (_, None) => StatusCode::NOT_FOUND.into_response(),
        (SETTINGS, Some(file)) => match tokio::fs::read_to_string(file).await {
            Ok(text) => settings(door, text).await,
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

/// Keeps the page from speaking to anybody else, whatever its code or a saved workspace says.
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

async fn settings(door: &Door, mut text: String) -> Response {
    let view = door.session.provider.catalog.first_view().await;
    let shared = serde_json::json!({ "view": arguments(view.as_ref()) });
    text.push_str(&format!("\n;const epivizrs = {shared};\n"));
    COMPANION.iter().for_each(|file| text.push_str(file));
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// Where the page looks first, as arguments of its address.
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

/// What follows EpiViz's own settings: the page's companion, in this order.
const COMPANION: [&str; 5] = [
    include_str!("../../ui/epiviz/settings.js"),
    include_str!("../../ui/epiviz/connection.js"),
    include_str!("../../ui/epiviz/charts.js"),
    include_str!("../../ui/epiviz/workspaces.js"),
    include_str!("../../ui/epiviz/drawing.js"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_epiviz_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let why = Epiviz::open(folder.path()).unwrap_err().to_string();
        assert!(why.ends_with("it lacks index-standalone.html"), "{why}");
    }

    #[test]
    fn the_version_is_read_from_the_code() {
        assert_eq!(version("x\nepiviz.EpiViz.VERSION = '4';\n"), Some("4"));
        assert_eq!(version("epiviz.EpiViz.VERSION = \"5\""), Some("5"));
        assert_eq!(version("var VERSION = 4"), None);
    }

    #[tokio::test]
    async fn nothing_hidden_and_nothing_outside_is_found() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("copy");
        std::fs::create_dir_all(folder.join("src/epiviz")).unwrap();
        std::fs::create_dir(folder.join(".git")).unwrap();
        std::fs::write(folder.join(VERSION), "epiviz.EpiViz.VERSION = '4';").unwrap();
        let inside = [PAGE, SETTINGS, ".git/config", "src/.hidden"];
        inside.iter().for_each(|file| std::fs::write(folder.join(file), "x").unwrap());
        std::fs::write(around.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(around.path().join("secret"), folder.join("link")).unwrap();
        std::os::unix::fs::symlink(folder.join(PAGE), folder.join("alias.html")).unwrap();
        let epiviz = Epiviz::open(&folder).unwrap();
        for path in [PAGE, SETTINGS, "alias.html"] {
            assert!(epiviz.find(path).await.is_some(), "{path}");
        }
        for path in [
            ".git/config",
            "src/.hidden",
            "link",
            "../secret",
            "src/../../secret",
            "/etc/passwd",
            "none",
        ] {
            assert!(epiviz.find(path).await.is_none(), "{path}");
        }
    }
}
