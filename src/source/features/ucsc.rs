//! Tables of the UCSC Genome Browser: with a header (`#bin chrom chromStart chromEnd name ...`), or
//! without one, as downloaded; then the first column, the bin, verifies which columns are the
//! interval. Also the peak tables of HOMER (`#PeakID chr start end strand ...`).
//!
//! Coordinates are 0-based and half-open in UCSC's tables; in HOMER's, they are 1-based with both
//! ends included.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::io::delimited::{Separator, first_row, is_number, is_strand, most_rows};
use crate::source::io::lines::Lines;
use crate::source::rows::delimited::{Delimited, Layout};
use crate::source::rows::open::open as open_rows;
use crate::source::{Context, Format, Options, Source};

pub(crate) const FORMAT: Format = Format {
    name: "ucsc",
    extensions: &[],
    about: "blocks; numbers can be plotted too",
    sniff: |head| layout(head).is_some(),
    open,
};

/// Returns the layout of a table from its beginning.
fn layout(head: &[u8]) -> Option<Layout> {
    let text = String::from_utf8_lossy(head);
    let header = text.lines().take_while(|line| line.starts_with('#')).last();
    match header.and_then(|line| Layout::from_header(line, Separator::Tab)) {
        // If the first columns are the interval, it is a BED file with a header, unless the header
        // says that bases count from 1.
        Some(layout) if layout.sequence > 0 || layout.is_from_1() => {
            let homer = layout.names[0].starts_with("PeakID");
            Some(Layout { first: layout.first.max(u32::from(homer)), ..layout })
        }
        Some(_) => None,
        None => TABLES.iter().find_map(|table| table.layout(head)),
    }
}

/// A table without a header.
struct Headerless {
    /// The field of the sequence; start and end are the next two.
    sequence: usize,
    /// Whether the fields are those of this table, given that the bin matches the interval.
    is: fn(&[&str]) -> bool,
    /// The names of the fields, as far as they are known.
    names: &'static [&'static str],
}

const TABLES: [Headerless; 3] = [
    // Repeats (rmsk).
    Headerless {
        sequence: 5,
        is: |fields| fields.len() == 17 && is_strand(fields[9]),
        names: &[
            "bin",
            "swScore",
            "milliDiv",
            "milliDel",
            "milliIns",
            "genoName",
            "genoStart",
            "genoEnd",
            "genoLeft",
            "strand",
            "repName",
            "repClass",
            "repFamily",
            "repStart",
            "repEnd",
            "repLeft",
            "id",
        ],
    },
    // CpG islands (cpgIslandExt).
    Headerless {
        sequence: 1,
        is: |fields| fields.len() == 11 && fields[4].starts_with("CpG:"),
        names: &[
            "bin",
            "chrom",
            "chromStart",
            "chromEnd",
            "name",
            "length",
            "cpgNum",
            "gcNum",
            "perCpg",
            "perGc",
            "obsExp",
        ],
    },
    // Any other table: a bin, then the columns of BED.
    Headerless {
        sequence: 1,
        is: |_| true,
        names: &["bin", "chrom", "chromStart", "chromEnd", "name", "score", "strand"],
    },
];

impl Headerless {
    fn layout(&self, head: &[u8]) -> Option<Layout> {
        let (sequence, start, end) = (self.sequence, self.sequence + 1, self.sequence + 2);
        let fits = |fields: &[&str]| {
            let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
            let place = (number(0), number(start), number(end));
            let (Some(known), Some(start), Some(end)) = place else { return false };
            start < end && bin(start, end) == Some(known) && (self.is)(fields)
        };
        if !most_rows(head, fits) {
            return None;
        }
        let text = String::from_utf8_lossy(head);
        let line = first_row(&text)?;
        let separator = Separator::of(line);
        let row = separator.split(line);
        let name = |(index, field): (usize, &&str)| match self.names.get(index) {
            Some(&"score") if !is_number(field) => format!("column_{}", index + 1),
            Some(&"strand") if !is_strand(field) => format!("column_{}", index + 1),
            Some(name) => (*name).to_owned(),
            None => format!("column_{}", index + 1),
        };
        let names: Vec<String> = row.iter().enumerate().map(name).collect();
        let strand = names.iter().position(|name| name == "strand");
        Some(Layout { separator, names, sequence, start, end, strand, first: 0, header_lines: 0 })
    }
}

