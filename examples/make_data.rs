//! Writes the synthetic demonstration set in `data/`.
//!
//! ```sh
//! cargo run --example make_data               # rewrites data/
//! cargo run --example make_data -- --out DIR  # writes elsewhere
//! ```
//!
//! All data is invented. Genes are placed in two regions of hg38, peaks around the genes, and both
//! bigWig signals are derived from these, so that the files are consistent in the browser: the
//! start of a gene has a tall peak and a dip in methylation, and gene deserts have little signal.
//!
//! Every run writes the same bytes, as long as `Cargo.lock` has the same compressors. Randomness
//! comes from one seeded generator, and arithmetic uses only `+ - * /`, which IEEE 754 defines
//! exactly, unlike `exp` or `ln`, which vary between platforms.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bigtools::beddata::BedParserStreamingIterator;
use bigtools::{BigWigWrite, Value};
use flate2::{Compression, GzBuilder};

/// An interval, 0-based and half-open, as in BED and bigWig.
type Span = Range<u32>;

/// A record for bigtools: a sequence name, and a value over a span of it.
type Record = (&'static str, Value);

/// A part of a real sequence, with invented contents.
struct Region {
    chrom: &'static str,
    length: u32,
    span: Span,
    /// The gene clusters and their numbers of genes; the rest is gene desert.
    clusters: &'static [(Span, u32)],
}

const REGIONS: [Region; 2] = [
    Region {
        chrom: "chr11",
        length: 135_086_622,
        span: 100_000_000..108_000_000,
        clusters: &[
            (100_150_000..100_900_000, 8),
            (101_150_000..102_300_000, 18),
            (102_400_000..103_650_000, 15),
            (104_500_000..104_800_000, 1),
            (105_900_000..107_700_000, 18),
        ],
    },
    Region {
        chrom: "chr17",
        length: 83_257_441,
        span: 5_000_000..12_000_000,
        clusters: &[
            (5_100_000..6_700_000, 18),
            (7_100_000..8_500_000, 28),
            (9_300_000..9_600_000, 1),
            (10_600_000..11_850_000, 13),
        ],
    },
];

fn main() -> Result<()> {
    let out = out_dir()?;
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;

    let mut rng = Rng(0x0E91_712C);
    let (mut genes, mut peaks) = (Vec::new(), Vec::new());
    let (mut signal, mut methylation) = (Vec::new(), Vec::new());
    for region in &REGIONS {
        let local = Landscape::new(&mut rng, region, genes.len());
        signal.extend(local.signal(&mut rng));
        methylation.extend(local.methylation(&mut rng));
        genes.extend(local.genes);
        peaks.extend(local.peaks);
    }
    println!("{} genes and {} peaks", genes.len(), peaks.len());
    println!("{} signal and {} methylation records", signal.len(), methylation.len());

    write_gzip(&out.join("genes.gtf.gz"), &gtf(&genes))?;
    write_gzip(&out.join("peaks.bed.gz"), &bed(&peaks))?;
    write_bigwig(&out.join("signal.bw"), signal, &[1_000, 4_000, 16_000, 64_000, 256_000])?;
    // When bigtools 0.5.8 builds zoom levels, it counts the gap before a lone record as covered by
    // it, which skews the means of point data. This file is small enough to need no zoom levels.
    write_bigwig(&out.join("methylation.bw"), methylation, &[])
}

/// Returns the directory after `--out`, or `data`.
fn out_dir() -> Result<PathBuf> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, ..) => Ok("data".into()),
        (Some("--out"), Some(dir), None) => Ok(dir.into()),
        _ => bail!("usage: make_data [--out DIR]"),
    }
}

/// SplitMix64, implemented here so that no update of a library can change the data.
struct Rng(u64);

impl Rng {
    /// Returns a uniform number in `0.0..1.0`.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        f64::from((z >> 32) as u32) / 4_294_967_296.0
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Returns a uniform number in `range`.
    fn within(&mut self, range: Span) -> u32 {
        range.start + (self.unit() * f64::from(range.end - range.start)) as u32
    }

    /// Returns a number in `range`, mostly near its start.
    fn mostly_low(&mut self, range: Span) -> u32 {
        let lean = self.unit() * self.unit();
        range.start + (lean * f64::from(range.end - range.start)) as u32
    }
}

