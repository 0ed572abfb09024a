//! VCF: variants, read by region where an index lies beside the file; else held in memory, or, if
//! the file is large, read by region from an indexed copy in the cache.
//!
//! Positions in the file are 1-based; a row covers the bases of REF, or up to `END=` where INFO
//! says so (VCF 4.3, sections 1.6.1 and 5). So does the index that tabix makes.

mod bcf;
mod header;

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Sequences, Strand};
use crate::source::io::delimited::{first_fields, split};
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::background::{PREVIEW_ROWS, Preview, open_in_background};
use crate::source::rows::indexed::{About, Builder, Indexed, Row, number_of};
use crate::source::rows::records::{Records, RecordsOptions};
use crate::source::rows::sorted_copy::{self, IndexHint, Take, ToCopy};
use crate::source::rows::tabix::{self, Decode, Tabix};
use crate::source::{ColumnInfo, ColumnKind, Context, Format, Options, Shape, Source};
pub(crate) use bcf::FORMAT as BCF;
use header::Header;

pub(crate) const FORMAT: Format = Format {
    name: "vcf",
    extensions: &["vcf"],
    about: "blocks: id, ref, alt, qual, filter, and the INFO keys of info=",
    sniff: |head| head.starts_with(b"##fileformat=VCF"),
    open,
};

/// The place of INFO in a line.
const INFO: usize = 7;
/// The columns that every file has: their names, and their fields in a line.
const FIXED: [(&str, usize); 5] = [("id", 2), ("ref", 3), ("alt", 4), ("qual", 5), ("filter", 6)];
const QUALITY: &str = "qual";
/// More rows than these are not held in memory.
const MOST_IN_MEMORY: usize = 30_000_000;

