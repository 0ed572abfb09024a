//! HTTP for pages and scripts: the same answers as over the WebSocket.

mod large;
mod paths;
mod tables;

use crate::support::{Client, Endpoint};
use epivizrs::catalog::{Catalog, MAX_ROWS};
use epivizrs::genome::{Region, Sequences};
use epivizrs::provider::Provider;
use epivizrs::server::{Access, Epiviz, bind, run};
use epivizrs::session::Session;
use epivizrs::source::{Closeness, ColumnInfo, Context, Hit, Level, Shape, Source, Spec};
use epivizrs::table::Table;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::{CancellationToken, DropGuard};

/// An answer: its status, its headers by lower-case names, its body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }
}

/// Sends a request verbatim. HTTP/1.0, so that the body ends with the connection.
pub(crate) async fn send(address: SocketAddr, head: &str, body: &str) -> Answer {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut lines = std::str::from_utf8(&bytes[..end]).unwrap().lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    });
    Answer { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
}

async fn get_with(address: SocketAddr, path: &str, headers: &str) -> Answer {
    send(address, &format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n{headers}"), "").await
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    get_with(address, path, "").await
}

async fn post(address: SocketAddr, path: &str, kind: &str, body: &str) -> Answer {
    let head = format!("POST {path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: {kind}\r\n");
    send(address, &head, body).await
}

#[tokio::test]
async fn requests_have_the_same_answers_over_http_and_websocket() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    let questions = [
        ("action=getMeasurements&version=4", json!({"action": "getMeasurements", "version": "4"})),
        ("action=getSeqInfos&version=5", json!({"action": "getSeqInfos", "version": "5"})),
        (
            "version=4&action=getRows&datasource=genes&seqName=chr1&start=1&end=9000\
             &metadata[]=gene&metadata[]=entrez&metadata[]=exon_starts&metadata[]=exon_ends",
            json!({"version": "4", "action": "getRows", "datasource": "genes", "seqName": "chr1",
                "start": 1, "end": 9000, "metadata": ["gene", "entrez", "exon_starts", "exon_ends"]}),
        ),
        (
            "version=4&action=getValues&datasource=peaks&measurement=peaks.score&seqName=1&start=&end=5000",
            json!({"version": "4", "action": "getValues", "datasource": "peaks",
                "measurement": "peaks.score", "seqName": "1", "start": 0, "end": 5000}),
        ),
        (
            "version=5&action=getCombined&datasource=peaks&measurements[]=peaks.score&seqName=chr1&start=1&end=5000",
            json!({"version": "5", "action": "getCombined", "datasource": "peaks",
                "measurements": ["peaks.score"], "seqName": "chr1", "start": 1, "end": 5000}),
        ),
        (
            "version=4&action=getCombined&seqName=chr1&start=1&end=5000&measurements=%7B%22peaks%22:[%22peaks.score%22],%22genes%22:[]%7D",
            json!({"version": "4", "action": "getCombined", "seqName": "chr1", "start": 1,
                "end": 5000, "measurements": {"peaks": ["peaks.score"], "genes": []}}),
        ),
        (
            "action=search&q=tp53&maxResults=12",
            json!({"action": "search", "q": "tp53", "maxResults": 12}),
        ),
        (
            "action=getRows&datasource=no+such",
            json!({"action": "getRows", "datasource": "no such"}),
        ),
        ("action=getWorkspaces&q=&ws=", json!({"action": "getWorkspaces", "q": "", "ws": null})),
    ];
    for (id, (query, data)) in questions.into_iter().enumerate() {
        let id = id as u64 + 1;
        let expected = page.ask(id, data.clone()).await;
        let wanted = json!({"type": "response", "requestId": id, "data": expected});
        let query = format!("requestId={id}&{query}");
        assert_eq!(get(endpoint.address, &format!("/api?{query}&_=17")).await.json(), wanted);
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        assert_eq!(post(endpoint.address, "/api", form, &query).await.json(), wanted, "{query}");
        let body = json!({"requestId": id, "type": "request", "data": data}).to_string();
        let answer = post(endpoint.address, "/api", "application/json", &body).await;
        assert_eq!((answer.status, answer.json()), (200, wanted), "{body}");
    }
}

