//! bigGenePred: BED12 and eight columns more, a transcript a row (UCSC, "bigGenePred format").

use super::From;
use crate::source::indexed::Row;
use crate::source::{ColumnInfo, ColumnKind};
use std::fmt::Write;

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

/// One end of each exon, between commas; nothing where the row tells none.
pub(super) fn exons(row: &Row<'_>, end: impl Fn(u32, u32) -> u32) -> String {
    let list = |index: usize| {
        let field = row.text.split('\t').nth(index).unwrap_or_default();
        field.split(',').filter_map(|number| number.trim().parse::<u32>().ok())
    };
    let mut joined = String::new();
    for (size, start) in list(SIZES).zip(list(SIZES + 1)) {
        let start = row.start.saturating_add(start);
        let comma = if joined.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(joined, "{comma}{}", end(start, start.saturating_add(size)));
    }
    joined
}
