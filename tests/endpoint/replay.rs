//! Sessions: pages are synchronised with the session's charts and location.

mod by_hand;

use crate::fake_page::{FakePage, Manner, Manners, Shown, obedient, when};
use epivizrs::catalog::Catalog;
use epivizrs::genome::Region;
use epivizrs::provider::Provider;
use epivizrs::server::{self, Access};
use epivizrs::session::{Session, SessionConfig};
use epivizrs::store::Store;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};

const PATIENCE: Duration = Duration::from_millis(300);

struct Endpoint {
    session: Arc<Session>,
    address: SocketAddr,
    _stop: DropGuard,
}

async fn endpoint(state: Option<&Path>) -> Endpoint {
    let catalog = Catalog::new(None);
    catalog.add_mock(1);
    let provider = Provider { catalog, page_rows: 1000 };
    let store = state.map(|folder| Store::open(folder).unwrap());
    let keeping = SessionConfig::new(store, "mock".into(), PATIENCE);
    let session = Session::restored(provider, keeping).unwrap();
    let listener = server::bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let access = Access::new(address, "http://localhost", &[]);
    tokio::spawn(server::run(listener, session.clone(), access, None, stop.clone()));
    Endpoint { session, address, _stop: stop.drop_guard() }
}

impl Endpoint {
    async fn page(&self, manners: Manners) -> FakePage {
        FakePage::open(self.address, "/ws", manners).await
    }

    /// Waits until this many pages are ready and synchronised.
    async fn settled(&self, pages: usize) {
        let waited = async {
            while self.session.ready_pages().len() != pages || !self.session.is_settled() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waited).await.expect("synchronised pages");
    }

    async fn plot(&self, title: &str) -> Result<usize, String> {
        let listing = self.session.provider.catalog.listing();
        let measurement = listing.measurement("py_column").unwrap().clone();
        let settings = Map::from_iter([("title".to_owned(), Value::from(title))]);
        let colors = vec!["#123456".into()];
        let plotted = self.session.plot(&[measurement], None, settings, colors).await;
        plotted.map(|chart| chart.number).map_err(|error| error.to_string())
    }

    /// Asserts that a page shows exactly the session's state.
    fn assert_shows(&self, shown: &Shown) {
        let state = self.session.state();
        let drawn: Vec<_> = shown
            .charts
            .iter()
            .map(|c| (c.kind.clone(), c.measurements.clone(), c.settings.clone(), c.colors.clone()))
            .collect();
        let wanted: Vec<_> = state
            .charts
            .iter()
            .map(|c| {
                let kind = c.kind.page_name().to_owned();
                (kind, c.measurements.clone(), json!(c.settings), json!(c.colors))
            })
            .collect();
        assert_eq!(drawn, wanted);
        if state.went {
            assert_eq!(shown.location, json!(state.place));
        }
    }
}

