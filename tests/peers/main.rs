//! Compares `epivizrs query` with independent programs, on files that those programs wrote.
//! `.ci/peers` runs these tests if the programs are installed, and reports what it skips.

mod alignments;
mod computed;
mod intervals;
mod methylation;
mod npz;
mod tools;

use tools::{Folder, Random, installed, python, sorted};

/// The length of both sequences.
const LENGTH: u32 = 400_000;
const SEQUENCES: [&str; 2] = ["chr1", "chr2"];

/// Returns regions of all widths: a sequence, and its first and last base, which are 1-based.
fn regions(seed: u64) -> Vec<(&'static str, u32, u32)> {
    let mut random = Random(seed);
    let mut region = |n: u32| {
        let width = 1 + random.below([1, 50, 2_000, 60_000][n as usize % 4]);
        let start = 1 + random.below(LENGTH - width);
        (SEQUENCES[n as usize % 2], start, start + width - 1)
    };
    (0..12).map(&mut region).chain([("chr1", 1, LENGTH), ("chr2", 1, 1)]).collect()
}

/// A feature: sequence, 0-based half-open interval, number.
type Feature = (&'static str, u32, u32, u32);

/// Returns sorted features that overlap and nest; some are long.
fn features(count: u32) -> Vec<Feature> {
    let mut random = Random(5);
    let mut feature = |n: u32| {
        let length = 1 + random.below(if n.is_multiple_of(50) { 90_000 } else { 1_500 });
        let start = random.below(LENGTH - length);
        (SEQUENCES[n as usize % 2], start, start + length, n)
    };
    let mut features: Vec<Feature> = (0..count).map(&mut feature).collect();
    features.sort_unstable();
    features
}

fn lines<T>(items: &[T], line: impl Fn(&T) -> String) -> String {
    items.iter().map(|item| line(item) + "\n").collect()
}

/// Returns these columns of a program's output, with sorted lines.
fn columns(text: &str, columns: &[usize]) -> Vec<String> {
    sorted(text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        columns.iter().map(|at| fields[*at]).collect::<Vec<_>>().join("\t")
    }))
}

fn strand(n: u32) -> &'static str {
    ["+", "-"][n as usize % 2]
}

/// Returns a step signal with gaps: sequence, start, end, value in quarters.
fn steps() -> Vec<Feature> {
    let mut random = Random(9);
    let mut steps = Vec::new();
    for sequence in SEQUENCES {
        let mut at = 100;
        while at < LENGTH - 100 {
            let length = 1 + random.below(60);
            steps.push((sequence, at, at + length, random.below(400)));
            at += length + if random.below(4) == 0 { random.below(30) } else { 0 };
        }
    }
    steps
}

fn quarters(n: u32) -> f64 {
    f64::from(n) / 4.0 - 20.0
}

#[test]
#[ignore = "needs other programs; run .ci/peers"]
fn text_signals_are_those_of_bedtools() {
    if !installed(&["bedtools"]) {
        return;
    }
    let folder = Folder::new();
    let graph = |(sequence, start, end, n): &Feature| {
        format!("{sequence}\t{start}\t{end}\t{}", quarters(*n))
    };
    folder.write("x.bedGraph", &lines(&steps(), graph));
    let wig = |(sequence, start, end, n): &Feature| {
        let span = end - start;
        format!("variableStep chrom={sequence} span={span}\n{} {}", start + 1, quarters(*n))
    };
    folder.write("x.wig", &lines(&steps(), wig));
    for (sequence, first, last) in regions(2) {
        let last = last.min(first + 2_000);
        let base = |base: u32| format!("{sequence}\t{base}\t{}\n", base + 1);
        folder.write("bases.bed", &(first - 1..last).map(base).collect::<String>());
        let map =
            ["map", "-a", "bases.bed", "-b", "x.bedGraph", "-c", "4", "-o", "mean", "-null", "."];
        let truth = columns(&folder.run("bedtools", &map), &[1, 3]);
        // 'query' writes an empty cell where bedtools writes a dot.
        let mut truth: Vec<_> = truth.iter().map(|line| line.replace("\t.", "\t")).collect();
        // There are no bases after the last record.
        let reach = steps().iter().filter(|step| step.0 == sequence).map(|step| step.2).max();
        truth.retain(|line| line.split('\t').next().unwrap().parse::<u32>().ok() < reach);
        for file in ["x.bedGraph", "x.wig"] {
            let region = format!("{sequence}:{first}-{last}");
            let ours = folder.query(file, &region, "1");
            let ours = ours.lines((first - 1, last), &["start", "x"]);
            assert_eq!(ours, truth, "{file} {region}");
        }
    }
}

