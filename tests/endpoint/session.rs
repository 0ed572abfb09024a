//! Pages over real sockets: connecting, requests in both directions, faults and disconnecting.

use crate::support::{Client, Endpoint};
use epivizrs::error::PageError;
use epivizrs::genome::{Region, Sequences};
use epivizrs::protocol::{Redraw, WriteMsg};
use epivizrs::source::{ColumnInfo, Level, Shape, Source};
use epivizrs::table::Table;
use futures_util::SinkExt;
use serde_json::{Map, Value, json};
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

/// The requests that pages of each version send upon connecting, without waiting for answers.
fn launch(version: &str) -> Vec<Value> {
    let mut first = json!({"version": version, "action": "getMeasurements"});
    let mut second = json!({"version": version, "action": "getSeqInfos"});
    if matches!(version, "4.1" | "5") {
        first["datasourceGroup"] = json!("websocket-0");
        second["datasourceGroup"] = json!("websocket-0");
    }
    let mut requests = vec![first, second];
    if version != "2" {
        requests.push(json!({"action": "registerChartTypes", "data": {"0": {"chartName": "epiviz.plugins.charts.BlocksTrack"}}}));
    }
    requests
}

#[tokio::test]
async fn pages_of_each_version_connect() {
    let endpoint = Endpoint::start().await;
    for version in ["2", "4", "4.1", "5"] {
        let mut page = endpoint.connect().await;
        let requests = launch(version);
        // The ids of real pages have gaps.
        for (index, request) in requests.iter().enumerate() {
            page.send(1 + 2 * index as u64, request.clone()).await;
        }
        let mut answers = std::collections::BTreeMap::new();
        while answers.len() < requests.len() {
            let answer = page.next_json().await;
            if answer["type"] == "request" {
                continue;
            }
            answers.insert(answer["requestId"].as_u64().unwrap(), answer["data"].clone());
        }
        assert_eq!(answers[&1]["id"].as_array().unwrap().len(), 4, "version {version}");
        assert_eq!(answers[&3][0][0], "chr1", "version {version}");
        if version != "2" {
            assert_eq!(answers[&5], json!({}));
        }
    }
}

#[tokio::test]
async fn concurrent_requests_are_each_answered_once_with_their_id() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    for id in 0..200u64 {
        page.send(id, json!({"version": "4", "action": "getValues", "datasource": "py_datasource", "measurement": "py_column", "seqName": "chr1", "start": 1 + 1000 * id, "end": 1000 + 1000 * id})).await;
    }
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 200 {
        let message = page.next_json().await;
        if message["type"] == "response" {
            let id = message["requestId"].as_u64().unwrap();
            assert!(seen.insert(id), "{id} was answered twice");
            assert_eq!(message["data"]["globalStartIndex"], id, "the answer to another request");
        }
    }
}

#[tokio::test]
async fn pages_number_their_requests_independently() {
    let endpoint = Endpoint::start().await;
    let (mut one, mut two) = (endpoint.connect().await, endpoint.connect().await);
    one.send(1, json!({"action": "getSeqInfos", "version": "4"})).await;
    two.send(1, json!({"action": "search", "q": "TP53I3", "maxResults": 3, "version": "4"})).await;
    assert_eq!(two.answer(1).await[0]["gene"], "TP53I3");
    assert_eq!(one.answer(1).await[0][0], "chr1");
}

