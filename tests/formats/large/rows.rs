//! Large BED files and tables.

use super::{Dice, Folder, LENGTH, after_a_crash, are_alike, same, shuffled};
use crate::tabix::{Bgzf, Kind, index};
use epivizrs::genome::Region;
use epivizrs::source::{ColumnKind, Context, Level, Source};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;

/// Returns rows of three sequences, sorted by start: some have the same start, some are long, and
/// some are empty.
fn lines(count: usize) -> Vec<String> {
    let mut dice = Dice(7);
    let mut lines = Vec::new();
    for (name, offset) in [("chr2", 0), ("chr1", 16_000), ("far", 2_000_000_000)] {
        let mut starts: Vec<u32> = (0..count).map(|_| dice.below(LENGTH) / 50 * 50).collect();
        starts.sort_unstable();
        for (number, start) in starts.into_iter().map(|start| start + offset).enumerate() {
            let length = if dice.below(20) == 0 { dice.below(200_000) } else { dice.below(200) };
            let (score, strand) =
                (dice.one_of(&["9.5", ".", "30", "1e3"]), dice.one_of(&["+", "-"]));
            let (note, value) =
                (dice.one_of(&["a b", "", "c"]), dice.one_of(&["NA", "-1.25", "7"]));
            let end = start + length;
            lines.push(format!(
                "{name}\t{start}\t{end}\trow {number}\t{score}\t{strand}\t{note}\t{value}"
            ));
        }
    }
    lines
}

const HEADER: &str = "track name=x\n#chrom\tstart\tend\tname\tscore\tstrand\tnote\tfdr\n";

fn bed(lines: &[String]) -> Folder {
    Folder::new("x.bed", HEADER, lines)
}

/// Asserts that the types and ranges of the columns are those of all rows.
fn has_the_columns_of_memory(folder: &Folder) {
    let (large, small) = (folder.large().unwrap(), folder.small().unwrap());
    assert_eq!(large.columns(), small.columns());
}

#[test]
fn a_sorted_file_is_served_as_if_it_were_in_memory() {
    let folder = bed(&lines(1500));
    folder.is_as_in_memory();
    has_the_columns_of_memory(&folder);
    let found = |text: &str| {
        let [large, small] = [folder.large(), folder.small()].map(|s| s.unwrap().search(text, 9));
        assert_eq!(large, small);
        large.len()
    };
    assert_eq!(found("ROW 77"), 9);
}

#[test]
fn an_unsorted_file_is_sorted_and_served_as_if_it_were_in_memory() {
    let folder = bed(&shuffled(lines(1500)));
    folder.is_as_in_memory();
    has_the_columns_of_memory(&folder);
    assert!(folder.cached(".part").is_empty());
}

#[test]
fn files_with_spaces_and_compressed_files_are_served_as_if_they_were_in_memory() {
    let spaces = |line: String| {
        let fields: Vec<_> =
            line.split('\t').take(6).map(|field| field.replace(' ', "_")).collect();
        fields.join("  ")
    };
    Folder::new("x.bed", "", &lines(1500).into_iter().map(spaces).collect::<Vec<_>>())
        .is_as_in_memory();
    let folder = Folder { name: "x.bed.gz", ..bed(&lines(1500)) };
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&fs::read(folder.file().with_extension("")).unwrap()).unwrap();
    fs::write(folder.file(), packed.finish().unwrap()).unwrap();
    folder.is_as_in_memory();
}

#[test]
fn a_column_is_text_if_any_row_has_text() {
    let mut lines = lines(5000);
    let last = lines.last_mut().unwrap();
    let at = last.rfind('\t').unwrap();
    last.replace_range(at.., "\tnone");
    let folder = bed(&lines);
    has_the_columns_of_memory(&folder);
    let kinds: Vec<_> =
        folder.large().unwrap().columns().iter().map(|c| c.kind == ColumnKind::Text).collect();
    assert_eq!(kinds, [true, false, true, true]);
}

