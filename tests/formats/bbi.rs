//! bigWig and bigBed files in every variant of the formats, which must all give the same answers;
//! and damaged files.

pub(crate) mod writer;

use epivizrs::genome::Region;
use epivizrs::source::{Context, Level, Shape, Source, Spec};
use epivizrs::table::Table;
use tempfile::TempDir;
use writer::{File, Records, Variant, variants};

/// A source, and the folder of its file, which must exist while the source is read.
struct Opened(Box<dyn Source>, #[allow(dead_code, reason = "its drop deletes the file")] TempDir);

fn open(bytes: &[u8], options: &str) -> Result<Opened, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bw");
    std::fs::write(&path, bytes).unwrap();
    let spec: Spec = format!("{}{options}", path.display()).parse().unwrap();
    let source = epivizrs::source::formats::open(&spec, &Context::default());
    source.map(|source| Opened(source, folder)).map_err(|error| error.to_string())
}

/// Returns a file with records in all three encodings, on two sequences.
fn file() -> File {
    let graph = (0..40).map(|n| (100 * n, 100 * n + 60, n as f32)).collect();
    let variable = (0..50).map(|n| (5000 + 17 * n, 0.5 * n as f32 - 3.0)).collect();
    let fixed = (0..200).map(|n| (n % 13) as f32).collect();
    File {
        sequences: vec![("chrA", 9000), ("chrLonger", 300_000)],
        blocks: vec![
            (0, Records::Graph(graph)),
            (0, Records::Variable { span: 9, records: variable }),
            (1, Records::Fixed { start: 70_000, step: 25, span: 20, values: fixed }),
            (1, Records::Graph(vec![(250_000, 260_000, 7.25)])),
        ],
        ..File::default()
    }
}

/// Returns the value of each base, calculated without the reader.
fn bases(sequence: u32, length: usize) -> Vec<Option<f32>> {
    let mut bases = vec![None; length];
    let mut set = |start: u32, span: u32, value| {
        bases[start as usize..(start + span) as usize].fill(Some(value));
    };
    for (_, records) in file().blocks.iter().filter(|block| block.0 == sequence) {
        match records {
            Records::Graph(all) => all.iter().for_each(|r| set(r.0, r.1 - r.0, r.2)),
            Records::Variable { span, records } => {
                records.iter().for_each(|r| set(r.0, *span, r.1));
            }
            Records::Fixed { start, step, span, values } => {
                (0..).zip(values).for_each(|(n, value)| set(start + n * step, *span, *value));
            }
            Records::Bed(_) => unreachable!(),
        }
    }
    bases
}

fn values(table: &Table) -> Vec<f64> {
    (0..table.len()).map(|row| table.columns[0].data.number(row)).collect()
}

#[test]
fn bins_are_the_same_in_every_variant() {
    for variant in variants() {
        let Opened(source, _folder) = open(&file().write(variant), ",missing=zero").unwrap();
        assert_eq!(source.shape(), Shape::Dense);
        for (number, sequence) in (0..).zip(source.sequences()) {
            let truth = bases(number, sequence.length as usize);
            for (shift, start, end) in
                [(0, 3950, 5100), (5, 0, 9000), (3, 8990, 9000), (14, 0, 300_000)]
            {
                let region = Region::new(sequence.name, start, end.min(sequence.length));
                let table = source.read(&region, Level::Bins { shift }, &["value"]).unwrap();
                assert_eq!(table.first_rank, u64::from(start >> shift));
                assert_eq!(table.len() as u32, ((region.end - 1) >> shift) + 1 - (start >> shift));
                for (row, value) in values(&table).into_iter().enumerate() {
                    let bin = &truth[table.start[row] as usize..table.end[row] as usize];
                    let sum: f64 = bin.iter().flatten().map(|v| f64::from(*v)).sum();
                    let mean = (sum / bin.len() as f64) as f32;
                    assert_eq!(value as f32, mean, "{variant:?} {region} 2^{shift} row {row}");
                }
            }
        }
    }
}

#[test]
fn records_are_not_clipped_and_have_their_ranks() {
    for variant in variants() {
        let Opened(source, _folder) = open(&file().write(variant), ",missing=gap").unwrap();
        let at = |start, end| {
            let region = Region::new("chrA", start, end);
            source.read(&region, Level::Records, &["value"]).unwrap()
        };
        let table = at(150, 251);
        assert_eq!(
            (table.first_rank, &*table.start, &*table.end),
            (1, &[100, 200][..], &[160, 260][..])
        );
        assert_eq!(at(160, 200).len(), 0, "half-open: base 160 is not covered");
        assert_eq!(at(159, 160).start, [100]);
        let last = at(5800, 9000);
        assert_eq!(last.first_rank + last.len() as u64, 90);
    }
}

