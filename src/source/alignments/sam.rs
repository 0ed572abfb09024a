//! SAM: aligned reads as text, in any order; served like BAM. Coverage is counted from a sorted
//! copy of the reads in the cache folder, which large files need for their rows too.
//!
//! Positions are 1-based in the file (SAM specification, section 1.4).

use super::alignment::{Alignment, Alignments, DecodedRead, about};
use super::coverage;
use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Sequences, Strand};
use crate::source::io::delimited::{Separator, first_fields, is_position};
use crate::source::io::lines::{Line, Lines, shortened};
use crate::source::rows::format::RowFormat;
use crate::source::rows::indexed::About;
use crate::source::rows::open::open as open_rows;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::sorted_copy;
use crate::source::rows::tabix::{IndexHint, Tabix};
use crate::source::{Context, Format, Options, Source};
use std::sync::Arc;

pub(crate) const COVERAGE: Format = Format {
    name: "sam",
    extensions: &["sam"],
    about: "as bam; sorted in the cache folder first",
    sniff,
    open: |input, options, context| {
        let sam = Sam::of(input)?;
        let (file, sequences) = (input.clone(), sam.sequences.clone());
        // The source of the reads counts what is left out.
        let skip = options.for_another_file().skip;
        let reads = move |context: &Context| {
            let copy = sorted_copy::copy(&file, context, &sam, skip.as_ref())?;
            Sorted::open(&file, &copy, &sam)
        };
        coverage::open(input, options, context, || Ok((*sequences).clone()), reads)
    },
};

/// Returns whether a file begins with a SAM header or a read.
pub(super) fn sniff(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().next().unwrap_or_default();
    let is_header =
        ["@HD\t", "@SQ\t", "@RG\t", "@PG\t", "@CO\t"].iter().any(|tag| line.starts_with(tag));
    let fields = Separator::Tab.split(line);
    is_header
        || matches!(fields[..], [_, flags, _, position, quality, cigar, _, _, _, letters, qualities, ..]
            if [flags, position, quality].into_iter().all(is_position)
                && (cigar == "*" || operations(cigar).is_some())
                && (qualities == "*" || letters.len() == qualities.len()))
}

/// Opens the reads of a file as rows.
///
/// # Errors
/// [`Error::Data`] for what is not SAM, with its line.
pub(super) fn reads(
    input: &Input,
    options: &Options,
    context: &Context,
) -> Result<Box<dyn Source>> {
    open_rows(Sam::of(input)?, input, options, context)
}

/// The format of lines that are reads.
#[derive(Clone)]
struct Sam {
    /// The sequences that the header lists.
    sequences: Arc<Sequences>,
    header_lines: usize,
}

impl Sam {
    fn of(input: &Input) -> Result<Self> {
        let (mut lines, mut sequences) = (Lines::open(input)?, Sequences::default());
        let mut header_lines = 0;
        while let Some(line) = lines.next()?.filter(|line| line.text.starts_with('@')) {
            header_lines += 1;
            let Some(tags) = line.text.strip_prefix("@SQ\t") else { continue };
            let tag = |name| tags.split('\t').find_map(|tag| tag.strip_prefix(name));
            let (Some(name), Some(length)) = (tag("SN:"), tag("LN:")) else {
                return Err(line.error("lacks SN: or LN:, the name or length of a sequence"));
            };
            sequences.add(name, line.position(length, "LN")?);
        }
        if sequences.is_empty() {
            let what = "has no @SQ lines that list the sequences; 'samtools view -h' writes them";
            return Err(Error::data(input.path(), "", what));
        }
        Ok(Sam { sequences: Arc::new(sequences), header_lines })
    }

