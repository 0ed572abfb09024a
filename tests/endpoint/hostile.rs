//! Faulty, greedy and hostile clients: each gets an answer, and others are not affected.

use crate::support::{Client, Endpoint, Files};
use epivizrs::catalog::{Catalog, RequestLimits};
use epivizrs::provider::Provider;
use epivizrs::server::{Access, Limits, bind, router, run, serve_limited};
use epivizrs::session::{Limit, Session};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns the head of a WebSocket upgrade request with this version and key.
fn upgrade(address: SocketAddr, version: &str, key: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         {version}{key}\r\n"
    )
}

const VERSION: &str = "sec-websocket-version: 13\r\n";
const KEY: &str = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Sends bytes and returns the head of the answer in lower case.
async fn head(address: SocketAddr, bytes: &str) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(PATIENCE, socket.read_u8()).await.unwrap();
        head.push(byte.expect("an answer before the connection ends"));
    }
    (socket, String::from_utf8(head).unwrap().to_lowercase())
}

/// Opens a WebSocket without a client library, so that the test can break the protocol.
async fn raw(address: SocketAddr) -> TcpStream {
    let (socket, head) = head(address, &upgrade(address, VERSION, KEY)).await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    socket
}

/// Returns a frame as clients send it, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], payload].concat()
}

/// Returns the first byte and the payload of the server's next frame.
async fn next_frame(socket: &mut TcpStream) -> (u8, Vec<u8>) {
    let read = async {
        let first = socket.read_u8().await.unwrap();
        let length = match socket.read_u8().await.unwrap() {
            126 => socket.read_u16().await.unwrap() as usize,
            127 => socket.read_u64().await.unwrap() as usize,
            length => length as usize,
        };
        let mut payload = vec![0; length];
        socket.read_exact(&mut payload).await.unwrap();
        (first, payload)
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

/// Returns the code of the next close frame, after which the connection must end.
async fn close_code(mut socket: TcpStream) -> Option<u16> {
    let payload = loop {
        match next_frame(&mut socket).await {
            (0x88, payload) => break payload,
            (0x81, _) => {}
            other => panic!("{other:?}"),
        }
    };
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest)).await.unwrap();
    assert!(ended.is_err() || rest.is_empty(), "{rest:?} after the close frame");
    payload.first_chunk().map(|code| u16::from_be_bytes(*code))
}

#[tokio::test]
async fn protocol_violations_close_the_connection_with_their_code() {
    let endpoint = Endpoint::start().await;
    let long = "x".repeat(200);
    for (what, bytes, code) in [
        ("binary", frame(0x82, b"abc"), Some(1003)),
        ("text that is not UTF-8", frame(0x81, b"\xff\xfe"), Some(1007)),
        ("a reserved bit", frame(0xc1, b"{}"), Some(1002)),
        ("an unknown kind of frame", frame(0x83, b""), Some(1002)),
        ("a frame without a mask", b"\x81\x02{}".to_vec(), Some(1002)),
        ("a ping in parts", frame(0x09, b""), Some(1002)),
        ("a close frame", frame(0x88, b"\x03\xe8bye"), Some(1000)),
        ("a close frame without a code", frame(0x88, b""), None),
        // The frame announces 5 MiB; none of them needs to arrive.
        (
            "a message too large",
            [&b"\x81\xff"[..], &[0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0], long.as_bytes()].concat(),
            Some(1009),
        ),
    ] {
        let mut socket = raw(endpoint.address).await;
        socket.write_all(&bytes).await.unwrap();
        assert_eq!(close_code(socket).await, code, "{what}");
    }
}

#[tokio::test]
async fn the_console_follows_the_same_rules() {
    let endpoint = Endpoint::start().await;
    for (bytes, code) in [
        (frame(0x82, b"abc"), Some(1003)),
        (frame(0x88, b"\x03\xe8"), Some(1000)),
        (frame(0xc1, b"{}"), Some(1002)),
    ] {
        let request = upgrade(endpoint.address, VERSION, KEY).replace("/ws", "/console");
        let (mut socket, head) = head(endpoint.address, &request).await;
        assert!(head.starts_with("http/1.1 101"), "{head}");
        socket.write_all(&bytes).await.unwrap();
        assert_eq!(close_code(socket).await, code);
    }
}

