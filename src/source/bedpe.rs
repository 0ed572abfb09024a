//! Pairs of places: BEDPE (bedtools) and interact (UCSC). Both ends of a pair are rows; `other`
//! says where the other end lies, 1-based with both ends included as people write regions.
//!
//! Coordinates are 0-based and half-open in both formats.

use super::fields::{Collector, Separator, first_row, is_comment, is_position, strand};
use super::sheet::{self, Layout, Sheet};
use super::text::Line;
use super::{Context, Format, Input, Options, Source};
use crate::error::Result;
use crate::genome::{Region, Strand};

pub(super) const BEDPE: Format = Format {
    name: "bedpe",
    extensions: &["bedpe"],
    about: "blocks: both ends of a pair, each with the place of the other",
    sniff: |head| {
        sniffed(head, |fields| {
            let unknown = |end: &[&str]| matches!(end, [".", "-1", "-1"]);
            let is_end = |end: &[&str]| unknown(end) || (is_place(end) && !is_position(end[0]));
            fields.len() >= 6 && is_end(&fields[..3]) && is_end(&fields[3..6])
        })
    },
    open: |input, options, context| open(input, &PAIRS, options, context),
};

pub(super) const INTERACT: Format = Format {
    name: "interact",
    extensions: &["interact"],
    about: "blocks: both ends of an interaction, each with the place and name of the other",
    sniff: |head| {
        sniffed(head, |fields| {
            fields.len() == 18
                && is_place(&fields[0..3])
                && [8, 13]
                    .into_iter()
                    .all(|end| is_place(&fields[end..end + 3]) && !is_color(fields[end]))
        })
    },
    open: |input, options, context| open(input, &INTERACTIONS, options, context),
};

fn sniffed(head: &[u8], fits: fn(&[&str]) -> bool) -> bool {
    let text = String::from_utf8_lossy(head);
    first_row(&text).is_some_and(|row| fits(&Separator::of(row).split(row)))
}

fn is_place(fields: &[&str]) -> bool {
    matches!(fields, [_, start, end] if is_position(start) && is_position(end))
}

/// Whether the field is a colour: then the line is one of bedMethyl, which has as many columns.
fn is_color(field: &str) -> bool {
    field.split(',').all(is_position)
}

/// One end of a pair.
struct End<'a> {
    sequence: &'a str,
    start: u32,
    end: u32,
    name: &'a str,
    strand: Strand,
}

/// A line: its ends as far as they are known, and the columns that both share.
struct Pair<'a> {
    ends: [Option<End<'a>>; 2],
    shared: Vec<&'a str>,
}

/// How a format's lines are read: the names of the shared columns, given the number of columns, and
/// the pair of a line.
struct Kind {
    shared: fn(usize) -> Vec<String>,
    pair: for<'a> fn(&Line<'_>, &[&'a str]) -> Result<Pair<'a>>,
}

/// How the lines of one file become those of a sheet, one for each end of a pair.
#[derive(Clone, Copy)]
pub(super) struct Pairs {
    kind: &'static Kind,
    /// The number of columns.
    width: usize,
}

fn open(
    input: &Input,
    kind: &'static Kind,
    options: &Options,
    context: &Context,
) -> Result<Box<dyn Source>> {
    let mut lines = sheet::lines(input, context)?;
    while let Some(line) = lines.next()? {
        if !is_comment(line.text) {
            let width = Separator::of(line.text).split(line.text).len();
            let mut sheet = Pairs { kind, width }.sheet();
            sheet.push(&line)?;
            return sheet.source(input, lines, options, context);
        }
    }
    Ok(Box::new(Collector::new(Vec::new()).records()))
}

impl Pairs {
    /// A sheet of ends.
    fn sheet(self) -> Sheet {
        let own = ["chrom", "start", "end", "strand", "name", "other", "other_name"];
        let names = own.into_iter().map(str::to_owned).chain((self.kind.shared)(self.width));
        let layout = Layout {
            separator: Separator::Tab,
            names: names.collect(),
            sequence: 0,
            start: 1,
            end: 2,
            strand: Some(3),
            first: 0,
        };
        Sheet::new(layout).of_pairs(self)
    }

    /// Gives `put` a line for each end that is known.
    pub(super) fn lines(
        self,
        line: &Line<'_>,
        mut put: impl FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let fields = Separator::of(line.text).split(line.text);
        if fields.len() != self.width {
            let (has, width) = (fields.len(), self.width);
            return Err(line.error(format!("has {has} columns, not {width} as those before")));
        }
        let Pair { ends: [first, second], shared } = (self.kind.pair)(line, &fields)?;
        for (end, other) in [(&first, &second), (&second, &first)] {
            let Some(End { sequence, start, end, name, strand }) = end else { continue };
            let region = |o: &End<'_>| Region::new(o.sequence, o.start, o.end).to_string();
            let region = other.as_ref().map(region).unwrap_or_default();
            let other = other.as_ref().map_or("", |other| other.name);
            let mut text =
                format!("{sequence}\t{start}\t{end}\t{strand}\t{name}\t{region}\t{other}");
            shared.iter().for_each(|field| text.extend(["\t", field]));
            put(&text)?;
        }
        match (first, second) {
            (None, None) => Err(line.error("neither end of the pair has a place")),
            _ => Ok(()),
        }
    }
}

/// Columns `at` to `at + 2` as an end.
fn end<'a>(
    line: &Line<'_>,
    fields: &[&'a str],
    at: usize,
    name: &'a str,
    strand_field: &str,
) -> Result<End<'a>> {
    let start_is = format!("start (column {})", at + 2);
    let end_is = format!("end (column {})", at + 3);
    let (start, end) = line.interval((fields[at + 1], &start_is), (fields[at + 2], &end_is), 0)?;
    Ok(End { sequence: fields[at], start, end, name, strand: strand(line, strand_field)? })
}

