//! Charts that users add and close in the endpoint's copy of EpiViz, pages that reconnect, and
//! pages that start late: the session owns all charts.

use super::*;
use crate::fake_page::Drawn;
use std::sync::atomic::{AtomicBool, Ordering};

fn added(id: &str, kind: &str) -> Value {
    let chart = json!({"chartId": id, "type": format!("epiviz.plugins.charts.{kind}"),
        "measurements": ["py_column"]});
    json!({"action": "reportChange", "version": "4", "change": {"addChart": chart}})
}

fn closed(id: &str) -> Value {
    let change = json!({"removeChart": {"chartId": id}});
    json!({"action": "reportChange", "version": "4", "change": change})
}

fn kinds(shown: &Shown) -> Vec<&str> {
    shown.charts.iter().map(|chart| chart.kind.as_str()).collect()
}

fn count(shown: &Shown, action: &str) -> usize {
    shown.asked.iter().filter(|asked| *asked == action).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_added_by_hand_belongs_to_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = endpoint(Some(folder.path())).await;
    let (mut one, mut two) = tokio::join!(endpoint.page(obedient()), endpoint.page(obedient()));
    endpoint.settled(2).await;
    endpoint.plot("plotted").await.unwrap();
    one.request(&added("mine", "StackedLineTrack"));
    let there = |shown: &Shown| kinds(shown) == ["LineTrack", "StackedLineTrack"];
    let elsewhere = two.until(|shown| there(shown) && shown.charts[1].colors.is_array()).await;
    // The page that already has the chart gets only its settings and colours.
    let here = one.until(|shown| there(shown) && shown.charts[1].colors.is_array()).await;
    assert_eq!((here.charts[1].id.as_str(), count(&here, "addChart")), ("mine", 1));
    endpoint.assert_shows(&here);
    endpoint.assert_shows(&elsewhere);
    // The chart can be changed and saved like any other.
    endpoint
        .session
        .change_chart(2, |chart| drop(chart.settings.insert("title".into(), "Ours".into())))
        .await
        .unwrap();
    assert_eq!(titles(&one.now()), ["plotted", "Ours"]);
    assert_eq!(titles(&two.now()), ["plotted", "Ours"]);
    let again = super::endpoint(Some(folder.path())).await;
    let mut reloaded = again.page(obedient()).await;
    again.assert_shows(&reloaded.until(|shown| titles(shown) == ["plotted", "Ours"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_closed_by_hand_is_closed_everywhere() {
    let endpoint = endpoint(None).await;
    let (mut one, mut two) = tokio::join!(endpoint.page(obedient()), endpoint.page(obedient()));
    endpoint.settled(2).await;
    endpoint.plot("first").await.unwrap();
    endpoint.plot("second").await.unwrap();
    one.request(&closed("chart-1"));
    two.until(|shown| titles(shown) == ["second"]).await;
    endpoint.settled(2).await;
    // The page that closed it is not asked to close it, and does not get it again.
    assert_eq!((titles(&one.now()), count(&one.now(), "removeChart")), (vec!["second"], 0));
    assert_eq!(count(&one.now(), "addChart"), 2);
    // A chart that is added and closed at once leaves nothing behind; its number is not reused.
    for round in 0..20 {
        let id = format!("brief-{round}");
        one.request(&added(&id, "LineTrack"));
        one.request(&closed(&id));
    }
    one.until(|shown| shown.answers.len() >= 41).await;
    endpoint.settled(2).await;
    endpoint.plot("third").await.unwrap();
    assert_eq!(titles(&one.until(|shown| titles(shown).len() == 2).await), ["second", "third"]);
    assert_eq!(endpoint.session.charts().last().unwrap().number, 23);
    two.until(|shown| titles(shown) == ["second", "third"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_that_no_session_can_draw_are_refused() {
    let endpoint = endpoint(None).await;
    let mut page = endpoint.page(obedient()).await;
    endpoint.settled(1).await;
    let mut unknown = added("a", "LineTrack");
    unknown["change"]["addChart"]["measurements"] = json!(["computed"]);
    for (change, why) in [
        (unknown, "the measurement 'computed' is currently not served"),
        (added("b", "Sunburst"), "there is no chart type 'epiviz.plugins.charts.Sunburst'"),
        (added("c", "BlocksTrack"), "a blocks chart shows rows"),
        (json!({"action": "reportChange"}), "reportChange takes a 'change'"),
    ] {
        page.request(&change);
        page.until(|shown| {
            let said = |answer: &Value| answer["data"]["errorMessage"].as_str().map(str::to_owned);
            shown.answers.iter().filter_map(said).any(|said| said.contains(why))
        })
        .await;
    }
    assert!(endpoint.session.charts().is_empty());
}

fn on_screen(id: &str, kind: &str) -> Drawn {
    let measurements = vec!["py_column".to_owned()];
    Drawn { id: id.into(), kind: kind.into(), measurements, ..Drawn::default() }
}

fn shown(id: &str, kind: &str, known: bool, closed: bool) -> Value {
    json!({"chartId": id, "type": format!("epiviz.plugins.charts.{kind}"), "known": known,
        "closed": closed, "measurements": ["py_column"], "settings": {"title": id}, "colors": []})
}

fn resume(charts: &[Value]) -> Value {
    let place = json!({"seqName": "pyChr", "start": 501, "end": 600});
    let change = json!({"resume": {"charts": charts, "place": place}});
    json!({"action": "reportChange", "version": "4", "change": change})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconnecting_page_keeps_its_charts_and_its_location() {
    let endpoint = endpoint(None).await;
    endpoint.plot("kept").await.unwrap();
    endpoint.session.go(&Region::new("chr1", 9, 20), None).await.unwrap();
    // Only the session has this chart: it was plotted while the page was disconnected.
    let listing = endpoint.session.provider.catalog.listing();
    let measurement = listing.measurement("py_column").unwrap().clone();
    let heatmap = epivizrs::catalog::ChartType::Heatmap;
    endpoint
        .session
        .plot(std::slice::from_ref(&measurement), Some(heatmap), Map::new(), vec![])
        .await
        .unwrap();
    let stacked = epivizrs::catalog::ChartType::StackedLine;
    endpoint.session.plot(&[measurement], Some(stacked), Map::new(), vec![]).await.unwrap();
    let first = resume(&[
        shown("old", "LineTrack", true, false),
        shown("gone meanwhile", "LineTrack", true, false),
        shown("made meanwhile", "LineTrack", false, false),
        shown("closed meanwhile", "StackedLineTrack", true, true),
    ]);
    let charts =
        ["old", "gone meanwhile", "made meanwhile"].map(|id| on_screen(id, "LineTrack")).into();
    let mut page = FakePage::resuming(endpoint.address, charts, first).await;
    page.until(|shown| kinds(shown) == ["LineTrack", "LineTrack", "HeatmapPlot"]).await;
    let mut other = endpoint.page(obedient()).await;
    endpoint.settled(2).await;
    let now = page.now();
    let ids: Vec<_> = now.charts.iter().map(|chart| chart.id.as_str()).collect();
    assert_eq!(ids, ["old", "made meanwhile", "chart-1"]);
    assert_eq!(kinds(&now), ["LineTrack", "LineTrack", "HeatmapPlot"]);
    assert_eq!(titles(&now), ["kept", "made meanwhile"]);
    // The page stays at its location, which becomes that of the session for new pages.
    assert_eq!(count(&now, "navigate"), 0);
    let there = |shown: &Shown| shown.location["start"] == 501 && shown.charts.len() == 3;
    other.until(there).await;
    endpoint.session.go(&Region::new("chr1", 9, 20), None).await.unwrap();
    page.until(|shown| shown.location["start"] == 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_session_takes_over_the_charts_of_a_page() {
    let endpoint = endpoint(None).await;
    let first = resume(&[
        shown("a", "LineTrack", true, false),
        shown("b", "StackedLineTrack", true, false),
        shown("c", "LineTrack", true, true),
    ]);
    let charts = vec![on_screen("a", "LineTrack"), on_screen("b", "StackedLineTrack")];
    let mut page = FakePage::resuming(endpoint.address, charts, first).await;
    let now = page.until(|shown| titles(shown).len() == 2).await;
    assert_eq!((titles(&now), count(&now, "addChart")), (vec!["a", "b"], 0));
    assert_eq!(endpoint.session.charts().len(), 2);
    // A session whose charts were removed does not take over those of a page.
    endpoint.session.remove_charts(&[1, 2]).await.unwrap();
    let first = resume(&[shown("a", "LineTrack", true, false)]);
    let late = vec![on_screen("a", "LineTrack")];
    let mut late = FakePage::resuming(endpoint.address, late, first).await;
    late.until(|shown| shown.charts.is_empty()).await;
    assert!(endpoint.session.charts().is_empty());
}

/// A page that gets the list of workspaces late removes all its charts at that time, and has
/// no location until then (`docs/protocol.md`, 2.7).
#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_its_charts_when_it_has_a_location() {
    let endpoint = endpoint(None).await;
    endpoint.plot("a").await.unwrap();
    let started = Arc::new(AtomicBool::new(false));
    let knows = started.clone();
    let (asked, mut is_asked) = tokio::sync::mpsc::unbounded_channel();
    let manners: Manners = Arc::new(move |action, _| {
        if action != "getCurrentLocation" || knows.load(Ordering::SeqCst) {
            return Manner::Obeys;
        }
        asked.send(()).unwrap();
        Manner::Refuses
    });
    let mut page = endpoint.page(manners).await;
    for _ in 0..3 {
        is_asked.recv().await.unwrap();
    }
    assert_eq!(page.now().asked, Vec::<String>::new());
    started.store(true, Ordering::SeqCst);
    page.until(|shown| titles(shown) == ["a"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workspaces_are_opened_in_the_session_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = endpoint(Some(folder.path())).await;
    endpoint.plot("saved").await.unwrap();
    let id = endpoint.session.save_as("first").await.unwrap().to_string();
    endpoint.plot("later").await.unwrap();
    endpoint.session.save_as("second").await.unwrap();
    let mut page = endpoint.page(obedient()).await;
    endpoint.settled(1).await;
    let workspaces = |q: &str, ws: Value| json!({"action": "getWorkspaces", "q": q, "ws": ws});
    let answer = async |page: &mut FakePage, request: Value| {
        let before = page.now().answers.len();
        page.request(&request);
        let is_answer = |answer: &Value| answer["data"].is_array();
        let now = page.until(|s| s.answers.iter().skip(before).any(is_answer)).await;
        now.answers.into_iter().skip(before).find(is_answer).unwrap()["data"].clone()
    };
    // A page would open the first workspace of the list when it starts, so it gets none.
    assert_eq!(answer(&mut page, workspaces("", Value::Null)).await, json!([]));
    // A user who searches for workspaces gets those that match.
    let found = answer(&mut page, workspaces("", json!(""))).await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    let found = answer(&mut page, workspaces("fir", json!("fir"))).await;
    assert_eq!((&found[0]["id"], &found[0]["name"]), (&json!(id), &json!("first")));
    // A page that starts with an id in its address shows that workspace, once.
    let opened = answer(&mut page, workspaces("", json!(id))).await;
    assert_eq!((&opened[0]["id"], &opened[0]["name"]), (&Value::Null, &json!("first")));
    let content: Value = serde_json::from_str(opened[0]["content"].as_str().unwrap()).unwrap();
    assert_eq!(content["charts"], json!({}));
    page.until(|shown| titles(shown) == ["saved"]).await;
    endpoint.plot("since").await.unwrap();
    answer(&mut page, workspaces("", json!(id))).await;
    endpoint.settled(1).await;
    assert_eq!(titles(&page.now()), ["saved", "since"]);
    // When the user chooses a workspace from the menu, the page removes its charts and gets those
    // of the workspace.
    let opened = answer(&mut page, workspaces("second", json!("2"))).await;
    assert_eq!(opened[0]["id"], Value::Null);
    page.until(|shown| titles(shown) == ["saved", "later"]).await;
    // The endpoint's copy of EpiViz leaves opening and saving to the session.
    let report = |change: Value| json!({"action": "reportChange", "change": change});
    page.request(&report(json!({"openWorkspace": {"id": id}})));
    page.until(|shown| titles(shown) == ["saved"]).await;
    page.request(&report(json!({"saveWorkspace": {"name": "second"}})));
    page.until(|shown| shown.answers.iter().any(|answer| answer["data"] == "2")).await;
    assert_eq!(endpoint.session.workspaces().await.unwrap().len(), 2);
    page.request(&report(json!({"openWorkspace": {"id": "77"}})));
    page.until(|shown| {
        let why = |answer: &Value| answer["data"]["errorMessage"].as_str().map(str::to_owned);
        shown.answers.iter().filter_map(why).any(|why| why.contains("no workspace 77"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_are_moved_retyped_and_replaced_by_hand() {
    let endpoint = endpoint(None).await;
    let (one, mut two) = tokio::join!(endpoint.page(obedient()), endpoint.page(obedient()));
    endpoint.settled(2).await;
    let report = |change: Value| json!({"action": "reportChange", "change": change});
    let stacked = "epiviz.plugins.charts.StackedLineTrack";
    one.request(&added("a", "LineTrack"));
    one.request(&added("b", "LineTrack"));
    one.request(&report(json!({"moveChart": {"chartId": "b", "to": 0}})));
    one.request(&report(json!({"setChartType": {"chartId": "a", "type": stacked}})));
    two.until(|page| kinds(page) == ["LineTrack", "StackedLineTrack"]).await;
    let charts = endpoint.session.charts();
    let told: Vec<_> = charts.iter().map(|chart| (chart.number, chart.kind.word())).collect();
    assert_eq!(told, [(2, "line"), (1, "stacked-line")]);
    // An address that names charts replaces the session's charts.
    let charts = [shown("b", "LineTrack", true, false)];
    one.request(&report(json!({"resume": {"charts": charts, "replace": true}})));
    two.until(|page| titles(page) == ["b"]).await;
    let numbers: Vec<_> = endpoint.session.charts().iter().map(|chart| chart.number).collect();
    assert_eq!(numbers, [2]);
}
