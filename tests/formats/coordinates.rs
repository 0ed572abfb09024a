//! Checks the table of coordinates in `docs/formats.md`: each format writes the first and the last
//! ten bases of a sequence of a thousand.

use crate::bcf::{self, Record};
use crate::context;
use crate::cram;
use crate::fixtures::writer::{File, Records, Variant};
use crate::tabix::{self, Bgzf, Kind};
use epivizrs::genome::Region;
use epivizrs::source::formats::{FORMATS, open};
use epivizrs::source::{Level, Shape, Source, Spec};
use epivizrs::table::Data;

const LENGTH: u32 = 1000;
const FIRST: (u32, u32) = (0, 10);
const LAST: (u32, u32) = (990, 1000);

/// Returns a file of each format, and the options to open it with.
fn files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = |format, text: &str| (format, text.as_bytes().to_vec(), "");
    let gtf = "chr1\tx\texon\t1\t10\t.\t+\t.\tgene_id \"a\";\n\
        chr1\tx\texon\t991\t1000\t.\t+\t.\tgene_id \"b\";\n";
    let gff3 = "chr1\tx\tgene\t1\t10\t.\t+\t.\tID=a\nchr1\tx\tgene\t991\t1000\t.\t+\t.\tID=b\n";
    let methyl = "chr1\t0\t10\tm\t5\t+\t0\t10\t255,0,0\t5\t80\n\
        chr1\t990\t1000\tm\t5\t+\t990\t1000\t255,0,0\t5\t80\n";
    let interact = "chr1\t0\t1000\ta\t0\t1\tx\t0\tchr1\t0\t10\tb\t+\tchr1\t990\t1000\tc\t-\n";
    let bed12 = "chr1\t0\t10\ta\t0\t+\t0\t10\t0\t1\t10,\t0,\n\
        chr1\t990\t1000\tb\t0\t+\t990\t1000\t0\t1\t10,\t0,\n";
    let ucsc = "#bin\tchrom\tchromStart\tchromEnd\n585\tchr1\t0\t10\n585\tchr1\t990\t1000\n";
    let genepred = "a\tchr1\t+\t0\t10\t0\t10\t1\t0,\t10,\n\
        b\tchr1\t+\t990\t1000\t990\t1000\t1\t990,\t1000,\n";
    let matrix = "gene\tchr\tstart\tend\ts1\na\tchr1\t1\t10\t5\nb\tchr1\t991\t1000\t5\n";
    let from_0 = "gene\tchr\tchromStart\tchromEnd\ts1\na\tchr1\t0\t10\t5\nb\tchr1\t990\t1000\t5\n";
    let seg = "ID\tchrom\tloc.start\tloc.end\tseg.mean\na\tchr1\t1\t10\t5\nb\tchr1\t991\t1000\t5\n";
    let cytosine = |base: u32| format!("chr1\t{base}\t{base}\t50\t1\t1\n");
    let cytosines: String = (1..=10).chain(991..=1000).map(cytosine).collect();
    let wig = "variableStep chrom=chr1 span=10\n1 5\nfixedStep chrom=chr1 start=991 step=1\n";
    let vcf = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\
        chr1\t1\t.\tACGTACGTAC\tA\t.\t.\t.\nchr1\t991\t.\tA\t<DEL>\t.\t.\tEND=1000\n";
    let sam = "@SQ\tSN:chr1\tLN:1000\na\t0\tchr1\t1\t9\t10M\t*\t0\t0\t*\t*\n\
        b\t0\tchr1\t991\t9\t10M\t*\t0\t0\t*\t*\n";
    let maf = "Hugo_Symbol\tChromosome\tStart_Position\tEnd_Position\tVariant_Classification\n\
        a\tchr1\t1\t10\tSilent\nb\tchr1\t991\t1000\tSilent\n";
    let place = |base: u32| format!("1\t{base}\t0.5\n");
    let gwas: String = (1..=10).chain(991..=1000).map(place).collect();
    let gwas = &*("chromosome\tbase_pair_location\tp_value\n".to_owned() + &gwas);
    let places = "chr1\t0\t10\nchr1\t990\t1000\n";
    vec![
        text("bed", places),
        text("bedgraph", &places.replace('\n', "\t5\n")),
        text("wig", &(wig.to_owned() + &"5\n".repeat(10))),
        text("gtf", gtf),
        text("gff3", gff3),
        text("genepred", genepred),
        text("bedmethyl", methyl),
        text("interact", interact),
        text("bedpe", "chr1\t0\t10\tchr1\t990\t1000\n"),
        text("bed12", bed12),
        text("ucsc", ucsc),
        text("seg", seg),
        text("methylation", &cytosines),
        text("junctions", "chr1\t1\t10\t1\t1\t1\t5\t0\t9\nchr1\t991\t1000\t1\t1\t1\t5\t0\t9\n"),
        text("matrix", matrix),
        text("matrix", from_0),
        ("matrix", matrix.replace("\t1\t", "\t0\t").replace("991", "990").into(), "base=0"),
        text("vcf", vcf),
        ("bcf", bcf(), ""),
        ("bam", bam().0, ""),
        ("cram", cram(), ""),
        text("sam", sam),
        ("reads", sam.as_bytes().to_vec(), ""),
        text("maf", maf),
        text("gwas", gwas),
        ("reads", bam().0, ""),
        ("bigwig", big(Records::Graph(vec![(0, 10, 5.0), (990, 1000, 5.0)]), 0), ""),
        (
            "bigbed",
            big(Records::Bed(vec![(0, 10, String::new()), (990, 1000, String::new())]), 3),
            "",
        ),
    ]
}