/// The contents of one region, from which both signals are derived.
struct Landscape<'a> {
    region: &'a Region,
    genes: Vec<Gene>,
    peaks: Vec<Peak>,
    /// CpG islands, which are unmethylated.
    islands: Vec<Span>,
}

impl<'a> Landscape<'a> {
    fn new(rng: &mut Rng, region: &'a Region, already: usize) -> Self {
        let genes = place_genes(rng, region, already);
        let peaks = place_peaks(rng, region, &genes);
        let coding = genes.iter().filter(|gene| gene.coding).map(Gene::tss);
        let islands =
            coding.map(|tss| tss - rng.within(400..1_200)..tss + rng.within(400..1_200)).collect();
        Self { region, genes, peaks, islands }
    }

    fn in_gene(&self, pos: u32) -> bool {
        self.genes.iter().any(|gene| gene.span.contains(&pos))
    }

    /// Returns coverage without gaps, in fine steps inside peaks and coarse ones between them.
    fn signal(&self, rng: &mut Rng) -> Vec<Record> {
        let mut records = Vec::new();
        let mut peaks = self.peaks.iter().peekable();
        let mut start = self.region.span.start;
        while start < self.region.span.end {
            while peaks.next_if(|peak| peak.span.end <= start).is_some() {}
            let (end, height) = match peaks.peek() {
                Some(peak) if peak.span.contains(&start) => {
                    ((start + 50).min(peak.span.end), peak.height(start + 25))
                }
                Some(peak) => ((start + 400).min(peak.span.start), 0.0),
                None => ((start + 400).min(self.region.span.end), 0.0),
            };
            let background = if self.in_gene(start) { 4.0 } else { 1.2 };
            let noise = background * rng.unit() * rng.unit();
            let value = height * (0.85 + 0.3 * rng.unit()) + noise;
            records.push(record(self.region, start..end, value));
            start = end;
        }
        records
    }

    /// Returns methylated fractions of single bases, which are denser where methylation is low.
    fn methylation(&self, rng: &mut Rng) -> Vec<Record> {
        let mut records = Vec::new();
        let mut pos = self.region.span.start;
        while pos < self.region.span.end {
            let (mean, spread, spacing) = self.methylation_around(pos);
            let value = (mean + spread * (rng.unit() - 0.5)).clamp(0.0, 1.0);
            records.push(record(self.region, pos..pos + 1, value));
            // A CpG has two bases, so the next one is at least that far away.
            pos += rng.within(2..spacing);
        }
        records
    }

    /// Returns the mean, spread and greatest spacing of the CpGs around `pos`.
    fn methylation_around(&self, pos: u32) -> (f64, f64, u32) {
        /// The reach of an island's influence, in bases.
        const SHORE: u32 = 2_000;
        let distance = |island: &Span| pos.abs_diff(pos.clamp(island.start, island.end));
        let clusters = self.region.clusters;
        match self.islands.iter().map(distance).min() {
            Some(0) => (0.06, 0.12, 60),
            Some(d) if d < SHORE => (0.1 + 0.75 * f64::from(d) / f64::from(SHORE), 0.2, 200),
            _ if self.peaks.iter().any(|peak| peak.span.contains(&pos)) => (0.35, 0.3, 200),
            _ if self.in_gene(pos) => (0.9, 0.16, 1_400),
            _ if clusters.iter().any(|(span, _)| span.contains(&pos)) => (0.82, 0.24, 1_600),
            // Gene deserts are partly and unevenly methylated.
            _ => (0.62, 0.5, 2_400),
        }
    }
}

/// Rounds to hundredths, which compress far better than full precision.
fn record(region: &Region, Span { start, end }: Span, value: f64) -> Record {
    let value = ((value * 100.0).round() / 100.0) as f32;
    (region.chrom, Value { start, end, value })
}

struct Gene {
    chrom: &'static str,
    /// The gene's number, from one, over all regions.
    number: usize,
    span: Span,
    forward: bool,
    coding: bool,
    /// Exons of each transcript in the order of transcription; the first transcript spans the gene.
    transcripts: Vec<Vec<Span>>,
}

