//! `epivizrs query`: prints the rows that a page would get for a region.

use super::file_options::FileOptions;
use crate::catalog::{self, Kind, MAX_ROWS, QueryResult, Resolution, Snapshot};
use crate::genome::{Region, Sequences, thousands};
use crate::protocol::{Combined, CombinedPart, Dialect, Positions, Reply};
use crate::provider::View;
use crate::source::{CLOSE, Level, Shape, Spec, WIDEST};
use crate::table::Table;
use crate::table::tsv::cell;
use anyhow::{Result, bail};
use clap::Args;
use std::fmt::Write as _;

/// The default of `--page-rows`.
const PAGE_ROWS: u64 = 1000;

/// The options of `query`.
#[derive(Debug, Args)]
pub struct QueryOptions {
    /// The file; '-' for standard input
    #[arg(value_name = "SOURCE")]
    source: Spec,
    /// Region or gene, such as chr1:10,000-20,000 (1-based, both ends included), TP53 or
    /// 'TP53 +-5kb'
    #[arg(value_name = "REGION")]
    region: String,
    /// Bin width in bases, a power of two; 0 for every record; default: as a page would show the
    /// region
    #[arg(long, value_name = "N")]
    level: Option<u32>,
    /// Datasource or measurement, if the file is served as several; default: the first
    #[arg(long, value_name = "ID")]
    of: Option<String>,
    /// Print the JSON that a page would get (1-based, both ends included)
    #[arg(long, conflicts_with = "tsv")]
    json: bool,
    /// Print tab-separated columns, as in BED (0-based, end not included); the default
    #[arg(long)]
    tsv: bool,
    #[command(flatten)]
    file: FileOptions,
}

impl QueryOptions {
    /// Returns the text to print.
    ///
    /// # Errors
    /// The source cannot be opened or read, or the region is invalid.
    pub async fn run(self) -> Result<String> {
        let specs = self.file.selected(vec![self.source])?;
        let [source] = &specs[..] else {
            bail!("query reads one file, but the source stands for {}", specs.len());
        };
        let (catalog, added) = self.file.open(source).await?;
        let first = match &self.of {
            None => added.first(),
            Some(of) => added.iter().find(|m| m.id == *of || m.datasource == *of),
        };
        let Some(first) = first else {
            let known: Vec<_> = added.iter().map(|m| m.id.as_str()).collect();
            let path = source.input.path().display();
            match self.of {
                Some(of) => bail!("{path} has no '{of}'; it has {}", known.join(", ")),
                None => bail!("{path}: it contains nothing that can be served"),
            }
        };
        let region = catalog.find(&self.region, &Sequences::default(), None).await?.region;
        let snapshot = catalog.snapshot();
        let resolution = match self.level {
            Some(width) => Resolution::At(level(first.source.shape(), width)?),
            None => Resolution::AtMost(View::max_rows(PAGE_ROWS)),
        };
        let (part, level) = read(&snapshot, &first.datasource, &region, resolution).await?;
        Ok(if self.json {
            let (dialect, positions) = (Dialect::Classic, Positions::Absolute);
            let reply = Reply::Combined(Combined { parts: vec![part], dialect, positions });
            reply.data_json() + "\n"
        } else if first.source.shape().hides(level) {
            let widest = thousands(CLOSE.into());
            format!(
                "# no rows of {region}: they are shown only in views of at most {widest} bases\n"
            )
        } else {
            tsv(&region, level, &part)
        })
    }
}

/// Returns the level with bins of this width.
fn level(shape: Shape, width: u32) -> Result<Level> {
    let wanted = match width {
        0 => Some(Level::Records),
        width if width.is_power_of_two() => {
            Some(Level::Bins { shift: width.trailing_zeros() as u8 })
        }
        _ => None,
    };
    match wanted.filter(|wanted| shape.levels().any(|level| level == *wanted)) {
        Some(level) => Ok(level),
        None => {
            let (finest, records) = match shape.levels().next() {
                Some(Level::Bins { shift }) => (thousands(1 << shift), ""),
                _ => ("16".to_owned(), ", or 0 for every record"),
            };
            let widest = thousands(1 << WIDEST);
            bail!("--level {width}: expected a power of two from {finest} to {widest}{records}")
        }
    }
}

