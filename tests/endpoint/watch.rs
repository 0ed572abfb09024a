//! Files that change while they are served: overwritten, replaced, half written, deleted.

use crate::fake_page::{FakePage, obedient};
use crate::tabix::{Bgzf, Kind, index};
use bigtools::beddata::BedParserStreamingIterator;
use bigtools::{BigWigWrite, Value as BigWigValue};
use epivizrs::catalog::Catalog;
use epivizrs::console::{Console, Ending};
use epivizrs::provider::Provider;
use epivizrs::server::{Access, bind, run};
use epivizrs::session::Session;
use epivizrs::source::{Context, Spec};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::{CancellationToken, DropGuard};

const ROWS: u32 = 2000;
const PATIENCE: Duration = Duration::from_secs(20);

/// A format: the name of its file, a function that writes a version of the file with its index, and
/// the requests to send, each a path and the field that shows the version.
struct Format {
    name: &'static str,
    write: fn(&Path, u32),
    asked: &'static [(&'static str, &'static str)],
}

impl Format {
    /// Returns about half of a file; that of a text ends within a line.
    fn half<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let half = &bytes[..bytes.len() / 2];
        let is_text = [".bed", ".gtf"].iter().any(|ending| self.name.ends_with(ending));
        let line = half.windows(5).rposition(|part| part == b"\nchr1");
        line.filter(|_| is_text).map_or(half, |line| &half[..line + 5])
    }
}

struct Endpoint {
    address: SocketAddr,
    session: Arc<Session>,
    path: PathBuf,
    format: Format,
    _folder: tempfile::TempDir,
    _end: DropGuard,
}

impl Endpoint {
    async fn start(format: Format) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format.name);
        (format.write)(&path, 1);
        let assembly = [("chr1", 1_000_000)].into_iter().collect();
        let context = Context {
            cache: folder.path().join("cache"),
            watch: Some(Duration::from_millis(20)),
            ..Context::default()
        };
        let catalog = Catalog::new(Some(("test".into(), assembly))).with_context(context);
        let (_, errors) = catalog.load(vec![Spec::file(&path)]).await;
        assert!(errors.is_empty(), "{errors:?}");
        let session = Session::new(Provider { catalog, page_rows: 1000 });
        let listener = bind("127.0.0.1", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let access = Access::new(address, "https://epiviz.example/", &[]);
        let stop = CancellationToken::new();
        tokio::spawn(run(listener, session.clone(), access, None, stop.clone()));
        Endpoint { address, session, path, format, _folder: folder, _end: stop.drop_guard() }
    }

    async fn get(&self, path: &str) -> (bool, String) {
        let mut socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address);
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.starts_with("HTTP/1.0 200"), body.to_owned())
    }

    /// Returns the versions of the rows in an answer; `None` if the request was refused.
    async fn versions(&self, path: &str, field: &str) -> Option<BTreeSet<String>> {
        let (is_answer, body) = self.get(path).await;
        let rows: Vec<Value> = serde_json::from_str(&body).ok().filter(|_| is_answer)?;
        let version = |row: &Value| match &row[field] {
            Value::Number(number) => number.as_f64().unwrap().to_string(),
            Value::String(text) => text.clone(),
            other => panic!("{other} is not a version in {row}"),
        };
        Some(rows.iter().filter(|row| !row[field].is_null()).map(version).collect())
    }

    /// Repeats the requests until every answer has this version. Until then, an answer has rows of
    /// at most one version, which is one of `before`.
    async fn becomes(&self, version: u32, before: &[u32]) {
        let wanted = BTreeSet::from([version.to_string()]);
        for (path, field) in self.format.asked {
            let until = async {
                loop {
                    let found = self.versions(path, field).await;
                    if found.as_ref() == Some(&wanted) {
                        return;
                    }
                    let found = found.unwrap_or_default();
                    assert!(found.len() <= 1, "two versions in one answer: {found:?}");
                    let old = before.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
                    assert!(found.is_subset(&old), "{found:?} is neither old nor new");
                }
            };
            let done = tokio::time::timeout(PATIENCE, until).await;
            let now = self.get(path).await.1;
            let now = now.get(..300).unwrap_or(&now);
            assert!(done.is_ok(), "{path} never becomes version {version}: {now}");
        }
    }

    /// Runs a console command.
    async fn does(&self, line: &str) {
        let mut console =
            Console::new(self.session.clone(), self.session.clone(), Box::new(|_| {}));
        console.line(line).await.unwrap();
    }

    /// Repeats the first request until its answer has this many rows. Until then it has `before`, or
    /// there is none.
    async fn has_rows(&self, count: usize, before: usize) {
        let path = self.format.asked[0].0;
        let until = async {
            loop {
                let (is_answer, body) = self.get(path).await;
                let rows: Vec<Value> =
                    serde_json::from_str(&body).ok().filter(|_| is_answer).unwrap_or_default();
                if rows.len() == count {
                    return;
                }
                assert!([0, before].contains(&rows.len()), "{} rows", rows.len());
            }
        };
        assert!(tokio::time::timeout(PATIENCE, until).await.is_ok(), "never has {count} rows");
    }

    /// Waits until the console command `sources` prints this text.
    async fn says(&self, words: &str) {
        let mut console =
            Console::new(self.session.clone(), self.session.clone(), Box::new(|_| {}));
        let until = async {
            loop {
                let Ok(Ending::Done(answer)) = console.line("sources").await else { panic!() };
                if answer.show(400, false).contains(words) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, until).await.is_ok(), "never printed: {words}");
    }
}

