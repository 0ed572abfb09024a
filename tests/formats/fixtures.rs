//! A file of each format, written here, and what it holds.

#[path = "../bbi/writer.rs"]
pub(crate) mod writer;

use crate::bcf::{self, Value as Typed};
use crate::cram;
use crate::tabix::{self, Bgzf, Kind, Place};
use bigtools::beddata::BedParserStreamingIterator;
use bigtools::{BigWigWrite, Value};
use epivizrs::error::Result;
use epivizrs::source::{Context, Input, Source, Spec};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;
use writer::{File, Records, Variant};

/// A row as the test knows it; 0-based, half-open.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub sequence: &'static str,
    pub start: u32,
    pub end: u32,
    pub strand: &'static str,
    pub(crate) name: String,
    pub value: f64,
}

/// What a column must show of a row.
pub(crate) type Expected = fn(&Row) -> String;

/// A file and what it holds.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) spec: Spec,
    /// Columns that must be there, with what they show.
    pub(crate) columns: &'static [(&'static str, Expected)],
    /// Its rows are read by region, their number before that is an estimate.
    pub(crate) by_region: bool,
    /// It is read as if it were large.
    is_large: bool,
    /// The index beside it.
    index: Option<PathBuf>,
    rows: Vec<Row>,
    folder: TempDir,
}

impl Fixture {
    fn new(
        name: &str,
        file: &str,
        bytes: &[u8],
        rows: Vec<Row>,
        columns: &'static [(&'static str, Expected)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, bytes).unwrap();
        Fixture {
            name: name.to_owned(),
            spec: Spec::file(path),
            columns,
            by_region: false,
            is_large: false,
            index: None,
            rows,
            folder,
        }
    }

    /// With an index beside it.
    fn indexed(self, ending: &str, index: &[u8]) -> Self {
        let mut path = self.spec.input.path().as_os_str().to_owned();
        path.push(format!(".{ending}"));
        std::fs::write(&path, index).unwrap();
        Fixture { index: Some(path.into()), ..self.by_region() }
    }

    /// As if it were large.
    fn copied(self) -> Self {
        let name = format!("{}, copied", self.name);
        Fixture { name, is_large: true, ..self.by_region() }
    }

    fn option(mut self, key: &str, value: &str) -> Self {
        self.spec.options.set(key, value).unwrap();
        self
    }

    fn by_region(self) -> Self {
        Fixture { by_region: true, ..self }
    }

    /// The sequences that have rows, the one with most first.
    pub(crate) fn sequences(&self) -> Vec<&'static str> {
        vec!["chr1", "chr2"]
    }

    pub(crate) fn on<'a>(&'a self, sequence: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.sequence == sequence)
    }

    /// The mean over the covered bases of each bin, base by base; none where there are none.
    pub(crate) fn means(&self, sequence: &str, width: u32, length: u32) -> Vec<(u32, Option<f64>)> {
        let mut bases = vec![f64::NAN; length as usize];
        for row in self.on(sequence) {
            bases[row.start as usize..row.end as usize].fill(row.value);
        }
        let mean = |bin: &[f64]| {
            let known: Vec<f64> = bin.iter().copied().filter(|value| !value.is_nan()).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        (0..).zip(bases.chunks(width as usize)).map(|(index, bin)| (index, mean(bin))).collect()
    }

    /// Opens the file, or one like it.
    pub(crate) fn open(&self, spec: &Spec) -> Result<Box<dyn Source>> {
        let usual = crate::context();
        let in_memory = if self.is_large { 0 } else { usual.in_memory };
        epivizrs::source::open(spec, &Context { in_memory, ..usual })
    }

    /// The same file with other bytes in it.
    pub(crate) fn with_bytes(&self, bytes: &[u8]) -> Spec {
        let name = self.spec.input.path().file_name().unwrap();
        let path = self.folder.path().join("damaged").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        if let Some(index) = &self.index {
            std::fs::copy(index, path.with_file_name(index.file_name().unwrap())).unwrap();
        }
        Spec { input: Input::File(path), ..self.spec.clone() }
    }
}

/// SplitMix64: the same rows in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(limit)) as u32
    }
}

/// Length of both sequences.
const LENGTH: u32 = 300_000;