#[tokio::test]
async fn invalid_messages_are_answered_if_possible_and_do_not_end_the_connection() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    for noise in [
        "",
        "{",
        "[1,2]",
        "null",
        "\"text\"",
        r#"{"type":"response","requestId":99,"data":{}}"#,
        r#"{"data":{"action":"getRows"}}"#,
    ] {
        page.send_text(noise).await;
    }
    let refused = page.ask(1, json!({"action": "makeCoffee"})).await;
    assert_eq!(
        refused,
        json!({"success": false, "errorMessage": "the action 'makeCoffee' is not known"})
    );
    let refused = page.ask(2, json!({"version": "4", "action": "getHierarchy"})).await;
    assert_eq!(refused["success"], false);
    page.send_text(r#"{"requestId":"a string","type":"request"}"#).await;
    let answer = page.next_json().await;
    assert_eq!(answer["requestId"], "a string");
    assert_eq!(answer["data"]["success"], false);
    assert_eq!(page.ask(3, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
}

#[tokio::test]
async fn an_oversized_message_closes_the_connection_with_the_reason() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    let large = "x".repeat(5 << 20);
    // The endpoint may close before all of it is written.
    let _ = page.socket.send(Message::text(large)).await;
    match page.next().await {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Size),
        other => panic!("{other:?}"),
    }
    // Other connections are not affected.
    let mut other = endpoint.connect().await;
    assert_eq!(other.ask(1, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
}

#[tokio::test]
async fn other_origins_are_refused_with_the_remedy() {
    let endpoint = Endpoint::start().await;
    let connect = |origin: &'static str| {
        let url = format!("ws://{}/ws", endpoint.address);
        async move {
            use tokio_tungstenite::tungstenite::client::IntoClientRequest;
            let mut request = url.into_client_request().unwrap();
            request.headers_mut().insert("Origin", origin.parse().unwrap());
            tokio_tungstenite::connect_async(request).await
        }
    };
    match connect("https://evil.example").await {
        Err(WsError::Http(response)) => {
            assert_eq!(response.status(), 403);
            let body = String::from_utf8(response.body().clone().unwrap()).unwrap();
            assert!(body.contains("--allow-origin 'https://evil.example'"), "{body}");
        }
        other => panic!("{other:?}"),
    }
    assert!(connect("https://epiviz.example").await.is_ok());
}

/// Sends the first requests of a page, and waits until the endpoint counts it as one.
async fn known(endpoint: &Endpoint, page: &mut Client) {
    page.ask(1000, json!({"action": "getSeqInfos"})).await;
    page.ask(1001, json!({"action": "registerChartTypes", "data": {}})).await;
    while endpoint.session.ready_pages().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_plotted_chart_gets_its_settings_and_can_be_removed() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    known(&endpoint, &mut page).await;
    let session = endpoint.session.clone();
    let measurement = session.provider.catalog.listing().measurement("py_column").unwrap().clone();
    let plotting = tokio::spawn({
        let session = session.clone();
        async move { session.plot(&[measurement], None, Map::new(), Vec::new()).await }
    });
    let add = page.next_action().await;
    assert_eq!(add["data"]["action"], "addChart");
    assert_eq!(add["data"]["type"], "epiviz.plugins.charts.LineTrack");
    let measurements: Value =
        serde_json::from_str(add["data"]["measurements"].as_str().unwrap()).unwrap();
    assert_eq!(measurements[0]["datasourceGroup"], "py_datasourcegroup");
    let reply = |request: &Value, value: Value| {
        json!({"type": "response", "requestId": request["requestId"], "data": {"success": true, "errorMessage": null, "value": value}}).to_string()
    };
    page.send_text(reply(&add, json!({"id": "track-lines-1"}))).await;
    let settings = page.next_action().await;
    assert_eq!(settings["data"]["action"], "setChartSettings");
    assert_eq!(settings["data"]["chartId"], "track-lines-1");
    assert_eq!(settings["data"]["settings"]["step"], 1);
    assert!(!settings["data"]["colorMap"].as_array().unwrap().is_empty());
    page.send_text(reply(&settings, Value::Null)).await;
    let chart = plotting.await.unwrap().unwrap();
    assert_eq!(session.charts().len(), 1);

    let removing = tokio::spawn({
        let session = session.clone();
        async move { session.remove_charts(&[chart.number]).await }
    });
    let remove = page.next_action().await;
    assert_eq!(
        (&remove["data"]["action"], &remove["data"]["chartId"]),
        (&json!("removeChart"), &json!("track-lines-1"))
    );
    page.send_text(reply(&remove, Value::Null)).await;
    removing.await.unwrap().unwrap();
    assert!(session.charts().is_empty());
    assert!(session.remove_charts(&[chart.number]).await.is_err());
}

#[tokio::test]
async fn failures_of_pages_are_distinguished() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    known(&endpoint, &mut page).await;
    let handle = endpoint.session.pages().remove(0);

    // Pages never answer `writeMsg`, so the call does not wait.
    handle.call(WriteMsg { msg: "hello".into() }, Duration::from_secs(60)).await.unwrap();
    assert_eq!(page.next_action().await["data"]["msg"], "hello");

    let silent = handle.call(Redraw {}, Duration::from_millis(1)).await;
    assert!(matches!(silent, Err(PageError::TimedOut(_))));
    let late = page.next_action().await["requestId"].clone();
    // A late and repeated answer is ignored.
    for _ in 0..2 {
        page.send_text(
            json!({"type": "response", "requestId": late, "data": {"success": true}}).to_string(),
        )
        .await;
    }

    let call = tokio::spawn({
        let handle = handle.clone();
        async move { handle.call(Redraw {}, Duration::from_secs(60)).await }
    });
    let id = page.next_action().await["requestId"].clone();
    page.send_text(json!({"type": "response", "requestId": id, "data": {"success": false, "errorMessage": "no"}}).to_string()).await;
    assert_eq!(call.await.unwrap().unwrap_err(), PageError::Refused("no".into()));

    let call = tokio::spawn(async move { handle.call(Redraw {}, Duration::from_secs(60)).await });
    page.next_action().await;
    drop(page);
    assert_eq!(call.await.unwrap().unwrap_err(), PageError::Disconnected);
}

