//! The list of file formats, the detection of a file's format, and the opening of files.

mod foreign;

pub use super::features::bed::regions as bed_regions;
use super::{ColumnInfo, Context, Format, Options, Part, Source, Spec, unknown_column};
use crate::bytes::Input;
use crate::bytes::bgzf;
use crate::error::{Error, Result};
use crate::source::alignments::{bam, cram, sam};
use crate::source::features::{
    bases, bed, bed12, bedmethyl, bedpe, bigbed, genepred, gff, gwas, junctions, maf, matrix,
    methylation, mtx, seg, ucsc, vcf,
};
use crate::source::rows::filtered::unfiltered;
use crate::source::signals::density::Density;
use crate::source::signals::{bigwig, gc, wig};

/// Formats whose files are also served in a second format.
const COMPANIONS: &[(&str, &Format)] = &[
    (bam::COVERAGE.name, &bam::READS),
    (cram::COVERAGE.name, &bam::READS),
    (sam::COVERAGE.name, &bam::READS),
    (gc::FASTA.name, &bases::FORMAT),
    (gc::TWO_BIT.name, &bases::FORMAT),
];

/// Formats whose rows `filter=` may choose.
const FILTERED: &[&str] = &[
    bed::FORMAT.name,
    bed12::FORMAT.name,
    ucsc::FORMAT.name,
    vcf::FORMAT.name,
    seg::FORMAT.name,
    maf::FORMAT.name,
    gwas::FORMAT.name,
];

/// Every format, in the order in which contents are tested: the most specific first.
pub const FORMATS: &[Format] = &[
    bigwig::FORMAT,
    bigbed::FORMAT,
    vcf::FORMAT,
    vcf::BCF,
    bam::COVERAGE,
    cram::COVERAGE,
    sam::COVERAGE,
    bam::READS,
    gc::TWO_BIT,
    gc::FASTA,
    bases::FORMAT,
    mtx::FORMAT,
    wig::WIG,
    gff::GFF3,
    gff::GTF,
    genepred::FORMAT,
    bedmethyl::FORMAT,
    methylation::FORMAT,
    junctions::FORMAT,
    bedpe::INTERACT,
    bedpe::BEDPE,
    bed12::FORMAT,
    ucsc::FORMAT,
    seg::FORMAT,
    maf::FORMAT,
    gwas::FORMAT,
    matrix::FORMAT,
    wig::BEDGRAPH,
    bed::FORMAT,
];

/// Opens the source that `spec` names: the file's own rows or values. Its format is the one of
/// `format=`, or else detected from its content, or else from the ending of its name.
///
/// # Errors
/// [`Error::Input`] if no format fits; otherwise as [`Source::read`].
#[cfg(feature = "internals")]
pub fn open(spec: &Spec, context: &Context) -> Result<Box<dyn Source>> {
    let source = open_as(format_of(spec)?, spec, context)?;
    check_columns(spec, source.columns())?;
    Ok(source)
}

/// Opens all sources of a file: first its own rows or values, then their companions. A companion
/// that cannot be opened is only a warning.
///
/// # Errors
/// [`Error::Input`] if no format fits; otherwise as [`Source::read`].
pub fn open_all(spec: &Spec, context: &Context) -> Result<Vec<Part>> {
    let format = format_of(spec)?;
    log_other_format(spec, format)?;
    let format = far(spec, format, context)?;
    let own = open_as(format, spec, context)?;
    let mut parts = vec![Part { companion: None, source: own.into() }];
    let others = COMPANIONS.iter().filter(|(name, _)| *name == format.name);
    for other in others.map(|(_, other)| *other) {
        // The columns that the user chose may belong to either source.
        let options = Options { columns: None, ..spec.options.clone() };
        match (other.open)(&spec.input, &options, context) {
            Ok(source) => parts.push(Part { companion: Some(other.name), source: source.into() }),
            Err(error) => tracing::warn!("served without {}: {error}", other.name),
        }
    }
    parts.extend(Density::companion(&parts[0].source));
    let known: Vec<_> = parts.iter().flat_map(|part| part.source.columns()).cloned().collect();
    check_columns(spec, &known)?;
    Ok(parts)
}

