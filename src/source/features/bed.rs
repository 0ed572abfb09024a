//! BED: intervals with up to nine standard columns and any number of others, and ENCODE's peak
//! formats.
//!
//! Coordinates are 0-based and half-open in the file too (UCSC Genome Browser, "BED format").

mod regions;
mod tags;

use super::{bed12, bedmethyl, bedpe, junctions, methylation, ucsc};
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::features::autosql::{self, STANDARD};
use crate::source::io::delimited::{
    Separator, first_row, is_comment, is_number, is_position, is_strand, most_rows, unquoted,
};
use crate::source::io::lines::Lines;
use crate::source::rows::collector::inferred;
use crate::source::rows::delimited::{Delimited, Layout};
use crate::source::rows::format::collect;
use crate::source::rows::open::open as open_rows;
use crate::source::signals::wig;
use crate::source::{Context, Format, Options, Source};

pub use regions::regions;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

pub(crate) const FORMAT: Format = Format {
    name: "bed",
    extensions: &["bed", "narrowpeak", "broadpeak", "gappedpeak"],
    about: "blocks; numbers such as the score can be plotted too",
    sniff,
    open,
};

/// Columns 7 to 10 of ENCODE's narrowPeak; broadPeak has the first three, gappedPeak adds them to
/// the twelve of BED.
const PEAK: [&str; 4] = ["signal_value", "p_value", "q_value", "peak"];

fn sniff(head: &[u8]) -> bool {
    // These formats have the columns of BED too, but hold more than intervals.
    let richer = [
        bedmethyl::FORMAT,
        bedpe::INTERACT,
        bedpe::BEDPE,
        bed12::FORMAT,
        methylation::FORMAT,
        junctions::FORMAT,
        ucsc::FORMAT,
    ];
    if richer.iter().any(|format| (format.sniff)(head))
        || wig::is_fractional(head)
        || begins_with_another_column(head)
    {
        return false;
    }
    let text = String::from_utf8_lossy(head);
    first_row(&text).is_some_and(|line| {
        let fields = Separator::of(line).split(line);
        let is_name = |name: &str| !name.contains('.') || name.parse::<f64>().is_err();
        matches!(fields[..], [sequence, start, end, ..]
            if is_name(sequence) && is_position(start) && is_position(end))
    })
}

/// Returns whether the rows are intervals of numbered chromosomes after a column of something else,
/// such as a sample (`S1 2 1000 2000`). Read as BED, all rows of a sample would begin in the first
/// hundred bases and overlap.
fn begins_with_another_column(head: &[u8]) -> bool {
    let rows_of = RefCell::new(BTreeMap::<String, usize>::new());
    let others = Cell::new(0);
    let most = most_rows(head, |fields| {
        let [sample, chromosome, start, end, ..] = fields else { return false };
        *rows_of.borrow_mut().entry((*sample).to_owned()).or_default() += 1;
        let number = |field: &str| field.parse::<u32>().ok();
        let fits = match (number(chromosome), number(start), number(end)) {
            (Some(1..=99), Some(start), Some(end)) => 1_000 <= start && start < end,
            _ => false,
        };
        others.set(others.get() + usize::from(!fits));
        fits
    });
    let rows_of = rows_of.into_inner();
    // One of two rows is no exception.
    most && others.get() * 10 <= rows_of.values().sum() && rows_of.values().any(|rows| *rows > 1)
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut preamble = Preamble::default();
    let mut lines = Lines::open(input)?;
    let layout = loop {
        match lines.next()? {
            None => break without_rows()?,
            Some(line) if is_comment(line.text) => preamble.note(line.text),
            Some(line) => {
                let separator = Separator::of(line.text);
                let fields = separator.split(line.text);
                if fields.len() < 3 {
                    return Err(line.error("expected at least 3 columns: sequence, start, end"));
                }
                let names = preamble.names(input, separator, &fields)?;
                let strand = names.iter().position(|name| name == "strand");
                break Layout {
                    separator,
                    names,
                    sequence: 0,
                    start: 1,
                    end: 2,
                    strand,
                    first: 0,
                    header_lines: 0,
                };
            }
        }
    };
    let rows = Delimited::new(layout);
    if preamble.tags {
        // The set of tags is known only after reading all rows.
        if !context.holds(input)? {
            let name = input.path().display();
            tracing::warn!("{name} is large and is held in memory because of its gffTags");
        }
        let mut rows = collect(&rows, input, options, &context.progress, usize::MAX)?;
        tags::expand(&mut rows);
        return Ok(Box::new(inferred(rows)));
    }
    open_rows(rows, input, options, context)
}

fn without_rows() -> Result<Layout> {
    let layout = Layout::from_header("#chrom start end", Separator::Space);
    layout.ok_or_else(|| Error::Bug("the smallest header has no layout".into()))
}

