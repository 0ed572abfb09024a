//! `/metrics`: counts in the text format of Prometheus, written without a library.

use super::state::AppState;
use crate::bytes::remote::{self, RemoteCounts};
use crate::bytes::{files_closed, open_files};
use crate::session::{ActionCounts, Limit, Session};
use crate::source::Spec;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// `GET /metrics`.
pub(super) async fn answer(State(state): State<AppState>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, text(&state.session))
}

/// A counter per action: its name, description, and function that returns its value.
type Counter = (&'static str, &'static str, fn(&ActionCounts) -> u64);

const COUNTERS: [Counter; 3] = [
    ("requests_total", "requests answered", ActionCounts::answered),
    ("request_errors_total", "requests refused", ActionCounts::refused),
    ("response_bytes_total", "bytes of answers, before compression", ActionCounts::bytes),
];

/// A counter of the requests to other machines, for each server and for each source.
type RemoteMetric = (&'static str, &'static str, fn(&RemoteCounts) -> f64);

const REMOTE_METRICS: [RemoteMetric; 4] = [
    ("requests_total", "requests for files on other machines", |counts| counts.requests as f64),
    ("failures_total", "failed requests for files on other machines", |counts| {
        counts.failures as f64
    }),
    ("bytes_total", "bytes of files that other machines sent", |counts| counts.bytes as f64),
    ("seconds_total", "time that requests for files on other machines took", |counts| {
        counts.seconds
    }),
];
const HITS: RemoteMetric =
    ("hits_total", "blocks of files on other machines that were cached", |counts| {
        counts.hits as f64
    });

fn text(session: &Session) -> String {
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    head(&mut text, "build_info", "gauge", "version of the program");
    line(&mut text, "build_info", &format!("version=\"{version}\""), 1);
    head(&mut text, "pages", "gauge", "connected pages");
    line(&mut text, "pages", "", session.pages().len());
    head(&mut text, "failed_reads_total", "counter", "failed reads of files");
    line(&mut text, "failed_reads_total", "", session.provider.catalog.failed_reads());
    let catalog = &session.provider.catalog;
    let about =
        "files that were deleted, cannot be opened, or have changed and are not reopened yet";
    head(&mut text, "files_in_trouble", "gauge", about);
    line(&mut text, "files_in_trouble", "", catalog.troubled_files());
    head(
        &mut text,
        "files_reopened_total",
        "counter",
        "how often files were reopened because they had changed",
    );
    line(&mut text, "files_reopened_total", "", catalog.reopened_files());
    let (name, about) = ("limits_reached_total", "how often clients reached a limit");
    head(&mut text, name, "counter", about);
    for limit in Limit::ALL {
        let label = format!("limit=\"{}\"", limit.name());
        line(&mut text, name, &label, session.metrics.hits(limit));
    }
    for (limit, count) in catalog.limits().reached() {
        line(&mut text, name, &format!("limit=\"{limit}\""), count);
    }
    line(&mut text, name, "limit=\"open_files\"", files_closed());
    let (cache, removed) = catalog.use_of_cache();
    line(&mut text, name, "limit=\"cache_size\"", removed);
    for (name, about, value) in [
        ("reply_bytes", "bytes of answers that are not sent yet", session.replies().used() as u64),
        ("open_files", "files that are open to be read", open_files() as u64),
        ("cache_bytes", "size of the cache folder when it was last changed", cache),
    ] {
        head(&mut text, name, "gauge", about);
        line(&mut text, name, "", value);
    }
    for (name, about, count) in COUNTERS {
        head(&mut text, name, "counter", about);
        for (action, counts) in session.metrics.actions() {
            line(&mut text, name, &format!("action=\"{action}\""), count(counts));
        }
    }
    histogram(&mut text, session);
    of_remote(&mut text, ("remote", "server"), &REMOTE_METRICS, &remote::server_counts());
    let listing = session.provider.catalog.listing();
    let mut sources: Vec<(String, RemoteCounts)> = Vec::new();
    let mut seen = BTreeSet::new();
    for m in listing.measurements() {
        let counts = m.spec.as_ref().and_then(|spec| spec.input.remote_counts());
        // The measurements of a file share its requests.
        let is_new = |spec: &Arc<Spec>| seen.insert(spec.input.path().to_owned());
        if let Some(counts) = counts.filter(|_| m.spec.as_ref().is_some_and(is_new)) {
            sources.push((m.id.replace(['"', '\\', '\n'], "_"), counts));
        }
    }
    let metrics = [&REMOTE_METRICS[..], &[HITS]].concat();
    of_remote(&mut text, ("source", "source"), &metrics, &sources);
    text
}

/// Writes counters whose names begin with `prefix`, for each value of the label.
fn of_remote(
    text: &mut String,
    (prefix, label): (&str, &str),
    metrics: &[RemoteMetric],
    all: &[(String, RemoteCounts)],
) {
    for (name, about, count) in metrics.iter().filter(|_| !all.is_empty()) {
        let name = format!("{prefix}_{name}");
        head(text, &name, "counter", about);
        for (value, counts) in all {
            line(text, &name, &format!("{label}=\"{value}\""), count(counts));
        }
    }
}

fn histogram(text: &mut String, session: &Session) {
    let name = "request_duration_seconds";
    head(text, name, "histogram", "time taken to answer a request");
    for (action, counts) in session.metrics.actions() {
        let label = format!("action=\"{action}\"");
        let bucket = format!("{name}_bucket");
        for (most, count) in counts.cumulative() {
            line(text, &bucket, &format!("{label},le=\"{most}\""), count);
        }
        line(text, &bucket, &format!("{label},le=\"+Inf\""), counts.answered());
        line(text, &format!("{name}_sum"), &label, counts.seconds());
        line(text, &format!("{name}_count"), &label, counts.answered());
    }
}

fn head(text: &mut String, name: &str, kind: &str, about: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP epivizrs_{name} {about}\n# TYPE epivizrs_{name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = if labels.is_empty() {
        writeln!(text, "epivizrs_{name} {value}")
    } else {
        writeln!(text, "epivizrs_{name}{{{labels}}} {value}")
    };
}