/// Writes a bigWig or a bigBed, and prints the values or rows of each region in the arguments.
const BIG: &str = r#"
import sys, pyBigWig
kind, length, *regions = sys.argv[1:]
rows = [line.rstrip('\n').split('\t', 3) for line in open('x.txt')]
rows = [(name, int(start), int(end), rest) for name, start, end, rest in rows]
names = ['chr1', 'chr2']
if kind == 'bw':
    file = pyBigWig.open('x.bw', 'w')
    file.addHeader([(name, int(length)) for name in names])
    columns = list(zip(*rows))
    file.addEntries(list(columns[0]), list(columns[1]), ends=list(columns[2]), values=[float(x) for x in columns[3]])
    file.close()
else:
    import pybigtools
    columns = ['string chrom', 'uint chromStart', 'uint chromEnd', 'string name', 'uint score', 'char[1] strand']
    described = 'table x\n"x"\n(\n' + ''.join(column + '; "x"\n' for column in columns) + ')'
    lengths = {name: int(length) for name in names}
    pybigtools.open('x.bb', 'w').write(lengths, iter(rows), autosql=described)
file = pyBigWig.open('x.' + kind)
for region in regions:
    name, start, end = region.split(':')
    if kind == 'bw':
        for at in range(int(start) // 64 * 64, int(end), 64):
            mean = file.stats(name, at, min(at + 64, int(length)), type='mean', exact=True)[0]
            print(region, at, '' if mean is None else format(mean, '.4f'), sep='\t')
    else:
        for start, end, rest in file.entries(name, int(start), int(end)) or []:
            print(region, start, end, rest, sep='\t')
"#;

/// Runs [`BIG`], and returns a function that gives its output for a region.
fn big(folder: &Folder, kind: &str, rows: &str) -> impl Fn(&str) -> String + use<> {
    folder.write("x.txt", rows);
    let names: Vec<String> = regions(3)
        .iter()
        .map(|(name, first, last)| format!("{name}:{}:{last}", first - 1))
        .collect();
    let length = LENGTH.to_string();
    let mut arguments = vec!["-c", BIG, kind, &length];
    arguments.extend(names.iter().map(String::as_str));
    let all = folder.run(&python(), &arguments);
    move |region| {
        let of = |line: &&str| line.split('\t').next() == Some(region);
        all.lines().filter(of).map(|line| line.to_owned() + "\n").collect()
    }
}

#[test]
#[ignore = "needs other programs; run .ci/peers"]
fn bigwig_means_are_those_of_pybigwig() {
    if !installed(&["pyBigWig"]) {
        return;
    }
    let folder = Folder::new();
    let row = |(name, start, end, n): &Feature| format!("{name}\t{start}\t{end}\t{}", quarters(*n));
    let truth = big(&folder, "bw", &lines(&steps(), row));
    for (name, first, last) in regions(3) {
        let ours = folder.query("x.bw", &format!("{name}:{first}-{last}"), "64");
        let ours = ours.lines((first - 1, last), &["start", "x"]);
        let truth = columns(&truth(&format!("{name}:{}:{last}", first - 1)), &[1, 2]);
        assert_eq!(ours.len(), truth.len());
        for (ours, truth) in ours.iter().zip(&truth) {
            let number = |line: &str| {
                let (start, mean) = line.split_once('\t').unwrap();
                (start.to_owned(), mean.parse::<f64>().unwrap_or(f64::NAN))
            };
            let ((at, mean), (start, expected)) = (number(ours), number(truth));
            let equal = (mean - expected).abs() < 1e-3 || (mean.is_nan() && expected.is_nan());
            assert!(at == start && equal, "{name}:{at}: {mean}, not {expected}");
        }
    }
}

#[test]
#[ignore = "needs other programs; run .ci/peers"]
fn bigbed_rows_are_those_of_pybigwig() {
    if !installed(&["pyBigWig", "pybigtools"]) {
        return;
    }
    let folder = Folder::new();
    let row = |(name, start, end, n): &Feature| {
        format!("{name}\t{start}\t{end}\tf{n}\t{}\t{}", n % 1000, strand(*n))
    };
    let truth = big(&folder, "bb", &lines(&features(900), row));
    for (name, first, last) in regions(3) {
        let ours = folder.query("x.bb", &format!("{name}:{first}-{last}"), "0");
        let ours = ours.lines((first - 1, last), &["start", "end", "name", "score", "strand"]);
        let truth = truth(&format!("{name}:{}:{last}", first - 1));
        assert_eq!(ours, columns(&truth, &[1, 2, 3, 4, 5]), "{name}:{first}-{last}");
    }
}

/// Returns the lines of a gene and of its two exons, which do not touch.
fn gene(dialect: &str, (name, start, end, n): &Feature) -> Vec<(&'static str, u32, String)> {
    let third = (end - start) / 3;
    let exons = [(*start, start + third), (end - third, *end)];
    let exons = exons.into_iter().filter(|_| third > 1).map(|place| ("exon", place));
    let parts = std::iter::once(("gene", (*start, *end))).chain(exons);
    let line = |(kind, (from, to)): (&str, (u32, u32))| {
        let attributes = match (dialect, kind) {
            ("gtf", _) => format!("gene_id \"G{n}\"; gene_name \"N{n}\";"),
            (_, "gene") => format!("ID=G{n};Name=N{n}"),
            _ => format!("Parent=G{n}"),
        };
        let strand = strand(*n);
        (
            *name,
            from,
            format!("{name}\tx\t{kind}\t{}\t{to}\t.\t{strand}\t.\t{attributes}", from + 1),
        )
    };
    parts.map(line).collect()
}

#[test]
#[ignore = "needs other programs; run .ci/peers"]
fn genes_are_those_whose_lines_tabix_finds() {
    if !installed(&["tabix", "bgzip"]) {
        return;
    }
    for dialect in ["gtf", "gff3"] {
        let folder = Folder::new();
        let mut rows: Vec<_> = features(400).iter().flat_map(|f| gene(dialect, f)).collect();
        rows.sort_by_key(|(name, start, _)| (*name, *start));
        let (file, packed) = (format!("x.{dialect}"), format!("x.{dialect}.gz"));
        folder.write(&file, &lines(&rows, |row| row.2.clone()));
        folder.run("bgzip", &["-c", &file, ">", &packed]);
        folder.run("tabix", &["-p", "gff", &packed]);
        for (name, first, last) in regions(4) {
            let region = format!("{name}:{first}-{last}");
            let found = folder.run("tabix", &[&packed, &region]);
            let genes = found.lines().filter(|line| line.contains("\tgene\t"));
            let truth = sorted(genes.map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                let (start, end) = (fields[3].parse::<u32>().unwrap() - 1, fields[4]);
                let digits = |c: char| !c.is_ascii_digit();
                let n = fields[8].split(digits).find(|n| !n.is_empty()).unwrap();
                format!("{start}\t{end}\t{}\tN{n}", fields[6])
            }));
            for file in [&file, &packed] {
                let ours = folder.query(file, &region, "0");
                let ours = ours.lines((first - 1, last), &["start", "end", "strand", "gene"]);
                assert_eq!(ours, truth, "{file} {region}");
            }
        }
    }
}

