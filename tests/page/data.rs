//! Small files generated from formulas, and their rows at every level, calculated from the formulas
//! alone.

use bigtools::beddata::BedParserStreamingIterator;
use bigtools::{BigWigWrite, Value};
use epivizrs::source::rows::records::{Records, RecordsOptions, Rows};
use epivizrs::source::{Level, Shape, Spec};
use epivizrs::table::{Column, Data, Texts};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

/// The sequences; one is shorter than some views.
pub(crate) const SEQUENCES: [(&str, u32); 3] =
    [("chr1", 3_000_000), ("chr2", 400_000), ("chr3", 20_000)];

/// A row that a page should draw: its interval (0-based, half-open), and its value or name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) value: Option<f64>,
    pub(crate) name: Option<String>,
}

/// One file.
pub(crate) struct Track {
    pub(crate) id: &'static str,
    pub(crate) shape: Shape,
    /// `key=value` pairs that follow the path.
    pub(crate) options: &'static str,
    /// The file's records, by sequence.
    records: Vec<Vec<Record>>,
    /// For features: the records at each level, by sequence and level.
    kept: Vec<Vec<Vec<usize>>>,
    /// For signals: sums and covered bases up to each record, by sequence.
    sums: Vec<Vec<(f64, u64)>>,
}

#[derive(Clone, Debug)]
struct Record {
    start: u32,
    end: u32,
    value: f32,
}