    /// Parses the read of a line.
    fn read(&self, line: &Line<'_>) -> Result<DecodedRead> {
        let fields: [&str; 11] = first_fields(line.text);
        let [name, flags, sequence, position, quality, cigar, .., last] = fields;
        if last.is_empty() {
            return Err(line.error("has too few columns: SAM has 11 or more, between tabs"));
        }
        let wrong = |what: &str, field: &str| line.error(format!("{what}: '{}'", shortened(field)));
        let flags = flags.parse().map_err(|_| wrong("FLAG (column 2) is not a number", flags))?;
        let quality = quality
            .parse()
            .map_err(|_| wrong("MAPQ (column 5) is not within 0 to 255", quality))?;
        let cigar = match cigar {
            "*" => Vec::new(),
            cigar => {
                operations(cigar).ok_or_else(|| wrong("CIGAR (column 6) is invalid", cigar))?
            }
        };
        let exactly = |at: &usize| *self.sequences.at(*at).name == *sequence;
        let at = match sequence {
            "*" => None,
            name => Some(
                self.sequences
                    .position(name)
                    .filter(exactly)
                    .ok_or_else(|| wrong("RNAME (column 3) is not among the @SQ lines", name))?,
            ),
        };
        // Position 0 means that there is none.
        let start = line.position(position, "POS (column 4)")?.checked_sub(1);
        let name = name.as_bytes().to_vec();
        Ok(DecodedRead { sequence: at, start, flags, quality, name, cigar })
    }
}

/// Parses the operations of a CIGAR; none if it is invalid.
fn operations(cigar: &str) -> Option<Vec<(u32, char)>> {
    let mut operations = Vec::new();
    let mut rest = cigar;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let letter = rest[digits..].chars().next().filter(|c| "MIDNSHP=X".contains(*c))?;
        let length = rest[..digits].parse().ok().filter(|length| *length <= MAX_POSITION)?;
        operations.push((length, letter));
        rest = &rest[digits + 1..];
    }
    Some(operations)
}

impl RowFormat for Sam {
    type Copied = Self;

    fn cache_ending(&self) -> &'static str {
        "sam.bgz"
    }

    fn about(&self) -> About {
        about(self.sequences.clone(), Vec::new())
    }

    fn header_lines(&self) -> usize {
        self.header_lines
    }

    /// Skips reads that are not mapped to a position.
    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let read = self.read(line)?;
        let (Some(sequence), Some(start)) =
            (read.sequence, read.start.filter(|_| read.is_mapped()))
        else {
            return Ok(());
        };
        let strand = if read.is_reverse() { Strand::Reverse } else { Strand::Forward };
        let row = Row { start, end: read.end(), strand, text: line.text };
        emit(self.sequences.at(sequence).name, row)
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let [name, flags, _, _, quality, cigar] = first_fields(row.text);
        // A missing CIGAR becomes empty, as in BAM.
        let cells = [name, quality, flags, if cigar == "*" { "" } else { cigar }];
        columns.iter().for_each(|column| put(cells[*column]));
    }

    /// Returns none: samtools sorts into BAM, which makes the SAM file unnecessary.
    fn index_hint(&self, _: &Input) -> Option<IndexHint> {
        None
    }

    fn copied(self, _: &str) -> Option<Self> {
        Some(self)
    }
}

/// The reads of a sorted copy.
struct Sorted {
    input: Input,
    lines: Lines,
    /// With the sequences in the order of the copy.
    sam: Sam,
    read: Option<DecodedRead>,
    /// The number of reads, and how many have been read.
    rows: u64,
    done: u64,
    size: u64,
}

impl Sorted {
    fn open(input: &Input, copy: &Input, sam: &Sam) -> Result<Self> {
        let (file, _) = Tabix::of_copy(input, copy)?;
        // The copy has its sequences in the order in which the file first names them.
        let mut sequences = Sequences::default();
        let listed = |name: &str| sam.sequences.get(name).map_or(0, |sequence| sequence.length);
        file.names().for_each(|name| sequences.add(name, listed(name)));
        sam.sequences.iter().for_each(|sequence| sequences.add(sequence.name, sequence.length));
        Ok(Sorted {
            input: input.clone(),
            lines: Lines::watched(copy, &Progress::default(), None)?,
            sam: Sam { sequences: Arc::new(sequences), ..sam.clone() },
            read: None,
            rows: file.rows().iter().sum::<u64>().max(1),
            done: 0,
            size: input.size()?,
        })
    }
}

