//! bigGenePred: the columns of BED12 and eight more, one transcript per row (UCSC, "bigGenePred
//! format").

use super::From;
use crate::error::{Error, Result};
use crate::source::io::delimited::split;
use crate::source::rows::genes::{Gene, Genes, records};
use crate::source::rows::indexed::{About, ByRegion, Row};
use crate::source::rows::records::Records;
use crate::source::{ColumnInfo, ColumnKind, Unit};
use std::fmt::Write;
use std::ops::ControlFlow;

/// Index of BED12's block sizes among the fields after the interval; the block starts follow.
const SIZES: usize = 7;

/// Returns the columns that the page's gene track reads, and the others of a transcript.
pub(super) fn columns(position: impl Fn(&str) -> Option<usize>) -> Vec<(ColumnInfo, From)> {
    let gene = ["gene_name", "name2", "name"].map(&position);
    let field = |name| position(name).map(From::Field);
    [
        ("gene", Some(From::FirstOf(gene))),
        ("entrez", field("name")),
        ("exon_starts", Some(From::ExonStarts)),
        ("exon_ends", Some(From::ExonEnds)),
        ("biotype", field("gene_type").or_else(|| field("type"))),
        ("transcript", field("name")),
    ]
    .into_iter()
    .filter_map(|(name, from)| {
        Some((ColumnInfo { name: name.into(), kind: ColumnKind::Text }, from?))
    })
    .collect()
}

/// Returns the exons of a row, or a message if they are invalid.
pub(super) fn exons(row: &Row<'_>) -> Result<Vec<(u32, u32)>, &'static str> {
    let list = |index: usize| {
        let field = split(row.text, b'\t').nth(index).unwrap_or_default();
        let numbers = field.split_terminator(',').map(|number| number.trim().parse::<u32>());
        numbers
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| "a block size or start is not a whole number")
    };
    let (sizes, starts) = (list(SIZES)?, list(SIZES + 1)?);
    if sizes.len() != starts.len() {
        return Err("the numbers of block sizes and block starts differ");
    }
    let exon = |(size, offset): (&u32, &u32)| {
        let start = row.start.checked_add(*offset)?;
        start.checked_add(*size).filter(|end| *end <= row.end).map(|end| (start, end))
    };
    let exons: Option<Vec<_>> = sizes.iter().zip(&starts).map(exon).collect();
    exons.ok_or("a block ends after the end of its row")
}

/// Returns one end of each exon, separated by commas.
pub(super) fn ends(row: &Row<'_>, end: impl Fn((u32, u32)) -> u32) -> String {
    let mut joined = String::new();
    // Invalid lists are rejected when the row is read.
    for exon in exons(row).unwrap_or_default() {
        let comma = if joined.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(joined, "{comma}{}", end(exon));
    }
    joined
}

/// Joins the `count` transcripts to genes: transcripts that overlap and have the same name are one
/// gene.
///
/// # Errors
/// [`Error::Data`] if there are more than `count`, which was checked against the memory limit.
pub(super) fn genes(file: &impl ByRegion, about: &About, count: u64) -> Result<Records> {
    let column = |name: &str| about.columns.iter().position(|column| *column.name == *name);
    let (name, biotype, transcript) = (column("gene"), column("biotype"), column("transcript"));
    let mut genes = Genes::default();
    let mut left = count;
    for (index, sequence) in about.sequences.iter().enumerate() {
        file.each(index, 0..u32::MAX, &mut |row| {
            let Some(less) = left.checked_sub(1) else {
                let what =
                    format!("has more rows than the {count} that it states; write the file again");
                return ControlFlow::Break(Err(Error::data(file.path(), &*sequence.name, what)));
            };
            left = less;
            let field = |column: Option<usize>| {
                let mut text = String::new();
                file.fields(&row, column.as_slice(), &mut |field| text.push_str(field));
                text
            };
            genes.append(Gene {
                sequence: sequence.name.to_string(),
                start: row.start,
                end: row.end,
                strand: row.strand,
                name: field(name),
                id: field(name),
                biotype: field(biotype),
                transcripts: format!("\n{}", field(transcript)),
                exons: exons(&row).unwrap_or_default(),
                ..Gene::default()
            });
            ControlFlow::Continue(())
        })?;
    }
    Ok(records(genes.joined(), Unit::Genes))
}