/// How lines of one file are rows: the columns that are served behind the fixed ones.
#[derive(Clone)]
struct Variants {
    /// Keys of INFO.
    info: Vec<header::Info>,
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let header = Header::read(input)?;
    let variants = Variants { info: header.chosen(input, options.info.as_deref())? };
    let variants = match Tabix::open(input, variants)? {
        Ok(file) => return by_region(file, &header, options),
        Err(variants) => variants,
    };
    if context.holds(input)? {
        let mut lines = Lines::watched(input, &context.progress)?;
        let all =
            |take: &mut dyn FnMut(&Line<'_>) -> Result<()>| first(&mut lines, usize::MAX, take);
        return in_memory(input, options, &header, &variants, all);
    }
    let beginning = header.clone();
    let preview = || {
        let mut lines = Lines::open(input)?;
        let some =
            |take: &mut dyn FnMut(&Line<'_>) -> Result<()>| first(&mut lines, PREVIEW_ROWS, take);
        let rows = in_memory(input, options, &beginning, &variants, some)?;
        Ok(Preview::of(&*rows))
    };
    let (of, options_of, decode) = (input.clone(), options.clone(), variants.clone());
    open_in_background(input, context, preview, move |context| {
        let rows = Checked(decode.clone());
        let copy = sorted_copy::copy(&of, context, "bgz", rows, Some(&index_hint(&of)))?;
        by_region(Tabix::of_copy(&of, &copy, |_| Some(decode))?, &header, &options_of)
    })
}

/// A file that is read by region.
fn by_region(file: Tabix<Variants>, header: &Header, options: &Options) -> Result<Box<dyn Source>> {
    let (sequences, columns) = (file.sequences(&header.sequences)?, file.decode.columns());
    let about = about(header, sequences, file.rows(), columns);
    Ok(Box::new(Indexed::new(file, about, options.columns.as_deref())?))
}

/// Rows whose numbers are numbers.
struct Checked(Variants);

impl ToCopy for Checked {
    fn rows(&mut self, line: &Line<'_>, take: &mut Take<'_>) -> Result<()> {
        let (name, row) = self.0.row(line)?;
        self.0.check(&row).map_err(|what| line.error(what))?;
        take(name, row)
    }
}

/// Passes on the first lines of rows.
fn first(
    lines: &mut Lines,
    most: usize,
    take: &mut dyn FnMut(&Line<'_>) -> Result<()>,
) -> Result<()> {
    let mut count = 0;
    while count < most
        && let Some(line) = lines.next()?
    {
        if !line.text.is_empty() && !line.text.starts_with('#') {
            take(&line)?;
            count += 1;
        }
    }
    Ok(())
}

fn about(header: &Header, sequences: Sequences, rows: Vec<u64>, columns: Vec<ColumnInfo>) -> About {
    About {
        shape: Shape::Features,
        sequences,
        knows_lengths: header.knows_lengths(),
        rows,
        name: Some(0),
        importance: columns.iter().position(|column| &*column.name == QUALITY),
        columns,
    }
}

impl Variants {
    fn columns(&self) -> Vec<ColumnInfo> {
        let column = |name: &str, number: bool| ColumnInfo {
            name: name.into(),
            kind: if number { ColumnKind::Number(None) } else { ColumnKind::Text },
        };
        let fixed = FIXED.iter().map(|(name, _)| column(name, *name == QUALITY));
        fixed.chain(self.info.iter().map(|info| column(&info.key, info.number))).collect()
    }

    /// Says what is wrong if a field of a row is no number where its column holds some.
    fn check(&self, row: &Row<'_>) -> std::result::Result<(), String> {
        let fixed = FIXED.iter().map(|(name, _)| (*name, *name == QUALITY));
        let infos = self.info.iter().map(|info| (info.key.as_str(), info.number));
        let mut numbers = fixed.chain(infos).enumerate().filter(|(_, (_, number))| *number);
        numbers.try_for_each(|(column, (name, _))| {
            let mut checked = Ok(());
            self.fields(row, &[column], &mut |field| checked = number_of(field, name).map(|_| ()));
            checked
        })
    }
}

impl Decode for Variants {
    fn row<'l>(&self, line: &Line<'l>) -> Result<(&'l str, Row<'l>)> {
        variant(line)
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        // What stands behind, of samples, is not split.
        let fields = first_fields::<{ INFO + 1 }>(row.text);
        for column in columns {
            put(match FIXED.get(*column) {
                Some((_, index)) => fields[*index],
                None => self.info[column - FIXED.len()].value(fields[INFO]),
            });
        }
    }
}

/// The sequence's name and the row that a line holds.
fn variant<'l>(line: &Line<'l>) -> Result<(&'l str, Row<'l>)> {
    let mut fields = split(line.text, b'\t');
    let mut next = || {
        let few = || line.error("expected 8 columns or more, between tabs");
        fields.next().ok_or_else(few)
    };
    let (name, position, _id, reference) = (next()?, next()?, next()?, next()?);
    let (_alt, _qual, _filter, info) = (next()?, next()?, next()?, next()?);
    if name.is_empty() || reference.is_empty() {
        return Err(line.error("CHROM or REF is empty"));
    }
    // Position 0 stands for the telomere before the first base.
    let start = line.position(position, "POS (column 2)")?.saturating_sub(1);
    let end = match entry(info, "END") {
        // Breakends name an END on another sequence or before: only one behind counts.
        Some(end) => line.position(end, "END (in column 8)")?,
        None => 0,
    };
    let length = u32::try_from(reference.len()).unwrap_or(MAX_POSITION);
    let end = if end > start { end } else { start.saturating_add(length) };
    if end > MAX_POSITION {
        return Err(line.error("the row reaches beyond 2,147,483,647"));
    }
    Ok((name, Row { start, end, strand: Strand::Both, text: line.text }))
}

/// The value of a key of INFO; empty if the key stands alone, none if it is not there.
fn entry<'i>(info: &'i str, key: &str) -> Option<&'i str> {
    split(info, b';').find_map(|entry| match entry.strip_prefix(key)? {
        "" => Some(""),
        rest => rest.strip_prefix('='),
    })
}

