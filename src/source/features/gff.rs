//! GTF and GFF3 as genes: one row per gene, with the exons of all its transcripts, or one row per
//! transcript.
//!
//! Coordinates in the file are 1-based with both ends included (GFF3 specification 1.26; GTF2.2).

mod gff3;
mod gtf;

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::Strand;
use crate::source::Unit;
use crate::source::io::delimited::{strand, unescaped};
use crate::source::io::lines::{Line, LineBlock, in_parallel};
use crate::source::rows::collector::Budget;
use crate::source::rows::genes::{Gene, records};
use crate::source::{Context, Format, Options, Skipped, Source};

pub(crate) const GTF: Format = Format {
    name: "gtf",
    extensions: &["gtf"],
    about: "genes with exons, found by name; transcripts with rows=transcripts",
    sniff: |head| columns_of(head).is_some_and(|(attributes, _)| attributes.contains("gene_id \"")),
    open: |input, options, context| open(input, options, context, gtf::parse, gtf::genes),
};

pub(crate) const GFF3: Format = Format {
    name: "gff3",
    extensions: &["gff3", "gff"],
    about: "genes with exons, found by name; transcripts with rows=transcripts",
    sniff: |head| {
        columns_of(head).is_some_and(|(attributes, version_3)| {
            version_3 || attributes.starts_with("ID=") || attributes.contains("Parent=")
        })
    },
    open: |input, options, context| open(input, options, context, gff3::parse, gff3::genes),
};

/// Returns the attributes of the first row, if it has nine columns with coordinates in the fourth
/// and fifth, and whether the file declares itself as GFF3.
fn columns_of(head: &[u8]) -> Option<(String, bool)> {
    let text = String::from_utf8_lossy(head);
    let version_3 = text.starts_with("##gff-version 3");
    let line = text.lines().find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let fields: Vec<_> = line.split('\t').collect();
    let number = |index: usize| fields[index].parse::<u32>().is_ok();
    (fields.len() == 9 && number(3) && number(4)).then(|| (fields[8].to_owned(), version_3))
}

/// The settings with which a file is read.
#[derive(Clone, Copy)]
struct Reading<'a> {
    input: &'a Input,
    unit: Unit,
    budget: &'a Budget,
    /// Counts the lines that are skipped; none if a damaged line is an error.
    skip: Option<&'a Skipped>,
}

/// Opens a file: parses its blocks in parallel, then converts the results to genes in file order.
fn open<T: Send>(
    input: &Input,
    options: &Options,
    context: &Context,
    parse: impl Fn(&LineBlock, Reading<'_>) -> Result<T> + Sync,
    genes: impl FnOnce(Vec<T>, Reading<'_>) -> Result<Vec<Gene>>,
) -> Result<Box<dyn Source>> {
    let (unit, skip) = (options.rows, options.skip.as_ref());
    let reading = Reading { input, unit, budget: &Budget::default(), skip };
    skip.into_iter().for_each(Skipped::restart);
    let parts = in_parallel(input, &context.progress, skip, |block| parse(block, reading))?;
    let genes = genes(parts, reading)?;
    skip.into_iter().for_each(|skip| skip.tell(input.path()));
    if genes.is_empty() {
        return Err(Error::data(input.path(), "", "has no genes"));
    }
    Ok(Box::new(records(genes, unit)))
}

#[derive(Clone, Copy, PartialEq)]
enum GffVersion {
    Gtf,
    Gff3,
}

/// The kind of a feature with respect to genes.
#[derive(Clone, Copy, PartialEq)]
enum FeatureKind {
    Gene,
    Transcript,
    Exon,
    Coding,
    Other,
}

/// The columns of a line that are used; the interval is 0-based and half-open.
struct Feature<'a> {
    sequence: &'a str,
    kind: &'a str,
    part: FeatureKind,
    start: u32,
    end: u32,
    strand: Strand,
    attributes: &'a str,
}

/// Returns the feature of a line; none if the line is empty or a comment.
fn feature<'a>(line: &Line<'a>) -> Result<Option<Feature<'a>>> {
    if line.text.is_empty() || line.text.starts_with('#') {
        return Ok(None);
    }
    let (mut fields, mut count, mut start) = ([""; 9], 0, 0);
    for tab in memchr::memchr_iter(b'\t', line.text.as_bytes()).take(8) {
        fields[count] = &line.text[start..tab];
        (count, start) = (count + 1, tab + 1);
    }
    fields[count] = &line.text[start..];
    if count < 7 {
        return Err(line.error("expected 9 columns separated by tabs"));
    }
    let [sequence, _, kind, start, end, _, strand_field, _, attributes] = fields;
    let (start, end) = line.interval((start, "start (column 4)"), (end, "end (column 5)"), 1)?;
    let strand = strand(line, strand_field)?;
    Ok(Some(Feature { sequence, kind, part: part(kind), start, end, strand, attributes }))
}

