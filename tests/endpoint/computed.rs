//! Measurements that are computed from others: at the prompt, over HTTP, and when what they are
//! computed from changes.

use crate::http::{get, send};
use epivizrs::catalog::Catalog;
use epivizrs::console::{Console, Ending};
use epivizrs::provider::Provider;
use epivizrs::server::{Access, bind, run};
use epivizrs::session::Session;
use epivizrs::source::{Context, Spec};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

const PATIENCE: Duration = Duration::from_secs(20);
const LENGTH: u32 = 4096;

struct Endpoint {
    address: SocketAddr,
    session: Arc<Session>,
    folder: tempfile::TempDir,
    _stop: DropGuard,
}

/// The value of each base of both files.
fn chip(base: u32) -> f64 {
    f64::from((base / 16) % 13)
}

fn input(base: u32) -> f64 {
    f64::from((base / 16) % 5)
}

fn graph(value: impl Fn(u32) -> f64) -> String {
    let line = |start: u32| format!("chr1\t{start}\t{}\t{}\n", start + 16, value(start));
    (0..LENGTH).step_by(16).map(line).collect()
}

impl Endpoint {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("chip.bedgraph"), graph(chip)).unwrap();
        std::fs::write(folder.path().join("input.bedgraph"), graph(input)).unwrap();
        std::fs::write(folder.path().join("peaks.bed"), "chr1\t10\t20\ta\t5\n").unwrap();
        let context = Context {
            cache: folder.path().join("cache"),
            watch: Some(Duration::from_millis(20)),
            ..Context::default()
        };
        let assembly = [("chr1", LENGTH)].into_iter().collect();
        let catalog = Catalog::new(Some(("test".into(), assembly))).with_context(context);
        let names = ["chip.bedgraph", "input.bedgraph", "peaks.bed"];
        let specs = names.map(|name| Spec::file(folder.path().join(name)));
        let (_, errors) = catalog.load(specs.into()).await;
        assert!(errors.is_empty(), "{errors:?}");
        let session = Session::new(Provider { catalog, page_rows: 1000 });
        let listener = bind("127.0.0.1", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let access = Access::new(address, "https://epiviz.example/", &[]);
        let stop = CancellationToken::new();
        tokio::spawn(run(listener, session.clone(), access, None, stop.clone()));
        Endpoint { address, session, folder, _stop: stop.drop_guard() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn put(&self, name: &str, body: &str) -> (u16, String) {
        let head = format!("PUT /api/v1/computed/{name} HTTP/1.0\r\nhost: {}\r\n", self.address);
        let answer = send(self.address, &head, body).await;
        (answer.status, answer.text().to_owned())
    }

    /// The values of a measurement at a level.
    async fn values(&self, name: &str, level: u32) -> Option<Vec<f64>> {
        let path = format!("/api/v1/values?measurement={name}&region=chr1&level={level}");
        let answer = get(self.address, &path).await;
        let rows = (answer.status == 200).then(|| answer.json())?;
        let value = |row: &Value| row[name].as_f64().unwrap_or(f64::NAN);
        Some(rows.as_array().unwrap().iter().map(value).collect())
    }

    /// Waits until the values are these.
    async fn becomes(&self, name: &str, level: u32, expected: Option<&[f64]>) {
        let until = async {
            loop {
                match (self.values(name, level).await, expected) {
                    (Some(values), Some(expected)) if near(&values, expected) => return,
                    (None, None) => return,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, until).await;
        assert!(done.is_ok(), "{name}: {:?}, not {expected:?}", self.values(name, level).await);
    }

    async fn run(&self, line: &str) -> Result<String, String> {
        let mut console =
            Console::new(self.session.clone(), self.session.clone(), Box::new(|_| {}));
        match console.line(line).await {
            Ok(Ending::Done(answer)) => Ok(answer.show(300, false)),
            Ok(Ending::Quit) => panic!("{line}"),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn near(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

/// The means over bins of a value that is given base by base.
fn means(level: u32, value: impl Fn(u32) -> f64) -> Vec<f64> {
    let mean = |start: u32| (start..start + level).map(&value).sum::<f64>() / f64::from(level);
    (0..LENGTH).step_by(level as usize).map(mean).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ratio_is_computed_and_follows_its_inputs() {
    let endpoint = Endpoint::start().await;
    let (status, text) = endpoint.put("ratio?at=16", "log2((chip + 1) / (input + 1))").await;
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &told["at"], &told["missing"]), (201, &json!(16), &json!("zero")));
    // Everywhere it is named, the width is said.
    assert_eq!(told["name"], "ratio, at 16 bases");
    let measurements = get(endpoint.address, "/api/v1/measurements").await.json();
    assert!(measurements.as_array().unwrap().iter().any(|m| m["name"] == "ratio, at 16 bases"));
    let ratio = |base| ((chip(base) + 1.0) / (input(base) + 1.0)).log2();
    for level in [4, 16, 64, 1024, 4096] {
        endpoint.becomes("ratio", level, Some(&means(level, ratio))).await;
    }
    // One that is linear is exact, and may be computed of another one.
    let said = endpoint.run("compute twice = 2 * ratio + chip - 1").await.unwrap();
    assert!(said.contains("exact at every zoom level"), "{said}");
    let twice = |base| 2.0 * ratio(base) + chip(base) - 1.0;
    endpoint.becomes("twice", 256, Some(&means(256, twice))).await;
    let listed = endpoint.run("compute").await.unwrap();
    assert!(
        listed.contains("log2((chip + 1) / (input + 1))") && listed.contains("twice"),
        "{listed}"
    );
    // The file is overwritten: what is computed of it is renewed, and what is computed of that.
    std::fs::write(endpoint.path("chip.bedgraph"), graph(|base| chip(base) * 3.0)).unwrap();
    let ratio = |base| ((3.0 * chip(base) + 1.0) / (input(base) + 1.0)).log2();
    let twice = |base| 2.0 * ratio(base) + 3.0 * chip(base) - 1.0;
    endpoint.becomes("ratio", 64, Some(&means(64, ratio))).await;
    endpoint.becomes("twice", 64, Some(&means(64, twice))).await;
    // Its definition is replaced.
    let (status, _) = endpoint.put("ratio?missing=gap", "chip - input").await;
    assert_eq!(status, 200);
    let difference = |base| 3.0 * chip(base) - input(base);
    endpoint.becomes("ratio", 64, Some(&means(64, difference))).await;
    let twice = |base| 2.0 * difference(base) + 3.0 * chip(base) - 1.0;
    endpoint.becomes("twice", 64, Some(&means(64, twice))).await;
    // An input is removed and comes back.
    endpoint.run("unload input").await.unwrap();
    endpoint.becomes("ratio", 64, None).await;
    let sources = endpoint.run("sources").await.unwrap();
    assert!(sources.contains("(computed)"), "{sources}");
    let listed = endpoint.run("compute").await.unwrap();
    assert!(listed.contains("no measurement is called 'input'"), "{listed}");
    endpoint.run(&format!("load {}", endpoint.path("input.bedgraph").display())).await.unwrap();
    endpoint.becomes("ratio", 64, Some(&means(64, difference))).await;
    endpoint.becomes("twice", 64, Some(&means(64, twice))).await;
    // It is dropped over HTTP, the other one at the prompt.
    let head = format!("DELETE /api/v1/computed/ratio HTTP/1.0\r\nhost: {}\r\n", endpoint.address);
    let answer = send(endpoint.address, &head, "").await;
    assert_eq!((answer.status, answer.json()["dropped"].as_str()), (200, Some("ratio")));
    assert_eq!(endpoint.run("drop twice").await.unwrap(), "dropped twice");
    assert!(endpoint.run("compute").await.unwrap().contains("nothing is computed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_computed_is_refused_with_its_place() {
    let endpoint = Endpoint::start().await;
    endpoint.run("compute a = chip + 1").await.unwrap();
    endpoint.run("compute b = a * 2").await.unwrap();
    for (line, expected) in [
        ("compute x", "usage: compute"),
        ("compute x = chip +", "'chip +', column 7: a number or a name is missing at the end"),
        ("compute x = chip + imput", "column 8: no measurement is called 'imput'"),
        ("compute x = chip + imput", "did you mean 'input'?"),
        ("compute x = peaks.score", "'peaks.score' does not have one value per base"),
        ("compute x = mean(nothing*)", "no signal has an id that fits nothing*"),
        (
            "compute x = chip / input with at=50",
            "at takes a power of two from 1 to 1048576, such as 64",
        ),
        ("compute x = smooth(chip, 900000)", "needs at=256 or more"),
        ("compute x = chip with missing=none", "missing takes zero or gap"),
        ("compute chip = input", "'chip' is served already"),
        ("compute peaks = input", "'peaks' is served already"),
        ("compute signals = input", "'signals' is served already"),
        ("compute a/b = input", "is not a name for a measurement"),
        ("compute a = a + 1", "'a' would be computed of itself: a of a"),
        ("compute a = b - chip", "'a' would be computed of itself: a of b of a"),
        ("drop chip", "comes from a file; 'unload' stops serving it"),
        ("drop nothing", "no measurement is called 'nothing'"),
        ("reload a", "has no file that could be reopened"),
        ("plot a as line with summary=max", "is computed, and its bins are always means"),
    ] {
        let error = endpoint.run(line).await.expect_err(line);
        assert!(error.contains(expected), "{line}: {error}");
    }
    // A pattern stands for what comes from files: never for itself.
    endpoint.run("compute chip_all = mean(ch*)").await.unwrap();
    endpoint.run("compute chip_all = mean(ch*, input)").await.unwrap();
    let both = |base| (chip(base) + input(base)) / 2.0;
    endpoint.becomes("chip_all", 64, Some(&means(64, both))).await;
    let (status, text) = endpoint.put("x", "lg2(chip)").await;
    assert!(status == 400 && text.contains("did you mean 'log2'?"), "{status} {text}");
    let head = format!("DELETE /api/v1/computed/x HTTP/1.0\r\nhost: {}\r\n", endpoint.address);
    assert_eq!(send(endpoint.address, &head, "").await.status, 404);
    let (status, _) = endpoint.put("x", &"chip + ".repeat(4000)).await;
    assert_eq!(status, 413);
}