/// Returns the format in which a file is served: for a large remote file, the companion instead of
/// the coverage, which requires reading all of it. `format=` requests the coverage.
fn far(spec: &Spec, format: &'static Format, context: &Context) -> Result<&'static Format> {
    let reads = |companion: &Format| companion.name == bam::READS.name;
    let companion = COMPANIONS.iter().find(|(name, other)| *name == format.name && reads(other));
    let (Some((_, companion)), None) = (companion, &spec.options.format) else { return Ok(format) };
    if !spec.input.is_remote() || context.holds(&spec.input)? {
        return Ok(format);
    }
    let (name, format) = (spec.input.path().display(), format.name);
    tracing::warn!(
        "{name}: its coverage is not served, since that requires reading the whole file from its \
         server; to do so once, add ',format={format}', or download the file"
    );
    Ok(companion)
}

fn open_as(format: &Format, spec: &Spec, context: &Context) -> Result<Box<dyn Source>> {
    if spec.options.filter.is_some() && !FILTERED.contains(&format.name) {
        return Err(unfiltered(format.name, FILTERED));
    }
    tracing::debug!(file = %spec.input.path().display(), format = format.name, "opening");
    if bgzf::lacks_end(&spec.input)? {
        let name = spec.input.path().display();
        tracing::warn!("{name} lacks the end marker of a BGZF file; is the copy complete?");
    }
    (format.open)(&spec.input, &spec.options, context)
}

/// Returns an error for a requested column that is not among the known ones.
fn check_columns(spec: &Spec, known: &[ColumnInfo]) -> Result<()> {
    let mut wanted = spec.options.columns.iter().flatten();
    match wanted.find(|name| known.iter().all(|column| *column.name != ***name)) {
        Some(name) => {
            Err(Error::data(spec.input.path(), "", unknown_column(name, known).to_string()))
        }
        None => Ok(()),
    }
}

/// Returns whether the rows of a source need the loci of genes, so that [`Options::gene_loci`] must
/// be set before it is opened.
///
/// # Errors
/// As [`open_all`].
pub fn needs_genes(spec: &Spec) -> Result<bool> {
    match format_of(spec)?.name {
        name if name == matrix::FORMAT.name => matrix::needs_genes(&spec.input),
        name if name == mtx::FORMAT.name => mtx::needs_genes(&spec.input),
        _ => Ok(false),
    }
}

/// Returns the format of a source: the one in its options, or else the detected one.
///
/// # Errors
/// [`Error::Input`] for an unknown format; [`Error::Data`] if none fits.
pub fn format_of(spec: &Spec) -> Result<&'static Format> {
    match &spec.options.format {
        Some(name) => format_named(name),
        None => {
            foreign::refuse(&spec.input)?;
            detect(&spec.input)
        }
    }
}

/// Returns the format with this name.
///
/// # Errors
/// [`Error::Input`] that lists the known ones.
pub fn format_named(name: &str) -> Result<&'static Format> {
    FORMATS.iter().find(|format| format.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let known: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
        Error::Input(format!("unknown format '{name}'; known are {}", known.join(", ")))
    })
}

/// Detects the format of a file from its content, or else from the ending of its name, which also
/// decides if the content fits several formats.
pub fn detect(input: &Input) -> Result<&'static Format> {
    let fitting = fitting(input)?;
    let ending = input.ending();
    let named = |format: &&Format| format.extensions.contains(&ending.as_str());
    // An unsorted bedGraph file looks like BED with numbers for names.
    let unsorted = || {
        Some(&wig::BEDGRAPH).filter(|f| named(f) && input.head().is_ok_and(|h| wig::is_graph(&h)))
    };
    let by_content = fitting.iter().copied().find(named).or_else(unsorted);
    let by_content = by_content.or(fitting.first().copied());
    by_content.or_else(|| FORMATS.iter().find(named)).ok_or_else(|| {
        if matches!(input.size(), Ok(0)) {
            return Error::data(input.path(), "", "is empty; is the copy complete?");
        }
        let known: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
        let message = format!(
            "neither the content nor the name shows a known format ({}); \
             name the format with ',format=NAME'",
            known.join(", ")
        );
        Error::data(input.path(), "", message)
    })
}

/// Returns the formats that fit the beginning of a file.
fn fitting(input: &Input) -> Result<Vec<&'static Format>> {
    let head = input.head()?;
    let fitting = FORMATS.iter().filter(|format| (format.sniff)(&head));
    // Text has no zero bytes: the first bytes of a binary file name its only format, and the tests
    // for text, which take milliseconds, are not run.
    Ok(if head.contains(&0) { fitting.take(1).collect() } else { fitting.collect() })
}

/// Returns whether files of a format are binary and read by offset.
fn is_read_by_offset(format: &Format) -> bool {
    [bigwig::FORMAT, bigbed::FORMAT, bam::COVERAGE, cram::COVERAGE]
        .iter()
        .any(|known| known.name == format.name)
}

/// Returns another format that the content of a file fits, unless `format=` chose the format: also
/// BED, if the file is called so, since formats that have its columns are preferred to it.
///
/// # Errors
/// As [`open_all`].
pub fn other_format(spec: &Spec, format: &Format) -> Result<Option<&'static Format>> {
    if spec.options.format.is_some() {
        return Ok(None);
    }
    let other = fitting(&spec.input)?.into_iter().find(|other| other.name != format.name);
    let has_its_columns =
        [wig::BEDGRAPH, bedpe::BEDPE, methylation::FORMAT, junctions::FORMAT, ucsc::FORMAT]
            .iter()
            .any(|richer| richer.name == format.name);
    let called_bed = bed::FORMAT.extensions.contains(&spec.input.ending().as_str());
    let bed = || FORMATS.iter().find(|format| format.name == bed::FORMAT.name);
    Ok(other.or_else(|| bed().filter(|_| has_its_columns && called_bed)))
}

/// Logs which format was chosen if a file fits several.
fn log_other_format(spec: &Spec, format: &Format) -> Result<()> {
    if let Some(other) = other_format(spec, format)? {
        tracing::info!(
            "{}: read as {}; its content also fits {}: to read it so, add ',format={}'",
            spec.input.path().display(),
            format.name,
            other.name,
            other.name
        );
    }
    Ok(())
}
