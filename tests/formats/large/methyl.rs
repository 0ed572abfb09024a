//! Large bedMethyl files: read by region, with an index or from a copy, they give the same bases as
//! in memory.

use super::{Dice, Folder, LENGTH, after_a_crash, same, shuffled};
use crate::tabix::{Bgzf, Kind, Place, index};
use epivizrs::genome::Region;
use epivizrs::source::Level;
use std::fs;

/// A modified base: sequence, interval, and lines.
type Base = (&'static str, (u32, u32), Vec<String>);

/// Returns modified bases of two sequences, sorted by start: on both strands, with two lengths, and
/// with up to three modifications in any order.
fn bases(seed: u64) -> Vec<Base> {
    let mut dice = Dice(seed);
    let mut bases = Vec::new();
    for name in ["chr2", "chr1"] {
        let mut start = 0;
        while start < LENGTH {
            for end in dice.shuffle(vec!["1".into(), "2".into()]) {
                let end = start + end.parse::<u32>().unwrap();
                if dice.below(3) == 0 {
                    continue;
                }
                for strand in dice.shuffle(vec!["+".into(), "-".into()]) {
                    let mut lines = Vec::new();
                    for code in dice.shuffle(["m", "h", "a"].map(str::to_owned).into()) {
                        if dice.below(3) > 0 {
                            let percent = dice.one_of(&["0.00", "nan", "33.33", "100.00"]);
                            let coverage = dice.below(40);
                            lines.push(format!(
                                "{name}\t{start}\t{end}\t{code}\t9\t{strand}\t{start}\t{end}\t\
                                 255,0,0\t{coverage} {percent} 1 2 0 0 0 0 0"
                            ));
                        }
                    }
                    bases.push((name, (start, end), lines));
                }
            }
            start += 1 + dice.below(8000);
        }
    }
    bases
}

fn lines(seed: u64) -> Vec<String> {
    bases(seed).into_iter().flat_map(|base| base.2).collect()
}

#[test]
fn bases_with_an_index_are_those_in_memory() {
    for seed in 0..3 {
        let mut packed = Bgzf::default();
        let mut places: Vec<Place> = Vec::new();
        for (name, bases, lines) in bases(seed) {
            for line in lines {
                places.push((name, bases, packed.add(format!("{line}\n").as_bytes())));
            }
        }
        let folder = Folder::new("x.bedmethyl", "", &lines(seed));
        let small = folder.small().unwrap();
        let indexed = Folder::new("x.bedmethyl.gz", "", &[]);
        fs::write(indexed.file(), packed.finish()).unwrap();
        for kind in [Kind::Tabix, Kind::Csi(14, 6)] {
            let ending = if kind == Kind::Tabix { "gz.tbi" } else { "gz.csi" };
            let path = indexed.file().with_extension(ending);
            fs::write(&path, index(&places, kind)).unwrap();
            let large = indexed.small().unwrap();
            assert_eq!(large.memory(), 0, "the file must not be in memory");
            assert!(indexed.cached("").is_empty(), "an index needs no copy");
            same(&*large, &*small);
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn bases_from_a_copy_are_those_in_memory() {
    for seed in 3..5 {
        for lines in [lines(seed), shuffled(lines(seed))] {
            let folder = Folder::new("x.bedmethyl", "", &lines);
            folder.is_as_in_memory();
            let (large, small) = (folder.large().unwrap(), folder.small().unwrap());
            assert_eq!(large.columns(), small.columns());
        }
    }
}

#[test]
fn rows_are_counted_as_bases_once_they_are_read() {
    let folder = Folder::new("x.bedmethyl", "", &lines(1));
    let large = folder.large().unwrap();
    let whole = Region::new("chr1", 0, u32::MAX);
    let count = large.read(&whole, Level::Records, &[]).unwrap().len() as u64;
    assert!(!large.is_counted());
    assert!(count.abs_diff(large.rows(&whole, Level::Records)) < 128);
}

#[test]
fn an_invalid_line_is_named_by_its_number_in_the_file() {
    for (wrong, what) in [("x", "the percentage (column 11)"), ("100.5", "is above 100")] {
        for mut lines in [lines(2), shuffled(lines(2))] {
            let line = format!("chr1\t9\t10\tm\t9\t+\t9\t10\t0\t4\t{wrong}\t1\t2\t0\t0\t0\t0\t0");
            lines.push(line);
            Folder::new("x.bedmethyl", "", &lines).is_refused(lines.len(), what);
        }
    }
}

/// Returns more lines than are read to find out the modifications.
fn many(code: impl Fn(u32) -> &'static str) -> Vec<String> {
    let line = |number: u32| {
        let (start, end, code) = (number * 10, number * 10 + 1, code(number));
        format!(
            "chr1\t{start}\t{end}\t{code}\t9\t+\t{start}\t{end}\t0\t4\t5.0\t1\t2\t0\t0\t0\t0\t0"
        )
    };
    (0..12_000).map(line).collect()
}

#[test]
fn a_repeated_base_is_an_error_with_its_position() {
    let mut lines = many(|_| "m");
    lines.push(lines[7].clone());
    let folder = Folder::new("x.bedmethyl", "", &lines);
    assert!(folder.small().err().unwrap().contains("line 12001: this base"));
    let whole = Region::new("chr1", 0, u32::MAX);
    let error = folder.large().unwrap().read(&whole, Level::Records, &[]).unwrap_err().to_string();
    let place = format!("{}, chr1:71:", folder.file().display());
    assert!(error.contains(&place) && error.contains("appears twice"), "{error}");
}

#[test]
fn a_modification_missing_in_the_first_lines_is_an_error_only_with_an_index() {
    let lines = many(|number| if number == 11_000 { "f" } else { "m" });
    let folder = Folder::new("x.bedmethyl", "", &lines);
    folder.is_as_in_memory();
    let names = |source: &dyn epivizrs::source::Source| source.columns().len();
    assert_eq!(names(&*folder.large().unwrap()), 4);

    let indexed = Folder::new("x.bedmethyl.gz", "", &[]);
    let mut packed = Bgzf::default();
    let place = |(number, line): (u32, &String)| -> Place {
        ("chr1", (number * 10, number * 10 + 1), packed.add(format!("{line}\n").as_bytes()))
    };
    let places: Vec<_> = (0..).zip(&lines).map(place).collect();
    fs::write(indexed.file(), packed.finish()).unwrap();
    fs::write(indexed.file().with_extension("gz.tbi"), index(&places, Kind::Tabix)).unwrap();
    let region = Region::new("chr1", 0, 100);
    let read = indexed.small().map(|source| source.read(&region, Level::Records, &[]));
    let error = read.map_or_else(|error| error, |table| table.unwrap_err().to_string());
    assert!(error.contains("'5fC' is not among") && error.contains("virtual offset"), "{error}");
}

#[test]
fn a_copy_is_written_again_after_a_crash() {
    after_a_crash(&Folder::new("x.bedmethyl", "", &shuffled(lines(4))));
}
