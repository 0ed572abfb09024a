//! bigBed: indexed intervals with any columns, read by region.
//!
//! Coordinates are 0-based and half-open in the file too. The file's autoSql describes the columns.
//! A bigInteract holds pairs, whose ends are rows. A bigGenePred holds genes, which are held in
//! memory like those of other formats. With `rows=transcripts`, a bigGenePred or BED12 is served as
//! transcripts with exons, by region.

mod interact;
mod transcript;

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{Region, Sequences, Strand};
use crate::source::features::autosql;
use crate::source::features::autosql::Field;
use crate::source::io::bbi::Bbi;
use crate::source::io::delimited::{Separator, split};
use crate::source::rows::indexed::{About, ByRegion, Flow, Indexed, Row};
use crate::source::{ColumnInfo, ColumnKind, Context, Format, Options, Shape, Source, Unit};
use std::ops::{ControlFlow, Range};
use std::path::Path;

pub(crate) const FORMAT: Format = Format {
    name: "bigbed",
    extensions: &["bb", "bigbed"],
    about: "blocks, read by region; bigInteract: both ends of each pair; bigGenePred: genes; transcripts with rows=transcripts",
    sniff: |head| head.starts_with(&MAGIC.to_le_bytes()) || head.starts_with(&MAGIC.to_be_bytes()),
    open,
};

/// The first bytes of a bigBed file (supplementary table 4).
const MAGIC: u32 = 0x8789_f2eb;

/// The origin of a column's text.
#[derive(Clone, Copy, Debug)]
enum From {
    /// A field of the row, by its index after the interval.
    Field(usize),
    /// The first of several fields that is not empty.
    FirstOf([Option<usize>; 3]),
    /// The first base of each exon, 1-based.
    ExonStarts,
    /// The last base of each exon, 1-based.
    ExonEnds,
}

struct BigBed {
    file: Bbi,
    columns: Vec<From>,
    strand: Option<usize>,
    /// Whether rows have exons.
    exons: bool,
}

/// Largest number of columns: a damaged header could state 65,535, which would all be named and
/// compared.
const MOST_COLUMNS: usize = 5_000;

/// Largest number of transcripts that are joined to genes: ten times those of a human annotation.
const MOST_TRANSCRIPTS: u64 = 2_500_000;

fn open(input: &Input, options: &Options, _: &Context) -> Result<Box<dyn Source>> {
    let file = Bbi::open(input, MAGIC)?;
    let records = file.records()?;
    let (count, _) = file.columns();
    if count > MOST_COLUMNS {
        let what = format!("states {count} columns, more than {MOST_COLUMNS}; it is damaged");
        return Err(Error::data(input.path(), "header", what));
    }
    let fields = autosql::fields(&file.auto_sql()?, file.columns());
    if interact::is(&fields) {
        return interact::open(file, records, options);
    }
    let column = |field: &Field| {
        let kind = if field.number { ColumnKind::Number(None) } else { ColumnKind::Text };
        ColumnInfo { name: field.name.as_str().into(), kind }
    };
    let position = |name: &str| fields.iter().position(|field| field.name == name);
    let mut columns: Vec<(ColumnInfo, From)> = fields
        .iter()
        .enumerate()
        .filter(|(_, field)| !autosql::only_draws(&field.name))
        .map(|(index, field)| (column(field), From::Field(index)))
        .collect();
    let is_gene_pred = position("name2").is_some() && position("exon_frames").is_some();
    let asked = options.rows == Unit::Transcripts && file.columns().1 >= 12;
    let is_gene = is_gene_pred || asked;
    if is_gene {
        columns = transcript::columns(position);
    }
    let named = |name: &str| columns.iter().position(|(info, _)| *info.name == *name);
    let about = About {
        shape: if is_gene { Shape::Genes } else { Shape::Features },
        sequences: file.sequences().clone(),
        knows_lengths: true,
        rows: estimate_rows(records, file.sequences()),
        name: named(if is_gene { "gene" } else { "name" }),
        importance: named("score"),
        columns: columns.iter().map(|(info, _)| info.clone()).collect(),
    };
    let columns = columns.into_iter().map(|(_, from)| from).collect();
    let file = BigBed { strand: position("strand"), file, columns, exons: is_gene };
    if is_gene && options.rows == Unit::Genes {
        if records <= MOST_TRANSCRIPTS {
            return Ok(Box::new(transcript::genes(&file, &about, records)?));
        }
        let name = input.path().display();
        tracing::warn!(
            "{name} has {records} transcripts, too many to join to genes; its rows are transcripts"
        );
    }
    Ok(Box::new(Indexed::new(file, about, options.columns.as_deref())?))
}

/// Estimates the number of rows of each sequence from the total, by the lengths of the sequences.
fn estimate_rows(records: u64, sequences: &Sequences) -> Vec<u64> {
    let bases: u128 = sequences.iter().map(|s| u128::from(s.length)).sum();
    let (mut bases_so_far, mut rows_so_far) = (0, 0);
    let rows = sequences.iter().map(|sequence| {
        bases_so_far += u128::from(sequence.length);
        let upto = (u128::from(records) * bases_so_far).checked_div(bases).unwrap_or(0) as u64;
        upto - std::mem::replace(&mut rows_so_far, upto)
    });
    rows.collect()
}

impl ByRegion for BigBed {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn is_counted(&self) -> bool {
        self.file.sequences().len() == 1
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let name = self.file.sequences().at(sequence).name;
        // A row without bases ends at its start, so the base before is needed to find its block.
        let region = Region::new(name, bases.start.saturating_sub(1), bases.end);
        self.file.each_block(&region, |mut block, offset, id| {
            let damaged = |what: &str| self.file.damaged(offset, what);
            while !block.rest().is_empty() {
                let mut next = || {
                    let place = (block.u32()?, block.u32()?, block.u32()?);
                    Some((place, std::str::from_utf8(block.terminated()?)))
                };
                let Some(((number, start, end), text)) = next() else {
                    return Err(damaged("a row of the block ends early"));
                };
                let text = text.map_err(|_| damaged("a row is not UTF-8 text"))?;
                if end < start {
                    return Err(damaged(&format!("a row ends ({end}) before it starts ({start})")));
                }
                let field = |index| split(text, b'\t').nth(index).unwrap_or_default();
                let strand = self.strand.map(field).map_or(Strand::Both, Strand::from_text);
                let row = Row { start, end, strand, text };
                if self.exons {
                    transcript::exons(&row).map_err(damaged)?;
                }
                if number != id || start >= bases.end || end.max(start + 1) <= bases.start {
                    continue;
                }
                if let ControlFlow::Break(result) = take(row) {
                    return result.map(|()| false);
                }
            }
            Ok(true)
        })
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let fields = Separator::Tab.split(row.text);
        let field = |index: usize| fields.get(index).copied().unwrap_or_default();
        for column in columns {
            match self.columns[*column] {
                From::Field(index) => put(field(index)),
                From::FirstOf(indexes) => {
                    let mut fields = indexes.into_iter().flatten().map(field);
                    let says = |field: &&str| !matches!(*field, "" | "none" | ".");
                    put(fields.find(says).unwrap_or_default());
                }
                From::ExonStarts => put(&transcript::ends(row, |(start, _)| start + 1)),
                From::ExonEnds => put(&transcript::ends(row, |(_, end)| end)),
            }
        }
    }
}
