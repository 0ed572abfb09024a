//! VCF: variants, read by region if the file has a companion index; otherwise held in memory or, if
//! the file is large, read by region from an indexed copy in the cache.
//!
//! Positions in the file are 1-based; a row covers the bases of REF, or the bases up to `END=` if
//! INFO has it (VCF 4.3, sections 1.6.1 and 5), as in tabix indexes.

mod bcf;
mod header;

use crate::bytes::Input;
use crate::error::Result;
use crate::genome::{MAX_POSITION, Strand};
use crate::source::io::delimited::{first_fields, split};
use crate::source::io::lines::Line;
use crate::source::rows::format::RowFormat;
use crate::source::rows::indexed::{About, number_of};
use crate::source::rows::open::open as open_rows;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::{self, IndexHint};
use crate::source::{ColumnInfo, ColumnKind, Context, Format, Options, Shape, Source};
pub(crate) use bcf::FORMAT as BCF;
use header::{BEFORE_SAMPLES, Header};

pub(crate) const FORMAT: Format = Format {
    name: "vcf",
    extensions: &["vcf"],
    about: "blocks: id, ref, alt, qual, filter, the INFO keys of info=, the genotypes of genotypes=",
    sniff: |head| head.starts_with(b"##fileformat=VCF"),
    open,
};

/// The field of INFO in a line.
const INFO: usize = 7;
/// The columns that every file has: their names and their fields in a line.
const FIXED: [(&str, usize); 5] = [("id", 2), ("ref", 3), ("alt", 4), ("qual", 5), ("filter", 6)];
const QUALITY: &str = "qual";
/// The lines of a file, and the keys of INFO that are columns after the fixed ones.
#[derive(Clone)]
struct Variants {
    header: Header,
    info: Vec<header::Info>,
    /// The samples whose genotypes are columns behind those, and their places in a line.
    samples: Vec<(String, usize)>,
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    open_rows(Variants::new(Header::read(input)?, input, options)?, input, options, context)
}

impl Variants {
    fn new(header: Header, input: &Input, options: &Options) -> Result<Self> {
        let info = header.chosen(input, options.info.as_deref())?;
        let mut samples = header.chosen_samples(input, options.genotypes.as_deref())?;
        // A sample may be called as a column is.
        let taken = |name: &str| {
            FIXED.iter().any(|(known, _)| *known == name) || info.iter().any(|i| i.key == name)
        };
        for (name, _) in samples.iter_mut().filter(|(name, _)| taken(name)) {
            name.push_str(".GT");
        }
        Ok(Variants { header, info, samples })
    }

    /// Returns the name of each column and whether it holds numbers.
    fn columns(&self) -> impl Iterator<Item = (&str, bool)> {
        let fixed = FIXED.iter().map(|(name, _)| (*name, *name == QUALITY));
        let info = self.info.iter().map(|info| (info.key.as_str(), info.number));
        fixed.chain(info).chain(self.samples.iter().map(|(name, _)| (name.as_str(), false)))
    }
}

impl RowFormat for Variants {
    type Copied = Self;