async fn is_followed(format: Format) {
    let endpoint = Endpoint::start(format).await;
    let Format { write, .. } = endpoint.format;
    let mut page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let ready = async {
        while endpoint.session.ready_pages().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.expect("the page is ready");
    endpoint.becomes(1, &[]).await;
    // Overwritten in place: the same file with other bytes.
    write(&endpoint.path, 2);
    endpoint.becomes(2, &[1]).await;
    let told = |shown: &crate::fake_page::Shown| {
        ["removeMeasurements", "addMeasurements"]
            .iter()
            .all(|action| shown.asked.iter().any(|asked| asked == action))
    };
    page.until(told).await;
    // Replaced by another file.
    let aside = endpoint.path.with_file_name(format!("new-{}", endpoint.format.name));
    write(&aside, 3);
    let mut moved = Vec::new();
    for entry in std::fs::read_dir(aside.parent().unwrap()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(own) = name.strip_prefix("new-") {
            moved.push((aside.with_file_name(&name), aside.with_file_name(own)));
        }
    }
    moved.iter().for_each(|(from, to)| std::fs::rename(from, to).unwrap());
    endpoint.becomes(3, &[2]).await;
    assert!(endpoint.session.provider.catalog.reopened_files() >= 2);
    // Deleted: this is reported, and the file is served again when it is back.
    let aside = endpoint.path.with_file_name("aside");
    std::fs::rename(&endpoint.path, &aside).unwrap();
    endpoint.says("the file is gone").await;
    assert!(endpoint.get("/metrics").await.1.contains("epivizrs_files_in_trouble 1"));
    std::fs::remove_file(&aside).unwrap();
    write(&endpoint.path, 4);
    endpoint.becomes(4, &[3]).await;
    endpoint.says(" ok").await;
    assert!(endpoint.get("/metrics").await.1.contains("epivizrs_files_in_trouble 0"));
}

/// Asserts that half a file is not served, and that the file is served again when it is complete.
async fn waits_for_the_whole(format: Format) {
    let endpoint = Endpoint::start(format).await;
    let Format { write, .. } = endpoint.format;
    endpoint.becomes(1, &[]).await;
    let whole = endpoint.path.with_file_name("whole");
    write(&whole, 2);
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&endpoint.path, endpoint.format.half(&bytes)).unwrap();
    endpoint.says("the file cannot be opened").await;
    let (path, field) = endpoint.format.asked[0];
    let half = endpoint.versions(path, field).await.unwrap_or_default();
    assert!(half.is_subset(&BTreeSet::from(["1".to_owned()])), "{half:?}");
    std::fs::write(&endpoint.path, &bytes).unwrap();
    for ending in ["bai", "tbi"] {
        let index = |path: &Path| format!("{}.{ending}", path.display());
        if Path::new(&index(&whole)).exists() {
            std::fs::rename(index(&whole), index(&endpoint.path)).unwrap();
        }
    }
    endpoint.becomes(2, &[1]).await;
    endpoint.says(" ok").await;
}