#[tokio::test]
async fn invalid_upgrades_are_refused_with_their_status() {
    let endpoint = Endpoint::start().await;
    let address = endpoint.address;
    for (request, status, line) in [
        (upgrade(address, "sec-websocket-version: 8\r\n", KEY), "426", "sec-websocket-version: 13"),
        (upgrade(address, "", KEY), "426", "sec-websocket-version: 13"),
        (upgrade(address, VERSION, ""), "400", ""),
        (upgrade(address, VERSION, "sec-websocket-key: abc\r\n"), "400", ""),
        // 24 characters that are not the Base64 of 16 bytes.
        (upgrade(address, VERSION, "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQab\r\n"), "400", ""),
        (upgrade(address, VERSION, "sec-websocket-key: dGhlIHNhbXBsZSBub25jZ!==\r\n"), "400", ""),
        (upgrade(address, VERSION, KEY).replace("/1.1", "/1.0"), "400", ""),
        (
            upgrade(address, VERSION, KEY).replace("connection: Upgrade\r\n", ""),
            "426",
            "upgrade: websocket",
        ),
    ] {
        let (_, head) = head(address, &request).await;
        assert_eq!(head.split(' ').nth(1), Some(status), "{request}{head}");
        assert!(head.contains(line), "{request}{head}");
    }
}

