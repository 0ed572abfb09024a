//! Subscriptions: on a console, on a page's socket, as server-sent events, and by polling.

use crate::http::get;
use crate::support::{Client, Endpoint};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(20);

/// A console on a socket.
struct Remote(Client);

impl Remote {
    async fn open(endpoint: &Endpoint) -> Self {
        Remote(Client::connect(&format!("ws://{}/console", endpoint.address)).await)
    }

    /// Returns the answer to a message, and the events before it.
    async fn ask(&mut self, mut message: Value) -> (Value, Vec<Value>) {
        message["id"] = json!("asked");
        self.0.send_text(message.to_string()).await;
        let mut events = Vec::new();
        loop {
            let message = self.0.next_json().await;
            if message["id"] == "asked" {
                return (message, events);
            }
            events.push(message);
        }
    }

    async fn run(&mut self, command: &str) -> Vec<Value> {
        let (answer, events) = self.ask(json!({"command": command})).await;
        assert_eq!(answer["ok"], true, "{command}: {answer}");
        events
    }

    async fn event(&mut self) -> Value {
        self.0.next_json().await
    }
}

/// Causes an event of the topic `data`.
async fn reload(endpoint: &Endpoint) {
    Remote::open(endpoint).await.run("reload peaks").await;
}

/// The kind of an event, its subscription and its record.
fn brief(event: &Value) -> (&str, u64, u64) {
    (
        event["event"].as_str().unwrap(),
        event["subscription"].as_u64().unwrap(),
        event["recno"].as_u64().unwrap(),
    )
}

#[tokio::test]
async fn a_console_has_several_independent_subscriptions() {
    let endpoint = Endpoint::start().await;
    let mut console = Remote::open(&endpoint).await;
    let subscribe = |startrec: i64, numrec: u64| json!({"action": "subscribe", "topic": "data", "startrec": startrec, "numrec": numrec});
    let (answer, _) = console.ask(json!({"action": "subscribe", "topic": "data"})).await;
    assert_eq!(
        answer,
        json!({"id": "asked", "ok": true, "status": 200, "subscription": 1, "next": 1})
    );
    for number in [2, 3] {
        let (answer, _) = console.ask(subscribe(0, 0)).await;
        assert_eq!(answer["subscription"], number, "duplicates are subscriptions too");
    }
    reload(&endpoint).await;
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(console.event().await);
    }
    let mut found: Vec<_> = events.iter().map(brief).collect();
    found.sort_unstable();
    assert_eq!(found, [("data", 1, 1), ("data", 2, 1), ("data", 3, 1), ("eos", 1, 1)]);
    let data = events.iter().find(|event| event["event"] == "data").unwrap();
    assert_eq!((&data["topic"], &data["status"]), (&json!("data"), &json!(200)));
    assert_eq!(data["data"]["what"], "reloaded");
    assert!(data["ts"].as_u64().unwrap() > 1_700_000_000_000, "milliseconds since 1970: {data}");
    // One of them ends, the other goes on.
    let (answer, _) = console.ask(json!({"action": "unsubscribe", "subscription": 2})).await;
    assert_eq!((&answer["ok"], &answer["subscription"]), (&json!(true), &json!(2)));
    reload(&endpoint).await;
    assert_eq!(brief(&console.event().await), ("data", 3, 2));
    // From the end, and from a record on.
    let (answer, _) = console.ask(subscribe(-2, 1)).await;
    assert_eq!(answer["subscription"], 4);
    let found = [console.event().await, console.event().await];
    assert_eq!(found.each_ref().map(brief), [("data", 4, 1), ("eos", 4, 1)]);
    console.ask(subscribe(2, 2)).await;
    assert_eq!(brief(&console.event().await), ("data", 5, 2));
    reload(&endpoint).await;
    let mut found = [console.event().await, console.event().await, console.event().await];
    found.sort_by_key(|event| event["subscription"].as_u64());
    assert_eq!(found.each_ref().map(brief), [("data", 3, 3), ("data", 5, 3), ("eos", 5, 3)]);
    // The command of earlier versions has numbers and times too.
    console.run("subscribe data").await;
    reload(&endpoint).await;
    let found = [console.event().await, console.event().await];
    let plain = found.iter().find(|event| event["event"] != "data" || event["what"].is_string());
    let plain = plain.unwrap();
    assert_eq!((&plain["what"], &plain["recno"]), (&json!("reloaded"), &json!(4)));
}

