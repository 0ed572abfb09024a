//! Reads the inputs of `fuzz/corpus` with the functions that are fuzzed. `UPDATE_CORPUS=1` writes
//! the first inputs of each target again; those that once failed stay.

#[path = "../../fuzz/targets.rs"]
mod targets;

use crate::bbi::writer::{File, Records, Variant};
use crate::cram::Read;
use crate::tabix::{self, Kind, Place};
use crate::{bcf, cram, fixtures};
use epivizrs::source::formats::FORMATS;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use targets::TARGETS;

/// An input that takes this long would keep a thread of the endpoint busy; most take milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

#[test]
fn every_input_of_the_corpus_is_read() {
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        write_all();
    }
    for (name, target) in TARGETS {
        let mut inputs: Vec<_> = fs::read_dir(corpus().join(name)).unwrap().collect();
        assert!(inputs.len() >= 4, "{name} has {} inputs", inputs.len());
        inputs.sort_by_key(|entry| entry.as_ref().unwrap().path());
        for input in inputs {
            let path = input.unwrap().path();
            // A failing test prints the last line.
            println!("{}", path.display());
            let started = Instant::now();
            target(&fs::read(&path).unwrap());
            assert!(started.elapsed() < PATIENCE, "{} took too long", path.display());
        }
    }
}

/// The inputs must reach what they are made for, or the corpus would test nothing.
#[test]
fn files_of_the_corpus_can_be_opened() {
    let indexed = indexed();
    let (_, bytes) = indexed.iter().find(|(name, _)| name == "bam-bai").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let length = usize::from(u16::from_le_bytes([bytes[1], bytes[2]]));
    let path = folder.path().join("x.bam");
    fs::write(&path, targets::bgzf(&bytes[3 + length..])).unwrap();
    fs::write(folder.path().join("x.bam.bai"), &bytes[3..3 + length]).unwrap();
    let spec = epivizrs::source::Spec::file(&path);
    let source = epivizrs::source::formats::open(&spec, &crate::context()).unwrap();
    let region = epivizrs::genome::Region::new("chr1", 0, 10_000);
    let level = epivizrs::source::Level::Bins { shift: 6 };
    let table = source.read(&region, level, &["value"]).unwrap();
    let depths: f64 = (0..table.len()).map(|row| table.columns[0].data.number(row)).sum();
    assert_eq!(depths * 64.0, 8.0 * 50.0, "eight reads of 50 bases");
}

fn write_all() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = corpus().join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    };
    for (target, inputs) in TEXTS {
        for (number, text) in inputs.iter().enumerate() {
            write(target, &format!("{number:02}"), text.as_bytes());
        }
    }
    for format in FORMATS {
        for (number, fixture) in fixtures::of(format.name).into_iter().enumerate() {
            let path = fixture.spec.input.path().to_owned();
            let Ok(text) = String::from_utf8(fs::read(&path).unwrap()) else { continue };
            let lines: String = text.split_inclusive('\n').take(24).collect();
            let short: String = lines.chars().take(3000).collect();
            let file = path.file_name().unwrap().to_str().unwrap();
            let name = format!("{}-{number}", format.name);
            write("text", &name, format!("{file},format={}\n{short}", format.name).as_bytes());
        }
    }
    for (name, bytes) in big_binary() {
        write("bbi", name, &bytes);
    }
    for (name, bytes) in indexed() {
        write("indexed", &name, &bytes);
    }
    for (name, bytes) in crams() {
        write("cram", name, &bytes);
    }
    for (name, bytes) in packed() {
        write("packed", name, &bytes);
    }
}

fn big_binary() -> Vec<(&'static str, Vec<u8>)> {
    let graph = (0..20).map(|n| (100 * n, 100 * n + 60, n as f32)).collect();
    let variable = (0..20).map(|n| (5000 + 17 * n, 0.5 * n as f32)).collect();
    let fixed = (0..20).map(|n| (n % 13) as f32).collect();
    let signal = File {
        sequences: vec![("chrA", 9000), ("chrLonger", 300_000)],
        blocks: vec![
            (0, Records::Graph(graph)),
            (0, Records::Variable { span: 9, records: variable }),
            (1, Records::Fixed { start: 70_000, step: 25, span: 20, values: fixed }),
        ],
        ..File::default()
    };
    let variant = |big_endian, packed| Variant { big_endian, packed, sequences_last: !packed };
    let bed = fixtures::of("bigbed").remove(0);
    vec![
        ("plain", signal.write(variant(false, false))),
        ("packed", signal.write(variant(false, true))),
        ("big-endian", signal.write(variant(true, false))),
        ("big-endian-packed", signal.write(variant(true, true))),
        ("bigbed", fs::read(bed.spec.input.path()).unwrap()),
    ]
}

