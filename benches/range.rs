//! Answering range requests, including the JSON, in process: `cargo bench --bench range`.
//!
//! `EPIVIZRS_BENCH_BIGWIG` names a bigWig (chr1 of a human-scale file is read); the default is the
//! demonstration signal.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use epivizrs::catalog::Catalog;
use epivizrs::protocol::{Combined, CombinedPart, Dialect, Frame, Positions, Reply, parse};
use epivizrs::provider::Provider;
use epivizrs::source::rows::records::{Records, RecordsOptions, Rows};
use epivizrs::source::{Shape, Source, Spec};
use epivizrs::table::{Column, Data, Table};
use serde_json::json;
use std::hint::black_box;

const DEMONSTRATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/signal.bw");

fn combined(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let own = std::env::var("EPIVIZRS_BENCH_BIGWIG").ok();
    let (path, sequence) = own.map_or((DEMONSTRATION.to_owned(), "chr11"), |path| (path, "chr1"));
    let catalog = Catalog::new(None);
    let (added, errors) = runtime.block_on(catalog.load(vec![Spec::file(path)]));
    assert!(errors.is_empty(), "{errors:?}");
    let provider = Provider { catalog, page_rows: 400 };
    let mut group = c.benchmark_group("getCombined of one bigWig");
    for (name, width) in [
        ("1 kb", 1_000),
        ("10 kb", 10_000),
        ("100 kb", 100_000),
        ("1 Mb", 1_000_000),
        ("10 Mb", 10_000_000),
        ("chromosome", 135_000_000),
    ] {
        let mut at = 100_000_000u32;
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                // A different position each time, within the data of the demonstration signal.
                at = 100_000_000 + (at + 7_919) % 8_000_000;
                let start = if width > 20_000_000 { 1 } else { at };
                let message = json!({"requestId": 1, "type": "request", "data": {
                    "action": "getCombined", "seqName": sequence, "start": start, "end": start + width,
                    "measurements": {"signals": [added[0].id]}}});
                let Frame::Request(id, request) = parse(&message.to_string()) else { unreachable!() };
                black_box(runtime.block_on(provider.answer(&request, None)).to_json(&id))
            });
        });
    }
    group.finish();
}

fn json(c: &mut Criterion) {
    let mut group = c.benchmark_group("columns to JSON");
    for rows in [1_000u32, 100_000] {
        let table = Table {
            first_rank: 5_000,
            start: (0..rows).map(|row| row * 32).collect(),
            end: (0..rows).map(|row| row * 32 + 32).collect(),
            strand: Vec::new(),
            columns: vec![Column::new(
                "signal",
                Data::Singles((0..rows).map(|row| (row as f32 * 0.37).sin() * 55.0).collect()),
            )],
        };
        let part = CombinedPart {
            datasource: "signals".into(),
            table,
            measurements: vec!["signal".into()],
        };
        let (dialect, positions) = (Dialect::Classic, Positions::Absolute);
        let reply = Reply::Combined(Combined { parts: vec![part], dialect, positions });
        let Frame::Request(id, _) = parse(r#"{"requestId":1,"data":{"action":"getSeqInfos"}}"#)
        else {
            unreachable!()
        };
        group.bench_function(BenchmarkId::from_parameter(rows), |b| {
            b.iter(|| black_box(reply.to_json(&id)));
        });
    }
    group.finish();
}

fn search(c: &mut Criterion) {
    let mut rows = Rows::default();
    let names =
        (0..60_000u32).map(|i| format!("GENE{}", i.wrapping_mul(2_654_435_761) % 1_000_000));
    for start in (0..60_000).map(|i| i * 50_000 % 248_000_000) {
        rows.push("chr1", start, start + 20_000);
    }
    rows.columns.push(Column::new("gene", Data::Text(names.collect())));
    let how = RecordsOptions { shape: Shape::Genes, name: Some("gene"), importance: None };
    let genes = Records::new(rows, how);
    let mut group = c.benchmark_group("search of 60,000 names");
    for text in ["gene", "GENE12", "77", "nothing"] {
        group.bench_function(text, |b| b.iter(|| black_box(genes.search(text, 12))));
    }
    group.finish();
}

criterion_group!(benches, combined, json, search);
criterion_main!(benches);
