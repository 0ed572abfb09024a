//! The same comparison as `tests/page`, on the real page in a browser. See `README.md`.

#[allow(dead_code)]
#[path = "../page/data.rs"]
mod data;

use data::{SEQUENCES, Track, tracks};
use serde_json::json;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Charts: their type and measurements, as the console is told.
const CHARTS: [(&str, &[&str]); 7] = [
    ("line", &["cover"]),
    ("line", &["points"]),
    ("blocks", &["many"]),
    ("scatter", &["cover", "other"]),
    ("line", &["many.score"]),
    ("line", &["few.score"]),
    // Their rows differ, so they are joined.
    ("scatter", &["points", "many.score"]),
];

struct Endpoint(Child);

impl Endpoint {
    /// The program on these files, and where it listens.
    fn start(ui: &OsStr, state: &Path, specs: &[String]) -> (Self, String) {
        let mut endpoint = Command::new(env!("CARGO_BIN_EXE_epivizrs"))
            .args(["--port", "0", "--quiet", "--allow-origin", "*", "--ui"])
            .arg(ui)
            .arg("--state")
            .arg(state)
            .args(specs)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map(Endpoint)
            .unwrap();
        let mut line = String::new();
        BufReader::new(endpoint.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ");
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        (endpoint, address)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The folder with EpiViz, if there is one.
fn epiviz() -> Option<OsString> {
    let ui = std::env::var_os("EPIVIZ_UI");
    if ui.is_none() {
        println!(
            "skipped: EPIVIZ_UI names no folder with EpiViz; tests/real_page/README.md tells how"
        );
    }
    ui
}

/// Runs a script of `tests/real_page`.
fn script(name: &str, ui: &OsStr, address: &str, options: &[String]) {
    let status = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_page").join(name))
        .arg(format!("--ui={}", Path::new(ui).display()))
        .arg(format!("--ws={address}"))
        .args(options)
        .status()
        .unwrap();
    assert!(status.success(), "the page showed something else; the report is above");
}

#[test]
fn epiviz_draws_what_is_in_the_files() {
    let Some(ui) = epiviz() else { return };
    let folder = tempfile::tempdir().unwrap();
    let tracks: Vec<_> = tracks()
        .into_iter()
        .filter(|t| {
            let is_of_it = |id: &&str| id.split('.').next() == Some(t.id);
            CHARTS.iter().any(|(_, ids)| ids.iter().any(is_of_it))
        })
        .collect();
    let specs: Vec<_> = tracks.iter().map(|track| text(track, folder.path())).collect();
    let truth = folder.path().join("truth.json");
    std::fs::write(&truth, describe(&tracks).to_string()).unwrap();
    let (_endpoint, address) = Endpoint::start(&ui, &folder.path().join("state"), &specs);
    let option = |name: &str, variable: &str, usual: &str| {
        let value = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
        format!("--{name}={value}")
    };
    let options = [
        format!("--bin={}", env!("CARGO_BIN_EXE_epivizrs")),
        format!("--truth={}", truth.display()),
        option("steps", "EPIVIZ_STEPS", "200"),
        option("delay", "EPIVIZ_DELAY", "0"),
        option("cache", "EPIVIZ_CACHE", "on"),
        option("seed", "EPIVIZ_SEED", "1"),
    ];
    script("walk.mjs", &ui, &address, &options);
}

#[test]
fn no_line_is_left_where_there_are_no_rows() {
    let Some(ui) = epiviz() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sites = folder.path().join("sites.bed");
    let starts = (0..10).chain(30..40).chain([300]).map(|i| 1_000_000 + i * 10_000);
    let row = |start: u32| format!("chr11\t{start}\t{}\tsite\t{}\n", start + 10, start % 70_000);
    std::fs::write(&sites, starts.map(row).collect::<String>()).unwrap();
    let specs = [sites.display().to_string()];
    let (_endpoint, address) = Endpoint::start(&ui, &folder.path().join("state"), &specs);
    let mut options = vec![format!("--bin={}", env!("CARGO_BIN_EXE_epivizrs"))];
    options.extend(std::env::var("EPIVIZ_SHOTS").map(|shots| format!("--shots={shots}")));
    script("desert.mjs", &ui, &address, &options);
}

#[test]
fn epiviz_does_what_the_console_says() {
    let Some(ui) = epiviz() else { return };
    let folder = tempfile::tempdir().unwrap();
    let matrix = folder.path().join("expr.tsv");
    let row = |i: u32| {
        let start = 101_000_000 + i * 40_000;
        let values = [i % 7, i % 5 + 1, i % 11].map(|value| value.to_string()).join("\t");
        format!("chr11\t{start}\t{}\tG{i}\t{values}\n", start + 20_000)
    };
    let rows: String = (0..80).map(row).collect();
    std::fs::write(&matrix, format!("chrom\tstart\tend\tgene\ta\tb\tc\n{rows}")).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut specs: Vec<_> = ["signal.bw", "peaks.bed.gz", "genes.gtf.gz"]
        .map(|name| data.join(name).display().to_string())
        .into();
    specs.push(matrix.display().to_string());
    let (_endpoint, address) = Endpoint::start(&ui, &folder.path().join("state"), &specs);
    let options = [
        format!("--bin={}", env!("CARGO_BIN_EXE_epivizrs")),
        format!("--matrix={}", matrix.display()),
    ];
    script("commands.mjs", &ui, &address, &options);
}

#[test]
fn the_copy_that_is_served_shares_its_charts_with_the_session() {
    let Some(ui) = epiviz() else { return };
    let folder = tempfile::tempdir().unwrap();
    let gaps = folder.path().join("gaps.tsv");
    // A row each 1 kb; none has values at 101.2 Mb, and there are no rows from 101.6 to 102.2 Mb.
    let row = |i: u32| {
        let values = match i {
            101_200..101_250 => "NA\tNA".to_owned(),
            _ => format!("{}\t{}", i % 9 + 1, i % 7 + 11),
        };
        format!("chr11\t{}\t{}\tr{i}\t{values}\n", i * 1000, i * 1000 + 1000)
    };
    let rows = (101_000..103_000).filter(|i| !(101_600..102_200).contains(i)).map(row);
    let text = format!("chrom\tstart\tend\tname\ta\tb\n{}", rows.collect::<String>());
    std::fs::write(&gaps, text).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let files = ["signal.bw", "peaks.bed.gz", "genes.gtf.gz", "methylation.bw"];
    let mut specs: Vec<_> = files.map(|name| data.join(name).display().to_string()).into();
    specs.push(gaps.display().to_string());
    // The script starts the endpoint itself, and ends it.
    let options = [
        format!("--bin={}", env!("CARGO_BIN_EXE_epivizrs")),
        format!("--state={}", folder.path().join("state").display()),
        format!("--specs={}", specs.join("|")),
    ];
    script("companion.mjs", &ui, "", &options);
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
