//! Files with the index of another file, and files that are truncated or changed at any place. Rows
//! that an index does not lead to are an error; they are never lost silently.

use crate::bcf::{self, Record};
use crate::context;
use crate::tabix::{self, Bgzf, Kind, Place};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Level, Spec};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A format: the names of its file and of its index, its header, and a function that writes a row
/// of one base, given its sequence and start.
struct IndexedFormat {
    file: &'static str,
    index: &'static str,
    header: Vec<u8>,
    record: fn(&str, u32) -> Vec<u8>,
}

fn bed_line(sequence: &str, start: u32) -> Vec<u8> {
    format!("{sequence}\t{start}\t{}\tname {start}\n", start + 1).into_bytes()
}

fn vcf_line(sequence: &str, start: u32) -> Vec<u8> {
    format!("{sequence}\t{}\tid{start}\tA\tG\t9\tPASS\t.\n", start + 1).into_bytes()
}

fn bcf_record(sequence: &str, start: u32) -> Vec<u8> {
    bcf::record(&Record {
        contig: u32::from(sequence != "chr1"),
        bases: (start, start + 1),
        id: "x",
        alleles: ["A", "G"],
        quality: 9.0,
        info: &[],
    })
}

fn formats() -> [IndexedFormat; 3] {
    let text = "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=90000>\n\
        ##contig=<ID=chr2,length=90000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    [
        IndexedFormat { file: "x.bed.gz", index: "tbi", header: Vec::new(), record: bed_line },
        IndexedFormat { file: "x.vcf.gz", index: "tbi", header: text.into(), record: vcf_line },
        IndexedFormat {
            file: "x.bcf",
            index: "csi",
            header: bcf::header(text),
            record: bcf_record,
        },
    ]
}

