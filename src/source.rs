//! Sources: whatever yields rows of a region, a file or a generator.
//!
//! [`Source`] is the contract that everything stands on; [`FORMATS`] is the one list of file
//! formats. A format costs its own file and one word in that list.

mod alignment;
mod bam;
mod bbi;
mod bed;
mod bed12;
mod bedmethyl;
mod bedpe;
mod bgzf;
mod bigbed;
mod bigwig;
mod binning;
mod bins;
mod cache;
mod context;
mod cram;
mod density;
mod fields;
mod genepred;
mod genes;
mod gff;
mod held;
mod indexed;
mod input;
mod level;
mod making;
mod matrix;
mod mock;
mod names;
mod packed;
mod packing;
mod places;
mod pool;
mod records;
mod sheet;
mod sorted;
mod spec;
mod tabix;
mod text;
mod ucsc;
mod vcf;
mod wig;

pub use context::{Context, Progress};
pub use density::Density;
pub(crate) use density::total;
pub use genes::Unit;
pub use input::Input;
pub use level::{CLOSE, Level, Shape, WIDEST};
pub use making::Making;
pub use mock::Mock;
pub use names::{Closeness, Hit};
pub use places::{Place, Places};
pub use records::{Records, Rows, Use};
pub use spec::{KEYS, Missing, Options, Spec, Summary, unknown};

use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::table::Table;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A column that a source can give.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnInfo {
    /// The name by which it is asked for.
    pub name: Arc<str>,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ColumnKind {
    /// Text: served as metadata of the rows.
    Text,
    /// Numbers that can be plotted, with their smallest and largest value if that is known
    /// without reading the whole file.
    Number(Option<(f64, f64)>),
}

/// Yields rows of a region. Calls block (parsers do); [`crate::catalog::Catalog`] is the one door
/// between them and the asynchronous world.
///
/// The contract, checked for every format by `tests/formats`:
/// 1. Rows are sorted by start, are *not* clipped at the region's edges, and are one contiguous run
///    of ranks, from the first that overlaps to the last that starts before the region's end: the
///    page joins neighbouring answers by rank and must find no hole, so a row that lies between
///    two that overlap is given too.
/// 2. The same row has the same rank in every answer of that level.
/// 3. Answers for neighbouring regions join without loss; what both hold has equal ranks.
/// 4. Nothing there: an empty table that has every column. Unknown sequence: the same. Unknown
///    column: an error that lists the known ones.
/// 5. Bad data is an error that names file and place; never a panic, a skip or a silent zero.
pub trait Source: Send + Sync + 'static {
    /// How the source is to be served and drawn.
    fn shape(&self) -> Shape;

    /// The sequences that have rows, as the file names them; lengths as far as it knows them, else
    /// the end of the last row.
    fn sequences(&self) -> &Sequences;

    /// Whether the lengths in [`Source::sequences`] are those of the assembly (the file states
    /// them), not just the end of the last row.
    fn knows_lengths(&self) -> bool {
        false
    }

    /// The columns that [`Source::read`] can give.
    fn columns(&self) -> &[ColumnInfo];

    /// Number of rows that [`Source::read`] would give; may be an estimate until
    /// [`Source::count_rows`] has been called, must not read files.
    fn rows(&self, region: &Region, level: Level) -> u64;

    /// Reads what it takes for [`Source::rows`] of a sequence to follow from the data alone: the
    /// same whenever asked, and exact to a hundred or so.
    ///
    /// # Errors
    /// As [`Source::read`], but for unknown columns.
    fn count_rows(&self, sequence: &str) -> Result<()> {
        let _ = sequence;
        Ok(())
    }

    /// Whether [`Source::rows`] knows exactly how many records a whole sequence has, before any are
    /// read.
    fn is_counted(&self) -> bool {
        true
    }

    /// A region worth showing first; none if there is no data.
    fn first_view(&self) -> Option<Region>;

    /// The rows that overlap `region` at `level`, with the `columns` asked for, in that order.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown column, [`Error::Data`] and [`Error::Io`] for the file's
    /// faults.
    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table>;

    /// How many rows start in each bin of 2^`shift` bases that overlaps `region`, in order. By
    /// default all rows of these bins are read.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn starts(&self, region: &Region, shift: u8) -> Result<Vec<u32>> {
        density::starts_by_reading(self, region, shift)
    }

    /// How many rows of all sequences a level keeps; none if it takes reading files to tell.
    fn kept(&self, level: Level) -> Option<u64> {
        let _ = level;
        None
    }

    /// Number of bases that have data, if the source is a signal and its file says so.
    fn covered(&self) -> Option<u64> {
        None
    }

    /// The memory in bytes that its rows take, about; nothing for what is read from the file when
    /// asked for.
    fn memory(&self) -> u64 {
        0
    }

    /// How far it is, if it is still being made: until then it has no rows, and its sequences,
    /// its shape and its columns are what the beginning of the file shows.
    fn making(&self) -> Option<&Arc<Making>> {
        None
    }

    /// What is known of a column besides its values: keys and values, such as `tissue`, `colon`.
    fn annotation(&self, column: &str) -> BTreeMap<String, String> {
        let _ = column;
        BTreeMap::new()
    }

    /// Tells where its genes lie, if it has any.
    fn add_places(&self, places: &mut Places) {
        let _ = places;
    }

    /// Rows whose name contains `text` in any case, best first, at most `limit`.
    fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        let _ = (text, limit);
        Vec::new()
    }
}

