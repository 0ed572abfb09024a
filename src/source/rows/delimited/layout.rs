//! The meaning of the fields of a line.

use crate::bytes::Input;
use crate::error::Result;
use crate::source::io::delimited::{DRAWING, Separator, unquoted};
use crate::source::io::lines::Line;
use crate::source::rows::collector::RowPlace;
use crate::source::rows::tabix::{self, IndexHint};
use std::fmt::{Formatter, from_fn};

/// The meaning of the fields of a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) separator: Separator,
    /// The names of all fields, in their order.
    pub(crate) names: Vec<String>,
    pub(crate) sequence: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) strand: Option<usize>,
    /// Number of a sequence's first base: 0 if the end is not included, 1 if it is.
    pub(crate) first: u32,
    /// Number of header lines before the first row; comments need not be counted.
    pub(crate) header_lines: usize,
}

const SEQUENCE: &[&str] = &[
    "chrom",
    "chr",
    "chromosome",
    "seqnames",
    "seqname",
    "seqid",
    "genoname",
    "tname",
    "rname",
    "contig",
    "hm_chrom",
    "chr_id",
];
const START: &[&str] = &[
    "chromstart",
    "start",
    "genostart",
    "txstart",
    "tstart",
    "start_position",
    "pos",
    "position",
    "bp",
    "base_pair_location",
    "genpos",
    "hm_pos",
    "chr_pos",
    "startpos",
    "beg",
];
/// Columns of 1-based starts, also where the header is a comment: those of samtools and bcftools.
const FROM_1: &[&str] = &["startpos", "beg"];
/// Columns of 0-based starts, as in UCSC's tables.
const FROM_0: &[&str] = &["chromstart", "genostart", "txstart", "tstart"];
/// Columns of the position of a single base.
const SINGLE: &[&str] =
    &["pos", "position", "bp", "base_pair_location", "genpos", "hm_pos", "chr_pos"];
const END: &[&str] =
    &["chromend", "end", "genoend", "txend", "tend", "stop", "end_position", "endpos"];

impl Layout {
    /// Returns the layout that the column names of a header give, if they name a sequence, a start
    /// and an end. Starts are 0-based in UCSC's tables (`chromStart`, `txStart`) and where the
    /// header is a comment, as in BED; otherwise 1-based, as in R and spreadsheets, and in tables of
    /// samtools (`#rname startpos endpos`).
    pub(crate) fn from_header(line: &str, separator: Separator) -> Option<Layout> {
        let comment = line.starts_with('#');
        let names = separator.split(line.trim_start_matches(['#', ' ']));
        let names: Vec<String> = names.into_iter().map(|name| unquoted(name).to_owned()).collect();
        let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        let find = |known: &[&str]| lower.iter().position(|name| known.contains(&name.as_str()));
        let (sequence, start) = (find(SEQUENCE)?, find(START)?);
        let single = SINGLE.contains(&lower[start].as_str());
        let end = if single { Some(start) } else { find(END) }?;
        let from_1 = single || FROM_1.contains(&lower[start].as_str());
        let from_0 = (comment && !from_1) || FROM_0.contains(&lower[start].as_str());
        let strand = find(&["strand"]);
        let first = u32::from(!from_0);
        Some(Layout { separator, names, sequence, start, end, strand, first, header_lines: 0 })
    }

    /// Returns whether the names of the columns say that bases count from 1, although the header is
    /// a comment.
    pub(crate) fn is_from_1(&self) -> bool {
        FROM_1.contains(&self.names[self.start].to_ascii_lowercase().as_str())
    }

    /// Returns the fields that are served as columns: all except the interval, the strand and
    /// fields that only say how to draw the row.
    pub(crate) fn served(&self) -> impl Iterator<Item = usize> {
        let place = [Some(self.sequence), Some(self.start), Some(self.end), self.strand];
        (0..self.names.len()).filter(move |field| {
            !place.contains(&Some(*field)) && !DRAWING.contains(&self.names[*field].as_str())
        })
    }

    /// Returns the layout as options of `tabix`.
    fn for_tabix(&self) -> String {
        let [sequence, start, end] = [self.sequence, self.start, self.end].map(|field| field + 1);
        let zero = if self.first == 0 { "-0 " } else { "" };
        let skip = match self.header_lines {
            0 => String::new(),
            lines => format!("-S {lines} "),
        };
        format!("{skip}{zero}-s {sequence} -b {start} -e {end}")
    }

    /// Returns the commands that index such a file, so that it needs no sorted copy.
    pub(crate) fn index_hint(&self, input: &Input) -> IndexHint {
        let keys = [self.sequence + 1, self.start + 1];
        tabix::index_hint(input, self.header_lines, keys, &self.for_tabix())
    }

    /// Returns the sequence and the interval of a row from these fields of its line.
    pub(crate) fn place<'a>(
        &self,
        line: &Line<'_>,
        sequence: &'a str,
        start: &str,
        end: &str,
    ) -> Result<RowPlace<'a>> {
        let name = |index: usize| {
            from_fn(move |f: &mut Formatter<'_>| {
                write!(f, "{} (column {})", self.names[index], index + 1)
            })
        };
        let start = (unquoted(start), name(self.start));
        let (start, end) = line.interval(start, (unquoted(end), name(self.end)), self.first)?;
        match unquoted(sequence) {
            "" => Err(line.error("the sequence name is empty")),
            sequence => Ok((sequence, start, end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_the_interval_columns_and_their_base() {
        let layout = |header: &str| {
            let layout = Layout::from_header(header, Separator::Tab)?;
            Some((layout.sequence, layout.start, layout.end, layout.strand, layout.first))
        };
        assert_eq!(layout("#bin\tchrom\tchromStart\tchromEnd\tname"), Some((1, 2, 3, None, 0)));
        assert_eq!(layout("gene\tchr\tstart\tend\tstrand\ts1"), Some((1, 2, 3, Some(4), 1)));
        assert_eq!(layout("#chr\tstart\tend"), Some((0, 1, 2, None, 0)));
        assert_eq!(layout("chr\tpos\ts1"), Some((0, 1, 1, None, 1)));
        assert_eq!(layout("#rname\tstartpos\tendpos\tnumreads"), Some((0, 1, 2, None, 1)));
        assert_eq!(layout("#sample\tchr\tbeg\tend"), Some((1, 2, 3, None, 1)));
        assert_eq!(layout("gene\ts1\ts2"), None);
        let table = Layout::from_header("#bin\tchrom\tchromStart\tchromEnd", Separator::Tab);
        assert_eq!(table.unwrap().for_tabix(), "-0 -s 2 -b 3 -e 4");
    }
}
