//! Wide views of large signals on other machines: few bytes, near the truth, and said.

use super::server::Server;
use crate::fixtures::signals::by_bigtools;
use crate::read;
use bigtools::Value;
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Source, Spec};
use std::sync::mpsc;
use std::time::Duration;

const LENGTH: u32 = 8_000_000;
/// Bins of 8,192 bases: the whole sequence in one view.
const WIDE: Level = Level::Bins { shift: 13 };

/// Returns the records of a signal of waves; with gaps, each second record is left out.
fn records(has_gaps: bool) -> Vec<(u32, u32, f32)> {
    let mut records = Vec::new();
    let (mut start, mut random) = (0, 1u32);
    while start < LENGTH {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let end = (start + 5 + (random >> 16) % 20).min(LENGTH);
        let wave = 20.0 + 10.0 * (f64::from(start) / 9000.0).sin();
        records.push((start, end, (wave + f64::from(random >> 20) / 500.0) as f32));
        start = end;
    }
    let mut number = 0;
    records.retain(|_| {
        number += 1;
        !has_gaps || number % 2 == 0
    });
    records
}

/// Puts the signal on a server. Returns its records, the server, and its address.
fn put(has_gaps: bool) -> (Vec<(u32, u32, f32)>, Server, String) {
    let records = records(has_gaps);
    let value = |&(start, end, value): &(u32, u32, f32)| ("chr1", Value { start, end, value });
    let file = by_bigtools(&[("chr1", LENGTH)], records.iter().map(value).collect());
    assert!(file.len() > 2 << 20, "the records take more than a view may read");
    let server = Server::start();
    server.put("/x.bw", &file, Some("1"));
    let address = server.url("/x.bw");
    (records, server, address)
}

fn whole() -> Region {
    Region::new("chr1", 0, LENGTH)
}

/// Returns the means of bins, from the records one by one.
fn means(records: &[(u32, u32, f32)], width: u32) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); LENGTH.div_ceil(width) as usize];
    for (start, end, value) in records {
        for base in *start..*end {
            let sum = &mut sums[(base / width) as usize];
            *sum = (sum.0 + f64::from(*value), sum.1 + 1.0);
        }
    }
    sums.into_iter().map(|(sum, count)| sum / count).collect()
}

fn values(source: &dyn Source, region: &Region, level: Level) -> Vec<f64> {
    let table = read(source, region, level);
    (0..table.len()).map(|row| table.columns[0].data.number(row)).collect()
}

/// Returns the largest difference, as a share of the mean of all.
fn worst(found: &[f64], truth: &[f64]) -> f64 {
    assert_eq!(found.len(), truth.len());
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let differences = found.iter().zip(truth).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max) / mean
}

fn context() -> Context {
    Context { timeout: Some(Duration::ZERO), ..crate::context() }
}

fn opened(address: &str, options: &str) -> Box<dyn Source> {
    let spec: Spec = format!("{address}{options}").parse().unwrap();
    open(&spec, &context()).unwrap()
}

#[test]
fn a_whole_chromosome_is_estimated_from_few_bytes_and_close_views_are_exact() {
    let (records, server, address) = put(false);
    let source = opened(&address, "");
    let requests = server.asked().len();
    assert!(requests <= 2, "{requests} requests to open it");
    let found = values(&*source, &whole(), WIDE);
    let asked = server.asked();
    let bytes: usize = asked.iter().map(|asked| asked.range().unwrap().len()).sum();
    assert!(asked.len() <= 6 && bytes <= 2 << 20, "{} requests, {bytes} bytes", asked.len());
    let off = worst(&found, &means(&records, 8192));
    assert!(off > 0.0 && off < 0.01, "{off}");
    let level = source.estimate("chr1", WIDE).unwrap();
    assert!(level.starts_with("≈, from zoom level "), "{level}");
    assert!(source.annotation("value")["wide views"].contains("exact=yes"));
    // A view that can be read is exact, and says nothing.
    let narrow = Level::Bins { shift: 9 };
    let region = Region::new("chr1", 512 * 1000, 512 * 2000);
    let found = values(&*source, &region, narrow);
    assert!(worst(&found, &means(&records, 512)[1000..2000]) < 1e-5);
    assert_eq!(source.estimate("chr1", narrow), None);
    // Nor are the records of the whole sequence read for a view of wide bins that takes few bytes.
    server.asked();
    let source = opened(&server.url("/x.bw?again"), "");
    let found = values(&*source, &Region::new("chr1", 0, 2048 * 200), Level::Bins { shift: 11 });
    assert!(worst(&found, &means(&records, 2048)[..200]) < 1e-5);
    let bytes: usize = server.asked().iter().map(|asked| asked.range().unwrap().len()).sum();
    assert!(bytes < 1 << 20, "{bytes}");
    // Adjacent views agree, and bins keep their ranks.
    let first = read(&*source, &Region::new("chr1", 0, LENGTH / 2), WIDE);
    let second = read(&*source, &Region::new("chr1", LENGTH / 2, LENGTH), WIDE);
    let bin = second.first_rank - first.first_rank;
    let all = values(&*source, &whole(), WIDE);
    assert_eq!(second.columns[0].data.number(0), all[bin as usize]);
}

#[test]
fn zoom_levels_that_differ_from_the_records_are_not_used() {
    // bigtools 0.5.8 counts gaps as covered.
    let (records, _server, address) = put(true);
    let source = opened(&address, ",missing=zero");
    let width = 8192;
    let mut sums = vec![0.0; LENGTH.div_ceil(width) as usize];
    for (start, end, value) in &records {
        (*start..*end).for_each(|base| sums[(base / width) as usize] += f64::from(*value));
    }
    let bases = |bin: usize| f64::from((LENGTH - bin as u32 * width).min(width));
    let truth: Vec<f64> = sums.iter().enumerate().map(|(bin, sum)| sum / bases(bin)).collect();
    let found = values(&*source, &whole(), WIDE);
    assert!(worst(&found, &truth) < 1e-5, "{}", worst(&found, &truth));
    assert_eq!(source.estimate("chr1", WIDE), None);
    assert!(source.annotation("value")["wide views"].starts_with("exact"));
}

#[test]
fn exact_reads_the_whole_file_in_the_background() {
    let (records, _server, address) = put(false);
    let source = opened(&address, ",exact=yes");
    let truth = means(&records, 8192);
    assert!(worst(&values(&*source, &whole(), WIDE), &truth) < 0.01);
    let (done, wait) = mpsc::channel();
    source.building().expect("it is being read").then(move |exact| drop(done.send(exact)));
    let exact = wait.recv().unwrap().unwrap();
    assert!(worst(&values(&*exact, &whole(), WIDE), &truth) < 1e-5);
    assert_eq!((exact.estimate("chr1", WIDE), exact.annotation("value").len()), (None, 0));
}
