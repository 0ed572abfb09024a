//! The prompt in a terminal, which `script` of util-linux creates.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A test that waits this long has failed; a command that Ctrl-C does not end takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program at its prompt.
struct Terminal {
    program: Child,
    keys: ChildStdin,
    output: mpsc::Receiver<Vec<u8>>,
    shown: String,
    _home: tempfile::TempDir,
}

impl Terminal {
    /// Returns `None` where no terminal can be created.
    fn open() -> Option<Self> {
        let is_there = Command::new("script").arg("--version").output();
        if !is_there.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("util-linux"))
        {
            assert!(std::env::var_os("CI").is_none(), "'script' of util-linux is needed");
            println!("skipped: no 'script' of util-linux");
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        let line = format!("'{}' --mock --port 0 --state none", env!("CARGO_BIN_EXE_epivizrs"));
        let mut program = Command::new("script")
            .args(["-qefc", &line, "/dev/null"])
            .env("XDG_DATA_HOME", home.path())
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, output) = mpsc::channel();
        let mut stdout = program.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                let _ = send.send(bytes[..count].to_vec());
            }
        });
        let keys = program.stdin.take().unwrap();
        let mut terminal = Terminal { program, keys, output, shown: String::new(), _home: home };
        terminal.until("epivizrs> ");
        Some(terminal)
    }

    /// Presses keys, all at once.
    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the terminal shows a text, and forgets what came before its end.
    fn until(&mut self, text: &str) {
        let since = Instant::now();
        while !self.shown.contains(text) {
            let left = PATIENCE.saturating_sub(since.elapsed());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(why) => panic!("{why}: no {text:?} in {:?}", self.shown),
            }
        }
        let end = self.shown.find(text).unwrap() + text.len();
        self.shown.drain(..end);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn ctrl_c_ends_a_command_however_early_it_is_pressed() {
    let Some(mut terminal) = Terminal::open() else { return };
    for round in 0..5 {
        terminal.press("wait 3600\r\x03");
        terminal.until("cancelled");
        terminal.press(&format!("echo a{round}\r"));
        terminal.until(&format!("\na{round}\r\n"));
        terminal.until("epivizrs> ");
        // Two keys, one directly after the other.
        terminal.press("wait 3600\r");
        terminal.press("\x03");
        terminal.until("cancelled");
        terminal.until("epivizrs> ");
    }
    // While it runs.
    terminal.press("wait 3600\r");
    terminal.until("Ctrl-C cancels");
    terminal.press("\x03");
    terminal.until("cancelled");
    terminal.press("echo after\r");
    terminal.until("\nafter\r\n");
}

#[test]
fn lines_typed_while_a_command_runs_come_next() {
    let Some(mut terminal) = Terminal::open() else { return };
    terminal.press("echo one\recho two\r");
    terminal.until("\none\r\n");
    terminal.until("\ntwo\r\n");
    // A line is entered, and another begun, while a command runs.
    terminal.press("wait 1\r");
    terminal.until("Ctrl-C cancels");
    terminal.press("echo three\rec");
    terminal.until("\nthree\r\n");
    terminal.until("epivizrs> ");
    terminal.press("ho four\r");
    terminal.until("\nfour\r\n");
    terminal.press("wait 1; quit\r");
    let ended = terminal.program.wait().unwrap();
    assert!(ended.success(), "{ended}");
}
