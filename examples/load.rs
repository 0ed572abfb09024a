//! Requests rows from a running endpoint as pages do, checks the answers, and prints their times:
//! `cargo run --release --example load -- --help`.
//!
//! Unless it runs on another machine, the generator competes with the endpoint for the processor,
//! so it prints the times that a page on that machine would measure, not the best that the endpoint
//! can reach.
//!
//! It also shows what the endpoint needs while many pages are idle (`--idle`), come and go
//! (`--churn`), or pan while some clients misbehave (`--pause 1000 --flood 1 --deaf 1 --garbage 1`);
//! with `--pid`, memory and handles of the endpoint on this machine are printed too.

#[path = "load/crowd.rs"]
mod crowd;
#[path = "load/hostile.rs"]
mod hostile;
#[path = "load/resources.rs"]
mod resources;

use clap::{Parser, ValueEnum};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Parser)]
struct Options {
    /// Address of the endpoint
    #[arg(default_value = "ws://localhost:8888/ws")]
    address: String,
    /// Ids of the measurements to request; default: the first signal
    #[arg(long, value_delimiter = ',')]
    measurements: Vec<String>,
    /// Number of simulated pages
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Number of requests that each page sends without waiting for an answer
    #[arg(long, default_value_t = 1)]
    depth: usize,
    /// Duration of the test, in seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How views are chosen
    #[arg(long, value_enum, default_value_t = Mix::Mixed)]
    mix: Mix,
    /// Views to request in this order, again and again: a file with a region (chr1:1000-2000) on each
    /// line, such as benches/session.txt; instead of '--mix'
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
    /// Width of the views with '--mix fixed', in bases
    #[arg(long, default_value_t = 100_000)]
    width: u64,
    /// Check one of so many answers; the others are only timed, so that the generator takes less of
    /// the machine
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    check_every: u64,
    /// Pause of a page between an answer and its next request, in milliseconds
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// Instead, connect so many pages that request nothing, for the given time
    #[arg(long, value_name = "N")]
    idle: Option<usize>,
    /// Instead, connect and disconnect so many pages
    #[arg(long, value_name = "N")]
    churn: Option<usize>,
    /// Number of further clients that send requests as fast as they can
    #[arg(long, default_value_t = 0, value_name = "N")]
    flood: usize,
    /// Number of further clients that send requests and never read an answer
    #[arg(long, default_value_t = 0, value_name = "N")]
    deaf: usize,
    /// Number of further clients that send random bytes
    #[arg(long, default_value_t = 0, value_name = "N")]
    garbage: usize,
    /// Process of the endpoint, whose memory and handles are printed
    #[arg(long)]
    pid: Option<u32>,
    /// The same seed gives the same views
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mix {
    /// Widths from 1 kb to whole sequences, at random positions
    Mixed,
    /// One width, at random positions
    Fixed,
    /// Like one user: pan by half a view, zoom in and out by two, sometimes jump
    Walk,
}

/// The data to request: a datasource, its measurements, and sequences with their lengths.
#[derive(Clone)]
struct Target {
    datasource: String,
    measurements: Vec<String>,
    sequences: Vec<(String, u64)>,
}

/// A pseudorandom number generator (xorshift64*, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % most.max(1)
    }
}

/// The successive views of a page: sequence, start, end.
struct Views {
    random: Random,
    mix: Mix,
    width: u64,
    last: Option<View>,
    /// The views of a session, and the number of the next one.
    session: (Arc<[View]>, usize),
}

/// Sequence, start (0-based) and end.
type View = (String, u64, u64);

/// Reads the views of a session.
fn read_session(path: &Path) -> Result<Vec<View>, AnyError> {
    let view = |line: &str| {
        let (sequence, range) = line.trim().rsplit_once(':')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| text.replace(',', "").parse::<u64>().ok();
        Some((sequence.to_owned(), number(first)?.checked_sub(1)?, number(last)?))
    };
    let text = std::fs::read_to_string(path)?;
    let lines =
        text.lines().zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(line, number)| {
            let what = || format!("{}, line {number}: '{line}' is no region", path.display());
            view(line).ok_or_else(|| what().into())
        })
        .collect()
}