/// Asserts that rows that are appended are served once the last of them is complete.
async fn grows(format: Format, more: &str, more_rows: usize) {
    let endpoint = Endpoint::start(format).await;
    let (path, _) = endpoint.format.asked[0];
    let rows: Vec<Value> = serde_json::from_str(&endpoint.get(path).await.1).unwrap();
    let append = |text: &str| {
        use std::io::Write;
        let file = std::fs::File::options().append(true).open(&endpoint.path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    };
    // The last line is not complete yet.
    let begin = more.trim_end().rfind('\n').map_or(0, |at| at + 1) + 6;
    append(&more[..begin]);
    endpoint.says("the file cannot be opened").await;
    append(&more[begin..]);
    endpoint.has_rows(rows.len() + more_rows, rows.len()).await;
    endpoint.says(" ok").await;
}

/// Asserts that an index that is damaged, removed and replaced is noticed.
async fn index_is_followed(format: Format, ending: &str) {
    let endpoint = Endpoint::start(format).await;
    endpoint.becomes(1, &[]).await;
    let index = PathBuf::from(format!("{}.{ending}", endpoint.path.display()));
    let bytes = std::fs::read(&index).unwrap();
    let catalog = &endpoint.session.provider.catalog;
    let reopened = catalog.reopened_files();
    std::fs::write(&index, &bytes[..bytes.len() / 2]).unwrap();
    if endpoint.format.name == "x.bam" {
        // The coverage needs no index: it is served without the reads, with a warning.
        while catalog.reopened_files() == reopened {
            tokio::task::yield_now().await;
        }
    } else {
        endpoint.says("the file cannot be opened").await;
    }
    for (path, field) in endpoint.format.asked {
        let during = endpoint.versions(path, field).await.unwrap_or_default();
        assert!(during.is_subset(&BTreeSet::from(["1".to_owned()])), "{during:?}");
    }
    let reopened = catalog.reopened_files();
    std::fs::write(&index, &bytes).unwrap();
    endpoint.becomes(1, &[1]).await;
    endpoint.says(" ok").await;
    while catalog.reopened_files() == reopened {
        tokio::task::yield_now().await;
    }
}

/// What the page is told: the title of its chart says what happened, and is restored.
async fn is_said_in_the_title(format: Format) {
    let endpoint = Endpoint::start(format).await;
    let mut page = FakePage::open(endpoint.address, "/ws", obedient()).await;
    let ready = async {
        while endpoint.session.ready_pages().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.expect("the page is ready");
    endpoint.does("plot x").await;
    let shown = page.until(|shown| !shown.charts.is_empty()).await;
    let datasource = shown.charts[0].datasources[0].clone();
    // Pages request rows when they draw a chart, and again after each change.
    let draw = |page: &FakePage| {
        for action in ["getRows", "getValues"] {
            page.request(&serde_json::json!({"action": action, "version": "4",
                "datasource": datasource, "measurement": "x", "seqName": "chr1", "start": 1,
                "end": 1000, "metadata": []}));
        }
    };
    draw(&page);
    let says = |shown: &crate::fake_page::Shown, words: &str| {
        shown.charts.first().is_some_and(|chart| {
            chart.settings["title"].as_str().is_some_and(|title| title.contains(words))
        })
    };
    let aside = endpoint.path.with_file_name("aside");
    std::fs::rename(&endpoint.path, &aside).unwrap();
    page.until(|shown| says(shown, "the file is gone")).await;
    std::fs::rename(&aside, &endpoint.path).unwrap();
    let restored = async {
        while says(&page.now(), "the file is gone") {
            draw(&page);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, restored).await.expect("the title is restored");
    // A file that is damaged where it is read.
    let bytes = std::fs::read(&endpoint.path).unwrap();
    std::fs::write(&endpoint.path, endpoint.format.half(&bytes)).unwrap();
    page.until(|shown| says(shown, "cannot be opened")).await;
}

fn bed_lines(version: u32) -> impl Iterator<Item = ((u32, u32), String)> {
    (0..ROWS).map(move |n| {
        let (start, end) = (n * 100, n * 100 + 50);
        ((start, end), format!("chr1\t{start}\t{end}\t{version}\t{n}\n"))
    })
}

fn bed(path: &Path, version: u32) {
    let text: String = bed_lines(version).map(|(_, line)| line).collect();
    std::fs::write(path, text).unwrap();
}

fn tabix_bed(path: &Path, version: u32) {
    let mut packed = Bgzf::default();
    let places: Vec<_> = bed_lines(version)
        .map(|(bases, line)| ("chr1", bases, packed.add(line.as_bytes())))
        .collect();
    std::fs::write(path, packed.finish()).unwrap();
    let beside = format!("{}.tbi", path.display());
    std::fs::write(beside, index(&places, Kind::TabixBed)).unwrap();
}

fn gtf(path: &Path, version: u32) {
    let gene = |n: u32| {
        let (start, end) = (n * 100 + 1, n * 100 + 50);
        let names = format!("gene_id \"g{n}\"; gene_name \"{version}\";");
        ["gene", "exon"]
            .map(|kind| format!("chr1\tx\t{kind}\t{start}\t{end}\t.\t+\t.\t{names}\n"))
            .concat()
    };
    std::fs::write(path, (0..ROWS).map(gene).collect::<String>()).unwrap();
}

fn bigwig(path: &Path, version: u32) {
    let (path, whole) = (path.to_owned(), path.with_extension("whole"));
    // The writer has a runtime of its own, which must not be dropped inside another.
    std::thread::spawn(move || {
        let lengths = [("chr1".to_owned(), 1_000_000)].into();
        let mut writer = BigWigWrite::create_file(&whole, lengths).unwrap();
        writer.options.inmemory = true;
        let values = (0..ROWS).map(|n| {
            let (start, end) = (n * 100, n * 100 + 100);
            ("chr1", BigWigValue { start, end, value: version as f32 })
        });
        let values = BedParserStreamingIterator::wrap_infallible_iter(values, false);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        writer.write(values, runtime).unwrap();
        // Overwrites the file in place: the same file with other bytes.
        std::fs::write(path, std::fs::read(&whole).unwrap()).unwrap();
        std::fs::remove_file(whole).unwrap();
    })
    .join()
    .unwrap();
}

/// Writes reads that cover the sequence without gaps, at a depth equal to the version.
fn bam(path: &Path, version: u32) {
    let mut bam = Bgzf::default();
    let mut head = b"BAM\x01\0\0\0\0\x01\0\0\0\x05\0\0\0chr1\0".to_vec();
    head.extend(1_000_000u32.to_le_bytes());
    bam.add(&head);
    let mut places = Vec::new();
    for start in (0..ROWS).map(|n| n * 100) {
        for _ in 0..version {
            let name = format!("{version}\0");
            let mut record = 0i32.to_le_bytes().to_vec();
            record.extend(start.to_le_bytes());
            record.extend([name.len() as u8, 60, 0, 0, 1, 0, 0, 0]);
            record.extend(0u32.to_le_bytes());
            record.extend([0xff; 8]);
            record.extend([0; 4]);
            record.extend(name.as_bytes());
            record.extend((100u32 << 4).to_le_bytes());
            let whole = [&(record.len() as u32).to_le_bytes()[..], &record].concat();
            places.push(("chr1", (start, start + 100), bam.add(&whole)));
        }
    }
    std::fs::write(path, bam.finish()).unwrap();
    std::fs::write(format!("{}.bai", path.display()), index(&places, Kind::Bai)).unwrap();
}

const BED: Format = Format {
    name: "x.bed",
    write: bed,
    asked: &[("/api/v1/rows?datasource=x&region=chr1:1-200000&level=records", "name")],
};
const TABIX: Format = Format { name: "x.bed.gz", write: tabix_bed, ..BED };
const GTF: Format = Format {
    name: "x.gtf",
    write: gtf,
    asked: &[("/api/v1/rows?datasource=x&region=chr1:1-200000&level=records", "gene")],
};
const BIGWIG: Format = Format {
    name: "x.bw",
    write: bigwig,
    asked: &[
        ("/api/v1/values?measurement=x&region=chr1:1-199936&bins=50", "x"),
        ("/api/v1/values?measurement=x&region=chr1:101-1700&level=16", "x"),
    ],
};
const BAM: Format = Format {
    name: "x.bam",
    write: bam,
    asked: &[
        ("/api/v1/values?measurement=x&region=chr1:1-131072&level=1024", "x"),
        ("/api/v1/rows?datasource=x.reads&region=chr1:1-2000&level=records", "name"),
    ],
};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_bed_file_in_memory_is_reloaded() {
    is_followed(BED).await;
    waits_for_the_whole(BED).await;
    grows(BED, "chr1\t200100\t200150\t1\t9\nchr1\t199990\t199999\t1\t9\n", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_bed_file_with_an_index_is_reloaded() {
    is_followed(TABIX).await;
    waits_for_the_whole(TABIX).await;
    index_is_followed(TABIX, "tbi").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_annotations_are_reloaded() {
    is_followed(GTF).await;
    waits_for_the_whole(GTF).await;
    let gene = "chr1\tx\tgene\t199901\t199960\t.\t+\t.\tgene_id \"h\"; gene_name \"1\";\n";
    grows(GTF, gene, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_bigwig_is_reloaded() {
    is_followed(BIGWIG).await;
    waits_for_the_whole(BIGWIG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_reads_and_their_coverage_are_reloaded() {
    is_followed(BAM).await;
    waits_for_the_whole(BAM).await;
    index_is_followed(BAM, "bai").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_of_charts_say_that_a_file_cannot_be_read() {
    for format in [BIGWIG, TABIX, BED, GTF, BAM] {
        is_said_in_the_title(format).await;
    }
}