/// Rows that overlap, nest and lie apart; no two alike, in no order.
fn features() -> Vec<Row> {
    let mut random = Random(7);
    (0..600)
        .map(|index| {
            let sequence = if index % 3 == 2 { "chr2" } else { "chr1" };
            let start = random.below(LENGTH - 60_000);
            // Most are short, some are long enough to reach over many others.
            let length = 1 + if index % 40 == 0 { random.below(50_000) } else { random.below(900) };
            Row {
                sequence,
                start,
                end: start + length,
                strand: ["+", "-", "."][index % 3],
                name: format!("feature {index}"),
                value: f64::from(random.below(1000)) + 0.25,
            }
        })
        .collect()
}

/// Sorted records that do not overlap: of up to `longest` bases, up to `gap` apart.
fn signal(longest: u32, gap: u32) -> Vec<Row> {
    let mut random = Random(11);
    let mut rows = Vec::new();
    for sequence in ["chr1", "chr2"] {
        let mut at = random.below(5000);
        while at + longest < LENGTH {
            let end = at + 1 + random.below(longest);
            rows.push(Row {
                sequence,
                start: at,
                end,
                strand: ".",
                name: String::new(),
                value: f64::from(random.below(4000)) / 8.0 - 20.0,
            });
            // Some records touch.
            at = end + if random.below(3) == 0 { 0 } else { random.below(gap) };
        }
    }
    rows
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The fixtures of a format.
pub(crate) fn of(format: &str) -> Vec<Fixture> {
    match format {
        "bed" => bed(),
        "gtf" => gtf(),
        "gff3" => gff3(),
        "genepred" => genepred(),
        "bed12" => bed12(),
        "bedpe" => bedpe(),
        "interact" => interact(),
        "bedmethyl" => bedmethyl(),
        "ucsc" => ucsc(),
        "matrix" => matrix(),
        "bigwig" => bigwig(),
        "bigbed" => bigbed(),
        "bedgraph" => bedgraph(),
        "wig" => wig(),
        "vcf" => vcf(),
        "bcf" => bcf(),
        "bam" => bam(),
        "cram" => cram(),
        "reads" => reads(),
        _ => Vec::new(),
    }
}

fn bed() -> Vec<Fixture> {
    const COLUMNS: &[(&str, Expected)] =
        &[("name", |row| row.name.clone()), ("score", |row| row.value.to_string())];
    let mut text = String::from("track name=\"x\"\r\n# a comment\n\n");
    for row in features() {
        let Row { sequence, start, end, strand, name, value } = row;
        text += &format!("{sequence}\t{start}\t{end}\t{name}\t{value}\t{strand}\r\n");
    }
    text.truncate(text.trim_end().len());
    let three: String = features()
        .iter()
        .map(|row| format!("{} {}  {}\n", row.sequence, row.start, row.end))
        .collect();
    let line = |row: &Row| {
        let Row { sequence, start, end, strand, name, value } = row;
        format!("{sequence}\t{start}\t{end}\t{name}\t{value}\t{strand}\n")
    };
    let (rows, packed, places) =
        packed(b"# a comment\n", sorted(features()), |row| line(row).into_bytes());
    let indexed = || Fixture::new("bed, indexed", "peaks.bed.gz", &packed, rows.clone(), COLUMNS);
    vec![
        Fixture::new("bed", "peaks.bed", text.as_bytes(), features(), COLUMNS),
        Fixture::new("bed, packed", "peaks.bed.gz", &gzip(&text), features(), COLUMNS),
        Fixture::new("bed of 3 columns, by content", "data.txt", three.as_bytes(), features(), &[]),
        indexed().indexed("tbi", &tabix::index(&places, Kind::Tabix)),
        indexed().indexed("csi", &tabix::index(&places, Kind::Csi(14, 6))),
        Fixture::new("bed", "peaks.bed", text.as_bytes(), features(), COLUMNS).copied(),
        Fixture::new("bed, packed", "peaks.bed.gz", &gzip(&text), features(), COLUMNS).copied(),
    ]
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| (row.sequence, row.start, row.end));
    rows
}

