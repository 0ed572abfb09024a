//! BED, by region from an index and from a copy, and in memory.

use super::tools::{Folder, installed, sorted};
use super::{Feature, columns, features, lines, regions, strand};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Source, Spec};
use epivizrs::table::Data;

/// A file that is read by region from a copy, as if it were large.
fn copied(folder: &Folder, name: &str) -> Box<dyn Source> {
    let cache = folder.path("cache");
    open(&Spec::file(folder.path(name)), &Context { cache, in_memory: 0, ..Context::default() })
        .unwrap()
}

/// The rows with a base in the region, and their names.
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
#[ignore = "asks other programs: .ci/peers"]
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
