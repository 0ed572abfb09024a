//! bedMethyl (ENCODE, modkit): the fraction of modified calls at each base.
//!
//! A file has a line for each kind of modification, so a base may have several lines. Here a base
//! is one row, with columns for the percentage and the coverage of each kind. The two strands of a
//! CpG are two bases, hence two rows. Coordinates are 0-based and half-open in the file too.

mod joined;

use crate::error::Result;
use crate::genome::Strand;
use crate::source::Format;
use crate::source::io::delimited::{first_row, is_number, is_position, is_strand};
use crate::source::io::delimited::{number, strand};
use crate::source::io::lines::{Line, shortened};
use crate::source::rows::collector::{Budget, inferred};
use crate::source::rows::open::open;
use crate::source::rows::records::{Records, Rows};
use crate::table::{Column, Data};
use joined::Calls;
use std::collections::HashMap;

pub(crate) const FORMAT: Format = Format {
    name: "bedmethyl",
    extensions: &["bedmethyl"],
    about: "points: percent modified and coverage, columns for each kind of modification",
    sniff: |head| {
        let text = String::from_utf8_lossy(head);
        first_row(&text).is_some_and(|row| {
            let fields: Vec<_> = row.split_ascii_whitespace().collect();
            matches!(fields.len(), 11 | 14 | 18)
                && [1, 2, 6, 7, 9].into_iter().all(|index| is_position(fields[index]))
                && is_strand(fields[5])
                && fields[8].split(',').all(is_position)
                && fields[10..].iter().all(|field| is_number(field))
        })
    },
    open: |input, options, context| open(Calls::default(), input, options, context),
};

/// The meaning of the codes of modkit and of SAM's MM tag (SAM tags specification, base
/// modifications); numbers are ChEBI ids.
const CODES: &[(&str, &str)] = &[
    ("m", "5mC"),
    ("h", "5hmC"),
    ("f", "5fC"),
    ("c", "5caC"),
    ("a", "6mA"),
    ("21839", "4mC"),
    ("17802", "pseU"),
    ("17596", "inosine"),
];

/// The number of columns that modkit writes.
const MODKIT: usize = 18;
/// The name of a modification without a known code.
const ANY: &str = "modified";

/// Returns the first fields of a line and the number of its fields. Some writers put spaces between
/// the last columns, and no name here contains spaces.
fn split(text: &str) -> ([&str; MODKIT], usize) {
    let (mut fields, mut count) = ([""; MODKIT], 0);
    for field in text.split_ascii_whitespace() {
        fields.get_mut(count).into_iter().for_each(|slot| *slot = field);
        count += 1;
    }
    (fields, count)
}

/// The fields of a line.
struct MethylLine<'a> {
    sequence: &'a str,
    start: u32,
    end: u32,
    strand: Strand,
    /// The kind of modification.
    kind: &'a str,
    percent: (&'a str, f64),
    coverage: (&'a str, f64),
}

impl<'a> MethylLine<'a> {
    fn of(line: &Line<'a>) -> Result<Self> {
        let (fields, count) = split(line.text);
        if count < 11 {
            return Err(line.error(format!("has {count} columns, but bedMethyl has at least 11")));
        }
        let [sequence, start, end, code, _, strand_field, _, _, _, coverage, percent, ..] = fields;
        let (start, end) =
            line.interval((start, "start (column 2)"), (end, "end (column 3)"), 0)?;
        let strand = strand(line, strand_field)?;
        let value = |field, what: &str| {
            let good = number(field).filter(|value| value.is_nan() || *value >= 0.0);
            let good = good.map(|value| (field, value));
            good.ok_or_else(|| {
                line.error(format!("{what} is not a number: '{}'", shortened(field)))
            })
        };
        let coverage = value(coverage, "the coverage (column 10)")?;
        let percent = value(percent, "the percentage (column 11)")?;
        if percent.1 > 100.0 {
            let percent = percent.1;
            return Err(line.error(format!("{percent} percent modified (column 11) is above 100")));
        }
        let kind = kind(code, count == MODKIT);
        Ok(MethylLine { sequence, start, end, strand, kind, percent, coverage })
    }
}

/// Returns the kind that a code stands for. modkit writes the motif after it (`m,CG,0`); other
/// writers have a name there that does not give the kind.
fn kind(code: &str, is_code: bool) -> &str {
    let code = code.split(',').next().unwrap_or(code);
    let known = CODES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name);
    known.unwrap_or(if is_code { code } else { ANY })
}

/// Returns the names of the columns of a kind: the percentage and the coverage.
fn columns(kind: &str) -> [String; 2] {
    [kind.to_owned(), format!("{kind}_coverage")]
}

/// Returns the error message for a second line of the same kind for the same base.
fn duplicate(kind: &str) -> String {
    format!("this base, strand and modification ({kind}) appears twice")
}

