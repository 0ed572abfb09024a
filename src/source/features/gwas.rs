//! Summary statistics of genome-wide association studies: tables with a sequence, a position and a
//! p value (GWAS-SSF of the GWAS Catalog, PLINK, REGENIE, BOLT-LMM, SAIGE, ...). Each row also has
//! `neg_log10_p`, which charts show and which decides what wide views keep.
//!
//! Positions in the file are 1-based, each of a single base.

use super::table::TableHeader;
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::io::delimited::{is_position, unquoted};
use crate::source::io::lines::{Line, shortened};
use crate::source::rows::collector;
use crate::source::rows::column_stats::ColumnStats;
use crate::source::rows::delimited::Delimited;
use crate::source::rows::format::RowFormat;
use crate::source::rows::indexed::About;
use crate::source::rows::open::open as open_rows;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::IndexHint;
use crate::source::{ColumnInfo, Context, Format, Options, Source};

pub(crate) const FORMAT: Format = Format {
    name: "gwas",
    extensions: &[],
    about: "blocks: associations, with -log10 of the p value as a measurement",
    sniff: |head| {
        TableHeader::sniff(head).is_some_and(|(header, row)| {
            let layout = &header.layout;
            let p_value = of_header(&header);
            layout.start == layout.end
                && (is_position(&row[layout.start]) || is_missing(&row[layout.start]))
                && p_value.is_some_and(|p_value| p_value.of(&row[p_value.field]).is_some())
        })
    },
    open,
};

/// The name of the added column.
const COLUMN: &str = "neg_log10_p";
/// Names of columns of p values, in lower case, and of columns of their -log10.
const P: &[&str] = &[
    "p_value",
    "p",
    "pval",
    "p-value",
    "pvalue",
    "p_val",
    "p.value",
    "p_bolt_lmm",
    "p_bolt_lmm_inf",
    "p_wald",
    "p_lrt",
    "p_score",
    "p_gc",
    "frequentist_add_pvalue",
];
const NEG_LOG10: &[&str] = &[
    "neg_log_10_p_value",
    "neg_log10_p",
    "neg_log10_pval",
    "log10p",
    "mlog10p",
    "log10_p",
    "-log10p",
    "-log10(p)",
];

/// The field of the p value, and its scale.
#[derive(Clone, Copy)]
struct PValue {
    field: usize,
    is_log: bool,
}

fn of_header(header: &TableHeader) -> Option<PValue> {
    let find = |names, is_log| Some(PValue { field: header.column(names)?, is_log });
    find(P, false).or_else(|| find(NEG_LOG10, true))
}

fn is_missing(field: &str) -> bool {
    matches!(field, "" | "." | "NA" | "NaN" | "nan" | "#NA" | "-9")
}

impl PValue {
    /// Returns -log10 of the p value, as text; `NA` if it is missing or 0, which programs write for
    /// values too small for them; none if the field is not a p value.
    fn of(self, field: &str) -> Option<String> {
        if is_missing(field) {
            return Some("NA".to_owned());
        }
        let value = if self.is_log {
            field.parse().ok().filter(|log: &f64| *log >= 0.0)?
        } else {
            neg_log10(field)?
        };
        Some(if value.is_finite() { value.to_string() } else { "NA".to_owned() })
    }
}

/// Returns -log10 of a number from 0 to 1. Its exponent is parsed separately: many p values are too
/// small for an `f64` (`3.2e-412`).
fn neg_log10(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (mantissa, exponent): (f64, i32) = (mantissa.parse().ok()?, exponent.parse().ok()?);
    // 0 becomes infinite.
    let value = -(mantissa.log10() + f64::from(exponent));
    // A p value of 1 gives -0.
    (mantissa >= 0.0 && value >= 0.0).then_some(value.abs())
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let found = TableHeader::read(input)?.and_then(|header| Some((of_header(&header)?, header)));
    let Some((p_value, header)) = found else {
        let what = "has no header that names a sequence, a position and a p value, such as \
            chromosome, base_pair_location, p_value";
        return Err(Error::data(input.path(), "", what));
    };
    let layout = &header.layout;
    let place = [layout.sequence, layout.start];
    let name = layout.names[p_value.field].clone();
    // A column of the file with this name holds the same values.
    let table = Delimited::serving(header.layout, |name| name != COLUMN);
    let rows = Associations { table, place, p_value, name, stats: ColumnStats::default() };
    open_rows(rows, input, options, context)
}

/// A table with a p value in each line.
#[derive(Clone)]
struct Associations {
    table: Delimited,
    /// The fields of sequence and position.
    place: [usize; 2],
    p_value: PValue,
    /// The name of the p value's column.
    name: String,
    /// The statistics of [`COLUMN`].
    stats: ColumnStats,
}

impl Associations {
    fn neg_log10_p(&self, text: &str) -> Option<String> {
        let fields = self.table.split(text);
        self.p_value.of(unquoted(fields.get(self.p_value.field)?))
    }
}

impl RowFormat for Associations {
    type Copied = Self;
    const INFERRED: bool = true;

