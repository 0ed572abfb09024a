//! bigGenePred: BED12 and eight columns more, a transcript a row (UCSC, "bigGenePred format").

use super::From;
use crate::error::{Error, Result};
use crate::source::io::delimited::split;
use crate::source::rows::genes::{Gene, Genes, records};
use crate::source::rows::indexed::{About, ByRegion, Row};
use crate::source::rows::records::Records;
use crate::source::{ColumnInfo, ColumnKind, Unit};
use std::fmt::Write;
use std::ops::ControlFlow;

/// BED12's sizes of blocks, counted from behind the place; their starts follow.
const SIZES: usize = 7;

/// The columns that the page's gene track reads, and what else tells a transcript.
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

/// The exons of a row; what is wrong with them otherwise.
pub(super) fn exons(row: &Row<'_>) -> Result<Vec<(u32, u32)>, &'static str> {
    let list = |index: usize| {
        let field = split(row.text, b'\t').nth(index).unwrap_or_default();
        let numbers = field.split_terminator(',').map(|number| number.trim().parse::<u32>());
        numbers.collect::<Result<Vec<_>, _>>().map_err(|_| "a block is not whole numbers")
    };
    let (sizes, starts) = (list(SIZES)?, list(SIZES + 1)?);
    if sizes.len() != starts.len() {
        return Err("blocks have not as many sizes as starts");
    }
    let exon = |(size, offset): (&u32, &u32)| {
        let start = row.start.checked_add(*offset)?;
        start.checked_add(*size).filter(|end| *end <= row.end).map(|end| (start, end))
    };
    let exons: Option<Vec<_>> = sizes.iter().zip(&starts).map(exon).collect();
    exons.ok_or("a block ends behind its row")
}

/// One end of each exon, between commas.
pub(super) fn ends(row: &Row<'_>, end: impl Fn((u32, u32)) -> u32) -> String {
    let mut joined = String::new();
    // Damaged lists are refused when the row is read.
    for exon in exons(row).unwrap_or_default() {
        let comma = if joined.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(joined, "{comma}{}", end(exon));
    }
    joined
}

/// The transcripts, of which there are `count`, as genes: those that overlap and have one name are
/// one gene.
///
/// # Errors
/// [`Error::Data`] if there are more: nobody has said that they fit in memory.
pub(super) fn genes(file: &impl ByRegion, about: &About, count: u64) -> Result<Records> {
    let column = |name: &str| about.columns.iter().position(|column| *column.name == *name);
    let (name, biotype) = (column("gene"), column("biotype"));
    let mut genes = Genes::default();
    let mut left = count;
    for (index, sequence) in about.sequences.iter().enumerate() {
        file.each(index, 0..u32::MAX, &mut |row| {
            let Some(less) = left.checked_sub(1) else {
                let what =
                    format!("it has more than the {count} rows that it says; write it again");
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
                exons: exons(&row).unwrap_or_default(),
                ..Gene::default()
            });
            ControlFlow::Continue(())
        })?;
    }
    Ok(records(genes.joined(), Unit::Genes))
}