/// Returns inputs of the target `indexed`: files in one block, whose offsets are known.
fn indexed() -> Vec<(String, Vec<u8>)> {
    let rows: Vec<(&str, u32)> =
        (0..8).map(|n| (if n < 4 { "chr1" } else { "chr2" }, 100 + 500 * n)).collect();
    let text = "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=90000>\n\
        ##contig=<ID=chr2,length=90000>\n##INFO=<ID=DP,Number=1,Type=Integer,Description=\"x\">\n\
        #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    let bed = |name: &str, start: u32| format!("{name}\t{start}\t{}\tx\n", start + 50).into_bytes();
    let vcf =
        |name: &str, start: u32| format!("{name}\t{}\tid\tA\tG\t9\tPASS\tDP=3\n", start + 1).into();
    let bcf_record = |name: &str, start: u32| {
        bcf::record(&bcf::Record {
            contig: u32::from(name != "chr1"),
            bases: (start, start + 1),
            id: "x",
            alleles: ["A", "G"],
            quality: 9.0,
            info: &[(1, bcf::Value::Number(7))],
        })
    };
    let mut bam_header = b"BAM\x01\0\0\0\0\x02\0\0\0".to_vec();
    for name in ["chr1", "chr2"] {
        bam_header.extend(5u32.to_le_bytes());
        bam_header.extend(name.bytes().chain([0]));
        bam_header.extend(90_000u32.to_le_bytes());
    }
    let bam = |name: &str, start: u32| {
        let mut record = i32::from(name != "chr1").to_le_bytes().to_vec();
        record.extend(start.to_le_bytes());
        record.extend([2, 60, 0, 0, 1, 0, 0, 0]);
        record.extend(0u32.to_le_bytes());
        record.extend([0xff; 8]);
        record.extend([0; 4]);
        record.extend(b"r\0");
        record.extend((50u32 << 4).to_le_bytes());
        [&(record.len() as u32).to_le_bytes()[..], &record].concat()
    };
    // `bam` reads eight records of 50 bases on chr1 in `files_of_the_corpus_can_be_opened`.
    let on_first: Vec<(&str, u32)> = (0..8).map(|n| ("chr1", 64 * 10 * (n + 1))).collect();
    type Writer<'a> = &'a dyn Fn(&str, u32) -> Vec<u8>;
    let csi = Kind::Csi(14, 5);
    // Its name, number, header, record at a place, index and places.
    type Case<'a> = (&'a str, u8, &'a [u8], Writer<'a>, Option<Kind>, &'a [(&'static str, u32)]);
    let all: [Case<'_>; 9] = [
        ("bed-tbi", 0, b"", &bed, Some(Kind::TabixBed), &rows),
        ("bed-csi", 1, b"", &bed, Some(csi), &rows),
        ("vcf-tbi", 2, text.as_bytes(), &vcf, Some(Kind::Tabix), &rows),
        ("vcf-csi", 3, text.as_bytes(), &vcf, Some(csi), &rows),
        ("bam-bai", 4, &bam_header, &bam, Some(Kind::Bai), &on_first),
        ("bam-csi", 5, &bam_header, &bam, Some(csi), &rows),
        ("bcf-csi", 6, &bcf::header(text), &bcf_record, Some(csi), &rows),
        ("bam-alone", 7, &bam_header, &bam, None, &rows),
        ("bcf-alone", 8, &bcf::header(text), &bcf_record, None, &rows),
    ];
    let mut inputs = Vec::new();
    for (name, kind, header, record, index, rows) in all {
        let mut content = header.to_vec();
        let mut places: Vec<Place> = Vec::new();
        for (sequence, start) in rows {
            let from = content.len() as u64;
            content.extend(record(sequence, *start));
            places.push((sequence, (*start, start + 50), (from, content.len() as u64)));
        }
        let index = index.map(|kind| tabix::index(&places, kind)).unwrap_or_default();
        // `tabix::index` packs all but BAI.
        let is_plain = index.is_empty() || kind == 4;
        let plain = if is_plain { index.clone() } else { unpacked(&index) };
        let input = |kind: u8, index: &[u8], content: &[u8]| {
            [&[kind][..], &(index.len() as u16).to_le_bytes(), index, content].concat()
        };
        inputs.push((name.to_owned(), input(kind, &plain, &content)));
        inputs
            .push((format!("{name}-packed"), input(128 + kind, &index, &targets::bgzf(&content))));
    }
    inputs
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes);
    std::io::Read::read_to_end(&mut reader, &mut plain).unwrap();
    plain
}