#[tokio::test]
async fn faults_have_a_status_and_are_well_formed() {
    let endpoint = Endpoint::start().await;
    let mut console = Remote::open(&endpoint).await;
    for (message, status, words) in [
        (json!({"action": "subscribe"}), 400, "name either a source or a topic"),
        (json!({"action": "subscribe", "topic": "news"}), 404, "there is no topic 'news'"),
        (json!({"action": "subscribe", "source": "peeks"}), 404, "did you mean 'peaks'?"),
        (
            json!({"action": "subscribe", "source": "peaks", "numrec": "x"}),
            400,
            "numrec is not valid",
        ),
        (json!({"action": "subscribe", "source": "peaks", "region": "chr1:x"}), 400, "chr1:x"),
        (json!({"action": "unsubscribe", "subscription": 7}), 404, "there is no subscription 7"),
        (json!({"action": "unsubscribe"}), 400, "'subscription' is missing"),
        (json!({"action": "subscribed"}), 404, "there is no action 'subscribed'"),
    ] {
        let (answer, _) = console.ask(message.clone()).await;
        let text = answer["error"].as_str().unwrap();
        assert_eq!(
            (&answer["ok"], &answer["status"]),
            (&json!(false), &json!(status)),
            "{message}"
        );
        assert!(text.contains(words), "{message}: {text}");
    }
    // A datasource that is unloaded ends its stream.
    let (answer, _) =
        console.ask(json!({"action": "subscribe", "source": "peaks", "numrec": 0})).await;
    assert_eq!(answer["ok"], true);
    let events = console.run("unload peaks").await;
    let event = match events.into_iter().next() {
        Some(event) => event,
        None => console.event().await,
    };
    assert_eq!((event["event"].as_str(), event["status"].as_u64()), (Some("shutdown"), Some(410)));
    assert_eq!(event["text"], "'peaks' is no longer served");
}

#[tokio::test]
async fn what_can_be_asked_for_is_described() {
    let endpoint = Endpoint::start().await;
    let mut console = Remote::open(&endpoint).await;
    let (answer, _) = console.ask(json!({"action": "describe"})).await;
    let over_http = get(endpoint.address, "/api/v1/describe").await.json();
    assert_eq!(answer["data"], over_http);
    let named = |list: &str, name: &str| {
        let items = over_http[list].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    assert_eq!(named("commands", "load")["role"], "admin");
    assert_eq!(named("commands", "compute")["role"], "drive");
    assert_eq!(named("requests", "getRows")["role"], "view");
    assert_eq!(named("topics", "log")["role"], "the owner");
    assert_eq!(named("actions", "subscribe")["role"], "view");
    assert!(named("subscribe", "startrec")["takes"].as_str().unwrap().contains("next record"));
    assert_eq!(over_http["streams"][0], json!({"topic": "charts", "first": 1, "next": 1}));
}

#[tokio::test]
async fn a_page_and_its_programs_subscribe_on_the_page_socket() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    let answer = page
        .ask(1, json!({"action": "subscribe", "topic": "data", "numrec": 2, "version": "4"}))
        .await;
    assert_eq!(answer, json!({"success": true, "subscription": 1, "next": 1}));
    let answer = page.ask(2, json!({"action": "subscribe", "topic": "nothing"})).await;
    assert_eq!((&answer["success"], &answer["status"]), (&json!(false), &json!(404)));
    reload(&endpoint).await;
    reload(&endpoint).await;
    let mut events = Vec::new();
    while events.len() < 3 {
        let message = page.next_json().await;
        if message["type"] == "event" {
            events.push(message);
        }
    }
    let found: Vec<_> = events.iter().map(brief).collect();
    assert_eq!(found, [("data", 1, 1), ("data", 1, 2), ("eos", 1, 2)]);
    let answer = page.ask(3, json!({"action": "unsubscribe", "subscription": 1})).await;
    assert_eq!(answer["status"], 404, "it has ended");
    let described = page.ask(4, json!({"action": "describe"})).await;
    assert!(described["requests"].as_array().unwrap().len() > 10);
}