/// The information in the lines before the first row.
#[derive(Default)]
struct Preamble {
    /// The comment just before the rows, perhaps a header.
    header: String,
    /// The `type` of the track line, in lower case.
    kind: String,
    /// Whether names are lists of tags (`Name=x;ID=y`), as IGV writes them.
    tags: bool,
}

impl Preamble {
    fn note(&mut self, line: &str) {
        let line = line.trim();
        let lower = line.to_ascii_lowercase();
        let says = |key: &str| {
            let value = lower.split_once(key)?.1.trim_matches(['"', '\'']);
            value.split([' ', '"', '\'']).next().map(str::to_owned)
        };
        self.tags |= lower == "#gfftags" || says("gfftags=").is_some_and(|on| on != "off");
        if line.starts_with('#') {
            self.header = line.to_owned();
        } else {
            self.kind = says("type=").unwrap_or_default();
        }
    }

    /// Returns the names of all columns: from a companion autoSql file, from a header, or from the
    /// content of the first row.
    fn names(&self, input: &Input, separator: Separator, row: &[&str]) -> Result<Vec<String>> {
        if let Some(names) = autosql::companion(input, row.len())? {
            return Ok(names);
        }
        let header = Layout::from_header(&self.header, separator).filter(|header| {
            (header.sequence, header.start, header.end) == (0, 1, 2)
                && header.names.len() == row.len()
        });
        Ok(header.map_or_else(|| names(&input.ending(), &self.kind, row), |header| header.names))
    }
}

/// Returns the names of columns without a description, from the content of the first row.
fn names(ending: &str, kind: &str, row: &[&str]) -> Vec<String> {
    let says = |name: &str| ending == name || kind == name;
    let numbers = |from: usize| row[from..].iter().all(|field| is_number(field));
    // Peak files are often named .bed: then the columns of the thick part are not positions in the
    // row.
    let thick_is_outside = || {
        let place = |index: usize| row[index].parse::<f64>().ok();
        let (Some(start), Some(end)) = (place(1), place(2)) else { return false };
        !(6..8).all(|index| place(index).is_some_and(|at| start <= at && at <= end))
    };
    let peak = match row.len() {
        10 => says("narrowpeak") || (numbers(6) && thick_is_outside()),
        9 => says("broadpeak") || (numbers(6) && thick_is_outside()),
        _ => false,
    };
    let standard = row.iter().enumerate().take_while(|(index, field)| fits(*index, field)).count();
    let name = |index: usize| match index {
        6..10 if peak => PEAK[index - 6].to_owned(),
        12..15 if row.len() == 15 && says("gappedpeak") => PEAK[index - 12].to_owned(),
        _ if index < standard => STANDARD[index].to_owned(),
        _ => format!("column_{}", index + 1),
    };
    (0..row.len()).map(name).collect()
}

