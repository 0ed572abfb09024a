//! The program as a user starts it.

mod files;
mod install;
mod kills;
mod recipes;
mod signals;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A running program, stopped when the test ends.
struct Run {
    child: Child,
    listening: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
    command.args(["--no-prompt", "--port", "0"]).args(arguments);
    command.env_remove("EPIVIZRS_LOG").env("NO_COLOR", "1");
    // The program must not use the folders of the user who runs the tests.
    let data = format!("{}/{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    command.env("XDG_DATA_HOME", &data).env("HOME", data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Run {
    /// Starts the program and waits for the line that reports that it accepts connections.
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).spawn().unwrap();
        let mut listening = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut listening).unwrap();
        Run { child, listening }
    }

    fn address(&self) -> &str {
        let address = self.listening.strip_prefix("listening on ws://").unwrap();
        address.strip_suffix("/ws\n").unwrap()
    }

    /// Returns the answer to a request for a path.
    fn get(&self, path: &str) -> String {
        let mut socket = std::net::TcpStream::connect(self.address()).unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        // The shell's `kill`, since not every machine has a program of this name.
        let kill = format!("kill {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (status, text)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// Runs the program, which must fail, and returns its exit code and output.
fn fail(arguments: &[&str]) -> (i32, String) {
    let output = command(arguments).output().unwrap();
    assert!(output.stdout.is_empty(), "a failed start must not print an address");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The memory that the program uses, in bytes.
#[cfg(target_os = "linux")]
fn resident(run: &Run) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_of_very_many_sequences_takes_little_memory() {
    const SEQUENCES: usize = 200_000;
    let folder = tempfile::tempdir().unwrap();
    let of = |count: usize| {
        let path = folder.path().join("x.bed");
        let row = |n| format!("scaffold_{n:07}\t10\t60\tp{n}\n");
        std::fs::write(&path, (0..count).map(row).collect::<String>()).unwrap();
        let run = Run::start(&[path.to_str().unwrap()]);
        let bytes = resident(&run);
        run.signal("-TERM");
        assert!(run.end().0.success());
        bytes
    };
    let each = of(SEQUENCES).saturating_sub(of(1)) / SEQUENCES as u64;
    assert!(each > 40, "{each} bytes cannot hold the rows");
    assert!(each <= 300, "{each} bytes for each sequence");
}

#[test]
fn the_program_prints_its_addresses_and_answers_there() {
    let run = Run::start(&[]);
    let mut socket = TcpStream::connect(run.address()).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
}

#[test]
fn the_endpoint_can_be_served_below_a_path() {
    let run = Run::start(&["--base-path", "/lab/", "--mock"]);
    let address = run.address().strip_suffix("/lab").unwrap().to_owned();
    let mut attach = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
    attach.args(["attach", "-c", "measurements", &format!("ws://{address}/lab/")]);
    let said = attach.output().unwrap();
    assert!(String::from_utf8(said.stdout).unwrap().contains("py_column"));
    run.signal("-TERM");
    let (_, text) = run.end();
    let port = address.rsplit(':').next().unwrap();
    for line in [
        format!("open:     http://localhost:{port}/lab/"),
        format!("endpoint: ws://localhost:{port}/lab/ws"),
        format!("websocket-host[]=ws://localhost:{port}/lab/ws&"),
    ] {
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    let (code, text) = fail(&["--base-path", "lab"]);
    assert_eq!(code, 2);
    assert!(text.contains("expected a path such as /genomes"), "{text}");
}

#[test]
fn the_program_listens_on_other_addresses_only_with_an_option() {
    let (code, text) = fail(&["--host", "0.0.0.0", "--mock"]);
    assert_eq!(code, 1);
    for remedy in ["--behind-proxy", "--plain-http", "ssh -L"] {
        assert!(text.contains(remedy), "{text}");
    }
    let (code, text) = fail(&["--behind-proxy", "127.0.0.1"]);
    assert_eq!(code, 2);
    assert!(text.contains("www-data@127.0.0.1"), "{text}");
}

#[test]
fn connections_from_other_machines_need_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let mut run = Run::start(&["--host", "0.0.0.0", "--plain-http", "--mock", "--state", &state]);
    let port = run.address().rsplit(':').next().unwrap().to_owned();
    let token = std::fs::read_to_string(folder.path().join("state/token")).unwrap();
    let token = token.trim().to_owned();
    let private = |name: &str| {
        let found = std::fs::metadata(folder.path().join("state").join(name)).unwrap();
        std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777
    };
    assert_eq!((private("token"), private("admin-token")), (0o600, 0o600));
    // The address of a network card of this machine, which is not loopback; no packet is sent.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
    run.listening = format!("listening on ws://127.0.0.1:{port}/ws\n");
    assert!(run.get("/info").starts_with("HTTP/1.0 200"), "the owner, on this machine");
    match own {
        Ok(own) => {
            run.listening = format!("listening on ws://{}:{port}/ws\n", own.ip());
            let far = run;
            let refused = far.get("/info");
            assert!(
                refused.starts_with("HTTP/1.0 401") && refused.contains("need a token"),
                "{refused}"
            );
            assert!(far.get(&format!("/info?token={token}")).starts_with("HTTP/1.0 200"));
            let attach = |more: &[&str]| {
                let mut attach = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
                attach.args(["attach", "-c", "whoami", far.address()]).args(more);
                attach.env_remove("EPIVIZRS_TOKEN").output().unwrap()
            };
            let error = String::from_utf8(attach(&[]).stderr).unwrap();
            assert!(error.contains("need a token") && error.lines().count() == 1, "{error}");
            let file = folder.path().join("state/admin-token").display().to_string();
            let said = String::from_utf8(attach(&["--token-file", &file]).stdout).unwrap();
            assert!(said.starts_with("token admin-token, with the role admin"), "{said}");
            far.signal("-TERM");
            let (_, log) = far.end();
            assert!(log.contains("state/token") && !log.contains(&token), "{log}");
        }
        Err(error) => eprintln!("SKIPPED: this machine has no network: {error}"),
    }
}

#[test]
fn a_configuration_defines_who_has_access() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(
        folder.path(),
        "lab.toml",
        b"mock = true\n[access]\nusers = { root = 'view' }\n\
          [[access.tokens]]\nname = 'lab'\nrole = 'view'\ntoken = 'view-0123456789abcdef'\n",
    );
    let run = Run::start(&["--config", &config]);
    let attach = |token: &str| {
        let mut attach = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
        attach.args(["attach", "-c", "whoami", run.address()]);
        let output = attach.env("EPIVIZRS_TOKEN", token).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(attach("view-0123456789abcdef").starts_with("token lab, with the role view"));
    assert!(attach("").starts_with("the owner, with the role admin"));
    // An unknown token does not lock out the owner.
    assert!(attach("something-else-entirely").starts_with("the owner, with the role admin"));
    let bad = write(folder.path(), "bad.toml", b"[access]\nusers = { root = 'boss' }\n");
    let (code, text) = fail(&["--config", &bad]);
    assert!(code == 1 && text.contains("bad.toml, line 2: 'boss' is not a role"), "{text}");
}

/// Sends an HTTP request and returns the status and the body.
fn ask(address: &str, request: &str, body: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    let head =
        format!("{request} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    let form = "Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    socket.write_all(format!("{head}{form}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

/// A limit on the size of files stands in for a full disk.
#[test]
fn a_save_is_acknowledged_only_when_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").to_str().unwrap().to_owned();
    let arguments = ["--mock", "--state", &state];
    let start = |limit: &str| kills::start_limited(&arguments, limit);
    let run = start("600");
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for number in 0..20 {
        let content = "x".repeat(100_000);
        let body = format!("action=saveWorkspace&name=w{number}&content={content}");
        let (_, answer) = ask(run.address(), "POST /api", &body);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        match answer["data"].as_str() {
            Some(_) => acknowledged.push(format!("w{number}")),
            None => {
                refused += 1;
                let why = answer["data"]["errorMessage"].as_str().unwrap();
                assert!(why.contains("epivizrs.sqlite"), "{why}");
                assert!(!why.contains(&state), "{why}");
            }
        }
    }
    assert!(acknowledged.len() > 1 && refused > 1, "{acknowledged:?}");
    run.signal("-KILL");
    run.end();
    let run = start("unlimited");
    let (_, answer) = ask(run.address(), "GET /api?action=getWorkspaces&q=w&ws=w", "");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let kept: Vec<_> = answer["data"].as_array().unwrap().iter().map(|w| &w["name"]).collect();
    for name in &acknowledged {
        assert!(kept.contains(&&serde_json::json!(name)), "{name} was lost: {acknowledged:?}");
    }
}

/// Files derived from private data must be accessible to their owner only.
#[test]
fn derived_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let wig = write(folder.path(), "a.wig", b"fixedStep chrom=chr1 start=1 step=1\n1\n2\n3\n");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cache, state) = (path("new/cache"), path("new/state"));
    let run = Run::start(&[&wig, "--cache-dir", &cache, "--state", &state]);
    run.signal("-TERM");
    run.end();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let mut files = 0;
    for folder in [cache, state] {
        assert_eq!(mode(Path::new(&folder)), 0o700, "{folder}");
        for file in Path::new(&folder).read_dir().unwrap() {
            let file = file.unwrap().path();
            assert_eq!(mode(&file), 0o600, "{}", file.display());
            files += 1;
        }
    }
    assert!(files >= 2, "{files}");
}

#[test]
fn the_startup_summary_shows_data_and_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let bed = write(folder.path(), "peaks.bed", b"chr7\t1000\t2000\nchr7\t5000\t6000\n");
    let run = Run::start(&[&bed, "--page-url", "https://lab.example/epiviz/"]);
    let port = run.address().rsplit(':').next().unwrap().to_owned();
    run.signal("-TERM");
    let (_, text) = run.end();
    assert!(text.contains("peaks"), "{text}");
    let page = format!(
        "https://lab.example/epiviz/?websocket-host[]=ws://localhost:{port}/ws&seqName=chr7&start=1001&end=6000&"
    );
    assert!(text.contains(&page), "{text}");
}

#[test]
fn a_port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, text) = fail(&["--mock", "--port", &port]);
    assert_eq!(code, 1);
    assert_eq!(
        text,
        format!(
            "epivizrs: port {port} is in use; choose another with --port, or --port 0 for any\n"
        )
    );
}

#[test]
fn misspelled_options_are_usage_errors() {
    assert_eq!(fail(&["--prot", "1"]).0, 2);
    let (code, text) = fail(&["x.bed,nmae=y"]);
    assert_eq!(code, 2);
    assert!(text.contains("unknown key 'nmae'"), "{text}");
    let (code, text) = fail(&["--assembly", "hg99"]);
    assert_eq!(code, 1);
    assert!(text.contains("built-in assemblies are hg38"), "{text}");
}

#[test]
fn columns_can_be_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let bed = write(folder.path(), "peaks.bed", b"chr7\t1\t2\tpeak\t5\n");
    let run = Run::start(&[&format!("{bed},columns=name")]);
    let listed = run.get("/api/v1/measurements?format=tsv");
    assert!(listed.contains("peaks") && !listed.contains("peaks.score"), "{listed}");
    let (code, text) = fail(&[&format!("{bed},columns=nmae")]);
    assert_eq!(code, 1);
    assert!(text.contains("no column is called 'nmae'; known are name, score"), "{text}");
}

