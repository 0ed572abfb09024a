//! Limits on what clients may ask for and on what their answers take: each is answered when it is
//! reached, and counted.

use crate::support::{Client, Files, provider};
use epivizrs::catalog::{Catalog, RequestLimits};
use epivizrs::protocol::GetCurrentLocation;
use epivizrs::provider::Provider;
use epivizrs::server::{Access, bind, run};
use epivizrs::session::{Limit, PageLimits, ReplyBudget, Session, SessionConfig};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::{CancellationToken, DropGuard};

struct Endpoint {
    address: SocketAddr,
    session: Arc<Session>,
    _end: DropGuard,
}

impl Endpoint {
    async fn start(provider: Provider, limits: PageLimits, replies: ReplyBudget) -> Self {
        let config = SessionConfig::new(None, String::new(), Duration::from_secs(5));
        let session = Session::restored(provider, config.with_limits(limits, replies)).unwrap();
        let listener = bind("127.0.0.1", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let access = Access::new(address, "https://epiviz.example/", &[]);
        tokio::spawn(run(listener, session.clone(), access, None, stop.clone()));
        Endpoint { address, session, _end: stop.drop_guard() }
    }

    async fn with(limits: PageLimits) -> Self {
        let files = Files::new();
        Self::start(provider(&files).await, limits, ReplyBudget::default()).await
    }

    async fn page(&self) -> Client {
        Client::connect(&format!("ws://{}/ws", self.address)).await
    }

    async fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let ask = format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address);
        socket.write_all(ask.as_bytes()).await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        text
    }

    fn hits(&self, limit: Limit) -> u64 {
        self.session.metrics.hits(limit)
    }
}

fn rows() -> Value {
    json!({"version": "4", "action": "getRows", "datasource": "py_datasource", "seqName": "chr1",
        "start": 1, "end": 900_000, "metadata": ["py_metadata"]})
}

fn starts(answer: &Value) -> usize {
    answer["values"]["start"].as_array().map_or(0, Vec::len)
}

