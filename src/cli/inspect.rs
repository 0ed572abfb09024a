//! `epivizrs inspect`: describes a file and how it would be served.

use super::file_options::FileOptions;
use crate::catalog::{Kind, LEFT_OUT, Listing, Measurement};
use crate::genome::{Region, Sequence, thousands};
use crate::source::formats::{format_of, other_format};
use crate::source::{ColumnKind, ESTIMATED, Level, Shape, Source, Spec, total};
use anyhow::Result;
use clap::Args;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// The options of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Files to describe; '-' for standard input
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<Spec>,
    #[command(flatten)]
    file: FileOptions,
}

impl Inspect {
    /// Returns the text to print: a block of lines for each source.
    ///
    /// # Errors
    /// A source that cannot be opened.
    pub async fn run(self) -> Result<String> {
        let mut text = String::new();
        for spec in &self.file.selected(self.sources)? {
            let (catalog, measurements) = self.file.open(spec).await?;
            if !text.is_empty() {
                text.push('\n');
            }
            text += &describe(spec, &catalog.listing(), &measurements)?;
        }
        Ok(text)
    }
}

fn describe(spec: &Spec, listing: &Listing, measurements: &[Arc<Measurement>]) -> Result<String> {
    let path = spec.input.path();
    let compressed = if spec.input.packing()?.is_some() { ", compressed" } else { "" };
    let known = format_of(spec)?;
    let other = other_format(spec, known)?.map_or(String::new(), |other| {
        format!("; its content also fits {0}: to read it so, add ',format={0}'", other.name)
    });
    let format = known.name;
    let mut lines = vec![("format", format!("{format}{compressed}{other}"))];
    if measurements.is_empty() {
        return Ok(format!("{}\n  it contains nothing that can be served\n", path.display()));
    }
    lines.push(("index", index(spec, format, &*measurements[0].source)));
    for part in measurements.chunk_by(|a, b| a.companion == b.companion) {
        if let Some(first) = part.first() {
            count(&*first.source)?;
            read_first(&*first.source)?;
        }
        lines.extend(describe_part(part, listing, format));
    }
    let mut text = format!("{}\n", path.display());
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<13}{value}");
    }
    Ok(text)
}

/// Describes the index by which regions are found, if one is needed.
fn index(spec: &Spec, format: &str, source: &dyn Source) -> String {
    match spec.input.index().map(|path| path.display().to_string()) {
        _ if matches!(format, "bigwig" | "bigbed") => "in the file".to_owned(),
        Some(path) if source.memory() > 0 => format!("not needed, all rows are in memory: {path}"),
        Some(path) => path,
        None if source.memory() == 0 && has_rows(source) => {
            "none; the sorted copy in the cache has one".to_owned()
        }
        None => "none".to_owned(),
    }
}

/// Returns whether there is anything that an index could find.
fn has_rows(source: &dyn Source) -> bool {
    matches!(source.shape(), Shape::Dense | Shape::Sparse) || total(source) > 0
}

/// Describes the measurements of one source.
fn describe_part(
    measurements: &[Arc<Measurement>],
    listing: &Listing,
    format: &str,
) -> Vec<(&'static str, String)> {
    let Some(first) = measurements.first() else { return Vec::new() };
    let source = &*first.source;
    let label = if first.companion.is_some() { "also as" } else { "served as" };
    let mut lines = vec![
        (label, served_as(source.shape()).to_owned()),
        ("sequences", sequences(source, listing)),
        amount(source, format),
    ];
    if let Some(left_out) = first.annotation.get(LEFT_OUT).filter(|_| first.companion.is_none()) {
        lines.push(("left out", left_out.clone()));
    }
    // As it is now, after a wide view was read.
    let column = first.column.as_deref().unwrap_or_default();
    lines.extend(source.annotation(column).remove(ESTIMATED).map(|views| (ESTIMATED, views)));
    for (index, measurement) in measurements.iter().enumerate() {
        let name = if index == 0 { "measurements" } else { "" };
        let known = if index == 0 { &BTreeMap::new() } else { &first.annotation };
        lines.push((name, measurement_line(measurement, known, format)));
    }
    let texts = source.columns().iter().filter(|column| column.kind == ColumnKind::Text);
    let texts: Vec<_> = texts.map(|column| &*column.name).collect();
    if !texts.is_empty() {
        lines.push(("metadata", texts.join(", ")));
    }
    lines.push(("levels", levels(source.shape())));
    // A companion that is computed from the rows of the file is in memory if they are.
    if first.companion.is_none() {
        lines.push(("in memory", bytes(source.memory())));
    }
    if let Some(view) = source.first_view() {
        lines.push(("first view", view.to_string()));
    }
    lines
}