impl Views {
    fn next(&mut self, target: &Target) -> View {
        if !self.session.0.is_empty() {
            let view = self.session.0[self.session.1 % self.session.0.len()].clone();
            self.session.1 += 1;
            return view;
        }
        let at = self.random.below(target.sequences.len() as u64) as usize;
        let (sequence, length) = target.sequences[at].clone();
        let anywhere = |random: &mut Random, width: u64| {
            let width = width.min(length);
            let start = random.below(length - width + 1);
            (sequence.clone(), start, start + width)
        };
        let view = match (self.mix, self.last.take()) {
            (Mix::Fixed, _) => anywhere(&mut self.random, self.width),
            (Mix::Mixed, _) => {
                let width = 1000 * 10u64.pow(self.random.below(6) as u32);
                anywhere(&mut self.random, width)
            }
            (Mix::Walk, None) => anywhere(&mut self.random, 1_000_000),
            (Mix::Walk, Some((same, start, end))) => {
                let (width, length) = (end - start, length_of(target, &same));
                let (start, width) = match self.random.below(10) {
                    0..=2 => (start.saturating_sub(width / 2), width),
                    3..=5 => (start + width / 2, width),
                    6 | 7 => (start + width / 4, (width / 2).max(500)),
                    8 => (start.saturating_sub(width / 2), width * 2),
                    _ => (self.random.below(length), width),
                };
                let width = width.min(length);
                let start = start.min(length - width);
                (same, start, start + width)
            }
        };
        self.last = Some(view.clone());
        view
    }
}

fn length_of(target: &Target, name: &str) -> u64 {
    target.sequences.iter().find(|(known, _)| known == name).map_or(1, |(_, length)| *length)
}

/// The results of one page.
#[derive(Default)]
struct Seen {
    millis: Vec<f64>,
    bytes: usize,
    checked: usize,
    rows: usize,
    wrong: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let options = Options::parse();
    if let Some(pages) = options.idle {
        return crowd::idle(&options, pages).await;
    }
    if let Some(pages) = options.churn {
        return crowd::churn(&options, pages).await;
    }
    let target = target(&options).await?;
    let session = options.session.as_deref().map(read_session).transpose()?.unwrap_or_default();
    let session: Arc<[View]> = session.into();
    let begin = Instant::now();
    let watched = tokio::spawn(resources::watch(options.pid));
    let hostile = hostile::start(&options, &target);
    let pages: Vec<_> = (0..options.connections)
        .map(|number| {
            tokio::spawn(page(options.clone(), target.clone(), session.clone(), number as u64))
        })
        .collect();
    let mut all = Seen::default();
    for page in pages {
        let seen = page.await??;
        all.millis.extend(seen.millis);
        all.wrong.extend(seen.wrong);
        all.bytes += seen.bytes;
        all.checked += seen.checked;
        all.rows += seen.rows;
    }
    let seconds = begin.elapsed().as_secs_f64();
    hostile.iter().for_each(tokio::task::JoinHandle::abort);
    watched.abort();
    let resources = watched.await.unwrap_or_else(|_| resources::taken());
    all.millis.sort_by(f64::total_cmp);
    let percentile = |part: f64| {
        let at =
            ((all.millis.len() as f64 * part) as usize).min(all.millis.len().saturating_sub(1));
        all.millis.get(at).map(|millis| (millis * 1000.0).round() / 1000.0)
    };
    let result = json!({
        "datasource": target.datasource, "measurements": target.measurements,
        "connections": options.connections, "depth": options.depth, "seconds": seconds,
        "answers": all.millis.len(), "checked": all.checked, "perSecond": all.millis.len() as f64 / seconds,
        "millis": {"p50": percentile(0.5), "p90": percentile(0.9), "p99": percentile(0.99),
            "worst": percentile(1.0)},
        "bytes": all.bytes, "rows": all.rows,
        "wrong": all.wrong.len(), "firstWrong": all.wrong.first(), "resources": resources,
    });
    println!("{result:#}");
    if all.wrong.is_empty() { Ok(()) } else { Err("some answers were wrong".into()) }
}

