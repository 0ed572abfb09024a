//! Large files without an index: they are read by region from a copy in the cache, and give the
//! same answers as files in memory.

mod background;
mod genes;
mod methyl;
mod pairs;
mod rows;
mod vcf;

use epivizrs::bytes::Progress;
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Options, Shape, Source, Spec};
use epivizrs::table::{Data, Table};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The length of the part of a sequence that has rows.
const LENGTH: u32 = 3_000_000;

/// A pseudorandom number generator with the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.0 >> 33) % u64::from(limit)) as u32
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u32) as usize]
    }

    /// Returns the lines in random order.
    fn shuffle(&mut self, mut lines: Vec<String>) -> Vec<String> {
        for last in (1..lines.len()).rev() {
            lines.swap(last, self.below(last as u32 + 1) as usize);
        }
        lines
    }
}

fn shuffled(lines: Vec<String>) -> Vec<String> {
    Dice(11).shuffle(lines)
}

/// A folder with a file, and another for the cache.
struct Folder {
    folder: TempDir,
    name: &'static str,
    options: Options,
}

impl Folder {
    fn new(name: &'static str, header: &str, lines: &[String]) -> Self {
        let folder =
            Folder { folder: tempfile::tempdir().unwrap(), name, options: Options::default() };
        fs::write(folder.file(), format!("{header}{}\n", lines.join("\n"))).unwrap();
        folder
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn spec(&self) -> Spec {
        Spec { options: self.options.clone(), ..Spec::file(self.file()) }
    }

    fn context(&self, in_memory: u64) -> Context {
        Context { cache: self.folder.path().join("cache"), in_memory, ..Context::default() }
    }

    fn open(&self, context: &Context) -> Result<Box<dyn Source>, String> {
        open(&self.spec(), context).map_err(|error| error.to_string())
    }

    /// Opens the file as if it were too large for memory.
    fn large(&self) -> Result<Box<dyn Source>, String> {
        self.open(&self.context(10_000))
    }

    fn small(&self) -> Result<Box<dyn Source>, String> {
        self.open(&self.context(u64::MAX))
    }

    /// Returns the files in the cache whose names have this ending.
    fn cached(&self, ending: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder.path().join("cache")).into_iter().flatten();
        let files = files.map(|file| file.unwrap().path());
        files.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
    }

    /// Asserts that the file gives the same answers from a copy as from memory.
    fn is_as_in_memory(&self) {
        let (large, small) = (self.large().unwrap(), self.small().unwrap());
        assert_eq!(large.memory(), 0, "the file must not be in memory");
        assert_eq!(self.cached(".bgz").len(), 1);
        same(&*large, &*small);
    }

    /// Asserts that the error names this line, and that nothing of the copy is left.
    fn is_refused(&self, line: usize, what: &str) {
        let error = self.large().err().unwrap();
        let place = format!("{}, line {line}:", self.file().display());
        assert!(error.contains(&place) && error.contains(what), "{error}");
        let left = [".bgz", ".csi", ".part"].map(|ending| self.cached(ending).len());
        assert_eq!(left, [0; 3]);
    }

    /// Returns how often progress is reported while the file is opened.
    fn told(&self) -> u32 {
        let told = Arc::new(AtomicU32::new(0));
        let teller = told.clone();
        let progress = Progress::to(move |_, part| {
            teller.fetch_add(u32::from(part.is_some()), Ordering::Relaxed);
        });
        self.open(&Context { progress, ..self.context(10_000) }).unwrap();
        told.load(Ordering::Relaxed)
    }
}

fn same(large: &dyn Source, small: &dyn Source) {
    let names = |source: &dyn Source| -> Vec<_> {
        source
            .sequences()
            .iter()
            .map(|sequence| (sequence.name.to_owned(), sequence.length))
            .collect()
    };
    assert_eq!(names(large), names(small));
    assert_eq!(large.shape(), small.shape());
    let columns = |source: &dyn Source| -> Vec<_> {
        source.columns().iter().map(|column| column.name.to_string()).collect()
    };
    assert_eq!(columns(large), columns(small));
    let columns = columns(small);
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    let mut dice = Dice(13);
    for (name, length) in names(small) {
        let first = length.saturating_sub(LENGTH + 300_000);
        let mut regions = vec![Region::new(name.clone(), 0, u32::MAX)];
        regions.extend((0..5).map(|_| {
            let start = first + dice.below(LENGTH);
            let width = [1, 300, 40_000, 1_000_000][dice.below(4) as usize];
            Region::new(name.clone(), start, start + width)
        }));
        for (region, level) in
            regions.iter().flat_map(|region| Shape::Features.levels().map(move |l| (region, l)))
        {
            let read = |source: &dyn Source| source.read(region, level, &columns).unwrap();
            let (large, small) = (read(large), read(small));
            assert!(are_alike(&large, &small), "{region} {level}");
        }
        let whole = &regions[0];
        let count = large.read(whole, Level::Records, &[]).unwrap().len() as u64;
        assert!(count > 100, "{count}");
        assert_eq!(small.rows(whole, Level::Records), count);
        if large.is_counted() {
            assert_eq!(large.rows(whole, Level::Records), count);
        }
    }
}

fn are_alike(a: &Table, b: &Table) -> bool {
    // A table may leave out the strands if no row has one.
    let strand = |table: &Table, row: usize| table.strand.get(row).copied().unwrap_or_default();
    // NaN equals NaN.
    let cells = |a: &Data, b: &Data| match (a, b) {
        (Data::Text(a), Data::Text(b)) => a == b,
        (Data::Text(_), _) | (_, Data::Text(_)) => false,
        _ => (0..a.len()).all(|row| a.number(row).to_bits() == b.number(row).to_bits()),
    };
    let mut columns = a.columns.iter().zip(&b.columns);
    (a.is_empty() && b.is_empty())
        || ((a.first_rank, &a.start, &a.end) == (b.first_rank, &b.start, &b.end)
            && (0..a.len()).all(|row| strand(a, row) == strand(b, row))
            && columns.all(|(a, b)| a.name == b.name && cells(&a.data, &b.data)))
}

/// Asserts that a copy is written again if a process ended while it wrote the copy.
fn after_a_crash(folder: &Folder) {
    folder.large().unwrap();
    let (copies, indexes) = (folder.cached(".bgz"), folder.cached(".csi"));
    let ([copy], [index]) = (&copies[..], &indexes[..]) else { panic!("{copies:?} {indexes:?}") };
    let whole = fs::read(copy).unwrap();
    let junk = |path: &Path| fs::write(path, "half of something").unwrap();
    // The process ended while it merged, while it wrote the index, or before it renamed the copy.
    fs::remove_file(copy).unwrap();
    junk(&copy.with_extension("bgz.runs.part"));
    junk(&copy.with_extension("bgz.part"));
    junk(index);
    folder.is_as_in_memory();
    assert_eq!(fs::read(copy).unwrap(), whole);
    // The index was deleted.
    fs::remove_file(index).unwrap();
    folder.is_as_in_memory();
}
