//! Invalid BAM and CRAM files and indexes: each error is one line that names the file, the place in
//! it, and the problem.

use crate::fixtures::{self, Fixture};
use crate::tabix::{Bgzf, Kind, Place, index};
use crate::{context, cram};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Level, Options, Spec};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Returns the uncompressed bytes of a BAM with one sequence and two reads, and the offsets where
/// the header and each read end.
fn bam() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = b"BAM\x01".to_vec();
    bytes.extend(8u32.to_le_bytes());
    bytes.extend(b"@HD\tVN:1");
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(5u32.to_le_bytes());
    bytes.extend(b"chr1\0");
    bytes.extend(1000u32.to_le_bytes());
    let mut ends = vec![bytes.len()];
    for start in [10u32, 20] {
        let mut record = 0u32.to_le_bytes().to_vec();
        record.extend(start.to_le_bytes());
        record.extend([2, 60, 0, 0, 1, 0, 0, 0]);
        record.extend(5u32.to_le_bytes());
        record.extend([0xff; 8]);
        record.extend([0; 4]);
        record.extend(b"r\0");
        record.extend((5u32 << 4).to_le_bytes());
        record.extend([0x11, 0x11, 0x10, 30, 30, 30, 30, 30]);
        bytes.extend((record.len() as u32).to_le_bytes());
        bytes.extend(record);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut file = Bgzf::default();
    file.add(bytes);
    file.finish()
}

/// Opens a file and reads all of it. Returns `read`, or the text of the error with `FILE` and
/// `INDEX` in place of the paths.
fn said(format: &str, bytes: &[u8], beside: Option<(&str, &[u8])>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, bytes).unwrap();
    let index = folder.path().join(format!("x.{}", beside.map_or("none", |(ending, _)| ending)));
    if let Some((_, bytes)) = beside {
        std::fs::write(&index, bytes).unwrap();
    }
    let options = Options { format: Some(format.into()), ..Options::default() };
    let read = || {
        let source = open(&Spec { options, ..Spec::file(&path) }, &context())?;
        let finest = source.shape().levels().next().unwrap_or(Level::Records);
        source.sequences().iter().try_for_each(|sequence| {
            let whole = Region::new(sequence.name, 0, sequence.length);
            source.read(&whole, finest, &[]).map(drop)
        })
    };
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    match read() {
        Ok(()) => "read".to_owned(),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains('\n'), "{text}");
            text.replace(&shown(&index), "INDEX").replace(&shown(&path), "FILE")
        }
    }
}

/// Reads the BAM with these bytes at an offset, and returns the result of [`said`].
fn changed(at: usize, bytes: &[u8]) -> String {
    let (mut file, _) = bam();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    said("bam", &packed(&file), None)
}

#[test]
fn a_bam_without_sequences_or_without_lengths_is_an_error_of_the_bam() {
    let header = |sequences: &[(&str, u32)]| {
        let mut bytes = b"BAM\x01\0\0\0\0".to_vec();
        bytes.extend((sequences.len() as u32).to_le_bytes());
        for (name, length) in sequences {
            bytes.extend((name.len() as u32 + 1).to_le_bytes());
            bytes.extend(name.bytes().chain([0]).chain(length.to_le_bytes()));
        }
        said("bam", &packed(&bytes), None)
    };
    assert!(header(&[]).starts_with("FILE: its header lists no sequences"), "{}", header(&[]));
    let said = header(&[("a", 9), ("b", 0)]);
    assert!(said.starts_with("FILE: its header says that 'b' has 0 bases"), "{said}");
    assert_eq!(header(&[("a", 9)]), "read");
}

/// Without this, such reads would be on no page, and nothing would say why.
#[test]
fn a_read_beyond_the_end_of_its_sequence_is_an_error() {
    let text = "@SQ\tSN:chr1\tLN:100\na\t0\tchr1\t96\t9\t10M\t*\t0\t0\t*\t*\n";
    assert_eq!(said("sam", text.as_bytes(), None), "read");
    let beyond = said("sam", text.replace("\t96\t", "\t101\t").as_bytes(), None);
    assert!(
        beyond.contains("a read begins at base 101 of 'chr1', which has 100 bases"),
        "{beyond}"
    );
}

#[test]
fn a_bam_truncated_anywhere_but_between_its_reads_is_an_error() {
    let (bytes, ends) = bam();
    for cut in 0..=bytes.len() {
        let text = said("bam", &packed(&bytes[..cut]), None);
        if ends.contains(&cut) {
            assert_eq!(text, "read", "{cut}");
        } else {
            let known = ["ends early", "ends within a record", "does not begin like a BAM"];
            assert!(text.starts_with("FILE, offset "), "{cut}: {text}");
            assert!(known.iter().any(|what| text.contains(what)), "{cut}: {text}");
        }
    }
    let packed = packed(&bytes);
    // The last 28 bytes are the empty block that ends the file.
    for cut in 1..packed.len() - 28 {
        let text = said("bam", &packed[..cut], None);
        assert!(text.starts_with("FILE, offset 0: "), "{cut}: {text}");
    }
}

