//! MAF: mutations of tumours, one row for each mutation of a sample (GDC MAF format, version 1.0;
//! `Hugo_Symbol Chromosome Start_Position End_Position ...`).
//!
//! Positions in the file are 1-based with both ends included.

use super::table::TableHeader;
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::io::delimited::is_position;
use crate::source::rows::delimited::Delimited;
use crate::source::rows::open::open as open_rows;
use crate::source::{Context, Format, Options, Source};

pub(crate) const FORMAT: Format = Format {
    name: "maf",
    extensions: &["maf"],
    about: "blocks: the mutations of all samples; columns= names further columns",
    sniff: |head| {
        TableHeader::sniff(head).is_some_and(|(header, row)| {
            header.column(&["hugo_symbol"]).is_some()
                && header.column(&["tumor_sample_barcode", "variant_classification"]).is_some()
                && is_position(&row[header.layout.start])
        })
    },
    open,
};

/// The columns that are served besides those that the user names: files have over a hundred.
const SERVED: &[&str] = &[
    "hugo_symbol",
    "variant_classification",
    "variant_type",
    "reference_allele",
    "tumor_seq_allele2",
    "tumor_sample_barcode",
    "dbsnp_rs",
    "hgvsc",
    "hgvsp_short",
    "protein_change",
    "t_depth",
    "t_ref_count",
    "t_alt_count",
    "n_depth",
    "impact",
    "gnomad_af",
    "callers",
];

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let header = TableHeader::read(input)?;
    let Some(header) = header.filter(|header| header.column(&["hugo_symbol"]).is_some()) else {
        let what = "has no header with Hugo_Symbol, Chromosome, Start_Position and End_Position";
        return Err(Error::data(input.path(), "", what));
    };
    let asked = options.columns.as_deref().unwrap_or_default();
    let wanted = |name: &str| {
        SERVED.contains(&&*name.to_ascii_lowercase()) || asked.iter().any(|asked| asked == name)
    };
    open_rows(Delimited::serving(header.layout, wanted), input, options, context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::source::formats::detect;

    const TEXT: &str = "#version gdc-1.0.0\n\
        Hugo_Symbol\tCenter\tChromosome\tStart_Position\tEnd_Position\tStrand\tVariant_Classification\tTumor_Sample_Barcode\tt_depth\tFoo\n\
        TP53\tBI\tchr17\t7674220\t7674221\t+\tMissense_Mutation\tTCGA-1\t55\t1\n\
        KRAS\tBI\tchr12\t25245350\t25245350\t+\tSilent\tTCGA-2\t8\tx\n";

    fn opened(text: &str, columns: Option<&str>) -> Result<Box<dyn Source>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        assert_eq!(detect(&input).unwrap().name, "maf");
        let columns = columns.map(|name| vec![name.to_owned()]);
        open(&input, &Options { columns, ..Options::default() }, &Context::default())
    }

    #[test]
    fn mutations_are_rows_with_the_columns_that_matter() {
        let source = opened(TEXT, None).unwrap();
        let names: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        let expected = ["Hugo_Symbol", "Variant_Classification", "Tumor_Sample_Barcode", "t_depth"];
        assert_eq!(names, expected);
        let region = Region::new("17", 7_674_000, 7_675_000);
        let table = source.read(&region, Level::Records, &["t_depth"]).unwrap();
        assert_eq!((&table.start[..], &table.end[..]), (&[7_674_219][..], &[7_674_221][..]));
        assert_eq!(table.columns[0].data.number(0), 55.0);
        assert_eq!(source.search("kras", 5)[0].region.start, 25_245_349);
        let more = opened(TEXT, Some("Foo")).unwrap();
        assert!(more.columns().iter().any(|column| &*column.name == "Foo"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = opened(&TEXT.replace("\t25245350\t25245350", "\t9\t8"), None);
        let error = error.err().unwrap().to_string();
        assert!(error.contains("line 4: the end (8) is before the start (9)"), "{error}");
    }
}
