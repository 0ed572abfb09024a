//! Pairs of intervals: BEDPE (bedtools) and interact (UCSC), whose columns bigInteract has too.
//! Both ends of a pair are rows; `other` is the region of the other end, 1-based with both ends
//! included, as users write regions.
//!
//! Coordinates are 0-based and half-open in both formats.

use crate::error::Result;
use crate::genome::{MAX_POSITION, Region, Strand};
use crate::source::Format;
use crate::source::io::delimited::{Separator, is_position, is_strand, most_rows, strand};
use crate::source::io::lines::Line;
use crate::source::rows::rewritten::{Add, Rewrite, open};
use std::cell::Cell;

pub(crate) const BEDPE: Format = Format {
    name: "bedpe",
    extensions: &["bedpe"],
    about: "blocks: both ends of a pair, each with the place of the other",
    sniff: |head| {
        if is_fithic(head) {
            return true;
        }
        let any = Cell::new(false);
        let fits = |fields: &[&str]| {
            let fields: Vec<_> = fields.iter().map(|field| field.trim()).collect();
            any.set(any.get() || is_pair(&fields));
            is_pair(&fields) || is_header(&fields)
        };
        most_rows(head, fits) && any.get()
    },
    open: |input, options, context| {
        // A file that cannot be read is reported when its rows are read.
        let head = input.head().unwrap_or_default();
        let how = match () {
            () if is_fithic(&head) => &FITHIC,
            () if has_bedpe_columns(&head) => &PAIRS,
            () => &LOOPS,
        };
        open(how, input, options, context)
    },
};

pub(crate) const INTERACT: Format = Format {
    name: "interact",
    extensions: &["interact"],
    about: "blocks: both ends of an interaction, each with the place and name of the other",
    sniff: |head| {
        most_rows(head, |fields| {
            fields.len() == 18
                && is_place(&fields[0..3])
                && [8, 13]
                    .into_iter()
                    .all(|end| is_place(&fields[end..end + 3]) && !is_color(fields[end]))
        })
    },
    open: |input, options, context| open(&INTERACTIONS, input, options, context),
};

/// Returns whether the fields begin with two intervals. Numeric sequence names must look like
/// chromosomes; otherwise the fields could as well be a BED line with numbers after its interval.
fn is_pair(fields: &[&str]) -> bool {
    let unknown = |end: &[&str]| matches!(end, [".", "-1", "-1"]);
    let is_chromosome = |name: &str| name.len() <= 2 || !is_position(name);
    let is_ordered = |end: &[&str]| match (end[1].parse::<u32>(), end[2].parse::<u32>()) {
        (Ok(start), Ok(end)) => start < end,
        _ => false,
    };
    let is_end = |end: &[&str]| {
        let bare = is_position(end[0]);
        unknown(end) || (is_place(end) && is_chromosome(end[0]) && (!bare || is_ordered(end)))
    };
    fields.len() >= 6
        && is_end(&fields[..3])
        && is_end(&fields[3..6])
        && may_share_assembly(fields[0], fields[3])
}

fn is_place(fields: &[&str]) -> bool {
    matches!(fields, [_, start, end] if is_position(start) && is_position(end))
}

/// Returns whether the field is a color; then the line is one of bedMethyl, which has the same
/// number of columns.
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

/// A line: its ends, as far as they are known, and the columns that both share.
pub(crate) struct Pair<'a> {
    ends: [Option<End<'a>>; 2],
    shared: Vec<&'a str>,
    /// The only sequence on which its ends are rows, if the file has another line for the other
    /// end.
    own: Option<&'a str>,
}

impl<'a> Pair<'a> {
    /// Returns the ends that are rows, each with the region (1-based) and the name of the other.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&End<'a>, String, &'a str)> {
        let [first, second] = &self.ends;
        [(first, second), (second, first)].into_iter().filter_map(|(end, other)| {
            let end = end.as_ref().filter(|end| self.own.is_none_or(|own| own == end.sequence))?;
            let place = other.as_ref().map(|o| Region::new(o.sequence, o.start, o.end).to_string());
            let name = other.as_ref().map_or("", |other| other.name);
            Some((end, place.unwrap_or_default(), name))
        })
    }

    /// Returns the columns of a row.
    pub(crate) fn columns<'c>(
        &'c self,
        (end, place, name): &'c (&End<'a>, String, &'a str),
    ) -> impl Iterator<Item = &'c str> {
        [end.name, place, name].into_iter().chain(self.shared.iter().copied())
    }
}

