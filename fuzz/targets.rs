//! What is fuzzed: one function for each target. They must not panic, hang, or need much memory,
//! whatever the bytes are.
//!
//! `cargo fuzz` calls them with random bytes, `tests/formats/corpus.rs` with those of `corpus/`.

#![allow(dead_code, reason = "each target uses one function")]

use epivizrs::bytes::Input;
use epivizrs::catalog::Catalog;
use epivizrs::console::{AllowedFiles, Console, complete};
use epivizrs::error::Error;
use epivizrs::genome::{Region, Sequences, bases, split_flank};
use epivizrs::protocol::{Frame, parse};
use epivizrs::provider::Provider;
use epivizrs::session::{Role, Session, Visitor};
use epivizrs::source::formats::open_all;
use epivizrs::source::{Context, Expression, Level, Source, Spec};
use flate2::Crc;
use serde_json::value::RawValue;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A target: its name, which is that of its folder in `corpus/`, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("messages", messages),
    ("commands", commands),
    ("regions", regions),
    ("sources", sources),
    ("expressions", expressions),
    ("text", text),
    ("bbi", bbi),
    ("indexed", indexed),
    ("cram", cram),
    ("packed", packed),
];

/// How many sequences of a file are read.
const SEQUENCES: usize = 3;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Returns the folder for the files of this thread.
fn folder() -> PathBuf {
    FOLDER.with(|folder| folder.get_or_init(|| tempfile::tempdir().unwrap()).path().to_owned())
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| {
        let new = || Builder::new_current_thread().enable_all().build().unwrap();
        runtime.get_or_init(new).block_on(work)
    })
}

fn assembly() -> Sequences {
    [("chr1", 1_000_000), ("chr2", 500_000), ("chrX", 7_000)].into_iter().collect()
}

/// Returns a provider of the mock data.
fn provider() -> Provider {
    let catalog = Catalog::new(Some(("test".into(), assembly())));
    catalog.add_mock(1);
    Provider { catalog, page_rows: 100 }
}

/// A message of a page: each request gets an answer, which is JSON and much smaller than memory.
pub fn messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Frame::Request(id, request) = parse(text) {
        let answer = wait(provider().answer(&request, None)).to_json(&id);
        assert!(answer.len() < 64 << 20, "{} bytes", answer.len());
        // Not as a value: the id, which is repeated unchanged, may be larger than any number.
        let answer: Result<BTreeMap<&str, &RawValue>, _> = serde_json::from_str(&answer);
        assert_eq!(answer.unwrap()["type"].get(), "\"response\"");
    }
}

/// A line at a console of an `admin` who may use no file.
pub fn commands(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    // These wait, as they should.
    if ["wait", "slideshow"].iter().any(|name| line.contains(name)) {
        return;
    }
    let visitor =
        Visitor { name: "x".into(), role: Role::Admin, is_owner: false, ..Visitor::owner() };
    wait(async {
        let session = Session::new(provider());
        let (at, _) = complete(&session, line, false).await;
        assert!(line.is_char_boundary(at));
        let console = Console::new(session.clone(), session, Box::new(|_| {}));
        let mut console = console.of(visitor, Arc::new(AllowedFiles::default()));
        let ran = tokio::time::timeout(Duration::from_secs(5), console.line(line)).await;
        if let Err(error) = ran.expect("the command ends") {
            one_line(&error);
        }
    });
}

/// A region as users write it.
pub fn regions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let sequences = assembly();
    let _ = (bases(text), split_flank(text));
    for here in [None, Some("chr2")] {
        match Region::parse_on(text, &sequences, here) {
            Ok(region) => {
                let length = sequences.get(&region.sequence).unwrap().length;
                assert!(region.start < region.end && region.end <= length, "{region}");
                let again = Region::parse(&region.to_string(), &sequences).unwrap();
                assert_eq!(again, region, "{text}");
            }
            Err(error) => one_line(&error),
        }
    }
}