#[test]
fn numeric_names_are_text_and_infinity_is_a_number() {
    let changed = |line: String| line.replace("row ", "").replace("-1.25", "-inf");
    let folder = bed(&lines(1500).into_iter().map(changed).collect::<Vec<_>>());
    folder.is_as_in_memory();
    has_the_columns_of_memory(&folder);
    let large = folder.large().unwrap();
    let kinds: Vec<_> = large.columns().iter().map(|c| (&*c.name, c.kind)).collect();
    let number = |low, high| ColumnKind::Number(Some((low, high)));
    let text = ColumnKind::Text;
    let expected =
        [("name", text), ("score", number(9.5, 1e3)), ("note", text), ("fdr", number(7.0, 7.0))];
    assert_eq!(kinds, expected);
    assert!(!large.search("77", 9).is_empty());
}

#[test]
fn tables_are_served_as_if_they_were_in_memory() {
    let row = |line: String| {
        let [name, start, end, rest @ ..] = &line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        format!("585\t{}\t{name}\t{start}\t{end}\t{}\t{}", rest[1], rest[2], rest[0])
    };
    let header = "#bin\tswScore\tgenoName\tgenoStart\tgenoEnd\tstrand\trepName\n";
    let rows: Vec<_> = lines(1500).into_iter().map(row).collect();
    for rows in [rows.clone(), shuffled(rows)] {
        let folder = Folder::new("rmsk.txt", header, &rows);
        folder.is_as_in_memory();
        has_the_columns_of_memory(&folder);
    }
}

#[test]
fn an_invalid_line_is_named_by_its_number_in_the_file() {
    let wrong = [
        ("chr1\tx\t9\tv\t1\t+\t\t1", "start (column 2) is not a whole number: 'x'"),
        ("chr1\t10\t9\tv\t1\t+\t\t1", "the end (9) is before the start (10)"),
        ("far\t2000000001\t2000000002\tv\t1", "has 5 columns, not 8"),
        ("far\t2000000001\t2000000002\tv\t1\tup\t\t1", "'up' is not a strand"),
    ];
    for (line, what) in wrong {
        for mut lines in [lines(1500), shuffled(lines(1500))] {
            lines.push(line.to_owned());
            bed(&lines).is_refused(2 + lines.len(), what);
        }
    }
}

#[test]
fn the_copy_is_written_once_and_again_if_the_file_changes() {
    let folder = bed(&lines(1500));
    assert!(folder.told() > 0);
    assert_eq!(folder.told(), 0);
    fs::write(folder.file(), format!("{HEADER}{}\n", lines(1600).join("\n"))).unwrap();
    assert!(folder.told() > 0);
    same(&*folder.large().unwrap(), &*folder.small().unwrap());
}

#[test]
fn a_copy_is_written_again_after_a_crash() {
    let folder = bed(&shuffled(lines(1500)));
    after_a_crash(&folder);
    assert!(folder.cached(".part").is_empty());
}

#[test]
fn a_file_opened_several_times_at_once_is_copied_once() {
    let folder = bed(&shuffled(lines(1500)));
    let small = folder.small().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| same(&*folder.large().unwrap(), &*small));
        }
    });
    assert_eq!(folder.cached(".bgz").len(), 1);
}

#[test]
fn an_error_names_an_invalid_copy() {
    let folder = bed(&lines(1500));
    folder.large().unwrap();
    let copy = folder.cached(".bgz").pop().unwrap();
    let other = Folder::new("x.bed", "", &["chr1\t1\t2".to_owned()]);
    other.open(&Context { in_memory: 0, ..other.context(0) }).unwrap();
    fs::copy(&other.cached(".bgz")[0], &copy).unwrap();
    fs::copy(&other.cached(".csi")[0], folder.cached(".csi").pop().unwrap()).unwrap();
    let error = folder.large().err().unwrap();
    assert!(error.contains(&*copy.to_string_lossy()) && error.contains("remove it"), "{error}");
}

/// Returns the lines whose score is above 20, and whose strand is -.
fn chosen(lines: &[String]) -> Vec<String> {
    let holds = |line: &&String| {
        let cells: Vec<&str> = line.split('\t').collect();
        cells[4].parse::<f64>().is_ok_and(|score| score > 20.0) && cells[5] == "-"
    };
    lines.iter().filter(holds).cloned().collect()
}

const FILTER: &str = "score > 20 && strand == '-'";

