//! Pairs of places: BEDPE (bedtools) and interact (UCSC), which bigInteract has too. Both ends of a
//! pair are rows; `other` says where the other end lies, 1-based with both ends included as people
//! write regions.
//!
//! Coordinates are 0-based and half-open in both formats.

use crate::bytes::Input;
use crate::error::Result;
use crate::genome::{Region, Strand};
use crate::source::io::delimited::{Separator, first_row, is_comment, is_position, strand};
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::collector::inferred;
use crate::source::rows::delimited::{Delimited, Layout};
use crate::source::rows::format::RowFormat;
use crate::source::rows::indexed::About;
use crate::source::rows::open::open as open_rows;
use crate::source::rows::records::Rows;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::IndexHint;
use crate::source::{Context, Format, Options, Source};

pub(crate) const BEDPE: Format = Format {
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

pub(crate) const INTERACT: Format = Format {
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
pub(crate) struct End<'a> {
    pub(crate) sequence: &'a str,
    pub(crate) start: u32,
    pub(crate) end: u32,
    name: &'a str,
    pub(crate) strand: Strand,
}

/// A line: its ends as far as they are known, and the columns that both share.
pub(crate) struct Pair<'a> {
    ends: [Option<End<'a>>; 2],
    shared: Vec<&'a str>,
    /// The one sequence on which its ends are rows, if another line is there for other ones.
    own: Option<&'a str>,
}

impl<'a> Pair<'a> {
    /// The ends that are rows, each with the place of the other, 1-based, and its name.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&End<'a>, String, &'a str)> {
        let [first, second] = &self.ends;
        [(first, second), (second, first)].into_iter().filter_map(|(end, other)| {
            let end = end.as_ref().filter(|end| self.own.is_none_or(|own| own == end.sequence))?;
            let place = other.as_ref().map(|o| Region::new(o.sequence, o.start, o.end).to_string());
            let name = other.as_ref().map_or("", |other| other.name);
            Some((end, place.unwrap_or_default(), name))
        })
    }

    /// The columns of a row.
    pub(crate) fn columns<'c>(
        &'c self,
        (end, place, name): &'c (&End<'a>, String, &'a str),
    ) -> impl Iterator<Item = &'c str> {
        [end.name, place, name].into_iter().chain(self.shared.iter().copied())
    }
}

/// The columns of a row, before those of its format.
pub(crate) const NAMES: [&str; 3] = ["name", "other", "other_name"];
/// The further columns of an interaction.
pub(crate) const OF_INTERACTION: [&str; 4] = ["score", "value", "exp", "color"];

/// How a format's lines are read: the names of the shared columns, given the number of columns, and
/// the pair of a line.
struct Kind {
    shared: fn(usize) -> Vec<String>,
    pair: for<'a> fn(&Line<'_>, &[&'a str]) -> Result<Pair<'a>>,
}

/// The lines of one file, each of which becomes a line of a table for each end that is known.
#[derive(Clone)]
struct Pairs {
    kind: &'static Kind,
    /// The number of columns.
    width: usize,
    /// The table of ends.
    ends: Delimited,
}

fn open(
    input: &Input,
    kind: &'static Kind,
    options: &Options,
    context: &Context,
) -> Result<Box<dyn Source>> {
    let mut lines = Lines::open(input)?;
    while let Some(line) = lines.next()? {
        if !is_comment(line.text) {
            let width = Separator::of(line.text).split(line.text).len();
            return open_rows(Pairs::new(kind, width), input, options, context);
        }
    }
    Ok(Box::new(inferred(Rows::default())))
}

impl Pairs {
    fn new(kind: &'static Kind, width: usize) -> Self {
        let own = ["chrom", "start", "end", "strand"].into_iter().chain(NAMES);
        let names = own.map(str::to_owned).chain((kind.shared)(width));
        let layout = Layout {
            separator: Separator::Tab,
            names: names.collect(),
            sequence: 0,
            start: 1,
            end: 2,
            strand: Some(3),
            first: 0,
            header_lines: 0,
        };
        Pairs { kind, width, ends: Delimited::new(layout) }
    }
}

impl RowFormat for Pairs {
    type Copied = Delimited;
    const INFERRED: bool = true;

