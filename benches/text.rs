//! Opening text files: rows into memory, signals into a bigWig, large VCF into an indexed copy:
//! `cargo bench --bench text`.
//!
//! By default, the program writes files of 100,000 lines. Others are named by
//! `EPIVIZRS_BENCH_GTF=genes.gtf`, `EPIVIZRS_BENCH_BED_TEXT=peaks.bed`,
//! `EPIVIZRS_BENCH_VCF_TEXT=snps.vcf`, `EPIVIZRS_BENCH_WIG=signal.wig` and
//! `EPIVIZRS_BENCH_BEDGRAPH=signal.bedgraph`, plain or compressed, without an index.

use criterion::{BatchSize, criterion_main};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group};
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Spec};
use flate2::bufread::MultiGzDecoder;
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The number of lines of a generated file, and the bases from one row to the next.
const LINES: u32 = 100_000;
const STEP: u32 = 2_000;

/// A kind of text: the variable that names such a file, its ending, its header, and the line of a
/// row with a given start.
type Kind = (&'static str, &'static str, &'static str, fn(u32) -> String);

const KINDS: [Kind; 5] = [
    ("GTF", "gtf", "", |start| {
        let (gene, first, last) = (start / STEP / 10, start + 1, start + 150);
        format!(
            "chr1\tx\texon\t{first}\t{last}\t.\t+\t.\t\
             gene_id \"G{gene}\"; transcript_id \"T{gene}\"; gene_name \"N{gene}\";"
        )
    }),
    ("BED_TEXT", "bed", "", |start| {
        format!("chr1\t{start}\t{}\tpeak_{start}\t{}\t+", start + 500, start % 1000)
    }),
    ("VCF_TEXT", "vcf", "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\n", |start| {
        format!("chr1\t{}\trs{start}\tA\tG\t{}\tPASS\tDP=30;AF=0.5", start + 1, start % 100)
    }),
    ("WIG", "wig", "variableStep chrom=chr1 span=50\n", |start| {
        format!("{} {}.5", start + 1, start % 100)
    }),
    ("BEDGRAPH", "bedgraph", "", |start| {
        format!("chr1\t{start}\t{}\t{}.5", start + 50, start % 100)
    }),
];

/// Returns the file of this kind that the user names, or writes one in the folder.
fn file((variable, ending, head, line): Kind, folder: &Path) -> PathBuf {
    if let Some(path) = std::env::var_os(format!("EPIVIZRS_BENCH_{variable}")) {
        return path.into();
    }
    let mut text = head.to_owned();
    (0..LINES).for_each(|n| writeln!(text, "{}", line(n * STEP)).expect("a line"));
    let path = folder.join("made").with_extension(ending);
    std::fs::write(&path, text).expect("a file");
    path
}

/// Returns the number of lines of a file, which may be compressed.
fn lines(path: &Path) -> u64 {
    let mut reader = BufReader::new(File::open(path).expect("the file"));
    let packed = reader.fill_buf().expect("its beginning").starts_with(&[0x1f, 0x8b]);
    let count = |reader: &mut dyn BufRead| reader.split(b'\n').count() as u64;
    if packed {
        count(&mut BufReader::new(MultiGzDecoder::new(reader)))
    } else {
        count(&mut reader)
    }
}

fn all(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut runs = 0;
    // The cache is empty each time, so that the files derived from the text are written again.
    let mut context = |in_memory| {
        runs += 1;
        Context { cache: folder.path().join(runs.to_string()), in_memory, ..Context::default() }
    };
    let mut group = c.benchmark_group("opening");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for kind in KINDS {
        let path = file(kind, folder.path());
        group.throughput(Throughput::Elements(lines(&path)));
        let ways: &[_] = match kind.0 {
            "VCF_TEXT" => &[("in memory", u64::MAX), ("into the cache", 1 << 20)],
            "WIG" | "BEDGRAPH" => &[("into the cache", 0)],
            _ => &[("in memory", u64::MAX)],
        };
        for (way, in_memory) in ways {
            group.bench_function(BenchmarkId::new(kind.1, way), |b| {
                b.iter_batched(
                    || context(*in_memory),
                    |context| {
                        let source = open(&Spec::file(&path), &context).expect("a source");
                        // Removing the derived files takes little time compared with writing them.
                        let _ = std::fs::remove_dir_all(context.cache);
                        source
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);