#[tokio::test]
async fn invalid_requests_get_an_answer() {
    let endpoint = Endpoint::start().await;
    for (query, why) in [
        ("", "needs data with an action"),
        ("action=fly&requestId=3", "'fly' is not known"),
        ("action=getCombined&measurements=[object%20Object]", "must use the WebSocket"),
        ("action=getRows&metadata[=x", "lacks a closing bracket"),
        ("requestId=3&type=response", "needs data with an action"),
    ] {
        let answer = get(endpoint.address, &format!("/api?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json()["data"]["success"], false);
        let message = answer.json()["data"]["errorMessage"].as_str().unwrap().to_owned();
        assert!(message.contains(why), "{message}");
    }
    let deep = "[".repeat(100_000);
    let answer = post(endpoint.address, "/api", "application/json", &deep).await;
    assert_eq!(answer.status, 400);
    let large = "x".repeat(5 << 20);
    let answer = post(endpoint.address, "/api", "application/json", &large).await;
    assert_eq!(answer.status, 413);
}

/// Otherwise a link that a browser opens could delete what users saved.
#[tokio::test]
async fn requests_that_change_something_need_post() {
    let endpoint = Endpoint::start().await;
    for action in ["saveWorkspace&name=x&content=%7B%7D", "deleteWorkspace&id=1"] {
        let query = format!("action={action}&requestId=4");
        let answer = get(endpoint.address, &format!("/api?{query}")).await;
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "POST"), "{action}");
        assert_eq!(
            (&answer.json()["requestId"], &answer.json()["data"]["success"]),
            (&json!(4), &json!(false))
        );
        assert!(answer.json()["data"]["errorMessage"].as_str().unwrap().contains("POST"));
        // The way WebServerDataProvider sends both; the answer is that there is no store.
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        let answer = post(endpoint.address, "/api", form, &query).await;
        assert_eq!(answer.status, 200, "{action}");
        assert!(answer.text().contains("--state FOLDER"), "{}", answer.text());
    }
}

#[tokio::test]
async fn replies_name_files_without_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("rows.bed");
    let rows: String = (0..60_000u64)
        .map(|n| {
            format!("chr1\t{}\t{}\tname{}\n", n * 10, n * 10 + 5, n * 2_654_435_761 % 4_294_967_291)
        })
        .collect();
    std::fs::write(&plain, rows).unwrap();
    let run = |program: &str, arguments: &[&std::path::Path]| {
        let done = std::process::Command::new(program).args(arguments).status();
        done.is_ok_and(|done| done.success())
    };
    let packed = folder.path().join("rows.bed.gz");
    if !run("bgzip", &[&plain]) || !run("tabix", &["-p".as_ref(), "bed".as_ref(), &packed]) {
        eprintln!("not tested: bgzip and tabix are not installed");
        return;
    }
    let (address, _end) = endpoint_of(packed.to_str().unwrap(), &[("chr1", 1_000_000)]).await;
    let bytes = std::fs::read(&packed).unwrap();
    let half = bytes.len() / 2;
    let spoilt = [&bytes[..half], &[0xaa; 100], &bytes[half + 100..]].concat();
    let folder = folder.path().to_str().unwrap();
    // The file is truncated or damaged while it is served.
    for damaged in [&bytes[..half], &spoilt] {
        std::fs::write(&packed, damaged).unwrap();
        let answer = get(address, "/api/v1/rows?datasource=rows&region=chr1:1-600000").await;
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert!(answer.text().contains("rows.bed.gz"), "{}", answer.text());
        assert!(!answer.text().contains(folder), "{}", answer.text());
    }
}

/// A page over HTTP caches rows and joins them by rank, and its cache cannot be cleared.
#[tokio::test]
async fn ranks_agree_for_all_requests_in_any_order() {
    let (address, _end) = mock(&[("pyChr", 1_000_000_000), ("chr1", 1_000_000)]).await;
    let mut places: BTreeMap<u64, u64> = BTreeMap::new();
    for (start, width) in [
        (1, 50_000),
        (5_000_001, 400_000),
        (1, 90_000_000),
        (4_000_000, 3_000_000),
        (60_000_000, 9),
    ] {
        let query = format!(
            "action=getRows&datasource=py_datasource&seqName=pyChr&start={start}&end={}",
            start + width
        );
        let data = get(address, &format!("/api?{query}")).await.json()["data"].clone();
        let starts = data["values"]["start"].as_array().unwrap();
        assert!(starts.len() as u64 <= MAX_ROWS);
        for (row, place) in starts.iter().enumerate() {
            let rank = data["globalStartIndex"].as_u64().unwrap() + row as u64;
            // Of 1,000,000 blocks, one in 16 gives 62,500 rows; one in 8 would be too many for an
            // answer.
            assert_eq!(place.as_u64().unwrap(), 16_000 * rank + 1);
            places.insert(rank, place.as_u64().unwrap());
        }
    }
    assert_eq!(places.len(), 5626, "the blocks that overlap 1 to 90,000,001");
    let small = "/api?action=getRows&datasource=py_datasource&seqName=chr1&start=1&end=999999";
    let small = get(address, small).await.json();
    assert_eq!(small["data"]["values"]["start"].as_array().unwrap().len(), 1000, "every block");
}