/// The rows so far, one per base and strand.
#[derive(Default)]
struct Bases {
    rows: Rows,
    /// The row of a sequence, start, end and strand.
    known: HashMap<(usize, u32, u32, &'static str), usize>,
    kinds: Vec<Modification>,
    budget: Budget,
}

/// A kind of modification: the percentage and the coverage of each row, NaN where the row has no
/// line of this kind.
struct Modification {
    name: String,
    percent: Vec<f64>,
    coverage: Vec<f64>,
}

impl Bases {
    fn push(&mut self, line: &Line<'_>) -> Result<()> {
        let call = MethylLine::of(line)?;
        let row = self.row(line, &call)?;
        let kind = self.kind(call.kind);
        kind.percent.resize(kind.percent.len().max(row + 1), f64::NAN);
        kind.coverage.resize(kind.coverage.len().max(row + 1), f64::NAN);
        if !kind.coverage[row].is_nan() {
            return Err(line.error(duplicate(&kind.name)));
        }
        (kind.percent[row], kind.coverage[row]) = (call.percent.1, call.coverage.1);
        Ok(())
    }

    /// Returns the row of a base, which is added if it is new.
    fn row(&mut self, line: &Line<'_>, call: &MethylLine<'_>) -> Result<usize> {
        let sequence = self.rows.sequences.index_or_add(call.sequence);
        let next = self.rows.start.len();
        let place = (sequence, call.start, call.end, call.strand.as_str());
        let row = *self.known.entry(place).or_insert(next);
        if row == next {
            self.budget.take(line, 80 + 16 * self.kinds.len())?;
            self.rows.push(call.sequence, call.start, call.end);
            self.rows.strand.push(call.strand);
        }
        Ok(row)
    }

    fn kind(&mut self, name: &str) -> &mut Modification {
        let index = self.kinds.iter().position(|kind| kind.name == name);
        let index = index.unwrap_or_else(|| {
            self.kinds.push(Modification {
                name: name.into(),
                percent: Vec::new(),
                coverage: Vec::new(),
            });
            self.kinds.len() - 1
        });
        &mut self.kinds[index]
    }

    fn records(mut self) -> Records {
        let rows = self.rows.start.len();
        let full = |mut values: Vec<f64>| {
            values.resize(rows, f64::NAN);
            Data::Doubles(values)
        };
        let two_columns = |Modification { name, percent, coverage }: Modification| {
            let [percent_is, coverage_is] = columns(&name);
            let percent = Column::new(percent_is, full(percent));
            [percent, Column::new(coverage_is, full(coverage))]
        };
        self.rows.columns = self.kinds.into_iter().flat_map(two_columns).collect();
        inferred(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Input;
    use crate::genome::Region;
    use crate::source::{Context, Level, Options, Source};

    fn line(start: u32, code: &str, strand: &str, coverage: u32, percent: &str) -> String {
        let end = start + 1;
        format!(
            "chr20\t{start}\t{end}\t{code}\t{coverage}\t{strand}\t{start}\t{end}\t255,0,0\t{coverage} \
             {percent} 1 2 0 0 0 0 0\n"
        )
    }

    fn open_text(text: &str) -> Result<Box<dyn Source>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        assert!(text.len() < 20 || (FORMAT.sniff)(&input.head()?), "not known by its content");
        (FORMAT.open)(&input, &Options::default(), &Context::default())
    }

    #[test]
    fn the_lines_of_a_base_are_one_row() {
        let text = line(5, "h", "+", 4, "25.00")
            + &line(5, "m", "+", 4, "75.00")
            + &line(6, "m,CG,0", "-", 2, "50.00")
            + &line(5, "m", "-", 0, "nan");
        let source = open_text(&text).unwrap();
        let columns: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        assert_eq!(columns, ["5hmC", "5hmC_coverage", "5mC", "5mC_coverage"]);
        let table = source.read(&Region::new("chr20", 0, 99), Level::Records, &columns).unwrap();
        assert_eq!(table.start, [5, 5, 6]);
        assert_eq!(table.strand, [Strand::Forward, Strand::Reverse, Strand::Reverse]);
        let row =
            |row| columns.iter().map(|c| table.column(c).unwrap().number(row)).collect::<Vec<_>>();
        assert_eq!(row(0), [25.0, 4.0, 75.0, 4.0]);
        assert!(row(1)[..3].iter().all(|value| value.is_nan()), "no reads is not zero percent");
        assert_eq!(row(2)[2..], [50.0, 2.0]);
        assert!(row(2)[0].is_nan(), "not called is not zero percent");
    }

    #[test]
    fn errors_name_their_line() {
        let good = line(5, "m", "+", 4, "25.00");
        let error = |bad: &str| open_text(&format!("{good}{bad}")).err().unwrap().to_string();
        assert!(error(&good).contains("line 2: this base, strand and modification (5mC)"));
        assert!(error(&line(6, "m", "+", 4, "125.0")).contains("line 2: 125 percent"));
        assert!(error(&line(6, "m", "+", 4, "x")).contains("line 2: the percentage"));
        assert!(error("chr20\t1\t2\n").contains("line 2: has 3 columns"));
    }
}