impl Alignments for Sorted {
    type Read = DecodedRead;

    fn sequences(&self) -> &Arc<Sequences> {
        &self.sam.sequences
    }

    fn next(&mut self) -> Result<Option<&DecodedRead>> {
        // A note follows the reads.
        let line = self.lines.next()?.filter(|line| !line.text.is_empty() && self.done < self.rows);
        self.done += 1;
        self.read = line.map(|line| self.sam.read(&line)).transpose()?;
        Ok(self.read.as_ref())
    }

    fn position(&self) -> u64 {
        (self.size as f64 * (self.done as f64 / self.rows as f64)) as u64
    }

    fn damaged(&self, what: &str) -> Error {
        Error::data(self.input.path(), "", what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::source::Spec;
    use crate::source::formats::open_all;

    const TEXT: &str = "@HD\tVN:1.6\n@SQ\tSN:chr2\tLN:1000\n@SQ\tSN:chr1\tLN:500\n\
        b\t16\tchr1\t101\t60\t10M5D10M3S\t*\t0\t0\t*\t*\nu\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tFFFF\n\
        a\t0\tchr1\t91\t7\t15M\t*\t0\t0\t*\t*\nc\t1024\tchr2\t1\t9\t5M\t*\t0\t0\t*\t*\n";

    /// Returns the parts of a file, and its folder.
    fn opened(text: &str, in_memory: u64) -> Result<(Vec<crate::source::Part>, tempfile::TempDir)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sam");
        std::fs::write(&path, text).unwrap();
        let context =
            Context { cache: folder.path().join("cache"), in_memory, ..Context::default() };
        Ok((open_all(&Spec::file(path), &context)?, folder))
    }

    #[test]
    fn reads_in_any_order_are_counted_and_shown() {
        for in_memory in [1 << 20, 0] {
            let (parts, _folder) = opened(TEXT, in_memory).unwrap();
            assert_eq!(
                parts.iter().map(|p| p.companion).collect::<Vec<_>>(),
                [None, Some("reads")]
            );
            let depth = |sequence: &str| {
                let region = Region::new(sequence, 0, 1000);
                let table =
                    parts[0].source.read(&region, Level::Bins { shift: 0 }, &["value"]).unwrap();
                (0..table.len()).map(|row| table.columns[0].data.number(row)).collect::<Vec<_>>()
            };
            let mut truth = vec![0.0; 500];
            truth[90..100].fill(1.0);
            truth[100..105].fill(2.0);
            truth[105..110].fill(1.0);
            truth[115..125].fill(1.0);
            assert_eq!(depth("chr1"), truth);
            assert_eq!(depth("chr2"), vec![0.0; 1000], "duplicates are not counted");
            let columns = ["name", "mapq", "flags", "cigar"];
            let region = Region::new("chr1", 0, 500);
            let table = parts[1].source.read(&region, Level::Records, &columns).unwrap();
            assert_eq!((&table.start[..], &table.end[..]), (&[90, 100][..], &[105, 125][..]));
            assert_eq!(table.strand, [Strand::Forward, Strand::Reverse]);
            assert_eq!(table.column("mapq").unwrap().number(1), 60.0);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |from: &str, to: &str| {
            let error = opened(&TEXT.replace(from, to), 1 << 20).err().unwrap();
            error.to_string()
        };
        assert!(error("10M5D", "10Q5D").contains("line 4: CIGAR (column 6) is invalid: '10Q5D"));
        assert!(error("\t60\t", "\t600\t").contains("line 4: MAPQ"));
        assert!(error("\t16\tchr1", "\tx\tchr1").contains("line 4: FLAG"));
        assert!(
            error("\t16\tchr1", "\t16\tchr3").contains("line 4: RNAME (column 3) is not among")
        );
        assert!(error("\t101\t", "\t-1\t").contains("line 4: POS (column 4) is negative"));
        assert!(error("\tACGT\tFFFF", "").contains("line 5: has too few columns"));
        assert!(error("@SQ", "@CO").contains("samtools view -h"));
    }
}
