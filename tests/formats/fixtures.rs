//! Files of each format, written by the tests, with their expected contents.

mod alignments;
mod genes;
mod intervals;
pub(crate) mod signals;
mod variants;

pub(crate) use crate::bbi::writer;
pub(crate) use alignments::many_reads;

use crate::tabix::{Bgzf, Place};
use epivizrs::bytes::Input;
use epivizrs::error::Result;
use epivizrs::source::{Context, Source, Spec};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

/// An expected row, with a 0-based, half-open interval.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub sequence: &'static str,
    pub start: u32,
    pub end: u32,
    pub strand: &'static str,
    pub(crate) name: String,
    pub value: f64,
}

/// The expected text of a column in a row.
pub(crate) type Expected = fn(&Row) -> String;

/// A file with its expected contents.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) spec: Spec,
    /// Columns that the source must have, with their expected text.
    pub(crate) columns: &'static [(&'static str, Expected)],
    /// The rows are read by region; until then, their number is an estimate.
    pub(crate) by_region: bool,
    /// The file is read as if it were large.
    is_large: bool,
    /// The path of the index.
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

    /// Adds another file to the folder.
    fn beside(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    /// Adds an index for the file.
    fn indexed(self, ending: &str, index: &[u8]) -> Self {
        let mut path = self.spec.input.path().as_os_str().to_owned();
        path.push(format!(".{ending}"));
        std::fs::write(&path, index).unwrap();
        Fixture { index: Some(path.into()), ..self.by_region() }
    }

    /// Has the file read as if it were large.
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

    /// Returns the sequences that have rows; the first one has the most.
    pub(crate) fn sequences(&self) -> Vec<&'static str> {
        vec!["chr1", "chr2"]
    }

    pub(crate) fn on<'a>(&'a self, sequence: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.sequence == sequence)
    }

    /// Returns the number of each bin, and the mean over its covered bases if it has any,
    /// calculated base by base.
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

    /// Opens this file or a variant of it.
    pub(crate) fn open(&self, spec: &Spec) -> Result<Box<dyn Source>> {
        let usual = crate::context();
        let in_memory = if self.is_large { 0 } else { usual.in_memory };
        epivizrs::source::formats::open(spec, &Context { in_memory, ..usual })
    }

    /// Returns a copy of the file with other bytes.
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

/// A pseudorandom number generator (SplitMix64) with the same numbers in every run.
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

/// The length of both sequences.
const LENGTH: u32 = 300_000;

/// Returns rows that overlap, nest or lie apart; they all differ and are not sorted.
fn features() -> Vec<Row> {
    so_many_features(600)
}

fn so_many_features(count: usize) -> Vec<Row> {
    let mut random = Random(7);
    (0..count)
        .map(|index| {
            let sequence = if index % 3 == 2 { "chr2" } else { "chr1" };
            let start = random.below(LENGTH - 60_000);
            // Most are short; some are long enough to span many others.
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

/// Returns sorted records of up to `longest` bases that do not overlap; gaps have up to `gap`
/// bases.
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

/// Returns the fixtures of a format.
pub(crate) fn of(format: &str) -> Vec<Fixture> {
    match format {
        "bed" => intervals::bed(),
        "gtf" => genes::gtf(),
        "gff3" => genes::gff3(),
        "genepred" => genes::genepred(),
        "bed12" => genes::bed12(),
        "bedpe" => intervals::bedpe(),
        "interact" => intervals::interact(),
        "bedmethyl" => intervals::bedmethyl(),
        "ucsc" => intervals::ucsc(),
        "matrix" => intervals::matrix(),
        "seg" => intervals::seg(),
        "maf" => intervals::maf(),
        "gwas" => intervals::gwas(),
        "methylation" => intervals::methylation(),
        "junctions" => intervals::junctions(),
        "bigwig" => signals::bigwig(),
        "bigbed" => intervals::bigbed(),
        "fasta" => signals::fasta(),
        "2bit" => signals::two_bit(),
        "bases" => signals::bases(),
        "mtx" => intervals::mtx(),
        "bedgraph" => signals::bedgraph(),
        "wig" => signals::wig(),
        "vcf" => variants::vcf(),
        "bcf" => variants::bcf(),
        "bam" => alignments::bam(),
        "cram" => alignments::cram(),
        "sam" => alignments::sam(),
        "reads" => alignments::reads(),
        _ => Vec::new(),
    }
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| (row.sequence, row.start, row.end));
    rows
}

/// Compresses a header and the records of sorted rows. Returns the rows, the bytes, and the virtual
/// offsets of each record.
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
