//! HTTP for pages and scripts: the same answers as over the WebSocket.

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
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }
}

/// Sends a request verbatim. HTTP/1.0, so that the body ends with the connection.
async fn send(address: SocketAddr, head: &str, body: &str) -> Answer {
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

async fn get(address: SocketAddr, path: &str) -> Answer {
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
        // As WebServerDataProvider sends both. The answer is that there is no store.
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
            "action=getRows&version=4&datasource=py_datasource&seqName=pyChr&start={start}&end={}",
            start + width
        );
        let data = get(address, &format!("/api?{query}")).await.json()["data"].clone();
        let starts = data["values"]["start"].as_array().unwrap();
        assert!(starts.len() as u64 <= MAX_ROWS);
        for (row, place) in starts.iter().enumerate() {
            let rank = data["globalStartIndex"].as_u64().unwrap() + row as u64;
            // 1,000,000 blocks; one in 16 are 62,500, one in 8 would be too many for one answer.
            assert_eq!(place.as_u64().unwrap(), 16_000 * rank + 1);
            places.insert(rank, place.as_u64().unwrap());
        }
    }
    assert_eq!(places.len(), 5626, "the blocks that overlap 1 to 90,000,001");
    let small = "/api?action=getRows&datasource=py_datasource&seqName=chr1&start=1&end=999999";
    let small = get(address, small).await.json();
    assert_eq!(small["data"]["values"]["start"].as_array().unwrap().len(), 1000, "every block");
}

/// The rows of [`crowd`]: more than an answer may have.
const CROWD: u64 = 110_000;

