//! Companions of files: the reads of a BAM and the density of features, from loading to unloading.

use crate::{context, fixtures};
use epivizrs::catalog::{Catalog, ChartType, Listing};
use epivizrs::genome::Region;
use epivizrs::provider::View;
use epivizrs::source::signals::density::Density;
use epivizrs::source::{CLOSE, Level, Options, Shape, Source, Spec};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

fn ids(listing: &Listing) -> Vec<&str> {
    listing.measurements().map(|measurement| measurement.id.as_str()).collect()
}

/// Returns a BAM with its index, and its specification without options.
fn bam() -> (fixtures::Fixture, Spec) {
    let fixture = fixtures::of("reads").remove(0);
    let spec = Spec { options: Options::default(), ..fixture.spec.clone() };
    (fixture, spec)
}

#[tokio::test]
async fn a_bam_gives_its_coverage_and_its_reads() {
    let (_file, spec) = bam();
    let catalog = Catalog::new(None).with_context(context());
    let (added, errors) = catalog.load(vec![spec]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let seen: Vec<_> =
        added.iter().map(|m| (&*m.id, &*m.datasource, m.chart, m.companion)).collect();
    let expected = [
        ("x", "signals", ChartType::Line, None),
        ("x.reads", "x.reads", ChartType::Blocks, Some("reads")),
        ("x.reads.mapq", "x.reads", ChartType::Line, Some("reads")),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        added[1].metadata.iter().map(|m| &**m).collect::<Vec<_>>(),
        ["name", "flags", "cigar"]
    );

    // Either name reloads the file with all its measurements.
    for id in ["x", "x.reads"] {
        let (old, new) = catalog.reload(id).await.unwrap();
        assert_eq!((old.len(), new.len()), (3, 3));
        assert_eq!(ids(&catalog.listing()), ["x", "x.reads", "x.reads.mapq"]);
    }
    // A companion can be unloaded alone, and is unloaded with its file.
    assert_eq!(catalog.unload("x.reads").unwrap().len(), 2);
    assert_eq!(ids(&catalog.listing()), ["x"]);
    catalog.reload("x").await.unwrap();
    assert_eq!(catalog.unload("x").unwrap().len(), 3);
    assert!(catalog.listing().datasources().is_empty());
}

#[tokio::test]
async fn a_bam_without_an_index_gives_only_its_coverage() {
    let (file, spec) = bam();
    std::fs::remove_file(file.spec.input.index().unwrap()).unwrap();
    let catalog = Catalog::new(None).with_context(context());
    let (added, errors) = catalog.load(vec![spec]).await;
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(added.len(), 1);
    let (_, errors) = catalog.load(vec![file.spec.clone()]).await;
    assert!(errors[0].to_string().contains(": samtools index "), "{errors:?}");
}

#[tokio::test]
async fn columns_can_be_chosen_from_coverage_and_reads() {
    let (_file, mut spec) = bam();
    spec.options.columns = Some(vec!["mapq".into()]);
    let catalog = Catalog::new(None).with_context(context());
    let (added, errors) = catalog.load(vec![spec.clone()]).await;
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(ids(&catalog.listing()), ["x", "x.reads", "x.reads.mapq"]);
    assert!(added[1].metadata.is_empty());
    spec.options.columns = Some(vec!["mapk".into()]);
    let (_, errors) = catalog.load(vec![spec]).await;
    assert!(errors[0].to_string().contains("known are value, name, mapq"), "{errors:?}");
}

/// A narrow view has every read, a wide one has none. When a page zooms past the limit, it is told
/// to clear its cache and to request the reads again.
#[tokio::test]
async fn reads_are_in_narrow_views_only() {
    let (_file, spec) = bam();
    let catalog = Catalog::new(None).with_context(context());
    catalog.load(vec![spec]).await;
    let listing = &*catalog.listing();
    let region = |start, width| Region::new("chr1", start, start + width);
    let level = |width| View::level_for(1000, listing, "x.reads", &region(0, width));
    assert!(!Shape::Reads.hides(level(CLOSE)));
    assert!(Shape::Reads.hides(level(CLOSE + 1)));

    let now = Duration::from_secs(9);
    let mut view = View::new(1000);
    let far = view.request("x.reads", "rows", &region(0, 2 * CLOSE), listing, now);
    assert!(Shape::Reads.hides(far.level));
    view.answered(&far, now);
    view.located(Some(region(0, 2 * CLOSE)), listing, now);
    let clears = |view: &mut View| {
        let orders = view.orders(listing, now);
        orders.iter().filter(|order| matches!(order, epivizrs::provider::Order::Clear(_))).count()
    };
    assert_eq!(clears(&mut view), 0);
    for (width, hidden) in [(CLOSE, false), (CLOSE / 2, false), (CLOSE + 1, true)] {
        let before = view.request("x.reads", "rows", &region(0, 10), listing, now).level;
        view.located(Some(region(0, width)), listing, now);
        let changed = Shape::Reads.hides(before) != hidden;
        assert_eq!(clears(&mut view), usize::from(changed), "{width}");
        let later = now + Duration::from_secs(60);
        let ticket = view.request("x.reads", "rows", &region(0, width), listing, later);
        assert_eq!(Shape::Reads.hides(ticket.level), hidden, "{width}");
        view.answered(&ticket, later);
    }
}

/// Every format of features, at every level, is compared with the starts of the rows that the test
/// wrote.
#[test]
fn a_density_is_the_number_of_rows_that_start_in_each_bin() {
    let formats = epivizrs::source::formats::FORMATS.iter();
    for fixture in formats.flat_map(|format| fixtures::of(format.name)) {
        let source: Arc<dyn Source> = Arc::from(fixture.open(&fixture.spec).unwrap());
        if matches!(source.shape(), Shape::Dense | Shape::Sparse) {
            continue;
        }
        let density = Density::new(source);
        for sequence in fixture.sequences() {
            let length = density.sequences().get(sequence).unwrap().length;
            for level in density.shape().levels().filter(|level| level.width() > 64) {
                for (start, end) in [(0, length), (length / 3, length / 2), (7, length - 7)] {
                    let region = Region::new(sequence, start, end);
                    let table = density.read(&region, level, &["density"]).unwrap();
                    let bins = start / level.width()..end.div_ceil(level.width());
                    let starting = |bin: u32| {
                        fixture.on(sequence).filter(|row| row.start / level.width() == bin).count()
                    };
                    let expected: Vec<_> = bins.clone().map(|bin| starting(bin) as f64).collect();
                    let given = &table.columns[0].data;
                    let given: Vec<_> = (0..table.len()).map(|row| given.number(row)).collect();
                    assert_eq!(given, expected, "{} {sequence} {level}", fixture.name);
                    assert_eq!(table.first_rank, u64::from(bins.start));
                    assert_eq!(density.rows(&region, level), table.len() as u64);
                }
            }
        }
    }
}

#[tokio::test]
async fn large_files_have_a_density() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: u32| {
        let mut text = String::new();
        (0..rows).for_each(|row| writeln!(text, "chr1\t{}\t{}", row * 9, row * 9 + 5).unwrap());
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Spec::file(path)
    };
    let catalog = Catalog::new(None);
    let (_, errors) =
        catalog.load(vec![write("small.bed", 5_000), write("large.bed", 5_001)]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let listing = catalog.listing();
    assert_eq!(ids(&listing), ["small", "large", "large.density"]);
    let density = listing.measurement("large.density").unwrap();
    assert_eq!((&*density.datasource, density.chart), ("signals", ChartType::Line));
    assert_eq!(listing.measurement("large").unwrap().annotation["rows"], "5,001");
    let all = density.source.read(
        &Region::new("chr1", 0, u32::MAX >> 1),
        Level::Bins { shift: 28 },
        &["density"],
    );
    assert_eq!(all.unwrap().columns[0].data.number(0), 5_001.0);
    catalog.unload("large").unwrap();
    assert_eq!(ids(&catalog.listing()), ["small"]);
}