/// Returns the bin of an interval (Kent et al. 2002, "The Human Genome Browser at UCSC"); none
/// beyond the 512 million bases of the scheme.
fn bin(start: u32, end: u32) -> Option<u32> {
    let (mut first, mut last) = (start >> 17, (end - 1) >> 17);
    for offset in [585, 73, 9, 1, 0] {
        if first == last {
            return Some(offset + first);
        }
        (first, last) = (first >> 3, last >> 3);
    }
    None
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    // Reports a line that cannot be read.
    Lines::open(input)?.next()?;
    let Some(layout) = layout(&input.head()?) else {
        let message = "expected a header with chrom, chromStart and chromEnd after a '#', or a \
            downloaded UCSC table, which begins with the bin";
        return Err(Error::data(input.path(), "line 1", message));
    };
    open_rows(Delimited::new(layout), input, options, context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::{Region, Strand};
    use crate::source::Level;

    #[test]
    fn a_header_names_the_interval_columns() {
        let text = "#bin\tswScore\tgenoName\tgenoStart\tgenoEnd\tgenoLeft\tstrand\trepName\n\
            585\t463\tchr1\t10000\t10468\t-248946\t+\t(TAACCC)n\n\
            585\t3612\tchr1\t10468\t11447\t-248945\t-\tTAR1\n";
        assert!((FORMAT.sniff)(text.as_bytes()));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        let source = open(&input, &Options::default(), &Context::default()).unwrap();
        let names: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["swScore", "genoLeft", "repName"]);
        let region = Region::new("chr1", 10_467, 10_469);
        let table = source.read(&region, Level::Records, &["swScore"]).unwrap();
        assert_eq!((table.start, table.end), (vec![10_000, 10_468], vec![10_468, 11_447]));
        assert_eq!(table.strand, [Strand::Forward, Strand::Reverse]);
        assert_eq!(source.search("tar", 9).len(), 1);
    }

    fn open_text(text: &str) -> Box<dyn Source> {
        assert!((FORMAT.sniff)(text.as_bytes()), "{text}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        open(&input, &Options::default(), &Context::default()).unwrap()
    }

    fn names(source: &dyn Source) -> Vec<&str> {
        source.columns().iter().map(|column| &*column.name).collect()
    }

    #[test]
    fn downloads_without_a_header_are_recognized_by_their_bins() {
        let islands = "585\tchr1\t28735\t29737\tCpG: 111\t1002\t111\t731\t22.2\t73\t0.85\n\
            586\tchr1\t135124\t135563\tCpG: 30\t439\t30\t295\t13.7\t67.2\t0.64\n";
        let source = open_text(islands);
        let expected = ["name", "length", "cpgNum", "gcNum", "perCpg", "perGc", "obsExp"];
        assert_eq!(names(&*source), expected);
        let table = source.read(&Region::new("chr1", 0, 30_000), Level::Records, &["length"]);
        let table = table.unwrap();
        assert_eq!((table.start, table.end), (vec![28_735], vec![29_737]));

        let repeats = "585\t463\t13\t6\t17\tchr1\t10000\t10468\t-248945954\t+\t(CCCTAA)n\t\
            Simple_repeat\tSimple_repeat\t1\t471\t0\t1\n";
        let source = open_text(repeats);
        assert!(names(&*source).contains(&"repClass"));
        let table = source.read(&Region::new("chr1", 0, 30_000), Level::Records, &[]).unwrap();
        assert_eq!((table.start, table.strand), (vec![10_000], vec![Strand::Forward]));
        let other = "7\tchr1\t28735\t29737\tnot the bin of this interval\n";
        assert!(!(FORMAT.sniff)(other.as_bytes()));
    }

    #[test]
    fn rows_between_spaces_are_read_too() {
        let text = "# a comment\n751 chr1  21806618 21806621 CTG/TTT 2\n\
            1816\tchr1\t161473872\t161473873\tC/A\t1\n";
        let source = open_text(text);
        let table = source.read(&Region::new("chr1", 0, 200_000_000), Level::Records, &[]).unwrap();
        assert_eq!(table.start, [21_806_618, 161_473_872]);
    }

    #[test]
    fn headers_of_samtools_and_bcftools_say_that_bases_count_from_1() {
        let depth = "#rname\tstartpos\tendpos\tnumreads\nchr1\t1\t500\t20\n";
        let source = open_text(depth);
        let table = source.read(&Region::new("chr1", 0, 9), Level::Records, &["numreads"]).unwrap();
        assert_eq!((table.start, table.end), (vec![0], vec![500]));
        let calls = "#sample\tchr\tbeg\tend\nS1\t2\t1001\t1010\nS1\t2\t2001\t2010\n";
        let source = open_text(calls);
        let table = source.read(&Region::new("2", 0, 3_000), Level::Records, &["sample"]).unwrap();
        assert_eq!(table.start, [1_000, 2_000]);
        assert!((FORMAT.sniff)(b"#chr\tbeg\tend\n1\t5\t9\n"));
        assert!(!(FORMAT.sniff)(b"#chr\tstart\tend\n1\t5\t9\n"), "BED with a header");
    }

    #[test]
    fn homer_positions_are_one_based() {
        let text = "# HOMER Peaks\n#PeakID\tchr\tstart\tend\tstrand\tscore\n\
            chr1-1\tchr1\t101\t200\t+\t5.5\n";
        let source = open_text(text);
        let table = source.read(&Region::new("chr1", 0, 300), Level::Records, &["score"]).unwrap();
        assert_eq!((table.start, table.end), (vec![100], vec![200]));
    }
}