/// Sorted rows as records behind a header, packed; and where each of them went.
fn packed(
    header: &[u8],
    rows: Vec<Row>,
    record: impl Fn(&Row) -> Vec<u8>,
) -> (Vec<Row>, Vec<u8>, Vec<Place>) {
    let mut packed = Bgzf::default();
    packed.add(header);
    let places = rows
        .iter()
        .map(|row| (row.sequence, (row.start, row.end), packed.add(&record(row))))
        .collect();
    (rows, packed.finish(), places)
}

/// The exons of a gene are its first and last third.
fn exons(row: &Row) -> [(u32, u32); 2] {
    let third = (row.end - row.start) / 3;
    [(row.start, row.start + third.max(1)), (row.end - third.max(1), row.end)]
}

const GENE_COLUMNS: &[(&str, Expected)] = &[
    ("gene", |row| row.name.clone()),
    ("exon_starts", |row| {
        blocks(row).iter().map(|(s, _)| (s + 1).to_string()).collect::<Vec<_>>().join(",")
    }),
    ("exon_ends", |row| {
        blocks(row).iter().map(|(_, e)| e.to_string()).collect::<Vec<_>>().join(",")
    }),
];

/// Exons that touch or overlap are one block.
fn blocks(row: &Row) -> Vec<(u32, u32)> {
    let [first, last] = exons(row);
    if last.0 <= first.1 { vec![(first.0, last.1)] } else { vec![first, last] }
}

fn gtf() -> Vec<Fixture> {
    let mut text = String::from("#!genome-build x\n");
    for row in features() {
        let attributes = format!("gene_id \"{0}\"; gene_name \"{0}\";", row.name);
        let mut line = |kind: &str, start: u32, end: u32| {
            text += &format!(
                "{}\tx\t{kind}\t{}\t{end}\t.\t{}\t.\t{attributes}\n",
                row.sequence,
                start + 1,
                row.strand
            );
        };
        line("gene", row.start, row.end);
        exons(&row).into_iter().rev().for_each(|(start, end)| line("exon", start, end));
    }
    vec![
        Fixture::new("gtf", "genes.gtf", text.as_bytes(), features(), GENE_COLUMNS),
        Fixture::new("gtf, packed", "genes.gtf.gz", &gzip(&text), features(), GENE_COLUMNS),
    ]
}

fn gff3() -> Vec<Fixture> {
    let mut text = String::from("##gff-version 3\n");
    for (index, row) in features().iter().enumerate() {
        let mut line = |kind: &str, start: u32, end: u32, attributes: String| {
            text += &format!(
                "{}\tx\t{kind}\t{}\t{end}\t.\t{}\t.\t{attributes}\n",
                row.sequence,
                start + 1,
                row.strand
            );
        };
        line("gene", row.start, row.end, format!("ID=g{index};Name={}", row.name));
        line("mRNA", row.start, row.end, format!("ID=t{index};Parent=g{index}"));
        for (start, end) in exons(row) {
            line("exon", start, end, format!("Parent=t{index}"));
        }
    }
    vec![Fixture::new("gff3", "genes.gff3", text.as_bytes(), features(), GENE_COLUMNS)]
}

fn bedgraph() -> Vec<Fixture> {
    let text = |rows: &[Row]| -> String {
        let line =
            |row: &Row| format!("{}\t{} {}\t{}\n", row.sequence, row.start, row.end, row.value);
        "browser position chr1\n"
            .chars()
            .chain(rows.iter().map(line).flat_map(|line| line.chars().collect::<Vec<_>>()))
            .collect()
    };
    let (dense, sparse) = (signal(60, 40), signal(2, 200));
    vec![
        Fixture::new("bedgraph", "x.bedGraph", text(&dense).as_bytes(), dense, &[]),
        Fixture::new("bedgraph, sparse, packed", "x.bdg.gz", &gzip(&text(&sparse)), sparse, &[]),
    ]
}

const VARIANT_COLUMNS: &[(&str, Expected)] = &[
    ("id", |row| row.name.replace(' ', "_")),
    ("qual", |row| row.value.to_string()),
    ("ref", |row| "A".repeat(spelt(row).unwrap_or(1))),
    ("alt", |_| "G".to_owned()),
    ("filter", |_| "PASS".to_owned()),
    ("DP", |row| row.start.to_string()),
    ("END", |row| spelt(row).map_or(row.end.to_string(), |_| String::new())),
];

