//! genePred, plain and extended, and refFlat: one transcript per line, as in UCSC's gene tables,
//! with or without a leading `bin` column.
//!
//! Coordinates are 0-based and half-open in the file too.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::io::delimited::{Separator, first_row, is_comment, is_position, strand};
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::collector::Budget;
use crate::source::rows::format::{RowFormat, each_good_line};
use crate::source::rows::genes::{self, Gene, Genes, records};
use crate::source::rows::indexed::About;
use crate::source::rows::open::open as open_rows;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::{self, IndexHint};
use crate::source::{Context, Format, Options, Source, Unit};
use std::path::Path;

pub(crate) const FORMAT: Format = Format {
    name: "genepred",
    extensions: &["genepred", "gp", "refflat"],
    about: "genes with exons, found by name; transcripts with rows=transcripts",
    sniff: |head| {
        let text = String::from_utf8_lossy(head);
        first_row(&text).is_some_and(|row| GenePred::of(row).is_some())
    },
    open,
};

/// The columns of a table whose lines are transcripts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct GenePred {
    /// The column of the transcript's name, which the sequence, the strand and the other columns
    /// follow.
    name: usize,
    /// The column of the gene's name.
    gene: Option<usize>,
    columns: usize,
}

impl GenePred {
    /// Returns the table to which a line belongs; none if it is not a line of such a table.
    fn of(line: &str) -> Option<GenePred> {
        let fields = Separator::of(line).split(line);
        let is_table = |name: usize| {
            let field = |index: usize| fields.get(name + index).copied().unwrap_or_default();
            let list = |index: usize| field(index).split_terminator(',').filter(|f| is_position(f));
            fields.len() > name + 9
                && matches!(field(2), "+" | "-" | ".")
                && (3..8).all(|index| is_position(field(index)))
                && list(8).count().to_string() == field(7)
        };
        let name = [0, 1].into_iter().find(|name| is_table(*name))?;
        let gene = match name {
            1 if !is_position(fields[0]) => Some(0),
            _ => Some(name + 11).filter(|index| fields.len() > index + 2),
        };
        Some(GenePred { name, gene, columns: fields.len() })
    }
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut lines = Lines::open(input)?;
    let table = loop {
        let Some(line) = lines.next()? else {
            return Err(Error::data(input.path(), "", "has no genes"));
        };
        if !is_comment(line.text) {
            let table = GenePred::of(line.text);
            let what = || line.error("is not a row of a genePred or refFlat table");
            break table.ok_or_else(what)?;
        }
    };
    if options.rows == Unit::Transcripts {
        return open_rows(table, input, options, context);
    }
    // The transcripts of a gene may be anywhere in the file.
    let (mut transcripts, budget) = (Vec::new(), Budget::default());
    let skip = options.skip.as_ref();
    each_good_line(&table, input, &context.progress, skip, &mut |line| {
        let transcript = transcript(line, table, Unit::Genes)?;
        budget.take(line, transcript.memory())?;
        transcripts.push(transcript);
        Ok(true)
    })?;
    skip.into_iter().for_each(|skip| skip.tell(input.path()));
    transcripts.sort_by(|a, b| (&a.sequence, a.start).cmp(&(&b.sequence, b.start)));
    let mut genes = Genes::default();
    transcripts.into_iter().for_each(|transcript| genes.append(transcript));
    Ok(Box::new(records(genes.joined(), Unit::Genes)))
}

impl RowFormat for GenePred {
    type Copied = Self;
    const MEMORY_FIRST: bool = true;

    fn cache_ending(&self) -> &'static str {
        "genepred.bgz"
    }

    fn about(&self) -> About {
        genes::about(Unit::Transcripts)
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let gene = transcript(line, *self, Unit::Transcripts)?;
        let Gene { ref sequence, start, end, strand, .. } = gene;
        emit(sequence, Row { start, end, strand, text: line.text })
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let line = Line::of_record(row.text, 0, Path::new(""));
        // Invalid lines were rejected when they were read.
        let mut gene = transcript(&line, *self, Unit::Transcripts).unwrap_or_default();
        let cells = gene.cells();
        columns.iter().for_each(|column| put(&cells[*column]));
    }

    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        let [sequence, start, end] = [2, 4, 5].map(|column| self.name + column);
        let layout = format!("-0 -s {sequence} -b {start} -e {end}");
        Some(tabix::index_hint(input, 0, [sequence, start], &layout))
    }

    fn copied(self, _: &str) -> Option<Self> {
        Some(self)
    }
}