    fn cache_ending(&self) -> &'static str {
        "bgz"
    }

    fn about(&self) -> About {
        let kind = |number| if number { ColumnKind::Number(None) } else { ColumnKind::Text };
        let column =
            |(name, number): (&str, _)| ColumnInfo { name: name.into(), kind: kind(number) };
        About {
            shape: Shape::Features,
            sequences: self.header.sequences.clone(),
            knows_lengths: self.header.knows_lengths(),
            rows: Vec::new(),
            columns: self.columns().map(column).collect(),
            name: Some(0),
            importance: FIXED.iter().position(|(name, _)| *name == QUALITY),
        }
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let (name, row) = variant(line)?;
        if let Some(last) = self.samples.iter().map(|(_, at)| at + BEFORE_SAMPLES).max() {
            let columns = split(line.text, b'\t').count();
            if columns <= last {
                let what = format!("has {columns} columns, fewer than the header has samples");
                return Err(line.error(what));
            }
        }
        emit(name, row)
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        // Of most rows only the quality is needed, to find the best one of a bin.
        if let [column] = columns
            && let Some((_, index)) = FIXED.get(*column)
        {
            return put(split(row.text, b'\t').nth(*index).unwrap_or_default());
        }
        // What stands behind, of samples, is split only if it is asked for.
        let fields = first_fields::<{ INFO + 1 }>(row.text);
        let first_sample = FIXED.len() + self.info.len();
        let genotypes = if columns.iter().any(|column| *column >= first_sample) {
            Genotypes::of(row.text)
        } else {
            Genotypes::default()
        };
        for column in columns {
            put(match FIXED.get(*column) {
                Some((_, index)) => fields[*index],
                None if *column < first_sample => {
                    self.info[column - FIXED.len()].value(fields[INFO])
                }
                None => genotypes.get(self.samples[column - first_sample].1),
            });
        }
    }

    /// Returns the commands that sort and index a large file, so that it needs no copy.
    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        let path = input.path().display().to_string();
        let sorted = path.strip_suffix(".gz").unwrap_or(&path);
        let sorted = format!(
            "{}.sorted.vcf.gz",
            [".vcf", ".bcf"].iter().find_map(|end| sorted.strip_suffix(end)).unwrap_or(sorted)
        );
        let sort = format!("bcftools sort -O z -o {sorted} {path} && tabix -p vcf {sorted}");
        let index = if path.ends_with(".bcf") {
            format!("bcftools index {path}")
        } else {
            tabix::commands(input, "-p vcf")
        };
        Some(IndexHint { index, sort })
    }

    /// Collects no statistics; only checks that numeric columns hold numbers.
    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        let mut numbers = self.columns().enumerate().filter(|(_, (_, number))| *number);
        numbers.try_for_each(|(column, (name, _))| {
            let mut checked = Ok(());
            self.cells(row, &[column], &mut |cell| checked = number_of(cell, name).map(drop));
            checked
        })
    }

    fn copied(self, _: &str) -> Option<Self> {
        Some(self)
    }
}

/// What a line says of its samples.
#[derive(Default)]
struct Genotypes<'l> {
    /// Where in a sample's column the genotype stands, if the line has them.
    at: Option<usize>,
    samples: Vec<&'l str>,
}

impl<'l> Genotypes<'l> {
    fn of(line: &'l str) -> Self {
        let mut fields = split(line, b'\t').skip(BEFORE_SAMPLES - 1);
        let keys = fields.next().unwrap_or_default();
        Genotypes { at: keys.split(':').position(|key| key == "GT"), samples: fields.collect() }
    }

    /// The genotype of a sample; empty if the line has none.
    fn get(&self, sample: usize) -> &'l str {
        let value = |at| self.samples.get(sample)?.split(':').nth(at);
        self.at.and_then(value).unwrap_or_default()
    }
}

/// Parses the sequence name and the row of a line.
fn variant<'l>(line: &Line<'l>) -> Result<(&'l str, Row<'l>)> {
    let mut fields = split(line.text, b'\t');
    let mut next = || {
        let few = || line.error("expected at least 8 columns, separated by tabs");
        fields.next().ok_or_else(few)
    };
    let (name, position, _id, reference) = (next()?, next()?, next()?, next()?);
    let (_alt, _qual, _filter, info) = (next()?, next()?, next()?, next()?);
    if name.is_empty() || reference.is_empty() {
        return Err(line.error("CHROM or REF is empty"));
    }
    // Position 0 is the telomere before the first base.
    let start = line.position(position, "POS (column 2)")?.saturating_sub(1);
    let end = match entry(info, "END") {
        // The END of a breakend may be on another sequence or before POS; only an END after POS is
        // used.
        Some(end) => line.position(end, "END (in column 8)")?,
        None => 0,
    };
    let length = u32::try_from(reference.len()).unwrap_or(MAX_POSITION);
    let end = if end > start { end } else { start.saturating_add(length) };
    if end > MAX_POSITION {
        return Err(line.error("the row extends beyond 2,147,483,647"));
    }
    Ok((name, Row { start, end, strand: Strand::Both, text: line.text }))
}