const VARIANT_HEADER: &str = "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=300000>\n\
    ##contig=<ID=chr2,length=300000>\n\
    ##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Depth, in all\">\n\
    ##INFO=<ID=END,Number=1,Type=String,Description=\"End\">\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

/// Variants in place of features: short ones spell their bases out, long ones say `END=`.
fn variants() -> Vec<Row> {
    let mut rows = sorted(features());
    rows.iter_mut().for_each(|row| row.strand = ".");
    rows
}

fn vcf() -> Vec<Fixture> {
    let (rows, header) = (variants(), VARIANT_HEADER);
    let line = |row: &Row| {
        let Row { sequence, start, end, value, .. } = row;
        let end = spelt(row).map_or(format!(";END={end}"), |_| String::new());
        let (id, reference) = (row.name.replace(' ', "_"), "A".repeat(spelt(row).unwrap_or(1)));
        let position = start + 1;
        format!("{sequence}\t{position}\t{id}\t{reference}\tG\t{value}\tPASS\tDP={start}{end}\n")
    };
    let text = header.to_owned() + &rows.iter().map(line).collect::<String>();
    let (rows, packed, places) = packed(header.as_bytes(), rows, |row| line(row).into_bytes());
    let new = |name, file, bytes| {
        Fixture::new(name, file, bytes, rows.clone(), VARIANT_COLUMNS).option("info", "DP:END")
    };
    vec![
        new("vcf", "x.vcf", text.as_bytes()),
        new("vcf", "x.vcf", text.as_bytes()).copied(),
        new("vcf, tabix", "x.vcf.gz", &packed).indexed("tbi", &tabix::index(&places, Kind::Tabix)),
        new("vcf, csi", "x.vcf.gz", &packed)
            .indexed("csi", &tabix::index(&places, Kind::Csi(12, 6))),
    ]
}

fn bcf() -> Vec<Fixture> {
    let record = |row: &Row| {
        let (reference, end) = ("A".repeat(spelt(row).unwrap_or(1)), row.end.to_string());
        // The numbers of keys: PASS is 0.
        let info = [(1, Typed::Number(row.start as i32)), (2, Typed::Text(&end))];
        bcf::record(&bcf::Record {
            contig: u32::from(row.sequence == "chr2"),
            bases: (row.start, row.end),
            id: &row.name.replace(' ', "_"),
            alleles: [&reference, "G"],
            quality: row.value as f32,
            info: if spelt(row).is_some() { &info[..1] } else { &info },
        })
    };
    let header = bcf::header(VARIANT_HEADER);
    let plain: Vec<u8> =
        std::iter::once(header.clone()).chain(variants().iter().map(record)).flatten().collect();
    let (rows, packed, places) = packed(&header, variants(), record);
    let new = |name, bytes: &[u8]| {
        Fixture::new(name, "x.bcf", bytes, rows.clone(), VARIANT_COLUMNS).option("info", "DP:END")
    };
    vec![
        new("bcf, not packed", &plain),
        new("bcf", &packed),
        new("bcf, csi", &packed).indexed("csi", &tabix::index(&places, Kind::Csi(14, 5))),
    ]
}

/// A BAM of the features as reads, each with a deletion, an intron, and a soft clip; and where its
/// records are. The rows are stranded.
fn bam_file() -> (Vec<Row>, Vec<u8>, Vec<Place>) {
    let mut rows = sorted(features());
    rows.retain(|row| row.strand != ".");
    let mut bam = Bgzf::default();
    let mut head = b"BAM\x01\0\0\0\0\x02\0\0\0".to_vec();
    for name in [b"chr1\0", b"chr2\0"] {
        head.extend(5u32.to_le_bytes());
        head.extend(name);
        head.extend(LENGTH.to_le_bytes());
    }
    bam.add(&head);
    let record = |row: &Row| {
        let name = row.name.replace(' ', "_") + "\0";
        let cigar = cigar(row);
        let mut record = Vec::new();
        record.extend(i32::from(row.sequence == "chr2").to_le_bytes());
        record.extend(row.start.to_le_bytes());
        record.extend([name.len() as u8, (row.value / 20.0) as u8, 0, 0]);
        record.extend((cigar.len() as u16).to_le_bytes());
        record.extend((if row.strand == "-" { 16u16 } else { 0 }).to_le_bytes());
        // No bases: their letters and qualities may be left out.
        record.extend(0u32.to_le_bytes());
        record.extend([0xff; 8]);
        record.extend([0; 4]);
        record.extend(name.as_bytes());
        for (length, letter) in cigar {
            let code = "MIDNSHP=X".find(letter).unwrap() as u32;
            record.extend((length << 4 | code).to_le_bytes());
        }
        [&(record.len() as u32).to_le_bytes()[..], &record].concat()
    };
    let places = rows
        .iter()
        .map(|row| (row.sequence, (row.start, row.end), bam.add(&record(row))))
        .collect();
    (rows, bam.finish(), places)
}