async fn read(
    snapshot: &Snapshot,
    datasource: &str,
    region: &Region,
    resolution: Resolution,
) -> Result<(CombinedPart, Level)> {
    let Some(datasource) = snapshot.datasource(datasource) else {
        bail!("'{datasource}' is no longer served");
    };
    if let Resolution::At(level) = resolution
        && datasource.count(snapshot, region, level) > MAX_ROWS
    {
        bail!(
            "{region} has more than {} rows; choose a smaller region, or wider bins with --level",
            thousands(MAX_ROWS)
        );
    }
    let values = datasource.measurements.iter().filter(|m| m.kind == Kind::Feature);
    let values: Vec<_> = values.cloned().collect();
    let names = values.iter().map(|measurement| measurement.id.clone()).collect();
    let metadata = datasource.measurements.first().map(|first| &first.metadata);
    let metadata = metadata.cloned().unwrap_or_default();
    let (datasource, region) = (datasource.clone(), region.clone());
    let id = datasource.id.clone();
    let query = catalog::Query { datasource, region, measurements: values, metadata, resolution };
    let QueryResult { table, level } = snapshot.read(query).await?;
    Ok((CombinedPart { datasource: id, table, measurements: names }, level))
}

/// Formats a header and a line for each row.
fn tsv(region: &Region, level: Level, part: &CombinedPart) -> String {
    let Table { first_rank, start, end, strand, columns } = &part.table;
    let rows = if start.len() == 1 { "row" } else { "rows" };
    let mut text = format!("# {} {rows} of {region} at {level}\n", start.len());
    text += "#sequence\tstart\tend\tstrand\trank";
    columns.iter().for_each(|column| text.extend(["\t", &cell(&column.name)]));
    for row in 0..start.len() {
        let strand = strand.get(row).copied().unwrap_or_default();
        let rank = first_rank + row as u64;
        // Writing to a string cannot fail.
        let _ =
            write!(text, "\n{}\t{}\t{}\t{strand}\t{rank}", region.sequence, start[row], end[row]);
        for column in columns {
            text.push('\t');
            column.data.write_cell(row, &mut text);
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        query: QueryOptions,
    }

    async fn run(text: &str, arguments: &[&str]) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bed");
        std::fs::write(&path, text).unwrap();
        let line = ["query", path.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
        CommandLine::try_parse_from(line).unwrap().query.run().await
    }

    const BED: &str = "chr1\t10\t20\ta\t5\t-\nchr1\t12\t14\tb\t.\t+\nchr1\t30\t40\tc\t7\t+\n";

    #[tokio::test]
    async fn rows_are_those_of_the_file() {
        let text = run(BED, &["1:15-25"]).await.unwrap();
        let rows: Vec<_> = text.lines().skip(1).collect();
        let expected = [
            "#sequence\tstart\tend\tstrand\trank\tx.score\tname",
            "chr1\t10\t20\t-\t0\t5\ta",
            "chr1\t12\t14\t+\t1\t\tb",
        ];
        assert_eq!(rows, expected, "the second row starts before the region ends");
        let json = run(BED, &["chr1:31-31", "--json"]).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["x"]["rows"]["start"][0], 31);
        assert_eq!(json["x"]["cols"]["x.score"][0], 7.0);
    }

    #[tokio::test]
    async fn regions_and_levels_are_checked() {
        let of_feature = run(BED, &["c"]).await.unwrap();
        assert!(of_feature.ends_with("\nchr1\t30\t40\t+\t2\t7\tc\n"), "{of_feature}");
        let around = run(BED, &["c +-15"]).await.unwrap();
        assert_eq!(around.lines().count(), 2 + 3, "{around}");
        let text = run(BED, &["chr1:1-100", "--level", "16"]).await.unwrap();
        assert!(text.starts_with("# 2 rows of chr1:1-100 at bins of 16\n"), "{text}");
        let error = run(BED, &["chr1:1-100", "--level", "2"]).await.unwrap_err().to_string();
        assert!(error.contains("--level 2"), "{error}");
        let error = run(BED, &["chr77:1-100"]).await.unwrap_err().to_string();
        assert!(error.contains("no sequence is called 'chr77'"), "{error}");
    }
}