/// Returns whether a field is valid in a standard column of BED.
fn fits(column: usize, field: &str) -> bool {
    let field = unquoted(field);
    match column {
        0..=3 => true,
        4 => is_number(field),
        5 => is_strand(field),
        6 | 7 | 9 => is_position(field) || field == ".",
        8 => is_number(field) || field.trim_matches('\'').split(',').all(is_position),
        10 | 11 => field.split_terminator(',').all(is_position),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_three_columns_are_not_always_intervals() {
        assert!((FORMAT.sniff)(b"1\t5\t9\n2\t5\t9\n"));
        assert!(!(FORMAT.sniff)(b"15.81\t5\t9\n"), "a number is no name");
        let samples = b"S1\t1\t16248083\t39465389\nS1\t2\t40225646\t44153100\n";
        assert!(!(FORMAT.sniff)(samples), "sample, chromosome, start, end");
        assert!(!(wig::BEDGRAPH.sniff)(samples));
        let scored = b"chr1\t10\t20000\t30000\nchr1\t5000\t6000\t10000\n";
        assert!((FORMAT.sniff)(scored));
    }
    use crate::genome::{Region, Strand};
    use crate::source::Level;
    use crate::table::Data;

    fn bed(name: &str, text: &str) -> Result<Box<dyn Source>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        open(&Input::File(path), &Options::default(), &Context::default())
    }

    #[test]
    fn comments_empty_lines_and_crlf_are_accepted() {
        let text =
            "track name=x\r\n#c\r\nchr1\t10\t20\tM13 origin\t5\t-\r\n\r\nchr1\t1\t2\tb\t.\t+";
        let source = bed("x.bed", text).unwrap();
        let table =
            source.read(&Region::new("chr1", 0, 99), Level::Records, &["name", "score"]).unwrap();
        assert_eq!(table.start, [1, 10]);
        assert_eq!(table.strand, [Strand::Forward, Strand::Reverse]);
        assert_eq!(
            table.column("name"),
            Some(&Data::Text(["b", "M13 origin"].into_iter().collect()))
        );
        let score = table.column("score").unwrap();
        assert!(score.number(0).is_nan());
        assert_eq!(score.number(1), 5.0);
    }

    #[test]
    fn spaces_separate_fields_without_tabs() {
        let source = bed("x.bed", "chr2 0  1\nchr2 2 3\n").unwrap();
        assert_eq!(source.rows(&Region::new("chr2", 0, 9), Level::Records), 2);
    }

    #[test]
    fn errors_name_their_line() {
        let error = |text| bed("x.bed", text).err().unwrap().to_string();
        assert!(
            error("chr1\t1\t2\nchr1\tx\t3\n")
                .contains("line 2: start (column 2) is not a whole number: 'x'")
        );
        assert!(error("chr1\t5\t2\n").contains("line 1: the end (2) is before the start (5)"));
        assert!(error("chr1\t-5\t2\n").contains("is negative"));
        assert!(error("chr1\t5\t9999999999\n").contains("is beyond"));
        assert!(error("chr1\t5\n").contains("at least 3 columns"));
        assert!(error("chr1\t5\t6\ta\nchr1\t7\t8\n").contains("line 2: has 3 columns"));
        assert!(
            error("chr1\t5\t6\ta\t1\t+\nchr1\t5\t6\ta\t1\tx\n").contains("'x' is not a strand")
        );
    }

    fn columns(name: &str, text: &str) -> Vec<String> {
        let source = bed(name, text).unwrap();
        source.columns().iter().map(|column| column.name.to_string()).collect()
    }

    #[test]
    fn peak_columns_are_named_with_any_file_ending() {
        let broad = "chr1\t1\t2\t.\t3\t.\t5.1\t14.1\t-1\n";
        let named = ["name", "score", "signal_value", "p_value", "q_value", "peak"];
        assert_eq!(columns("x.broadPeak", broad), named[..5]);
        assert_eq!(columns("x.bed", broad), named[..5]);
        let narrow = "chr1\t100\t900\t.\t3\t.\t500\t14.1\t-1\t350\n";
        assert_eq!(columns("ENCFF1.bed", narrow), named);
        let track = "track type=narrowPeak\nchr1\t100\t900\t.\t3\t.\t500\t500\t1\t350\n";
        assert_eq!(columns("x.bed", track), named);
        let gapped = "chr1\t1\t9\ta\t3\t.\t1\t9\t0\t1\t8,\t0,\t2.5\t3\t4\n";
        let some = ["name", "score", "color", "signal_value", "p_value", "q_value"];
        assert_eq!(columns("x.gappedPeak", gapped), some);
    }

    #[test]
    fn other_columns_are_named_by_the_header_or_numbered() {
        let row = "chr1\t1\t2\ta\t5\t+\tx\t0.5\n";
        assert_eq!(columns("x.bed", row), ["name", "score", "column_7", "column_8"]);
        let header = "#chrom\tstart\tend\tgene\ttpm\tstrand\tnote\tfdr\n";
        let text = format!("{header}{row}");
        assert_eq!(columns("x.bed", &text), ["gene", "tpm", "note", "fdr"]);
        assert_eq!(columns("x.bed", "chr1\t1\t2\ta\tb\tc\n"), ["name", "column_5", "column_6"]);
    }

    #[test]
    fn a_companion_auto_sql_file_names_the_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bed");
        std::fs::write(&path, "chr1\t1\t2\ta\t0.5\n").unwrap();
        let schema = "table x\n\"a; (test)\"\n(\nstring chrom; \"c; d\"\nuint chromStart; \"s\"\n\
            uint chromEnd; \"e\"\nstring name; \"n\"\nfloat fdr; \"f\"\n)\n";
        std::fs::write(folder.path().join("x.as"), schema).unwrap();
        let open = || open(&Input::File(path.clone()), &Options::default(), &Context::default());
        let source = open().unwrap();
        let names: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["name", "fdr"]);
        std::fs::write(folder.path().join("x.as"), "table x (string chrom; \"c\")").unwrap();
        let error = open().err().unwrap().to_string();
        assert!(error.contains("describes 1 columns"), "{error}");
    }

    #[test]
    fn tags_in_names_become_columns() {
        let text = "#gffTags\nchr1\t1\t2\tName=INS%20230;Key1=a\nchr1\t3\t4\tKey2=b;Key1=c\n";
        assert_eq!(columns("x.bed", text), ["name", "Key1", "Key2"]);
        let source = bed("x.bed", text).unwrap();
        let region = Region::new("chr1", 0, 9);
        let table = source.read(&region, Level::Records, &["name", "Key1", "Key2"]).unwrap();
        let column = |name: &str| match table.column(name) {
            Some(Data::Text(texts)) => texts.iter().collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!(column("name"), ["INS 230", "Key2=b;Key1=c"]);
        assert_eq!((column("Key1"), column("Key2")), (vec!["a", "c"], vec!["", "b"]));
    }
}
