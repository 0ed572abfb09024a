//! BED12 as genes: each row is a transcript, and its blocks are the exons.
//!
//! Coordinates are 0-based and half-open in the file too; block starts are relative to the row's
//! start.

use crate::bytes::Input;
use crate::error::Result;
use crate::source::io::delimited::{Separator, first_row, is_number, is_position, strand};
use crate::source::io::lines::Line;
use crate::source::rows::format::RowFormat;
use crate::source::rows::genes::{self, Gene};
use crate::source::rows::indexed::About;
use crate::source::rows::open::open;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::{self, IndexHint};
use crate::source::{Format, Unit};
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
    open: |input, options, context| open(Bed12, input, options, context),
};

/// The format, in which each line is a transcript.
#[derive(Clone, Copy)]
struct Bed12;

impl RowFormat for Bed12 {
    type Copied = Self;
    const MEMORY_FIRST: bool = true;

    fn cache_ending(&self) -> &'static str {
        "bed12.bgz"
    }

    fn about(&self) -> About {
        genes::about(Unit::Genes)
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let Gene { sequence, start, end, strand, .. } = gene(line)?;
        emit(&sequence, Row { start, end, strand, text: line.text })
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let line = Line::of_record(row.text, 0, Path::new(""));
        // Invalid lines were rejected when they were read.
        let mut gene = gene(&line).unwrap_or_default();
        let cells = gene.cells();
        columns.iter().for_each(|column| put(&cells[*column]));
    }

    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        Some(tabix::index_hint(input, 0, [1, 2], "-p bed"))
    }

    fn copied(self, _: &str) -> Option<Self> {
        Some(self)
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

/// Parses the blocks of a row, which must lie inside it.
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
        if u64::from(start) + to > u64::from(end) {
            return Err(line.error(format!("the block at {offset} ends after the end of its row")));
        }
        Ok((from as u32, (u64::from(start) + to) as u32))
    };
    sizes.zip(starts).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::{Context, Level, Options, Shape, Source};
    use crate::table::Data;

    const ROW: &str = "chr8\t100\t500\tNM_1\t0\t-\t100\t100\t0\t2\t100,100,\t0,300,\n";

    fn bed12(text: &str) -> Result<Box<dyn Source>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        (FORMAT.open)(&Input::File(file.path().into()), &Options::default(), &Context::default())
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
    fn errors_name_their_line() {
        let error = |bad: String| bed12(&format!("{ROW}{bad}")).err().unwrap().to_string();
        assert!(
            error(ROW.replace("0,300,", "0,301,")).contains("line 2: the block at 301 ends after")
        );
        assert!(error(ROW.replace("\t0,300,", "")).contains("line 2: has 11 columns"));
        assert!(error(ROW.replace("0,300,", "0,")).contains("do not list 2 blocks"));
    }
}