/// Server-sent events.
struct Events(BufReader<TcpStream>);

impl Events {
    async fn open(address: SocketAddr, query: &str, headers: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET /api/v1/stream?{query} HTTP/1.0\r\nhost: {address}\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut events = Events(BufReader::new(socket));
        let head = events.paragraph().await.unwrap();
        assert!(head.contains("200 OK") && head.contains("text/event-stream"), "{head}");
        events
    }

    /// The lines up to an empty one; none at the end.
    async fn paragraph(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line)).await.unwrap();
            if read.unwrap() == 0 {
                return None;
            }
            if line.trim().is_empty() {
                return Some(text);
            }
            text += &line;
        }
    }

    /// The id of the next event, its name, and its data.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        let text = self.paragraph().await?;
        let line = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key));
            found.unwrap_or_default().to_owned()
        };
        let data = serde_json::from_str(&line("data: ")).unwrap_or_default();
        Some((line("id: "), line("event: "), data))
    }
}

#[tokio::test]
async fn server_sent_events_are_resumed_by_their_last_id() {
    let endpoint = Endpoint::start().await;
    let mut events = Events::open(endpoint.address, "topic=data", "").await;
    assert_eq!(events.next().await.unwrap().0, "0", "where to go on if it is cut off now");
    reload(&endpoint).await;
    reload(&endpoint).await;
    let (id, name, data) = events.next().await.unwrap();
    assert_eq!((id.as_str(), name.as_str(), &data["recno"]), ("1", "data", &json!(1)));
    // The client is gone without a word, and misses one more.
    drop(events);
    reload(&endpoint).await;
    let mut events = Events::open(endpoint.address, "topic=data", "last-event-id: 1\r\n").await;
    assert_eq!(events.next().await.unwrap().0, "1");
    for id in ["2", "3"] {
        assert_eq!(events.next().await.unwrap().0, id, "each record once");
    }
    // A number of records, then the end.
    let mut two = Events::open(endpoint.address, "topic=data&startrec=-3&numrec=2", "").await;
    let mut names = Vec::new();
    while let Some((id, name, _)) = two.next().await {
        names.push(format!("{name} {id}"));
    }
    assert_eq!(names, [" 0", "data 1", "data 2", "eos 2"]);
    // The endpoint ends.
    endpoint.stop.cancel();
    let (_, name, data) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &data["status"]), ("shutdown", &json!(503)));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn polls_wait_for_the_next_record() {
    let endpoint = Endpoint::start().await;
    let poll = async |query: &str| {
        let answer = get(endpoint.address, &format!("/api/v1/stream?topic=data&{query}")).await;
        (answer.status, answer.text().to_owned())
    };
    let (status, text) = poll("after=0&wait=0").await;
    assert_eq!((status, text.as_str()), (200, r#"{"after":0,"events":[]}"#));
    let (waited, ()) = tokio::join!(poll("after=0&wait=30"), reload(&endpoint));
    let answer: Value = serde_json::from_str(&waited.1).unwrap();
    assert_eq!((&answer["after"], &answer["events"][0]["recno"]), (&json!(1), &json!(1)));
    reload(&endpoint).await;
    let (_, text) = poll("after=0&wait=30").await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (answer["after"].as_u64(), answer["events"].as_array().unwrap().len()),
        (Some(2), 2)
    );
    assert_eq!(poll("after=x").await.0, 400);
    assert_eq!(poll("startrek=1").await.0, 400);
    let answer = get(endpoint.address, "/api/v1/stream?topic=nothing").await;
    assert_eq!((answer.status, answer.text().starts_with("there is no topic")), (404, true));
}
