//! `epivizrs inspect`: what the program makes of a file.

use super::progress::Bars;
use super::serve::assembly;
use crate::catalog::{Catalog, Kind, Listing, Measurement, thousands};
use crate::genome::Region;
use crate::source::{ColumnKind, Context, Level, Shape, Source, Spec, WIDEST, format_of, total};
use anyhow::Result;
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What `inspect` and `query` open.
#[derive(Debug, Args)]
pub(super) struct Beside {
    /// Assembly, as when serving
    #[arg(long, value_name = "NAME|FILE")]
    assembly: Option<String>,
    /// Annotation whose genes are the rows of a matrix without coordinates
    #[arg(long, value_name = "SOURCE")]
    genes: Vec<Spec>,
}

impl Beside {
    /// A catalog of the source, and its measurements.
    ///
    /// # Errors
    /// The source, or what stands beside it, cannot be opened.
    pub(super) async fn open(&self, spec: &Spec) -> Result<(Catalog, Vec<Arc<Measurement>>)> {
        let progress = Bars::at_terminal().progress();
        let context = Context { progress, ..Context::default() };
        let catalog = Catalog::new(assembly(self.assembly.as_deref())?).with_context(context);
        let mut added = Vec::new();
        for specs in [self.genes.clone(), vec![spec.clone()]] {
            let (measurements, errors) = catalog.load(specs).await;
            if let Some(error) = errors.into_iter().next() {
                return Err(error.into());
            }
            added = measurements;
        }
        Ok((catalog, added))
    }
}

/// The options of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// What to inspect
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<Spec>,
    #[command(flatten)]
    beside: Beside,
}

impl Inspect {
    /// What is to be printed: a block of lines for each source.
    ///
    /// # Errors
    /// A source that cannot be opened.
    pub async fn run(self) -> Result<String> {
        let mut text = String::new();
        for spec in &self.sources {
            let (catalog, measurements) = self.beside.open(spec).await?;
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
    let packed = if spec.input.is_packed()? { ", packed" } else { "" };
    let mut lines = vec![("format", format!("{}{packed}", format_of(spec)?.name))];
    if measurements.is_empty() {
        return Ok(format!("{}\n  nothing in it can be served\n", path.display()));
    }
    let index = spec.input.index().map_or("none".to_owned(), |path| path.display().to_string());
    lines.push(("index", index));
    for part in measurements.chunk_by(|a, b| a.beside == b.beside) {
        part.first().map_or(Ok(()), |first| count(&*first.source))?;
        lines.extend(describe_part(part, listing));
    }
    let mut text = format!("{}\n", path.display());
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<13}{value}");
    }
    Ok(text)
}

/// What is to be said of measurements of one source.
fn describe_part(
    measurements: &[Arc<Measurement>],
    listing: &Listing,
) -> Vec<(&'static str, String)> {
    let Some(first) = measurements.first() else { return Vec::new() };
    let source = &*first.source;
    let label = if first.beside.is_some() { "beside it" } else { "served as" };
    let mut lines = vec![
        (label, served_as(source.shape()).to_owned()),
        ("sequences", sequences(source, listing)),
        amount(source),
    ];
    for (index, measurement) in measurements.iter().enumerate() {
        let name = if index == 0 { "measurements" } else { "" };
        let known = if index == 0 { &BTreeMap::new() } else { &first.annotation };
        lines.push((name, measurement_line(measurement, known)));
    }
    let texts = source.columns().iter().filter(|column| column.kind == ColumnKind::Text);
    let texts: Vec<_> = texts.map(|column| &*column.name).collect();
    if !texts.is_empty() {
        lines.push(("metadata", texts.join(", ")));
    }
    lines.push(("levels", levels(source.shape())));
    lines.push(("in memory", bytes(source.memory())));
    if let Some(view) = source.first_view() {
        lines.push(("first view", view.to_string()));
    }
    lines
}

fn served_as(shape: Shape) -> &'static str {
    match shape {
        Shape::Dense => "a dense signal: what has no data is a gap in coverage",
        Shape::Sparse => "a sparse signal: points, and nothing between them",
        Shape::Features => "features: intervals with columns",
        Shape::Genes => "genes: intervals with exons, found by name",
        Shape::Reads => "reads: intervals with columns, in close views only",
    }
}