#[test]
fn log_lines_can_be_json() {
    let folder = tempfile::tempdir().unwrap();
    let bad = write(folder.path(), "bad.bed", b"chr1\tx\t2\n");
    let run = Run::start(&["--keep-going", "--quiet", "--log-format", "json", &bad]);
    run.signal("-TERM");
    let (_, text) = run.end();
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["level"], "ERROR");
    }
    assert!(!text.is_empty());
}

#[test]
fn completions_and_the_manual_are_printed() {
    let print = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_epivizrs")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (shell, start) in [
        ("bash", "_epivizrs()"),
        ("zsh", "#compdef epivizrs"),
        ("fish", "# Print an optspec"),
        ("powershell", "\nusing namespace System.Management"),
    ] {
        let text = print(&["completions", shell]);
        assert!(text.starts_with(start), "{shell}: {}", &text[..60.min(text.len())]);
        assert!(text.contains("allow-origin"), "{shell}");
    }
    let manual = print(&["man"]);
    let parts =
        [".TH epivizrs 1", "\\-\\-page\\-rows", ".SS \"epivizrs ui install", "\\-\\-version"];
    for part in parts {
        assert!(manual.contains(part), "{part}: {manual}");
    }
    assert!(!manual.contains("install(1)"), "the manual refers to a missing page");
}
