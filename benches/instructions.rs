//! Counts the instructions of the paths that every request takes, and compares them with those
//! recorded in `benches/instructions.txt`. Counts do not depend on what else the machine does, so
//! a path that became slower is noticed on any machine that has valgrind.
//!
//! ```sh
//! cargo bench --bench instructions              # compares; fails if a path takes 5 % more
//! cargo bench --bench instructions -- --record  # writes the counts of now
//! ```
//!
//! The counts depend on the compiler and on the processor (some libraries choose other code on
//! other processors), so record them again after a new compiler, in a commit of its own.

use epivizrs::genome::Region;
use epivizrs::protocol::{Combined, CombinedPart, Dialect, Frame, Positions, Reply, parse};
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Spec};
use epivizrs::table::{Column, Data, Table};
use std::fmt::Write;
use std::hint::black_box;
use std::process::{Command, ExitCode};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
/// How often a path runs in the longer of its two runs; the difference to the shorter one, with
/// a single run, leaves out what happens only at the start.
const TIMES: u64 = 101;
/// Increase in percent that is an error.
const TOLERATED: f64 = 5.0;

/// A path: its name, and a function that prepares it and runs it as often as requested.
type Path = (&'static str, fn(u64));

const PATHS: [Path; 6] = [
    ("parse a getCombined", |times| {
        let text = r#"{"requestId":7,"type":"request","data":{"action":"getCombined",
            "seqName":"chr11","start":1,"end":5000000,"measurements":{"signals":["signal"]}}}"#;
        for _ in 0..times {
            black_box(parse(black_box(text)));
        }
    }),
    ("write 1,000 rows as JSON", |times| {
        let (reply, id) = reply(1_000);
        for _ in 0..times {
            black_box(reply.to_json(&id));
        }
    }),
    ("bigWig, 100 kb", |times| read("signal.bw", 100_000, Level::Bins { shift: 7 }, times)),
    ("bigWig, whole chromosome", |times| {
        read("signal.bw", 135_000_000, Level::Bins { shift: 17 }, times);
    }),
    ("methylation, 100 kb", |times| read("methylation.bw", 100_000, Level::Records, times)),
    ("genes, 5 Mb", |times| read("genes.gtf.gz", 5_000_000, Level::Records, times)),
];

/// Reads regions of a file of the demonstration set, each at another position.
fn read(file: &str, width: u32, level: Level, times: u64) {
    let cache = tempfile::tempdir().expect("a folder");
    let context = Context { cache: cache.path().into(), ..Context::default() };
    let source = open(&Spec::file(format!("{DATA}/{file}")), &context).expect("a source");
    let columns: Vec<&str> = source.columns().iter().map(|column| &*column.name).collect();
    // The first read of a sequence also counts its rows.
    source.read(&Region::new("chr11", 0, 1), level, &columns).expect("the first rows");
    for turn in 0..times as u32 {
        let start = if width > 20_000_000 { 0 } else { 100_000_000 + turn * 7_919 };
        let region = Region::new("chr11", start, start + width);
        black_box(source.read(&region, level, &columns).expect("rows"));
    }
}

/// Returns an answer with one column of values, and the id of its request.
fn reply(rows: u32) -> (Reply, Box<serde_json::value::RawValue>) {
    let values = (0..rows).map(|row| (row % 97) as f32 * 0.37);
    let table = Table {
        first_rank: 5_000,
        start: (0..rows).map(|row| row * 32).collect(),
        end: (0..rows).map(|row| row * 32 + 32).collect(),
        strand: Vec::new(),
        columns: vec![Column::new("signal", Data::Singles(values.collect()))],
    };
    let measurements = vec!["signal".into()];
    let part = CombinedPart { datasource: "signals".into(), table, measurements };
    let request = r#"{"requestId":1,"data":{"action":"getSeqInfos"}}"#;
    let Frame::Request(id, _) = parse(request) else { unreachable!("it is a request") };
    (
        Reply::Combined(Combined {
            parts: vec![part],
            dialect: Dialect::Classic,
            positions: Positions::Absolute,
        }),
        id,
    )
}

/// Returns the instructions of one run of a path, counted by valgrind.
fn count(name: &str) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let run = |times: u64| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        let output = valgrind.arg(&program).args(["--path", name, &times.to_string()]).output();
        let output = output.map_err(|error| format!("valgrind cannot be run: {error}"))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let counted = text.lines().find_map(|line| line.split_once("Collected : "));
        counted.and_then(|(_, count)| count.trim().parse::<u64>().ok()).ok_or(text)
    };
    Ok(run(TIMES)?.saturating_sub(run(1)?) / (TIMES - 1))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, times] = &arguments[..]
        && flag == "--path"
    {
        let path = PATHS.iter().find(|(known, _)| known == name).expect("a known path");
        path.1(times.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    let record = arguments.iter().any(|argument| argument == "--record");
    let recorded = std::fs::read_to_string(RECORDED).unwrap_or_default();
    let (mut counts, mut slower) = (String::new(), 0);
    for (name, _) in PATHS {
        let now = match count(name) {
            Ok(now) => now,
            Err(error) => {
                eprintln!("{name}: {error}");
                return ExitCode::FAILURE;
            }
        };
        let _ = writeln!(counts, "{now:>12} {name}");
        let line = recorded.lines().find(|line| line.ends_with(name));
        let before = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        let change = before.map(|before| (now as f64 / before as f64 - 1.0) * 100.0);
        slower += usize::from(change.is_some_and(|change| change > TOLERATED));
        let change = change.map_or("not recorded".to_owned(), |change| format!("{change:+.1} %"));
        println!("{now:>12} {change:>12}  {name}");
    }
    if record {
        std::fs::write(RECORDED, counts).expect("benches/instructions.txt");
    } else if slower > 0 {
        eprintln!("{slower} of the paths take over {TOLERATED} % more instructions than recorded");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
