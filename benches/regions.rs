//! Reading rows by region: `cargo bench --bench regions`.
//!
//! By default, only a small bigBed is read, which this program writes. Human-scale files are named
//! by `EPIVIZRS_BENCH_BED=peaks.bed.gz`, `EPIVIZRS_BENCH_VCF=snps.vcf.gz`,
//! `EPIVIZRS_BENCH_BCF=snps.bcf` and `EPIVIZRS_BENCH_BIGBED=transcripts.bb`; text and BCF files
//! need an index in the same folder.

use bigtools::BigBedWrite;
use bigtools::beddata::BedParserStreamingIterator;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Source, Spec};
use std::hint::black_box;

const LENGTH: u32 = 240_000_000;

/// Measures reading the rows of a region, at a different position of chr1 each time.
fn regions(c: &mut Criterion, name: &str, source: &dyn Source) {
    let columns: Vec<&str> = source.columns().iter().map(|column| &*column.name).collect();
    let length = source.sequences().get("chr1").map_or(0, |sequence| sequence.length);
    // The first request counts the rows; later ones do not.
    let first = Region::new("chr1", 0, 1);
    source.read(&first, Level::Records, &columns).expect("the first rows");
    let mut group = c.benchmark_group(format!("rows of {name}"));
    for (label, width) in [("1 kb", 1_000), ("1 Mb", 1_000_000), ("10 Mb", 10_000_000)] {
        let mut at = 0u32;
        group.bench_function(BenchmarkId::from_parameter(label), |b| {
            b.iter(|| {
                at = at.wrapping_add(15_485_863) % (length - width);
                let region = Region::new("chr1", at, at + width);
                black_box(source.read(&region, Level::Records, &columns).expect("rows"))
            });
        });
    }
    group.finish();
}

/// Writes transcript-like rows, as dense as those of a human annotation, to a bigBed.
fn made(path: &std::path::Path) {
    let lengths = [("chr1".to_owned(), LENGTH)].into();
    let rows = (0..20_000u32).map(|n| {
        let start = n * 11_900;
        let rest = format!("T{n}\t{}\t+\t{start}\t{start}\t0", n % 1000);
        ("chr1", bigtools::BedEntry { start, end: start + 500 + n % 40_000, rest })
    });
    let rows: Vec<_> = rows.collect();
    let rows = BedParserStreamingIterator::wrap_infallible_iter(rows.into_iter(), false);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let writer = BigBedWrite::create_file(path, lengths).expect("a file");
    writer.write(rows, runtime.expect("a runtime")).expect("a bigBed");
}

fn all(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("made.bb");
    made(&own);
    let named = ["BED", "VCF", "BCF", "BIGBED"].map(|kind| {
        let path = std::env::var(format!("EPIVIZRS_BENCH_{kind}")).ok();
        (kind, path)
    });
    let own = ("a small bigBed", Some(own.to_string_lossy().into_owned()));
    for (kind, path) in named.into_iter().chain([own]) {
        let Some(path) = path else { continue };
        let source = open(&Spec::file(&path), &Context::default()).expect("a source");
        regions(c, kind, &*source);
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
