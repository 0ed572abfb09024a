//! Tables for scripts.

use super::*;

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
    // 8192 bases in at most 100 rows: bins of 128 bases give 64 or 65 rows.
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
        ("rows?datasource=peaks&region=chr1&format=xls", 400, "the formats are json, tsv and npz"),
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
    // Ranges refer to the uncompressed body; otherwise they could not be combined.
    let part = get_with(endpoint.address, path, "range: bytes=4-9\r\naccept-encoding: gzip\r\n");
    let part = part.await;
    assert_eq!((part.status, &part.body[..]), (206, &plain.body[4..10]));
    assert!(!part.headers.contains_key("content-encoding"));
    endpoint.session.provider.catalog.unload("peaks").unwrap();
    assert_eq!(get_with(endpoint.address, path, &held).await.status, 200);
}