fn served_as(shape: Shape) -> &'static str {
    match shape {
        Shape::Dense => {
            "a dense signal: a row for every bin, with no value where there are no data"
        }
        Shape::Sparse => "a sparse signal: values at single points, none between them",
        Shape::Features => "features: intervals with columns",
        Shape::Genes => "genes: intervals with exons, searchable by name",
        Shape::Reads => "reads: intervals with columns, only in narrow views",
        Shape::Bases => "letters: a row for every base, only in very narrow views",
    }
}

/// Counts all rows if only an estimate is known.
fn count(source: &dyn Source) -> Result<()> {
    if !source.is_counted() {
        for sequence in source.sequences() {
            // Reading any row of a sequence counts all of them.
            source.read(&Region::new(sequence.name, 0, 1), Level::Records, &[])?;
        }
    }
    Ok(())
}

/// Reads the first view of a page: the description of a file must be true for its rows, not just
/// for its header and its index.
fn read_first(source: &dyn Source) -> Result<()> {
    let whole = |s: Sequence<'_>| Region::new(s.name, 0, s.length);
    let view = source.first_view();
    let level = match (&view, source.shape()) {
        // A whole sequence has far too many narrow bins.
        (None, shape @ Shape::Dense) => shape.levels().last(),
        (_, shape) => shape.levels().next(),
    };
    // A source whose rows cannot be read has no first view; reading them gives the reason.
    let region = view.or_else(|| source.sequences().iter().next().map(whole));
    if let (Some(region), Some(level)) = (region, level)
        && source.building().is_none()
    {
        let columns: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        source.read(&region, level, &columns)?;
    }
    // The first wide view shows whether the zoom levels of the file are right.
    let longest = source.sequences().iter().max_by_key(|sequence| sequence.length);
    if let (Some(longest), Some(level)) = (longest, source.shape().levels().last())
        && source.estimate(longest.name, level).is_some()
    {
        source.read(&whole(longest), level, &[])?;
    }
    Ok(())
}

/// Lists the source's sequences by its own names, those with the most rows first, and their
/// assembly.
fn sequences(source: &dyn Source, listing: &Listing) -> String {
    let own = source.sequences();
    let is_signal = matches!(source.shape(), Shape::Dense | Shape::Sparse);
    let weight = |sequence: Sequence<'_>| {
        let whole = Region::new(sequence.name, 0, u32::MAX);
        if is_signal { sequence.length.into() } else { source.rows(&whole, Level::Records) }
    };
    let described = |(weight, index): &(Reverse<u64>, usize)| {
        let (name, number) = (&own.at(*index).name, thousands(weight.0));
        match (is_signal, weight.0) {
            (true, _) if source.knows_lengths() => format!("{name} ({number} bases)"),
            (true, _) => format!("{name} (up to base {number})"),
            (false, 1) => format!("{name} (1 row)"),
            (false, _) => format!("{name} ({number} rows)"),
        }
    };
    // There may be millions of sequences.
    let mut all: Vec<_> = own.iter().map(|s| Reverse(weight(s))).zip(0..).collect();
    all.sort_unstable();
    let most: Vec<_> = all.iter().take(4).map(described).collect();
    let more = if all.len() > most.len() { ", ..." } else { "" };
    let count = thousands(all.len() as u64);
    format!("{count}, {}: {}{more}", assembly_of(source, listing), most.join(", "))
}

