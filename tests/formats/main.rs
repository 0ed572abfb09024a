//! Checks the contract of [`epivizrs::source::Source`] with every format in `FORMATS`.
//!
//! Each format has a fixture, a file that the test writes with its expected contents, so that every
//! answer can be compared with an independent calculation.

mod alignments;
mod bbi;
mod bcf;
mod companions;
mod coordinates;
mod corpus;
mod cram;
mod damaged;
mod damaged_block;
mod fixtures;
mod handles;
mod joined;
mod large;
mod malformed;
mod prepared;
mod ranks;
mod remote;
mod tabix;

use epivizrs::genome::Region;
use epivizrs::source::formats::FORMATS;
use epivizrs::source::{ColumnKind, Context, Level, Shape, Source};
use epivizrs::table::{Data, Table};
use fixtures::{Fixture, Row};
use proptest::prelude::*;
use std::sync::{LazyLock, OnceLock};

/// Returns the fixtures of every format, with the sources that the program opens.
fn all() -> &'static [(Fixture, Box<dyn Source>)] {
    static ALL: OnceLock<Vec<(Fixture, Box<dyn Source>)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let fixtures = FORMATS.iter().flat_map(|format| {
            let fixtures = fixtures::of(format.name);
            assert!(!fixtures.is_empty(), "{} has no fixture", format.name);
            fixtures
        });
        fixtures
            .map(|fixture| {
                let source =
                    fixture.open(&fixture.spec).unwrap_or_else(|e| panic!("{}: {e}", fixture.name));
                (fixture, source)
            })
            .collect()
    })
}

/// Returns a context with a cache folder for the tests.
fn context() -> Context {
    static CACHE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    Context { cache: CACHE.path().into(), ..Context::default() }
}

fn names(source: &dyn Source) -> Vec<&str> {
    source.columns().iter().map(|column| &*column.name).collect()
}

fn read(source: &dyn Source, region: &Region, level: Level) -> Table {
    source.read(region, level, &names(source)).unwrap()
}

fn whole(source: &dyn Source, sequence: &str) -> Region {
    let length = source.sequences().get(sequence).unwrap().length;
    Region::new(sequence, 0, length)
}

/// Returns the rows of a table as text, so that they can be compared one by one; NaN equals NaN.
fn rows(table: &Table) -> Vec<String> {
    let cell = |data: &Data, row: usize| match data {
        Data::Text(texts) => texts.get(row).to_owned(),
        numbers => format!("{:?}", numbers.number(row)),
    };
    let line = |row: usize| {
        let cells: Vec<_> = table.columns.iter().map(|column| cell(&column.data, row)).collect();
        let strand = table.strand.get(row);
        format!("{} {} {strand:?} {cells:?}", table.start[row], table.end[row])
    };
    (0..table.len()).map(line).collect()
}

fn levels(shape: Shape) -> Vec<Level> {
    shape.levels().filter(|level| level.width() <= 1 << 20).collect()
}

#[test]
fn records_are_those_of_the_file() {
    for (fixture, source) in all() {
        if source.shape() == Shape::Dense {
            continue;
        }
        for sequence in fixture.sequences() {
            let table = read(&**source, &whole(&**source, sequence), Level::Records);
            let mut truth: Vec<&Row> = fixture.on(sequence).collect();
            truth.sort_by_key(|row| (row.start, row.end));
            assert_eq!(table.first_rank, 0, "{}", fixture.name);
            assert_eq!(table.start, truth.iter().map(|row| row.start).collect::<Vec<_>>());
            assert_eq!(table.end, truth.iter().map(|row| row.end).collect::<Vec<_>>());
            for (name, expected) in fixture.columns {
                let data = table.column(name).unwrap_or_else(|| panic!("{} {name}", fixture.name));
                for (index, row) in truth.iter().enumerate() {
                    let cell = match data {
                        Data::Text(texts) => texts.get(index).to_owned(),
                        numbers => numbers.number(index).to_string(),
                    };
                    assert_eq!(cell, expected(row), "{} {name} {row:?}", fixture.name);
                }
            }
        }
    }
}

