//! Correct and incorrect answers of servers, and how the program handles them.

use super::server::{Server, status, whole};
use crate::fixtures::writer::{File, Records, Variant};
use crate::{fixtures, read};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Level, Source};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The length of the sequence of the signals, and a region in the middle of it.
const LENGTH: u32 = 3_000_000;
const MIDDLE: (u32, u32) = (1_400_000, 1_500_000);
const WIDE: Level = Level::Bins { shift: 9 };
const BED: &[u8] = b"chr1\t10\t20\ta\nchr1\t30\t40\tb\n";

fn opened(address: &str) -> Result<Box<dyn Source>, String> {
    let spec = address.parse().map_err(|error: epivizrs::Error| error.to_string())?;
    open(&spec, &crate::context()).map_err(|error| error.to_string())
}

fn count(source: &dyn Source) -> usize {
    read(source, &Region::new("chr1", 0, 1000), Level::Records).len()
}

/// Returns a bigWig of about two million bytes, with its header at the beginning and its index at
/// the end.
fn signal(value: f32) -> Vec<u8> {
    let block = |first: u32| (first..first + 1000).map(|n| (n * 20, n * 20 + 10, value)).collect();
    let blocks = (0..150).map(|n| (0, Records::Graph(block(n * 1000)))).collect();
    let file = File { sequences: vec![("chr1", LENGTH)], blocks, ..File::default() };
    file.write(Variant { big_endian: false, packed: false, sequences_last: false })
}

fn middle() -> Region {
    Region::new("chr1", MIDDLE.0, MIDDLE.1)
}

/// Starts a server with one file, and returns the address of the file, which contains a secret.
fn bed() -> (Server, String) {
    let server = Server::start();
    server.put("/x.bed", BED, Some("1"));
    let address = server.url("/x.bed?sig=SECRET");
    (server, address)
}

