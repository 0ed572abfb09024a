//! Invalid text files: each error names the file, the line, and the problem.

use epivizrs::catalog::Catalog;
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Options, Skipped, Source, Spec};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::PathBuf;

const EXON: &str = "chr1\tx\texon\t11\t20\t.\t+\t.\tgene_id \"a\";\n";
const PART: &str = "chr1\tx\tgene\t11\t20\t.\t+\t.\tID=a\n";
const TWELVE: &str = "chr1\t10\t20\ta\t0\t+\t10\t20\t0\t1\t10,\t0,\n";
const CALL: &str = "chr1\t10\t11\tm\t5\t+\t10\t11\t255,0,0\t5\t80.0\n";
const PAIR: &str = "chr1\t10\t20\tchr2\t30\t40\n";
const INTERACTION: &str = "chr1\t10\t40\ta\t0\t1\tx\t0\tchr1\t10\t20\tb\t+\tchr1\t30\t40\tc\t-\n";
const TABLE: &str = "#bin\tchrom\tchromStart\tchromEnd\tname\n585\tchr1\t10\t20\ta\n";
const TRANSCRIPT: &str = "NM_1\tchr1\t+\t10\t20\t10\t20\t1\t10,\t20,\n";
const VARIANT: &str =
    "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\nchr1\t11\t.\tA\t<DEL>\t.\tPASS\tEND=20\n";
const SEGMENT: &str =
    "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nS1\tchr1\t11\t20\t5\t0.5\n";
const MUTATION: &str =
    "Hugo_Symbol\tChromosome\tStart_Position\tEnd_Position\tt_depth\nTP53\tchr1\t11\t20\t5\n";
const ASSOCIATION: &str = "rsid\tchromosome\tpos\tp_value\nrs1\tchr1\t11\t0.5\n";
const MATRIX: &str = "gene\tchr\tstart\tend\ts1\nE1\tchr1\t11\t20\t0.5\n";

/// The text formats: name, a valid file, and the start and end of its last row, which the tests
/// replace.
const FORMATS: [(&str, &str, &str, &str); 16] = [
    ("bed", "chr1\t10\t20\ta\n", "10", "20"),
    ("bed12", TWELVE, "10", "20"),
    ("bedmethyl", CALL, "10", "11"),
    ("bedpe", PAIR, "10", "20"),
    ("interact", INTERACTION, "10\t20", "20"),
    ("ucsc", TABLE, "10", "20"),
    ("genepred", TRANSCRIPT, "10", "20"),
    ("gtf", EXON, "11", "20"),
    ("gff3", PART, "11", "20"),
    ("matrix", MATRIX, "11", "20"),
    ("seg", SEGMENT, "11", "20"),
    ("maf", MUTATION, "11", "20"),
    ("gwas", ASSOCIATION, "11", "11"),
    ("vcf", VARIANT, "11", "20"),
    ("bedgraph", "chr1\t10\t20\t0.5\n", "10", "20"),
    ("wig", "chr1\t10\t20\t0.5\n", "10", "20"),
];

