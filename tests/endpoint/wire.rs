//! The exact replies to the requests of every page version.

use crate::support::{Files, provider};
use epivizrs::protocol::{Frame, parse};
use epivizrs::session::{PAGE_TIMEOUT, Session, SessionConfig};
use epivizrs::store::Store;
use serde_json::{Value, json};

/// Returns the exact reply to a request that is the first one of a new endpoint.
async fn reply(data: Value) -> String {
    let (files, folder) = (Files::new(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path()).unwrap();
    let keeping = SessionConfig::new(Some(store), "test".into(), PAGE_TIMEOUT);
    let session = Session::restored(provider(&files).await, keeping).unwrap();
    let message = json!({"requestId": 7, "type": "request", "data": data});
    match parse(&message.to_string()) {
        Frame::Request(id, request) => session.reply_to(&id, &request, None).await.json,
        other => panic!("{other:?}"),
    }
}

/// Requests and the page versions that send them.
fn requests() -> Vec<(&'static str, Value)> {
    vec![
        (
            "a workspace to save",
            json!({"version": "4", "action": "saveWorkspace", "id": null, "name": "mine", "content": "%7B%7D"}),
        ),
        ("no workspaces", json!({"version": "4", "action": "getWorkspaces", "q": "", "ws": null})),
        (
            "an unknown workspace to delete",
            json!({"version": "4", "action": "deleteWorkspace", "id": "9"}),
        ),
        ("seq infos of version 2", json!({"version": "2", "action": "getSeqInfos"})),
        (
            "seq infos of version 4 1",
            json!({"version": "4", "action": "getSeqInfos", "datasourceGroup": "websocket-0"}),
        ),
        (
            "seq infos of version 5",
            json!({"version": "5", "action": "getSeqInfos", "datasourceGroup": "websocket-0"}),
        ),
        ("measurements of version 4", json!({"version": "4", "action": "getMeasurements"})),
        (
            "measurements of version 5",
            json!({"version": "5", "action": "getMeasurements", "datasourceGroup": "websocket-0"}),
        ),
        (
            "rows of version 2 ask no metadata",
            json!({"version": "2", "action": "getRows", "datasource": "peaks", "seqName": "chr1", "start": 1, "end": 1500, "metadata": null}),
        ),
        (
            "rows of the tutorial say chr",
            json!({"action": "getRows", "datasource": "peaks", "chr": "1", "start": "1", "end": "5000", "metadata": ["name"]}),
        ),
        (
            "rows of version 4 with metadata",
            json!({"version": "4", "action": "getRows", "datasource": "genes", "seqName": "chr1", "start": 1, "end": 3000, "metadata": ["gene", "entrez", "exon_starts", "exon_ends"]}),
        ),
        (
            "rows of the mock",
            json!({"version": "4", "action": "getRows", "datasource": "py_datasource", "seqName": "chr1", "start": 1050, "end": 3000, "metadata": ["py_metadata"]}),
        ),
        (
            "values of the mock",
            json!({"version": "4", "action": "getValues", "datasource": "py_datasource", "measurement": "py_column", "seqName": "chr1", "start": 1050, "end": 3000}),
        ),
        (
            "values of version 4",
            json!({"version": "4", "action": "getValues", "datasource": "peaks", "measurement": "peaks.score", "seqName": "chr1", "start": 1, "end": 5000}),
        ),
        (
            "values of version 5",
            json!({"version": "5", "action": "getValues", "datasourceGroup": "websocket-0", "datasource": "peaks", "measurement": "peaks.score", "seqName": "chr1", "start": 1, "end": 5000, "genome": "test", "bins": 1400}),
        ),
        (
            "combined of version 4",
            json!({"version": "4", "action": "getCombined", "seqName": "chr1", "start": 1, "end": 5000, "measurements": {"peaks": ["peaks", "peaks.score"], "genes": ["genes"]}}),
        ),
        (
            "combined of version 5",
            json!({"version": "5", "action": "getCombined", "seqName": "chr1", "start": 1, "end": 5000, "datasource": "peaks", "measurements": ["peaks.score"], "bins": 1400, "genome": "test"}),
        ),
        (
            "no rows keep their columns",
            json!({"version": "4", "action": "getRows", "datasource": "genes", "seqName": "chr1", "start": 900000, "end": 900100, "metadata": ["gene"]}),
        ),
        (
            "no values",
            json!({"version": "4", "action": "getValues", "datasource": "peaks", "measurement": "peaks.score", "seqName": "chr1", "start": 900000, "end": 900100}),
        ),
        (
            "null coordinates",
            json!({"version": "4", "action": "getRows", "datasource": "peaks", "seqName": "chr1", "start": null, "end": null, "metadata": []}),
        ),
        (
            "absent coordinates",
            json!({"version": "4", "action": "getValues", "datasource": "peaks", "measurement": "peaks.score"}),
        ),
        (
            "reversed coordinates",
            json!({"version": "4", "action": "getRows", "datasource": "peaks", "seqName": "chr1", "start": 2000, "end": 1000, "metadata": []}),
        ),
        (
            "beyond the end",
            json!({"version": "4", "action": "getRows", "datasource": "peaks", "seqName": "chr1", "start": 2000000, "end": 3000000, "metadata": []}),
        ),
        (
            "an unknown sequence",
            json!({"version": "4", "action": "getRows", "datasource": "peaks", "seqName": "chrZ", "start": 1, "end": 10, "metadata": []}),
        ),
        (
            "an unknown datasource",
            json!({"version": "4", "action": "getRows", "datasource": "nothing", "seqName": "chr1", "start": 1, "end": 10, "metadata": ["a"]}),
        ),
        (
            "an unknown column",
            json!({"version": "4", "action": "getRows", "datasource": "peaks", "seqName": "chr1", "start": 1, "end": 5000, "metadata": ["no such"]}),
        ),
        ("search", json!({"version": "4", "action": "search", "q": "tp53", "maxResults": 12})),
        (
            "search gives no more than asked",
            json!({"version": "4", "action": "search", "q": "p", "maxResults": 1}),
        ),
        (
            "search for nothing",
            json!({"version": "4", "action": "search", "q": "", "maxResults": 12}),
        ),
        ("chart types are taken", json!({"action": "registerChartTypes", "data": null})),
        (
            "settings are taken",
            json!({"action": "setChartSettings", "chartId": "x", "colorMap": ["#fff"]}),
        ),
        ("what is not served is said", json!({"version": "4", "action": "getHierarchy"})),
    ]
}

#[tokio::test]
async fn replies_to_every_page_version() {
    let mut text = String::new();
    for (name, request) in requests() {
        text += &format!("# {name}\n> {request}\n< {}\n\n", reply(request.clone()).await);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_request_has_a_recorded_reply() {
    let asked: Vec<_> =
        requests().into_iter().map(|(_, request)| request["action"].clone()).collect();
    // Sessions answer these from their store: see `replay.rs` and `streams.rs`.
    let of_sessions = [
        "reportChange",
        "getWorkspaces",
        "saveWorkspace",
        "deleteWorkspace",
        "subscribe",
        "unsubscribe",
        "describe",
    ];
    for (name, served, _) in epivizrs::protocol::REQUESTS {
        assert!(!served || of_sessions.contains(name) || asked.contains(&json!(name)), "{name}");
    }
}