#[test]
fn impossible_numbers_in_a_bam_are_errors() {
    let (bytes, ends) = bam();
    let (head, read) = (ends[0], ends[0] + 4);
    let most = [0xff; 4];
    let cases: [(usize, &[u8], &str); 14] = [
        (0, b"BAI", "does not begin like a BAM file"),
        (4, &most, "the file ends"),
        (16, &most, "a sequence name"),
        (20, &most, "a sequence name has an invalid length"),
        (20, &[0; 4], "a sequence name has an invalid length"),
        (24, b"\xff\xfe", "a sequence name is not UTF-8 text"),
        (29, &most, "is too long"),
        (head, &most, "a record has an invalid size of 4294967295 bytes"),
        (head, &[5, 0, 0, 0], "a record has an invalid size of 5 bytes"),
        (read, &[7, 0, 0, 0], "a read is aligned to a sequence that is not listed"),
        (read + 4, &[99, 0, 0, 0], "the reads are not sorted by position; sort them with samtools"),
        (read + 12, &[0xff, 0xff], "the parts of a record do not fit into it"),
        (read + 16, &most, "the parts of a record do not fit into it"),
        (read + 8, &[0xff], "the parts of a record do not fit into it"),
    ];
    assert_eq!(said("bam", &packed(&bytes), None), "read");
    for (at, bytes, what) in cases {
        let text = changed(at, bytes);
        assert!(text.starts_with("FILE, offset ") && text.contains(what), "{at}: {text}");
    }
}

/// Compresses the BAM; returns its bytes and the position of each read.
fn places(bytes: &[u8], ends: &[usize]) -> (Vec<u8>, Vec<Place>) {
    let mut file = Bgzf::default();
    file.add(&bytes[..ends[0]]);
    let place = |pair: &[usize], start| ("chr1", (start, start + 5), (pair[0], pair[1]));
    let read = |(pair, start): (&[usize], u32), file: &mut Bgzf| {
        let (name, bases, (from, to)) = place(pair, start);
        (name, bases, file.add(&bytes[from..to]))
    };
    let places = ends.windows(2).zip([10, 20]).map(|pair| read(pair, &mut file)).collect();
    (file.finish(), places)
}

#[test]
fn an_index_of_another_bam_is_an_error() {
    let (bytes, ends) = bam();
    let (file, places) = places(&bytes, &ends);
    let bai = index(&places, Kind::Bai);
    assert_eq!(said("reads", &file, Some(("bai", &bai))), "read");
    for cut in 0..bai.len() {
        let text = said("reads", &file, Some(("bai", &bai[..cut])));
        assert!(text.contains("is not a valid tabix, CSI or BAI index"), "{cut}: {text}");
    }
    // As samtools writes the index if no unplaced reads follow.
    let mut to_the_end = places.clone();
    to_the_end[1].2.1 = (file.len() as u64) << 16;
    assert_eq!(said("reads", &file, Some(("bai", &index(&to_the_end, Kind::Bai)))), "read");
    // The index of a file with one more sequence.
    let more: Vec<Place> = places.iter().cloned().chain([("chr2", (1, 2), places[1].2)]).collect();
    let text = said("reads", &file, Some(("bai", &index(&more, Kind::Bai))));
    let what = "it is of a file with more sequences; index the file again";
    assert_eq!(text, format!("INDEX: the index does not fit FILE: {what}"));
    // The indexes of a longer file, and of a file with one read less.
    let longer = places.iter().map(|place| (place.0, place.1, (places[0].2.0, 9 << 20)));
    for (others, what) in [
        (longer.collect(), "it points beyond the end of the file, which may be an incomplete copy"),
        (places[..1].to_vec(), "the file has rows after the last one in the index"),
    ] {
        let text = said("reads", &file, Some(("bai", &index(&others, Kind::Bai))));
        let what = format!("INDEX: the index does not fit FILE: {what}; index the file again");
        assert_eq!(text, what);
    }
    // The index of a file whose reads are aligned to other sequences.
    let changed = |at: usize, number: [u8; 4]| {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&number);
        let (file, places) = self::places(&bytes, &ends);
        said("reads", &file, Some(("bai", &index(&places, Kind::Bai))))
    };
    let text = changed(ends[1] + 4, [7, 0, 0, 0]);
    let what = "it points to reads of another sequence than chr1; index the file again";
    assert_eq!(text, format!("INDEX: the index does not fit FILE: {what}"));
    assert_eq!(changed(ends[1] + 8, [0xff; 4]), "read", "a mapped read without a position");
    // Offsets that point to the middle of a record, and to a place where no block begins.
    let wrong = [(places[0].2.0 + 3, "FILE, offset "), (5 << 16, "INDEX: the index does not fit ")];
    for (wrong, what) in wrong {
        let place = |(name, bases, at): &Place| (*name, *bases, (wrong, at.1));
        let elsewhere: Vec<Place> = places.iter().map(place).collect();
        let text = said("reads", &file, Some(("bai", &index(&elsewhere, Kind::Bai))));
        assert!(text.starts_with(what) && text.contains("index"), "{text}");
    }
}