/// Has all rows counted, where their number is an estimate until then.
fn count(source: &dyn Source) -> Result<()> {
    if !source.is_counted() {
        for sequence in source.sequences() {
            let whole = Region::new(sequence.name.clone(), 0, u32::MAX);
            source.read(&whole, Level::Bins { shift: WIDEST }, &[])?;
        }
    }
    Ok(())
}

/// The source's sequences by its own names, those with most rows first, and their assembly.
fn sequences(source: &dyn Source, listing: &Listing) -> String {
    let own = source.sequences();
    let mut named: Vec<(u64, String)> = own
        .iter()
        .map(|sequence| match source.shape() {
            Shape::Dense | Shape::Sparse => (
                u64::from(sequence.length),
                format!("{} ({} bases)", sequence.name, thousands(sequence.length.into())),
            ),
            _ => {
                let whole = Region::new(sequence.name.clone(), 0, u32::MAX);
                let rows = source.rows(&whole, Level::Records);
                let word = if rows == 1 { "row" } else { "rows" };
                (rows, format!("{} ({} {word})", sequence.name, thousands(rows)))
            }
        })
        .collect();
    named.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let most: Vec<_> = named.iter().take(4).map(|(_, text)| text.as_str()).collect();
    let more = if named.len() > most.len() { ", ..." } else { "" };
    let assembly = listing.assembly();
    format!("{}, fitting {assembly}: {}{more}", named.len(), most.join(", "))
}

/// How much there is: bases that have data, or rows.
fn amount(source: &dyn Source) -> (&'static str, String) {
    if let Shape::Dense | Shape::Sparse = source.shape() {
        let covered = source.covered().map_or("not stated".to_owned(), thousands);
        return ("bases", format!("{covered} have data"));
    }
    ("rows", thousands(total(source)))
}

/// A measurement, with what is known of it unless that was said before.
fn measurement_line(measurement: &Measurement, said: &BTreeMap<String, String>) -> String {
    let kind = match measurement.kind {
        Kind::Range => measurement.chart.word().to_owned(),
        Kind::Feature => match measurement.range {
            Some((low, high)) => format!("values within {low} to {high}"),
            None => "values".to_owned(),
        },
    };
    let new = |(key, value): &(&String, &String)| *key != "file" && said.get(*key) != Some(value);
    let annotation = measurement.annotation.iter().filter(new);
    let annotation: String = annotation.map(|(key, value)| format!(", {key}: {value}")).collect();
    format!("{} ({kind}{annotation})", measurement.id)
}

fn levels(shape: Shape) -> String {
    let mut levels = shape.levels();
    let first = levels.next().map_or(String::new(), |level| level.to_string());
    let next = levels.next().map_or(String::new(), |level| level.to_string());
    let last = levels.next_back().map_or(0, |level| level.width());
    match shape {
        Shape::Dense => format!("{first}, 2, 4 ... {last} bases"),
        Shape::Reads => format!("{first}, then {next}, twice that ...; nothing in wide views"),
        _ => format!("{first}, then {next}, twice that ... {last} bases"),
    }
}

fn bytes(number: u64) -> String {
    match number {
        0..1_000_000 => format!("{} kB", number.div_ceil(1000)),
        _ => format!("{:.1} MB", number as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn inspected(name: &str, text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let beside = Beside { assembly: None, genes: Vec::new() };
        let inspect = Inspect { sources: vec![Spec::file(path)], beside };
        inspect.run().await.unwrap().lines().skip(1).map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_bed_file_is_told_truly() {
        let text = "chr1\t10\t20\ta\t5\t-\nchr1\t30\t40\tb\t7\t+\nchr2\t1\t2\tc\t0\t+\n";
        let lines = inspected("peaks.bed", text).await;
        let expected = [
            "  format       bed",
            "  index        none",
            "  served as    features: intervals with columns",
            "  sequences    2, fitting hg38: chr1 (2 rows), chr2 (1 row)",
            "  rows         3",
            "  measurements peaks (blocks)",
            "               peaks.score (values within 0 to 7)",
            "  metadata     name",
            "  levels       records, then bins of 16, twice that ... 268435456 bases",
            "  in memory    1 kB",
            "  first view   chr1:11-40",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(bytes(1_530_000), "1.5 MB");
    }
}