/// The CIGAR of a read: thirds with an intron and a deletion between, where it is long enough.
fn cigar(row: &Row) -> Vec<(u32, char)> {
    let length = row.end - row.start;
    match length / 5 {
        0 => vec![(length, 'M')],
        n => {
            vec![(7, 'S'), (n, 'M'), (n, 'N'), (n, '='), (3, 'I'), (n, 'D'), (length - 4 * n, 'X')]
        }
    }
}

fn bam() -> Vec<Fixture> {
    let (reads, bytes, _) = bam_file();
    vec![Fixture::new("bam", "x.bam", &bytes, coverage(&reads), &[])]
}

fn cram() -> Vec<Fixture> {
    let (reads, bytes, _) = cram_file();
    vec![Fixture::new("cram", "x.cram", &bytes, coverage(&reads), &[])]
}

/// The same reads in a CRAM, and its index.
fn cram_file() -> (Vec<Row>, Vec<u8>, Vec<u8>) {
    let (rows, ..) = bam_file();
    let read = |row: &Row| cram::Read {
        sequence: usize::from(row.sequence == "chr2"),
        start: row.start,
        flags: if row.strand == "-" { 16 } else { 0 },
        quality: (row.value / 20.0) as u8,
        name: row.name.replace(' ', "_"),
        cigar: cigar(row),
    };
    let reads: Vec<_> = rows.iter().map(read).collect();
    let (bytes, index) = cram::file(&[("chr1", LENGTH), ("chr2", LENGTH)], &reads);
    (rows, bytes, index)
}

/// How many reads lie over each base, as runs of one number.
fn coverage(reads: &[Row]) -> Vec<Row> {
    let mut rows = Vec::new();
    for sequence in ["chr1", "chr2"] {
        let mut bases = vec![0.0; LENGTH as usize];
        for read in reads.iter().filter(|read| read.sequence == sequence) {
            let mut at = read.start;
            for (length, letter) in cigar(read) {
                let span = at as usize..(at + length) as usize;
                match letter {
                    'M' | '=' | 'X' => bases[span].iter_mut().for_each(|depth| *depth += 1.0),
                    'D' | 'N' => {}
                    _ => continue,
                }
                at += length;
            }
        }
        let mut at = 0;
        for run in bases.chunk_by(|a, b| a == b) {
            let (start, end) = (at, at + run.len() as u32);
            at = end;
            let name = String::new();
            rows.push(Row { sequence, start, end, strand: ".", name, value: run[0] });
        }
    }
    rows
}

fn reads() -> Vec<Fixture> {
    const COLUMNS: &[(&str, Expected)] = &[
        ("name", |row| row.name.replace(' ', "_")),
        ("mapq", |row| (row.value / 20.0).floor().to_string()),
        ("flags", |row| if row.strand == "-" { "16" } else { "0" }.to_owned()),
        ("cigar", |row| {
            cigar(row).iter().map(|(length, letter)| format!("{length}{letter}")).collect()
        }),
    ];
    let (rows, bytes, places) = bam_file();
    let new =
        || Fixture::new("reads", "x.bam", &bytes, rows.clone(), COLUMNS).option("format", "reads");
    // CRAM does not tell = and X from M.
    const PLAIN: &[(&str, Expected)] = &[
        COLUMNS[0],
        COLUMNS[1],
        COLUMNS[2],
        ("cigar", |row| {
            let letter = |letter| if "=X".contains(letter) { 'M' } else { letter };
            cigar(row).iter().map(|(n, each)| format!("{n}{}", letter(*each))).collect()
        }),
    ];
    let (_, packed, index) = cram_file();
    vec![
        new().indexed("bai", &tabix::index(&places, Kind::Bai)),
        new().indexed("csi", &tabix::index(&places, Kind::Csi(14, 6))),
        Fixture::new("reads of cram", "x.cram", &packed, rows.clone(), PLAIN)
            .option("format", "reads")
            .indexed("crai", &index),
    ]
}