#[test]
fn nan_is_missing_data_and_records_are_clipped_at_the_end_of_the_sequence() {
    let records = Records::Graph(vec![(0, 10, f32::NAN), (10, 20, 2.0), (90, 120, 1.0)]);
    let file = File { sequences: vec![("c", 100)], blocks: vec![(0, records)], ..File::default() };
    let variant = Variant { big_endian: false, packed: true, sequences_last: false };
    let Opened(source, _folder) = open(&file.write(variant), ",missing=gap").unwrap();
    let table = source.read(&Region::new("c", 0, 100), Level::Records, &["value"]).unwrap();
    assert_eq!((table.start, table.end), (vec![10, 90], vec![20, 100]));
}

/// A file that is truncated or has a changed byte gives an answer, or an error that names the file
/// and the place in it; never a panic.
#[test]
fn damaged_files_are_errors() {
    for variant in variants().filter(|variant| !variant.sequences_last && variant.packed) {
        let whole = file().write(variant);
        let read = |bytes: &[u8], what: String| {
            let tried = open(bytes, ",missing=gap").and_then(|Opened(source, _folder)| {
                let region = Region::new("chrA", 0, 9000);
                source.read(&region, Level::Records, &[]).map_err(|error| error.to_string())
            });
            if let Err(error) = &tried {
                let named = error.contains("x.bw")
                    && (error.contains("offset")
                        || error.contains("chrA")
                        || error.contains("header"));
                assert!(named, "{what}: {error}");
            }
            tried.is_err()
        };
        for cut in (0..whole.len()).step_by(97).chain([3, 63, whole.len() - 1]) {
            let damaged = read(&whole[..cut], format!("truncated after {cut}"));
            assert!(damaged || cut > whole.len() - 100, "truncated after {cut}, undetected");
        }
        for at in (8..whole.len()).step_by(5) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            read(&bytes, format!("byte {at} changed"));
        }
    }
}

/// A flipped bit in the index is harmless or an error: no row is lost silently.
#[test]
fn a_flipped_bit_in_the_index_never_loses_rows_silently() {
    for variant in variants().filter(|variant| variant.packed) {
        let whole = file().write(variant);
        let rows = |bytes: &[u8]| {
            let Opened(source, _folder) = open(bytes, ",missing=gap")?;
            let count = ["chrA", "chrLonger"].map(|name| {
                let region = Region::new(name, 0, 300_000);
                let table = source.read(&region, Level::Records, &[]);
                table.map(|table| table.len()).map_err(|error| error.to_string())
            });
            let [one, other] = count;
            Ok::<_, String>((one?, other?))
        };
        let mut place = [0; 8];
        place.copy_from_slice(&whole[24..32]);
        if variant.big_endian {
            place.reverse();
        }
        assert_eq!(rows(&whole), Ok((90, 201)));
        let (mut lost, mut noticed) = (Vec::new(), 0);
        for at in u64::from_le_bytes(place) as usize..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            match rows(&bytes) {
                Ok((90, 201)) => {}
                Ok(rows) => lost.push((at, rows)),
                Err(error) => {
                    assert!(error.contains("x.bw, offset "), "{error}");
                    noticed += 1;
                }
            }
        }
        assert!(lost.is_empty() && noticed > 100, "{variant:?}: {noticed}; lost: {lost:?}");
    }
}

#[test]
fn a_decompression_bomb_is_an_error() {
    let variant = Variant { big_endian: false, packed: true, sequences_last: false };
    let mut bytes = file().write(variant);
    let bomb = {
        use std::io::Write;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0; 1 << 20];
        (0..100).for_each(|_| encoder.write_all(&zeros).unwrap());
        encoder.finish().unwrap()
    };
    // The first leaf of the index now points to the bomb.
    let place = bytes.len() as u64;
    let leaf = bytes.len() - (4 + 2 * 32) * 2 + 4;
    bytes[leaf + 16..leaf + 24].copy_from_slice(&place.to_le_bytes());
    bytes[leaf + 24..leaf + 32].copy_from_slice(&(bomb.len() as u64).to_le_bytes());
    bytes.extend(bomb);
    let error = open(&bytes, "").err().unwrap();
    assert!(error.contains("a block of data is damaged"), "{error}");
}