/// Writes many variants from base 1,000,001 on and one far from them, in a file that is read by region
/// since it is large: its density seems uniform until its rows are counted.
async fn crowd() -> (SocketAddr, DropGuard, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut text =
        "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n".to_owned();
    for place in (1_000_001..=1_000_000 + CROWD).chain([240_000_000]) {
        text += &format!("chr1\t{place}\t.\tA\tG\t.\t.\t.\n");
    }
    std::fs::write(folder.path().join("crowd.vcf"), text).unwrap();
    let cache = folder.path().join("cache");
    let context = Context { cache, in_memory: 10_000, ..Context::default() };
    let sizes = [("chr1", 248_956_422)].into_iter().collect();
    let catalog = Catalog::new(Some(("test".into(), sizes))).with_context(context);
    let (_, errors) = catalog.load(vec![Spec::file(folder.path().join("crowd.vcf"))]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let (address, end) = serve(catalog, None).await;
    (address, end, folder)
}

/// Rows read before and after they are counted must have the same ranks.
#[tokio::test]
async fn rows_have_one_level_before_and_after_they_are_counted() {
    let (address, _end, _folder) = crowd().await;
    let path = "/api?action=getRows&datasource=crowd&seqName=chr1&start=1000001&end=1100000";
    for _ in 0..3 {
        let data = get(address, path).await.json()["data"].clone();
        // One in each bin of 16 bases, the narrowest bins: 6876 in total.
        assert_eq!(data["values"]["start"].as_array().unwrap().len(), 6250);
        assert_eq!(data["globalStartIndex"], 0);
    }
}

#[tokio::test]
async fn scripts_get_the_requested_bins_at_once() {
    let (address, _end, _folder) = crowd().await;
    let path = "/api/v1/rows?datasource=crowd&region=chr1:1000001-1100000&bins=500";
    for _ in 0..2 {
        // 100,000 / 2^8 = 391 rows are at most 500; / 2^7 = 782 are not.
        assert_eq!(get(address, path).await.headers["epivizrs-level"], "bins of 256");
    }
}

/// The first request as well as later ones, although an estimate would allow it.
#[tokio::test]
async fn requests_for_too_many_rows_are_refused_at_once() {
    let (address, _end, _folder) = crowd().await;
    let rows = "/api/v1/rows?datasource=crowd&region=chr1:1000001-";
    for _ in 0..2 {
        let answer = get(address, &format!("{rows}1110000")).await;
        assert_eq!(answer.status, 400, "{} bytes", answer.body.len());
        assert!(answer.text().contains(" rows; at most 100000"), "{}", answer.text());
    }
    let answer = get(address, &format!("{rows}1090000&format=tsv")).await;
    assert_eq!((answer.status, answer.text().lines().count()), (200, 90_001));
}

/// A source whose disk blocks until the test releases it.
struct Stuck(Sequences, std::sync::Mutex<std::sync::mpsc::Receiver<()>>);

impl Stuck {
    /// Waits for the test, and returns whether it released the disk.
    fn wait(&self) -> bool {
        self.1.lock().unwrap().recv_timeout(std::time::Duration::from_secs(5)).is_ok()
    }
}

impl Source for Stuck {
    fn shape(&self) -> Shape {
        Shape::Features
    }

    fn sequences(&self) -> &Sequences {
        &self.0
    }

    fn columns(&self) -> &[ColumnInfo] {
        &[]
    }

    fn rows(&self, _: &Region, _: Level) -> u64 {
        0
    }

    fn first_view(&self) -> Option<Region> {
        self.wait().then(|| Region::new("chr1", 5, 9))
    }

    fn read(&self, _: &Region, _: Level, columns: &[&str]) -> epivizrs::error::Result<Table> {
        Ok(Table::empty(columns))
    }

    fn search(&self, _: &str, _: usize) -> Vec<Hit> {
        let region = Region::new("chr1", 5, 9);
        let hit = |()| Hit { name: "found".into(), region, closeness: Closeness::Exact };
        self.wait().then_some(()).map(hit).into_iter().collect()
    }
}

/// The test runs in one thread: waiting for a disk in it would block everything else.
#[tokio::test]
async fn a_slow_disk_delays_nobody_else() {
    for (path, shown) in [
        ("/api/v1/search?q=x", "found"),
        ("/api?action=search&q=x", "found"),
        ("/info", r#""start":6"#),
    ] {
        let (go, told) = std::sync::mpsc::channel();
        let catalog = Catalog::new(None);
        let sequences = [("chr1", 1000)].into_iter().collect();
        catalog.add("stuck", Stuck(sequences, std::sync::Mutex::new(told)));
        let (address, _end) = serve(catalog, None).await;
        let other = async {
            let answer = get(address, "/api/v1/sequences").await;
            go.send(()).unwrap();
            answer
        };
        let (slow, other) = tokio::join!(get(address, path), other);
        assert_eq!(other.status, 200);
        assert!(slow.text().contains(shown), "{path}: {}", slow.text());
    }
}

/// Starts an endpoint of one file, which stops when the guard is dropped.
async fn endpoint_of(file: &str, sizes: &[(&str, u32)]) -> (SocketAddr, DropGuard) {
    let catalog = Catalog::new(Some(("test".into(), sizes.iter().copied().collect())));
    let (_, errors) = catalog.load(vec![Spec::file(file)]).await;
    assert!(errors.is_empty(), "{errors:?}");
    serve(catalog, None).await
}

/// Starts an endpoint of the mock data.
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
    // 135,086,622 / 2^11 = 65,961 rows fit in one answer; / 2^10 = 131,921 do not.
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
async fn tables_agree_with_the_file() {
    let endpoint = Endpoint::start().await;
    let rows = "/api/v1/rows?datasource=peaks&region=chr1:1-5k";
    let tsv = get(endpoint.address, &format!("{rows}&format=tsv")).await;
    assert_eq!(tsv.headers["content-type"], "text/tab-separated-values; charset=utf-8");
    assert_eq!(tsv.headers["epivizrs-level"], "records");
    assert_eq!(
        tsv.text(),
        "sequence\tstart\tend\tstrand\tscore\tname\n\
         chr1\t999\t1100\t+\t5\tp1\nchr1\t1999\t2100\t-\t7.5\tp2\n"
    );
    let accept = "accept: text/tab-separated-values\r\n";
    assert_eq!(get_with(endpoint.address, rows, accept).await.body, tsv.body);
    let json = get(endpoint.address, &format!("{rows}&columns=name")).await.json();
    assert_eq!(
        json[1],
        json!({"sequence": "chr1", "start": 1999, "end": 2100, "strand": "-", "name": "p2"})
    );
    let values = "/api/v1/values?measurement=peaks.score&region=2";
    let values = get(endpoint.address, values).await.json();
    assert_eq!(
        values,
        json!([{"sequence": "chr2", "start": 0, "end": 10, "strand": "*", "score": 1.0}])
    );
    let nothing = "/api/v1/rows?datasource=peaks&region=chr1:900k-901k";
    assert_eq!(get(endpoint.address, nothing).await.json(), json!([]));
    let found = get(endpoint.address, "/api/v1/search?q=tp53&limit=1&format=tsv").await;
    assert_eq!(found.text(), "name\tsequence\tstart\tend\nTP53\tchr1\t1000\t2000\n");
    let sequences = get(endpoint.address, "/api/v1/sequences").await.json();
    assert_eq!(sequences[0], json!({"name": "chr1", "length": 1_000_000}));
    let measurements = get(endpoint.address, "/api/v1/measurements").await.json();
    let ids: Vec<_> = measurements.as_array().unwrap().iter().map(|m| &m["id"]).collect();
    assert_eq!(ids, ["genes", "peaks", "peaks.score", "py_column"]);
}

#[tokio::test]
async fn tables_contain_exactly_the_overlapping_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.bed");
    let text =
        "c\t100\t5000\twide\nc\t200\t300\tbetween\nc\t4000\t4000\tnone\nc\t4050\t4100\tlast\n";
    std::fs::write(&file, text).unwrap();
    let (address, _end) = endpoint_of(file.to_str().unwrap(), &[("c", 10_000)]).await;
    let rows = async |region: &str| {
        let path = format!("/api/v1/rows?datasource=x&columns=name&format=tsv&region={region}");
        let answer = get(address, &path).await;
        let text = answer.text();
        let names = text.lines().skip(1).map(|line| line.rsplit('\t').next().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(rows("c:3,001-4,050").await, "wide none");
    assert_eq!(rows("c:4,001-4,051").await, "wide none last");
    assert_eq!(rows("c:4,002-4,050").await, "wide");
    assert_eq!(rows("c").await, "wide between none last");
    let wrong = get(address, "/api/v1/rows?datasource=x&region=c&colums=name").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("/api/v1/rows takes no 'colums='; it takes datasource, region"));
    let nowhere = get(address, "/api/v1/nothing").await;
    assert_eq!((nowhere.status, nowhere.text().lines().count()), (404, 1));
}

#[tokio::test]
async fn wide_bins_are_the_means_of_single_bases() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/signal.bw");
    let (address, _end) = endpoint_of(file, &[("chr11", 135_086_622)]).await;
    let read = async |more: &str| {
        let path = "/api/v1/values?measurement=signal&region=chr11:101,500,929-101,509,120";
        let answer = get(address, &format!("{path}{more}")).await;
        (answer.headers.get("epivizrs-level").cloned().unwrap(), answer.json())
    };
    let (_, bases) = read("&level=1").await;
    assert_eq!(bases.as_array().unwrap().len(), 8192);
    let (level, bins) = read("&level=1024").await;
    assert_eq!(level, "bins of 1024");
    let mut compared = 0;
    for bin in bins.as_array().unwrap() {
        let inside = bases.as_array().unwrap().iter().filter(|base| {
            let start = base["start"].as_u64();
            start >= bin["start"].as_u64() && start < bin["end"].as_u64()
        });
        let values: Vec<f64> = inside.filter_map(|base| base["signal"].as_f64()).collect();
        if values.len() == 1024 {
            let mean = values.iter().sum::<f64>() / 1024.0;
            let given = bin["signal"].as_f64().unwrap();
            assert!((given - mean).abs() <= 1e-4 * mean.abs().max(1.0), "{given} is not {mean}");
            compared += 1;
        }
    }
    assert!(compared >= 7, "{compared} bins were compared");
    // 8192 bases in at most 100 rows: bins of 128 give 64 or 65.
    assert_eq!(read("&bins=100").await.0, "bins of 128");
    assert_eq!(read("").await.0, "bins of 16", "at most 1000 rows, as a page gets");
}

#[tokio::test]
async fn invalid_requests_of_scripts_get_a_reason_in_one_line() {
    let endpoint = Endpoint::start().await;
    for (path, status, why) in [
        ("rows?region=chr1", 400, "'datasource=' is missing"),
        ("rows?datasource=peaks", 400, "'region=' is missing"),
        ("rows?datasource=x&region=chr1", 404, "the datasources are genes, peaks"),
        ("rows?datasource=peaks&region=chr9", 404, "no sequence, gene or feature is called 'chr9'"),
        ("rows?datasource=peaks&region=chr1:9-1", 400, "write a region as"),
        ("rows?datasource=peaks&region=chr1&columns=x", 404, "the columns are name, score"),
        ("rows?datasource=peaks&region=chr1&level=17", 400, "'records', or bins of 16"),
        ("rows?datasource=peaks&region=chr1&bins=0", 400, "above 0"),
        ("rows?datasource=peaks&region=chr1&format=xls", 400, "the formats are json and tsv"),
        ("values?region=chr1", 400, "'measurement=' is missing"),
        ("values?measurement=x&region=chr1", 404, "lists them"),
        ("search", 400, "'q=' is missing"),
    ] {
        let answer = get(endpoint.address, &format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(why), "{path}: {}", answer.text());
        assert_eq!(answer.text().matches('\n').count(), 1);
    }
}

#[tokio::test]
async fn requests_for_too_many_rows_are_refused_or_summarized() {
    let (address, _end) = mock(&[("pyChr", 1_000_000_000)]).await;
    let path = "/api/v1/rows?datasource=py_datasource&columns=py_metadata&region=pyChr:1-200m";
    let answer = get(address, path).await;
    assert_eq!((answer.status, answer.text().contains("at most 100000")), (400, true));
    let answer = get(address, &format!("{path}&bins=500&format=tsv")).await;
    assert_eq!(answer.status, 200);
    assert!((250..=501).contains(&answer.text().lines().count()));
}

#[tokio::test]
async fn bodies_are_compressed_and_have_etags() {
    let endpoint = Endpoint::start().await;
    let path = "/api/v1/measurements";
    let plain = get(endpoint.address, path).await;
    let packed = get_with(endpoint.address, path, "accept-encoding: gzip\r\n").await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    let zstd = "accept-encoding: zstd, br, gzip\r\n";
    let zstd = get_with(endpoint.address, path, zstd).await;
    assert_eq!(zstd.headers["content-encoding"], "zstd");
    assert_eq!(zstd.body[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    let held = format!("if-none-match: \"x\", {}\r\n", packed.headers["etag"]);
    let again = get_with(endpoint.address, path, &held).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    // Ranges refer to the uncompressed body, or they could not be combined.
    let part = get_with(endpoint.address, path, "range: bytes=4-9\r\naccept-encoding: gzip\r\n");
    let part = part.await;
    assert_eq!((part.status, &part.body[..]), (206, &plain.body[4..10]));
    assert!(!part.headers.contains_key("content-encoding"));
    endpoint.session.provider.catalog.unload("peaks").unwrap();
    assert_eq!(get_with(endpoint.address, path, &held).await.status, 200);
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
    assert_eq!(before.headers["access-control-allow-methods"], "GET, POST");
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

/// The endpoint at a path of a server: as with `--base-path`, and as a part of
/// another application.
#[tokio::test]
async fn everything_works_below_a_path() {
    let application = axum::Router::new().route("/", axum::routing::get(async || "my own"));
    for own in [None, Some(application)] {
        let files = crate::support::Files::new();
        let session = Session::new(crate::support::provider(&files).await);
        let listener = bind("127.0.0.1", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let access = Access::new(address, "https://epiviz.example/", &[]);
        let router = epivizrs::router(session, access, None, stop.clone());
        let base: epivizrs::BasePath = "/lab/tracks".parse().unwrap();
        let is_own = own.is_some();
        let app = match own {
            None => base.mount(router),
            Some(application) => application.nest_service("/lab/tracks", router),
        };
        tokio::spawn(epivizrs::serve(listener, app, stop.clone()));
        let _end = stop.drop_guard();

        let bare = get(address, "/lab/tracks").await;
        assert_eq!((bare.status, bare.headers["location"].as_str()), (307, "tracks/"));
        let page = get(address, "/lab/tracks/").await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("js/main.js"), "{}", page.text());
        assert_eq!(get(address, "/lab/tracks/ui/js/main.js").await.status, 200);
        let info = get(address, "/lab/tracks/info").await.json();
        let link =
            format!("https://epiviz.example/?websocket-host[]=ws://{address}/lab/tracks/ws&");
        assert!(info["epiviz"].as_str().unwrap().starts_with(&link), "{info}");
        let wrong = get(address, "/lab/tracks/api/v1/rows?datasource=peaks&regoin=chr1").await;
        assert!(wrong.text().starts_with("/api/v1/rows takes no 'regoin='"), "{}", wrong.text());
        let rows = get(address, "/lab/tracks/api/v1/rows?datasource=peaks&region=chr2").await;
        assert_eq!(rows.json()[0]["name"], "p3");
        let stranger = "origin: https://evil.example\r\n";
        let refused = get_with(address, "/lab/tracks/api?action=getSeqInfos", stranger).await;
        assert_eq!(refused.status, 403);
        let mut page = Client::connect(&format!("ws://{address}/lab/tracks/ws")).await;
        assert_eq!(page.ask(1, json!({"action": "getSeqInfos"})).await[0][0], "chr1");
        let mut page = Client::connect(&format!("ws://{address}/lab/tracks/ws/mine")).await;
        assert_eq!(page.ask(1, json!({"action": "getSeqInfos"})).await[0][0], "chr1");

        assert_eq!(get(address, "/lab/tracks/healthz").await.text(), "ok\n");
        if is_own {
            assert_eq!(get(address, "/").await.text(), "my own");
        } else {
            assert_eq!(get(address, "/healthz").await.text(), "ok\n");
            let nothing = get(address, "/").await;
            assert_eq!(nothing.status, 404);
            assert!(nothing.text().contains("epivizrs is at /lab/tracks/"), "{}", nothing.text());
        }
    }
}

/// Writes the files of a copy of EpiViz that matter for serving it.
fn epiviz(folder: &std::path::Path) -> Epiviz {
    let files = [
        ("index-standalone.html", "<title>EpiViz</title>"),
        ("src/epiviz/standalone-settings.js", "epiviz.Config.SETTINGS = {};\n"),
        ("src/epiviz/epiviz.js", "epiviz.EpiViz.VERSION = '4';\n"),
        ("css/a b.css", "p {}\n"),
        (".git/config", "secret\n"),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Epiviz::open(folder).unwrap()
}

#[tokio::test]
async fn a_copy_of_epiviz_is_configured_while_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let epiviz = epiviz(&copy);
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    let catalog = Catalog::new(Some(("test".into(), [("pyChr", 1_000_000)].into_iter().collect())));
    catalog.add_mock(1);
    let (address, _end) = serve(catalog, Some(epiviz)).await;

    let bare = get(address, "/epiviz").await;
    assert_eq!((bare.status, bare.headers["location"].as_str()), (307, "epiviz/"));
    let page = get(address, "/epiviz/").await;
    assert_eq!((page.status, page.text()), (200, "<title>EpiViz</title>"));
    assert_eq!(page.headers["content-type"], "text/html");
    assert!(page.headers["content-security-policy"].starts_with("default-src 'self'"));
    let style = get(address, "/epiviz/css/a%20b.css").await;
    assert_eq!((style.status, style.headers["content-type"].as_str()), (200, "text/css"));

    let settings = get(address, "/epiviz/src/epiviz/standalone-settings.js").await;
    let text = settings.text();
    let first = r#"const epivizrs = {"view":{"end":"100000","seqName":"pyChr","start":"1"}};"#;
    assert!(text.starts_with(&format!("epiviz.Config.SETTINGS = {{}};\n\n;{first}\n")), "{text}");
    for line in [
        "settings.useCache = false;",
        "settings.dataProviders = [];",
        "'websocket-host': [socket],",
        "epivizrs.resume",
        "data.saveWorkspace",
        "event.notify",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    for path in [
        "/epiviz/.git/config",
        "/epiviz/../secret",
        "/epiviz/..%2fsecret",
        "/epiviz/css/..%2f..%2f..%2fsecret",
        "/epiviz/%2e%2e/secret",
        "/epiviz//etc/passwd",
        "/epiviz/%2fetc%2fpasswd",
        "/epiviz/css%00",
        "/epiviz/css",
        "/epiviz/none.js",
    ] {
        let answer = get(address, path).await;
        assert!(answer.status == 404 && !answer.text().contains("secret"), "{path}");
    }
    let (without, _end) = mock(&[("pyChr", 1000)]).await;
    let answer = get(without, "/epiviz/").await;
    assert_eq!((answer.status, answer.text().contains("epivizrs ui install")), (404, true));
}

#[tokio::test]
async fn metrics_count_requests() {
    let endpoint = Endpoint::start().await;
    let mut page = endpoint.connect().await;
    page.ask(1, json!({"action": "getSeqInfos"})).await;
    get(endpoint.address, "/api?action=getSeqInfos").await;
    get(endpoint.address, "/api?action=getHierarchy").await;
    get(endpoint.address, "/api?action=fly").await;
    get(endpoint.address, "/api/v1/sequences").await;
    get(endpoint.address, "/api/v1/rows").await;
    get(
        endpoint.address,
        "/api?action=getValues&datasource=peaks&measurement=peaks&seqName=1&start=1&end=9",
    )
    .await;
    let answer = send(endpoint.address, "GET /metrics HTTP/1.0\r\nhost: any.example\r\n", "").await;
    let text = answer.text();
    for line in [
        "epivizrs_pages 1",
        "epivizrs_failed_reads_total 1",
        "epivizrs_requests_total{action=\"getSeqInfos\"} 2",
        "epivizrs_requests_total{action=\"getHierarchy\"} 1",
        "epivizrs_request_errors_total{action=\"getHierarchy\"} 1",
        "epivizrs_request_errors_total{action=\"getSeqInfos\"} 0",
        "epivizrs_requests_total{action=\"unusable\"} 1",
        "epivizrs_requests_total{action=\"rest\"} 2",
        "epivizrs_request_errors_total{action=\"rest\"} 1",
        "epivizrs_request_duration_seconds_bucket{action=\"getSeqInfos\",le=\"+Inf\"} 2",
        "epivizrs_request_duration_seconds_count{action=\"getSeqInfos\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