/// The rows of all lines that `each` gives.
fn in_memory(
    input: &Input,
    options: &Options,
    header: &Header,
    variants: &Variants,
    each: impl FnOnce(&mut dyn FnMut(&Line<'_>) -> Result<()>) -> Result<()>,
) -> Result<Box<dyn Source>> {
    let columns = variants.columns();
    let served: Vec<usize> = match &options.columns {
        None => (0..columns.len()).collect(),
        Some(names) => {
            let at = |name: &String| columns.iter().position(|column| *column.name == **name);
            let find = |name| at(name).ok_or_else(|| crate::source::unknown_column(name, &columns));
            names.iter().map(find).collect::<Result<_>>()?
        }
    };
    let mut rows = Builder::new(served.iter().map(|index| &columns[*index]));
    each(&mut |line| {
        let (sequence, row) = variants.row(line)?;
        let fields = |put: &mut dyn FnMut(&str)| variants.fields(&row, &served, put);
        rows.push(sequence, &row, fields).map_err(|what| line.error(what))?;
        if rows.len() > MOST_IN_MEMORY {
            let how = how_to_index(input);
            let what = format!("too many rows without an index; for quick access: {how}");
            return Err(Error::data(input.path(), "", what));
        }
        Ok(())
    })?;
    let how =
        RecordsOptions { shape: Shape::Features, name: Some("id"), importance: Some(QUALITY) };
    Ok(Box::new(Records::new(rows.rows(), how).with_lengths(&header.sequences)))
}

/// What spares a large file its copy.
fn index_hint(input: &Input) -> IndexHint {
    let path = input.path().display().to_string();
    let sorted = path.strip_suffix(".gz").unwrap_or(&path);
    let sorted = format!(
        "{}.sorted.vcf.gz",
        [".vcf", ".bcf"].iter().find_map(|end| sorted.strip_suffix(end)).unwrap_or(sorted)
    );
    let sort = format!("bcftools sort -O z -o {sorted} {path} && tabix -p vcf {sorted}");
    IndexHint { index: how_to_index(input), sort }
}

/// The commands that make an index.
fn how_to_index(input: &Input) -> String {
    let path = input.path().display().to_string();
    match path.ends_with(".bcf") {
        true => format!("bcftools index {path}"),
        false => tabix::commands(input, "-p vcf"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: &str) -> Result<(u32, u32)> {
        let line = Line::of_record(line, 1, "x".as_ref());
        variant(&line).map(|(_, row)| (row.start, row.end))
    }

    #[test]
    fn first_and_last_base() {
        let at = |rest| place(&format!("1\t{rest}")).unwrap();
        assert_eq!(at("5\t.\tA\tG\t.\t.\t."), (4, 5));
        assert_eq!(at("5\t.\tACGT\tA\t.\t.\tDP=3"), (4, 8), "a deletion covers the bases of REF");
        assert_eq!(at("5\t.\tA\t<DEL>\t.\t.\tX;END=90"), (4, 90));
        assert_eq!(at("5\t.\tA\tA]2:9]\t.\t.\tEND=2"), (4, 5), "an END before the start is none");
        assert_eq!(at("0\t.\tN\tA[2:9[\t.\t.\t."), (0, 1), "the telomere");
    }

    #[test]
    fn lengths_are_those_of_the_header() {
        let text = "##contig=<ID=1,length=900>\n##contig=<ID=2,length=800>\n#CHROM\tPOS\n\
                    1\t5\t.\tA\tG\t.\t.\t.\n";
        let input = Input::Memory("x.vcf".into(), text.as_bytes());
        let source = open(&input, &Options::default(), &Context::default()).unwrap();
        let all: Vec<_> = source.sequences().iter().map(|s| (&*s.name, s.length)).collect();
        assert_eq!((all, source.knows_lengths()), (vec![("1", 900)], true));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |line: &str| place(line).unwrap_err().to_string();
        assert!(error("1\t5\t.\tA").contains("8 columns"));
        assert!(error("1\tx\t.\tA\tG\t.\t.\t.").contains("POS (column 2) is not a whole number"));
        assert!(error("1\t2147483647\t.\tAAA\tG\t.\t.\t.").contains("beyond"));
        assert!(error("1\t5\t.\tA\tG\t.\t.\tEND=x").contains("END"));
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
            assert!(error.contains("x.vcf.tbi") && error.contains("make it again"), "{error}");
        }
        let options = Options { info: Some(vec!["DP".into()]), ..Options::default() };
        let error = super::open(&Input::File(path.clone()), &options, &Context::default());
        assert!(error.err().unwrap().to_string().contains("INFO has no 'DP'"));
    }
}