fn crams() -> Vec<(&'static str, Vec<u8>)> {
    let read = |n: u32| Read {
        sequence: 0,
        start: 100 * n,
        flags: if n.is_multiple_of(2) { 0 } else { 16 },
        quality: 60,
        name: format!("r{n}"),
        cigar: vec![(20, 'M'), (2, 'D'), (5, 'I'), (30, 'M')],
    };
    let reads: Vec<_> = (0..6).map(read).collect();
    let (bytes, _) = cram::file(&[("chr1", 3000)], &reads);
    let (none, _) = cram::file(&[("chr1", 3000)], &[]);
    let with = |first: u8, bytes: &[u8]| [&[first], bytes].concat();
    vec![
        ("reads", with(0, &bytes)),
        ("reads-fitted", with(1, &bytes)),
        ("empty", with(0, &none)),
        ("empty-fitted", with(1, &none)),
    ]
}

fn packed() -> Vec<(&'static str, Vec<u8>)> {
    let text = b"chr1\t10\t20\ta\t1\t+\nchr1\t30\t40\tb\t2\t-\nchr2\t5\t9\tc\t3\t.\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(text).unwrap();
    let mut xz =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(text).unwrap();
    vec![
        ("plain", text.to_vec()),
        ("gzip", gzip.finish().unwrap()),
        ("bgzf", targets::bgzf(text)),
        ("zstd", zstd::encode_all(&text[..], 1).unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
    ]
}

/// The first inputs of targets whose inputs are text.
const TEXTS: &[(&str, &[&str])] = &[
    (
        "messages",
        &[
            r#"{"requestId":1,"type":"request","data":{"action":"getMeasurements","version":"4"}}"#,
            r#"{"requestId":"2","type":"request","data":{"action":"getSeqInfos","version":"5"}}"#,
            r#"{"requestId":3,"type":"request","data":{"version":"4","action":"getRows","datasource":"py_datasource","seqName":"chr1","start":1,"end":20000,"metadata":["py_metadata",null]}}"#,
            r#"{"requestId":4,"type":"request","data":{"version":"5","action":"getValues","datasource":"py_datasource","measurement":"py_column","seqName":"chr1","start":"1","end":20000.5}}"#,
            r#"{"requestId":5,"type":"request","data":{"version":"2","action":"getCombined","seqName":"chr1","start":1,"end":900000,"measurements":{"py_datasource":["py_column"],"x":[]}}}"#,
            r#"{"requestId":6,"type":"request","data":{"action":"search","q":"chr","maxResults":5}}"#,
            r#"{"requestId":7,"type":"request","data":{"action":"registerChartTypes","data":{"0":{"chartName":"x","customSettings":[{"id":"title"}]}}}}"#,
            r#"{"requestId":8,"type":"request","data":{"action":"reportChange","change":{"kind":"charts","charts":[]}}}"#,
            r#"{"requestId":9,"type":"request","data":{"action":"saveWorkspace","name":"a","content":"%7B%7D"}}"#,
            r#"{"requestId":10,"type":"response","data":{"success":true,"value":{"id":"c"}}}"#,
            r#"{"requestId":11,"type":"request","data":{"action":"subscribe","source":"py_datasource","startrec":-5,"numrec":2}}"#,
        ],
    ),
    (
        "commands",
        &[
            "plot py_column",
            "plot py_column as line; go chr1:1-20,000; zoom out 4",
            "set 1 yMin=0 yMax=2.5 title=\"a b\"",
            "colors 1 #ff0000 #00ff00",
            "compute x = log2(py_column + 1)",
            "load 'a file.bed',name=x",
            "export /tmp/x.json",
            "bookmark add here; bookmark",
            "add-sequence chrZ 1000; remove-sequence chrZ; keep-sequences chr1",
            "search chr; measurements; sources; sequences; charts; where; help plot",
            "save a; workspaces; open a; delete a",
        ],
    ),
    (
        "regions",
        &[
            "chr1:1,001-2,000",
            "1 1001 2000",
            "chr1",
            "101k-104k",
            "chrX:1.5m ±5kb",
            "chr2:7+-10",
            "x:1..5",
        ],
    ),
    (
        "sources",
        &[
            "signal.bw,name=H3K4me3,color=#d62728,range=0:50",
            "a,b.bed,columns=score:name,filter=score>500 && strand=='+'",
            "https://x.example/a.bam?b=c,d,index=https://x.example/a.bam.bai",
            "s3://bucket/key.vcf.gz,genotypes=yes,info=DP:AF",
            "x.gtf,rows=transcripts,skip=errors,base=1,missing=gap,summary=max",
        ],
    ),
    (
        "expressions",
        &[
            "log2((a + 1) / (b + 1))",
            "score > 500 && strand == '+' || !(name ~ 'x')",
            "mean(a, b, c) - smooth(d, 1000)",
            "if(a > 0.5, -a, a ^ 2) * 1e-3",
            "min(max(a, 0), 1) % 3",
        ],
    ),
];