/// Parses a transcript. If genes are requested, it is a piece of its gene and has the gene's id.
fn transcript(line: &Line<'_>, table: GenePred, unit: Unit) -> Result<Gene> {
    let fields = Separator::of(line.text).split(line.text);
    if fields.len() != table.columns {
        let (has, first) = (fields.len(), table.columns);
        return Err(line.error(format!("has {has} columns, not {first} as in the lines before it")));
    }
    let at = |index: usize| fields[table.name + index];
    let column = |index: usize, what: &str| format!("{what} (column {})", table.name + index + 1);
    let (start_is, end_is) = (column(3, "txStart"), column(4, "txEnd"));
    let (start, end) = line.interval((at(3), &start_is), (at(4), &end_is), 0)?;
    let exons = exons(line, at(7), at(8), at(9))?;
    let name = table.gene.map_or(at(0), |gene| fields[gene]);
    let id = if unit == Unit::Genes { name } else { at(0) };
    let transcripts =
        if unit == Unit::Genes && at(0) != name { format!("\n{}", at(0)) } else { String::new() };
    Ok(Gene {
        transcripts,
        sequence: at(1).to_owned(),
        start,
        end,
        strand: strand(line, at(2))?,
        name: name.to_owned(),
        id: id.to_owned(),
        exons,
        ..Gene::default()
    })
}

fn exons(line: &Line<'_>, count: &str, starts: &str, ends: &str) -> Result<Vec<(u32, u32)>> {
    let (starts, ends) = (starts.split_terminator(','), ends.split_terminator(','));
    if starts.clone().count().to_string() != count || ends.clone().count().to_string() != count {
        return Err(line.error(format!("exonStarts and exonEnds do not list {count} exons")));
    }
    let exon = |(start, end)| line.interval((start, "an exon's start"), (end, "an exon's end"), 0);
    starts.zip(ends).map(exon).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::table::Data;

    fn rows(text: &str, rows: Unit) -> Result<Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        let source = open(&input, &Options { rows, ..Options::default() }, &Context::default())?;
        let columns: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        let table = source.read(&Region::new("chr8", 0, 10_000), Level::Records, &columns)?;
        let cell = |data: &Data, row| match data {
            Data::Text(texts) => texts.get(row).to_owned(),
            _ => String::new(),
        };
        let row = |row: usize| {
            let place = format!("{}-{}{}", table.start[row], table.end[row], table.strand[row]);
            let cells = table.columns.iter().map(|column| cell(&column.data, row));
            std::iter::once(place).chain(cells).collect::<Vec<_>>().join(" ")
        };
        Ok((0..table.len()).map(row).collect())
    }

    const PLAIN: &str = "chr8\t+\t100\t500\t100\t100\t2\t100,400,\t200,500,";

    #[test]
    fn tables_are_recognized_by_their_first_row() {
        let kind = |line: &str| GenePred::of(line).map(|table| (table.name, table.gene));
        assert_eq!(kind(&format!("NM_1\t{PLAIN}")), Some((0, None)));
        assert_eq!(kind(&format!("585\tNM_1\t{PLAIN}")), Some((1, None)));
        assert_eq!(kind(&format!("MYC\tNM_1\t{PLAIN}")), Some((1, Some(0))));
        let extended = format!("{PLAIN}\t0\tMYC\tcmpl\tcmpl\t0,-1,");
        assert_eq!(kind(&format!("NM_1\t{extended}")), Some((0, Some(11))));
        assert_eq!(kind(&format!("585\tNM_1\t{extended}")), Some((1, Some(12))));
        let spaces = format!("MYC    NM_1    {}", PLAIN.replace('\t', "    "));
        assert_eq!(kind(&spaces), Some((1, Some(0))));
        assert_eq!(kind("chr8\t1\t2\tname"), None);
    }

    #[test]
    fn transcripts_of_one_gene_are_one_row_per_place() {
        let text = format!(
            "#geneName\tname\tchrom\nMYC\tNM_1\t{PLAIN}\nSNO\tNR_1\tchr8\t-\t5000\t5100\t5100\t5100\t1\t5000,\t5100,\n\
             MYC\tNM_2\tchr8\t+\t150\t600\t150\t150\t1\t150,\t600,\n\
             SNO\tNR_1\tchr8\t-\t7000\t7100\t7100\t7100\t1\t7000,\t7100,\n"
        );
        assert_eq!(
            rows(&text, Unit::Genes).unwrap(),
            [
                "100-600+ MYC MYC 101 600 ",
                "5000-5100- SNO SNO 5001 5100 ",
                "7000-7100- SNO SNO 7001 7100 "
            ]
        );
        let transcripts = rows(&text, Unit::Transcripts).unwrap();
        assert_eq!(transcripts.len(), 4);
        assert_eq!(transcripts[0], "100-500+ MYC NM_1 101,401 200,500  NM_1");
    }

    #[test]
    fn errors_name_their_line() {
        let good = format!("NM_1\t{PLAIN}\n");
        let error = |bad: &str| rows(&format!("{good}{bad}"), Unit::Genes).unwrap_err().to_string();
        assert!(error("NM_2\tchr8\t+\t1\n").contains("line 2: has 4 columns, not 10"));
        assert!(
            error(&good.replace("200,500,", "200,")).contains("line 2: exonStarts and exonEnds")
        );
        assert!(error(&good.replace("\t500", "\t50")).contains("line 2: the end (50) is before"));
    }
}