/// The columns of all pairs, before those of their format.
pub(crate) const NAMES: [&str; 3] = ["name", "other", "other_name"];
/// The additional columns of an interaction.
pub(crate) const INTERACTION_COLUMNS: [&str; 4] = ["score", "value", "exp", "color"];

/// Adds the rows of a pair.
fn add_rows(line: &Line<'_>, pair: &Pair<'_>, add: &mut Add<'_>) -> Result<()> {
    let mut any = false;
    for row in pair.rows() {
        let End { sequence, start, end, strand, .. } = row.0;
        let mut text = format!("{sequence}\t{start}\t{end}\t{strand}");
        pair.columns(&row).for_each(|field| text.extend(["\t", field]));
        add(&text)?;
        any = true;
    }
    if any { Ok(()) } else { Err(line.error("neither end of the pair has a position")) }
}

/// Returns whether the fields are the column names of a pair: `chr1 x1 x2 chr2 y1 y2`.
fn is_header(fields: &[&str]) -> bool {
    let name_of = |field: &str| field.starts_with(|c: char| c.is_ascii_alphabetic());
    fields.len() >= 6 && [1, 2, 4, 5].into_iter().all(|index| name_of(fields[index]))
}

/// Returns whether a name, a score and two strands follow the intervals, as in BEDPE: the header
/// does not name them otherwise, and the strands are valid.
fn has_bedpe_columns(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let other_header = text.lines().take(100).any(|line| {
        let names = Separator::of(line).split(line.trim_start_matches(['#', ' ']));
        is_header(&names) && names.get(6).is_some_and(|name| !name.eq_ignore_ascii_case("name"))
    });
    let strands = |fields: &[&str]| fields.iter().skip(8).take(2).all(|field| is_strand(field));
    !other_header && most_rows(head, |fields| is_header(fields) || strands(fields))
}

/// Returns whether both can be sequences of one assembly: they begin with the same letters, like
/// `chr1` and `chr5`, or are short, like `1` and `X`, or one is unknown (`.`). In a BED line, the
/// second one is the name of a feature.
fn may_share_assembly(first: &str, second: &str) -> bool {
    let letters = |name: &str| -> String {
        let letters = name.chars().take_while(char::is_ascii_alphabetic);
        letters.flat_map(char::to_lowercase).collect()
    };
    let is_short = |name: &str| name.len() <= 2;
    letters(first) == letters(second)
        || (is_short(first) && is_short(second))
        || first == "."
        || second == "."
}

/// Parses columns `at` to `at + 2` as an end.
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

/// `chrom1 start1 end1 chrom2 start2 end2 name score strand1 strand2 ...`; an unknown end is `. -1
/// -1`.
const PAIRS: Rewrite = Rewrite {
    ending: "pairs.bgz",
    is_header,
    columns: |header, width| {
        let score = (width >= 8).then(|| "score".to_owned());
        NAMES
            .map(str::to_owned)
            .into_iter()
            .chain(score)
            .chain(field_names(header, 10, width))
            .collect()
    },
    lines: |line, fields, add| {
        let field = |index: usize| fields.get(index).copied().unwrap_or_default();
        let ends = ends(line, fields, field(6), [field(8), field(9)])?;
        let score = fields.get(7).copied();
        let shared = score.into_iter().chain(fields.iter().skip(10).copied()).collect();
        add_rows(line, &Pair { ends, shared, own: None }, add)
    },
};

/// The six coordinates of a pair, then columns that the header names: the loops of HiCCUPS (Juicer)
/// and Mustache.
const LOOPS: Rewrite = Rewrite {
    ending: "loops.bgz",
    is_header,
    columns: |header, width| {
        NAMES.map(str::to_owned).into_iter().chain(field_names(header, 6, width)).collect()
    },
    lines: |line, fields, add| {
        let ends = ends(line, fields, "", ["", ""])?;
        let shared = fields.iter().skip(6).copied().collect();
        add_rows(line, &Pair { ends, shared, own: None }, add)
    },
};