/// The number of bases that a variant spells out, if it does.
fn spelt(row: &Row) -> Option<usize> {
    Some((row.end - row.start) as usize).filter(|length| *length < 9)
}

/// Records of one length by variableStep, those that touch by fixedStep.
fn wig() -> Vec<Fixture> {
    let rows = signal(6, 40);
    let mut text = String::from("track type=wiggle_0 name=\"x\"\n");
    for run in rows.chunk_by(|a, b| a.end == b.start && a.end - a.start == b.end - b.start) {
        let (first, span) = (&run[0], run[0].end - run[0].start);
        let start = first.start + 1;
        match run.len() {
            1 => {
                text += &format!(
                    "variableStep chrom={} span={span}\n{start} {}\n",
                    first.sequence, first.value
                );
            }
            _ => {
                text += &format!(
                    "fixedStep chrom={} start={start} step={span} span={span}\n",
                    first.sequence
                );
                run.iter().for_each(|row| text += &format!("{}\n", row.value));
            }
        }
    }
    vec![Fixture::new("wig", "x.wig", text.as_bytes(), rows, &[])]
}

fn bigbed() -> Vec<Fixture> {
    const COLUMNS: &[(&str, Expected)] =
        &[("name", |row| row.name.clone()), ("value", |row| row.value.to_string())];
    let rows = sorted(features());
    let blocks = rows.chunk_by(|a, b| a.sequence == b.sequence).flat_map(|rows| rows.chunks(30));
    let blocks = blocks.map(|rows| {
        let row = |row: &Row| {
            let rest = format!("{}\t0\t{}\t{}", row.name, row.strand, row.value);
            (row.start, row.end, rest)
        };
        let sequence = u32::from(rows[0].sequence == "chr2");
        (sequence, Records::Bed(rows.iter().map(row).collect()))
    });
    let file = File {
        sequences: vec![("chr1", LENGTH), ("chr2", LENGTH)],
        blocks: blocks.collect(),
        auto_sql: Some(
            "table x\n\"x\"\n(\nstring chrom; \"\"\nuint chromStart; \"\"\nuint chromEnd; \"\"\n\
             string name; \"\"\nuint score; \"\"\nchar[1] strand; \"\"\ndouble value; \"\"\n)"
                .to_owned(),
        ),
        columns: (7, 6),
    };
    let variant = Variant { big_endian: false, packed: true, sequences_last: false };
    vec![
        Fixture::new("bigbed", "features.bb", &file.write(variant), features(), COLUMNS)
            .by_region(),
    ]
}

fn bigwig() -> Vec<Fixture> {
    const COLUMNS: &[(&str, Expected)] = &[("value", |row| row.value.to_string())];
    let write = |rows: &[Row]| {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("x.bw");
        let lengths = ["chr1", "chr2"].map(|name| (name.to_owned(), LENGTH)).into();
        let mut writer = BigWigWrite::create_file(&path, lengths).unwrap();
        writer.options.inmemory = true;
        let values = rows
            .iter()
            .map(|row| {
                let value = Value { start: row.start, end: row.end, value: row.value as f32 };
                (row.sequence, value)
            })
            .collect::<Vec<_>>();
        let values = BedParserStreamingIterator::wrap_infallible_iter(values.into_iter(), false);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        writer.write(values, runtime).unwrap();
        std::fs::read(path).unwrap()
    };
    let (dense, sparse) = (signal(60, 40), signal(2, 200));
    vec![
        Fixture::new("bigwig, dense", "coverage.bw", &write(&dense), dense, COLUMNS),
        Fixture::new("bigwig, sparse, by content", "points", &write(&sparse), sparse, COLUMNS),
    ]
}