fn bcf() -> Vec<u8> {
    let header = "##fileformat=VCFv4.3\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\n";
    let record = |bases: (u32, u32)| {
        let alleles = ["ACGTACGTAC", "A"];
        bcf::record(&Record { contig: 0, bases, id: "x", alleles, quality: 1.0, info: &[] })
    };
    [bcf::header(header), record(FIRST), record(LAST)].concat()
}

/// Returns a BAM with reads of ten bases, and its index.
fn bam() -> (Vec<u8>, Vec<u8>) {
    let mut packed = Bgzf::default();
    let mut head = b"BAM\x01\0\0\0\0\x01\0\0\0\x05\0\0\0chr1\0".to_vec();
    head.extend(LENGTH.to_le_bytes());
    packed.add(&head);
    let places = [FIRST, LAST].map(|(start, end)| {
        let mut read = 0u32.to_le_bytes().to_vec();
        read.extend(start.to_le_bytes());
        // Length of the name, quality, bin; one part of the CIGAR, no flags, no bases.
        read.extend([2, 60, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        read.extend([0xff; 8]);
        read.extend([0, 0, 0, 0, b'r', 0]);
        read.extend((10u32 << 4).to_le_bytes());
        let record = [&(read.len() as u32).to_le_bytes()[..], &read].concat();
        ("chr1", (start, end), packed.add(&record))
    });
    (packed.finish(), tabix::index(&places, Kind::Bai))
}

fn cram() -> Vec<u8> {
    let read = |(start, end): (u32, u32)| cram::Read {
        sequence: 0,
        start,
        flags: 0,
        quality: 60,
        name: "r".to_owned(),
        cigar: vec![(end - start, 'M')],
    };
    cram::file(&[("chr1", LENGTH)], &[read(FIRST), read(LAST)]).0
}

fn big(records: Records, columns: u16) -> Vec<u8> {
    let sequences = vec![("chr1", LENGTH)];
    let file = File {
        sequences,
        blocks: vec![(0, records)],
        columns: (columns, columns),
        ..File::default()
    };
    file.write(Variant { big_endian: false, packed: true, sequences_last: false })
}

/// Returns the intervals of a region that have rows or values.
fn found(source: &dyn Source, start: u32, end: u32) -> Vec<(u32, u32)> {
    let level = source.shape().levels().next().unwrap();
    let names: Vec<&str> = source.columns().iter().map(|column| &*column.name).collect();
    let table = source.read(&Region::new("chr1", start, end), level, &names).unwrap();
    let rows = (0..table.len()).map(|row| (row, (table.start[row], table.end[row])));
    let dense = source.shape() == Shape::Dense;
    assert!(!dense || level != Level::Records);
    if !dense && table.start.iter().zip(&table.end).any(|(start, end)| end - start > 1) {
        return rows.map(|(_, place)| place).collect();
    }
    // If each base is a row, those that have a value are joined.
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for (_, (start, end)) in rows.filter(|(row, _)| table.columns[0].data.number(*row) > 0.0) {
        match joined.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => joined.push((start, end)),
        }
    }
    joined
}

#[test]
fn the_first_and_the_last_base_are_where_each_format_says() {
    let folder = tempfile::tempdir().unwrap();
    let files = files();
    // FASTA and 2bit give windows of many bases, or letters that their fixtures compare one by one,
    // and the intervals of a mtx are in another file.
    let placeless = ["fasta", "2bit", "bases", "mtx"];
    for format in FORMATS.iter().filter(|format| !placeless.contains(&format.name)) {
        assert!(files.iter().any(|file| file.0 == format.name), "{} is not checked", format.name);
    }
    for (index, (format, bytes, options)) in files.into_iter().enumerate() {
        let path = folder.path().join(format!("{index}"));
        std::fs::write(&path, bytes).unwrap();
        if format == "reads" {
            std::fs::write(folder.path().join(format!("{index}.bai")), bam().1).unwrap();
        }
        let spec: Spec = format!("{},format={format},{options}", path.display())
            .trim_end_matches(',')
            .parse()
            .unwrap();
        let source = open(&spec, &context()).unwrap_or_else(|error| panic!("{format}: {error}"));
        assert_eq!(found(&*source, 0, LENGTH), [FIRST, LAST], "{format} {options}");
        let points = ["methylation", "gwas"].contains(&format);
        let dense = source.shape() == Shape::Dense || points;
        let clipped = |place: (u32, u32), base| if dense { (base, base + 1) } else { place };
        assert_eq!(
            found(&*source, 9, 10),
            [clipped(FIRST, 9)],
            "{format}: end of the first interval"
        );
        assert_eq!(found(&*source, 10, 11), [], "{format}: after the first interval");
        assert_eq!(found(&*source, 989, 990), [], "{format}: before the last interval");
        assert_eq!(
            found(&*source, 990, 991),
            [clipped(LAST, 990)],
            "{format}: start of the last interval"
        );
        if source.shape() == Shape::Genes {
            let exons = ["exon_starts", "exon_ends"];
            let whole = Region::new("chr1", 0, LENGTH);
            let table = source.read(&whole, Level::Records, &exons).unwrap();
            let text = |column: usize, row| match &table.columns[column].data {
                Data::Text(texts) => texts.get(row).to_owned(),
                _ => String::new(),
            };
            let shown = [text(0, 0), text(1, 0), text(0, 1), text(1, 1)];
            assert_eq!(shown, ["1", "10", "991", "1000"], "{format}: exons are 1-based");
        }
    }
}