/// Answers that are sent take memory until their clients have read them.
#[tokio::test]
async fn answers_beyond_the_memory_of_answers_have_no_rows_until_there_is_room() {
    let files = Files::new();
    let provider = Provider { page_rows: 1000, ..provider(&files).await };
    let replies = ReplyBudget::new(1 << 20).with_patience(Duration::ZERO);
    let endpoint = Endpoint::start(provider, PageLimits::default(), replies).await;
    let mut page = endpoint.page().await;
    let table = "/api/v1/rows?datasource=py_datasource&region=chr1:1-900000";
    let whole = starts(&page.ask(1, rows()).await);
    assert!(whole > 100, "{whole} rows");
    assert!(endpoint.get(table).await.starts_with("HTTP/1.0 200"));
    let held = endpoint.session.replies().charge(1 << 20).await.unwrap();
    assert_eq!(starts(&page.ask(2, rows()).await), 0);
    let combined = json!({"version": "4", "action": "getCombined", "seqName": "chr1", "start": 1,
        "end": 900_000, "measurements": {"py_datasource": ["py_column"]}});
    assert_eq!(page.ask(3, combined).await, json!({}));
    let refused = endpoint.get(table).await;
    assert!(refused.starts_with("HTTP/1.0 503"), "{refused}");
    assert!(refused.contains("--max-reply-memory"), "{refused}");
    assert_eq!(endpoint.hits(Limit::ReplyMemory), 3);
    let metrics = endpoint.get("/metrics").await;
    for line in [
        "epivizrs_limits_reached_total{limit=\"reply_memory\"} 3",
        "epivizrs_limits_reached_total{limit=\"cache_size\"} ",
        "epivizrs_limits_reached_total{limit=\"open_files\"} ",
        "epivizrs_reply_bytes 1048576",
        "epivizrs_open_files ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    // Small answers need no room.
    assert_eq!(page.ask(4, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
    drop(held);
    assert_eq!(starts(&page.ask(5, rows()).await), whole);
    // What was sent has been read, so nothing is charged any more.
    while endpoint.session.replies().used() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn deep_and_large_messages_are_refused_and_counted() {
    let limits = PageLimits { message: 1 << 20, depth: 10, ..PageLimits::default() };
    let endpoint = Endpoint::with(limits).await;
    let mut page = endpoint.page().await;
    let nested = |levels: usize| {
        let q = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"requestId":7,"type":"request","data":{{"action":"search","q":{q}}}}}"#)
    };
    // The message and its data are two levels.
    page.send_text(nested(8)).await;
    assert_eq!(page.next_json().await["data"], json!([]));
    page.send_text(nested(9)).await;
    let refused = page.next_json().await;
    assert_eq!(refused["requestId"], 7);
    let why = refused["data"]["errorMessage"].as_str().unwrap();
    assert!(why.contains("10 levels deep (--max-depth)"), "{why}");
    assert_eq!(endpoint.hits(Limit::MessageDepth), 1);
    // The same over HTTP.
    let deep = format!("{}1{}", "[".repeat(11), "]".repeat(11));
    let refused = endpoint.get(&format!("/api?action=getCombined&measurements={deep}")).await;
    assert!(refused.contains("levels deep"), "{refused}");
    assert_eq!(endpoint.hits(Limit::MessageDepth), 2);
    // An answer of a page gets no answer.
    page.send_text(r#"{"requestId":1,"type":"response","data":[[[[[[[[[[[]]]]]]]]]]]}"#).await;
    page.send_text("x".repeat((1 << 20) + 1)).await;
    match page.next().await {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Size),
        other => panic!("{other:?}"),
    }
    assert_eq!(endpoint.hits(Limit::MessageDepth), 3);
    assert_eq!(endpoint.hits(Limit::MessageSize), 1);
}

#[tokio::test]
async fn searches_have_a_limited_number_of_hits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bed");
    let lines: String = (0..50).map(|n| format!("chr1\t{n}00\t{n}50\tgene{n}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    let catalog = Catalog::new(Some(("test".into(), [("chr1", 1_000_000)].into_iter().collect())));
    let catalog = catalog.with_limits(RequestLimits::default().with_hits(20));
    let (_, errors) = catalog.load(vec![epivizrs::source::Spec::file(&path)]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let provider = Provider { catalog, page_rows: 20 };
    let endpoint = Endpoint::start(provider, PageLimits::default(), ReplyBudget::default()).await;
    let mut page = endpoint.page().await;
    for (id, (wanted, found)) in (1..).zip([(7, 7), (20, 20), (1000, 20)]) {
        let search = json!({"action": "search", "q": "gene", "maxResults": wanted});
        assert_eq!(page.ask(id, search).await.as_array().unwrap().len(), found);
    }
    let table = endpoint.get("/api/v1/search?q=gene&limit=90&format=tsv").await;
    assert_eq!(table.lines().filter(|line| line.starts_with("gene")).count(), 20);
    let metrics = endpoint.get("/metrics").await;
    assert!(metrics.contains("epivizrs_limits_reached_total{limit=\"hits\"} 2"), "{metrics}");
}

#[tokio::test]
async fn requests_beyond_those_of_one_page_wait_and_are_all_answered() {
    let endpoint = Endpoint::with(PageLimits { requests: 2, ..PageLimits::default() }).await;
    let mut page = endpoint.page().await;
    for id in 0..50 {
        page.send(id, rows()).await;
    }
    let first = page.answer(0).await;
    assert!(starts(&first) > 1);
    for id in 1..50 {
        assert_eq!(page.answer(id).await, first);
    }
    assert!(endpoint.hits(Limit::PageRequests) >= 1);
}

#[tokio::test]
async fn calls_that_a_page_does_not_answer_are_limited() {
    let endpoint = Endpoint::with(PageLimits { calls: 3, ..PageLimits::default() }).await;
    let mut page = endpoint.page().await;
    page.ask(1, json!({"action": "getMeasurements"})).await;
    let handle = endpoint.session.pages().remove(0);
    let call = || handle.call(GetCurrentLocation {}, Duration::from_millis(300));
    let calls: Vec<_> = (0..6).map(|_| call()).collect();
    let answers = futures_util::future::join_all(calls).await;
    let said: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_err().to_string()).collect();
    let refused = said.iter().filter(|said| said.contains("--max-page-calls")).count();
    assert!(refused >= 3, "{said:?}");
    assert_eq!(endpoint.hits(Limit::PageCalls), refused as u64);
    // Those that gave up make room.
    let said = call().await.unwrap_err().to_string();
    assert!(said.contains("did not answer within"), "{said}");
}