fn list(numbers: impl Iterator<Item = u32>) -> String {
    numbers.map(|number| format!("{number},")).collect()
}

fn genepred() -> Vec<Fixture> {
    type Line = fn(&Row, &str) -> String;
    let tables: [(&str, Line); 4] = [
        ("genepred", |row, rest| format!("{}\t{rest}\n", row.name)),
        ("genepred with bin", |row, rest| format!("585\t{}\t{rest}\n", row.name)),
        ("genepred, extended", |row, rest| {
            format!("NM_1\t{rest}\t0\t{}\tcmpl\tcmpl\t0,0,\n", row.name)
        }),
        ("refFlat", |row, rest| format!("{}\tNM_1\t{rest}\n", row.name)),
    ];
    let table = |(name, line): (&str, Line)| {
        let mut text = String::from("#a header\n");
        for row in features() {
            let exons = exons(&row);
            let rest = format!(
                "{}\t{}\t{start}\t{end}\t{start}\t{end}\t2\t{}\t{}",
                row.sequence,
                row.strand,
                list(exons.iter().map(|exon| exon.0)),
                list(exons.iter().map(|exon| exon.1)),
                start = row.start,
                end = row.end
            );
            text += &line(&row, &rest);
        }
        Fixture::new(name, "genes.txt", text.as_bytes(), features(), GENE_COLUMNS)
    };
    tables.into_iter().map(table).collect()
}

fn bed12() -> Vec<Fixture> {
    let line = |row: &Row| {
        let Row { sequence, start, end, strand, name, .. } = row;
        let exons = exons(row);
        let sizes = list(exons.iter().map(|(from, to)| to - from));
        let starts = list(exons.iter().map(|(from, _)| from - start));
        format!(
            "{sequence}\t{start}\t{end}\t{name}\t0\t{strand}\t{start}\t{end}\t0\t2\t{sizes}\t{starts}\n"
        )
    };
    let text: String = features().iter().map(line).collect();
    let new = || Fixture::new("bed12", "genes.bed", text.as_bytes(), features(), GENE_COLUMNS);
    vec![new(), new().copied()]
}

/// Both ends of a pair are called after their first.
fn pairs() -> Vec<[Row; 2]> {
    let pair = |pair: &[Row]| {
        let (first, mut second) = (pair[0].clone(), pair[1].clone());
        (second.name, second.value) = (first.name.clone(), first.value);
        [first, second]
    };
    features().chunks(2).map(pair).collect()
}

const PAIR_COLUMNS: &[(&str, Expected)] =
    &[("name", |row| row.name.clone()), ("score", |row| row.value.to_string())];

fn bedpe() -> Vec<Fixture> {
    let line = |[a, b]: &[Row; 2]| {
        let place = |row: &Row| format!("{}\t{}\t{}", row.sequence, row.start, row.end);
        let (strands, shared) = ((a.strand, b.strand), (&a.name, a.value));
        format!(
            "{}\t{}\t{}\t{}\t{}\t{}\n",
            place(a),
            place(b),
            shared.0,
            shared.1,
            strands.0,
            strands.1
        )
    };
    let text: String = pairs().iter().map(line).collect();
    let rows: Vec<_> = pairs().into_iter().flatten().collect();
    let new = || Fixture::new("bedpe", "loops.txt", text.as_bytes(), rows.clone(), PAIR_COLUMNS);
    vec![new(), new().copied()]
}

fn interact() -> Vec<Fixture> {
    let line = |[a, b]: &[Row; 2]| {
        let end =
            |row: &Row| format!("{}\t{}\t{}\t.\t{}", row.sequence, row.start, row.end, row.strand);
        let place = format!("{}\t{}\t{}", a.sequence, a.start, a.end);
        format!("{place}\t{}\t{}\t0.5\tx\t0\t{}\t{}\n", a.name, a.value, end(a), end(b))
    };
    let text: String = pairs().iter().map(line).collect();
    let rows: Vec<_> = pairs().into_iter().flatten().collect();
    let new = || Fixture::new("interact", "loops.txt", text.as_bytes(), rows.clone(), PAIR_COLUMNS);
    vec![new(), new().copied()]
}

