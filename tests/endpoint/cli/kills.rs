//! Saves while the program is killed, with room on the disk and without: every save that was
//! acknowledged is there afterwards.
//!
//! `EPIVIZRS_KILLS=200` kills it more often. `EPIVIZRS_FULL_DISK=FOLDER` names a folder on a small
//! file system; otherwise a limit on the size of files stands in for a full disk.

use super::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Number of clients that save at the same time.
const CLIENTS: usize = 3;
/// A state folder is used for so many rounds, so that the checks stay short.
const ROUNDS_OF_A_FOLDER: usize = 10;

fn rounds() -> usize {
    let rounds = std::env::var("EPIVIZRS_KILLS").ok();
    rounds.map_or(4, |rounds| rounds.parse().expect("EPIVIZRS_KILLS is a number"))
}

/// Sends a request; `None` if the program ended before it had answered.
fn try_ask(address: &str, request: &str, body: &str) -> Option<Value> {
    let mut socket = TcpStream::connect(address).ok()?;
    let length = body.len();
    let head = format!("{request} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    socket.write_all(format!("{head}{form}{body}").as_bytes()).ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// The content of a workspace, which differs between workspaces.
fn content(name: &str, length: usize) -> String {
    name.chars().cycle().take(length).collect()
}

/// What happened in a round.
#[derive(Default)]
struct Round {
    acknowledged: Vec<String>,
    refused: usize,
    in_flight: usize,
}

/// Saves workspaces of `length` bytes until `enough` answers have arrived, and kills the program
/// while further saves are on their way.
fn save_and_kill(run: Run, round: usize, length: usize, enough: usize) -> Round {
    let address = run.address().to_owned();
    let (answers, killed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Round::default());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (address, answers, killed, done) = (&address, &answers, &killed, &done);
            scope.spawn(move || {
                for number in 0.. {
                    let name = format!("r{round}c{client}n{number}-");
                    let text = content(&name, length);
                    let body = format!("action=saveWorkspace&name={name}&content={text}");
                    let answer = try_ask(address, "POST /api", &body);
                    let mut done = done.lock().unwrap();
                    match answer {
                        Some(answer) if answer["data"].is_string() => done.acknowledged.push(name),
                        Some(_) => done.refused += 1,
                        None => {
                            assert!(killed.load(Ordering::SeqCst), "{name} was not answered");
                            done.in_flight += 1;
                            return;
                        }
                    }
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        while answers.load(Ordering::SeqCst) < enough {
            std::thread::yield_now();
        }
        killed.store(true, Ordering::SeqCst);
        run.signal("-KILL");
    });
    run.end();
    done.into_inner().unwrap()
}

/// Asserts that the program has all of these workspaces, whole.
fn check(state: &str, acknowledged: &[String], length: usize) {
    let run = Run::start(&["--mock", "--state", state, "--max-reply-memory", "1024"]);
    let answer = try_ask(run.address(), "GET /api?action=getWorkspaces&q=r", "").unwrap();
    let kept = answer["data"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    let kept: BTreeMap<_, _> = kept.map(|w| (w["name"].as_str(), w["content"].as_str())).collect();
    for name in acknowledged {
        let expected = content(name, length);
        assert_eq!(kept.get(&Some(name)), Some(&Some(expected.as_str())), "{name} was lost");
    }
    run.signal("-TERM");
    assert!(run.end().0.success());
}

#[test]
fn acknowledged_saves_survive_kills() {
    const LENGTH: usize = 2000;
    let (mut saved, mut in_flight) = (0, 0);
    let mut folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..rounds() {
        if round % ROUNDS_OF_A_FOLDER == 0 {
            (folder, acknowledged) = (tempfile::tempdir().unwrap(), Vec::new());
        }
        let state = folder.path().join("state").to_str().unwrap().to_owned();
        let run = Run::start(&["--mock", "--state", &state]);
        let done = save_and_kill(run, round, LENGTH, 1 + round * 7 % 23);
        assert_eq!(done.refused, 0);
        saved += done.acknowledged.len();
        in_flight += done.in_flight;
        acknowledged.extend(done.acknowledged);
        check(&state, &acknowledged, LENGTH);
    }
    println!("{} kills, {saved} saves acknowledged, {in_flight} on their way", rounds());
    assert!(saved >= rounds() && in_flight > 0);
}

/// Starts the program with a limit on the size of files, in KiB. The signal for exceeding it would
/// end the program before it could answer.
pub(super) fn start_limited(arguments: &[&str], kib: &str) -> Run {
    let program = command(arguments);
    let mut limited = Command::new("bash");
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"")]);
    limited.arg(program.get_program()).args(program.get_args());
    limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = limited.spawn().unwrap();
    let mut listening = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut listening).unwrap();
    Run { child, listening }
}

/// A file system without room, or that may not be written, is no reason not to start.
#[test]
fn a_store_that_cannot_be_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").to_str().unwrap().to_owned();
    let arguments = ["--mock", "--state", &state];
    let run = Run::start(&arguments);
    let saved = try_ask(run.address(), "POST /api", "action=saveWorkspace&name=r1&content=x");
    assert!(saved.unwrap()["data"].is_string());
    run.signal("-KILL");
    run.end();
    // The log of the store is read although nothing can be written: not even its index, of 32 KiB.
    let run = start_limited(&arguments, "4");
    let listing = try_ask(run.address(), "GET /api?action=getWorkspaces&q=r", "").unwrap();
    assert_eq!(listing["data"][0]["name"], "r1");
    let refused = try_ask(run.address(), "POST /api", "action=saveWorkspace&name=r2&content=x");
    assert_eq!(refused.unwrap()["data"]["success"], false);
    run.signal("-TERM");
    let (status, log) = run.end();
    assert!(status.success());
    assert!(log.contains("are not saved, but those from before can be opened"), "{log}");
    let run = Run::start(&arguments);
    let saved = try_ask(run.address(), "POST /api", "action=saveWorkspace&name=r2&content=x");
    assert!(saved.unwrap()["data"].is_string(), "there is room again");
    run.signal("-TERM");
    run.end();
}

/// The size of the largest file in a folder, in KiB.
fn largest(folder: &str) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.metadata().unwrap().len()).max().unwrap_or(0).div_ceil(1024)
}

#[test]
fn acknowledged_saves_survive_kills_while_the_disk_is_full() {
    const LENGTH: usize = 20_000;
    let full = std::env::var("EPIVIZRS_FULL_DISK").ok();
    let (mut saved, mut refused) = (0, 0);
    let mut folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..rounds() {
        if round % ROUNDS_OF_A_FOLDER == 0 || full.is_some() {
            (folder, acknowledged) = (tempfile::tempdir().unwrap(), Vec::new());
        }
        let state = folder.path().join("state").to_str().unwrap().to_owned();
        let state = match &full {
            Some(disk) => {
                let state = format!("{disk}/state");
                let _ = std::fs::remove_dir_all(&state);
                state
            }
            None => state,
        };
        let arguments = ["--mock", "--state", &state];
        let run = match full {
            Some(_) => Run::start(&arguments),
            None => start_limited(&arguments, &format!("{}", largest(&state).max(4) + 400)),
        };
        let enough = if full.is_some() { 250 } else { 20 + round * 7 % 23 };
        let done = save_and_kill(run, round, LENGTH, enough);
        saved += done.acknowledged.len();
        refused += done.refused;
        acknowledged.extend(done.acknowledged);
        check(&state, &acknowledged, LENGTH);
    }
    println!("{} kills, {saved} saves acknowledged, {refused} refused", rounds());
    assert!(saved >= rounds() && refused >= rounds());
}
