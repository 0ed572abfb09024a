//! BED12 as genes: each row a transcript, its blocks the exons.
//!
//! Coordinates are 0-based and half-open in the file too; block starts count from the row's start.

use crate::bytes::Input;
use crate::error::Result;
use crate::genome::Sequences;
use crate::source::Unit;
use crate::source::io::delimited::{
    Separator, first_row, is_comment, is_number, is_position, strand,
};
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::background::{PREVIEW_ROWS, Preview, open_in_background};
use crate::source::rows::collector::Budget;
use crate::source::rows::genes::{COLUMNS, Gene, records, served};
use crate::source::rows::indexed::{About, Indexed, Row};
use crate::source::rows::records::Records;
use crate::source::rows::sorted_copy::{self, Take, ToCopy};
use crate::source::rows::tabix::{self, Decode, Tabix};
use crate::source::{ColumnInfo, ColumnKind, Context, Format, Options, Shape, Source};
use std::path::Path;

pub(crate) const FORMAT: Format = Format {
    name: "bed12",
    extensions: &["bed12"],
    about: "genes with exons, found by name; blocks with format=bed",
    sniff: |head| {
        let text = String::from_utf8_lossy(head);
        first_row(&text).is_some_and(|row| {
            let fields = Separator::of(row).split(row);
            let list =
                |index: usize| fields[index].split_terminator(',').filter(|f| is_position(f));
            fields.len() == 12
                && [1, 2, 6, 7].into_iter().all(|index| is_position(fields[index]))
                && is_number(fields[4])
                && [10, 11].into_iter().all(|index| list(index).count().to_string() == fields[9])
        })
    },
    open,
};

/// What copies end in.
const COPY: &str = "bed12.bgz";
/// The layout of the file in the words of tabix's options.
const LAYOUT: &str = "-p bed";

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    if context.holds(input)? {
        let mut lines = Lines::watched(input, &context.progress)?;
        return Ok(Box::new(genes(&mut lines, usize::MAX)?));
    }
    if let Ok(file) = Tabix::open(input, Transcripts)? {
        return by_region(file, options);
    }
    let (file, options) = (input.clone(), options.clone());
    let preview = || Ok(Preview::of(&genes(&mut Lines::open(input)?, PREVIEW_ROWS)?));
    open_in_background(input, context, preview, move |context| {
        let index_hint = tabix::index_hint(&file, [1, 2], LAYOUT);
        let copy = sorted_copy::copy(&file, context, COPY, Transcripts, Some(&index_hint))?;
        by_region(Tabix::of_copy(&file, &copy, |_| Some(Transcripts))?, &options)
    })
}

/// The genes of the lines that follow, of so many of them.
fn genes(lines: &mut Lines, most: usize) -> Result<Records> {
    let (mut genes, budget) = (Vec::new(), Budget::default());
    while genes.len() < most
        && let Some(line) = lines.next()?
    {
        if !is_comment(line.text) {
            let gene = gene(&line)?;
            budget.take(&line, gene.memory())?;
            genes.push(gene);
        }
    }
    Ok(records(genes, Unit::Genes))
}

fn by_region(file: Tabix<Transcripts>, options: &Options) -> Result<Box<dyn Source>> {
    let column = |name: &&str| ColumnInfo { name: (*name).into(), kind: ColumnKind::Text };
    let about = About {
        shape: Shape::Genes,
        sequences: file.sequences(&Sequences::default())?,
        knows_lengths: false,
        rows: file.rows(),
        columns: COLUMNS.iter().take(served(Unit::Genes)).map(column).collect(),
        name: Some(0),
        importance: None,
    };
    Ok(Box::new(Indexed::new(file, about, options.columns.as_deref())?))
}

/// Each line is a row.
#[derive(Clone, Copy)]
struct Transcripts;

impl Decode for Transcripts {
    fn row<'l>(&self, line: &Line<'l>) -> Result<(&'l str, Row<'l>)> {
        let Gene { start, end, strand, .. } = gene(line)?;
        let name = Separator::of(line.text).split(line.text)[0];
        Ok((name, Row { start, end, strand, text: line.text }))
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let line = Line::of_record(row.text, 0, Path::new(""));
        // Lines that are none were refused when they were read.
        let mut gene = gene(&line).unwrap_or_default();
        let cells = gene.cells();
        columns.iter().for_each(|column| put(&cells[*column]));
    }
}

impl ToCopy for Transcripts {
    fn rows(&mut self, line: &Line<'_>, take: &mut Take<'_>) -> Result<()> {
        let (name, row) = self.row(line)?;
        take(name, row)
    }
}

fn gene(line: &Line<'_>) -> Result<Gene> {
    let fields = Separator::of(line.text).split(line.text);
    let [sequence, start, end, name, _, strand_field, _, _, _, count, sizes, starts] = fields[..]
    else {
        return Err(line.error(format!("has {} columns, not the 12 of BED12", fields.len())));
    };
    let (start, end) = line.interval((start, "start (column 2)"), (end, "end (column 3)"), 0)?;
    Ok(Gene {
        sequence: sequence.to_owned(),
        start,
        end,
        strand: strand(line, strand_field)?,
        id: name.to_owned(),
        exons: blocks(line, (start, end), count, sizes, starts)?,
        ..Gene::default()
    })
}

/// The blocks of a row, which must lie inside it.
fn blocks(
    line: &Line<'_>,
    (start, end): (u32, u32),
    count: &str,
    sizes: &str,
    starts: &str,
) -> Result<Vec<(u32, u32)>> {
    let (sizes, starts) = (sizes.split_terminator(','), starts.split_terminator(','));
    if sizes.clone().count().to_string() != count || starts.clone().count().to_string() != count {
        return Err(line.error(format!("columns 11 and 12 do not list {count} blocks")));
    }
    let block = |(size, offset)| {
        let size = line.position(size, "a block's size (column 11)")?;
        let offset = line.position(offset, "a block's start (column 12)")?;
        let (from, to) =
            (u64::from(start) + u64::from(offset), u64::from(offset) + u64::from(size));
        match u64::from(start) + to <= u64::from(end) {
            true => Ok((from as u32, (u64::from(start) + to) as u32)),
            false => Err(line.error(format!("the block at {offset} ends behind its row"))),
        }
    };
    sizes.zip(starts).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::table::Data;

    const ROW: &str = "chr8\t100\t500\tNM_1\t0\t-\t100\t100\t0\t2\t100,100,\t0,300,\n";

    fn bed12(text: &str) -> Result<Box<dyn Source>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        open(&Input::File(file.path().into()), &Options::default(), &Context::default())
    }

    #[test]
    fn blocks_are_exons() {
        assert!((FORMAT.sniff)(ROW.as_bytes()));
        let source = bed12(ROW).unwrap();
        assert_eq!(source.shape(), Shape::Genes);
        let columns = ["gene", "exon_starts", "exon_ends"];
        let table = source.read(&Region::new("chr8", 0, 999), Level::Records, &columns).unwrap();
        let text = |name| match table.column(name) {
            Some(Data::Text(texts)) => texts.get(0).to_owned(),
            _ => String::new(),
        };
        assert_eq!(columns.map(text), ["NM_1", "101,401", "200,500"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |bad: String| bed12(&format!("{ROW}{bad}")).err().unwrap().to_string();
        assert!(
            error(ROW.replace("0,300,", "0,301,")).contains("line 2: the block at 301 ends behind")
        );
        assert!(error(ROW.replace("\t0,300,", "")).contains("line 2: has 11 columns"));
        assert!(error(ROW.replace("0,300,", "0,")).contains("do not list 2 blocks"));
    }
}