#[tokio::test]
async fn a_request_for_locations_without_a_page_is_an_error() {
    let endpoint = Endpoint::start().await;
    // The location is saved for the next page.
    endpoint.session.go(&Region::new("chr1", 0, 10), None).await.unwrap();
    let error = endpoint.session.locations(None).await.unwrap_err();
    assert!(error.to_string().contains("no page is connected"));
}

#[tokio::test]
async fn shutdown_sends_a_close_frame() {
    let mut endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    known(&endpoint, &mut page).await;
    endpoint.stop.cancel();
    let last = loop {
        match page.next().await {
            Message::Text(_) => {}
            last => break last,
        }
    };
    match last {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Away),
        other => panic!("{other:?}"),
    }
    endpoint.served.take().unwrap().await.unwrap();
}

/// A page that zooms out requests more rows than a view may have at its current level: its cache of
/// the group is cleared before it redraws.
#[tokio::test]
async fn a_new_level_clears_the_cache_before_redrawing() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    let rows = |start: u32, end: u32| json!({"version": "4", "action": "getRows", "datasource": "py_datasource", "seqName": "chr1", "start": start, "end": end, "metadata": []});
    let near = page.ask(1, rows(1, 20_000)).await;
    assert_eq!(near["values"]["start"].as_array().unwrap().len(), 20);
    page.send(2, rows(1, 900_000)).await;
    let mut actions = Vec::new();
    while actions.last() != Some(&json!("redraw")) {
        let message = page.next_json().await;
        if message["data"]["action"].is_string() {
            actions.push(message["data"]["action"].clone());
        }
    }
    actions.retain(|action| action != "getCurrentLocation");
    assert_eq!(actions, ["clearDatasourceGroupCache", "redraw"]);
}

/// A source that does not read the first base before the test allows it.
struct Gate {
    sequences: Sequences,
    opened: Mutex<mpsc::Receiver<()>>,
}

impl Source for Gate {
    fn shape(&self) -> Shape {
        Shape::Features
    }
    fn sequences(&self) -> &Sequences {
        &self.sequences
    }
    fn columns(&self) -> &[ColumnInfo] {
        &[]
    }
    fn rows(&self, _: &Region, _: Level) -> u64 {
        1
    }
    fn first_view(&self) -> Option<Region> {
        None
    }
    fn read(&self, region: &Region, _: Level, _: &[&str]) -> epivizrs::error::Result<Table> {
        if region.start == 0 {
            self.opened.lock().unwrap().recv().unwrap();
        }
        Ok(Table { start: vec![region.start], end: vec![region.end], ..Table::default() })
    }
}

/// The real page's block track throws if values arrive before rows that it requested earlier.
#[tokio::test]
async fn replies_of_one_group_stay_in_order_and_others_may_overtake_them() {
    let endpoint = Endpoint::start().await;
    let (open, opened) = mpsc::channel();
    let sequences = [("chr1", 1_000_000)].into_iter().collect();
    let gate = Gate { sequences, opened: Mutex::new(opened) };
    endpoint.session.provider.catalog.add("gate", gate);
    let mut page = endpoint.connect().await;
    let rows = |datasource: &str, start: u32| {
        json!({"version": "4", "action": "getRows", "datasource": datasource, "seqName": "chr1",
            "start": start, "end": start + 10, "metadata": []})
    };
    page.send(1, rows("gate", 1)).await;
    page.send(2, rows("gate", 500)).await;
    page.send(3, rows("peaks", 1)).await;
    let mut order = Vec::new();
    while order.len() < 3 {
        let message = page.next_json().await;
        if message["type"] == "response" {
            order.push(message["requestId"].as_u64().unwrap());
            if order.len() == 1 {
                open.send(()).unwrap();
            }
        }
    }
    assert_eq!(order, [3, 1, 2]);
}

/// Such a page takes an index of 0 for none.
#[tokio::test]
async fn ranks_of_pages_of_version_2_begin_at_1() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    for (id, version, first) in [(1, "2", 1), (3, "4", 0)] {
        let place = json!({"version": version, "datasource": "peaks", "seqName": "chr1",
            "start": 1, "end": 5_000, "metadata": ["name"], "measurement": "peaks.score"});
        let asked = |action: &str| {
            let mut data = place.clone();
            data["action"] = json!(action);
            data
        };
        let rows = page.ask(id, asked("getRows")).await;
        assert_eq!(rows["globalStartIndex"], first, "version {version}");
        assert_eq!(rows["values"]["id"], json!([first, first + 1]));
        let values = page.ask(id + 1, asked("getValues")).await;
        assert_eq!(
            (&values["globalStartIndex"], &values["values"]),
            (&json!(first), &json!([5.0, 7.5]))
        );
    }
}