/// Returns what is logged during `work`.
fn logged(work: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = log.0.lock().unwrap();
    String::from_utf8(bytes.clone()).unwrap()
}

#[test]
fn an_index_that_is_older_than_its_file_is_used_with_a_warning() {
    for (at, ending) in [(0, "bai"), (2, "crai")] {
        let fixture: Fixture = fixtures::of("reads").remove(at);
        let opened = || open(&fixture.spec, &context()).map(drop).unwrap();
        let time = |path: &Path, since: u64| {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(since)).unwrap();
        };
        let index = fixture.spec.input.index().unwrap();
        assert!(index.to_string_lossy().ends_with(ending));
        time(fixture.spec.input.path(), 1_000);
        time(&index, 1_001);
        assert_eq!(logged(opened), "");
        time(&index, 999);
        let text = logged(opened);
        assert!(text.contains(" is older than ") && text.contains("index it again"), "{text}");
    }
}

fn cram_file() -> (Vec<u8>, Vec<u8>) {
    let read = |number: u32| cram::Read {
        sequence: 0,
        start: number * 10,
        flags: 0,
        quality: 60,
        name: format!("r{number}"),
        cigar: vec![(5, 'M')],
    };
    cram::file(&[("chr1", 5000)], &(0..120).map(read).collect::<Vec<_>>())
}

#[test]
fn a_truncated_cram_is_an_error() {
    let (bytes, _) = cram_file();
    assert_eq!(said("cram", &bytes, None), "read");
    for cut in 0..bytes.len() {
        let text = said("cram", &bytes[..cut], None);
        assert!(text.starts_with("FILE, offset "), "{cut}: {text}");
        assert!(text.contains("ends") || text.contains("no intact container"), "{cut}: {text}");
    }
}

#[test]
fn damage_in_a_cram_is_detected() {
    let (bytes, _) = cram_file();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        said("cram", &bytes, None)
    };
    assert_eq!(with(0, b'X'), "FILE, offset 0: does not begin like a CRAM file");
    assert!(
        with(4, 2)
            .contains("is CRAM 2.0; only 3.0 and 3.1 are supported: convert it with samtools")
    );
    // From the first container on, checksums cover all bytes, except those that follow the header.
    for at in (26..bytes.len() - 38).step_by(3) {
        let text = with(at, bytes[at] ^ 0x55);
        assert!(text.starts_with("FILE, offset ") || text == "read", "{at}: {text}");
    }
    let (mut harmless, mut all) = (0, 0);
    let first = 26 + 200;
    for at in (first..bytes.len() - 38).step_by(5) {
        all += 1;
        harmless += usize::from(with(at, bytes[at] ^ 0x10) == "read");
    }
    assert_eq!(harmless, 0, "of {all} damaged bytes");
}

#[test]
fn an_index_of_another_cram_is_an_error() {
    let (bytes, crai) = cram_file();
    assert_eq!(said("reads", &bytes, Some(("crai", &crai))), "read");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&crai[..]).read_to_string(&mut text).unwrap();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let change = |line: &str| {
            let mut fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
            change(&mut fields);
            fields.join("\t") + "\n"
        };
        let index: String = text.lines().map(change).collect();
        said("reads", &bytes, Some(("crai", index.as_bytes())))
    };
    assert_eq!(with(&|_| {}), "read");
    let cases: [(usize, &str, &str); 6] = [
        (0, "1", "INDEX, line 1: is not the index of FILE; index the file again"),
        (
            1,
            "x",
            "INDEX, line 1: is not a line of a CRAM index; index the file again (samtools index)",
        ),
        (3, "-5", "INDEX, line 1: an offset is negative"),
        (3, "31", "FILE, offset 31: no intact container begins here"),
        (3, "99999999", "FILE, offset 99999999: the file ends without its end mark"),
        (4, "1", "the index does not fit the data at this offset; index the file again"),
    ];
    for (field, value, what) in cases {
        let said = with(&|fields| fields[field] = value.to_owned());
        assert!(said.contains(what), "{field} {value}: {said}");
    }
    let said = said("reads", &bytes, None);
    assert!(said.ends_with("which needs an index: samtools index FILE"), "{said}");
}