/// The finalizer of SplitMix64: hashes a number.
pub(crate) fn mixed(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns all tracks. `extra` and `spare` are loaded and unloaded.
pub(crate) fn tracks() -> Vec<Track> {
    vec![
        Track::new("cover", Shape::Dense, "", blocks(1)),
        Track::new("other", Shape::Dense, "", blocks(2)),
        Track::new("extra", Shape::Dense, "", blocks(3)),
        Track::new("apart", Shape::Dense, ",group=alone", blocks(4)),
        Track::new("points", Shape::Sparse, ",missing=gap", points()),
        Track::new("few", Shape::Features, "", features(5, 50_000, 900)),
        Track::new("many", Shape::Features, "", features(6, 150, 400)),
        Track::new("spare", Shape::Features, "", features(7, 2_000, 1_500)),
        Track::new("close", Shape::Reads, "", features(8, 60, 100)),
    ]
}

/// Coverage in blocks of 100 bases, with gaps.
fn blocks(seed: u64) -> Vec<Vec<Record>> {
    let of = |sequence: usize| {
        let blocks = SEQUENCES[sequence].1 / 100;
        let wanted = (0..blocks).filter(|block| block / 40 % 13 != 5);
        wanted
            .map(|block| {
                let bits = mixed(seed << 40 ^ (sequence as u64) << 32 ^ u64::from(block));
                let value = (bits % 1000) as f32;
                Record { start: block * 100, end: block * 100 + 100, value }
            })
            .collect()
    };
    (0..SEQUENCES.len()).map(of).collect()
}

/// Single bases: dense clusters and empty stretches.
fn points() -> Vec<Vec<Record>> {
    let of = |sequence: usize| {
        let (mut at, mut all) = (7u32, Vec::new());
        while at < SEQUENCES[sequence].1 {
            let bits = mixed(99 ^ (sequence as u64) << 32 ^ u64::from(at));
            all.push(Record { start: at, end: at + 1, value: (bits >> 32) as u8 as f32 });
            let crowd = at / 30_000 % 4 == 1;
            at += 1 + (bits % if crowd { 40 } else { 900 }) as u32;
        }
        all
    };
    (0..SEQUENCES.len()).map(of).collect()
}

/// The length of the longest feature, in bases.
const LONGEST: u32 = 30_000;

/// Intervals about `gap` bases apart, up to `longest` bases long, a few twenty times that.
fn features(seed: u64, gap: u32, longest: u32) -> Vec<Vec<Record>> {
    let of = |sequence: usize| {
        let (mut at, mut all) = (3u32, Vec::new());
        while at < SEQUENCES[sequence].1 {
            let bits = mixed(seed << 40 ^ (sequence as u64) << 32 ^ all.len() as u64);
            let stretch = if bits.is_multiple_of(97) { 20 } else { 1 };
            let length = 1 + (bits >> 8) as u32 % (longest * stretch).min(LONGEST);
            let end = (at + length).min(SEQUENCES[sequence].1);
            all.push(Record { start: at, end, value: ((bits >> 40) % 50) as f32 });
            // Some begin at the same base.
            at += (bits >> 20) as u32 % (2 * gap);
        }
        all.sort_by_key(|record| (record.start, record.end));
        all
    };
    (0..SEQUENCES.len()).map(of).collect()
}

impl Track {
    fn new(
        id: &'static str,
        shape: Shape,
        options: &'static str,
        records: Vec<Vec<Record>>,
    ) -> Self {
        let kept = match shape {
            Shape::Features | Shape::Reads => {
                records.iter().map(|records| keep(records, shape)).collect()
            }
            _ => Vec::new(),
        };
        let sums = records
            .iter()
            .map(|records| {
                let mut total = (0.0, 0);
                let before = records.iter().map(|record| {
                    let bases = u64::from(record.end - record.start);
                    let so_far = total;
                    total = (total.0 + f64::from(record.value) * bases as f64, total.1 + bases);
                    so_far
                });
                let mut sums: Vec<_> = before.collect();
                sums.push(total);
                sums
            })
            .collect();
        Track { id, shape, options, records, kept, sums }
    }

    /// Returns start, end and value of each record, by sequence.
    #[allow(dead_code, reason = "for the tests that cannot use Rust")]
    pub(crate) fn records(&self) -> Vec<Vec<(u32, u32, f32)>> {
        let all =
            |records: &Vec<Record>| records.iter().map(|r| (r.start, r.end, r.value)).collect();
        self.records.iter().map(all).collect()
    }

    /// Returns whether its rows are intervals with columns.
    pub(crate) fn is_features(&self) -> bool {
        matches!(self.shape, Shape::Features | Shape::Reads)
    }

    /// Returns the rows as a source in memory.
    pub(crate) fn source(&self) -> Records {
        let mut rows = Rows::default();
        let (mut names, mut scores) = (Texts::default(), Vec::new());
        for (sequence, records) in SEQUENCES.iter().zip(&self.records) {
            for (rank, Record { start, end, value }) in records.iter().enumerate() {
                rows.push(sequence.0, *start, *end);
                names.push(&format!("r{rank}"));
                scores.push(f64::from(*value));
            }
        }
        let name = Column::new("name", Data::Text(names));
        rows.columns = vec![name, Column::new("score", Data::Doubles(scores))];
        let how =
            RecordsOptions { shape: self.shape, name: Some("name"), importance: Some("score") };
        Records::new(rows, how)
    }

    /// Writes the file and returns its specification.
    pub(crate) fn write(&self, folder: &Path) -> Spec {
        let path = match self.shape {
            Shape::Features => {
                let mut text = String::new();
                for (sequence, records) in SEQUENCES.iter().zip(&self.records) {
                    for (rank, Record { start, end, value }) in records.iter().enumerate() {
                        writeln!(text, "{}\t{start}\t{end}\tr{rank}\t{value}", sequence.0).unwrap();
                    }
                }
                let path = folder.join(format!("{}.bed", self.id));
                std::fs::write(&path, text).unwrap();
                path
            }
            _ => {
                let path = folder.join(format!("{}.bw", self.id));
                let lengths: HashMap<_, _> =
                    SEQUENCES.iter().map(|(name, length)| ((*name).to_owned(), *length)).collect();
                let mut file = BigWigWrite::create_file(&path, lengths).unwrap();
                file.options.inmemory = true;
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
                let all = SEQUENCES.iter().zip(self.records.clone()).flat_map(|(s, records)| {
                    let value = |r: Record| Value { start: r.start, end: r.end, value: r.value };
                    records.into_iter().map(move |record| (s.0, value(record)))
                });
                let all = BedParserStreamingIterator::wrap_infallible_iter(all, false);
                file.write(all, runtime).unwrap();
                path
            }
        };
        format!("{}{}", path.display(), self.options).parse().unwrap()
    }

    /// Returns the rows of `level` that overlap a region (0-based, half-open), in the order of their
    /// ranks.
    pub(crate) fn rows(&self, sequence: usize, start: u32, end: u32, level: Level) -> Vec<Row> {
        match (self.shape, level) {
            (Shape::Features | Shape::Reads, _) => self.features(sequence, start, end, level),
            (Shape::Sparse, Level::Records) => {
                let records = &self.records[sequence];
                let first = records.partition_point(|record| record.end <= start);
                let wanted = records[first..].iter().take_while(|record| record.start < end);
                let row = |r: &Record| Row {
                    start: r.start,
                    end: r.end,
                    value: Some(f64::from(r.value)),
                    name: None,
                };
                wanted.map(row).collect()
            }
            _ => self.bins(sequence, start, end, level.width()),
        }
    }

    fn bins(&self, sequence: usize, start: u32, end: u32, width: u32) -> Vec<Row> {
        let (first, last) = (start / width, (end - 1) / width);
        let mut low = self.before(sequence, first * width);
        let bin = |bin: u32| {
            let (start, end) = (bin * width, ((bin + 1) * width).min(SEQUENCES[sequence].1));
            let high = self.before(sequence, end);
            let low = std::mem::replace(&mut low, high);
            let bases = high.1 - low.1;
            let value = (bases > 0).then(|| (high.0 - low.0) / bases as f64);
            Row { start, end, value, name: None }
        };
        let sparse = self.shape == Shape::Sparse;
        (first..=last).map(bin).filter(|row| !sparse || row.value.is_some()).collect()
    }

    /// Returns the sum of the values of all bases before `base`, and how many of these have a value.
    fn before(&self, sequence: usize, base: u32) -> (f64, u64) {
        let records = &self.records[sequence];
        let index = records.partition_point(|record| record.start < base);
        let (mut sum, mut bases) = self.sums[sequence][index];
        if let Some(last) = index.checked_sub(1).map(|index| &records[index])
            && last.end > base
        {
            let too_many = u64::from(last.end - base);
            sum -= f64::from(last.value) * too_many as f64;
            bases -= too_many;
        }
        (sum, bases)
    }

    /// Returns the number of features that overlap a region.
    pub(crate) fn count(&self, sequence: usize, start: u32, end: u32, level: Level) -> usize {
        self.overlapping(sequence, start, end, level).count()
    }

    /// Returns the number of rows from the first to the last that overlaps a region.
    pub(crate) fn run(&self, sequence: usize, start: u32, end: u32, level: Level) -> usize {
        if !self.is_features() {
            return self.rows(sequence, start, end, level).len();
        }
        let Some(first) = self.overlapping(sequence, start, end, level).next() else { return 0 };
        let records = &self.records[sequence];
        let index = self.shape.levels().position(|known| known == level).unwrap();
        let kept = self.kept[sequence][index].iter();
        kept.filter(|&&rank| rank >= first && records[rank].start < end).count()
    }

    fn overlapping(
        &self,
        sequence: usize,
        start: u32,
        end: u32,
        level: Level,
    ) -> impl Iterator<Item = usize> {
        let records = &self.records[sequence];
        let index = self.shape.levels().position(|known| known == level).unwrap();
        let kept = &self.kept[sequence][index];
        let last = kept.partition_point(|&rank| records[rank].start < end);
        // No feature is longer.
        let first = kept.partition_point(|&rank| records[rank].start + LONGEST < start);
        let some = &kept[first.min(last)..last];
        some.iter().copied().filter(move |&rank| records[rank].end > start)
    }

    fn features(&self, sequence: usize, start: u32, end: u32, level: Level) -> Vec<Row> {
        let records = &self.records[sequence];
        let row = |rank: usize| Row {
            start: records[rank].start,
            end: records[rank].end,
            value: Some(f64::from(records[rank].value)),
            name: Some(format!("r{rank}")),
        };
        self.overlapping(sequence, start, end, level).map(row).collect()
    }
}

/// Returns the records of each level: of those that start in a bin the one with the highest score,
/// of these the longest, of these the first.
fn keep(records: &[Record], shape: Shape) -> Vec<Vec<usize>> {
    let at = |level: Level| match level {
        _ if shape.hides(level) => Vec::new(),
        Level::Records => (0..records.len()).collect(),
        Level::Bins { shift } => {
            let mut best: Vec<(u32, usize)> = Vec::new();
            for (rank, record) in records.iter().enumerate() {
                let bin = record.start >> shift;
                let weight = |r: &Record| (r.value, r.end - r.start);
                match best.last_mut() {
                    Some((known, chosen)) if *known == bin => {
                        if weight(record) > weight(&records[*chosen]) {
                            *chosen = rank;
                        }
                    }
                    _ => best.push((bin, rank)),
                }
            }
            best.into_iter().map(|(_, rank)| rank).collect()
        }
    };
    shape.levels().map(at).collect()
}
