//! Methylation calls in the formats of their callers: Bismark's coverage file and cytosine report,
//! allc (methylpy, ALLCools) and methylKit. One row per cytosine: the percentage methylated, the
//! number of reads, and the context if the file has one.
//!
//! Positions in all of them are 1-based (Bismark user guide, "bismark2bedGraph" and
//! "coverage2cytosine"; methylpy, "allc format"; methylKit, `methRead`).

use crate::error::Result;
use crate::source::Format;
use crate::source::io::delimited::{is_position, most_rows};
use crate::source::io::lines::{Line, shortened};
use crate::source::rows::rewritten::{Add, Rewrite, open};

pub(crate) const FORMAT: Format = Format {
    name: "methylation",
    extensions: &["cov"],
    about: "points: percent methylated and coverage, from Bismark, allc or methylKit",
    sniff: |head| of(head).is_some(),
    open: |input, options, context| {
        // A file that cannot be read is reported when its rows are read.
        let head = input.head().unwrap_or_default();
        let kind = of(&head).unwrap_or(&COVERAGE);
        open(&kind.rewrite, input, options, context)
    },
};

/// The layout of a caller's file.
struct CallerLayout {
    /// Whether the fields of a line have this layout.
    fits: fn(&[&str]) -> bool,
    rewrite: Rewrite,
}

fn of(head: &[u8]) -> Option<&'static CallerLayout> {
    let fits = |kind: &&CallerLayout| {
        most_rows(head, |fields| (kind.fits)(fields) || (kind.rewrite.is_header)(fields))
    };
    [&COVERAGE, &REPORT, &ALLC, &METHYLKIT].into_iter().find(fits)
}

const PERCENT: &str = "5mC";
const DEPTH: &str = "5mC_coverage";

fn columns(context: bool) -> Vec<String> {
    let own = [PERCENT, DEPTH].into_iter();
    own.chain(context.then_some("context")).map(str::to_owned).collect()
}

/// Bismark's `.cov`: sequence, position, position, percentage, methylated and unmethylated reads.
const COVERAGE: CallerLayout = CallerLayout {
    fits: |fields| {
        matches!(fields, [_, start, end, percent, methylated, other]
            if start == end && is_position(start) && is_percent(percent)
                && is_position(methylated) && is_position(other))
    },
    rewrite: Rewrite {
        ending: "cov.bgz",
        is_header: |_| false,
        columns: |_, _| columns(false),
        lines: |line, fields, add| {
            let &[sequence, start, end, _, methylated, other] = fields else {
                return Err(line.error("expected the 6 columns of Bismark's coverage file"));
            };
            if start != end {
                return Err(line.error(format!("{start} to {end} is not a single base")));
            }
            let methylated = count(line, methylated, "methylated reads (column 5)")?;
            let other = count(line, other, "unmethylated reads (column 6)")?;
            let call =
                Cytosine { sequence, position: start, strand: ".", methylated, context: None };
            call.add(line, methylated + other, add)
        },
    },
};

/// Bismark's cytosine report: sequence, position, strand, methylated, unmethylated, context,
/// trinucleotide.
const REPORT: CallerLayout = CallerLayout {
    fits: |fields| {
        matches!(fields, [_, position, "+" | "-", methylated, other, context, _]
            if is_position(position) && is_position(methylated) && is_position(other)
                && context.starts_with('C'))
    },
    rewrite: Rewrite {
        ending: "cytosines.bgz",
        is_header: |_| false,
        columns: |_, _| columns(true),
        lines: |line, fields, add| {
            let &[sequence, position, strand, methylated, other, context, _] = fields else {
                return Err(line.error("expected the 7 columns of a cytosine report"));
            };
            let methylated = count(line, methylated, "methylated reads (column 4)")?;
            let other = count(line, other, "unmethylated reads (column 5)")?;
            let call = Cytosine { sequence, position, strand, methylated, context: Some(context) };
            call.add(line, methylated + other, add)
        },
    },
};

/// allc: sequence, position, strand, context, methylated reads, all reads, whether significant.
const ALLC: CallerLayout = CallerLayout {
    fits: |fields| {
        matches!(fields, [_, position, "+" | "-", context, methylated, all, "0" | "1"]
            if is_position(position) && is_position(methylated) && is_position(all)
                && context.starts_with('C'))
    },
    rewrite: Rewrite {
        ending: "allc.bgz",
        is_header: |_| false,
        columns: |_, _| columns(true),
        lines: |line, fields, add| {
            let &[sequence, position, strand, context, methylated, all, _] = fields else {
                return Err(line.error("expected the 7 columns of allc"));
            };
            let methylated = count(line, methylated, "methylated reads (column 5)")?;
            let all = count(line, all, "reads (column 6)")?;
            if methylated > all {
                return Err(line.error(format!("{methylated} of {all} reads are methylated")));
            }
            let call = Cytosine { sequence, position, strand, methylated, context: Some(context) };
            call.add(line, all, add)
        },
    },
};