/// A source as users write it.
pub fn sources(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = text.parse::<Spec>() {
        one_line(&error);
    }
}

/// An expression.
pub fn expressions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Expression::parse(text) {
        Ok(expression) => {
            assert!(Expression::parse(expression.text()).is_ok());
        }
        Err(error) => one_line(&error),
    }
}

/// A text file: its first line is the file's name and options, such as `x.bed,format=bed`.
pub fn text(bytes: &[u8]) {
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".,=_-".contains(byte);
    let (name, content) = (&bytes[..at], &bytes[at + 1..]);
    if name.len() > 200 || !name.iter().all(plain) {
        return;
    }
    let Ok(spec) = String::from_utf8_lossy(name).parse::<Spec>() else { return };
    let file = spec.input.path().file_name().map(|name| name.to_owned());
    let Some(file) = file.filter(|name| name.len() < 40) else { return };
    let path = folder().join("text").join(file);
    std::fs::create_dir_all(folder().join("text")).unwrap();
    std::fs::write(&path, content).unwrap();
    let mut spec = Spec { input: Input::File(path.clone()), ..spec };
    (spec.options.reference, spec.options.samples) = (None, None);
    read(&spec);
    std::fs::remove_file(path).unwrap();
}

/// A bigWig or bigBed.
pub fn bbi(bytes: &[u8]) {
    read_file("x.bw", bytes);
}

/// A CRAM. If the first byte is odd, its checksums are made to fit.
pub fn cram(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let mut file = rest.to_vec();
    if first % 2 == 1 {
        let _ = fit_checksums(&mut file);
    }
    read_file("x.cram", &file);
}

/// A file in one of the packings that are read: gzip, BGZF, zstd, bzip2, xz.
pub fn packed(bytes: &[u8]) {
    read_file("x.bed", bytes);
}

/// The files that have an index: the name of the file, and the ending of the index.
const INDEXED: [(&str, &str); 9] = [
    ("x.bed.gz", "tbi"),
    ("x.bed.gz", "csi"),
    ("x.vcf.gz", "tbi"),
    ("x.vcf.gz", "csi"),
    ("x.bam", "bai"),
    ("x.bam", "csi"),
    ("x.bcf", "csi"),
    ("x.bam", ""),
    ("x.bcf", ""),
];

/// A file with an index. The first byte selects one of `INDEXED`; from 128 on, the bytes that
/// follow are the files, otherwise they are packed here into one BGZF block each, which random
/// bytes seldom are. The next two bytes are the length of the index, which comes first.
pub fn indexed(bytes: &[u8]) {
    let [kind, low, high, rest @ ..] = bytes else { return };
    let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
    let (index, content) = rest.split_at(length);
    let (name, ending) = INDEXED[usize::from(kind % 128) % INDEXED.len()];
    let is_packed = *kind >= 128;
    let packed = |bytes: &[u8]| if is_packed { bytes.to_vec() } else { bgzf(bytes) };
    let path = folder().join(format!("{name}.{ending}"));
    if !ending.is_empty() {
        let index = if ending == "bai" { index.to_vec() } else { packed(index) };
        std::fs::write(&path, index).unwrap();
    }
    read_file(name, &packed(content));
    let _ = std::fs::remove_file(path);
}