/// Returns the value of a key of INFO; empty if the key has no value, none if the key is missing.
fn entry<'i>(info: &'i str, key: &str) -> Option<&'i str> {
    // Most rows do not have it.
    memchr::memmem::find(info.as_bytes(), key.as_bytes())?;
    split(info, b';').find_map(|entry| match entry.strip_prefix(key)? {
        "" => Some(""),
        rest => rest.strip_prefix('='),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::table::Data;

    fn place(line: &str) -> Result<(u32, u32)> {
        let line = Line::of_record(line, 1, "x".as_ref());
        variant(&line).map(|(_, row)| (row.start, row.end))
    }

    #[test]
    fn rows_cover_ref_or_the_bases_up_to_end() {
        let at = |rest| place(&format!("1\t{rest}")).unwrap();
        assert_eq!(at("5\t.\tA\tG\t.\t.\t."), (4, 5));
        assert_eq!(at("5\t.\tACGT\tA\t.\t.\tDP=3"), (4, 8), "a deletion covers the bases of REF");
        assert_eq!(at("5\t.\tA\t<DEL>\t.\t.\tX;END=90"), (4, 90));
        assert_eq!(
            at("5\t.\tA\tA]2:9]\t.\t.\tEND=2"),
            (4, 5),
            "an END before the start is ignored"
        );
        assert_eq!(at("0\t.\tN\tA[2:9[\t.\t.\t."), (0, 1), "the telomere");
    }

    #[test]
    fn lengths_come_from_the_header() {
        let text = "##contig=<ID=1,length=900>\n##contig=<ID=2,length=800>\n#CHROM\tPOS\n\
                    1\t5\t.\tA\tG\t.\t.\t.\n";
        let input = Input::Memory("x.vcf".into(), text.as_bytes());
        let source = open(&input, &Options::default(), &Context::default()).unwrap();
        let all: Vec<_> = source.sequences().iter().map(|s| (s.name, s.length)).collect();
        assert_eq!((all, source.knows_lengths()), (vec![("1", 900)], true));
    }

    #[test]
    fn invalid_lines_are_errors() {
        let error = |line: &str| place(line).unwrap_err().to_string();
        assert!(error("1\t5\t.\tA").contains("8 columns"));
        assert!(error("1\tx\t.\tA\tG\t.\t.\t.").contains("POS (column 2) is not a whole number"));
        assert!(error("1\t2147483647\t.\tAAA\tG\t.\t.\t.").contains("beyond"));
        assert!(error("1\t5\t.\tA\tG\t.\t.\tEND=x").contains("END"));
    }

    #[test]
    fn genotypes_are_columns_on_request() {
        let text = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tid\n\
            1\t5\t.\tA\tG\t.\t.\t.\tGT:DP\t0/1:7\t1|1:.\n1\t6\t.\tA\tG\t.\t.\t.\tDP:GT\t7:./.\t9\n\
            1\t7\t.\tA\tG\t.\t.\t.\tDP\t7\t9\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.vcf");
        let opened = |text: &str, names: &[&str]| {
            std::fs::write(&path, text).unwrap();
            let genotypes = Some(names.iter().map(|name| (*name).to_owned()).collect());
            let options = Options { genotypes, ..Options::default() };
            super::open(&Input::File(path.clone()), &options, &Context::default())
        };
        let source = opened(text, &[]).unwrap();
        let region = Region::new("1", 0, 10);
        let table = source.read(&region, Level::Records, &["a", "id.GT"]).unwrap();
        let column = |name: &str| match table.column(name) {
            Some(Data::Text(texts)) => texts.iter().collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!((column("a"), column("id.GT")), (vec!["0/1", "./.", ""], vec!["1|1", "", ""]));
        let columns = opened(text, &["a"]).unwrap().columns().len();
        assert_eq!(columns, FIXED.len() + 1);
        let error = |text: &str, names: &[&str]| opened(text, names).err().unwrap().to_string();
        assert!(error(text, &["b"]).contains("no sample is called 'b'; it has a, id"));
        let lost = text.replace("\t1|1:.", "");
        assert!(error(&lost, &[]).contains("line 3: has 10 columns, fewer than the header"));
        let many: String = (0..300).map(|n| format!("\ts{n}")).collect();
        let error = error(&text.replace("\ta\tid", &many), &[]);
        assert!(error.contains("300 samples") && error.contains("genotypes=s0:..."), "{error}");
    }

    #[test]
    fn an_index_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.vcf");
        std::fs::write(&path, "##fileformat=VCFv4.2\n#CHROM\tPOS\n1\t5\t.\tA\tG\t.\t.\t.\n")
            .unwrap();
        let open = || open(&Input::File(path.clone()), &Options::default(), &Context::default());
        assert!(open().is_ok());
        for damage in [&b"TBI\x01\xff\xff\xff\x7f"[..], b"TBI\x01", b"", b"BAI\x01\x01\0\0\0"] {
            std::fs::write(folder.path().join("x.vcf.tbi"), damage).unwrap();
            let error = open().err().unwrap().to_string();
            assert!(
                error.contains("x.vcf.tbi") && error.contains("index the file again"),
                "{error}"
            );
        }
        let options = Options { info: Some(vec!["DP".into()]), ..Options::default() };
        let error = super::open(&Input::File(path.clone()), &options, &Context::default());
        assert!(error.err().unwrap().to_string().contains("INFO has no 'DP'"));
    }
}
