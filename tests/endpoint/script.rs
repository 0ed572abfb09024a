//! Scripts and attached consoles of the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
    command.args(arguments);
    // The program must not use the folders of the user who runs the tests.
    let data = format!("{}/{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    command.env_remove("EPIVIZRS_LOG").env("NO_COLOR", "1").env("XDG_DATA_HOME", &data);
    command.env("HOME", data).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = command(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

const SERVE: [&str; 6] = ["--mock", "--port", "0", "--quiet", "--state", "none"];

fn script(more: &[&str], text: &str) -> (Option<i32>, String, String) {
    run(&[&SERVE[..], &["--script", "-"], more].concat(), text)
}

/// A running endpoint, stopped when dropped.
struct Serving {
    child: Child,
    url: String,
    /// Stays open, since the program may print more.
    _out: BufReader<ChildStdout>,
}

impl Serving {
    fn start(more: &[&str]) -> Self {
        let mut child = command(&[&SERVE[..], more].concat()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Serving { child, url, _out: out }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_script_runs_and_the_program_ends() {
    let (code, out, err) = script(&[], "echo a; echo b\n# note\nmeasurements\n");
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<_> = out.lines().skip(1).collect();
    assert_eq!(lines[..2], ["a", "b"]);
    assert!(lines[3].starts_with("py_column  Python Measurement"), "{out}");
}

#[test]
fn the_first_failure_ends_the_program_with_its_line_and_an_exit_code() {
    let text = "echo a\ngo nowhere\necho b\n";
    let (code, out, err) = script(&[], text);
    assert_eq!(code, Some(3));
    assert!(out.ends_with("a\n"), "{out}");
    let said = "epivizrs: standard input, line 2: no sequence, gene or feature is called 'nowhere'";
    assert_eq!(err.trim(), said);
    let (code, out, err) = script(&["--keep-going"], text);
    assert_eq!(code, Some(0));
    assert!(out.ends_with("a\nb\n") && err.contains("standard input, line 2"), "{out}{err}");
}

#[test]
fn each_answer_is_one_line_of_json() {
    let (code, out, _) = script(&["--json"], "echo a; measurements; wait 0\ngo pyChr:1-9");
    assert_eq!(code, Some(0));
    let lines: Vec<serde_json::Value> =
        out.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert_eq!(lines[0], serde_json::json!({"ok": true, "text": "a"}));
    assert_eq!(lines[1]["rows"][0][0], "py_column");
    assert_eq!(lines[2]["data"]["region"], "pyChr:1-9");
}

#[test]
fn standard_input_is_not_read_without_a_script() {
    let mut serving = Serving::start(&[]);
    // The program would quit if it read this.
    serving.child.stdin.take().unwrap().write_all(b"quit\n").unwrap();
    let (code, out, err) = run(&["attach", &serving.url, "-c", "echo a; measurements"], "");
    assert_eq!((code, out.lines().next()), (Some(0), Some("a")), "{err}");
    assert!(serving.child.try_wait().unwrap().is_none());
}

#[test]
fn an_attached_console_runs_commands_and_scripts() {
    let serving = Serving::start(&["--stay", "--script", "/dev/null"]);
    let url = serving.url.as_str();
    let (code, _, err) = run(&["attach", url, "-c", "echo a", "-c", "fly", "-c", "echo b"], "");
    assert_eq!(code, Some(3));
    assert_eq!(err, "epivizrs: no command is called 'fly'; 'help' lists them\n");
    let (code, out, err) = run(&["attach", url, "--script", "-"], "echo a\n\nfly\n");
    assert_eq!((code, out.as_str()), (Some(3), "a\n"));
    assert!(err.contains("standard input, line 3: no command"), "{err}");
    let (code, out, _) = run(&["attach", url, "--json", "-c", "go pyChr:1-9"], "");
    assert_eq!(code, Some(0));
    assert!(out.contains("\"region\":\"pyChr:1-9\""), "{out}");
    let (code, _, err) = run(&["attach", url], "");
    assert_eq!(code, Some(1));
    assert!(err.contains("--script FILE"), "{err}");
    let (code, _, err) = run(&["attach", "127.0.0.1:1", "-c", "where"], "");
    assert_eq!(code, Some(1));
    assert!(err.contains("127.0.0.1:1"), "{err}");
}

#[test]
fn a_restarted_program_restores_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let start = |text: &str| {
        run(&["--mock", "--port", "0", "--quiet", "--state", state, "--script", "-"], text)
    };
    start("plot py_column with title=mine; go pyChr:1-9; save view");
    let (code, out, _) = start("charts; workspaces");
    assert_eq!(code, Some(0));
    assert!(out.contains("title=mine") && out.contains("view"), "{out}");
    // A state folder given by the user must be usable.
    let (code, _, err) = run(&["--mock", "--port", "0", "--state", "/dev/null/x"], "");
    assert_eq!(code, Some(1));
    assert!(err.contains("/dev/null/x"), "{err}");
    let mut unread = String::new();
    let mut child = command(&["--mock", "--port", "0", "--script", "-"]);
    let mut child = child.env("HOME", "/dev/null").env_remove("XDG_DATA_HOME").spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"echo a").unwrap();
    child.stderr.take().unwrap().read_to_string(&mut unread).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(unread.contains("are not saved"), "{unread}");
}

#[test]
fn computed_measurements_and_their_charts_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chip.bedgraph");
    std::fs::write(&file, "chr1\t0\t10\t1\nchr1\t10\t20\t2\n").unwrap();
    let (file, state) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    let run =
        |text| run(&[file, "--port", "0", "--quiet", "--state", state, "--script", "-"], text);
    // Defined anew, x depends on what was saved after it.
    let text = "compute x = chip + 1\ncompute y = chip * 2 with color=#d62728\n\
                compute x = log2(y) with at=128\nplot x\n";
    let (code, _, err) = run(text);
    assert_eq!(code, Some(0), "{err}");
    let (code, out, err) = run("compute\ncharts\ndrop x\n");
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("log2(y)") && out.contains("128 bases"), "{out}");
    assert!(out.contains("chip * 2") && out.contains("1  line  x"), "{out}");
    let (_, out, err) = run("compute\n");
    assert!(!out.contains("log2(y)") && out.contains("chip * 2"), "{out}{err}");
}
