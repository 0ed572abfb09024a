//! Charts and their settings, beyond `plot` and `remove`.

use super::*;
use epivizrs::protocol::{Dialect, Frame, parse};
use epivizrs::source::Spec;

/// Returns the values of a signal that a page gets for the whole chromosome.
async fn values(endpoint: &Endpoint, id: &str) -> Vec<f64> {
    let data = json!({"action": "getValues", "datasource": "signals", "measurement": id,
        "seqName": "chr1", "start": 1, "end": 1_000_000});
    let message = json!({"requestId": 1, "type": "request", "data": data}).to_string();
    let Frame::Request(request_id, request) = parse(&message) else { panic!("{message}") };
    let reply = endpoint.session.reply_to(&request_id, &request, None).await;
    let reply: Value = serde_json::from_str(&reply).unwrap();
    reply["data"]["values"].as_array().unwrap().iter().filter_map(Value::as_f64).collect()
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_shows_another_summary_of_its_signal() {
    let endpoint = endpoint().await;
    // One high peak of ten bases.
    let text = "chr1\t0\t500000\t1\nchr1\t500000\t500010\t100\nchr1\t500010\t1000000\t1\n";
    std::fs::write(endpoint.folder.path().join("signal.bedgraph"), text).unwrap();
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does(&format!("wait page; load {}; wait idle", endpoint.file("signal.bedgraph"))).await;
    console.does("plot signal; plot peaks").await;
    assert!(most(&values(&endpoint, "signal").await) < 3.0, "the mean of a wide bin");
    console.does("set 1 summary=max step=3").await;
    assert_eq!(most(&values(&endpoint, "signal.max").await), 100.0);
    let drawn = |page: &FakePage| {
        let charts = page.now().charts;
        let chart = charts.iter().rfind(|chart| chart.kind == "LineTrack").unwrap().clone();
        (chart.measurements, chart.settings["summary"].clone(), chart.settings["step"].clone())
    };
    // The page does not have this setting.
    assert_eq!(drawn(&page), (vec!["signal.max".to_owned()], Value::Null, json!(3)));
    assert!(console.does("set 1").await.contains("max"), "the summary is listed");
    // The measurement of the summary is added once, however often it is chosen.
    console.does("set 1 summary=mean; plot signal with summary=max; set 1 summary=max").await;
    console.does("set 1 summary=mean").await;
    assert_eq!(drawn(&page).0, ["signal"]);
    let served = endpoint.session.provider.catalog.listing();
    let ids: Vec<_> =
        served.measurements().map(|m| &*m.id).filter(|id| id.contains("sig")).collect();
    assert_eq!(ids, ["signal", "signal.max"]);
    for (line, why) in [
        ("set 1 summary=median", "summary takes mean, min, max"),
        ("set 2 summary=max", "a blocks chart has no setting 'summary'"),
        ("plot peaks.score with summary=max", "'peaks.score' is not a signal"),
    ] {
        assert!(console.fails(line).await.contains(why), "{line}");
    }
    // A chart of the session adds it again for a new page.
    endpoint.session.provider.catalog.unload("signal.max").unwrap();
    let mut later = FakePage::open(endpoint.address, "/ws", obedient()).await;
    later.until(|shown| shown.charts.iter().any(|c| c.measurements == ["signal.max"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_drawn_if_only_one_of_two_pages_refuses_it() {
    let endpoint = endpoint().await;
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let refuses = when("addChart", Manner::Refuses);
    let mut console = endpoint.console();
    console.does("wait page").await;
    let _other = FakePage::open(endpoint.address, "/ws", refuses).await;
    while endpoint.session.ready_pages().len() < 2 || !endpoint.session.is_settled() {
        tokio::task::yield_now().await;
    }
    let said = console.does("plot py_column").await;
    let refused = "refused chart 1: no, thank you; the other pages draw it";
    assert!(
        said.starts_with("chart 1: py_column as line\npage ") && said.ends_with(refused),
        "{said}"
    );
    assert_eq!(page.now().charts.len(), 1);
    assert_eq!(endpoint.session.charts().len(), 1);
}

/// A page of version 5 draws a chart as soon as it has one of two measurements, and fails unless
/// its cache has no rows of the group when the chart is added.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_draws_too_early_drops_the_rows_of_a_scatter_plot_first() {
    let endpoint = endpoint().await;
    let text = |n: u32| format!("chr1\t0\t1000000\t{n}\n");
    for n in [1, 2] {
        let name = format!("signal{n}.bedgraph");
        std::fs::write(endpoint.folder.path().join(name), text(n)).unwrap();
    }
    let five = FakePage::of_version(endpoint.address, "/ws", "5", obedient()).await;
    let four = FakePage::of_version(endpoint.address, "/ws", "4", obedient()).await;
    let mut console = endpoint.console();
    for name in ["signal1.bedgraph", "signal2.bedgraph"] {
        console.does(&format!("wait page; load {}; wait idle", endpoint.file(name))).await;
    }
    while endpoint.session.ready_pages().len() < 2 || !endpoint.session.is_settled() {
        tokio::task::yield_now().await;
    }
    let before = (five.now().asked.len(), four.now().asked.len());
    console.does("plot signal1 signal2 as scatter").await;
    let asked = five.now().asked[before.0..].to_vec();
    let add = asked.iter().position(|action| action == "addChart").unwrap();
    assert_eq!(asked[add - 1..add + 2], ["clearDatasourceGroupCache", "addChart", "redraw"]);
    assert!(!four.now().asked[before.1..].contains(&"clearDatasourceGroupCache".to_owned()));
    // Line plots are drawn as their data arrive.
    let before = five.now().asked.len();
    console.does("plot signal1").await;
    assert!(!five.now().asked[before..].contains(&"clearDatasourceGroupCache".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_axis_returns_to_automatic_scaling() {
    let endpoint = endpoint().await;
    let mut console = endpoint.console();
    console.does("plot py_column; set 1 yMin=-20 yMax=20; set 1 yMax=default").await;
    let settings = || endpoint.session.charts().remove(0).settings;
    assert_eq!((settings().get("yMin"), settings().get("yMax")), (Some(&json!(-20)), None));
    console.does("set 1 yMin=default").await;
    assert_eq!(settings().get("yMin"), None);
}

/// A page lists measurements in the order in which it receives them, and a file of features has
/// many columns.
#[tokio::test(flavor = "multi_thread")]
async fn menus_begin_with_signals_and_name_units() {
    let endpoint = endpoint().await;
    let path = endpoint.folder.path().join("signal.bedgraph");
    std::fs::write(&path, "chr1\t0\t1000000\t1\n").unwrap();
    let mut spec = Spec::file(path);
    spec.options.annotation.insert("unit".into(), "reads".into());
    let (_, errors) = endpoint.session.provider.catalog.load(vec![spec]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let menu = endpoint.session.provider.measurements(Dialect::Classic);
    let rows = menu.r#type.iter().position(|kind| *kind == "range").unwrap();
    let signal = menu.id.iter().position(|id| id == "signal").unwrap();
    let score = menu.id.iter().position(|id| id == "peaks.score").unwrap();
    assert!(signal < rows && rows < score, "{:?}", menu.id);
    assert_eq!(menu.name[signal], "signal (reads)");
}