fn part(kind: &str) -> FeatureKind {
    match kind {
        "exon" => FeatureKind::Exon,
        "CDS" => FeatureKind::Coding,
        "transcript" | "mRNA" => FeatureKind::Transcript,
        kind if kind.ends_with("gene") => FeatureKind::Gene,
        _ => FeatureKind::Other,
    }
}

/// Returns the text before the closing quote of a value; none if the quote is missing, or if it
/// opens the next value.
fn closed(quoted: &str) -> Option<&str> {
    let (value, after) = quoted.split_once('"')?;
    let ends = after.is_empty() || after.starts_with(|c: char| c == ';' || c.is_whitespace());
    ends.then_some(value.trim())
}

/// Returns the value of the first of `keys` among the attributes. A GTF value whose quote is not
/// closed keeps its opening quote.
fn attribute<'a>(attributes: &'a str, dialect: GffVersion, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| {
        let mut rest = attributes;
        loop {
            let at = memchr::memmem::find(rest.as_bytes(), key.as_bytes())?;
            let starts = at == 0 || matches!(rest.as_bytes()[at - 1], b';' | b' ' | b',');
            let after = &rest[at + key.len()..];
            rest = after;
            match (starts, dialect) {
                (true, GffVersion::Gtf) if after.starts_with([' ', '=']) => {
                    let value = after[1..].trim_start();
                    return Some(match value.strip_prefix('"') {
                        Some(quoted) => closed(quoted).unwrap_or(value),
                        None => value.split(';').next().unwrap_or(value).trim(),
                    });
                }
                (true, GffVersion::Gff3) if after.starts_with('=') => {
                    return Some(after[1..].split(';').next().unwrap_or(after).trim());
                }
                _ => {}
            }
        }
    })
}