#[test]
fn a_filter_serves_what_a_file_of_these_rows_would() {
    let all = lines(1500);
    let fewer = bed(&chosen(&all));
    let mut folder = bed(&all);
    // A copy that was made without the filter is used with it.
    folder.large().unwrap();
    folder.options.set("filter", FILTER).unwrap();
    let (large, small) = (folder.large().unwrap(), folder.small().unwrap());
    assert_eq!((large.memory(), folder.cached(".bgz").len()), (0, 1));
    same(&*small, &*fewer.small().unwrap());
    for source in [&large, &small] {
        source.sequences().iter().for_each(|s| source.count_rows(s.name).unwrap());
        let rows = |name: &str| source.rows(&Region::new(name, 0, u32::MAX), Level::Records);
        let expected = chosen(&all).iter().filter(|line| line.starts_with("chr1")).count();
        assert!(rows("chr1").abs_diff(expected as u64) < 100, "{} {expected}", rows("chr1"));
    }
    rows_are(&*large, &*fewer.small().unwrap());
}

#[test]
fn a_filter_chooses_the_rows_of_an_indexed_file() {
    let mut all = lines(1500);
    // Rows in memory are sorted by their ends too.
    let place = |line: &String| {
        let cells: Vec<&str> = line.split('\t').collect();
        let names = ["chr2", "chr1", "far"];
        let number = |at: usize| cells[at].parse::<u32>().unwrap();
        (names.iter().position(|name| *name == cells[0]), number(1), number(2))
    };
    all.sort_by_key(place);
    let mut packed = Bgzf::default();
    packed.add(HEADER.trim_start_matches("track name=x\n").as_bytes());
    let mut places = Vec::new();
    for line in &all {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| cells[at].parse::<u32>().unwrap();
        let place = packed.add(format!("{line}\n").as_bytes());
        let name = ["chr2", "chr1", "far"].into_iter().find(|name| *name == cells[0]).unwrap();
        places.push((name, (number(1), number(2)), place));
    }
    let mut folder = Folder::new("x.bed.gz", "", &[]);
    fs::write(folder.file(), packed.finish()).unwrap();
    fs::write(folder.folder.path().join("x.bed.gz.csi"), index(&places, Kind::Csi(14, 6))).unwrap();
    folder.options.set("filter", FILTER).unwrap();
    let source = folder.small().unwrap();
    assert!(source.memory() == 0 && !source.is_counted(), "the index counts the other rows too");
    rows_are(&*source, &*bed(&chosen(&all)).small().unwrap());
}

/// Asserts that both have the same records, with the same ranks, in every region.
fn rows_are(source: &dyn Source, expected: &dyn Source) {
    let mut dice = Dice(3);
    for (name, offset) in [("chr2", 0), ("chr1", 16_000), ("far", 2_000_000_000)] {
        for _ in 0..30 {
            let start = offset + dice.below(LENGTH);
            let region = Region::new(name, start, start + dice.below(300_000) + 1);
            let read = |source: &dyn Source| {
                source.read(&region, Level::Records, &["name", "score", "note"]).unwrap()
            };
            let (found, expected) = (read(source), read(expected));
            assert_eq!(found.start, expected.start, "{region}");
            assert!(are_alike(&found, &expected), "{region}");
        }
    }
}

#[test]
fn filters_that_cannot_be_applied_are_refused() {
    let mut folder = bed(&lines(20));
    let mut error = |filter: &str| {
        folder.options.set("filter", filter).unwrap();
        folder.small().err().unwrap()
    };
    assert!(error("scoer > 5").contains("column 1: no column is called 'scoer'"));
    assert!(error("scoer > 5").ends_with("did you mean 'score'?"));
    let wrong = error("note > 5");
    assert!(wrong.contains("x.bed, line ") && wrong.contains("note is not a number"), "{wrong}");
    let mut folder = Folder::new("x.bedgraph", "", &["chr1\t1\t2\t3".to_owned()]);
    folder.options.set("filter", "value > 2").unwrap();
    let error = folder.small().err().unwrap();
    assert!(error.ends_with("it cannot choose those of bedgraph"), "{error}");
    let wrong = folder.options.set("filter", "score >").unwrap_err().to_string();
    assert_eq!(wrong, "'score >', column 8: a number or a name is missing at the end");
}