    fn cache_ending(&self) -> &'static str {
        "pairs.bgz"
    }

    fn about(&self) -> About {
        self.ends.about()
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let fields = Separator::of(line.text).split(line.text);
        if fields.len() != self.width {
            let (has, width) = (fields.len(), self.width);
            return Err(line.error(format!("has {has} columns, not {width} as those before")));
        }
        let pair = (self.kind.pair)(line, &fields)?;
        let mut any = false;
        for row in pair.rows() {
            let End { sequence, start, end, strand, .. } = row.0;
            let mut text = format!("{sequence}\t{start}\t{end}\t{strand}");
            pair.columns(&row).for_each(|field| text.extend(["\t", field]));
            self.ends.parse(&line.with_text(&text), emit)?;
            any = true;
        }
        if any { Ok(()) } else { Err(line.error("neither end of the pair has a place")) }
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.ends.cells(row, columns, put);
    }

    /// An index knows only one end of a pair.
    fn index_hint(&self, _: &Input) -> Option<IndexHint> {
        None
    }

    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        self.ends.learn(row)
    }

    fn note(&self) -> String {
        self.ends.note()
    }

    fn copied(self, note: &str) -> Option<Delimited> {
        self.ends.copied(note)
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
        let end = |at: usize, strand: usize| {
            if known(at) {
                end(line, fields, at, field(6), field(strand)).map(Some)
            } else {
                Ok(None)
            }
        };
        let ends = [end(0, 8)?, end(3, 9)?];
        let score = fields.get(7).copied();
        Ok(Pair {
            ends,
            shared: score.into_iter().chain(fields.iter().skip(10).copied()).collect(),
            own: None,
        })
    },
};

/// `chrom chromStart chromEnd name score value exp color`, then `Chrom Start End Name Strand` of
/// source and target. One between two sequences is two lines, one for each end.
const INTERACTIONS: Kind =
    Kind { shared: |_| OF_INTERACTION.map(str::to_owned).to_vec(), pair: interaction };

/// The pair that the columns of an interaction tell.
pub(crate) fn interaction<'a>(line: &Line<'_>, fields: &[&'a str]) -> Result<Pair<'a>> {
    if fields.len() != 18 {
        return Err(line.error("expected the 18 columns of interact"));
    }
    // Ends without a name of their own go by that of the interaction.
    let named = |at: usize| if matches!(fields[at], "." | "") { fields[3] } else { fields[at] };
    let ends = [
        Some(end(line, fields, 8, named(11), fields[12])?),
        Some(end(line, fields, 13, named(16), fields[17])?),
    ];
    if [8, 13].iter().all(|at| fields[*at] != fields[0]) {
        return Err(line.error(format!("neither end lies on {}", fields[0])));
    }
    Ok(Pair { ends, shared: fields[4..8].to_vec(), own: Some(fields[0]) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Level;
    use crate::source::formats::detect;
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
        // Between two sequences there is a line for each end.
        let ends = "chr1\t100\t200\te\t+\tchr2\t800\t900\tp\t-\n";
        let text = format!(
            "chr1\t100\t200\ti2\t5\t0.5\tx\t0\t{ends}chr2\t800\t900\ti2\t5\t0.5\tx\t0\t{ends}"
        );
        let shared = "score=5 value=0.5 exp=x color=0";
        assert_eq!(
            rows("interact", &text).unwrap(),
            [
                format!("chr1:100-200+ name=e other=chr2:801-900 other_name=p {shared}"),
                format!("chr2:800-900- name=p other=chr1:101-200 other_name=e {shared}"),
            ]
        );
        let error = rows("interact", &text.replace("chr2\t800\t900\ti2", "chr3\t800\t900\ti2"));
        assert!(error.unwrap_err().to_string().contains("line 2: neither end lies on chr3"));
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