#[test]
fn signals_are_the_means_of_their_records() {
    for (fixture, source) in all() {
        if !matches!(source.shape(), Shape::Dense | Shape::Sparse) {
            continue;
        }
        for sequence in fixture.sequences() {
            let region = whole(&**source, sequence);
            for level in levels(source.shape()).into_iter().filter(|level| *level != Level::Records)
            {
                let table = read(&**source, &region, level);
                let truth = fixture.means(sequence, level.width(), region.end);
                let expected: Vec<_> = match source.shape() {
                    Shape::Dense => truth,
                    _ => truth.into_iter().filter(|(_, mean)| mean.is_some()).collect(),
                };
                assert_eq!(table.len(), expected.len(), "{} {level}", fixture.name);
                for (row, (bin, mean)) in expected.into_iter().enumerate() {
                    assert_eq!(table.start[row], bin * level.width());
                    assert_eq!(table.end[row], ((bin + 1) * level.width()).min(region.end));
                    let value = table.columns[0].data.number(row);
                    // Pages scale their axes to the range.
                    if let ColumnKind::Number(Some((low, high))) = source.columns()[0].kind {
                        let (low, high) = (low - 1e-6, high + 1e-6);
                        let inside = value.is_nan() || (low..=high).contains(&value);
                        assert!(inside, "{} {level} bin {bin}: {value}", fixture.name);
                    }
                    match mean {
                        Some(mean) => assert!(
                            (value - mean).abs() <= 1e-6 * mean.abs().max(1.0),
                            "{} {level} bin {bin}: {value}, not {mean}",
                            fixture.name
                        ),
                        None => assert!(value.is_nan(), "{} {level} bin {bin}", fixture.name),
                    }
                }
            }
        }
    }
}

/// proptest prints a failing input, but writes no file.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    /// Rows are not clipped, and have their rank in the sequence. The answer for a region is a
    /// contiguous run of the rows of the sequence, from the first row that overlaps the region to
    /// the last row that starts before its end. (If the run ended with the last row that overlaps,
    /// short rows that lie below a long one could be missing between two answers.)
    #[test]
    fn any_answer_is_a_contiguous_run_of_rows(
        pick in any::<prop::sample::Index>(), sequence in any::<prop::sample::Index>(),
        level in any::<prop::sample::Index>(), start in 0.0..1.0f64, width in 0.0..1.0f64,
    ) {
        let (fixture, source) = &all()[pick.index(all().len())];
        let sequences = fixture.sequences();
        let sequence = sequences[sequence.index(sequences.len())];
        let levels = levels(source.shape());
        let level = levels[level.index(levels.len())];
        let all_of_it = whole(&**source, sequence);
        let first = (start * f64::from(all_of_it.end)) as u32;
        // Widths of all magnitudes, from one base to beyond the end.
        let last = first + 1 + f64::from(all_of_it.end).powf(width) as u32;
        let region = Region::new(sequence, first, last);

        let everything = read(&**source, &all_of_it, level);
        let answer = read(&**source, &region, level);
        let overlaps = |row: &usize| {
            let (start, end) = (everything.start[*row], everything.end[*row]);
            start < region.end && end.max(start + 1) > region.start
        };
        let overlapping: Vec<usize> = (0..everything.len()).filter(overlaps).collect();
        let behind = everything.start.iter().filter(|start| **start < region.end).count();
        let run = overlapping.first().map_or(0..0, |first| *first..behind);
        prop_assert_eq!(rows(&answer), &rows(&everything)[run.clone()], "{} {} {}", fixture.name, level, region);
        if !answer.is_empty() {
            prop_assert_eq!(answer.first_rank, run.start as u64);
        }
        prop_assert!(answer.start.is_sorted());
        // The announced number may be an estimate, within these limits.
        let tolerated = match source.shape() {
            Shape::Dense => 1,
            _ if fixture.by_region => 128,
            Shape::Sparse => 128,
            Shape::Features | Shape::Genes | Shape::Reads | Shape::Bases => 0,
        };
        let announced = source.rows(&region, level);
        prop_assert!(announced.abs_diff(answer.len() as u64) <= tolerated, "{announced} rows announced");
    }

    /// Adjacent answers can be joined by rank, as the page does, without missing or repeated rows.
    #[test]
    fn adjacent_answers_can_be_joined(
        pick in any::<prop::sample::Index>(), level in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(0.0..1.0f64, 1..12),
    ) {
        let (fixture, source) = &all()[pick.index(all().len())];
        let sequence = fixture.sequences()[0];
        let levels = levels(source.shape());
        let level = levels[level.index(levels.len())];
        let all_of_it = whole(&**source, sequence);
        let mut cuts: Vec<u32> = cuts.iter().map(|cut| (cut * f64::from(all_of_it.end)) as u32).collect();
        cuts.extend([0, all_of_it.end]);
        cuts.sort_unstable();
        let mut joined: Vec<String> = Vec::new();
        for piece in cuts.windows(2) {
            let table = read(&**source, &Region::new(sequence, piece[0], piece[1]), level);
            if table.is_empty() {
                continue;
            }
            let known = joined.len() as u64;
            prop_assert!(table.first_rank <= known, "{} {}: a gap before {}", fixture.name, level, table.first_rank);
            joined.extend(rows(&table).into_iter().skip((known - table.first_rank) as usize));
        }
        prop_assert_eq!(joined, rows(&read(&**source, &all_of_it, level)), "{} {}", fixture.name, level);
    }
}

