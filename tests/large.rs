//! Large files without an index: served by region from a copy in the cache, as if they were held
//! in memory.

use epivizrs::genome::Region;
use epivizrs::source::{Context, Level, Options, Progress, Shape, Source, Spec, open};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const HEADER: &str = "##fileformat=VCFv4.3\n\
    ##INFO=<ID=DP,Number=1,Type=Integer,Description=\"d\">\n\
    #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
const LENGTH: u32 = 3_000_000;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.0 >> 33) % u64::from(limit)) as u32
    }
}

/// Variants of three sequences, sorted by start as tabix wants them: several at one place, long
/// ones, some across the edges of bins, beyond what a tabix index can hold.
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

/// The same lines in an order that is none.
fn shuffled(mut lines: Vec<String>) -> Vec<String> {
    let mut dice = Dice(11);
    for last in (1..lines.len()).rev() {
        lines.swap(last, dice.below(last as u32 + 1) as usize);
    }
    lines
}

struct Folder(TempDir);

impl Folder {
    fn new(lines: &[String]) -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::write(folder.file(), format!("{HEADER}{}\n", lines.join("\n"))).unwrap();
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("x.vcf")
    }

    fn open(&self, in_memory: u64, progress: Progress) -> Result<Box<dyn Source>, String> {
        let cache = self.0.path().join("cache");
        let context = Context { cache, in_memory, progress, ..Context::default() };
        let options = Options { info: Some(vec!["DP".into()]), ..Options::default() };
        let spec = Spec { options, ..Spec::file(self.file()) };
        open(&spec, &context).map_err(|error| error.to_string())
    }

    /// As a file is opened that is larger than what may be held in memory, by far.
    fn large(&self) -> Result<Box<dyn Source>, String> {
        self.open(10_000, Progress::default())
    }

    /// The files in the cache that end so.
    fn cached(&self, ending: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.0.path().join("cache")).into_iter().flatten();
        let files = files.map(|file| file.unwrap().path());
        files.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
    }

    /// Asks both for the same.
    fn is_as_in_memory(&self) {
        let [large, small] = [self.large(), self.open(u64::MAX, Progress::default())];
        same(&*large.unwrap(), &*small.unwrap());
    }
}

fn same(large: &dyn Source, small: &dyn Source) {
    let names = |source: &dyn Source| -> Vec<_> {
        source.sequences().iter().map(|sequence| (sequence.name.clone(), sequence.length)).collect()
    };
    assert_eq!(names(large), names(small));
    assert_eq!(large.columns().len(), small.columns().len());
    let columns: Vec<_> = small.columns().iter().map(|column| &*column.name).collect();
    let mut dice = Dice(13);
    for (name, length) in names(small) {
        let first = length.saturating_sub(LENGTH + 300_000);
        let mut regions = vec![Region::new(name.clone(), 0, u32::MAX)];
        regions.extend((0..8).map(|_| {
            let start = first + dice.below(LENGTH);
            let width = [1, 300, 40_000, 1_000_000][dice.below(4) as usize];
            Region::new(name.clone(), start, start + width)
        }));
        for (region, level) in
            regions.iter().flat_map(|region| Shape::Features.levels().map(move |l| (region, l)))
        {
            let read = |source: &dyn Source| source.read(region, level, &columns).unwrap();
            let (large, small) = (read(large), read(small));
            if small.is_empty() && large.is_empty() {
                continue;
            }
            // Numbers that are none equal none, but look alike.
            assert_eq!(format!("{large:?}"), format!("{small:?}"), "{region:?} {level}");
        }
        let whole = &regions[0];
        assert_eq!(large.rows(whole, Level::Records), small.rows(whole, Level::Records));
        assert_eq!(large.read(whole, Level::Records, &[]).unwrap().len(), 1500);
    }
}

#[test]
fn a_sorted_file_is_served_as_if_it_were_in_memory() {
    Folder::new(&lines()).is_as_in_memory();
}

#[test]
fn an_unsorted_file_is_sorted_and_served_as_if_it_were_in_memory() {
    let folder = Folder::new(&shuffled(lines()));
    folder.is_as_in_memory();
    assert!(folder.cached(".runs").is_empty());
}

#[test]
fn sequences_that_come_in_pieces_are_sorted_too() {
    let (mut first, mut second) = (lines(), Vec::new());
    second.extend(first.split_off(700));
    second.append(&mut first);
    Folder::new(&second).is_as_in_memory();
}

#[test]
fn a_wrong_line_is_named_by_its_number_in_the_file() {
    let wrong = [
        ("chr1\tx\tv\tA\tG\t.\t.\t.", "POS (column 2) is not a whole number: 'x'"),
        ("far\t2000000001\tv\tA\tG\thigh\t.\t.", "qual is not a number: 'high'"),
        ("far\t2000000001\tv\tA\tG\t.\t.\tDP=deep", "DP is not a number: 'deep'"),
    ];
    for (line, what) in wrong {
        for mut lines in [lines(), shuffled(lines())] {
            lines.push(line.to_owned());
            let folder = Folder::new(&lines);
            let error = folder.large().err().unwrap();
            let place = format!("{}, line {}:", folder.file().display(), 3 + lines.len());
            assert!(error.contains(&place) && error.contains(what), "{error}");
            let left = [".bgz", ".csi", ".runs"].map(|ending| folder.cached(ending).len());
            assert_eq!(left, [0; 3]);
        }
    }
}

#[test]
fn the_copy_is_made_once() {
    let folder = Folder::new(&lines());
    let times = || {
        let told = Arc::new(AtomicU32::new(0));
        let teller = told.clone();
        let progress = Progress::to(move |_, part| {
            teller.fetch_add(u32::from(part.is_some()), Ordering::Relaxed);
        });
        folder.open(10_000, progress).unwrap();
        told.load(Ordering::Relaxed)
    };
    assert!(times() > 0);
    assert_eq!(times(), 0);
}

#[test]
fn what_a_crash_left_is_made_anew() {
    let folder = Folder::new(&shuffled(lines()));
    folder.large().unwrap();
    let (copies, indexes) = (folder.cached(".bgz"), folder.cached(".csi"));
    let ([copy], [index]) = (&copies[..], &indexes[..]) else { panic!("{copies:?} {indexes:?}") };
    let whole = fs::read(copy).unwrap();
    let junk = |path: &Path| fs::write(path, "half of something").unwrap();
    // It died while it merged; while it wrote the index; before the copy got its name.
    fs::remove_file(copy).unwrap();
    junk(&copy.with_extension("runs"));
    junk(&copy.with_extension("bgz.part"));
    junk(index);
    folder.is_as_in_memory();
    assert_eq!(fs::read(copy).unwrap(), whole);
    assert!(folder.cached(".runs").is_empty() && folder.cached(".part").is_empty());
    // Somebody tidied up.
    fs::remove_file(index).unwrap();
    folder.is_as_in_memory();
}
