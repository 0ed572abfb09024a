//! BED files in memory, with an index, and from a copy; and bigInteract files.

use super::tools::{Folder, installed, python, sorted};
use super::{Feature, columns, features, lines, regions, strand};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Source, Spec};
use epivizrs::table::Data;

/// Opens a file as if it were large, so that it is read by region from a copy.
fn copied(folder: &Folder, name: &str) -> Box<dyn Source> {
    let cache = folder.path("cache");
    open(&Spec::file(folder.path(name)), &Context { cache, in_memory: 0, ..Context::default() })
        .unwrap()
}

/// Returns the rows that overlap the region, with their names.
fn named_rows(source: &dyn Source, region: &Region) -> Vec<String> {
    let table = source.read(region, Level::Records, &["name"]).unwrap();
    let Some(Data::Text(names)) = table.column("name") else { panic!("no names") };
    let overlaps = |row: &usize| table.start[*row] < region.end && table.end[*row] > region.start;
    let line = |row: usize| {
        let (start, end) = (table.start[row], table.end[row]);
        format!("{}\t{start}\t{end}\t{}", region.sequence, names.get(row))
    };
    sorted((0..table.len()).filter(overlaps).map(line))
}

#[test]
#[ignore = "needs other programs; run .ci/peers"]
fn bed_and_peaks_are_those_of_bedtools_and_tabix() {
    if !installed(&["bedtools", "tabix", "bgzip"]) {
        return;
    }
    let folder = Folder::new();
    let place = |(sequence, start, end, n): &Feature| {
        format!("{sequence}\t{start}\t{end}\tfeature {n}\t{}\t{}", n % 1000, strand(*n))
    };
    folder.write("x.bed", &lines(&features(900), place));
    let peak =
        |f: &Feature| format!("{}\t{}.5\t{}.25\t-1\t{}", place(f), f.3, f.3 % 77, (f.2 - f.1) / 2);
    folder.write("x.narrowPeak", &lines(&features(900), peak));
    for file in ["x.bed", "x.narrowPeak"] {
        folder.run("bgzip", &["-c", file, ">", &format!("{file}.gz")]);
    }
    folder.run("tabix", &["-p", "bed", "x.bed.gz"]);
    folder.run("tabix", &["-C", "-m", "12", "-p", "bed", "x.narrowPeak.gz"]);
    let backwards: Vec<_> = features(900).into_iter().rev().collect();
    folder.write("backwards.bed", &lines(&backwards, place));
    let copy = copied(&folder, "backwards.bed");
    for (sequence, first, last) in regions(1) {
        let (region, bases) = (format!("{sequence}:{first}-{last}"), (first - 1, last));
        let shown = ["sequence", "start", "end", "name", "score", "strand"];
        let truth = columns(&folder.run("tabix", &["x.bed.gz", &region]), &[0, 1, 2, 3, 4, 5]);
        for file in ["x.bed", "x.bed.gz"] {
            assert_eq!(
                folder.query(file, &region, "0").lines(bases, &shown),
                truth,
                "{file} {region}"
            );
        }
        let ours = named_rows(&*copy, &Region::new(sequence, first - 1, last));
        let truth = columns(&folder.run("tabix", &["x.bed.gz", &region]), &[0, 1, 2, 3]);
        assert_eq!(ours, truth, "{region}");
        folder.write("region.bed", &format!("{sequence}\t{}\t{last}\n", first - 1));
        let truth =
            folder.run("bedtools", &["intersect", "-u", "-a", "x.narrowPeak", "-b", "region.bed"]);
        let shown = ["start", "end", "name", "signal_value", "p_value", "q_value", "peak"];
        for file in ["x.narrowPeak", "x.narrowPeak.gz"] {
            let ours = folder.query(file, &region, "0").lines(bases, &shown);
            assert_eq!(ours, columns(&truth, &[1, 2, 3, 6, 7, 8, 9]), "{file} {region}");
        }
    }
}