#[test]
fn an_endless_list_of_sequences_is_an_error() {
    let variant = Variant { big_endian: false, packed: true, sequences_last: false };
    let whole = file().write(variant);
    let tree = u64::from_le_bytes(whole[8..16].try_into().unwrap()) as usize;
    let key = u32::from_le_bytes(whole[tree + 8..tree + 12].try_into().unwrap()) as usize;
    // The root becomes a node whose only child is itself.
    let root = tree + 32;
    let mut circle = whole.clone();
    circle[root..root + 4].copy_from_slice(&[0, 0, 1, 0]);
    circle[root + 4 + key..root + 12 + key].copy_from_slice(&(root as u64).to_le_bytes());
    let error = open(&circle, "").err().unwrap();
    assert!(error.contains("the list of sequences has a cycle"), "{error}");
    // The names have length 0.
    let mut nameless = whole;
    nameless[tree + 8..tree + 12].fill(0);
    let error = open(&nameless, "").err().unwrap();
    assert!(error.contains("the list of sequences is damaged"), "{error}");
}

/// A row of the bigBed: sequence, start, end, and the other columns.
type Bed = (u32, u32, u32, String);

/// Returns rows that overlap; two have the same interval, and one has an empty interval.
fn rows() -> Vec<Bed> {
    let row = |n: u32, start, end| {
        let strand = if n.is_multiple_of(2) { '+' } else { '-' };
        (0, start, end, format!("row {n}\t{}\t{strand}\t{}.5", n % 900, n % 77))
    };
    let mut rows: Vec<Bed> = (0..500)
        .map(|n| row(n, n * 37 % 9001 * 20, n * 37 % 9001 * 20 + 1 + n * n % 3000))
        .chain([row(500, 40_000, 41_000), row(501, 40_000, 41_000), row(502, 50_000, 50_000)])
        .chain([row(503, 100, 200_000)])
        .collect();
    rows.sort_by_key(|row| (row.1, row.2));
    rows
}

const AUTO_SQL: &str = "table test\n\"rows\"\n(\nstring chrom; \"a\"\nuint chromStart; \"b\"\n\
    uint chromEnd; \"c\"\nstring name; \"d\"\nuint score; \"e\"\nchar[1] strand; \"f\"\n\
    float signalValue; \"g\"\n)\n";

fn bed() -> File {
    let block = |rows: &[Bed]| {
        (0, Records::Bed(rows.iter().map(|row| (row.1, row.2, row.3.clone())).collect()))
    };
    File {
        sequences: vec![("chrA", 250_000), ("chrB", 10)],
        blocks: rows().chunks(64).map(block).collect(),
        auto_sql: Some(AUTO_SQL.to_owned()),
        columns: (7, 6),
    }
}

#[test]
fn rows_of_a_bigbed_are_the_same_in_every_variant() {
    let all = rows();
    for variant in variants() {
        let Opened(source, _folder) = open(&bed().write(variant), "").unwrap();
        for (start, end) in [(0, 250_000), (40_500, 40_501), (50_000, 50_001), (49_000, 50_000)] {
            let region = Region::new("chrA", start, end);
            let table =
                source.read(&region, Level::Records, &["name", "score", "signal_value"]).unwrap();
            let overlaps = |row: &Bed| row.1 < end && row.2.max(row.1 + 1) > start;
            let first = all.iter().position(overlaps).unwrap();
            let behind = all.iter().filter(|row| row.1 < end).count();
            assert_eq!((table.first_rank, table.len()), (first as u64, behind - first));
            for (row, truth) in all[first..behind].iter().enumerate() {
                let strand = table.strand[row].as_str();
                let text = match &table.columns[0].data {
                    epivizrs::table::Data::Text(texts) => texts.get(row),
                    _ => panic!("names are text"),
                };
                let number = |column: usize| table.columns[column].data.number(row);
                let shown = format!("{text}\t{}\t{strand}\t{}", number(1), number(2));
                assert_eq!(
                    (table.start[row], table.end[row], shown),
                    (truth.1, truth.2, truth.3.clone())
                );
            }
        }
        let hits = source.search("ROW 502", 5);
        assert_eq!((&*hits[0].name, hits[0].region.start), ("row 502", 50_000));
    }
}