/// A file format.
pub struct Format {
    /// Its name, as in `format=bed`.
    pub name: &'static str,
    /// File name endings, without the dot and without `.gz`.
    pub extensions: &'static [&'static str],
    /// One line for the README's table: what it is served as.
    pub about: &'static str,
    /// Whether a file that begins like this is of the format. Given the first bytes, unpacked.
    pub sniff: fn(&[u8]) -> bool,
    /// Opens a file.
    pub open: fn(&Input, &Options, &Context) -> Result<Box<dyn Source>>,
}

/// One of the sources that a file is served as.
#[derive(Clone)]
pub struct Part {
    /// What stands beside the file's own rows or values, such as `reads` beside a coverage; none
    /// for those.
    pub beside: Option<&'static str>,
    /// Its rows or values.
    pub source: Arc<dyn Source>,
}

/// The formats whose files are served as another one too.
const BESIDE: &[(&str, &Format)] =
    &[(bam::COVERAGE.name, &bam::READS), (cram::COVERAGE.name, &bam::READS)];

/// Every format, in the order in which contents are tried: the most telling first.
pub const FORMATS: &[Format] = &[
    bigwig::FORMAT,
    bigbed::FORMAT,
    vcf::FORMAT,
    vcf::BCF,
    bam::COVERAGE,
    cram::COVERAGE,
    bam::READS,
    wig::WIG,
    gff::GFF3,
    gff::GTF,
    genepred::FORMAT,
    bedmethyl::FORMAT,
    bedpe::INTERACT,
    bedpe::BEDPE,
    bed12::FORMAT,
    ucsc::FORMAT,
    matrix::FORMAT,
    bed::FORMAT,
    wig::BEDGRAPH,
];

/// Opens the source that `spec` names: the file's own rows or values. Its format is the one that
/// `format=` says, else the one its content shows, else the one its name ends in.
///
/// # Errors
/// [`Error::Input`] if no format fits; otherwise as [`Source::read`].
pub fn open(spec: &Spec, context: &Context) -> Result<Box<dyn Source>> {
    let source = open_as(format_of(spec)?, spec, context)?;
    check_columns(spec, source.columns())?;
    Ok(source)
}