/// Writes a bigInteract, and prints the records that pyBigWig finds in each region of the arguments.
const INTERACT: &str = r#"
import sys, pyBigWig, pybigtools
length, *regions = sys.argv[1:]
rows = [line.rstrip('\n').split('\t', 3) for line in open('x.txt')]
rows = [(name, int(start), int(end), rest) for name, start, end, rest in rows]
columns = ['string chrom', 'uint chromStart', 'uint chromEnd', 'string name', 'uint score', 'double value', 'string exp', 'string color']
for end in ['source', 'target']:
    columns += [kind.format(end) for kind in ['string {}Chrom', 'uint {}Start', 'uint {}End', 'string {}Name', 'string {}Strand']]
described = 'table interact\n"x"\n(\n' + ''.join(column + '; "x"\n' for column in columns) + ')'
lengths = {name: int(length) for name in ['chr1', 'chr2']}
pybigtools.open('x.bb', 'w').write(lengths, iter(rows), autosql=described)
# 5 of the 18 columns are those of BED, as bedToBigBed -type=bed5+13 writes.
with open('x.bb', 'r+b') as file:
    file.seek(32)
    file.write(bytes([18, 0, 5, 0]))
file = pyBigWig.open('x.bb')
for region in regions:
    name, start, end = region.split(':')
    for start, end, rest in file.entries(name, int(start), int(end)) or []:
        print(region, start, end, rest, sep='\t')
"#;

#[test]
#[ignore = "needs other programs; run .ci/peers"]
fn ends_of_a_big_interact_are_those_that_pybigwig_finds() {
    if !installed(&["pyBigWig", "pybigtools"]) {
        return;
    }
    let folder = Folder::new();
    // Each feature is paired with a later one; a record spans both.
    let all = features(600);
    let pair = |(a, b): (&Feature, &Feature)| {
        let (start, end) = (a.1.min(b.1), a.2.max(b.2));
        let end_of = |f: &Feature, name: &str| {
            format!("{}\t{}\t{}\t{name}{}\t{}", f.0, f.1, f.2, f.3, strand(f.3))
        };
        let both = format!("{}\t{}", end_of(a, "s"), end_of(b, "t"));
        (a.0, start, end, format!("i{}\t{}\t0.5\tx\t0\t{both}", a.3, a.3 % 1000))
    };
    let mut records: Vec<_> =
        all.iter().zip(&all[7..]).filter(|(a, b)| a.0 == b.0).map(pair).collect();
    records.sort();
    folder.write(
        "x.txt",
        &lines(&records, |(name, start, end, rest)| format!("{name}\t{start}\t{end}\t{rest}")),
    );
    let asked: Vec<String> = regions(9)
        .iter()
        .map(|(name, first, last)| format!("{name}:{}:{last}", first - 1))
        .collect();
    let length = crate::LENGTH.to_string();
    let mut arguments = vec!["-c", INTERACT, &length];
    arguments.extend(asked.iter().map(String::as_str));
    let found = folder.run(&python(), &arguments);
    for ((name, first, last), asked) in regions(9).into_iter().zip(&asked) {
        let mut truth = Vec::new();
        for line in found.lines().filter(|line| line.split('\t').next() == Some(asked)) {
            let fields: Vec<&str> = line.split('\t').skip(3).collect();
            for end in [5, 10] {
                let place = [1, 2].map(|at| fields[end + at].parse::<u32>().unwrap());
                let other = 15 - end;
                if place[0] < last && place[1] > first - 1 {
                    truth.push(format!(
                        "{}\t{}\t{}\t{}\t{}\t{}",
                        place[0],
                        place[1],
                        fields[end + 4],
                        fields[end + 3],
                        fields[other + 3],
                        fields[1]
                    ));
                }
            }
        }
        let shown = ["start", "end", "strand", "name", "other_name", "score"];
        let ours = folder.query("x.bb", &format!("{name}:{first}-{last}"), "0");
        assert_eq!(ours.lines((first - 1, last), &shown), sorted(truth.into_iter()), "{asked}");
    }
}
