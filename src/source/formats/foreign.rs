//! Files that are not served: what they are, by their first bytes, and which command converts them
//! to something that is. Without this, they would be taken for damaged text.

use super::{FORMATS, is_read_by_offset};
use crate::bytes::{Input, Packing, bgzf};
use crate::error::{Error, Result};
use crate::source::io::delimited::{is_position, most_rows};

/// A kind of file that is not served.
struct Foreign {
    /// Whether a file with these first bytes, uncompressed, and this name ending is of the kind.
    is: fn(&[u8], &str) -> bool,
    /// The name of the kind, after "is".
    what: &'static str,
    /// What to do; `FILE` stands for its path, `NAME` for its name without endings.
    remedy: &'static str,
}

/// All kinds that are known not to be served, the more specific before the less specific.
const ALL: &[Foreign] = &[
    Foreign {
        is: |head, ending| is_hdf5(head) && ending == "mcool",
        what: "a contact matrix of several resolutions (mcool, in HDF5)",
        remedy: "cooler dump --join FILE::resolutions/10000 > NAME.bedpe writes one of them as \
                 BEDPE; 'cooler ls FILE' lists them",
    },
    Foreign {
        is: |head, ending| is_hdf5(head) && ending == "cool",
        what: "a contact matrix (cool, in HDF5)",
        remedy: "cooler dump --join FILE > NAME.bedpe writes it as BEDPE",
    },
    Foreign {
        is: |head, _| is_hdf5(head),
        what: "an HDF5 file (as h5ad, loom and the matrices of Cell Ranger are)",
        remedy: "export its table as TSV; for Cell Ranger's output, name the folder with \
                 matrix.mtx",
    },
    Foreign {
        is: |head, _| head.starts_with(b"HIC\0"),
        what: "a Hi-C contact map (.hic)",
        remedy: "hictk dump --join --resolution 10000 FILE > NAME.bedpe writes one resolution as \
                 BEDPE; loops of HiCCUPS are read as they are",
    },
    Foreign {
        is: |head, _| head.starts_with(b"TDF3") || head.starts_with(b"TDF4"),
        what: "an IGV tiled data file (.tdf)",
        remedy: "igvtools tdftobedgraph FILE NAME.bedgraph writes its values as bedGraph",
    },
    Foreign {
        is: |head, ending| {
            [&b"BAI\x01"[..], b"TBI\x01", b"CSI\x01"].iter().any(|m| head.starts_with(m))
                || ["crai", "fai", "gzi"].contains(&ending)
        },
        what: "the index of another file",
        remedy: "name that file; the index is found beside it",
    },
    Foreign {
        is: |head, _| head.starts_with(b"\x6c\x1b\x01"),
        what: "a PLINK genotype table, not BED intervals",
        remedy: "plink --bfile NAME --recode vcf bgz --out NAME writes VCF",
    },
    Foreign {
        is: |head, ending| is_zip(head) && (ending == "xlsx" || has(head, b"xl/")),
        what: "an Excel workbook",
        remedy: "save the sheet as text, separated by tabs (.tsv)",
    },
    Foreign {
        is: |head, _| head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        what: "a Microsoft Office document, such as an Excel workbook",
        remedy: "save the sheet as text, separated by tabs (.tsv)",
    },
    Foreign {
        is: |head, _| is_zip(head),
        what: "a zip archive",
        remedy: "unzip FILE, then name the files that were in it",
    },
    Foreign {
        is: |head, _| head.get(257..262) == Some(b"ustar"),
        what: "a tar archive",
        remedy: "tar xf FILE, then name the files that were in it",
    },
    Foreign {
        is: |head, _| head.starts_with(b"7z\xbc\xaf\x27\x1c"),
        what: "a 7-Zip archive",
        remedy: "7z x FILE, then name the files that were in it",
    },
    Foreign {
        is: |head, _| head.starts_with(b"Rar!\x1a\x07"),
        what: "a RAR archive",
        remedy: "unrar x FILE, then name the files that were in it",
    },
    Foreign {
        is: |head, _| head.starts_with(b"\x04\x22\x4d\x18"),
        what: "compressed by LZ4",
        remedy: "lz4 -d FILE",
    },
    Foreign {
        is: |head, _| head.starts_with(b"\x1f\x9d"),
        what: "compressed by compress (.Z)",
        remedy: "uncompress FILE",
    },
    Foreign {
        is: |head, _| head.starts_with(b"LZIP"),
        what: "compressed by lzip",
        remedy: "lzip -d FILE",
    },
    Foreign {
        is: |head, _| is_utf16(head),
        what: "text in UTF-16",
        remedy: "iconv -f UTF-16 -t UTF-8 FILE > NAME.txt writes it as UTF-8",
    },
    Foreign {
        is: |head, _| head.starts_with(b"%PDF-"),
        what: "a PDF document",
        remedy: "find its table as a text file, and name that",
    },
    Foreign {
        is: |head, _| {
            [&b"\x89PNG"[..], b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"]
                .iter()
                .any(|magic| head.starts_with(magic))
        },
        what: "a picture",
        remedy: "name the data that it was drawn from",
    },
    Foreign {
        is: |head, _| {
            let start = head.trim_ascii_start();
            let start = start[..start.len().min(15)].to_ascii_lowercase();
            start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
        },
        what: "a web page, perhaps the answer of a server that refused the file",
        remedy: "open it to read its message, then download the file again",
    },
    Foreign {
        is: |head, _| head.starts_with(b"SQLite format 3\0"),
        what: "an SQLite database",
        remedy: "sqlite3 -header -separator $'\\t' FILE 'SELECT ...' > NAME.tsv writes a table of it",
    },
    Foreign {
        is: |head, _| [&b"RDX2\n"[..], b"RDX3\n", b"X\n\0\0\0"].iter().any(|m| head.starts_with(m)),
        what: "data saved by R",
        remedy: "write it as text in R: rtracklayer::export, or write.table with sep=\"\\t\"",
    },
    Foreign {
        is: |head, _| head.starts_with(b"PAR1") || head.starts_with(b"ARROW1"),
        what: "a Parquet or Arrow table",
        remedy: "write it as text, separated by tabs, with the program that made it",
    },
    Foreign {
        is: |head, _| head.starts_with(b"\x93NUMPY"),
        what: "a NumPy array",
        remedy: "write it as text, with the coordinates of its rows",
    },
    Foreign {
        is: |head, _| head.starts_with(b"##maf ") || head.starts_with(b"track name=maf"),
        what: "a genome alignment (UCSC's MAF)",
        remedy: "only tables of mutations, which are also called MAF, can be served",
    },
    Foreign {
        is: |head, _| head.starts_with(b"psLayout version") || most_rows(head, is_psl),
        what: "BLAT alignments (PSL)",
        remedy: "pslToBed FILE NAME.bed writes them as BED12",
    },
    Foreign {
        is: |head, _| is_chain(head),
        what: "an alignment of assemblies (chain)",
        remedy: "liftOver uses it to convert a BED file to the other assembly",
    },
    Foreign {
        is: |head, _| most_rows(head, is_paf),
        what: "alignments of sequences (PAF)",
        remedy: "awk -v OFS='\\t' '{print $6, $8, $9, $1, $12, $5}' FILE > NAME.bed writes where \
                 they lie on the target as BED",
    },
    Foreign {
        is: |head, _| most_rows(head, is_agp),
        what: "the plan of an assembly (AGP)",
        remedy: "awk -v OFS='\\t' '!/^#/ {print $1, $2 - 1, $3, $6}' FILE > NAME.bed writes its \
                 parts as BED",
    },
    Foreign {
        is: |head, _| is_interval_list(head),
        what: "an interval list of Picard",
        remedy: "picard IntervalListToBed -I FILE -O NAME.bed writes it as BED",
    },
    Foreign {
        is: |head, ending| head.starts_with(b"color:") || ending == "bp",
        what: "base pairs of an RNA structure (.bp)",
        remedy: "awk -v OFS='\\t' '!/^color/ {print $1, $2 - 1, $3, $1, $4 - 1, $5}' FILE > \
                 NAME.bedpe writes them as BEDPE",
    },
    Foreign {
        is: |head, _| head.starts_with(b"version https://git-lfs"),
        what: "a pointer of Git LFS instead of the file",
        remedy: "git lfs pull downloads the file",
    },
    Foreign {
        is: |head, _| is_fastq(head),
        what: "reads that are not aligned (FASTQ)",
        remedy: "align them, for instance with minimap2 or bwa, and name the sorted BAM",
    },
    Foreign {
        is: |head, _| head.starts_with(b"LOCUS  ") || head.starts_with(b"ID   "),
        what: "a GenBank or EMBL flat file",
        remedy: "download the same record as GFF3",
    },
];

fn is_hdf5(head: &[u8]) -> bool {
    head.starts_with(b"\x89HDF\r\n\x1a\n")
}

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

fn has(head: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(head, text).is_some()
}

/// Returns whether there is a UTF-16 byte order mark, or every other byte is 0, as for ASCII.
fn is_utf16(head: &[u8]) -> bool {
    let start = &head[..head.len().min(64)];
    let zeros = |from: usize| start.iter().skip(from).step_by(2).all(|byte| *byte == 0);
    let others = |from: usize| start.iter().skip(from).step_by(2).all(|byte| *byte != 0);
    let marked = start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff");
    marked || (start.len() > 8 && ((zeros(1) && others(0)) || (zeros(0) && others(1))))
}

/// Tests for a line `chain SCORE NAME SIZE STRAND START END NAME SIZE STRAND ...`.
fn is_chain(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    words.len() >= 12 && words[0] == "chain" && matches!(words[4], "+" | "-")
}

/// Returns whether these are the fields of PSL, with or without a bin before them.
fn is_psl(fields: &[&str]) -> bool {
    let numbers = |fields: &[&str]| fields.iter().all(|field| is_position(field));
    let is_strand = |field: &str| matches!(field, "+" | "-" | "++" | "+-" | "-+" | "--");
    let is = |fields: &[&str]| {
        numbers(&fields[..8])
            && is_strand(fields[8])
            && numbers(&fields[10..13])
            && numbers(&fields[14..18])
    };
    (fields.len() >= 21 && is(fields)) || (fields.len() >= 22 && is(&fields[1..]))
}

/// Returns whether these are the fields of PAF.
fn is_paf(fields: &[&str]) -> bool {
    fields.len() >= 12
        && matches!(fields[4], "+" | "-")
        && [1, 2, 3, 6, 7, 8, 9, 10, 11].into_iter().all(|index| is_position(fields[index]))
}

/// Returns whether these are the fields of AGP: a part of an object, its number and its kind.
fn is_agp(fields: &[&str]) -> bool {
    (8..=9).contains(&fields.len())
        && fields[1..4].iter().all(|field| is_position(field))
        && matches!(fields[4], "A" | "D" | "F" | "G" | "N" | "O" | "P" | "U" | "W")
}

/// Returns whether rows of five columns (sequence, start, end, strand, name) follow the header of a
/// SAM file.
fn is_interval_list(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let row = text.lines().find(|line| !line.starts_with('@')).unwrap_or_default();
    let fields: Vec<_> = row.split('\t').collect();
    head.starts_with(b"@")
        && matches!(fields[..], [_, start, end, "+" | "-", _]
            if is_position(start) && is_position(end))
}

/// Returns whether the first four lines are a FASTQ read.
fn is_fastq(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let lines: Vec<_> = text.lines().take(4).collect();
    matches!(lines[..], [name, letters, plus, qualities]
        if name.starts_with('@') && plus.starts_with('+') && letters.len() == qualities.len())
}

/// Refuses a file that is known not to be served.
///
/// # Errors
/// [`Error::Data`] with what the file is and what to do. A file that cannot be read is left to its
/// format, which reports the place.
pub(super) fn refuse(input: &Input) -> Result<()> {
    let Ok(head) = input.head() else { return Ok(()) };
    let path = input.path().display().to_string();
    if let Some(foreign) = ALL.iter().find(|foreign| (foreign.is)(&head, &input.ending())) {
        let remedy = foreign.remedy.replace("FILE", &path).replace("NAME", &input.stem());
        let message = format!("is {}, which is not served: {remedy}", foreign.what);
        return Err(Error::data(input.path(), "", message));
    }
    // A file that is read by offset cannot be read if it is compressed as a whole.
    let Some(packing) = input.packing()? else { return Ok(()) };
    let format = FORMATS.iter().find(|format| (format.sniff)(&head));
    let by_offset = format.filter(|format| is_read_by_offset(format));
    let Some(format) = by_offset.filter(|f| f.name != "bam" || !bgzf::packs(input).unwrap_or(true))
    else {
        return Ok(());
    };
    let plain = input.path().with_extension("");
    let message = format!(
        "is {}, compressed as a whole, which cannot be read by region: {} {path} > {}",
        format.name,
        Packing::command(packing),
        plain.display()
    );
    Err(Error::data(input.path(), "", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn said(name: &str, bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let said = refuse(&Input::File(path)).err().map(|error| error.to_string());
        let said = said.unwrap_or_default();
        assert!(!said.contains('\n') && !said.contains("FILE") && !said.contains("NAME"), "{said}");
        said.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn what_is_not_served_is_said_with_what_makes_it_readable() {
        let hdf5 = b"\x89HDF\r\n\x1a\n....";
        let fastq = b"@r1\nACGT\n+\nFFFF\n";
        let chain =
            b"chain 4900 chrY 58368225 + 25985403 25985638 chr5 151006098 - 43257292 43257528 1\n";
        let psl = b"59\t9\t0\t0\t1\t823\t1\t96\t+-\tq1\t900\t10\t900\tchr1\t9999\t100\t300\t2\t\
            30,38,\t10,20,\t100,200,\n";
        let tar = [&[b'x'; 257][..], b"ustar\0"].concat();
        for (name, bytes, expected) in [
            (
                "x.hic",
                &b"HIC\0\x08\0\0\0"[..],
                "hictk dump --join --resolution 10000 x.hic > x.bedpe",
            ),
            ("x.mcool", hdf5, "cooler dump --join x.mcool::resolutions/10000 > x.bedpe"),
            ("x.cool", hdf5, "cooler dump --join x.cool > x.bedpe"),
            ("x.h5ad", hdf5, "HDF5"),
            ("x.tdf", b"TDF4\x04\0\0\0", "igvtools tdftobedgraph x.tdf x.bedgraph"),
            ("x.zip", b"PK\x03\x04....", "unzip x.zip"),
            ("x.xlsx", b"PK\x03\x04....", "Excel"),
            ("x.bed", b"\x6c\x1b\x01\xff", "plink --bfile x --recode vcf"),
            ("x.bed", b"\xff\xfec\x00h\x00r\x001\x00", "iconv -f UTF-16 -t UTF-8 x.bed > x.txt"),
            ("x.bed", b"c\x00h\x00r\x001\x00\t\x005\x00", "UTF-16"),
            ("x.pdf", b"%PDF-1.7", "PDF"),
            ("x.bw", b"<!DOCTYPE HTML>\n<html>", "web page"),
            ("x.tar", &tar, "tar xf x.tar"),
            ("x.bam.bai", b"BAI\x01\0\0\0\0", "the index of another file"),
            ("x.fq", fastq, "not aligned"),
            ("x.chain", chain, "chain"),
            ("x.psl", b"psLayout version 3\n", "pslToBed x.psl x.bed"),
            ("x.txt", psl, "pslToBed x.txt x.bed"),
            ("x.txt", format!("585\t{}", str::from_utf8(psl).unwrap()).as_bytes(), "PSL"),
            ("x.paf", b"q\t90\t0\t10\t+\tchr1\t99\t5\t15\t9\t10\t60\ttp:A:P\n", "awk"),
            ("x.agp", b"chr1\t1\t500\t1\tW\tctg1\t1\t500\t+\n", "$2 - 1"),
            ("x.list", b"@SQ\tSN:chr1\tLN:9\nchr1\t1\t5\t+\ta\n", "IntervalListToBed"),
            ("x.bp", b"color:\t1\t2\t3\tx\nchr1\t7\t7\t9\t9\t0\n", "x.bedpe"),
            ("x.bam", b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
            ("x.cram.crai", b"0\t1\t5\t26\t10\t20\n", "the index of another file"),
        ] {
            let told = said(name, bytes);
            assert!(told.starts_with(&format!("{name}: is ")), "{name}: {told}");
            assert!(told.contains(expected), "{name}: {told}");
        }
        assert_eq!(said("x.bed", b"chr1\t1\t2\n"), "");
        assert_eq!(said("x.bed", b"B\t1\t2\n"), "");
    }

    #[test]
    fn what_is_read_by_offset_must_not_be_compressed_as_a_whole() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(include_bytes!("../../../data/signal.bw")).unwrap();
        let told = said("x.bw.gz", &gzip.finish().unwrap());
        assert!(
            told.contains("is bigwig, compressed as a whole") && told.contains("gunzip -c"),
            "{told}"
        );
        assert!(told.ends_with("x.bw"), "{told}");
    }
}
