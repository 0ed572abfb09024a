//! Ranks of reads, which are saved in the cache when the coverage is built. They equal the ranks
//! from counting all reads, and make counting unnecessary.

use crate::fixtures::{self, Fixture};
use crate::{names, read};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Options, Source, Spec};
use epivizrs::table::Table;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn cache() -> (TempDir, Context) {
    let folder = tempfile::tempdir().unwrap();
    let context = Context { cache: folder.path().into(), ..Context::default() };
    (folder, context)
}

/// Builds the coverage, and returns the path of the saved ranks.
fn make(fixture: &Fixture, context: &Context) -> PathBuf {
    let own = Spec { options: Options::default(), ..fixture.spec.clone() };
    open(&own, context).unwrap();
    saved(&context.cache).unwrap()
}

fn saved(folder: &Path) -> Option<PathBuf> {
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|ending| ending == "ranks"))
}

/// Returns the answers for regions all over both sequences, at every level.
fn answers(source: &dyn Source) -> Vec<(Region, Level, Table)> {
    let places = (0..300_000).step_by(17_011);
    let regions = places.flat_map(|at| {
        [("chr1", at, 700), ("chr2", at + 90, 9_000)]
            .map(|(name, start, width)| Region::new(name, start, start + width))
    });
    let levels: Vec<Level> = source.shape().levels().collect();
    let asked = regions.flat_map(|region| levels.iter().map(move |level| (region.clone(), *level)));
    asked.map(|(region, level)| (region.clone(), level, read(source, &region, level))).collect()
}

#[test]
fn saved_ranks_are_those_of_all_reads() {
    for fixture in fixtures::many_reads() {
        let ((_one, before), (_other, after)) = (cache(), cache());
        make(&fixture, &after);
        let counted = answers(&*open(&fixture.spec, &before).unwrap());
        let found = answers(&*open(&fixture.spec, &after).unwrap());
        assert_eq!(saved(&before.cache), None);
        let (mut far, mut thinned) = (0, 0);
        for ((region, level, table), (_, _, expected)) in found.iter().zip(&counted) {
            assert_eq!(table, expected, "{} {region} {level}", fixture.name);
            thinned += usize::from(*level != Level::Records && table.first_rank > 640);
            if *level != Level::Records || table.is_empty() {
                continue;
            }
            let mut rows = fixture.on(&region.sequence);
            let rank = rows.position(|row| row.end > region.start).unwrap() as u64;
            assert_eq!(table.first_rank, rank, "{} {region}", fixture.name);
            far += usize::from(rank > 640);
        }
        assert!(far > 5 && thinned > 5, "{far} {thinned}");
    }
}

#[test]
fn with_saved_ranks_only_the_reads_of_the_view_are_read() {
    for fixture in fixtures::many_reads() {
        let ((_one, before), (_other, after)) = (cache(), cache());
        make(&fixture, &after);
        let (file, time) = (fixture.spec.input.path(), "the file's time");
        let time = std::fs::metadata(file).unwrap().modified().expect(time);
        let mut bytes = std::fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(file, bytes).unwrap();
        std::fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
        let region = Region::new("chr1", 0, 2_000);
        let read = |context| {
            let source = open(&fixture.spec, context).unwrap();
            source.read(&region, Level::Records, &names(&*source)).map(|table| table.len())
        };
        let rows = fixture.on("chr1").filter(|row| row.start < region.end).count();
        assert_eq!(read(&after).unwrap(), rows, "{}", fixture.name);
        assert!(read(&before).is_err(), "{}", fixture.name);
    }
}

#[test]
fn damaged_ranks_are_ignored_and_built_again() {
    for fixture in fixtures::many_reads() {
        let (_folder, context) = cache();
        let path = make(&fixture, &context);
        let source = || open(&fixture.spec, &context).unwrap();
        let expected = answers(&*source());
        let whole = std::fs::read(&path).unwrap();
        for (at, length) in
            [(9, whole.len()), (20, whole.len()), (3000, whole.len()), (1, whole.len() / 2)]
        {
            let mut bytes = whole[..length].to_vec();
            bytes[at] ^= 4;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(answers(&*source()), expected, "{}", fixture.name);
            assert_eq!(saved(&context.cache), None);
            assert_eq!(make(&fixture, &context), path);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }
}