#[test]
fn an_index_that_counts_rows_instead_of_blocks_is_read() {
    let mut bytes = bed().write(Variant { big_endian: false, packed: true, sequences_last: false });
    let number = |bytes: &[u8], at| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let index = number(&bytes, 24) as usize;
    let rows = |bytes: &[u8]| {
        let Opened(source, _folder) = open(bytes, "").unwrap();
        source.read(&Region::new("chrA", 0, 250_000), Level::Records, &[]).map(|table| table.len())
    };
    // The number of all rows, and the number of rows per block, as the test writes them.
    bytes[index + 8..index + 16].copy_from_slice(&504u64.to_le_bytes());
    bytes[index + 40..index + 44].copy_from_slice(&64u32.to_le_bytes());
    assert_eq!(rows(&bytes).unwrap(), 504);
    // With fewer rows per block, there would have to be more blocks.
    bytes[index + 40..index + 44].copy_from_slice(&60u32.to_le_bytes());
    assert!(open(&bytes, "").err().unwrap().contains("the index counts 504 blocks and lists 8"));
}

#[test]
fn a_damaged_bigbed_is_an_error() {
    let whole = bed().write(Variant { big_endian: false, packed: false, sequences_last: true });
    let read = |bytes: &[u8]| {
        let Opened(source, _folder) = open(bytes, ",format=bigbed")?;
        let region = Region::new("chrA", 0, 250_000);
        source.read(&region, Level::Records, &["name", "score"]).map_err(|e| e.to_string())
    };
    assert_eq!(read(&whole).unwrap().len(), 504);
    for at in (8..whole.len()).step_by(23) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        if let Err(error) = read(&bytes) {
            assert!(error.contains("x.bw, "), "byte {at}: {error}");
        }
    }
    let error = read(&whole[..whole.len() - 7]).unwrap_err();
    assert!(error.contains("offset") && error.contains("complete?"), "{error}");
}

#[test]
fn names_that_could_not_be_read_are_read_again() {
    let whole = bed().write(PLAIN);
    let Opened(source, folder) = open(&whole, ",format=bigbed").unwrap();
    let path = folder.path().join("x.bw");
    // The modification time stays the same; otherwise the file would have to be opened again.
    let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
    let write = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(changed).unwrap();
    };
    write(&vec![0xff; whole.len()]);
    assert!(source.search("row 502", 5).is_empty());
    write(&whole);
    assert_eq!(&*source.search("row 502", 5)[0].name, "row 502");
}

/// Returns a bigGenePred with two overlapping transcripts of gene A, another one of A elsewhere,
/// and one of gene B.
fn gene_pred() -> File {
    let row = |start: u32, end: u32, name: &str, gene: &str, blocks: &str| {
        let count = blocks.split_once('\t').unwrap().0.split_terminator(',').count();
        let bed = format!("{name}\t0\t+\t{start}\t{end}\t0\t{count}\t{blocks}");
        (start, end, format!("{bed}\tp\tcmpl\tcmpl\t0,\tt\t{gene}\tE1\tcoding"))
    };
    let rows = vec![
        row(100, 400, "T1", "A", "50,100,\t0,200,"),
        row(120, 500, "T2", "A", "100,80,\t0,300,"),
        row(300, 350, "T3", "B", "50,\t0,"),
        row(9_000, 9_100, "T4", "A", "100,\t0,"),
    ];
    let columns = "string chrom\nuint chromStart\nuint chromEnd\nstring name\nuint score\n\
        char[1] strand\nuint thickStart\nuint thickEnd\nuint reserved\nint blockCount\n\
        int[blockCount] blockSizes\nint[blockCount] chromStarts\nstring name2\nstring cdsStartStat\n\
        string cdsEndStat\nint[blockCount] exonFrames\nstring type\nstring geneName\n\
        string geneName2\nstring geneType";
    let described: String = columns.lines().map(|column| format!("{column}; \"x\"\n")).collect();
    File {
        sequences: vec![("chrA", 250_000)],
        blocks: vec![(0, Records::Bed(rows))],
        auto_sql: Some(format!("table bigGenePred\n\"x\"\n(\n{described})\n")),
        columns: (20, 12),
    }
}

/// Returns the intervals and columns of all rows.
fn all_of(bytes: &[u8], options: &str, columns: &[&str]) -> Result<Vec<String>, String> {
    let Opened(source, _folder) = open(bytes, options)?;
    let region = Region::new("chrA", 0, 250_000);
    let table = source.read(&region, Level::Records, columns).map_err(|e| e.to_string())?;
    let cell = |row: usize, column: &epivizrs::table::Column| match &column.data {
        epivizrs::table::Data::Text(texts) => texts.get(row).to_owned(),
        numbers => numbers.number(row).to_string(),
    };
    let line = |row: usize| {
        let cells: Vec<_> = table.columns.iter().map(|column| cell(row, column)).collect();
        format!("{}-{} {}", table.start[row], table.end[row], cells.join(" "))
    };
    Ok((0..table.len()).map(line).collect())
}

const PLAIN: Variant = Variant { big_endian: false, packed: false, sequences_last: false };

