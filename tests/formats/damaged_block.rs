//! A file with one damaged block: it opens, and fails in one region.

use bigtools::beddata::BedParserStreamingIterator;
use bigtools::{BigWigWrite, Value as BigWigValue};
use epivizrs::catalog::Catalog;
use epivizrs::protocol::{Frame, parse};
use epivizrs::provider::Provider;
use epivizrs::source::Spec;
use serde_json::{Value, json};
use std::path::Path;

/// Writes a bigWig with `count` adjacent records of 10 bases on chr1; record `i` has the value `i`.
fn write_bigwig(path: &Path, count: u32) {
    let lengths = [("chr1".to_owned(), 1_000_000)].into();
    let mut writer = BigWigWrite::create_file(path, lengths).unwrap();
    writer.options.inmemory = true;
    let record =
        |i: u32| ("chr1", BigWigValue { start: i * 10, end: i * 10 + 10, value: i as f32 });
    let records = (0..count).map(record).collect::<Vec<_>>().into_iter();
    let records = BedParserStreamingIterator::wrap_infallible_iter(records, false);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    writer.write(records, runtime).unwrap();
}

async fn ask(provider: &Provider, data: Value) -> Value {
    let message = json!({"requestId": 1, "type": "request", "data": data}).to_string();
    let Frame::Request(id, request) = parse(&message) else { panic!("{message}") };
    let reply = provider.answer(&request, None).await.to_json(&id);
    serde_json::from_str::<Value>(&reply).unwrap()["data"].clone()
}

#[test]
fn a_damaged_block_affects_only_its_region_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Four blocks of data; the last is overwritten.
    write_bigwig(&path("intact.bw"), 4000);
    let mut bytes = std::fs::read(path("intact.bw")).unwrap();
    let read = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let (data, index) = (read(16), read(24));
    let last_block = data + (index - data) * 9 / 10;
    bytes[last_block..last_block + 40].fill(0xff);
    std::fs::write(path("damaged.bw"), bytes).unwrap();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let catalog = Catalog::new(None);
        let specs = ["intact.bw", "damaged.bw"].map(|name| Spec::file(path(name)));
        let (_, errors) = catalog.load(specs.into()).await;
        assert!(errors.is_empty(), "{errors:?}");
        let provider = Provider { catalog, page_rows: 1000 };

        let combined = |start: u32, end: u32| {
            json!({"action": "getCombined", "seqName": "chr1", "start": start, "end": end,
                "measurements": {"signals": ["damaged", "intact"]}})
        };
        let before = ask(&provider, combined(101, 110)).await;
        assert_eq!(before["signals"]["cols"]["damaged"], json!(vec![10.0; 10]));
        let inside = ask(&provider, combined(39_901, 39_910)).await;
        assert_eq!(inside["signals"]["cols"]["intact"], json!(vec![3990.0; 10]));
        assert_eq!(inside["signals"]["cols"]["damaged"], json!(vec![Value::Null; 10]));

        let values = |measurement: &str| {
            json!({"action": "getValues", "datasource": "signals", "measurement": measurement,
                "seqName": "chr1", "start": 39_901, "end": 39_910})
        };
        let empty = ask(&provider, values("damaged")).await;
        assert_eq!(empty, json!({"globalStartIndex": null, "values": []}));
        assert_eq!(ask(&provider, values("intact")).await["values"], json!(vec![3990.0; 10]));
    });
}