fn titles(shown: &Shown) -> Vec<&str> {
    shown.charts.iter().filter_map(|chart| chart.settings["title"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_page_is_synchronised_once_and_in_order() {
    let endpoint = endpoint(None).await;
    for title in ["a", "b", "c"] {
        endpoint.plot(title).await.unwrap();
    }
    endpoint.session.go(&Region::new("pyChr", 99, 200), None).await.unwrap();
    // Two pages at the same time; one has version 2 and does not register chart types.
    let (mut one, mut two) = tokio::join!(
        endpoint.page(obedient()),
        FakePage::of_version(endpoint.address, "/ws", "2", obedient())
    );
    let there = |shown: &Shown| shown.asked.iter().any(|action| action == "navigate");
    let (add, set) = (["addChart"; 3], ["setChartSettings"; 3]);
    let shown = one.until(there).await;
    endpoint.assert_shows(&shown);
    assert_eq!(shown.asked, [&add[..], &set[..], &["navigate"]].concat());
    // That version has no settings, and would not answer a request for them.
    let shown = two.until(there).await;
    assert_eq!(shown.asked, [&add[..], &["navigate"]].concat());
    // Later changes arrive once, too.
    endpoint.settled(2).await;
    endpoint.session.remove_charts(&[2]).await.unwrap();
    endpoint.plot("d").await.unwrap();
    assert_eq!(titles(&one.now()), ["a", "c", "d"]);
    endpoint.assert_shows(&one.now());
    let charts = |shown: Shown| shown.charts.into_iter().map(|chart| chart.id).collect::<Vec<_>>();
    assert_eq!(charts(two.now()), ["chart-1", "chart-3", "chart-4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_under_changes_end_in_the_sessions_state() {
    let endpoint = endpoint(None).await;
    endpoint.plot("first").await.unwrap();
    for round in 0..20 {
        // The state changes while the page is being synchronised.
        let title = round.to_string();
        let (page, plotted) = tokio::join!(endpoint.page(obedient()), endpoint.plot(&title));
        let plotted = plotted.unwrap();
        endpoint.session.go(&Region::new("pyChr", round, round + 100), None).await.unwrap();
        if round % 3 == 0 {
            endpoint.session.remove_charts(&[plotted]).await.unwrap();
        }
        endpoint.settled(1).await;
        endpoint.assert_shows(&page.now());
        page.task.abort();
        let _ = page.task.await;
        endpoint.settled(0).await;
    }
    assert_eq!(endpoint.session.charts().len(), 1 + 20 - 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_disconnects_midway_does_not_affect_others() {
    let endpoint = endpoint(None).await;
    for title in ["a", "b", "c"] {
        endpoint.plot(title).await.unwrap();
    }
    let dies: Manners = Arc::new(|action, before| match (action, before) {
        ("addChart", 1) => Manner::HangsUp,
        _ => Manner::Obeys,
    });
    let (dying, mut other) = tokio::join!(endpoint.page(dies), endpoint.page(obedient()));
    dying.task.await.unwrap();
    let shown = other.until(|shown| shown.charts.len() == 3 && titles(shown).len() == 3).await;
    assert_eq!(titles(&shown), ["a", "b", "c"]);
    endpoint.settled(1).await;
    // The same, while a command waits for the page.
    let dies = endpoint.page(when("removeChart", Manner::HangsUp)).await;
    endpoint.settled(2).await;
    endpoint.session.remove_charts(&[1]).await.unwrap();
    dies.task.await.unwrap();
    endpoint.assert_shows(&other.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_timeouts_name_the_page() {
    let endpoint = endpoint(None).await;
    let good = endpoint.page(obedient()).await;
    endpoint.settled(1).await;
    let _bad = endpoint.page(when("addChart", Manner::Refuses)).await;
    endpoint.settled(2).await;
    let bad = endpoint.session.ready_pages()[1].id();
    assert_eq!(endpoint.plot("x").await, Ok(1));
    let undrawn = endpoint.session.undrawn(1);
    assert_eq!(undrawn, [format!("page {bad} refused chart 1: no, thank you")]);
    // One page shows the chart, so it stays; it is not sent to the other page at every change.
    assert_eq!(titles(&good.now()), ["x"]);
    endpoint.session.go(&Region::new("chr1", 5, 50), None).await.unwrap();

    let silent = endpoint.page(when("navigate", Manner::IsSilent)).await;
    endpoint.settled(3).await;
    let id = endpoint.session.ready_pages()[2].id();
    let error = endpoint.session.go(&Region::new("chr1", 6, 60), None).await.unwrap_err();
    assert_eq!(error.to_string(), format!("page {id} did not answer within 0.3 s"));
    assert_eq!(good.now().location["start"], 7);
    assert_eq!(silent.now().charts.len(), 1, "the other actions were performed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_every_page_refuses_is_removed() {
    let endpoint = endpoint(None).await;
    let _page = endpoint.page(when("addChart", Manner::Refuses)).await;
    endpoint.settled(1).await;
    assert!(endpoint.plot("x").await.unwrap_err().contains("refused chart 1"));
    assert!(endpoint.session.charts().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_or_late_answer_counts_once() {
    let endpoint = endpoint(None).await;
    let twice: Manners = Arc::new(|_, _| Manner::AnswersTwice);
    let page = endpoint.page(twice).await;
    endpoint.settled(1).await;
    endpoint.plot("a").await.unwrap();
    endpoint.plot("b").await.unwrap();
    endpoint.session.remove_charts(&[1]).await.unwrap();
    endpoint.assert_shows(&page.now());
    assert_eq!(titles(&page.now()), ["b"]);

    // This page draws the first chart at once and answers only upon the next request.
    let late: Manners = Arc::new(|action, before| match (action, before) {
        ("addChart", 1) => Manner::IsLate,
        _ => Manner::Obeys,
    });
    let mut late = endpoint.page(late).await;
    endpoint.settled(2).await;
    let error = endpoint.plot("c").await.unwrap_err();
    assert!(error.contains("did not answer about chart 3 within 0.3 s"), "{error}");
    endpoint.session.locations(None).await.unwrap();
    let shown = late.until(|shown| titles(shown).len() == 2).await;
    assert_eq!(titles(&shown), ["b", "c"]);
    endpoint.settled(2).await;
    endpoint.assert_shows(&late.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_by_users_reach_the_other_pages_without_loops() {
    let endpoint = endpoint(None).await;
    let (one, mut two) = (endpoint.page(obedient()).await, endpoint.page(obedient()).await);
    endpoint.settled(2).await;
    endpoint.plot("a").await.unwrap();
    let id = one.now().charts[0].id.clone();
    one.request(&json!({"action": "setChartSettings", "chartId": id, "colorMap": ["#abcdef"]}));
    let shown = two.until(|shown| shown.charts[0].colors == json!(["#abcdef"])).await;
    assert_eq!(titles(&shown), ["a"], "the settings stay");
    let settings = json!({"yMax": 9});
    one.request(&json!({"action": "setChartSettings", "chartId": id, "settings": settings, "colorMap": null}),
    );
    two.until(|shown| shown.charts[0].settings["yMax"] == 9).await;
    endpoint.settled(2).await;
    // A loop would continue; an answer of each page shows that the page has received everything.
    for _ in 0..3 {
        endpoint.session.locations(None).await.unwrap();
    }
    let pushes = |page: &FakePage| {
        page.now().asked.iter().filter(|action| *action == "setChartSettings").count()
    };
    assert_eq!((pushes(&one), pushes(&two)), (1, 3));
    assert_eq!(endpoint.session.charts()[0].colors, ["#abcdef"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn named_sessions_share_only_the_data() {
    let endpoint = endpoint(None).await;
    let plain = endpoint.page(obedient()).await;
    let lab = FakePage::open(endpoint.address, "/ws/lab", obedient()).await;
    let named = endpoint.session.named("lab").unwrap();
    endpoint.settled(1).await;
    while named.ready_pages().is_empty() {
        tokio::task::yield_now().await;
    }
    named.go(&Region::new("chr1", 5, 50), None).await.unwrap();
    endpoint.plot("x").await.unwrap();
    assert_eq!((plain.now().charts.len(), lab.now().charts.len()), (1, 0));
    assert_eq!(
        (&plain.now().location["start"], &lab.now().location["start"]),
        (&json!(1), &json!(6))
    );
    assert!(endpoint.session.named("../etc").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_endpoint_restores_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let before = {
        let endpoint = endpoint(Some(folder.path())).await;
        endpoint.plot("a").await.unwrap();
        endpoint.session.go(&Region::new("pyChr", 9, 20), None).await.unwrap();
        endpoint.session.named("lab").unwrap().go(&Region::new("chr1", 5, 50), None).await.unwrap();
        // Acknowledged changes must be saved already: the endpoint is not shut down properly.
        endpoint.session.state()
    };
    let endpoint = endpoint(Some(folder.path())).await;
    assert_eq!(endpoint.session.state(), before);
    assert!(endpoint.session.named("lab").unwrap().state().went);
    let mut page = endpoint.page(obedient()).await;
    let shown = page.until(|shown| shown.location["seqName"] == "pyChr").await;
    endpoint.assert_shows(&shown);
}

/// A page whose settings name this endpoint for workspaces opens a second connection for them, on
/// which it registers nothing (`docs/protocol.md`, 2.2). Charts sent there would be lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_for_workspaces_is_not_a_page() {
    let endpoint = endpoint(None).await;
    let mut page = endpoint.page(obedient()).await;
    let stream = TcpStream::connect(endpoint.address).await.unwrap();
    let url = format!("ws://{}/ws", endpoint.address);
    let mut second = tokio_tungstenite::client_async(url, stream).await.unwrap().0;
    let ask = |id: u64, data: Value| {
        let request = json!({"requestId": id, "type": "request", "data": data});
        Message::text(request.to_string())
    };
    second.send(ask(6, json!({"action": "registerChartTypes", "data": null}))).await.unwrap();
    second.send(ask(7, json!({"action": "getWorkspaces", "q": ""}))).await.unwrap();
    endpoint.plot("a").await.unwrap();
    page.until(|shown| titles(shown) == ["a"]).await;
    assert_eq!(endpoint.session.pages().len(), 1);
    // Any request to it would arrive before the answer to this.
    second.send(ask(8, json!({"action": "getWorkspaces", "q": ""}))).await.unwrap();
    // Answers are sent in the order in which they are ready.
    let mut answered = Vec::new();
    while answered.len() < 3 {
        let message = second.next().await.unwrap().unwrap();
        let message: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(message["type"], "response");
        answered.extend(message["requestId"].as_u64());
    }
    answered.sort_unstable();
    assert_eq!(answered, [6, 7, 8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_saves_finds_and_deletes_workspaces() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = endpoint(Some(folder.path())).await;
    endpoint.plot("a").await.unwrap();
    let mut page = endpoint.page(obedient()).await;
    endpoint.settled(1).await;
    let content = "%7B%22range%22%3Anull%2C%22name%22%3A%22T%C3%BC%22%7D";
    page.request(
        &json!({"action": "saveWorkspace", "id": null, "name": "mine", "content": content}),
    );
    let saved = page.until(|shown| shown.answers.iter().any(|a| a["data"].is_string())).await;
    let id = saved.answers.iter().find(|a| a["data"].is_string()).unwrap()["data"].clone();
    page.request(&json!({"action": "getWorkspaces", "q": "MIN", "ws": null}));
    let found = page.until(|shown| shown.answers.iter().any(|a| a["data"][0]["id"] == id)).await;
    let found = found.answers.iter().find(|a| a["data"][0]["id"] == id).unwrap();
    assert_eq!(found["data"][0]["name"], "mine");
    assert_eq!(found["data"][0]["content"], "{\"range\":null,\"name\":\"Tü\"}");
    page.request(&json!({"action": "deleteWorkspace", "id": id}));
    page.until(|shown| shown.answers.iter().any(|a| a["data"] == json!({"success": true}))).await;
    assert!(endpoint.session.workspaces().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_opens_as_it_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = endpoint(Some(folder.path())).await;
    let page = endpoint.page(obedient()).await;
    endpoint.settled(1).await;
    endpoint.plot("a").await.unwrap();
    endpoint.plot("b").await.unwrap();
    endpoint.session.go(&Region::new("pyChr", 9, 20), None).await.unwrap();
    endpoint.session.save_as("two charts").await.unwrap();
    let before = page.now();
    endpoint.session.remove_charts(&[1, 2]).await.unwrap();
    endpoint.session.go(&Region::new("chr1", 0, 20), None).await.unwrap();
    endpoint.session.open("two charts").await.unwrap();
    assert_eq!(titles(&page.now()), ["a", "b"]);
    assert_eq!(page.now().location, before.location);
    endpoint.assert_shows(&page.now());
    assert!(endpoint.session.open("three").await.is_err());
    endpoint.session.delete("two charts").await.unwrap();
    assert!(endpoint.session.import("[1]").await.is_err());
}

/// A file's largest score would flatten all others, so the line charts of an idle page are scaled
/// to its view. Other pages and the saved session do not get these limits, and when the page's
/// settings dialog sends them back, they do not count as the user's choice.
#[tokio::test]
async fn a_chart_is_scaled_to_the_view_of_an_idle_page() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peaks.bed");
    let rows = "chr1\t99\t200\ta\t0.23\nchr1\t499\t600\tb\t0.2\nchr1\t5000\t5100\tc\t140\n";
    std::fs::write(&file, rows).unwrap();
    let endpoint = endpoint(None).await;
    let spec = file.display().to_string().parse().unwrap();
    let (_, errors) = endpoint.session.provider.catalog.load(vec![spec]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let mut page = endpoint.page(obedient()).await;
    let other = endpoint.page(obedient()).await;
    endpoint.settled(2).await;
    let listing = endpoint.session.provider.catalog.listing();
    let score = listing.measurement("peaks.score").unwrap().clone();
    endpoint.session.plot(&[score], None, Map::new(), vec![]).await.unwrap();
    let chosen = endpoint.session.charts()[0].settings.clone();
    assert!(!chosen.contains_key("yMax"));
    let place = json!({"version": "4", "seqName": "chr1", "start": 1, "end": 1000});
    let ask = |page: &FakePage, more: Value| {
        let mut request = place.as_object().cloned().unwrap();
        request.extend(more.as_object().cloned().unwrap());
        page.request(&Value::Object(request));
    };
    let fetch = |page: &FakePage| {
        ask(page, json!({"action": "getRows", "datasource": "peaks", "metadata": []}));
        let values =
            json!({"action": "getValues", "datasource": "peaks", "measurement": "peaks.score"});
        ask(page, values);
    };
    fetch(&page);
    let shown = page.until(|shown| shown.charts[0].settings["yMax"] == 0.5).await;
    assert_eq!(shown.charts[0].settings["yMin"], 0.0);
    assert_eq!(other.now().charts[0].settings["yMax"], Value::Null, "the other page has no rows");
    assert_eq!(
        endpoint.session.charts()[0].settings,
        chosen,
        "the session does not store the limits"
    );
    // The dialog sends all settings; one of them is new.
    let mut all = shown.charts[0].settings.clone();
    all["lineThickness"] = 3.into();
    let id = shown.charts[0].id.clone();
    let told = |settings: &Value| json!({"action": "setChartSettings", "chartId": id, "settings": settings, "colorMap": null});
    page.request(&told(&all));
    let mut other = other;
    let shown = other.until(|shown| shown.charts[0].settings["lineThickness"] == 3).await;
    assert_eq!(shown.charts[0].settings["yMax"], Value::Null);
    // Axis limits that the user chose apply to all pages, and stay.
    all["yMax"] = "7".into();
    page.request(&told(&all));
    other.until(|shown| shown.charts[0].settings["yMax"] == "7").await;
    // Without autoscaling, the axis has the range of the file again.
    let change = endpoint.session.change_chart(1, |chart| {
        chart.settings.remove("yMax");
        chart.settings.insert("autoscale".into(), "off".into());
    });
    change.await.unwrap();
    let shown = page.until(|shown| shown.charts[0].settings["yMax"] == "default").await;
    assert_eq!(shown.charts[0].settings.get("autoscale"), None, "pages do not know this setting");
}
