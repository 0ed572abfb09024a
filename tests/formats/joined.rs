//! Measurements of several files on one grid of bins, compared with a calculation base by base.

use crate::context;
use epivizrs::catalog::{Catalog, Measurement, Query, Resolution};
use epivizrs::genome::Region;
use epivizrs::source::{Level, Shape, Spec};
use epivizrs::table::Table;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The length of chr1; more than the stretch of a sequence that is read at once.
const LENGTH: u32 = 40_000_000;

/// Intervals with a value, sorted and without overlaps.
type Rows = Vec<(u32, u32, f32)>;

/// Pseudorandom intervals: `dense` ones in a stretch here and there, few elsewhere.
fn rows(seed: u32, length: u32) -> Rows {
    let mut state = seed;
    let mut below = |limit: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % limit
    };
    let (mut rows, mut at) = (Vec::new(), below(5_000));
    while at + length < LENGTH {
        let end = at + 1 + below(length);
        rows.push((at, end, below(1_000) as f32 / 8.0));
        at = end + if below(40) == 0 { below(900_000) } else { below(120) };
    }
    rows
}

/// Returns the mean of the bases with data of each bin that has some.
fn bins(rows: &Rows, shift: u8) -> BTreeMap<u32, f64> {
    let mut sums: BTreeMap<u32, (f64, u32)> = BTreeMap::new();
    for (start, end, value) in rows {
        let mut at = *start;
        while at < *end {
            let next = u64::from(at >> shift) + 1;
            let stop = (next << shift).min(u64::from(*end)) as u32;
            let sum = sums.entry(at >> shift).or_default();
            *sum = (sum.0 + f64::from(*value) * f64::from(stop - at), sum.1 + stop - at);
            at = stop;
        }
    }
    sums.into_iter().map(|(bin, (sum, bases))| (bin, sum / f64::from(bases))).collect()
}

/// The files of this test, as served.
struct Served {
    catalog: Catalog,
    _folder: TempDir,
}

fn write(
    folder: &Path,
    name: &str,
    rows: &Rows,
    line: impl Fn(&(u32, u32, f32)) -> String,
) -> Spec {
    let mut text = String::new();
    rows.iter().for_each(|row| writeln!(text, "{}", line(row)).unwrap());
    std::fs::write(folder.join(name), text).unwrap();
    format!("{}", folder.join(name).display()).parse().unwrap()
}

/// Serves points, peaks with a score, and a signal.
async fn serve(points: &[(&str, &Rows)], peaks: &Rows, signal: &Rows) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let bedgraph = |(s, e, v): &(u32, u32, f32)| format!("chr1\t{s}\t{e}\t{v}");
    let bed = |(s, e, v): &(u32, u32, f32)| format!("1\t{s}\t{e}\tp\t{v}\t+");
    let mut specs: Vec<Spec> = Vec::new();
    for (name, rows) in points {
        let mut spec = write(folder.path(), &format!("{name}.bedgraph"), rows, bedgraph);
        spec.options.set("missing", "gap").unwrap();
        specs.push(spec);
    }
    specs.push(write(folder.path(), "peaks.bed", peaks, bed));
    let mut spec = write(folder.path(), "signal.bedgraph", signal, bedgraph);
    spec.options.set("missing", "zero").unwrap();
    specs.push(spec);
    let assembly = [("chr1", LENGTH), ("chr2", 5_000)].into_iter().collect();
    let catalog = Catalog::new(Some(("test".into(), assembly))).with_context(context());
    let (added, errors) = catalog.load(specs).await;
    assert!(errors.is_empty(), "{errors:?}");
    let mut building = added.iter().filter(|m| m.source.building().is_some()).count();
    while building > 0 {
        let built = tokio::time::timeout(Duration::from_secs(60), catalog.next_built()).await;
        building -= usize::from(built.unwrap().now.is_ok());
    }
    Served { catalog, _folder: folder }
}

impl Served {
    fn joined(&self, ids: &[&str]) -> Result<Vec<Arc<Measurement>>, String> {
        let listing = self.catalog.listing();
        let find = |id: &&str| listing.measurements().find(|m| m.id == *id).cloned().unwrap();
        listing.comparable(&ids.iter().map(find).collect::<Vec<_>>())
    }

    async fn read(&self, of: &[Arc<Measurement>], at: (u32, u32), level: Level) -> Table {
        let snapshot = self.catalog.snapshot();
        let query = Query {
            datasource: snapshot.datasource(&of[0].datasource).unwrap(),
            region: Region::new("chr1", at.0, at.1),
            measurements: of.to_vec(),
            metadata: Vec::new(),
            resolution: Resolution::At(level),
        };
        snapshot.read(query).await.unwrap().table
    }