#[test]
fn a_region_without_rows_has_an_empty_answer() {
    for (fixture, source) in all() {
        let names = names(&**source);
        for region in
            [Region::new("chrUnknown", 0, 1000), Region::new(fixture.sequences()[0], 500, 500)]
        {
            let table =
                source.read(&region, source.shape().levels().next().unwrap(), &names).unwrap();
            assert!(table.is_empty(), "{}", fixture.name);
            let columns: Vec<_> = table.columns.iter().map(|column| &*column.name).collect();
            assert_eq!(columns, names, "{}", fixture.name);
            assert!(table.columns.iter().all(|column| column.data.is_empty()), "{}", fixture.name);
        }
    }
}

#[test]
fn an_error_about_an_unknown_column_lists_the_known_ones() {
    for (fixture, source) in all() {
        let region = whole(&**source, fixture.sequences()[0]);
        let level = source.shape().levels().next().unwrap();
        let error = source.read(&region, level, &["no such column"]).unwrap_err().to_string();
        for name in names(&**source) {
            assert!(error.contains(name), "{}: {error}", fixture.name);
        }
    }
}

#[test]
fn the_first_view_has_data() {
    for (fixture, source) in all() {
        let view = source.first_view().unwrap_or_else(|| panic!("{}", fixture.name));
        let mut levels = source.shape().levels().rev();
        let level = levels.find(|level| level.width() <= 1 << 16).unwrap();
        assert!(!read(&**source, &view, level).is_empty(), "{} {view}", fixture.name);
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// A damaged file gives an error, or rows if the damage cannot be detected; never a panic.
    #[test]
    fn damage_is_an_error_that_names_the_file(
        pick in any::<prop::sample::Index>(), cut in 0.0..1.0f64,
        flips in prop::collection::vec((0.0..1.0f64, any::<u8>()), 0..6), level in 0usize..20,
    ) {
        let (fixture, _) = &all()[pick.index(all().len())];
        let mut bytes = std::fs::read(fixture.spec.input.path()).unwrap();
        let cut = if flips.is_empty() { cut } else { 1.0 };
        bytes.truncate((cut * bytes.len() as f64) as usize);
        for (at, byte) in flips {
            let at = (at * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        let damaged = fixture.with_bytes(&bytes);
        let named = |error: epivizrs::error::Error| {
            let text = error.to_string();
            prop_assert!(text.contains(&*damaged.input.path().to_string_lossy()), "{}", text);
            prop_assert!(!text.contains('\n'), "{}", text);
            Ok(())
        };
        match fixture.open(&damaged) {
            Err(error) => named(error)?,
            Ok(source) => for sequence in source.sequences() {
                let region = Region::new(sequence.name, 0, sequence.length);
                let level = source.shape().levels().cycle().nth(level).unwrap();
                if let Err(error) = source.read(&region, level, &[]) {
                    named(error)?;
                }
            }
        }
    }
}