/// Returns a BGZF file whose only block has these bytes, as they are.
pub fn bgzf(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(60_000)];
    let mut crc = Crc::new();
    crc.update(bytes);
    let head = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0];
    let mut file = head.to_vec();
    let length = bytes.len() as u16;
    file.extend((length + 5 + 25).to_le_bytes());
    file.push(1);
    file.extend(length.to_le_bytes());
    file.extend((!length).to_le_bytes());
    file.extend(bytes);
    file.extend(crc.sum().to_le_bytes());
    file.extend(u32::from(length).to_le_bytes());
    file.extend(head);
    file.extend([27, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file
}

/// Replaces the checksums of the containers and blocks of a CRAM of version 3, as far as its
/// structure can be followed.
fn fit_checksums(file: &mut [u8]) -> Option<()> {
    let mut at = 26;
    loop {
        let start = at;
        let length = i32::from_le_bytes(*file.get(at..)?.first_chunk()?);
        at += 4;
        for _ in 0..4 {
            at += itf8(file, at)?.1;
        }
        // The number of the first record and the number of bases have up to nine bytes.
        for _ in 0..2 {
            at += 1 + file.get(at)?.leading_ones() as usize;
        }
        at += itf8(file, at)?.1;
        let (slices, width) = itf8(file, at)?;
        at += width;
        for _ in 0..slices {
            at += itf8(file, at)?.1;
        }
        at = fit_checksum(file, start, at)?;
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        while at < end {
            let block = at;
            at += 2;
            at += itf8(file, at)?.1;
            let (size, width) = itf8(file, at)?;
            at += width;
            at += itf8(file, at)?.1;
            at = fit_checksum(file, block, at.checked_add(size)?)?;
        }
        at = end;
    }
}

/// Writes the checksum of a part of a file behind it; returns where that ends.
fn fit_checksum(file: &mut [u8], start: usize, end: usize) -> Option<usize> {
    let mut crc = Crc::new();
    crc.update(file.get(start..end)?);
    file.get_mut(end..end + 4)?.copy_from_slice(&crc.sum().to_le_bytes());
    Some(end + 4)
}

/// Returns a number of CRAM's ITF-8 and how many bytes it has.
fn itf8(file: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *file.get(at)?;
    let width = 1 + (first.leading_ones() as usize).min(4);
    let bytes = file.get(at..at + width)?;
    let rest = bytes[1..].iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    let own = usize::from(first) & (0xff >> width);
    Some((own << (8 * (width - 1)) | rest, width))
}

/// Writes a file and reads it.
fn read_file(name: &str, bytes: &[u8]) {
    let path = folder().join(name);
    std::fs::write(&path, bytes).unwrap();
    read(&Spec::file(&path));
    std::fs::remove_file(path).unwrap();
}

/// Opens a file as all of its parts, and reads rows of each. What can be read must keep the contract
/// of sources as far as it can be seen here.
fn read(spec: &Spec) {
    let context = Context { cache: folder().join("cache"), ..Context::default() };
    let parts = match open_all(spec, &context) {
        Ok(parts) => parts,
        Err(error) => return one_line(&error),
    };
    for source in parts.iter().map(|part| &*part.source) {
        source.search("a", 5);
        let sequences: Vec<_> = source.sequences().iter().take(SEQUENCES).collect();
        for sequence in sequences {
            let all = Region::new(sequence.name, 0, sequence.length);
            let middle = sequence.length / 2;
            let part = Region::new(sequence.name, middle, middle.saturating_add(1000));
            let coarse = source.shape().levels().rev().find(|level| level.width() <= 1 << 16);
            let _ = source.count_rows(sequence.name);
            read_region(source, &part, Level::Records);
            read_region(source, &all, coarse.unwrap_or(Level::Records));
        }
    }
}

fn read_region(source: &dyn Source, region: &Region, level: Level) {
    // No page asks for that many.
    if source.rows(region, level) > 1_000_000 {
        return;
    }
    let names: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
    match source.read(region, level, &names) {
        Ok(table) => {
            assert!(table.start.is_sorted(), "rows are sorted");
            assert_eq!(table.start.len(), table.end.len());
            assert_eq!(table.columns.len(), names.len());
            for column in &table.columns {
                assert_eq!(column.data.len(), table.start.len(), "{}", column.name);
            }
        }
        Err(error) => one_line(&error),
    }
}

/// An error is one line.
fn one_line(error: &Error) {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text:?}");
}