impl IndexedFormat {
    /// Returns a file with rows at these places, and its index.
    fn write(&self, rows: &[(&'static str, u32)]) -> (Vec<u8>, Vec<u8>) {
        let (bytes, places) = self.pack(rows);
        (bytes, self.index(&places))
    }

    /// Returns a file with rows at these places, and the virtual offsets of each row.
    fn pack(&self, rows: &[(&'static str, u32)]) -> (Vec<u8>, Vec<Place>) {
        let mut packed = Bgzf::default();
        packed.add(&self.header);
        let add = |(name, start): &(&'static str, u32)| -> Place {
            (name, (*start, start + 1), packed.add(&(self.record)(name, *start)))
        };
        let places: Vec<Place> = rows.iter().map(add).collect();
        (packed.finish(), places)
    }

    fn index(&self, places: &[Place]) -> Vec<u8> {
        let kind = if self.index == "tbi" { Kind::Tabix } else { Kind::Csi(14, 5) };
        tabix::index(places, kind)
    }
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns the number of rows on chr1, or the error without the folder.
    fn rows(&self, format: &IndexedFormat, bytes: &[u8], index: &[u8]) -> Result<usize, String> {
        let path = self.path(format.file);
        std::fs::write(&path, bytes).unwrap();
        std::fs::write(self.path(&format!("{}.{}", format.file, format.index)), index).unwrap();
        let said = |e: epivizrs::error::Error| self.without_folder(&e.to_string());
        let source = open(&Spec::file(&path), &context()).map_err(said)?;
        let region = Region::new("chr1", 0, 90_000);
        let names: Vec<&str> = source.columns().iter().map(|column| &*column.name).collect();
        source.read(&region, Level::Records, &names).map(|table| table.len()).map_err(said)
    }

    fn without_folder(&self, text: &str) -> String {
        let folder: &Path = self.0.path();
        text.replace(&format!("{}/", folder.display()), "")
    }
}

fn places(count: u32) -> Vec<(&'static str, u32)> {
    (0..count).map(|n| ("chr1", 7 + n * 80_000 / count)).collect()
}

#[test]
fn a_truncated_file_is_an_error_that_names_it() {
    for format in formats() {
        let files = Files::new();
        let (bytes, index) = format.write(&places(80));
        assert_eq!(files.rows(&format, &bytes, &index), Ok(80), "{}", format.file);
        for cut in 0..bytes.len() {
            match files.rows(&format, &bytes[..cut], &index) {
                // The block that ends the file has no rows.
                Ok(rows) => assert!(rows == 80 && bytes.len() - cut <= 28, "{} {cut}", format.file),
                Err(error) => {
                    assert!(error.contains(format.file), "{} {cut}: {error}", format.file);
                }
            }
        }
        for cut in 0..index.len() {
            match files.rows(&format, &bytes, &index[..cut]) {
                Ok(rows) => assert_eq!(rows, 80, "{} {cut}", format.file),
                Err(error) => {
                    let named = format!("{}.{}", format.file, format.index);
                    assert!(error.starts_with(&named), "{cut}: {error}");
                }
            }
        }
    }
}

#[test]
fn an_index_may_end_after_the_block_that_ends_the_file() {
    for format in formats() {
        let (bytes, mut places) = format.pack(&places(80));
        // htslib records its position after the last row.
        places.last_mut().unwrap().2.1 = (bytes.len() as u64) << 16;
        assert_eq!(
            Files::new().rows(&format, &bytes, &format.index(&places)),
            Ok(80),
            "{}",
            format.file
        );
    }
}

#[test]
fn concatenated_files_may_have_empty_blocks_in_the_middle() {
    for format in formats() {
        let (one, other) = (places(80), [("chr2", 5)]);
        let (mut bytes, mut all) = format.pack(&one);
        let (size, tail) = (bytes.len() as u64, IndexedFormat { header: Vec::new(), ..format });
        let (more, mut behind) = tail.pack(&other);
        bytes.extend(more);
        behind
            .iter_mut()
            .for_each(|place| place.2 = (place.2.0 + (size << 16), place.2.1 + (size << 16)));
        all.last_mut().unwrap().2.1 = size << 16;
        all.extend(behind);
        assert_eq!(Files::new().rows(&tail, &bytes, &tail.index(&all)), Ok(80), "{}", tail.file);
    }
}

/// A flipped bit in an index is harmless or an error: no row is lost silently.
#[test]
fn a_flipped_bit_in_an_index_never_loses_rows_silently() {
    let format = &formats()[0];
    let files = Files::new();
    let (bytes, index) = format.write(&places(80));
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&index[..]), &mut plain)
        .unwrap();
    let (mut lost, mut noticed) = (Vec::new(), 0);
    for at in 0..plain.len() {
        let mut bad = plain.clone();
        bad[at] ^= 1 << ((at + 5) % 8);
        match files.rows(format, &bytes, &bad) {
            Ok(80) => {}
            Ok(rows) => lost.push((at, rows)),
            Err(_) => noticed += 1,
        }
    }
    assert!(lost.is_empty() && noticed > plain.len() / 2, "{noticed} noticed; lost: {lost:?}");
}

#[test]
fn the_index_of_another_file_is_an_error_that_names_both() {
    for format in formats() {
        let files = Files::new();
        let (bytes, _) = format.write(&places(80));
        let named = format!("{}.{}", format.file, format.index);
        let elsewhere = places(80).into_iter().map(|(_, start)| ("chr2", start)).collect();
        let few = [places(40), vec![("chr2", 5)]].concat();
        for rows in [elsewhere, places(200), few, vec![("chr1", 7), ("chr2", 9)]] {
            let (_, index) = format.write(&rows);
            let error = files.rows(&format, &bytes, &index).unwrap_err();
            let index_says = error.starts_with(&named) && error.contains("index the file again");
            let file_says = error.starts_with(format.file) && error.contains("index");
            assert!(index_says || file_says, "{error}");
        }
    }
}

#[test]
fn unsorted_rows_are_an_error_despite_an_index() {
    for format in formats() {
        let mut rows = places(80);
        rows.swap(20, 60);
        let (bytes, index) = format.write(&rows);
        let error = Files::new().rows(&format, &bytes, &index).unwrap_err();
        assert!(error.contains(format.file) && error.contains("not sorted"), "{error}");
    }
}

#[test]
fn impossible_sizes_are_errors() {
    for format in formats() {
        let files = Files::new();
        let (bytes, index) = format.write(&places(80));
        // The compressed and the uncompressed size of the first block.
        let size = usize::from(u16::from_le_bytes([bytes[16], bytes[17]])) + 1;
        for (at, value) in [(16, [0xff; 2]), (16, [0; 2]), (size - 2, [0xff; 2]), (10, [0xff; 2])] {
            let mut bad = bytes.clone();
            bad[at..at + 2].copy_from_slice(&value);
            let error = files.rows(&format, &bad, &index).unwrap_err();
            assert!(error.starts_with(format.file), "byte {at}: {error}");
        }
        // Each number of the uncompressed index at its maximum.
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(
            &mut flate2::read::MultiGzDecoder::new(&index[..]),
            &mut unpacked,
        )
        .unwrap();
        for at in (0..unpacked.len() - 3).step_by(4) {
            let mut bad = unpacked.clone();
            bad[at..at + 4].fill(0xff);
            match files.rows(&format, &bytes, &bad) {
                Ok(rows) => assert!(rows <= 80),
                Err(error) => assert!(error.contains(format.file), "byte {at}: {error}"),
            }
        }
    }
    // A record of 4 GB.
    let format = &formats()[2];
    let mut bytes = format.header.clone();
    bytes.extend([0xff; 64]);
    let path = Files::new();
    let file = path.path("plain.bcf");
    std::fs::write(&file, bytes).unwrap();
    let error = open(&Spec::file(&file), &context()).err().unwrap().to_string();
    assert!(error.contains("plain.bcf") && error.contains("invalid size"), "{error}");
}

#[test]
fn invalid_rows_are_errors() {
    let format = &formats()[0];
    let bad: [(&[u8], &str); 5] = [
        (b"chr1\t-5\t9\tx\n", "is negative"),
        (b"chr1\t9\t5\tx\n", "is before the start"),
        (b"chr1\t9\t2147483648\tx\n", "is beyond 2,147,483,647"),
        (b"chr1\t9\t10\t\xff\n", "is not UTF-8 text"),
        (b"chr1\t9\n", "columns"),
    ];
    for (row, what) in bad {
        let mut packed = Bgzf::default();
        let good = packed.add(b"chr1\t5\t6\tx\n");
        let wrong = packed.add(row);
        let places = [("chr1", (5, 6), good), ("chr1", (9, 10), wrong)];
        let index = tabix::index(&places, Kind::Tabix);
        let error = Files::new().rows(format, &packed.finish(), &index).unwrap_err();
        assert!(error.starts_with("x.bed.gz, ") && error.contains(what), "{what}: {error}");
    }
}