/// Whether it begins with the header of FitHiC.
fn is_fithic(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().next().unwrap_or_default();
    is_fithic_header(&Separator::of(line).split(line))
}

fn is_fithic_header(fields: &[&str]) -> bool {
    matches!(fields, [_, first, _, second, ..] if *first == "fragmentMid1" && *second == "fragmentMid2")
}

/// The significant contacts of FitHiC: `chr1 fragmentMid1 chr2 fragmentMid2 contactCount p-value
/// q-value ...`, each end a single base in the middle of its bin or fragment.
const FITHIC: Rewrite = Rewrite {
    ending: "fithic.bgz",
    is_header: is_fithic_header,
    columns: |header, width| {
        NAMES.map(str::to_owned).into_iter().chain(field_names(header, 4, width)).collect()
    },
    lines: |line, fields, add| {
        if fields.len() < 5 {
            return Err(line.error("expected at least 5 columns: two sequences with a base each"));
        }
        let end = |at: usize| -> Result<_> {
            let start = line.position(fields[at + 1], format!("the middle (column {})", at + 2))?;
            let end = start.saturating_add(1).min(MAX_POSITION);
            Ok(Some(End { sequence: fields[at], start, end, name: "", strand: Strand::Both }))
        };
        let shared = fields.iter().skip(4).copied().collect();
        add_rows(line, &Pair { ends: [end(0)?, end(2)?], shared, own: None }, add)
    },
};

/// Returns the names of the fields from `first` on.
fn field_names(header: &[&str], first: usize, width: usize) -> impl Iterator<Item = String> {
    (first..width).map(|index| match header.get(index) {
        Some(name) if !NAMES.contains(name) => (*name).to_owned(),
        _ => format!("column_{}", index + 1),
    })
}

/// Parses the ends of a pair, as far as they are known.
fn ends<'a>(
    line: &Line<'_>,
    fields: &[&'a str],
    name: &'a str,
    strands: [&str; 2],
) -> Result<[Option<End<'a>>; 2]> {
    if fields.len() < 6 {
        return Err(line.error("expected at least 6 columns: sequence, start and end, twice"));
    }
    let known = |at: usize| fields[at] != "." && fields[at + 1] != "-1";
    let end = |at: usize, strand: &str| {
        known(at).then(|| end(line, fields, at, name, strand)).transpose()
    };
    Ok([end(0, strands[0])?, end(3, strands[1])?])
}

/// `chrom chromStart chromEnd name score value exp color`, then `Chrom Start End Name Strand` of
/// source and target. An interaction between two sequences is two lines, one for each end.
const INTERACTIONS: Rewrite = Rewrite {
    ending: "interact.bgz",
    is_header: |_| false,
    columns: |_, _| NAMES.into_iter().chain(INTERACTION_COLUMNS).map(str::to_owned).collect(),
    lines: |line, fields, add| add_rows(line, &interaction(line, fields)?, add),
};