/// `chrom1 start1 end1 chrom2 start2 end2 name score strand1 strand2 ...`; an end whose place is
/// not known is `. -1 -1`.
const PAIRS: Kind = Kind {
    shared: |width| {
        let further = (11..=width).map(|column| format!("column_{column}"));
        let score = (width >= 8).then(|| "score".to_owned());
        score.into_iter().chain(further).collect()
    },
    pair: |line, fields| {
        let field = |index: usize| fields.get(index).copied().unwrap_or_default();
        if fields.len() < 6 {
            return Err(line.error("expected at least 6 columns: sequence, start and end, twice"));
        }
        let known = |at: usize| fields[at] != "." && fields[at + 1] != "-1";
        let end = |at: usize, strand: usize| match known(at) {
            true => end(line, fields, at, field(6), field(strand)).map(Some),
            false => Ok(None),
        };
        let ends = [end(0, 8)?, end(3, 9)?];
        let score = fields.get(7).copied();
        Ok(Pair {
            ends,
            shared: score.into_iter().chain(fields.iter().skip(10).copied()).collect(),
        })
    },
};

/// `chrom chromStart chromEnd name score value exp color`, then `Chrom Start End Name Strand` of
/// source and target.
const INTERACTIONS: Kind = Kind {
    shared: |_| ["score", "value", "exp", "color"].map(str::to_owned).to_vec(),
    pair: |line, fields| {
        if fields.len() != 18 {
            return Err(line.error("expected the 18 columns of interact"));
        }
        // Ends without a name of their own go by that of the interaction.
        let named = |at: usize| if matches!(fields[at], "." | "") { fields[3] } else { fields[at] };
        let ends = [
            Some(end(line, fields, 8, named(11), fields[12])?),
            Some(end(line, fields, 13, named(16), fields[17])?),
        ];
        Ok(Pair { ends, shared: fields[4..8].to_vec() })
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Level, detect};
    use crate::table::Data;

    fn rows(format: &str, text: &str) -> Result<Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        let found = detect(&input)?;
        assert_eq!(found.name, format);
        let source = (found.open)(&input, &Options::default(), &Context::default())?;
        let columns: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        let mut rows = Vec::new();
        for sequence in source.sequences() {
            let region = Region::new(sequence.name.clone(), 0, sequence.length);
            let table = source.read(&region, Level::Records, &columns)?;
            for row in 0..table.len() {
                let cells = table.columns.iter().map(|column| match &column.data {
                    Data::Text(texts) => format!(" {}={}", column.name, texts.get(row)),
                    numbers => format!(" {}={}", column.name, numbers.number(row)),
                });
                let (start, end, strand) = (table.start[row], table.end[row], table.strand[row]);
                rows.push(
                    format!("{}:{start}-{end}{strand}", sequence.name) + &cells.collect::<String>(),
                );
            }
        }
        Ok(rows)
    }

    #[test]
    fn both_ends_of_a_pair_are_rows_that_name_each_other() {
        let text = "#chrom1\tstart1\nchr1\t100\t200\tchr5\t5000\t5100\tloop1\t60\t+\t-\tDEL\n\
            chr9\t10\t20\t.\t-1\t-1\tloop2\t50\t+\t.\tINS\n";
        assert_eq!(
            rows("bedpe", text).unwrap(),
            [
                "chr1:100-200+ name=loop1 other=chr5:5001-5100 other_name=loop1 score=60 column_11=DEL",
                "chr5:5000-5100- name=loop1 other=chr1:101-200 other_name=loop1 score=60 column_11=DEL",
                "chr9:10-20+ name=loop2 other= other_name= score=50 column_11=INS",
            ]
        );
    }

    #[test]
    fn interactions_have_their_own_names_for_their_ends() {
        let text = "track type=interact\nchr1\t100\t900\ti1\t5\t0.5\tx\t#7A67EE\tchr1\t100\t200\t\
            enhancer\t+\tchr1\t800\t900\t.\t-\n";
        let shared = "score=5 value=0.5 exp=x color=#7A67EE";
        assert_eq!(
            rows("interact", text).unwrap(),
            [
                format!("chr1:100-200+ name=enhancer other=chr1:801-900 other_name=i1 {shared}"),
                format!("chr1:800-900- name=i1 other=chr1:101-200 other_name=enhancer {shared}"),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let good = "chr1\t1\t2\tchr2\t3\t4\n";
        let error = |bad: &str| rows("bedpe", &format!("{good}{bad}")).unwrap_err().to_string();
        assert!(error("chr1\t1\t2\tchr2\t3\n").contains("line 2: has 5 columns, not 6"));
        assert!(error("chr1\t1\t2\tchr2\t5\t4\n").contains("line 2: the end (4) lies before"));
        assert!(error("chr1\t1\tx\tchr2\t3\t4\n").contains("line 2: end (column 3) is not"));
        assert!(error(".\t-1\t-1\t.\t-1\t-1\n").contains("line 2: neither end"));
    }
}
