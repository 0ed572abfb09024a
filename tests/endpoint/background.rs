//! Signals that are built in the background: listed at once, drawn when they are complete.

use crate::fake_page::{FakePage, obedient};
use epivizrs::bytes::Progress;
use epivizrs::catalog::{Catalog, Measurement};
use epivizrs::console::{Answer, Console, Ending};
use epivizrs::provider::Provider;
use epivizrs::server::{self, Access};
use epivizrs::session::{Session, Topic};
use epivizrs::source::{Context, Spec};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Blocks the readers of text signals until it is dropped.
type Gate = mpsc::Sender<()>;

/// Returns a context that does not wait for builds, and the guard that blocks its readers.
fn held(folder: &Path) -> (Context, Gate) {
    let (hold, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    // An error means that the guard has been dropped.
    let progress = Progress::to(move |_, _| {
        let _ = wait.lock().unwrap().recv();
    });
    let cache = folder.join("cache");
    (Context { cache, timeout: Some(Duration::ZERO), progress, ..Context::default() }, hold)
}

fn spec(folder: &Path, name: &str, text: &str) -> Spec {
    std::fs::write(folder.join(name), text).unwrap();
    Spec::file(folder.join(name))
}

/// Returns a signal over a thousand bases, in steps of ten.
fn signal() -> String {
    (0..100).map(|n| format!("chr1\t{}\t{}\t{n}\n", n * 10, n * 10 + 10)).collect()
}

struct Endpoint {
    session: Arc<Session>,
    page: FakePage,
    console: Console,
    held: Gate,
    _stop: DropGuard,
    _folder: tempfile::TempDir,
}

/// An endpoint that serves a signal while it is being built, with a page that shows it.
async fn endpoint(text: &str) -> Endpoint {
    let folder = tempfile::tempdir().unwrap();
    let (context, held) = held(folder.path());
    let assembly = [("chr1", 1_000_000)].into_iter().collect();
    let catalog = Catalog::new(Some(("test".into(), assembly))).with_context(context);
    let (_, errors) = catalog.load(vec![spec(folder.path(), "signal.bg", text)]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let session = Session::new(Provider { catalog, page_rows: 1000 });
    let listener = server::bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let access = Access::new(address, "http://localhost", &[]);
    tokio::spawn(server::run(listener, session.clone(), access, None, stop.clone()));
    let mut page = FakePage::open(address, "/ws", obedient()).await;
    let mut console = Console::new(session.clone(), session.clone(), Box::new(|_| {}));
    says(&mut console, "wait page").await;
    says(&mut console, "plot signal").await;
    page.until(|shown| shown.charts.len() == 1).await;
    Endpoint { session, page, console, held, _stop: stop.drop_guard(), _folder: folder }
}

async fn says(console: &mut Console, line: &str) -> String {
    match console.line(line).await.unwrap() {
        Ending::Done(answer) => Answer::show(&answer, 200, false),
        Ending::Quit => panic!("'{line}' must not quit the console"),
    }
}

/// Returns the values of the signal's first bases that the page receives.
async fn values(page: &mut FakePage) -> Vec<Value> {
    let before = page.now().answers.len();
    page.request(&json!({"action": "getValues", "version": "4", "datasource": "signals",
        "measurement": "signal", "seqName": "chr1", "start": 1, "end": 20}));
    let mine = |answer: &Value| answer["requestId"] == 77;
    let shown = page.until(|shown| shown.answers[before..].iter().any(mine)).await;
    let answer = shown.answers[before..].iter().find(|answer| mine(answer)).unwrap().clone();
    answer["data"]["values"].as_array().unwrap().clone()
}

fn measurements(catalog: &Catalog) -> Vec<Arc<Measurement>> {
    catalog.listing().measurements().cloned().collect()
}

#[tokio::test]
async fn a_signal_is_listed_at_once_and_redrawn_when_it_is_complete() {
    let mut endpoint = endpoint(&signal()).await;
    let listed = measurements(&endpoint.session.provider.catalog);
    assert_eq!((listed[0].id.as_str(), listed[0].range.get()), ("signal", None));
    for command in ["sources", "measurements"] {
        let table = says(&mut endpoint.console, command).await;
        assert!(table.contains("read") && table.contains('%'), "{table}");
    }
    let empty = values(&mut endpoint.page).await;
    assert!(!empty.is_empty() && empty.iter().all(Value::is_null), "{empty:?}");

    drop(endpoint.held);
    let drawn = |shown: &crate::fake_page::Shown| {
        let at = |action| shown.asked.iter().rposition(|asked| asked == action);
        shown.charts.iter().any(|chart| chart.id == "chart-2")
            && at("addMeasurements") > at("removeMeasurements")
            && at("removeMeasurements").is_some()
            && at("redraw") > at("clearDatasourceGroupCache")
            && at("clearDatasourceGroupCache").is_some()
    };
    let shown = endpoint.page.until(drawn).await;
    assert_eq!(shown.charts.len(), 1, "the chart without axes is gone: {:?}", shown.charts);
    let made = measurements(&endpoint.session.provider.catalog);
    assert_eq!((made[0].id.as_str(), made[0].range.get()), ("signal", Some((0.0, 100.0))));
    let full = values(&mut endpoint.page).await;
    assert!(full.iter().all(Value::is_number), "{full:?}");
    let table = says(&mut endpoint.console, "sources").await;
    assert!(!table.contains('%'), "{table}");
}

#[tokio::test]
async fn a_failed_build_is_reported_and_withdrawn_without_affecting_others() {
    let lines = signal().repeat(20);
    let mut endpoint = endpoint(&lines).await;
    endpoint.session.provider.catalog.add_mock(1);
    let mut events = endpoint.session.events();
    drop(endpoint.held);
    let event = loop {
        let event = events.recv().await.unwrap();
        if event.topic == Topic::Data {
            break event;
        }
    };
    assert_eq!(event.data["what"], "failed");
    assert_eq!(event.data["measurements"], json!(["signal"]));
    endpoint.page.until(|shown| shown.charts.is_empty()).await;
    let left = measurements(&endpoint.session.provider.catalog);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(says(&mut endpoint.console, "measurements").await.contains("py_column"));
}

#[tokio::test]
async fn errors_in_the_first_lines_are_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (context, _held) = held(folder.path());
    let catalog = Catalog::new(None).with_context(context);
    let bad = spec(folder.path(), "bad.bg", "chr1\t0\t10\t1\nchr1\t10\t20\tx\n");
    let (_, errors) = catalog.load(vec![bad]).await;
    assert!(errors[0].to_string().contains("bad.bg, line 2"), "{errors:?}");
    assert!(measurements(&catalog).is_empty());
}

#[tokio::test]
async fn the_assembly_is_detected_from_the_whole_file_without_reordering_measurements() {
    let folder = tempfile::tempdir().unwrap();
    let (context, held) = held(folder.path());
    let catalog = Catalog::new(None).with_context(context);
    // The first lines do not show that chr1 is longer than in hg38.
    let long: String = (0..2000).map(|n| format!("chr2\t{n}\t{}\t1\n", n + 1)).collect();
    let old = spec(folder.path(), "a.bg", &(long + "chr1\t249200000\t249200100\t2\n"));
    let other = spec(folder.path(), "b.bg", "chr2\t0\t10\t1\n");
    catalog.load(vec![old, other]).await;
    assert_eq!(catalog.listing().assembly(), "hg38");
    drop(held);
    let changes = [catalog.next_built().await, catalog.next_built().await];
    assert!(changes.iter().all(|change| change.now.is_ok()));
    assert!(changes.iter().any(|change| change.changed_sequences.contains(&"chr1".to_owned())));
    let listing = catalog.listing();
    let length = |name| listing.sequences().get(name).unwrap().length;
    assert_eq!((listing.assembly(), length("chr1")), ("hg19", 249_250_621));
    let ids: Vec<_> = listing.measurements().map(|m| m.id.clone()).collect();
    assert_eq!(ids, ["a", "b"]);
}
