//! Large BED12 files.

use super::{Dice, Folder, LENGTH, same, shuffled};
use crate::tabix::{Bgzf, Kind, Place, index};
use epivizrs::source::Unit;
use std::fs;

/// Returns transcripts sorted by start, with gene symbols and accessions as names; some have blocks
/// that touch.
fn lines() -> Vec<String> {
    let mut dice = Dice(17);
    let mut starts: Vec<u32> = (0..2000).map(|_| dice.below(LENGTH) / 20 * 20).collect();
    starts.sort_unstable();
    let line = |(number, start): (usize, u32)| {
        let length = 100 + if dice.below(30) == 0 { dice.below(90_000) } else { dice.below(900) };
        let (end, second) = (start + length, dice.one_of(&["20", "50"]));
        let name = dice.one_of(&["MYC", "ENST00000269305.9", "TP53", "LOC77"]);
        let strand = dice.one_of(&["+", "-", "."]);
        format!(
            "chr1\t{start}\t{end}\t{name}-{number}\t0\t{strand}\t{start}\t{end}\t0\t3\t\
             20,10,5,\t0,{second},{},",
            length - 5
        )
        .replace(&format!("TP53-{number}"), "AC093323.1")
    };
    starts.into_iter().enumerate().map(line).collect()
}

#[test]
fn transcripts_are_served_as_if_they_were_in_memory() {
    for lines in [lines(), shuffled(lines())] {
        let folder = Folder::new("x.bed12", "", &lines);
        folder.is_as_in_memory();
        let [large, small] = [folder.large(), folder.small()].map(Result::unwrap);
        assert_eq!(large.columns(), small.columns());
        assert_eq!(large.search("myc-1", 9), small.search("myc-1", 9));
    }
}

#[test]
fn transcripts_are_found_by_their_ids() {
    let line = |n: u32| {
        let (start, end, gene) = (n * 100, n * 100 + 50, n / 3);
        let exons = format!("1\t{start},\t{end},");
        format!(
            "NM_{n}.2\tchr1\t+\t{start}\t{end}\t{start}\t{end}\t{exons}\t0\tG{gene}\tcmpl\tcmpl\t0,"
        )
    };
    let mut folder = Folder::new("x.gp", "", &(1..500).map(line).collect::<Vec<_>>());
    folder.options.rows = Unit::Transcripts;
    let [large, small] = [folder.large(), folder.small()].map(Result::unwrap);
    assert!(large.memory() == 0 && small.memory() > 0);
    for id in ["NM_17.2", "nm_17"] {
        let found = large.search(id, 9);
        assert_eq!(found.iter().map(|hit| hit.region.start).collect::<Vec<_>>(), [1_700], "{id}");
        assert_eq!(found, small.search(id, 9));
    }
    assert_eq!(large.search("G7", 9), small.search("G7", 9));
}

#[test]
fn with_an_index_a_large_file_needs_no_copy() {
    let mut packed = Bgzf::default();
    let place = |line: &String| -> Place {
        let fields: Vec<_> = line.split('\t').collect();
        let bases = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
        ("chr1", bases, packed.add(format!("{line}\n").as_bytes()))
    };
    // A file with an index is sorted by start only: rows with the same start stay in its order.
    let mut lines = lines();
    lines.dedup_by_key(|line| line.split('\t').nth(1).unwrap().to_owned());
    let places: Vec<_> = lines.iter().map(place).collect();
    let indexed = Folder::new("x.bed12.gz", "", &[]);
    fs::write(indexed.file(), packed.finish()).unwrap();
    fs::write(indexed.file().with_extension("gz.tbi"), index(&places, Kind::Tabix)).unwrap();
    let large = indexed.large().unwrap();
    assert!(large.memory() == 0 && indexed.cached("").is_empty());
    same(&*large, &*Folder::new("x.bed12", "", &lines).small().unwrap());
    assert!(indexed.small().unwrap().memory() > 0, "a small file is read into memory");
}

#[test]
fn an_invalid_line_is_named_by_its_number_in_the_file() {
    for mut lines in [lines(), shuffled(lines())] {
        lines.push("chr1\t5\t90\tx\t0\t+\t5\t9\t0\t1\t90,\t0,".to_owned());
        let folder = Folder::new("x.bed12", "", &lines);
        folder.is_refused(lines.len(), "the block at 0 ends after the end of its row");
    }
}
