//! Building the coverage of aligned reads, and reading them by region:
//! `cargo bench --bench alignments`.
//!
//! `EPIVIZRS_BENCH_BAM` names a BAM or CRAM with its index; without it, nothing is measured.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Options, Spec};
use std::hint::black_box;
use std::path::PathBuf;

fn alignments(c: &mut Criterion) {
    let Some(path) = std::env::var_os("EPIVIZRS_BENCH_BAM").map(PathBuf::from) else {
        eprintln!("EPIVIZRS_BENCH_BAM names no file: nothing is measured");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder for the cache");
    let context = |name: &str| Context { cache: folder.path().join(name), ..Context::default() };
    let spec = Spec::file(&path);
    let reads = Options { format: Some("reads".into()), ..Options::default() };
    let reads = open(&Spec { options: reads, ..spec.clone() }, &context("")).expect("reads");
    let whole = |name| Region::new(name, 0, u32::MAX);
    let sequences = reads.sequences();
    let count = |name| reads.rows(&whole(name), Level::Records);
    let total: u64 = sequences.iter().map(|s| count(s.name)).sum();

    let mut group = c.benchmark_group("alignments");
    group.sample_size(10).throughput(Throughput::Elements(total));
    let mut runs = 0;
    group.bench_function("coverage of all reads", |b| {
        b.iter(|| {
            runs += 1;
            let folder = context(&runs.to_string());
            let source = open(&spec, &folder).expect("coverage");
            std::fs::remove_dir_all(folder.cache).expect("the cache is ours");
            black_box(source.covered())
        });
    });
    let most = sequences.iter().max_by_key(|s| count(s.name)).expect("a sequence");
    let names: Vec<&str> = reads.columns().iter().map(|column| &*column.name).collect();
    for (name, width) in [("1 kb", 1_000), ("10 kb", 10_000)] {
        let mut at = 0u32;
        group.throughput(Throughput::Elements(1)).sample_size(100);
        group.bench_function(format!("reads of {name}"), |b| {
            b.iter(|| {
                // A different position each time, all over the sequence.
                at = (at + 7_919_117) % (most.length - width);
                let region = Region::new(most.name, at, at + width);
                black_box(reads.read(&region, Level::Records, &names).expect("reads"))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, alignments);
criterion_main!(benches);