fn place_genes(rng: &mut Rng, region: &Region, already: usize) -> Vec<Gene> {
    let mut spans = Vec::new();
    for (cluster, count) in region.clusters {
        for _ in 0..*count {
            let length = rng.mostly_low(2_000..150_000);
            let start = rng.within(cluster.start..cluster.end - length);
            spans.push(start..start + length);
        }
    }
    spans.sort_by_key(|span| (span.start, span.end));
    let numbered = (already + 1..).zip(spans);
    numbered.map(|(number, span)| Gene::new(rng, region.chrom, number, span)).collect()
}

impl Gene {
    fn new(rng: &mut Rng, chrom: &'static str, number: usize, span: Span) -> Self {
        let (forward, coding) = (rng.chance(0.5), rng.chance(0.8));
        let mut transcripts = vec![exons(rng, &span, forward)];
        for _ in 1..rng.within(1..4) {
            let variant = splice(rng, &transcripts[0]);
            if !transcripts.contains(&variant) {
                transcripts.push(variant);
            }
        }
        Self { chrom, number, span, forward, coding, transcripts }
    }

    /// Returns the position where transcription starts.
    fn tss(&self) -> u32 {
        if self.forward { self.span.start } else { self.span.end }
    }

    fn gtf(&self) -> String {
        let biotype = if self.coding { "protein_coding" } else { "lncRNA" };
        // DEMO1A to DEMO1D, then DEMO2A and so on.
        let (family, member) = (self.number.div_ceil(4), ["D", "A", "B", "C"][self.number % 4]);
        let about = format!(
            r#"gene_id "DEMOG{:05}"; gene_name "DEMO{family}{member}"; gene_biotype "{biotype}";"#,
            self.number
        );
        let mut lines = self.line("gene", &self.span, ".", &about);
        for (version, exons) in (1..).zip(&self.transcripts) {
            let id = format!(r#"transcript_id "DEMOT{:05}.{version}";"#, self.number);
            lines += &self.transcript_gtf(exons, &format!("{about} {id}"));
        }
        lines
    }

    fn transcript_gtf(&self, exons: &[Span], about: &str) -> String {
        /// Bases at either end that are transcribed, but not translated.
        const UNTRANSLATED: u32 = 60;
        let start = exons.iter().map(|exon| exon.start).min().unwrap_or(self.span.start);
        let end = exons.iter().map(|exon| exon.end).max().unwrap_or(self.span.end);
        let mut lines = self.line("transcript", &(start..end), ".", about);
        let mut translated = 0;
        for (number, exon) in (1..).zip(exons) {
            let about = format!(r#"{about} exon_number "{number}";"#);
            lines += &self.line("exon", exon, ".", &about);
            if self.coding {
                let cds = exon.start.max(start + UNTRANSLATED)..exon.end.min(end - UNTRANSLATED);
                let frame = ["0", "2", "1"][translated % 3];
                lines += &self.line("CDS", &cds, frame, &about);
                translated += cds.len();
            }
        }
        lines
    }

    /// Returns one line of GTF, whose spans are 1-based and closed.
    fn line(&self, feature: &str, span: &Span, frame: &str, about: &str) -> String {
        let strand = if self.forward { '+' } else { '-' };
        let (chrom, start, end) = (self.chrom, span.start + 1, span.end);
        format!("{chrom}\tsynthetic\t{feature}\t{start}\t{end}\t.\t{strand}\t{frame}\t{about}\n")
    }
}

/// Places one exon in each of several equal parts of the gene; the outer two end with the gene.
fn exons(rng: &mut Rng, gene: &Span, forward: bool) -> Vec<Span> {
    let length = gene.end - gene.start;
    let count = (rng.within(2..5) + length / 7_000).min(16);
    let cell = length / count;
    let mut exon = |i| {
        let last = i + 1 == count;
        let size = rng.within(if last { 400..900 } else { 90..320 }).min(cell - 100);
        let offset = match i {
            0 => 0,
            _ if last => length - size,
            _ => i * cell + rng.within(60..cell - size),
        };
        let start = if forward { gene.start + offset } else { gene.end - offset - size };
        start..start + size
    };
    (0..count).map(&mut exon).collect()
}

/// Skips some of the inner exons, and sometimes the first.
fn splice(rng: &mut Rng, exons: &[Span]) -> Vec<Span> {
    let mut kept = exons.to_vec();
    let last = kept.pop();
    kept.retain(|_| rng.chance(0.75));
    kept.extend(last);
    kept
}

struct Peak {
    chrom: &'static str,
    span: Span,
    summit: u32,
    score: u32,
}

impl Peak {
    fn new(rng: &mut Rng, region: &Region, centre: u32, widths: Span, score: u32) -> Self {
        let half = rng.within(widths) / 2;
        let summit = rng.within(centre - half / 2..centre + half / 2);
        Self { chrom: region.chrom, span: centre - half..centre + half, summit, score }
    }

    /// Returns the height of a bell curve that reaches zero at both ends of the peak.
    fn height(&self, pos: u32) -> f64 {
        let foot = if pos < self.summit { self.span.start } else { self.span.end };
        let t = f64::from(pos.abs_diff(self.summit)) / f64::from(foot.abs_diff(self.summit));
        let bell = (1.0 - t * t).max(0.0);
        f64::from(self.score) / 20.0 * bell * bell
    }
}

/// Places strong peaks at the starts of coding genes, weaker ones around all genes, and a few
/// anywhere.
fn place_peaks(rng: &mut Rng, region: &Region, genes: &[Gene]) -> Vec<Peak> {
    let mut peaks = Vec::new();
    for gene in genes.iter().filter(|gene| gene.coding) {
        let score = rng.within(350..1_001);
        peaks.push(Peak::new(rng, region, gene.tss(), 900..2_600, score));
    }
    for gene in genes {
        for _ in 0..rng.within(2..6) {
            let distance = rng.mostly_low(3_000..90_000);
            let (before, after) = (gene.tss() - distance, gene.tss() + distance);
            let centre = if rng.chance(0.5) { before } else { after };
            let score = rng.mostly_low(80..800);
            peaks.push(Peak::new(rng, region, centre, 500..1_500, score));
        }
    }
    for _ in 0..80 {
        let centre = rng.within(region.span.start + 5_000..region.span.end - 5_000);
        let score = rng.mostly_low(40..500);
        peaks.push(Peak::new(rng, region, centre, 400..1_200, score));
    }
    without_overlaps(peaks)
}

/// Drops peaks that touch an earlier and probably stronger one, and sorts the others.
fn without_overlaps(peaks: Vec<Peak>) -> Vec<Peak> {
    let mut kept: Vec<Peak> = Vec::new();
    for new in peaks {
        let span = &new.span;
        if kept.iter().all(|old| old.span.end < span.start || span.end < old.span.start) {
            kept.push(new);
        }
    }
    kept.sort_by_key(|peak| peak.span.start);
    kept
}

fn gtf(genes: &[Gene]) -> String {
    let header = "#! Synthetic genes at hg38 coordinates, made by epivizrs, example make_data\n";
    header.to_owned() + &genes.iter().map(Gene::gtf).collect::<String>()
}

fn bed(peaks: &[Peak]) -> String {
    let line = |(number, Peak { chrom, span, score, .. }): (usize, &Peak)| {
        format!("{chrom}\t{}\t{}\tdemo_peak_{number}\t{score}\t.\n", span.start, span.end)
    };
    (1..).zip(peaks).map(line).collect()
}

/// Compresses `text` without a time or name in the header, so that the bytes are reproducible.
fn write_gzip(path: &Path, text: &str) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut gzip = GzBuilder::new().mtime(0).write(file, Compression::best());
    gzip.write_all(text.as_bytes())?;
    gzip.finish()?;
    Ok(())
}

fn write_bigwig(path: &Path, records: Vec<Record>, zooms: &[u32]) -> Result<()> {
    let lengths: HashMap<_, _> = REGIONS.iter().map(|r| (r.chrom.to_owned(), r.length)).collect();
    let mut bigwig = BigWigWrite::create_file(path, lengths)
        .with_context(|| format!("cannot write {}", path.display()))?;
    bigwig.options.manual_zoom_sizes = Some(zooms.to_vec());
    bigwig.options.inmemory = true;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let records = BedParserStreamingIterator::wrap_infallible_iter(records.into_iter(), false);
    bigwig.write(records, runtime)?;
    Ok(())
}