/// Opens a file with these bytes. Returns `opened`, or the text of the error with `FILE` as the
/// path.
fn error(format: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("x.gz");
    std::fs::write(&path, bytes).unwrap();
    let options = Options { format: Some(format.into()), ..Options::default() };
    let spec = Spec { options, ..Spec::file(&path) };
    let context = Context { cache: folder.path().join("cache"), ..Context::default() };
    match open(&spec, &context) {
        Ok(_) => "opened".to_owned(),
        Err(error) => error.to_string().replace(&*path.to_string_lossy(), "FILE"),
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Returns the valid file with a changed copy of its last line after it, and the number of that
/// line.
fn with_last_line(good: &str, change: impl Fn(&str) -> String) -> (String, usize) {
    let last = good.lines().last().unwrap();
    (format!("{good}{}\n", change(last)), good.lines().count() + 1)
}

#[test]
fn valid_files_are_opened() {
    for (format, good, ..) in FORMATS {
        assert_eq!(error(format, good.as_bytes()), "opened", "{format}");
        assert_eq!(error(format, &gzip(good)), "opened", "{format}");
    }
}

#[test]
fn a_byte_order_mark_is_ignored() {
    for (format, good, ..) in FORMATS {
        for bytes in [format!("\u{feff}{good}").into_bytes(), gzip(&format!("\u{feff}{good}"))] {
            assert_eq!(error(format, &bytes), "opened", "{format}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bed");
    std::fs::write(&path, "\u{feff}chr1\t10\t20\n").unwrap();
    let source = open(&Spec::file(&path), &Context::default()).unwrap();
    assert_eq!(source.sequences().at(0).name, "chr1");
}

#[test]
fn invalid_positions_are_errors_with_their_line() {
    let wrong = [
        ("-5", "is negative"),
        ("9999999999", "is beyond 2,147,483,647"),
        ("2147483648", "is beyond 2,147,483,647"),
        ("99999999999999999999999", "is beyond 2,147,483,647"),
        ("+5", "is not a whole number"),
        ("ten", "is not a whole number"),
        ("", "is not a whole number"),
    ];
    for (format, good, start, end) in FORMATS {
        for (place, what) in wrong {
            // These formats separate fields by any whitespace, so no field is empty; an association
            // without a position is not a row.
            if place.is_empty() && ["bedmethyl", "bedgraph", "wig", "gwas"].contains(&format) {
                continue;
            }
            let start_of = start.split('\t').next().unwrap();
            let bad = start.replacen(start_of, place, 1);
            let (text, line) = match format {
                // The first interval is that of the whole interaction.
                "interact" => with_last_line(good, |row| {
                    row.replacen(&format!("\t{start}"), &format!("\t{bad}"), 1)
                }),
                _ => with_last_line(good, |row| row.replacen(start, &bad, 1)),
            };
            let said = error(format, text.as_bytes());
            let expected = format!("FILE, line {line}: ");
            assert!(said.starts_with(&expected) && said.contains(what), "{format} {place}: {said}");
        }
        // A position has no end.
        if format == "gwas" {
            continue;
        }
        let (text, line) = with_last_line(good, |row| row.replacen(&format!("\t{end}"), "\t3", 1));
        let said = error(format, text.as_bytes());
        // An END before POS is ignored, since a breakend may end on another sequence.
        let expected = if format == "vcf" { "opened" } else { "FILE, " };
        assert!(said.starts_with(expected), "{format}: {said}");
        let told = format!("FILE, line {line}: the end (3) ");
        assert!(format == "vcf" || said.starts_with(&told), "{format}: {said}");
    }
}

#[test]
fn missing_columns_are_errors_with_their_line() {
    for (format, good, ..) in FORMATS {
        let (text, line) =
            with_last_line(good, |row| row.split('\t').take(2).collect::<Vec<_>>().join("\t"));
        let said = error(format, text.as_bytes());
        assert!(said.starts_with(&format!("FILE, line {line}: ")), "{format}: {said}");
        assert!(said.contains("columns"), "{format}: {said}");
    }
}

/// Returns the intervals of the rows of a source.
fn places(source: &dyn Source) -> Vec<(u32, u32)> {
    let level = source.shape().levels().next().unwrap();
    let table = source.read(&Region::new("chr1", 0, 1000), level, &[]).unwrap();
    table.start.iter().copied().zip(table.end.iter().copied()).collect()
}

#[test]
fn invalid_lines_are_left_out_and_counted_on_request() {
    for (format, good, ..) in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        let lost = |row: &str| row.split('\t').take(2).collect::<Vec<_>>().join("\t");
        let (text, line) = with_last_line(good, lost);
        let opened = |text: &str, in_memory, skip: Option<Skipped>| {
            std::fs::write(&path, text).unwrap();
            let options = Options { format: Some(format.into()), skip, ..Options::default() };
            let cache = folder.path().join("cache");
            let context = Context { cache, in_memory, ..Context::default() };
            open(&Spec { options, ..Spec::file(&path) }, &context)
        };
        let truth = places(&*opened(good, 1 << 20, None).unwrap());
        assert!(!truth.is_empty(), "{format}");
        // In memory, with a new copy, and with the existing copy.
        for in_memory in [1 << 20, 0, 0] {
            assert!(opened(&text, in_memory, None).is_err(), "{format}");
            let skip = Skipped::default();
            let source = opened(&text, in_memory, Some(skip.clone())).unwrap();
            assert_eq!(places(&*source), truth, "{format}");
            let summary = skip.summary().unwrap_or_default();
            let expected = format!("1 line, the first is line {line}: ");
            assert!(summary.starts_with(&expected), "{format}: {summary}");
        }
    }
}

#[tokio::test]
async fn the_number_of_lines_left_out_is_an_annotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gtf");
    let strand = EXON.replace("\t+\t", "\tx\t");
    let quote = EXON.replace("\"a\";", "\"a; exon_number \"1\";");
    let id = EXON.replace("gene_id", "gene");
    let negative = EXON.replace("\t11\t", "\t-1\t");
    let open_at_end = EXON.replace("\"a\";", "\"a");
    std::fs::write(&path, [EXON, &strand, &quote, &id, &negative, &open_at_end].concat()).unwrap();
    let spec: Spec = format!("{},skip=errors", path.display()).parse().unwrap();
    let (listed, errors) = Catalog::new(None).load(vec![spec]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let told = &listed[0].annotation["left out"];
    assert_eq!(told, "5 lines, the first is line 2: 'x' is not a strand (+, - or .)");
    for bad in [&quote, &open_at_end] {
        std::fs::write(&path, [EXON, bad].concat()).unwrap();
        let (_, errors) = Catalog::new(None).load(vec![Spec::file(&path)]).await;
        let error = errors[0].to_string();
        assert!(error.contains("line 2: a quote among its attributes (column 9) is not closed"));
    }
}

#[test]
fn text_that_is_not_utf8_is_an_error_with_its_line() {
    for (format, good, ..) in FORMATS {
        let line = good.lines().count() + 1;
        let bytes = [good.as_bytes(), b"chr\xff\xfe\t1\t2\n"].concat();
        let said = error(format, &bytes);
        assert_eq!(said, format!("FILE, line {line}: the line is not UTF-8 text"), "{format}");
    }
}

#[test]
fn truncated_and_damaged_gzip_files_are_errors() {
    for (format, good, ..) in FORMATS {
        let header = good.lines().count() - 1;
        let row = good.lines().last().unwrap();
        let head: String = good.lines().take(header).map(|line| format!("{line}\n")).collect();
        // The rows differ, so that the compressed file is not tiny.
        let many: String = (0..20_000)
            .map(|n| row.replace("chr1", &format!("chr{}", n * 7919 % 9973)) + "\n")
            .collect();
        let packed = gzip(&(head + &many));
        for cut in [packed.len() / 2, packed.len() - 9, packed.len() - 1] {
            let said = error(format, &packed[..cut]);
            assert!(
                said.starts_with("FILE, after line ") && said.contains("end early"),
                "{format}: {said}"
            );
        }
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 40].fill(0xaa);
        assert!(error(format, &damaged).starts_with("FILE, "), "{format}");
    }
}

/// A line of 64 MB is refused as soon as it is longer than a line may be.
#[test]
fn an_endless_line_in_a_compressed_file_is_refused() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![b'0'; 1 << 20];
    (0..64).for_each(|_| encoder.write_all(&zeros).unwrap());
    let bomb = encoder.finish().unwrap();
    for (format, ..) in FORMATS {
        let said = error(format, &bomb);
        assert_eq!(
            said.replace("after ", ""),
            "FILE, line 1: the line is too long; is this a text file?",
            "{format}"
        );
    }
}