/// Describes the assembly of the sequences, and how it was determined.
fn assembly_of(source: &dyn Source, listing: &Listing) -> String {
    let known = listing.sequences();
    let has_its_length =
        |s: Sequence<'_>| known.get(s.name).is_some_and(|known| known.length == s.length);
    let name = listing.assembly();
    if !listing.knows_assembly() {
        "of no built-in assembly".to_owned()
    } else if source.knows_lengths() && source.sequences().iter().any(has_its_length) {
        format!("with the lengths of {name}")
    } else {
        format!("assumed to be of {name}")
    }
}

/// Returns the amount of data: bases with data, or rows. The number in a bigWig header is not
/// recounted, but checked for plausibility.
fn amount(source: &dyn Source, format: &str) -> (&'static str, String) {
    if !matches!(source.shape(), Shape::Dense | Shape::Sparse) {
        return ("rows", thousands(total(source)));
    }
    let Some(covered) = source.covered() else {
        let text =
            if format == "bigwig" { "the number with data is not stated" } else { "0 with data" };
        return ("bases", text.to_owned());
    };
    let all: u64 = source.sequences().iter().map(|sequence| u64::from(sequence.length)).sum();
    let number = thousands(covered);
    let text = match format {
        "bigwig" if covered > all => format!(
            "the header says {number} with data, which is wrong: its sequences have {}",
            thousands(all)
        ),
        "bigwig" => format!("{number} with data, the header says"),
        _ => format!("{number} with data"),
    };
    ("bases", text)
}

/// Describes a measurement, with those of its annotations that are not in `known`.
fn measurement_line(
    measurement: &Measurement,
    known: &BTreeMap<String, String>,
    format: &str,
) -> String {
    let range = &measurement.range;
    let whose = match (range.is_stated(), format) {
        (false, _) => ", an estimate",
        (true, "bigwig") => ", the header says",
        (true, _) => "",
    };
    let kind = match measurement.kind {
        Kind::Range => measurement.chart.word().to_owned(),
        Kind::Feature => match range.get() {
            Some((low, high)) => format!("values within {low} to {high}{whose}"),
            None => "values".to_owned(),
        },
    };
    let reported = ["file", LEFT_OUT, ESTIMATED];
    let new = |(key, value): &(&String, &String)| {
        !reported.contains(&key.as_str()) && known.get(*key) != Some(value)
    };
    let annotation = measurement.annotation.iter().filter(new);
    let annotation: String = annotation.map(|(key, value)| format!(", {key}: {value}")).collect();
    format!("{} ({kind}{annotation})", measurement.id)
}

fn levels(shape: Shape) -> String {
    let mut levels = shape.levels();
    let first = levels.next().map_or(String::new(), |level| level.to_string());
    let next = levels.next().map_or(String::new(), |level| level.to_string());
    let last = levels.next_back().map_or(0, |level| level.width());
    let last = thousands(last.into());
    match shape {
        Shape::Dense => format!("{first}, 2, 4 ... {last} bases"),
        Shape::Bases => format!("{first}; nothing in wider views"),
        Shape::Reads => format!("{first}, then {next}, twice that ...; nothing in wide views"),
        _ => format!("{first}, then {next}, twice that ... {last} bases"),
    }
}