    /// Compares regions with bins that the test has computed; the last of `of` may be a signal.
    async fn agree(
        &self,
        ids: &[&str],
        of: &[&Rows],
        signal: Option<&Rows>,
        places: &[(u32, u32)],
    ) {
        let joined = self.joined(ids).unwrap();
        let shape = joined[0].source.shape();
        assert_eq!(shape, Shape::Sparse);
        for level in shape.levels() {
            let shift = level.width().trailing_zeros() as u8;
            // Records, some levels, and all around those that are computed in another way.
            if ![0, 1, 4, 7, 10, 11, 12, 13, 14, 20, 28].contains(&shift) {
                continue;
            }
            let parts: Vec<_> = of.iter().map(|rows| bins(rows, shift)).collect();
            let common = parts[0].keys().filter(|bin| parts.iter().all(|p| p.contains_key(bin)));
            let common: Vec<u32> = common.copied().collect();
            let dense = signal.filter(|_| (7..28).contains(&shift)).map(|rows| bins(rows, shift));
            for (start, end) in places {
                let end = &(*end).min(start.saturating_add(1 << (shift + 10).min(31)));
                let table = self.read(&joined, (*start, *end), level).await;
                let from = common.partition_point(|bin| *bin < start >> shift);
                let to = common.partition_point(|bin| *bin <= (end - 1) >> shift);
                let expected: Vec<u32> = common[from..to].iter().map(|bin| bin << shift).collect();
                assert_eq!(table.start, expected, "{ids:?} {level} {start}-{end}");
                if !table.is_empty() {
                    assert_eq!(table.first_rank, from as u64, "{ids:?} {level} {start}-{end}");
                }
                for (row, bin) in common[from..to].iter().enumerate() {
                    let last = ((u64::from(*bin) + 1) << shift).min(LENGTH.into()) as u32;
                    assert_eq!(table.end[row], last);
                    for (column, part) in parts.iter().enumerate() {
                        let value = table.columns[column].data.number(row);
                        let exact = part[bin];
                        assert!(
                            (value - exact).abs() <= 1e-4 * exact.abs().max(1.0),
                            "{level} {bin}"
                        );
                    }
                    // The file's own sequence ends with its last row.
                    let ends = signal.map_or(0, |rows| rows.last().unwrap().1);
                    if let Some(dense) = dense.as_ref().filter(|_| last <= ends) {
                        let width = last - (bin << shift);
                        let value = table.columns[parts.len()].data.number(row);
                        let covered = signal
                            .unwrap()
                            .iter()
                            .map(|(s, e, _)| (*e).min(last).saturating_sub((*s).max(bin << shift)));
                        let covered = f64::from(covered.sum::<u32>()) / f64::from(width);
                        let exact = dense.get(bin).map_or(0.0, |mean| mean * covered);
                        assert!(
                            (value - exact).abs() <= 1e-4 * exact.abs().max(1.0),
                            "{level} {bin}"
                        );
                    }
                }
                let region = Region::new("chr1", *start, *end);
                let count = joined[0].source.rows(&region, level);
                assert!(count.abs_diff((to - from) as u64) <= 200, "{level} {region}: {count}");
            }
        }
    }
}

const PLACES: [(u32, u32); 6] = [
    (0, LENGTH),
    (16_777_000, 16_900_000),
    (1_000_003, 1_300_000),
    (39_000_000, LENGTH),
    (20_000_000, 20_000_001),
    (33_554_431, 33_600_000),
];

#[tokio::test]
async fn points_of_two_files_share_bins_in_which_both_have_data() {
    let (a, b, peaks, signal) = (rows(1, 3), rows(2, 3), rows(3, 900), rows(4, 3_000));
    let served = serve(&[("a", &a), ("b", &b)], &peaks, &signal).await;
    served.agree(&["a", "b"], &[&a, &b], None, &PLACES).await;
    served.agree(&["b", "peaks.score", "a"], &[&b, &peaks, &a], None, &PLACES).await;
    // A signal has a value in every bin, so the points alone decide.
    served.agree(&["a", "signal"], &[&a], Some(&signal), &PLACES[1..5]).await;
    let dense = served.joined(&["signal"]).unwrap();
    assert_eq!(dense[0].datasource, "signals", "one alone keeps its rows");
}

#[tokio::test]
async fn joined_rows_follow_the_data_that_are_served() {
    let rows: Rows = vec![(100, 101, 1.0), (200, 201, 2.0), (300, 301, 4.0)];
    let other: Rows = vec![(200, 201, 5.0), (300, 301, 7.0)];
    let served = serve(&[("a", &rows), ("b", &other)], &rows, &rows).await;
    let joined = served.joined(&["a", "b"]).unwrap();
    let first = served.catalog.listing().datasource(&joined[0].datasource).unwrap();
    let again = served.catalog.listing().datasource(&joined[0].datasource).unwrap();
    assert!(Arc::ptr_eq(&first, &again), "counted once");
    let table = served.read(&joined, (0, 1_000), Level::Records).await;
    assert_eq!((&table.start[..], table.first_rank), (&[200, 300][..], 0));
    assert_eq!(table.column("b").unwrap().number(1), 7.0);
    // Both sequences of the assembly are known; the other has no data.
    let snapshot = served.catalog.snapshot();
    let region = Region::new("2", 0, 5_000);
    let resolution = Resolution::AtMost(10);
    let query =
        Query { datasource: first, region, measurements: joined, metadata: Vec::new(), resolution };
    assert_eq!(snapshot.read(query).await.unwrap().table.len(), 0);
    served.catalog.unload("b").unwrap();
    assert!(served.catalog.listing().datasource(&again.id).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    /// Any two files of points, also with long intervals.
    #[test]
    fn any_files_are_joined_as_base_by_base(
        a in intervals(), b in intervals(), at in 0u32..200_000, width in 1u32..100_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let served = serve(&[("a", &a)], &b, &a).await;
            served.agree(&["a", "peaks.score"], &[&a, &b], None, &[(at, at + width), (0, 300_000)]).await;
        });
    }
}

fn intervals() -> impl Strategy<Value = Rows> {
    proptest::collection::vec((0u32..4_000, 1u32..900, 1u16..500), 2..60).prop_map(|steps| {
        let mut at = 0;
        let row = |(gap, length, value): (u32, u32, u16)| {
            let start = at + gap;
            at = start + length;
            (start, at, f32::from(value))
        };
        steps.into_iter().map(row).collect()
    })
}
