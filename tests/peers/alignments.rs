//! Reads and their depth, in BAM and several kinds of CRAM, compared with samtools.

use crate::tools::{Folder, Random, installed, sorted};
use crate::{LENGTH, SEQUENCES, columns, regions};

/// Returns the bases of the sequences, and the same as FASTA.
fn reference() -> (Vec<Vec<u8>>, String) {
    let mut random = Random(17);
    let mut letters = |_| (0..LENGTH).map(|_| b"ACGT"[random.below(4) as usize]).collect();
    let sequences: Vec<Vec<u8>> = SEQUENCES.iter().map(&mut letters).collect();
    let fasta = SEQUENCES.iter().zip(&sequences).map(|(name, letters)| {
        let lines = letters.chunks(60).map(|line| String::from_utf8_lossy(line) + "\n");
        format!(">{name}\n{}", lines.collect::<String>())
    });
    (sequences.clone(), fasta.collect())
}

/// Returns the bases of a read with this CIGAR and start, with occasional mismatches.
fn letters(sequence: &[u8], start: u32, cigar: &str, random: &mut Random) -> String {
    let (mut read, mut at, mut length) = (String::new(), start as usize, 0);
    for letter in cigar.chars() {
        if let Some(digit) = letter.to_digit(10) {
            length = length * 10 + digit as usize;
            continue;
        }
        for base in &sequence[at..at + length] {
            let strange = letter != 'M' || random.below(40) == 0;
            let shown = if strange { b"ACGT"[random.below(4) as usize] } else { *base };
            read.extend("MIS".contains(letter).then_some(char::from(shown)));
        }
        at += if "MDN".contains(letter) { length } else { 0 };
        length = 0;
    }
    read
}

/// Returns a SAM file of reads with clips, insertions, deletions and introns; some are secondary,
/// failed, duplicates, or unmapped, with or without a position.
fn sam(sequences: &[Vec<u8>]) -> String {
    let mut text = String::from("@HD\tVN:1.6\tSO:unsorted\n");
    SEQUENCES.iter().for_each(|name| text += &format!("@SQ\tSN:{name}\tLN:{LENGTH}\n"));
    let mut random = Random(13);
    for n in 0..2_500 {
        let cigars = ["50M", "5S45M", "20M10D30M", "25M2000N25M", "10M5I35M", "40M10S", "5H50M"];
        let cigar = cigars[random.below(7) as usize];
        let flags = [0, 16, 0, 16, 0, 256, 1024, 512, 4][random.below(9) as usize];
        let start = 1 + random.below(LENGTH - 3_000);
        let (name, mapq) = (SEQUENCES[n % 2], random.below(61));
        let letters = letters(&sequences[n % 2], start - 1, cigar, &mut random);
        let qualities = "F".repeat(letters.len());
        text += &match (flags, n % 3) {
            (4, 0) => format!("r{n}\t4\t*\t0\t0\t*\t*\t0\t0\t{letters}\t{qualities}\n"),
            _ => format!(
                "r{n}\t{flags}\t{name}\t{start}\t{mapq}\t{cigar}\t*\t0\t0\t{letters}\t{qualities}\n"
            ),
        };
    }
    text
}

/// Files of the same reads, and the output options of samtools that write them.
const FILES: [(&str, &str); 6] = [
    ("x.bam", "bam"),
    ("default.cram", "cram"),
    ("new.cram", "cram,version=3.1,archive"),
    // Several slices per container, several sequences per slice.
    ("slices.cram", "cram,seqs_per_slice=70,slices_per_container=4,multi_seq_per_slice=1"),
    ("embedded.cram", "cram,embed_ref=1"),
    ("alone.cram", "cram,no_ref=1"),
];

#[test]
#[ignore = "needs other programs; run .ci/peers"]
fn coverage_and_reads_are_those_of_samtools() {
    if !installed(&["samtools"]) {
        return;
    }
    let folder = Folder::new();
    let (sequences, fasta) = reference();
    folder.write("x.fa", &fasta);
    folder.write("x.sam", &sam(&sequences));
    for (file, options) in FILES {
        let sort = ["sort", "--reference", "x.fa", "-O", options, "-o", file, "x.sam"];
        folder.run("samtools", &sort);
        folder.run("samtools", &["index", file]);
        compare(&folder, file, file);
    }
    // samtools finds regions only in sorted, indexed files, so the SAM is compared with the BAM.
    compare(&folder, "x.sam", "x.bam");
    assert!(folder.folder().join("cache").is_dir(), "the user's own cache must not be used");
}

/// Compares regions of a file with those that samtools finds in an indexed file of the same reads.
fn compare(folder: &Folder, file: &str, indexed: &str) {
    let view = ["view", "-F", "4", "-T", "x.fa", indexed];
    for (name, first, last) in regions(6) {
        let (region, bases) = (format!("{name}:{first}-{last}"), (first - 1, last));
        let view = folder.run("samtools", &[&view[..], &[&region]].concat());
        let ours = folder.query(&format!("{file},format=reads"), &region, "0");
        let ours = ours.lines(bases, &["name", "flags", "mapq", "cigar"]);
        assert_eq!(ours, columns(&view, &[0, 1, 4, 5]), "{file} {region}");

        let last = last.min(first + 3_000);
        let region = format!("{name}:{first}-{last}");
        let depth = ["depth", "-a", "--reference", "x.fa", "-r", &region, indexed];
        let depth = folder.run("samtools", &depth);
        let truth = sorted(depth.lines().map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            format!("{}\t{}", fields[1].parse::<u32>().unwrap() - 1, fields[2])
        }));
        let (id, _) = file.split_once('.').unwrap();
        let ours = folder.query(file, &region, "1").lines((first - 1, last), &["start", id]);
        assert_eq!(ours, truth, "{file} {region}");
    }
}