fn bytes(number: u64) -> String {
    match number {
        0 => "none: rows are read from the file when needed".to_owned(),
        1..1_000_000 => format!("{} kB", number.div_ceil(1000)),
        _ => format!("{:.1} MB", number as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn inspected(name: &str, text: &str) -> Vec<String> {
        inspected_with(name, text, "").await
    }

    async fn inspected_with(name: &str, text: &str, options: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let spec = format!("{}{options}", path.display()).parse().unwrap();
        let cache_dir = Some(folder.path().join("cache"));
        let file = FileOptions { cache_dir, ..FileOptions::default() };
        let inspect = Inspect { sources: vec![spec], file };
        inspect.run().await.unwrap().lines().skip(1).map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_bed_file_is_described() {
        let text = "chr1\t10\t20\ta\t5\t-\nchr1\t30\t40\tb\t7\t+\nchr2\t1\t2\tc\t0\t+\n";
        let lines = inspected("peaks.bed", text).await;
        let expected = [
            "  format       bed",
            "  index        none",
            "  served as    features: intervals with columns",
            "  sequences    2, assumed to be of hg38: chr1 (2 rows), chr2 (1 row)",
            "  rows         3",
            "  measurements peaks (blocks)",
            "               peaks.score (values within 0 to 7)",
            "  metadata     name",
            "  levels       records, then bins of 16, twice that ... 268,435,456 bases",
            "  in memory    1 kB",
            "  first view   chr1:11-40",
        ];
        assert_eq!(lines, expected);
    }

    #[tokio::test]
    async fn another_fitting_format_is_named() {
        let lines = inspected("pairs.bed", "1\t10\t20\t2\t30\t40\n").await;
        let told =
            "  format       bedpe; its content also fits bed: to read it so, add ',format=bed'";
        assert_eq!(lines[0], told);
        let lines = inspected_with("pairs.bed", "1\t10\t20\t2\t30\t40\n", ",format=bed").await;
        assert_eq!(lines[0], "  format       bed");
    }

    #[tokio::test]
    async fn a_file_without_rows_has_no_sorted_copy() {
        let lines = inspected("none.bed", "# nothing\n").await;
        assert!(lines.contains(&"  index        none".to_owned()), "{lines:?}");
    }

    #[tokio::test]
    async fn stated_lengths_are_distinguished_from_assumed_ones() {
        let signal = concat!(env!("CARGO_MANIFEST_DIR"), "/data/signal.bw");
        let inspect = Inspect { sources: vec![Spec::file(signal)], file: FileOptions::default() };
        let text = inspect.run().await.unwrap();
        assert!(text.contains("with the lengths of hg38: chr11 (135,086,622 bases)"), "{text}");
        assert!(text.contains("  index        in the file\n"), "{text}");
        assert!(text.contains("  in memory    none: rows are read from the file"), "{text}");
        let lines = inspected("places.bed", "scaffold\t5\t9\n").await;
        let expected = "  sequences    1, of no built-in assembly: scaffold (1 row)";
        assert!(lines.iter().any(|line| line == expected), "{lines:?}");
    }

    /// Reading all bases of the sequence would take more memory than most machines have.
    #[tokio::test]
    async fn a_signal_without_data_on_a_long_sequence_is_described() {
        let header = "@SQ\tSN:chr1\tLN:2147483647\n";
        let secondary = "r\t272\tchr1\t11\t0\t5M\t*\t0\t0\t*\t*\n";
        let lines = inspected("x.sam", &format!("{header}{secondary}")).await;
        assert!(lines.iter().any(|line| line.contains("2,147,483,647 bases")), "{lines:?}");
        assert!(lines.contains(&"  bases        0 with data".to_owned()), "{lines:?}");
    }

    #[tokio::test]
    async fn what_a_header_says_is_told_from_what_was_counted() {
        let mut signal = include_bytes!("../../data/signal.bw").to_vec();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bw");
        let inspected = async |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let spec = Spec::file(&path);
            let inspect = Inspect { sources: vec![spec], file: FileOptions::default() };
            inspect.run().await.unwrap()
        };
        let text = inspected(&signal).await;
        assert!(text.contains(" with data, the header says\n"), "{text}");
        // The summary in the header begins with the number of bases.
        let at = u64::from_le_bytes(signal[44..52].try_into().unwrap()) as usize;
        signal[at..at + 8].copy_from_slice(&9_000_000_000u64.to_le_bytes());
        let text = inspected(&signal).await;
        let told = "the header says 9,000,000,000 with data, which is wrong: its sequences have";
        assert!(text.contains(told), "{text}");
        let lines =
            inspected_with("x.bedGraph", "chr1 0 10 5\nchr1 x 20 5\n", ",skip=errors").await;
        assert!(lines.contains(&"  bases        10 with data".to_owned()), "{lines:?}");
        let left_out =
            "  left out     1 line, the first is line 2: start (column 2) is not a whole";
        assert!(lines.iter().any(|line| line.starts_with(left_out)), "{lines:?}");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(bytes(1_530_000), "1.5 MB");
    }
}