/// methylKit: `chrBase chr base strand coverage freqC freqT`, frequencies in percent.
const METHYLKIT: CallerLayout = CallerLayout {
    fits: |fields| {
        matches!(fields, [_, _, base, "F" | "R", depth, methylated, other]
            if is_position(base) && is_position(depth)
                && is_percent(methylated) && is_percent(other))
    },
    rewrite: Rewrite {
        ending: "methylkit.bgz",
        is_header: |fields| fields.first() == Some(&"chrBase"),
        columns: |_, _| columns(false),
        lines: |line, fields, add| {
            let &[_, sequence, base, strand, depth, percent, _] = fields else {
                return Err(line.error("expected the 7 columns of methylKit"));
            };
            let strand = match strand {
                "F" => "+",
                "R" => "-",
                _ => {
                    return Err(
                        line.error(format!("'{}' is not a strand (F or R)", shortened(strand)))
                    );
                }
            };
            if !is_percent(percent) {
                let percent = shortened(percent);
                return Err(
                    line.error(format!("freqC (column 6) is not a percentage: '{percent}'"))
                );
            }
            count(line, depth, "coverage (column 5)")?;
            let (start, end) = line.interval((base, "base (column 3)"), (base, "base"), 1)?;
            add(&format!("{sequence}\t{start}\t{end}\t{strand}\t{percent}\t{depth}"))
        },
    },
};

/// A cytosine and its reads.
struct Cytosine<'a> {
    sequence: &'a str,
    /// Its position, 1-based.
    position: &'a str,
    strand: &'a str,
    methylated: u32,
    context: Option<&'a str>,
}

impl Cytosine<'_> {
    /// Adds the row of a cytosine with `all` reads; without reads there is no percentage.
    fn add(&self, line: &Line<'_>, all: u32, add: &mut Add<'_>) -> Result<()> {
        let Cytosine { sequence, position, strand, methylated, context } = self;
        let (start, end) =
            line.interval((position, "the position (column 2)"), (position, "position"), 1)?;
        let percent = match all {
            0 => ".".to_owned(),
            all => (100.0 * f64::from(*methylated) / f64::from(all)).to_string(),
        };
        let context = context.map_or(String::new(), |context| format!("\t{context}"));
        add(&format!("{sequence}\t{start}\t{end}\t{strand}\t{percent}\t{all}{context}"))
    }
}

/// Parses a number of reads, small enough that two of them can be added.
fn count(line: &Line<'_>, field: &str, what: &str) -> Result<u32> {
    let count = field.parse().ok().filter(|count| *count <= u32::MAX / 2);
    count.ok_or_else(|| {
        line.error(format!("the number of {what} is not a whole number: '{}'", shortened(field)))
    })
}

fn is_percent(field: &str) -> bool {
    field.parse::<f64>().is_ok_and(|percent| (0.0..=100.0).contains(&percent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Input;
    use crate::genome::{Region, Strand};
    use crate::source::formats::detect;
    use crate::source::{Context, Level, Options, Source};

    fn open_text(name: &str, text: &str) -> Result<Box<dyn Source>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let input = Input::File(path);
        let found = detect(&input)?;
        assert_eq!(found.name, "methylation", "{name}");
        (found.open)(&input, &Options::default(), &Context::default())
    }

    #[test]
    fn all_callers_give_the_same_rows() {
        let files = [
            ("x.bismark.cov", "chr1\t100\t100\t75\t3\t1\nchr1\t200\t200\t0\t0\t5\n"),
            ("x.CpG_report.txt", "chr1\t100\t+\t3\t1\tCG\tCGT\nchr1\t200\t-\t0\t5\tCG\tCGA\n"),
            ("allc_x.tsv", "chr1\t100\t+\tCGT\t3\t4\t1\nchr1\t200\t-\tCGA\t0\t5\t0\n"),
            (
                "kit.txt",
                "chrBase\tchr\tbase\tstrand\tcoverage\tfreqC\tfreqT\n\
                 chr1.100\tchr1\t100\tF\t4\t75.00\t25.00\nchr1.200\tchr1\t200\tR\t5\t0.00\t100.00\n",
            ),
        ];
        for (name, text) in files {
            let source = open_text(name, text).unwrap();
            let region = Region::new("chr1", 0, 1000);
            let table = source.read(&region, Level::Records, &["5mC", "5mC_coverage"]).unwrap();
            assert_eq!(
                (&table.start[..], &table.end[..]),
                (&[99, 199][..], &[100, 200][..]),
                "{name}"
            );
            let values =
                [0, 1].map(|row| [0, 1].map(|column| table.columns[column].data.number(row)));
            assert_eq!(values, [[75.0, 4.0], [0.0, 5.0]], "{name}");
            if !name.ends_with("cov") {
                assert_eq!(table.strand, [Strand::Forward, Strand::Reverse], "{name}");
            }
        }
    }

    #[test]
    fn no_reads_is_not_zero_percent() {
        let text = "chr1\t5\t+\t0\t0\tCHH\tCAT\nchr1\t9\t+\t1\t1\tCG\tCGT\n";
        let source = open_text("x.txt", text).unwrap();
        let region = Region::new("chr1", 0, 100);
        let table = source.read(&region, Level::Records, &["5mC", "context"]).unwrap();
        assert!(table.columns[0].data.number(0).is_nan());
        assert_eq!(table.columns[0].data.number(1), 50.0);
    }

    #[test]
    fn errors_name_their_line() {
        let good = "chr1\t100\t100\t75\t3\t1\n".repeat(20);
        let error = |bad: &str| {
            open_text("x.cov", &format!("{good}{bad}"))
                .err()
                .map(|error| error.to_string())
                .unwrap()
        };
        assert!(error("chr1\t7\t8\t75\t3\t1\n").contains("line 21: 7 to 8 is not a single base"));
        assert!(
            error("chr1\t7\t7\t75\tx\t1\n").contains("line 21: the number of methylated reads")
        );
        assert!(error("chr1\t0\t0\t75\t3\t1\n").contains("positions are 1-based"));
        assert!(error("chr1\t7\t7\t75\n").contains("line 21: has 4 columns, not 6"));
    }
}