#[tokio::test]
async fn every_message_gets_an_answer() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    for (text, why) in [
        ("hello", "not a message"),
        ("{", "not a message"),
        ("[]", "without requestId"),
        ("7", "not a message"),
        (r#"{"type":"request","data":{"action":"getSeqInfos"}}"#, "without requestId"),
        (r#"{"requestId":null,"data":{"action":"getSeqInfos"}}"#, "without requestId"),
    ] {
        page.send_text(text).await;
        let answer = page.next_json().await;
        assert_eq!(answer["type"], "response", "{text}");
        assert_eq!(answer["requestId"], Value::Null, "{text}");
        assert_eq!(answer["data"]["success"], false, "{text}");
        let said = answer["data"]["errorMessage"].as_str().unwrap();
        assert!(said.contains(why), "{text}: {said}");
    }
    // An unexpected answer gets no answer; otherwise two endpoints would answer each other forever.
    page.send_text(r#"{"type":"response","requestId":"x","data":{}}"#).await;
    assert_eq!(page.ask(9, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
}

fn combined(measurements: &Value) -> Value {
    json!({"version": "4", "action": "getCombined", "seqName": "chr1", "start": 1, "end": 900_000,
        "measurements": measurements})
}

#[tokio::test]
async fn repeated_names_count_once() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    let once = page.ask(1, combined(&json!({"py_datasource": ["py_column"]}))).await;
    assert_eq!(once["py_datasource"]["cols"]["py_column"].as_array().unwrap().len(), 29);
    page.send(2, combined(&json!({"py_datasource": vec!["py_column"; 20_000]}))).await;
    let many = answer_text(&mut page).await;
    assert_eq!(serde_json::from_str::<Value>(&many).unwrap()["data"], once);
    assert!(many.len() < 20_000, "{} bytes", many.len());

    let rows = |names: Value| {
        json!({"action": "getRows", "datasource": "py_datasource", "seqName": "chr1",
            "start": 1, "end": 20_000, "metadata": names})
    };
    let once = page.ask(3, rows(json!(["py_metadata"]))).await;
    page.send(4, rows(json!(vec!["py_metadata"; 20_000]))).await;
    let many = answer_text(&mut page).await;
    assert_eq!(serde_json::from_str::<Value>(&many).unwrap()["data"], once);
    assert!(many.len() < 20_000, "{} bytes", many.len());
}

/// Returns the text of the next answer.
async fn answer_text(page: &mut Client) -> String {
    loop {
        let text = page.next().await.to_text().unwrap().to_owned();
        if text.starts_with(r#"{"type":"response""#) {
            return text;
        }
    }
}

/// Pages send no such requests, which once blocked all other requests for minutes.
#[tokio::test]
async fn thousands_of_unknown_names_do_not_delay_others() {
    let endpoint = Endpoint::start().await;
    let (mut page, mut other) = (endpoint.connect().await, endpoint.connect().await);
    let unknown = |count: usize| {
        let names = (0..count).map(|n| (format!("nothing-{n}"), json!(["a"])));
        combined(&Value::Object(names.collect()))
    };
    // As many names as a request may have: the answer has an entry without rows for each.
    page.send(1, unknown(2048)).await;
    // More names: the answer is empty.
    page.send(2, unknown(30_000)).await;
    assert_eq!(other.ask(1, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
    let parts = page.answer(1).await;
    assert_eq!(parts.as_object().unwrap().len(), 2048);
    assert_eq!(parts["nothing-7"]["rows"]["start"], json!([]));
    assert_eq!(parts["nothing-7"]["cols"], json!({"a": []}));
    assert_eq!(page.answer(2).await, json!({}));

    let names: Vec<_> = (0..30_000).map(|n| format!("m{n}")).collect();
    let rows = json!({"action": "getRows", "datasource": "peaks", "seqName": "chr1", "start": 1,
        "end": 5000, "metadata": names});
    let answer = page.ask(3, rows).await;
    assert_eq!(answer["values"]["start"], json!([]));
    assert_eq!(answer["values"]["metadata"], json!({}));
}

#[tokio::test]
async fn an_unknown_column_does_not_empty_the_others() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    let rows = |datasource: &str, names: &[&str]| {
        json!({"action": "getRows", "datasource": datasource, "seqName": "chr1",
            "start": 1, "end": 3000, "metadata": names})
    };
    let answer = page.ask(1, rows("peaks", &["no such", "name", "nor this"])).await;
    assert_eq!(answer["values"]["start"], json!([1000, 2000]));
    assert_eq!(
        answer["values"]["metadata"],
        json!({"name": ["p1", "p2"], "no such": [null, null], "nor this": [null, null]})
    );
    // In the requested order, since pages may rely on it.
    page.send(2, rows("peaks", &["no such", "name"])).await;
    let text = answer_text(&mut page).await;
    assert!(text.contains(r#""metadata":{"no such":[null,null],"name":["p1","p2"]}"#), "{text}");
}

/// Requests may be large, and their bodies may arrive slowly. Neither must delay the shutdown.
#[tokio::test]
async fn shutdown_does_not_wait_for_silent_clients() {
    let mut endpoint = Endpoint::start().await;
    let address = endpoint.address;
    let mut peers = Vec::new();
    for bytes in [
        String::new(),
        "GET /healthz HT".to_owned(),
        format!("POST /api HTTP/1.1\r\nhost: {address}\r\ncontent-length: 1000\r\n\r\naction="),
        upgrade(address, VERSION, KEY),
    ] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(bytes.as_bytes()).await.unwrap();
        peers.push(socket);
    }
    // Once a page has been answered, the connections before it have been accepted.
    let mut page = endpoint.connect().await;
    page.ask(1, json!({"action": "getSeqInfos"})).await;
    endpoint.stop.cancel();
    match page.next().await {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Away),
        other => panic!("{other:?}"),
    }
    let served = endpoint.served.take().unwrap();
    tokio::time::timeout(PATIENCE, served).await.expect("the endpoint ends").unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "no connection is accepted any more");
}

/// Starts an endpoint with the mock data and these limits.
async fn limited(limits: Limits) -> (SocketAddr, Arc<Session>, DropGuard) {
    let catalog = Catalog::new(Some(("test".into(), [("chr1", 1_000_000)].into_iter().collect())));
    catalog.add_mock(1);
    let session = Session::new(Provider { catalog, page_rows: 1000 });
    let listener = bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let access = Access::new(address, "https://epiviz.example/", &[]);
    let router = router(session.clone(), access, None, stop.clone());
    let metrics = session.metrics.clone();
    tokio::spawn(serve_limited(listener, router, limits, metrics, stop.clone()));
    (address, session, stop.drop_guard())
}

#[tokio::test]
async fn requests_for_too_many_rows_or_names_are_answered_empty_and_counted() {
    let files = Files::new();
    let assembly = [("chr1", 1_000_000), ("chr2", 500_000)].into_iter().collect();
    let catalog = Catalog::new(Some(("test".into(), assembly)));
    let catalog = catalog.with_limits(RequestLimits::new(1, 3));
    let (_, errors) = catalog.load(files.specs()).await;
    assert!(errors.is_empty(), "{errors:?}");
    let session = Session::new(Provider { catalog, page_rows: 20 });
    let listener = bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let access = Access::new(address, "https://epiviz.example/", &[]);
    tokio::spawn(run(listener, session.clone(), access, None, stop.clone()));
    let _end = stop.drop_guard();
    let mut page = Client::connect(&format!("ws://{address}/ws")).await;
    let rows = |sequence: &str, metadata: &[&str]| {
        json!({"version": "4", "action": "getRows", "datasource": "peaks", "seqName": sequence,
               "start": 1, "end": 5000, "metadata": metadata})
    };
    let starts = |answer: Value| answer["values"]["start"].as_array().map(Vec::len);
    let reached = || session.provider.catalog.limits().reached();
    // chr2 has one row, chr1 two.
    assert_eq!(starts(page.ask(1, rows("chr2", &["name"])).await), Some(1));
    assert_eq!(reached(), [("rows", 0), ("names", 0), ("hits", 0)]);
    let too_many = page.ask(2, rows("chr1", &["name"])).await;
    assert_eq!(starts(too_many.clone()), Some(0), "{too_many}");
    assert_eq!(reached(), [("rows", 1), ("names", 0), ("hits", 0)]);
    let named = page.ask(3, rows("chr2", &["name", "score", "a", "b"])).await;
    assert_eq!(starts(named.clone()), Some(0), "{named}");
    let ask = format!("GET /metrics HTTP/1.0\r\nhost: {address}\r\n\r\n");
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(ask.as_bytes()).await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    for limit in ["rows", "names"] {
        let line = format!("epivizrs_limits_reached_total{{limit=\"{limit}\"}} 1");
        assert!(text.contains(&line), "{text}");
    }
}

#[tokio::test]
async fn deeply_nested_json_is_refused_in_words() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    for data in [deep.clone(), format!("{{\"action\": \"search\", \"q\": {deep}}}")] {
        let id = data.len();
        page.send_text(format!("{{\"requestId\": {id}, \"type\": \"request\", \"data\": {data}}}"))
            .await;
        let answer = page.next_json().await;
        assert!(answer.to_string().contains("rror"), "{answer}");
    }
    let answer = page.ask(1, json!({"action": "search", "q": "TP53"})).await;
    assert!(answer.to_string().contains("TP53"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_with_a_reason() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let (address, session, _end) = limited(limits).await;
    let url = format!("ws://{address}/ws");
    let (mut one, other) = (Client::connect(&url).await, Client::connect(&url).await);
    let ask = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let (_, refused) = head(address, &ask).await;
    assert!(
        refused.starts_with("http/1.1 503") && refused.contains("retry-after: 10"),
        "{refused}"
    );
    assert_eq!(session.metrics.hits(Limit::Connections), 1);
    // Open connections are still served, and a closed one makes room for another.
    assert_eq!(one.ask(1, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
    drop(other);
    let again = async {
        while !head(address, &ask).await.1.starts_with("http/1.1 200") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a connection is accepted again");
}

#[tokio::test]
async fn incomplete_requests_time_out() {
    let limits = Limits { request_time: Duration::from_millis(50), ..Limits::default() };
    let (address, session, _end) = limited(limits).await;
    let body =
        format!("POST /api HTTP/1.1\r\nhost: {address}\r\ncontent-length: 99\r\n\r\naction=");
    let (_socket, late) = head(address, &body).await;
    assert!(late.starts_with("http/1.1 408"), "{late}");
    assert_eq!(session.metrics.hits(Limit::RequestTime), 1);
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET /heal").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, half.read_to_end(&mut rest)).await;
    ended.expect("the connection is closed").unwrap();
}

#[tokio::test]
async fn silent_pages_are_pinged_and_then_disconnected() {
    let limits = Limits { ping_interval: Duration::from_millis(50), ..Limits::default() };
    let (address, session, _end) = limited(limits).await;
    // This client does not answer pings.
    let mut silent = raw(address).await;
    assert_eq!(next_frame(&mut silent).await, (0x89, Vec::new()));
    assert_eq!(next_frame(&mut silent).await, (0x89, Vec::new()));
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut rest)).await;
    let _ = ended.expect("the connection is closed");
    // This client reads, so its library answers pings, and it stays connected.
    let mut page = Client::connect(&format!("ws://{address}/ws")).await;
    page.ask(1, json!({"action": "getSeqInfos"})).await;
    for _ in 0..8 {
        while !page.socket.next().await.unwrap().unwrap().is_ping() {}
    }
    assert_eq!(page.ask(2, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
    assert_eq!(session.pages().len(), 1);
}

#[tokio::test]
async fn a_page_that_does_not_read_is_disconnected() {
    let limits = Limits { ping_interval: Duration::from_millis(50), ..Limits::default() };
    let (address, session, _end) = limited(limits).await;
    let mut page = raw(address).await;
    // Each answer has a thousand rows, so a few fill the socket's buffer.
    let rows = br#"{"requestId":1,"data":{"action":"getRows","datasource":"py_datasource","chr":"chr1","start":1,"end":999999}}"#;
    let flood = frame(0x81, rows).repeat(100);
    let written = async { while page.write_all(&flood).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, written).await.expect("the connection is closed");
    let gone = async {
        while !session.pages().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the page is gone");
}
