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
    let reply = endpoint.session.reply_to(&request_id, &request, None).await.json;
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

/// The unit that a format defines, unless the user names another.
#[tokio::test(flavor = "multi_thread")]
async fn units_of_formats_are_known() {
    let endpoint = endpoint().await;
    let call = "chr1\t10\t10\t50\t1\t1\nchr1\t20\t20\t25\t1\t3\n";
    std::fs::write(endpoint.folder.path().join("calls.cov"), call).unwrap();
    let spec: Spec = endpoint.file("calls.cov").parse().unwrap();
    let mut chosen = spec.clone();
    chosen.options.name = Some("chosen".into());
    chosen.options.annotation.insert("unit".into(), "per cent".into());
    let (_, errors) = endpoint.session.provider.catalog.load(vec![spec, chosen]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let menu = endpoint.session.provider.measurements(Dialect::Classic);
    let name = |id: &str| menu.name[menu.id.iter().position(|known| known == id).unwrap()].clone();
    assert_eq!(name("calls.5mC"), "calls 5mC (%)");
    assert_eq!(name("calls.5mC_coverage"), "calls 5mC_coverage (reads)");
    assert_eq!(name("chosen.5mC"), "chosen 5mC (per cent)");
    assert_eq!(name("peaks.score"), "peaks score");
}

/// Peaks of two files, and two datasources of features: their rows differ, so a plot gets common bins.
#[tokio::test(flavor = "multi_thread")]
async fn plots_of_different_rows_are_drawn_on_common_bins() {
    let endpoint = endpoint().await;
    let text = "chr1\t150\t160\tx\t1\nchr1\t310\t330\ty\t3\nchr1\t600\t700\tz\t9\n";
    std::fs::write(endpoint.folder.path().join("more&.bed"), text).unwrap();
    let page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does(&format!("wait page; load {}", endpoint.file("more&.bed"))).await;
    for kind in ["scatter", "heatmap", "line-plot", "stacked-line-plot", "stacked-line"] {
        let said = console.does(&format!("plot peaks.score more&.score as {kind}")).await;
        assert!(!said.contains("refused"), "{said}");
    }
    assert_eq!(page.now().charts[0].measurements, ["peaks.score", "more&.score"]);
    let group = "joined:peaks.score&more%26.score";
    assert_eq!(page.now().charts[0].datasources, [group, group]);
    // They have data in common at 150 to 160 and at 310 to 330.
    let ask = async |data: Value| {
        let message = json!({"requestId": 1, "type": "request", "data": data}).to_string();
        let Frame::Request(id, request) = parse(&message) else { panic!("{message}") };
        let reply = endpoint.session.reply_to(&id, &request, None).await.json;
        serde_json::from_str::<Value>(&reply).unwrap()["data"].clone()
    };
    let place = json!({"seqName": "chr1", "start": 1, "end": 1_000});
    let asked = |mut data: Value| {
        data.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        data
    };
    let rows = ask(asked(json!({"action": "getRows", "datasource": group}))).await;
    let starts: Vec<u64> = (151..=160).chain(311..=330).collect();
    assert_eq!((&rows["values"]["start"], &rows["globalStartIndex"]), (&json!(starts), &json!(0)));
    for (id, first, last) in [("peaks.score", 5.0, 7.0), ("more&.score", 1.0, 3.0)] {
        let data = json!({"action": "getValues", "datasource": group, "measurement": id});
        let values = ask(asked(data)).await["values"].as_array().unwrap().clone();
        assert_eq!((values.len(), &values[0], &values[29]), (30, &json!(first), &json!(last)));
    }
    let both = json!({group: ["peaks.score", "more&.score"]});
    let combined = ask(asked(json!({"action": "getCombined", "measurements": both}))).await;
    assert_eq!(combined[group]["cols"]["more&.score"][29], 3.0);
    // Without one of them, the chart is gone, and its rows are still asked for.
    console.does("unload more&").await;
    assert!(page.now().charts.is_empty());
    let rows = ask(asked(json!({"action": "getRows", "datasource": group}))).await;
    assert_eq!(rows["values"]["start"], json!([]));
}

/// A page of ours sends the charts that its user adds; the same charts are accepted.
#[tokio::test(flavor = "multi_thread")]
async fn pages_report_plots_of_different_rows() {
    let endpoint = endpoint().await;
    let mut page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let mut console = endpoint.console();
    console.does("wait page").await;
    let chart = json!({"chartId": "own", "type": "epiviz.plugins.charts.ScatterPlot",
        "measurements": ["py_column", "peaks.score"]});
    page.request(&json!({"action": "reportChange", "change": {"addChart": chart}}));
    let shown = page.until(|shown| shown.answers.iter().any(|a| a["requestId"] == 77)).await;
    let answer = shown.answers.iter().find(|a| a["requestId"] == 77).unwrap();
    assert_eq!(answer["data"].get("errorMessage"), None, "{answer}");
    assert!(console.does("charts").await.contains("py_column, peaks.score"));
}

/// EpiViz's own workspaces name the datasource of each measurement.
#[tokio::test(flavor = "multi_thread")]
async fn an_exported_workspace_has_the_common_rows_of_a_plot() {
    let endpoint = endpoint().await;
    let mut console = endpoint.console();
    console.does("plot py_column; plot py_column peaks.score as scatter").await;
    let workspace = endpoint.session.export();
    let of_chart = |display: &str| {
        let chart = &workspace["charts"][display][0]["properties"];
        assert_eq!(chart["margins"]["left"], 55, "room for the labels of the y axis");
        let places = chart["visConfigSelection"]["measurements"].as_array().unwrap().clone();
        let of = |place: &Value| &workspace["measurements"][place.as_u64().unwrap() as usize];
        let named = places.iter().map(|place| {
            let measurement = of(place);
            (measurement["id"].clone(), measurement["datasourceId"].clone())
        });
        named.collect::<Vec<_>>()
    };
    let joined = json!("joined:py_column&peaks.score");
    assert_eq!(of_chart("track"), [(json!("py_column"), json!("py_datasource"))]);
    let expected = [(json!("py_column"), joined.clone()), (json!("peaks.score"), joined)];
    assert_eq!(of_chart("plot"), expected);
    // It is read again.
    console.does("remove all").await;
    endpoint.session.import(&workspace.to_string()).await.unwrap();
    let charts: Vec<_> = endpoint.session.charts().into_iter().map(|c| c.measurements).collect();
    assert!(charts.contains(&vec!["py_column".to_owned(), "peaks.score".to_owned()]), "{charts:?}");
}
