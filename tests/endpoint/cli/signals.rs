//! How signals end the program.

use super::*;
use std::sync::mpsc;

#[test]
fn both_signals_end_the_program_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let run = Run::start(&["--mock"]);
        run.signal(signal);
        let (status, text) = run.end();
        assert_eq!(status.code(), Some(0), "{signal}: {text}");
    }
}

/// Waits for the program to end; kills it after 30 seconds, which its status then shows.
fn wait(child: &mut Child) -> ExitStatus {
    let (ended, end) = mpsc::channel::<()>();
    let kill = format!("kill -KILL {}", child.id());
    let guard = std::thread::spawn(move || {
        if end.recv_timeout(Duration::from_secs(30)) == Err(mpsc::RecvTimeoutError::Timeout) {
            Command::new("sh").args(["-c", &kill]).status().unwrap();
        }
    });
    let status = child.wait().unwrap();
    drop(ended);
    guard.join().unwrap();
    status
}

/// Opens connections that are never completed: half a line, half a body, an unread download,
/// a silent WebSocket.
fn silent_peers(address: &str) -> Vec<TcpStream> {
    let send = |text: &str| {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(text.as_bytes()).unwrap();
        socket
    };
    let rows = "/api/v1/rows?datasource=py_datasource&region=pyChr:1-90m&columns=py_metadata";
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let peers = vec![
        send("GET /heal"),
        send("POST /api HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\naction=get"),
        send(&format!("GET {rows} HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        send(&format!(
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n"
        )),
    ];
    // The download has begun, so the program has accepted all connections.
    let mut first = [0; 12];
    (&peers[2]).read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    peers
}

#[test]
fn a_signal_ends_the_program_despite_open_connections() {
    let mut run = Run::start(&["--mock"]);
    let _peers = silent_peers(run.address());
    run.signal("-TERM");
    assert_eq!(wait(&mut run.child).code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let mut run = Run::start(&["--mock"]);
    let _peers = silent_peers(run.address());
    run.signal("-TERM");
    let mut lines = BufReader::new(run.child.stderr.take().unwrap()).lines();
    // From here on, the program waits for the connections.
    assert!(lines.any(|line| line.unwrap().contains("a second signal stops the program at once")));
    run.signal("-TERM");
    assert_eq!(wait(&mut run.child).code(), Some(143));
}