/// Requests the measurements and sequences of the endpoint.
async fn target(options: &Options) -> Result<Target, AnyError> {
    let (mut socket, _) = tokio_tungstenite::connect_async(&options.address).await?;
    let mut answers = Vec::new();
    for (id, action) in (1..).zip(["getMeasurements", "getSeqInfos"]) {
        let message = json!({"requestId": id, "type": "request", "data": {"action": action}});
        socket.send(Message::text(message.to_string())).await?;
        answers.push(loop {
            let Some(message) = socket.next().await else { return Err("no answer".into()) };
            let message: Value = serde_json::from_str(message?.to_text()?)?;
            if message["type"] == "response" && message["requestId"] == id {
                break message["data"].clone();
            }
        });
    }
    let texts = |name: &str| -> Vec<String> {
        let values = answers[0][name].as_array().into_iter().flatten();
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let (ids, kinds, datasources) = (texts("id"), texts("type"), texts("datasourceId"));
    let wanted = |at: &usize| match options.measurements.first() {
        Some(first) => ids[*at] == *first,
        None => kinds[*at] == "feature",
    };
    let first = (0..ids.len()).find(wanted).ok_or("the endpoint has no such measurement")?;
    let named = &options.measurements;
    let measurements = if named.is_empty() { vec![ids[first].clone()] } else { named.clone() };
    let sequences = answers[1]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|info| Some((info[0].as_str()?.to_owned(), info[2].as_u64()?)));
    // Scaffolds are rarely viewed.
    let mut sequences: Vec<_> = sequences.collect();
    sequences.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
    sequences.truncate(24);
    Ok(Target { datasource: datasources[first].clone(), measurements, sequences })
}

/// Simulates one page: sends requests and checks the answers until the time is over.
async fn page(
    options: Options,
    target: Target,
    session: Arc<[View]>,
    number: u64,
) -> Result<Seen, AnyError> {
    let (mut socket, _) = tokio_tungstenite::connect_async(&options.address).await?;
    let random = Random(options.seed.wrapping_add(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // Pages that replay a session begin at different places of it.
    let session = (session, 17 * number as usize);
    let mut views = Views { random, mix: options.mix, width: options.width, last: None, session };
    let (mut seen, mut waiting) = (Seen::default(), HashMap::new());
    let (begin, length) = (Instant::now(), Duration::from_secs_f64(options.seconds));
    let mut id = 0u64;
    let pause = Duration::from_millis(options.pause);
    // Users do not pan in step.
    tokio::time::sleep(pause.mul_f64(views.random.below(1000) as f64 / 1000.0)).await;
    loop {
        while waiting.len() < options.depth && begin.elapsed() < length {
            id += 1;
            let (sequence, start, end) = views.next(&target);
            let message = json!({"requestId": id, "type": "request", "data": {
                "action": "getCombined", "seqName": sequence, "start": start + 1, "end": end,
                "measurements": {&target.datasource: target.measurements}}});
            waiting.insert(id, (Instant::now(), start, end));
            socket.send(Message::text(message.to_string())).await?;
        }
        if waiting.is_empty() {
            return Ok(seen);
        }
        let Some(message) = socket.next().await else { return Err("the connection ended".into()) };
        let arrived = Instant::now();
        let message = message?;
        let Ok(text) = message.to_text() else { continue };
        let Some(id) = answered(text) else { continue };
        let Some((at, start, end)) = waiting.remove(&id) else { continue };
        seen.millis.push((arrived - at).as_secs_f64() * 1000.0);
        seen.bytes += text.len();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if id % options.check_every != 0 {
            continue;
        }
        let answer: Value = serde_json::from_str(text)?;
        seen.checked += 1;
        match rows(&answer["data"][&target.datasource], &target, start, end) {
            Ok(rows) => seen.rows += rows,
            Err(what) => seen.wrong.push(what),
        }
    }
}

/// Returns the number of the request that a message answers; `None` if it is not an answer.
fn answered(text: &str) -> Option<u64> {
    let rest = text.strip_prefix(r#"{"type":"response","requestId":"#)?;
    rest[..rest.find(',')?].parse().ok()
}

/// Returns the number of rows of an answer.
///
/// # Errors
/// An invalid answer: columns of different lengths, unsorted rows, or rows outside the view.
fn rows(part: &Value, target: &Target, start: u64, end: u64) -> Result<usize, String> {
    let view = format!("at {start}-{end}");
    let numbers = |name: &str| -> Option<Vec<u64>> {
        part["rows"][name].as_array()?.iter().map(Value::as_u64).collect()
    };
    let (Some(starts), Some(ends)) = (numbers("start"), numbers("end")) else {
        return Err(format!(
            "{view}: no rows in {}",
            part.to_string().chars().take(200).collect::<String>()
        ));
    };
    let sorted = starts.is_sorted() && starts.len() == ends.len();
    let inside = starts.iter().zip(&ends).all(|(first, last)| *first <= end && *last > start);
    let whole = target
        .measurements
        .iter()
        .all(|id| part["cols"][id].as_array().is_some_and(|values| values.len() == starts.len()));
    if sorted && inside && whole {
        Ok(starts.len())
    } else {
        Err(format!(
            "{view}: rows are sorted: {sorted}, inside: {inside}, with all values: {whole}"
        ))
    }
}