/// Parses the pair from the columns of an interaction.
pub(crate) fn interaction<'a>(line: &Line<'_>, fields: &[&'a str]) -> Result<Pair<'a>> {
    if fields.len() != 18 {
        return Err(line.error("expected the 18 columns of interact"));
    }
    // Ends without a name get the name of the interaction.
    let name_of = |at: usize| if matches!(fields[at], "." | "") { fields[3] } else { fields[at] };
    let ends = [
        Some(end(line, fields, 8, name_of(11), fields[12])?),
        Some(end(line, fields, 13, name_of(16), fields[17])?),
    ];
    if [8, 13].iter().all(|at| fields[*at] != fields[0]) {
        return Err(line.error(format!("neither end is on {}", fields[0])));
    }
    Ok(Pair { ends, shared: fields[4..8].to_vec(), own: Some(fields[0]) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Input;
    use crate::source::formats::detect;
    use crate::source::{Context, Level, Options};
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
            let region = Region::new(sequence.name, 0, sequence.length);
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
    fn loops_are_recognized_between_spaces_and_whatever_the_file_is_called() {
        let mustache = "BIN1_CHR\tBIN1_START\tBIN1_END\tBIN2_CHROMOSOME\tBIN2_START\tBIN2_END\tFDR\n\
            chr1\t100\t200\tchr1\t5000\t5100\t0.01\n";
        let padded = "chr1\tx1  \tx2  \tchr2\ty1  \ty2  \tcolor  \tobserved\n\
            chr1\t100 \t200 \tchr1\t5000\t5100\t0,255,0\t7.5\n";
        for (text, last) in [(mustache, "FDR=0.01"), (padded, "color=0,255,0 observed=7.5")] {
            assert_eq!(
                rows("bedpe", text).unwrap(),
                [
                    format!("chr1:100-200* name= other=chr1:5001-5100 other_name= {last}"),
                    format!("chr1:5000-5100* name= other=chr1:101-200 other_name= {last}"),
                ]
            );
            let file = tempfile::Builder::new().suffix(".tsv").tempfile().unwrap();
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(detect(&Input::File(file.path().into())).unwrap().name, "bedpe");
        }
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
        // An interaction between two sequences has a line for each end.
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
        assert!(error.unwrap_err().to_string().contains("line 2: neither end is on chr3"));
    }

    #[test]
    fn pairs_with_numeric_sequence_names_are_detected() {
        let text = "1\t100\t200\t5\t5000\t5100\n1\t300\t400\tX\t7000\t7100\n";
        assert_eq!(
            rows("bedpe", text).unwrap(),
            [
                "1:100-200* name= other=5:5001-5100 other_name=",
                "1:300-400* name= other=X:7001-7100 other_name=",
                "5:5000-5100* name= other=1:101-200 other_name=",
                "X:7000-7100* name= other=1:301-400 other_name=",
            ]
        );
        let bed = "1\t100\t200\t5\t1000\t+\n";
        assert!(!(BEDPE.sniff)(bed.as_bytes()));
        let name_of = "chr11\t100\t200\tG1\t2\t4\n";
        assert!(!(BEDPE.sniff)(name_of.as_bytes()), "numbers after a name are not an interval");
    }

    #[test]
    fn loops_have_the_columns_of_their_header() {
        let text = "chr1\tx1\tx2\tchr2\ty1\ty2\tcolor\tobserved\n\
            10\t100\t200\t10\t5000\t5100\t0,255,255\t12.5\n";
        let rows = rows("bedpe", text).unwrap();
        assert_eq!(
            rows[0],
            "10:100-200* name= other=10:5001-5100 other_name= color=0,255,255 observed=12.5"
        );
    }

    #[test]
    fn contacts_of_fithic_lie_in_the_middle_of_their_bins() {
        let text = "chr1\tfragmentMid1\tchr2\tfragmentMid2\tcontactCount\tp-value\tq-value\n\
            chr1\t55000\tchr1\t85000\t7\t1.5e-4\t0.02\n";
        let shared = "contactCount=7 p-value=0.00015 q-value=0.02";
        assert_eq!(
            rows("bedpe", text).unwrap(),
            [
                format!("chr1:55000-55001* name= other=chr1:85001-85001 other_name= {shared}"),
                format!("chr1:85000-85001* name= other=chr1:55001-55001 other_name= {shared}"),
            ]
        );
        let error = rows("bedpe", &format!("{text}chr1\t5\tchr1\tx\t7\t1\t1\n")).unwrap_err();
        assert!(error.to_string().contains("line 3: the middle (column 4)"), "{error}");
    }

    #[test]
    fn errors_name_their_line() {
        let good = "chr1\t1\t2\tchr2\t3\t4\n".repeat(20);
        let error = |bad: &str| rows("bedpe", &format!("{good}{bad}")).unwrap_err().to_string();
        assert!(error("chr1\t1\t2\tchr2\t3\n").contains("line 21: has 5 columns, not 6"));
        assert!(error("chr1\t1\t2\tchr2\t5\t4\n").contains("line 21: the end (4) is before"));
        assert!(error("chr1\t1\tx\tchr2\t3\t4\n").contains("line 21: end (column 3) is not"));
        assert!(error(".\t-1\t-1\t.\t-1\t-1\n").contains("line 21: neither end"));
    }
}