#[test]
#[ignore = "needs other programs; run .ci/peers"]
fn variants_are_those_of_bcftools() {
    if !installed(&["bcftools", "bgzip"]) {
        return;
    }
    let folder = Folder::new();
    let header = "##fileformat=VCFv4.2\n##FILTER=<ID=low,Description=\"x\">\n\
        ##INFO=<ID=DP,Number=1,Type=Integer,Description=\"x\">\n\
        ##INFO=<ID=AF,Number=A,Type=Float,Description=\"x\">\n\
        ##INFO=<ID=END,Number=1,Type=Integer,Description=\"x\">\n\
        ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"x\">\n\
        ##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"x\">\n";
    let contig = |name: &str| format!("##contig=<ID={name},length={LENGTH}>\n");
    let names = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n";
    let line = |(name, start, end, n): &Feature| {
        let (length, dp) = (end - start, n * 131);
        // Short variants spell out the bases that they delete, long ones have an END.
        let (reference, alt, more) = match length {
            0..200 => ("A".repeat(length as usize), "A,G", String::new()),
            _ => ("N".to_owned(), "<DEL>", format!(";END={end}")),
        };
        let frequencies = if alt == "A,G" { "0.125,0.5" } else { "." };
        let filter = ["PASS", "low", "."][*n as usize % 3];
        let qual = if n.is_multiple_of(7) { ".".to_owned() } else { format!("{}.5", n % 500) };
        let genotypes = ["0/1\t1|1", "./.\t0|1", "0\t.", "1/0\t0/0"][*n as usize % 4];
        let samples = match n % 5 {
            // Some lines have no genotypes.
            0 => format!("DP\t{n}\t."),
            _ => format!("GT:DP\t{}", genotypes.replace('\t', &format!(":{n}\t")) + ":."),
        };
        format!(
            "{name}\t{}\tid{n}\t{reference}\t{alt}\t{qual}\t{filter}\tDP={dp};AF={frequencies}{more}\t{samples}",
            start + 1
        )
    };
    let mut all = features(700);
    // With a single base, the alternative allele A would equal the reference.
    all.retain(|(_, start, end, _)| end - start != 1);
    let text = header.to_owned() + &SEQUENCES.map(contig).concat() + names + &lines(&all, line);
    folder.write("x.vcf", &text);
    folder.run("bgzip", &["-c", "x.vcf", ">", "x.vcf.gz"]);
    folder.run("bcftools", &["index", "-t", "x.vcf.gz"]);
    folder.run("bcftools", &["view", "-Ob", "-o", "x.bcf", "x.vcf"]);
    folder.run("bcftools", &["view", "-Ob", "-o", "alone.bcf", "x.vcf"]);
    folder.run("bcftools", &["index", "x.bcf"]);
    let format = "%POS0\t%END\t%ID\t%REF\t%ALT\t%QUAL\t%FILTER\t%INFO/DP[\t%GT]\n";
    let shown = ["start", "end", "id", "ref", "alt", "qual", "filter", "DP", "a", "b"];
    for (name, first, last) in regions(5) {
        let region = format!("{name}:{first}-{last}");
        let truth = folder.run("bcftools", &["query", "-r", &region, "-f", format, "x.bcf"]);
        let truth = columns(&truth, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        // bcftools writes "." for a missing value, and 'query' writes an empty cell.
        let dot = |cell: &str| if cell.is_empty() { ".".to_owned() } else { cell.to_owned() };
        let dotted = |line: String| line.split('\t').map(dot).collect::<Vec<_>>().join("\t");
        for file in ["x.vcf", "x.vcf.gz", "x.bcf", "alone.bcf"] {
            let source = format!("{file},info=DP:AF,genotypes=a:b");
            let ours = folder.query(&source, &region, "0").lines((first - 1, last), &shown);
            let ours = sorted(ours.into_iter().map(dotted));
            assert_eq!(ours, truth, "{file} {region}");
        }
    }
}