/// Returns why the file cannot be opened, without its address.
fn refused(server: &Server, address: &str) -> String {
    let error = opened(address).err().expect("an error");
    assert!(!error.contains("SECRET"), "{error}");
    let shown = server.url("/x.bed: ");
    error.strip_prefix(&shown).unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn errors_about_refused_requests_name_a_remedy() {
    for (answer, said) in [
        ("401 Unauthorized", "asks who you are (401); give --header"),
        ("403 Forbidden", "does not let you read it (403)"),
        ("404 Not Found", "has no such file (404); check the address"),
        ("410 Gone", "has no such file (410)"),
        ("418 Teapot", "answers with 418 instead of the file"),
        ("416 Range Not Satisfiable", ""),
    ] {
        let (server, address) = bed();
        let headers = if said.is_empty() { "Content-Range: bytes */26\r\n" } else { "" };
        server.answer(move |_| Some(status(answer, headers)));
        let error = refused(&server, &address);
        assert!(error.contains(if said.is_empty() { "416" } else { said }), "{error}");
        assert_eq!(server.asked().len(), 1, "asking again would not help: {answer}");
    }
}

#[test]
fn the_error_code_of_a_storage_server_is_reported() {
    let (server, address) = bed();
    let body = b"<Error><Code>SignatureDoesNotMatch</Code><Key>SECRET</Key></Error>";
    server.answer(move |_| {
        let head = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n", body.len());
        Some([head.as_bytes(), body].concat())
    });
    assert!(refused(&server, &address).contains("(403 SignatureDoesNotMatch)"));
}

#[test]
fn a_request_to_an_overloaded_server_is_repeated() {
    let (server, address) = bed();
    let asked = AtomicUsize::new(0);
    server.answer(move |_| {
        let first = asked.fetch_add(1, Ordering::Relaxed) < 2;
        first.then(|| status("503 Service Unavailable", "Retry-After: 0\r\n"))
    });
    assert_eq!(count(&*opened(&address).unwrap()), 2);
    assert_eq!(server.asked().len(), 3);
    // A server that stays overloaded gets no requests for a while, so that nobody waits for it.
    let (server, address) = bed();
    server.answer(|_| Some(status("503 Service Unavailable", "")));
    assert!(refused(&server, &address).contains("fails or is overloaded (503); try again later"));
    let asked = server.asked().len();
    assert!(refused(&server, &address).contains("(503)"));
    assert_eq!((asked, server.asked().len()), (4, 0));
}

#[test]
fn a_request_with_a_truncated_answer_is_repeated() {
    let (server, address) = bed();
    let asked = AtomicUsize::new(0);
    server.answer(move |_| {
        let cut = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-25/26\r\nContent-Length: 26\r\n\r\nchr1";
        (asked.fetch_add(1, Ordering::Relaxed) == 0).then(|| cut.into())
    });
    assert_eq!(count(&*opened(&address).unwrap()), 2);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn answers_with_wrong_ranges_are_errors() {
    for (range, said) in [
        ("Content-Range: bytes 5-30/26\r\n", "sends other parts of the file"),
        ("", "does not say which"),
        ("Content-Range: bytes 0-25/*\r\n", "does not say how large the file is"),
    ] {
        let (server, address) = bed();
        server.answer(move |_| {
            let head = format!("HTTP/1.1 206 Partial Content\r\n{range}Content-Length: 26\r\n\r\n");
            Some([head.as_bytes(), BED].concat())
        });
        let error = refused(&server, &address);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn only_small_files_are_read_from_a_server_without_ranges() {
    let (server, address) = bed();
    server.answer(|_| Some(whole(BED, "")));
    assert_eq!(count(&*opened(&address).unwrap()), 2);
    assert_eq!(server.asked().len(), 1);
    // This server does not send the length, either.
    server.answer(|_| {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        Some([head.as_bytes(), BED].concat())
    });
    assert_eq!(count(&*opened(&address).unwrap()), 2);
    server.answer(|_| Some(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\nchr1".to_vec()));
    let error = refused(&server, &address);
    assert!(
        error.contains("sends only whole files, and this one has 5000 MB; download it"),
        "{error}"
    );
}

#[test]
fn an_empty_file_is_empty() {
    let server = Server::start();
    server.put("/x.bed", b"", Some("1"));
    assert_eq!(opened(&server.url("/x.bed")).unwrap().sequences().len(), 0);
}

#[test]
fn content_encodings_are_decoded_or_refused() {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(BED).unwrap();
    let packed = packer.finish().unwrap();
    let (server, address) = bed();
    let bytes = packed.clone();
    server.answer(move |_| Some(whole(&bytes, "Content-Encoding: gzip\r\n")));
    assert_eq!(count(&*opened(&address).unwrap()), 2);
    let (bytes, size) = (packed.clone(), packed.len());
    server.answer(move |_| {
        let last = size - 1;
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Encoding: gzip\r\n\
             Content-Range: bytes 0-{last}/{size}\r\nContent-Length: {size}\r\n\r\n"
        );
        Some([head.as_bytes(), &bytes].concat())
    });
    let error = refused(&server, &address);
    assert!(error.contains("compresses the file in transit (Content-Encoding: gzip)"), "{error}");
    // A server that declares the file's own compression as a content encoding.
    server.put("/x.bed.gz", &packed, None);
    server.answer(move |asked| {
        (asked.path == "/x.bed.gz").then(|| whole(&packed, "Content-Encoding: x-gzip\r\n"))
    });
    assert_eq!(count(&*opened(&server.url("/x.bed.gz")).unwrap()), 2);
}

#[test]
fn a_web_page_instead_of_a_file_is_an_error() {
    let (server, address) = bed();
    server.answer(|_| Some(whole(b"\n<!DOCTYPE html><html>Log in</html>", "")));
    assert!(refused(&server, &address).contains("sends a web page instead of a file"));
}

#[test]
fn redirects_are_followed_and_remembered() {
    let server = Server::start();
    server.put("/store", &signal(1.0), Some("1"));
    let valid = Arc::new(AtomicUsize::new(1));
    let now = valid.clone();
    server.answer(move |asked| {
        let token = now.load(Ordering::Relaxed);
        if asked.path == "/x.bw" {
            return Some(status("302 Found", &format!("Location: /store?token={token}\r\n")));
        }
        let old = asked.path != format!("/store?token={token}");
        old.then(|| status("403 Forbidden", ""))
    });
    let source = opened(&server.url("/x.bw")).unwrap();
    let near = read(&*source, &middle(), WIDE);
    let paths = |server: &Server| server.asked().into_iter().map(|a| a.path).collect::<Vec<_>>();
    let asked = paths(&server);
    assert_eq!(asked.iter().filter(|path| *path == "/x.bw").count(), 1, "{asked:?}");
    // The address of the redirect is no longer valid.
    valid.store(2, Ordering::Relaxed);
    let far = read(&*source, &Region::new("chr1", 2_000_000, 2_100_000), WIDE);
    assert_eq!((far.len(), near.len()), (196, 196));
    assert_eq!(paths(&server), ["/store?token=1", "/x.bw", "/store?token=2"]);
    let (server, address) = bed();
    server.answer(|asked| {
        Some(status("307 Temporary Redirect", &format!("Location: {}\r\n", asked.path)))
    });
    assert!(refused(&server, &address).contains("redirects form a loop"));
    server.answer(|_| Some(status("302 Found", "")));
    assert!(refused(&server, &address).contains("redirects without an address"));
    server.answer(|_| Some(status("302 Found", "Location: file:///etc/passwd\r\n")));
    assert!(refused(&server, &address).contains("redirects to an invalid address"));
}

#[test]
fn versions_of_a_changed_file_are_never_mixed() {
    let (old, new) = (signal(1.0), signal(2.0));
    let server = Server::start();
    let failed =
        |source: &dyn Source| source.read(&middle(), WIDE, &["value"]).unwrap_err().to_string();
    // The change shows in an ETag that the server compares, in an ETag that it does not compare, or
    // in the size.
    server.put("/a.bw", &old, Some("1"));
    let source = opened(&server.url("/a.bw")).unwrap();
    server.put("/a.bw", &new, Some("2"));
    let error = failed(&*source);
    assert!(
        error.ends_with(
            "has changed on the server since it was opened; open it again with 'reload'"
        ),
        "{error}"
    );
    server.put("/b.bw", &old, Some("1"));
    let source = opened(&server.url("/b.bw")).unwrap();
    let (bytes, size) = (new.clone(), new.len());
    server.answer(move |asked| {
        let range = asked.range()?;
        let end = range.end.min(size);
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nETag: \"2\"\r\nContent-Range: bytes {}-{}/{size}\r\n\
             Content-Length: {}\r\n\r\n",
            range.start,
            end - 1,
            end - range.start
        );
        Some([head.as_bytes(), &bytes[range.start..end]].concat())
    });
    assert!(failed(&*source).contains("has changed on the server"));
    server.answer(|_| None);
    server.put("/c.bw", &old, None);
    let source = opened(&server.url("/c.bw")).unwrap();
    server.put("/c.bw", &old[..old.len() - 1], None);
    assert!(failed(&*source).contains("has changed on the server"));
    server.put("/d.bw", &old, None);
    let source = opened(&server.url("/d.bw")).unwrap();
    server.put("/d.bw", &old[..100], None);
    assert!(failed(&*source).contains("has changed on the server"), "it is shorter now");
}

#[test]
fn a_server_that_cannot_compare_versions_is_not_asked_to() {
    let server = Server::start();
    server.put("/x.bw", &signal(1.0), Some("1"));
    server.answer(|asked| {
        let asks = asked.header("if-match").is_some();
        asks.then(|| status("412 Precondition Failed", ""))
    });
    let source = opened(&server.url("/x.bw")).unwrap();
    read(&*source, &middle(), WIDE);
    let compared = server.asked().iter().filter(|a| a.header("if-match").is_some()).count();
    assert_eq!(compared, 1);
}

#[test]
fn concurrent_reads_of_the_same_part_share_one_request() {
    let server = Server::start();
    server.put("/x.bw", &signal(1.0), Some("1"));
    let source = opened(&server.url("/x.bw")).unwrap();
    server.asked();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let source = &*source;
            scope.spawn(|| read(source, &middle(), WIDE));
        }
    });
    let mut asked: Vec<_> = server.asked().iter().filter_map(|asked| asked.range()).collect();
    let all = asked.len();
    asked.sort_by_key(|range| range.start);
    asked.dedup();
    assert!(all > 0 && asked.len() == all, "no part is requested twice: {asked:?}");
    // A source opened later from the same version uses the parts that were read.
    let again = opened(&server.url("/x.bw")).unwrap();
    read(&*again, &middle(), WIDE);
    assert_eq!(server.asked().len(), 1, "one request checks the version");
}

#[test]
fn unreachable_servers_are_errors() {
    // Nothing listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = opened(&format!("http://127.0.0.1:{port}/x.bed")).err().unwrap();
    assert!(error.contains("cannot be reached (nothing listens there)"), "{error}");
    let error = opened("https://no-such-host.invalid/x.bed").err().unwrap();
    assert!(error.contains("no server is called 'no-such-host.invalid'"), "{error}");
    // This server does not use TLS.
    let (server, _) = bed();
    let error = opened(&format!("https://127.0.0.1:{}/x.bed", server.port)).err().unwrap();
    assert!(error.starts_with(&format!("https://127.0.0.1:{}/x.bed: ", server.port)), "{error}");
}

#[test]
fn a_file_and_its_views_need_few_requests() {
    let server = Server::start();
    // About seven million bytes of records, followed by an index of 20,000 bytes.
    let block = |first: u32| (first..first + 1000).map(|n| (n * 4, n * 4 + 3, 1.5)).collect();
    let blocks = (0..600).map(|n| (0, Records::Graph(block(n * 1000)))).collect();
    let file = File { sequences: vec![("chr1", LENGTH)], blocks, ..File::default() };
    let bytes = file.write(Variant { big_endian: false, packed: false, sequences_last: false });
    assert!(bytes.len() > 7_000_000);
    server.put("/x.bw", &bytes, Some("few"));
    let source = opened(&server.url("/x.bw")).unwrap();
    let asked: Vec<_> = server.asked().iter().filter_map(|asked| asked.range()).collect();
    assert!(asked.len() <= 2, "for the header and the index: {asked:?}");
    let view = |start: u32, end: u32| {
        let table = read(&*source, &Region::new("chr1", start, end), Level::Bins { shift: 8 });
        assert!(!table.is_empty());
        server.asked().len()
    };
    assert!(view(1_000_000, 1_200_000) <= 1, "all blocks of a view are requested together");
    assert_eq!(view(1_050_000, 1_100_000), 0, "the blocks of a narrower view are cached");
    assert!(view(1_150_000, 1_350_000) <= 1, "only missing blocks of the next view are requested");
    assert_eq!(view(1_150_000, 1_350_000), 0);
    assert_eq!(server.connections(), 1, "all over one connection");

    // A file with a separate index.
    let fixture = fixtures::of("vcf").into_iter().find(|fixture| fixture.name == "vcf, tabix");
    let fixture = fixture.unwrap();
    let (file, index) = (fixture.spec.input.path(), fixture.spec.input.index().unwrap());
    server.put("/x.vcf.gz", &std::fs::read(file).unwrap(), Some("few"));
    server.put("/x.vcf.gz.tbi", &std::fs::read(index).unwrap(), Some("few"));
    let source = opened(&server.url("/x.vcf.gz")).unwrap();
    assert!(!read(&*source, &Region::new("chr1", 0, 50_000), Level::Records).is_empty());
    assert!(server.asked().len() <= 4);
}

/// While a file is missing on its server, only its own rows are missing; when it is back, it is
/// read again.
#[test]
fn a_file_that_is_back_on_its_server_is_read_again() {
    let server = Server::start();
    server.put("/x.bw", &signal(1.0), Some("back"));
    let source = opened(&server.url("/x.bw")).unwrap();
    server.answer(|_| Some(status("404 Not Found", "")));
    let error = source.read(&middle(), WIDE, &["value"]).unwrap_err().to_string();
    assert!(error.contains("has no such file (404)"), "{error}");
    server.answer(|_| None);
    assert_eq!(read(&*source, &middle(), WIDE).len(), 196);
}
