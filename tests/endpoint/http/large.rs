//! Many rows, and slow disks.

use super::*;

/// The number of adjacent variants in [`crowd`]: more rows than an answer may have.
const CROWD: u64 = 110_000;

/// Serves a large file, which is read by region: many variants from base 1,000,001 on, and one far
/// from them. The density seems uniform until the rows are counted.
async fn crowd() -> (SocketAddr, DropGuard, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut text =
        "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n".to_owned();
    for place in (1_000_001..=1_000_000 + CROWD).chain([240_000_000]) {
        text += &format!("chr1\t{place}\t.\tA\tG\t.\t.\t.\n");
    }
    std::fs::write(folder.path().join("crowd.vcf"), text).unwrap();
    let cache = folder.path().join("cache");
    let context = Context { cache, in_memory: 10_000, ..Context::default() };
    let sizes = [("chr1", 248_956_422)].into_iter().collect();
    let catalog = Catalog::new(Some(("test".into(), sizes))).with_context(context);
    let (_, errors) = catalog.load(vec![Spec::file(folder.path().join("crowd.vcf"))]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let (address, end) = serve(catalog, None).await;
    (address, end, folder)
}

/// Rows read before and after they are counted must have the same ranks.
#[tokio::test]
async fn rows_have_the_same_level_before_and_after_they_are_counted() {
    let (address, _end, _folder) = crowd().await;
    let path = "/api?action=getRows&datasource=crowd&seqName=chr1&start=1000001&end=1100000";
    for _ in 0..3 {
        let data = get(address, path).await.json()["data"].clone();
        // One row in each bin of 16 bases, the narrowest bins; the sequence has 6876 such rows.
        assert_eq!(data["values"]["start"].as_array().unwrap().len(), 6250);
        assert_eq!(data["globalStartIndex"], 0);
    }
}

#[tokio::test]
async fn scripts_get_the_requested_bins_at_once() {
    let (address, _end, _folder) = crowd().await;
    let path = "/api/v1/rows?datasource=crowd&region=chr1:1000001-1100000&bins=500";
    for _ in 0..2 {
        // Bins of 256 bases give 100,000 / 256 = 391 rows, which is at most 500; bins of 128 give
        // 782.
        assert_eq!(get(address, path).await.headers["epivizrs-level"], "bins of 256");
    }
}

/// The first request is refused like later ones, although an estimate of its rows would allow it.
#[tokio::test]
async fn requests_for_too_many_rows_are_refused_at_once() {
    let (address, _end, _folder) = crowd().await;
    let rows = "/api/v1/rows?datasource=crowd&region=chr1:1000001-";
    for _ in 0..2 {
        let answer = get(address, &format!("{rows}1110000")).await;
        assert_eq!(answer.status, 400, "{} bytes", answer.body.len());
        assert!(answer.text().contains(" rows; at most 100000"), "{}", answer.text());
    }
    let answer = get(address, &format!("{rows}1090000&format=tsv")).await;
    assert_eq!((answer.status, answer.text().lines().count()), (200, 90_001));
}

/// A source whose disk blocks until the test releases it.
struct Stuck(Sequences, std::sync::Mutex<std::sync::mpsc::Receiver<()>>);

impl Stuck {
    /// Waits for the test, and returns whether it released the disk.
    fn wait(&self) -> bool {
        self.1.lock().unwrap().recv_timeout(std::time::Duration::from_secs(5)).is_ok()
    }
}

impl Source for Stuck {
    fn shape(&self) -> Shape {
        Shape::Features
    }

    fn sequences(&self) -> &Sequences {
        &self.0
    }

    fn columns(&self) -> &[ColumnInfo] {
        &[]
    }

    fn rows(&self, _: &Region, _: Level) -> u64 {
        0
    }

    fn first_view(&self) -> Option<Region> {
        self.wait().then(|| Region::new("chr1", 5, 9))
    }

    fn read(&self, _: &Region, _: Level, columns: &[&str]) -> epivizrs::error::Result<Table> {
        Ok(Table::empty(columns))
    }

    fn search(&self, _: &str, _: usize) -> Vec<Hit> {
        let region = Region::new("chr1", 5, 9);
        let hit = |()| Hit { name: "found".into(), region, closeness: Closeness::Exact };
        self.wait().then_some(()).map(hit).into_iter().collect()
    }
}

/// The test runs in one thread: waiting for a disk in it would block everything else.
#[tokio::test]
async fn a_slow_disk_does_not_delay_other_requests() {
    for (path, shown) in [
        ("/api/v1/search?q=x", "found"),
        ("/api?action=search&q=x", "found"),
        ("/info", r#""start":6"#),
    ] {
        let (go, told) = std::sync::mpsc::channel();
        let catalog = Catalog::new(None);
        let sequences = [("chr1", 1000)].into_iter().collect();
        catalog.add("stuck", Stuck(sequences, std::sync::Mutex::new(told)));
        let (address, _end) = serve(catalog, None).await;
        let other = async {
            let answer = get(address, "/api/v1/sequences").await;
            go.send(()).unwrap();
            answer
        };
        let (slow, other) = tokio::join!(get(address, path), other);
        assert_eq!(other.status, 200);
        assert!(slow.text().contains(shown), "{path}: {}", slow.text());
    }
}