    fn cache_ending(&self) -> &'static str {
        "gwas.bgz"
    }

    fn about(&self) -> About {
        let own = ColumnInfo { name: COLUMN.into(), kind: collector::kind(COLUMN, &self.stats) };
        collector::about(std::iter::once(own).chain(self.table.about().columns).collect())
    }

    fn has_strand(&self) -> bool {
        self.table.has_strand()
    }

    fn header_lines(&self) -> usize {
        self.table.header_lines()
    }

    /// Skips variants without a place in this assembly.
    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let fields = self.table.split(line.text);
        let missing = |at: usize| fields.get(at).is_some_and(|field| is_missing(unquoted(field)));
        if self.place.into_iter().any(missing) {
            return Ok(());
        }
        self.table.parse(line, &mut |name, row| {
            let field = unquoted(fields[self.p_value.field]);
            if self.p_value.of(field).is_none() {
                let (name, column) = (&self.name, self.p_value.field + 1);
                let what = if self.p_value.is_log { "at least 0" } else { "within 0 to 1" };
                let field = shortened(field);
                return Err(
                    line.error(format!("{name} (column {column}) is not {what}: '{field}'"))
                );
            }
            emit(name, row)
        })
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        for column in columns {
            match column.checked_sub(1) {
                None => put(&self.neg_log10_p(row.text).unwrap_or_default()),
                Some(at) => self.table.cells(row, &[at], put),
            }
        }
    }

    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        self.table.index_hint(input)
    }

    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        self.stats.add(&self.neg_log10_p(row.text).unwrap_or_default());
        self.table.learn(row)
    }

    fn note(&self) -> String {
        format!("{}\t{}", self.stats, self.table.note())
    }

    fn copied(self, note: &str) -> Option<Self> {
        let (own, others) = note.split_once('\t')?;
        let stats = ColumnStats::parse(own)?;
        Some(Associations { stats, table: self.table.copied(others)?, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::source::formats::detect;

    fn opened(text: &str) -> Result<Box<dyn Source>> {
        let file = tempfile::Builder::new().suffix(".tsv").tempfile().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        assert_eq!(detect(&input).unwrap().name, "gwas", "{text}");
        open(&input, &Options::default(), &Context::default())
    }

    const CATALOG: &str = "chromosome\tbase_pair_location\teffect_allele\tbeta\tp_value\trsid\n\
        1\t100\tA\t0.1\t1e-8\trs1\n1\t200\tG\t-0.2\t3.2e-412\trs2\n\
        1\t300\tG\t0\t1\trs3\nNA\tNA\tG\t0\t0.5\trs4\n1\t400\tG\t0\t0\trs5\n";

    #[test]
    fn p_values_become_their_logarithms() {
        let source = opened(CATALOG).unwrap();
        let names: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        assert_eq!(names, [COLUMN, "effect_allele", "beta", "p_value", "rsid"]);
        let region = Region::new("chr1", 0, 1000);
        let table = source.read(&region, Level::Records, &[COLUMN, "beta"]).unwrap();
        assert_eq!(table.start, [99, 199, 299, 399]);
        let logs: Vec<_> = (0..4).map(|row| table.columns[0].data.number(row)).collect();
        let close = |log: f64, truth: f64| (log - truth).abs() < 1e-9;
        assert!(close(logs[0], 8.0) && close(logs[1], 412.0 - 3.2f64.log10()), "{logs:?}");
        assert!(logs[2] == 0.0 && logs[3].is_nan(), "{logs:?}");
        assert_eq!(table.columns[1].data.number(1), -0.2);
        let wide = source.read(&region, Level::Bins { shift: 10 }, &[]).unwrap();
        assert_eq!(wide.start, [199], "the strongest association is kept");
        assert_eq!(source.search("rs3", 5)[0].region.start, 299);
    }

    #[test]
    fn the_tables_of_other_programs_are_known() {
        for text in [
            " CHR         SNP         BP   A1      P\n   1        rs1        100    A   0.01\n",
            "#CHROM\tPOS\tID\tREF\tALT\tP\n1\t100\trs1\tA\tG\t0.01\n",
            "CHROM GENPOS ID ALLELE0 ALLELE1 BETA LOG10P EXTRA\n1 100 rs1 A G 0.1 2 NA\n",
            "chr,pos,snp,pval\n1,100,rs1,0.01\n",
            "DATE ADDED TO CATALOG\tCHR_ID\tCHR_POS\tSNPS\tP-VALUE\n2012-10-19\t1\t100\trs1\t1E-2\n",
            "##a comment\nhm_rsid\thm_chrom\thm_pos\tp_value\nrs1\t1\t100\t0.01\n",
        ] {
            let source = opened(text).unwrap();
            let table = source.read(&Region::new("1", 0, 1000), Level::Records, &[COLUMN]).unwrap();
            assert_eq!((table.start[0], table.columns[0].data.number(0)), (99, 2.0), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error =
            |from: &str, to: &str| opened(&CATALOG.replace(from, to)).err().unwrap().to_string();
        assert!(
            error("\t1\trs3", "\t1.5\trs3")
                .contains("line 4: p_value (column 5) is not within 0 to 1")
        );
        assert!(
            error("\t200\t", "\t-200\t")
                .contains("line 3: base_pair_location (column 2) is negative")
        );
        assert!(error("\trs2", "").contains("line 3: has 5 columns, not 6"));
    }
}