/// Starts an endpoint that serves one file; it stops when the guard is dropped.
async fn endpoint_of(file: &str, sizes: &[(&str, u32)]) -> (SocketAddr, DropGuard) {
    let catalog = Catalog::new(Some(("test".into(), sizes.iter().copied().collect())));
    let (_, errors) = catalog.load(vec![Spec::file(file)]).await;
    assert!(errors.is_empty(), "{errors:?}");
    serve(catalog, None).await
}

/// Starts an endpoint with the mock data.
async fn mock(sizes: &[(&str, u32)]) -> (SocketAddr, DropGuard) {
    let catalog = Catalog::new(Some(("test".into(), sizes.iter().copied().collect())));
    catalog.add_mock(1);
    serve(catalog, None).await
}

async fn serve(catalog: Catalog, epiviz: Option<Epiviz>) -> (SocketAddr, DropGuard) {
    let session = Session::new(Provider { catalog, page_rows: 1000 });
    let listener = bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let access = Access::new(address, "https://epiviz.example/", &[]);
    let serving = run(listener, session, access, epiviz, stop.clone());
    tokio::spawn(async { serving.await.unwrap() });
    (address, stop.drop_guard())
}

/// Over HTTP, the level of a signal depends only on the sequence.
#[tokio::test]
async fn a_signal_has_one_level_per_sequence() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/signal.bw");
    let (address, _end) = endpoint_of(file, &[("chr11", 135_086_622), ("small", 90_000)]).await;
    // Bins of 2048 bases give 135,086,622 / 2048 = 65,961 rows, which fit in one answer; bins of
    // 1024 give 131,921, which do not.
    for (sequence, start, end, width) in [
        ("chr11", 1u64, 135_086_622u64, 2048u64),
        ("chr11", 101_000_000, 101_010_000, 2048),
        ("chr11", 101_010_001, 104_000_000, 2048),
        ("small", 1, 90_000, 1),
        ("small", 500, 600, 1),
    ] {
        let path = format!(
            "/api?action=getRows&datasource=signals&seqName={sequence}&start={start}&end={end}"
        );
        let data = get(address, &path).await.json()["data"].clone();
        assert_eq!(data["globalStartIndex"], (start - 1) / width);
        let rows = data["values"]["start"].as_array().unwrap().len() as u64;
        assert_eq!(rows, (end - 1) / width - (start - 1) / width + 1, "{path}");
    }
}

#[tokio::test]
async fn other_origins_are_refused() {
    let endpoint = Endpoint::start().await;
    let path = "/api?action=getSeqInfos";
    let friend = get_with(endpoint.address, path, "origin: https://epiviz.example\r\n").await;
    assert_eq!(friend.status, 200);
    assert_eq!(friend.headers["access-control-allow-origin"], "https://epiviz.example");
    assert!(friend.headers["vary"].contains("origin"));
    let disguised = "origin: http://localhost:80@evil.example\r\n";
    assert_eq!(get_with(endpoint.address, path, disguised).await.status, 403);
    let stranger = get_with(endpoint.address, path, "origin: https://evil.example\r\n").await;
    assert_eq!(stranger.status, 403);
    assert!(stranger.text().contains("--allow-origin 'https://evil.example'"));
    let ask = |origin: &str| {
        let head = format!(
            "OPTIONS /api HTTP/1.0\r\nhost: {}\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\n",
            endpoint.address
        );
        async move { send(endpoint.address, &head, "").await }
    };
    let before = ask("https://epiviz.example").await;
    assert_eq!(before.status, 204);
    assert_eq!(before.headers["access-control-allow-methods"], "GET, POST, PUT, DELETE");
    assert_eq!(ask("null").await.status, 403);
    // A request for an image has no origin, and could delete what users saved.
    let write = "/api?action=deleteWorkspace&id=1";
    let picture = "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n";
    let link = "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\n";
    for (path, headers, status) in [
        (write, picture, 403),
        (write, link, 403),
        ("/api/v1/sequences", picture, 403),
        ("/api/v1/sequences", link, 200),
        ("/", link, 200),
        (path, "sec-fetch-site: same-origin\r\nsec-fetch-mode: cors\r\n", 200),
        (path, "sec-fetch-site: none\r\nsec-fetch-mode: navigate\r\n", 200),
    ] {
        let answer = get_with(endpoint.address, path, headers).await;
        assert_eq!(answer.status, status, "{path} {headers}");
    }
    // A request after DNS rebinding has no origin.
    let rebound = "GET /api/v1/sequences HTTP/1.0\r\nhost: evil.example:8888\r\n";
    assert_eq!(send(endpoint.address, rebound, "").await.status, 403);
}