/// Returns the NCBI Gene id, from `Dbxref=GeneID:4609,..` or `db_xref "GeneID:4609"`.
fn entrez(attributes: &str) -> Option<String> {
    let (_, after) = attributes.split_once("GeneID:")?;
    let digits = after.chars().take_while(char::is_ascii_digit).collect::<String>();
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::table::{Column, Data};

    fn genes_of(name: &str, text: &str) -> Result<Vec<Vec<String>>> {
        rows_of(name, text, Unit::Genes, &["gene", "entrez", "exon_starts", "exon_ends", "biotype"])
    }

    fn rows_of(name: &str, text: &str, rows: Unit, columns: &[&str]) -> Result<Vec<Vec<String>>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let format = crate::source::formats::detect(&Input::File(path.clone()))?;
        assert!(name.ends_with(format.name), "{name} was taken for {}", format.name);
        let options = Options { rows, ..Options::default() };
        let source = (format.open)(&Input::File(path), &options, &Context::default())?;
        let table = source.read(&Region::new("8", 0, 1_000_000), Level::Records, columns)?;
        let text = |column: &Column, row: usize| match &column.data {
            Data::Text(texts) => texts.get(row).to_owned(),
            _ => String::new(),
        };
        Ok((0..table.len())
            .map(|row| {
                let place = format!("{}-{}{}", table.start[row], table.end[row], table.strand[row]);
                std::iter::once(place).chain(table.columns.iter().map(|c| text(c, row))).collect()
            })
            .collect())
    }

    #[test]
    fn genes_are_found_by_their_ids_and_those_of_their_transcripts() {
        let gtf = |kind: &str, start: u32, rest: &str| {
            let ids = "gene_id \"ENSG1.5\"; gene_name \"MYC\";";
            format!("8\tx\t{kind}\t{start}\t{}\t.\t+\t.\t{ids} {rest}\n", start + 9)
        };
        let gtf = [
            gtf("gene", 11, "db_xref \"GeneID:4609\";"),
            gtf("transcript", 11, "transcript_id \"ENST1.2\";"),
            gtf("exon", 11, "transcript_id \"ENST1.2\";"),
            gtf("exon", 11, "transcript_id \"ENST2.1\";"),
        ];
        let gff3 = |kind: &str, rest: &str| format!("8\tx\t{kind}\t11\t20\t.\t+\t.\t{rest}\n");
        let gff3 = [
            gff3("gene", "ID=gene:ENSG1.5;Name=MYC;Dbxref=GeneID:4609"),
            gff3("mRNA", "ID=transcript:ENST1.2;Parent=gene:ENSG1.5"),
            gff3("mRNA", "ID=transcript:ENST2.1;Parent=gene:ENSG1.5"),
            gff3("exon", "Parent=transcript:ENST1.2"),
        ];
        let genepred = ["ENST1.2", "ENST2.1"].map(|id| {
            format!("{id}\t8\t+\t10\t20\t10\t10\t1\t10,\t20,\t0\tMYC\tnone\tnone\t-1,\n")
        });
        let folder = tempfile::tempdir().unwrap();
        for (name, text, ids) in [
            ("x.gtf", gtf.concat(), &["ENSG1", "ensg1.5", "4609", "ENST1", "ENST2.1", "MYC"][..]),
            ("x.gff3", gff3.concat(), &["ENSG1", "4609", "ENST1.2", "enst2"]),
            ("x.genepred", genepred.concat(), &["ENST1.2", "ENST2", "MYC"]),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let input = Input::File(path);
            let format = crate::source::formats::detect(&input).unwrap();
            let source = (format.open)(&input, &Options::default(), &Context::default()).unwrap();
            for id in ids {
                let hits = source.search(id, 9);
                let found: Vec<_> = hits.iter().map(|hit| (&*hit.name, hit.region.start)).collect();
                assert_eq!(found, [("MYC", 10)], "{name} {id}");
            }
            assert!(source.search("ENST", 9).is_empty(), "{name}: no part of an id");
        }
    }

    #[test]
    fn parents_that_are_named_often_or_run_in_circles_do_not_hold_us() {
        let line = |kind: &str, rest: &str| format!("8\tx\t{kind}\t11\t20\t.\t+\t.\t{rest}\n");
        let again = "a,".repeat(8) + "b";
        let text = [
            line("gene", "ID=g"),
            line("mRNA", &format!("ID=a;Parent={again}")),
            line("mRNA", &format!("ID=b;Parent={again},g")),
            line("exon", "Parent=a"),
        ];
        let rows = genes_of("x.gff3", &text.concat()).unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0][3..5], ["11", "20"], "the exon is that of the one gene above");
        let circle =
            [line("gene", "ID=g"), line("mRNA", "ID=a;Parent=a"), line("exon", "Parent=a")];
        assert_eq!(genes_of("x.gff3", &circle.concat()).unwrap().len(), 1, "g alone");
    }

    #[test]
    fn a_file_without_genes_is_served_as_what_it_holds() {
        let line = |kind: &str, start: u32, end: u32, rest: &str| {
            format!("8\tx\t{kind}\t{start}\t{end}\t.\t+\t.\t{rest}\n")
        };
        let named = |rows: Vec<Vec<String>>| -> Vec<String> {
            rows.into_iter()
                .map(|row| [&row[0], &row[1], &row[3], &row[4]].map(String::as_str).join(" "))
                .collect()
        };
        let transcripts = [
            line("mRNA", 11, 90, "ID=t1;Parent=g1;Name=T1"),
            line("exon", 11, 20, "Parent=t1"),
            line("exon", 81, 90, "Parent=t1"),
        ];
        let truth = ["10-90+ T1 11,81 20,90"];
        assert_eq!(named(genes_of("x.gff3", &transcripts.concat()).unwrap()), truth);
        let exons = [line("exon", 11, 20, "Parent=t1"), line("exon", 81, 90, "Parent=t1")];
        let truth = ["10-90+ t1 11,81 20,90"];
        assert_eq!(named(genes_of("x.gff3", &exons.concat()).unwrap()), truth);
        let plain = [line("exon", 11, 20, "ID=e1"), line("enhancer", 31, 40, "Name=E")];
        let truth = ["10-20+ e1 11 20", "30-40+ E 31 40"];
        assert_eq!(named(genes_of("x.gff3", &plain.concat()).unwrap()), truth);
        let regions = [line("region", 1, 900, "ID=r1"), line("region", 51, 60, "ID=r2")];
        let truth = ["0-900+ r1 1 900", "50-60+ r2 51 60"];
        assert_eq!(named(genes_of("x.gff3", &regions.concat()).unwrap()), truth);
    }

    #[test]
    fn gtf_exons_of_all_transcripts_are_joined() {
        let line = |kind: &str, start: u32, end: u32, rest: &str| {
            format!("8\tx\t{kind}\t{start}\t{end}\t.\t-\t.\tgene_id \"G1\"; {rest}\n")
        };
        let text = [
            line(
                "gene",
                101,
                400,
                "gene_name \"MYC\"; gene_biotype \"protein_coding\"; db_xref \"GeneID:4609\";",
            ),
            line("exon", 301, 400, ""),
            line("exon", 101, 200, ""),
            line("exon", 151, 250, ""),
        ];
        let genes = genes_of("a.gtf", &text.concat()).unwrap();
        assert_eq!(genes, [["100-400-", "MYC", "4609", "101,301", "250,400", "protein_coding"]]);
    }

    #[test]
    fn gff3_exons_reach_their_gene_through_the_transcript_in_any_order() {
        let text = "##gff-version 3\n8\tx\tregion\t1\t900\t.\t.\t.\tID=8\n\
            8\tx\texon\t11\t20\t.\t+\t.\tParent=t1,t2\n\
            8\tx\tmRNA\t11\t40\t.\t+\t.\tID=t1;Parent=g1\n\
            8\tx\tgene\t11\t40\t.\t+\t.\tID=g1;Name=A%2CB;biotype=lncRNA\n";
        let genes = genes_of("a.gff3", text).unwrap();
        assert_eq!(genes, [["10-40+", "A,B", "g1", "11", "20", "lncRNA"]]);
    }

    #[test]
    fn the_lines_of_one_gff3_feature_are_its_exons() {
        let text = "8\tx\tcDNA_match\t51\t60\t.\t+\t.\tID=m1\n\
            8\tx\tcDNA_match\t71\t80\t.\t+\t.\tID=m1\n";
        let genes = genes_of("a.gff3", text).unwrap();
        assert_eq!(genes, [["50-80+", "m1", "m1", "51,71", "60,80", "cDNA_match"]]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let good = "8\tx\texon\t11\t20\t.\t+\t.\tgene_id \"a\";\n";
        let error = |bad: &str| genes_of("a.gtf", &format!("{good}{bad}")).unwrap_err().to_string();
        assert!(
            error("8\tx\texon\t0\t20\t.\t+\t.\tgene_id \"a\"")
                .contains("line 2: start (column 4) is 0")
        );
        assert!(error("8\tx\texon\t9\t20").contains("line 2: expected 9 columns"));
        assert!(error("8\tx\texon\t9\t20\t.\t+\t.\tgene \"a\"").contains("no gene_id"));
    }

    const ENSEMBL: &str = "##gff-version 3\n\
        8\tx\tgene\t1\t90\t.\t+\t.\tID=gene:E1;Name=ONE;biotype=protein_coding\n\
        8\tx\tmRNA\t1\t90\t.\t+\t.\tID=transcript:T1;Parent=gene:E1;biotype=protein_coding\n\
        8\tx\texon\t1\t10\t.\t+\t.\tParent=transcript:T1\n\
        8\tx\tgene\t201\t290\t.\t+\t.\tID=gene:E2;Name=TWO;biotype=lncRNA\n\
        8\tx\tlnc_RNA\t201\t250\t.\t+\t.\tID=transcript:T2;Parent=gene:E2;biotype=lncRNA\n\
        8\tx\texon\t81\t90\t.\t+\t.\tParent=transcript:T1,transcript:T2\n\
        8\tx\tbiological_region\t1\t9\t.\t+\t.\tID=b1\n\
        ##FASTA\n>8\nACGT\n";

    #[test]
    fn a_part_of_two_belongs_to_both_and_what_is_no_gene_is_none() {
        let genes = genes_of("a.gff3", ENSEMBL).unwrap();
        assert_eq!(
            genes,
            [
                ["0-90+", "ONE", "E1", "1,81", "10,90", "protein_coding"],
                ["200-290+", "TWO", "E2", "81", "90", "lncRNA"],
            ]
        );
    }

    #[test]
    fn transcripts_on_request() {
        let columns = ["gene", "transcript", "entrez", "exon_starts"];
        let rows = rows_of("a.gff3", ENSEMBL, Unit::Transcripts, &columns).unwrap();
        assert_eq!(
            rows,
            [["0-90+", "ONE", "T1", "E1", "1,81"], ["200-250+", "TWO", "T2", "E2", "81"]]
        );
        let line = |kind: &str, start: u32, end: u32, transcript: &str| {
            format!(
                "8\tx\t{kind}\t{start}\t{end}\t.\t+\t.\tgene_id \"G\"; transcript_id \"{transcript}\"; \
                 gene_name \"MYC\"; db_xref \"GeneID:4609\"\n"
            )
        };
        let text = [
            line("gene", 1, 90, ""),
            line("transcript", 1, 50, "T1"),
            line("exon", 1, 10, "T1"),
            line("exon", 41, 50, "T1"),
            line("exon", 61, 90, "T2"),
        ];
        let rows = rows_of("a.gtf", &text.concat(), Unit::Transcripts, &columns).unwrap();
        assert_eq!(
            rows,
            [["0-50+", "MYC", "T1", "4609", "1,41"], ["60-90+", "MYC", "T2", "4609", "61"]]
        );
    }

    #[test]
    fn genes_that_would_fill_the_memory_are_refused() {
        let line = |n: u32| {
            format!("8\tx\texon\t{n}\t{n}\t.\t-\t.\tgene_id \"g{n}\"; ID=e{n};Parent=t{n}\n")
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), (1..1000).map(line).collect::<String>()).unwrap();
        let input = Input::File(file.path().into());
        let quiet = crate::bytes::Progress::default();
        let read = |bytes: u64| {
            let budget = Budget::of(bytes);
            let of = |budget| Reading { input: &input, unit: Unit::Genes, budget, skip: None };
            let gtf = in_parallel(&input, &quiet, None, |b| gtf::parse(b, of(&budget)));
            let budget = Budget::of(bytes);
            let gff3 = in_parallel(&input, &quiet, None, |b| gff3::parse(b, of(&budget)));
            [gtf.err(), gff3.err()].map(|error| error.map(|error| error.to_string()))
        };
        assert_eq!(read(1 << 20), [None, None]);
        for error in read(20_000) {
            let error = error.unwrap();
            assert!(error.contains("line ") && error.contains("bgzip"), "{error}");
        }
    }

    #[test]
    fn letters_before_the_sequences_begin_are_an_error() {
        let text = ENSEMBL.replace("##FASTA\n", "");
        let error = genes_of("a.gff3", &text.replace(">8\n", "")).unwrap_err().to_string();
        assert!(error.contains("line 9: expected 9 columns"), "{error}");
    }

    #[test]
    fn an_empty_gene_id_is_a_feature_between_genes() {
        let text = "8\tx\tinter\t1\t9\t.\t+\t.\tgene_id \"\"; transcript_id \"\";\n\
            8\tx\texon\t11\t20\t.\t+\t.\tgene_id \"a\"; transcript_id \"t\";\n";
        for unit in [Unit::Genes, Unit::Transcripts] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            let options = Options { rows: unit, ..Options::default() };
            let input = Input::File(file.path().into());
            let source = (GTF.open)(&input, &options, &Context::default()).unwrap();
            assert_eq!(crate::source::total(&*source), 1);
        }
    }

    #[test]
    fn one_gene_id_at_two_places_is_two_genes() {
        let line = |kind: &str, start: u32, end: u32| {
            format!("8\tx\t{kind}\t{start}\t{end}\t.\t+\t.\tgene_id \"SNORA\";\n")
        };
        let text = [
            line("transcript", 1, 50),
            line("exon", 1, 50),
            line("transcript", 901, 950),
            line("exon", 901, 950),
            line("exon", 941, 960),
        ];
        let genes = genes_of("a.gtf", &text.concat()).unwrap();
        let places: Vec<_> = genes.iter().map(|gene| (&*gene[0], &*gene[4])).collect();
        assert_eq!(places, [("0-50+", "50"), ("900-960+", "960")]);
    }
}
