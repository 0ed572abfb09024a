//! Copies of large files are written in the background; the files are listed at once.

use super::{Folder, are_alike};
use epivizrs::bytes::Progress;
use epivizrs::catalog::Catalog;
use epivizrs::genome::Region;
use epivizrs::source::signals::density::Density;
use epivizrs::source::{Context, Level, Source};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

/// Returns a context that does not wait for the copy of the file, which it treats as large, and a
/// guard that blocks its readers until it is dropped.
fn held(folder: &Folder) -> (Context, mpsc::Sender<()>) {
    let (hold, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    // An error means that the guard has been dropped.
    let progress = Progress::to(move |_, _| {
        let _ = wait.lock().unwrap().recv();
    });
    (Context { timeout: Some(Duration::ZERO), progress, ..folder.context(10_000) }, hold)
}

fn files() -> Vec<Folder> {
    let lines = |line: fn(u32) -> String| (0..110_000).map(line).collect::<Vec<_>>();
    let bed = |n| format!("chr1\t{}\t{}\trow\t{}", n * 10, n * 10 + 15, n % 7);
    let pair = |n| format!("chr1\t{0}\t{1}\tchr2\t{0}\t{1}\tloop\t{2}", n * 10, n * 10 + 5, n % 7);
    let methyl = |n| {
        let (start, end) = (n * 10, n * 10 + 1);
        format!("chr1\t{start}\t{end}\tm\t9\t+\t{start}\t{end}\t0\t4\t5.0\t1\t2\t0\t0\t0\t0\t0")
    };
    let vcf = |n| format!("chr1\t{}\tv\tA\tG\t{}\tq\t.", n * 10 + 1, n % 7);
    let header = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    vec![
        Folder::new("x.bed", "", &lines(bed)),
        Folder::new("x.bedpe", "", &lines(pair)),
        Folder::new("x.bedmethyl", "", &lines(methyl)),
        Folder::new("x.vcf", header, &lines(vcf)),
    ]
}

#[tokio::test]
async fn a_large_file_is_listed_at_once_and_has_its_rows_and_density_once_it_is_copied() {
    for folder in files() {
        let name = folder.name;
        let (context, held) = held(&folder);
        let catalog = Catalog::new(None).with_context(context);
        let (listed, errors) = catalog.load(vec![folder.spec()]).await;
        assert!(errors.is_empty(), "{name}: {errors:?}");
        assert!(
            listed.iter().all(|m| m.source.building().is_some() && m.companion.is_none()),
            "{name}"
        );
        let ids: Vec<_> = listed.iter().map(|m| m.id.clone()).collect();
        let whole = Region::new("chr1", 0, u32::MAX);
        assert!(listed[0].source.read(&whole, Level::Records, &[]).unwrap().is_empty());

        drop(held);
        let change = catalog.next_built().await;
        let made = change.now.unwrap();
        let mut now: Vec<_> = made.iter().map(|m| m.id.clone()).collect();
        assert_eq!(now.pop(), Some("x.density".to_owned()), "{name}");
        assert_eq!(now, ids, "{name}: the ids must not change");
        same_rows(&folder, &catalog);
        assert_eq!(catalog.listing().datasources().len(), 2, "{name}");
    }
}

/// Asserts that the listed sources have the rows of the file and their density.
fn same_rows(folder: &Folder, catalog: &Catalog) {
    let listing = catalog.listing();
    let sources: Vec<_> =
        listing.datasources().iter().map(|d| d.measurements[0].source.clone()).collect();
    let small = folder.small().unwrap();
    let region = Region::new("chr1", 500_000, 600_000);
    for level in [Level::Records, Level::Bins { shift: 8 }] {
        let read = |source: &dyn Source| source.read(&region, level, &[]).unwrap();
        assert!(are_alike(&read(&*sources[0]), &read(&*small)) && read(&*small).len() > 100);
    }
    let level = Level::Bins { shift: 16 };
    let read = |source: &dyn Source| source.read(&region, level, &["density"]).unwrap();
    let density = Density::new(small.into());
    assert!(are_alike(&read(&*sources[1]), &read(&density)));
}

#[tokio::test]
async fn an_invalid_file_is_refused_at_once_or_withdrawn_later() {
    let lines = |wrong: usize| -> Vec<String> {
        let line = |n: usize| {
            if n == wrong { "chr1\tx\t5".to_owned() } else { format!("chr1\t{n}\t{}", n + 5) }
        };
        (0..30_000).map(line).collect()
    };
    let folder = Folder::new("x.bed", "", &lines(20));
    let (context, _held) = held(&folder);
    let catalog = Catalog::new(None).with_context(context);
    let (_, errors) = catalog.load(vec![folder.spec()]).await;
    assert!(errors[0].to_string().contains("x.bed, line 21"), "{errors:?}");

    let folder = Folder::new("x.bed", "", &lines(20_000));
    let (context, held) = self::held(&folder);
    let catalog = Catalog::new(None).with_context(context);
    let (listed, errors) = catalog.load(vec![folder.spec()]).await;
    assert!(errors.is_empty() && listed.len() == 1, "{errors:?}");
    drop(held);
    let error = catalog.next_built().await.now.unwrap_err().to_string();
    assert!(error.contains("x.bed, line 20001"), "{error}");
    assert!(catalog.listing().datasources().is_empty());
}