/// Opens all that a file is served as: first its own rows or values, then what stands beside them.
/// The latter is a courtesy: what cannot be given is a warning.
///
/// # Errors
/// As [`open`].
pub fn open_all(spec: &Spec, context: &Context) -> Result<Vec<Part>> {
    let format = format_of(spec)?;
    let own = open_as(format, spec, context)?;
    let mut parts = vec![Part { beside: None, source: own.into() }];
    let others = BESIDE.iter().filter(|(name, _)| *name == format.name);
    for other in others.map(|(_, other)| *other) {
        // The columns that the user chose may be those of either.
        let options = Options { columns: None, ..spec.options.clone() };
        match (other.open)(&spec.input, &options, context) {
            Ok(source) => parts.push(Part { beside: Some(other.name), source: source.into() }),
            Err(error) => tracing::warn!("without its {}: {error}", other.name),
        }
    }
    parts.extend(Density::beside(&parts[0].source));
    let known: Vec<_> = parts.iter().flat_map(|part| part.source.columns()).cloned().collect();
    check_columns(spec, &known)?;
    Ok(parts)
}

fn open_as(format: &Format, spec: &Spec, context: &Context) -> Result<Box<dyn Source>> {
    tracing::debug!(file = %spec.input.path().display(), format = format.name, "opening");
    if bgzf::lacks_end(&spec.input)? {
        let name = spec.input.path().display();
        tracing::warn!("{name} lacks the block that ends a BGZF file; is the copy complete?");
    }
    (format.open)(&spec.input, &spec.options, context)
}

/// Refuses a wanted column that is not among those known.
fn check_columns(spec: &Spec, known: &[ColumnInfo]) -> Result<()> {
    let mut wanted = spec.options.columns.iter().flatten();
    match wanted.find(|name| known.iter().all(|column| *column.name != ***name)) {
        Some(name) => {
            Err(Error::data(spec.input.path(), "", unknown_column(name, known).to_string()))
        }
        None => Ok(()),
    }
}

/// Whether the rows of a source lie where the genes of others do: [`Options::places`] must be known
/// before it is opened.
///
/// # Errors
/// As [`open`].
pub fn needs_genes(spec: &Spec) -> Result<bool> {
    let format = format_of(spec)?;
    Ok(format.name == matrix::FORMAT.name && matrix::needs_genes(&spec.input)?)
}

/// The format of a source: the one its options say, else the one its file shows.
///
/// # Errors
/// [`Error::Input`] for a format that there is not; [`Error::Data`] if none fits.
pub fn format_of(spec: &Spec) -> Result<&'static Format> {
    match &spec.options.format {
        Some(name) => format_named(name),
        None => detect(&spec.input),
    }
}

fn format_named(name: &str) -> Result<&'static Format> {
    FORMATS.iter().find(|format| format.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let known: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
        Error::Input(format!("unknown format '{name}'; known are {}", known.join(", ")))
    })
}

/// The format of a file: by content, then by the ending of its name, which also decides where the
/// content fits several.
pub fn detect(input: &Input) -> Result<&'static Format> {
    let head = input.head()?;
    let ending = input.ending();
    let fitting = || FORMATS.iter().filter(|format| (format.sniff)(&head));
    let named = |format: &&Format| format.extensions.contains(&ending.as_str());
    fitting()
        .find(named)
        .or_else(|| fitting().next())
        .or_else(|| FORMATS.iter().find(named))
        .ok_or_else(|| {
            let known: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
            let message = format!(
                "neither its content nor its name shows a known format ({}); \
                 say which with ',format=NAME'",
                known.join(", ")
            );
            Error::data(input.path(), "", message)
        })
}

/// The error for a column that a source does not have.
pub(crate) fn unknown_column(name: &str, known: &[ColumnInfo]) -> Error {
    let known: Vec<_> = known.iter().map(|column| &*column.name).collect();
    Error::NotFound(format!("no column is called '{name}'; known are {}", known.join(", ")))
}
