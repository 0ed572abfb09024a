//! Large VCF and BCF files.

use super::{Dice, Folder, LENGTH, after_a_crash, shuffled};
use crate::bcf::{self, Value};
use epivizrs::source::Options;
use std::fmt::Write;
use std::fs;

const HEADER: &str = "##fileformat=VCFv4.3\n\
    ##INFO=<ID=DP,Number=1,Type=Integer,Description=\"d\">\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

/// Returns variants of three sequences, sorted by start as tabix requires: some have the same
/// start, some are long, some cross the borders of bins, and some are beyond the range of a tabix
/// index.
fn lines() -> Vec<String> {
    let mut dice = Dice(7);
    let mut lines = Vec::new();
    for (name, offset) in [("chr2", 0), ("chr1", 16_000), ("far", 2_000_000_000)] {
        let mut starts: Vec<u32> = (0..1500).map(|_| dice.below(LENGTH) / 50 * 50 + 1).collect();
        starts.sort_unstable();
        for (number, start) in starts.into_iter().map(|start| start + offset).enumerate() {
            let reference = &"ACGTACGT"[..1 + dice.below(8) as usize];
            let quality = ["9.5", ".", "30", "1e3"][dice.below(4) as usize];
            let mut info = format!("DP={}", dice.below(99));
            if dice.below(20) == 0 {
                write!(info, ";END={}", start + dice.below(200_000)).unwrap();
            }
            lines.push(format!("{name}\t{start}\tv{number}\t{reference}\tG\t{quality}\tq\t{info}"));
        }
    }
    lines
}

fn folder(lines: &[String]) -> Folder {
    let options = Options { info: Some(vec!["DP".into()]), ..Options::default() };
    Folder { options, ..Folder::new("x.vcf", HEADER, lines) }
}

#[test]
fn a_sorted_file_is_served_as_if_it_were_in_memory() {
    folder(&lines()).is_as_in_memory();
}

#[test]
fn an_unsorted_file_is_sorted_and_served_as_if_it_were_in_memory() {
    let folder = folder(&shuffled(lines()));
    folder.is_as_in_memory();
    assert!(folder.cached(".part").is_empty());
}

#[test]
fn sequences_in_several_pieces_are_sorted_too() {
    let (mut first, mut second) = (lines(), Vec::new());
    second.extend(first.split_off(700));
    second.append(&mut first);
    folder(&second).is_as_in_memory();
}

#[test]
fn an_invalid_line_is_named_by_its_number_in_the_file() {
    let wrong = [
        ("chr1\tx\tv\tA\tG\t.\t.\t.", "POS (column 2) is not a whole number: 'x'"),
        ("far\t2000000001\tv\tA\tG\thigh\t.\t.", "qual is not a number: 'high'"),
        ("far\t2000000001\tv\tA\tG\t.\t.\tDP=deep", "DP is not a number: 'deep'"),
    ];
    for (line, what) in wrong {
        for mut lines in [lines(), shuffled(lines())] {
            lines.push(line.to_owned());
            folder(&lines).is_refused(3 + lines.len(), what);
        }
    }
}

#[test]
fn the_copy_is_written_once() {
    let folder = folder(&lines());
    assert!(folder.told() > 0);
    assert_eq!(folder.told(), 0);
}

#[test]
fn a_copy_is_written_again_after_a_crash() {
    let folder = folder(&shuffled(lines()));
    after_a_crash(&folder);
    assert!(folder.cached(".part").is_empty());
}

/// The copy has all INFO keys, so that it serves any choice of them.
#[test]
fn binary_variants_are_served_as_if_they_were_in_memory() {
    let header = "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=9000000>\n\
        ##contig=<ID=chr2>\n##INFO=<ID=DP,Number=1,Type=Integer>\n\
        ##INFO=<ID=NOTE,Number=1,Type=String>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    let mut dice = Dice(7);
    let mut records: Vec<Vec<u8>> = (0..3000)
        .map(|number| {
            let start = dice.below(LENGTH) / 50 * 50;
            let reference = &"ACGTACGT"[..1 + dice.below(8) as usize];
            let depth = Value::Number(dice.below(99) as i32);
            bcf::record(&bcf::Record {
                contig: number % 2,
                bases: (start, start + reference.len() as u32),
                id: &format!("v{number}"),
                alleles: [reference, "G"],
                quality: dice.below(9) as f32 + 0.5,
                info: &[(1, depth), (2, Value::Text("a b"))],
            })
        })
        .collect();
    let written = |name, info: &str, records: &[Vec<u8>]| {
        let options = Options { info: Some(vec![info.into()]), ..Options::default() };
        let folder = Folder { options, ..Folder::new(name, "", &[]) };
        fs::write(folder.file(), [bcf::header(header), records.concat()].concat()).unwrap();
        folder
    };
    let mut folder = written("x.bcf", "DP", &records);
    folder.is_as_in_memory();
    folder.options.info = Some(vec!["NOTE".into()]);
    folder.is_as_in_memory();
    records.truncate(2000);
    let last = records.last_mut().unwrap();
    let _ = last.pop();
    let error = written("cut.bcf", "DP", &records).large().err().unwrap();
    assert!(error.contains("cut.bcf") && error.contains("ends within a record"), "{error}");
}