#[test]
fn a_big_gene_pred_gives_genes_or_on_request_transcripts() {
    let bytes = gene_pred().write(PLAIN);
    let columns = ["gene", "exon_starts", "exon_ends", "biotype"];
    let genes = all_of(&bytes, "", &columns).unwrap();
    let expected = [
        "100-500 A 101,301,421 220,400,500 coding",
        "300-350 B 301 350 coding",
        "9000-9100 A 9001 9100 coding",
    ];
    assert_eq!(genes, expected);
    let columns = ["transcript", "gene", "exon_starts", "exon_ends"];
    let transcripts = all_of(&bytes, ",rows=transcripts", &columns).unwrap();
    let expected = [
        "100-400 T1 A 101,301 150,400",
        "120-500 T2 A 121,421 220,500",
        "300-350 T3 B 301 350",
        "9000-9100 T4 A 9001 9100",
    ];
    assert_eq!(transcripts, expected);
    let Opened(source, _folder) = open(&bytes, "").unwrap();
    assert_eq!(source.search("b", 5)[0].region, Region::new("chrA", 300, 350));
}

#[test]
fn more_transcripts_than_the_file_declares_are_an_error() {
    let mut bytes = gene_pred().write(PLAIN);
    // The data section begins with the number of rows (supplementary table 5, byte 16).
    let data = u64::from_le_bytes(bytes[16..24].try_into().unwrap()) as usize;
    assert_eq!(bytes[data], 4);
    bytes[data] = 3;
    let error = all_of(&bytes, "", &["gene"]).unwrap_err();
    assert!(error.contains("x.bw, chrA: has more rows than the 3"), "{error}");
}

#[test]
fn invalid_exons_are_errors() {
    for (good, bad, what) in [
        ("50,100,\t0,200,", "50,100,\t0,201,", "ends after the end of its row"),
        ("50,100,\t0,200,", "50,x,\t0,200,", "is not a whole number"),
        ("50,100,\t0,200,", "50,\t0,200,", "the numbers of block sizes and block starts differ"),
    ] {
        let mut file = gene_pred();
        if let (_, Records::Bed(rows)) = &mut file.blocks[0] {
            rows[0].2 = rows[0].2.replace(good, bad);
        }
        for options in ["", ",rows=transcripts"] {
            let error = all_of(&file.write(PLAIN), options, &[]).unwrap_err();
            assert!(error.contains("x.bw, offset ") && error.contains(what), "{options}: {error}");
        }
    }
}

/// A row that does not span both ends of its interaction would not be found by region.
#[test]
fn an_interaction_whose_row_does_not_span_it_is_refused() {
    let ends = ["source", "target"].map(|end| {
        ["Chrom", "Start", "End", "Name", "Strand"]
            .map(|what| format!("string {end}{what}; \"\"\n"))
    });
    let columns = ["chrom", "chromStart", "chromEnd", "name", "score", "value", "exp", "color"];
    let columns = columns.map(|name| format!("string {name}; \"\"\n")).concat();
    let auto_sql = format!("table interact\n\"\"\n(\n{columns}{})", ends.as_flattened().concat());
    let said = |ends: &str| {
        let rows = Records::Bed(vec![(100, 900, format!("i\t5\t0.5\tx\t0\t{ends}"))]);
        let file = File {
            sequences: vec![("chrA", 250_000)],
            blocks: vec![(0, rows)],
            auto_sql: Some(auto_sql.clone()),
            columns: (18, 5),
        };
        let variant = Variant { big_endian: false, packed: false, sequences_last: true };
        let Opened(source, _folder) = open(&file.write(variant), "").unwrap();
        let region = Region::new("chrA", 850, 851);
        let read = source.read(&region, Level::Records, &["name", "other"]);
        read.map(|table| table.start).map_err(|error| error.to_string())
    };
    let lower = "chrA\t100\t200\te\t+";
    assert_eq!(said(&format!("{lower}\tchrA\t800\t900\tp\t-")), Ok(vec![800]));
    for (upper, what) in [
        ("chrA\t800\t901\tp\t-", "chrA:101: an end is outside of its row"),
        ("chrA\t99\t900\tp\t-", "chrA:101: an end is outside of its row"),
        ("chrA\t900\t800\tp\t-", "chrA:101: the end (800) is before the start (900)"),
        ("chrA\t-9\t800\tp\t-", "chrA:101: start (column 15) is negative"),
        ("chrA\t800\t900\tp", "chrA:101: expected the 18 columns"),
    ] {
        let error = said(&format!("{lower}\t{upper}")).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
}
