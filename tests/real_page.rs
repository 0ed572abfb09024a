//! The same comparison as `tests/page`, on the real page in a browser. See `real-page/README.md`.

#[allow(dead_code)]
#[path = "page/data.rs"]
mod data;

use data::{SEQUENCES, Track, tracks};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Charts: their type and measurements.
const CHARTS: [(&str, &[&str]); 4] = [
    ("LineTrack", &["cover"]),
    ("LineTrack", &["points"]),
    ("BlocksTrack", &["many"]),
    ("ScatterPlot", &["cover", "other"]),
];

struct Endpoint(Child);

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn epiviz_draws_what_is_in_the_files() {
    let Some(ui) = std::env::var_os("EPIVIZ_UI") else {
        println!(
            "skipped: EPIVIZ_UI names no folder with EpiViz; tests/real-page/README.md tells how"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tracks: Vec<_> = tracks()
        .into_iter()
        .filter(|t| CHARTS.iter().any(|(_, ids)| ids.contains(&t.id)))
        .collect();
    let specs: Vec<_> = tracks.iter().map(|track| text(track, folder.path())).collect();
    let truth = folder.path().join("truth.json");
    std::fs::write(&truth, describe(&tracks).to_string()).unwrap();

    let mut endpoint = Command::new(env!("CARGO_BIN_EXE_epivizrs"))
        .args(["--port", "0", "--quiet", "--allow-origin", "*", "--state", "none"])
        .arg("--ui")
        .arg(&ui)
        .args(&specs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map(Endpoint)
        .unwrap();
    let mut line = String::new();
    BufReader::new(endpoint.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real-page/walk.mjs");
    let option = |name: &str, variable: &str, usual: &str| {
        let value = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
        format!("--{name}={value}")
    };
    let status = Command::new("node")
        .arg(script)
        .arg(format!("--ui={}", Path::new(&ui).display()))
        .arg(format!("--ws={address}"))
        .arg(format!("--truth={}", truth.display()))
        .arg(option("steps", "EPIVIZ_STEPS", "200"))
        .arg(option("delay", "EPIVIZ_DELAY", "0"))
        .arg(option("cache", "EPIVIZ_CACHE", "on"))
        .arg(option("seed", "EPIVIZ_SEED", "1"))
        .status()
        .unwrap();
    assert!(status.success(), "the page drew something else; its report is above");
}

/// How the command line names a track.
fn text(track: &Track, folder: &Path) -> String {
    let spec = track.write(folder);
    format!("{}{}", spec.input.path().display(), track.options)
}

/// What the files hold, record by record, for the script's own calculation.
fn describe(tracks: &[Track]) -> serde_json::Value {
    let by_sequence = |track: &Track| -> serde_json::Map<_, _> {
        let names = SEQUENCES.iter().map(|(name, _)| (*name).to_owned());
        names.zip(track.records().into_iter().map(|records| json!(records))).collect()
    };
    let described: serde_json::Map<_, _> = tracks
        .iter()
        .map(|track| {
            let shape = format!("{:?}", track.shape);
            (track.id.to_owned(), json!({ "shape": shape, "records": by_sequence(track) }))
        })
        .collect();
    let sequences: serde_json::Map<_, _> =
        SEQUENCES.iter().map(|(name, length)| ((*name).to_owned(), json!(length))).collect();
    json!({ "sequences": sequences, "charts": CHARTS, "tracks": described })
}