fn bedmethyl() -> Vec<Fixture> {
    const COLUMNS: &[(&str, Expected)] = &[
        ("5mC", |row| row.value.to_string()),
        ("5hmC", |row| (100.0 - row.value).to_string()),
        ("5mC_coverage", |_| "8".into()),
    ];
    let mut random = Random(3);
    let mut rows = Vec::new();
    for sequence in ["chr1", "chr2"] {
        let mut start = 0;
        while start < LENGTH - 1000 {
            let value = f64::from(random.below(9)) * 12.5;
            let strand = ["+", "-"][rows.len() % 2];
            rows.push(Row { sequence, start, end: start + 1, strand, name: String::new(), value });
            start += 1 + random.below(900);
        }
    }
    let line = |row: &Row| {
        let Row { sequence, start, end, strand, value, .. } = row;
        let mut text = String::new();
        for (code, percent) in [("h", 100.0 - value), ("m", *value)] {
            let place = format!("{sequence}\t{start}\t{end}");
            text += &format!(
                "{place}\t{code}\t8\t{strand}\t{start}\t{end}\t255,0,0\t8\t{percent}\t1\t2\t3\t4\t5\t6\t7\n"
            );
        }
        text
    };
    let text: String = rows.iter().map(line).collect();
    let new = |name, file, bytes| Fixture::new(name, file, bytes, rows.clone(), COLUMNS);
    let mut packed = Bgzf::default();
    let places = rows.iter().flat_map(|row| {
        let text = line(row);
        let put = |line| (row.sequence, (row.start, row.end), packed.add(line));
        text.as_bytes().split_inclusive(|byte| *byte == b'\n').map(put).collect::<Vec<_>>()
    });
    let index = tabix::index(&places.collect::<Vec<_>>(), Kind::Tabix);
    vec![
        new("bedmethyl", "calls.bed", text.as_bytes()),
        new("bedmethyl", "calls.bed", text.as_bytes()).copied(),
        new("bedmethyl, indexed", "calls.bed.gz", &packed.finish()).indexed("tbi", &index),
    ]
}

fn ucsc() -> Vec<Fixture> {
    const COLUMNS: &[(&str, Expected)] =
        &[("repName", |row| row.name.clone()), ("swScore", |row| row.value.to_string())];
    let header = "#bin\tswScore\tgenoName\tgenoStart\tgenoEnd\tstrand\trepName\n";
    let line = |row: &Row| {
        let Row { sequence, start, end, strand, name, value } = row;
        format!("585\t{value}\t{sequence}\t{start}\t{end}\t{strand}\t{name}\n")
    };
    let text = header.to_owned() + &features().iter().map(line).collect::<String>();
    let (rows, packed, places) =
        packed(header.as_bytes(), sorted(features()), |row| line(row).into_bytes());
    vec![
        Fixture::new("ucsc", "rmsk.txt.gz", &gzip(&text), features(), COLUMNS),
        Fixture::new("ucsc", "rmsk.txt.gz", &gzip(&text), features(), COLUMNS).copied(),
        Fixture::new("ucsc, indexed", "rmsk.txt.gz", &packed, rows, COLUMNS)
            .indexed("tbi", &tabix::index(&places, Kind::Tabix)),
    ]
}

fn matrix() -> Vec<Fixture> {
    const COLUMNS: &[(&str, Expected)] = &[
        ("gene", |row| row.name.clone()),
        ("s1", |row| row.value.to_string()),
        ("s2", |row| (2.0 * row.value).to_string()),
    ];
    let table = |between: &str| {
        let header = ["gene", "chr", "start", "end", "strand", "s1", "s2"].join(between) + "\n";
        let line = |row: &Row| {
            let [start, end] = [row.start + 1, row.end].map(|position| position.to_string());
            let [s1, s2] = [1.0, 2.0].map(|factor| (row.value * factor).to_string());
            [&row.name, row.sequence, &start, &end, row.strand, &s1, &s2].join(between) + "\n"
        };
        header + &features().iter().map(line).collect::<String>()
    };
    vec![
        Fixture::new("matrix", "x.tsv", table("\t").as_bytes(), features(), COLUMNS),
        Fixture::new("matrix, packed", "x.csv.gz", &gzip(&table(",")), features(), COLUMNS),
    ]
}
