//! BCF: the records of VCF in binary form (BCF 2.2, VCF 4.3 section 6). A record is converted to a
//! line of VCF with the columns that are served, and then handled like VCF.

mod record;

use super::{Header, Variants};
use crate::bytes::Cursor;
use crate::bytes::bgzf::Bgzf;
use crate::bytes::unreadable;
use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::source::io::lines::Line;
use crate::source::rows::format::RowFormat;
use crate::source::rows::indexed::{About, ByRegion, Indexed};
use crate::source::rows::indexed_file::{IndexedFile, sequences_of};
use crate::source::rows::open::open as open_rows;
use crate::source::rows::row::{Emit, Flow, Row};
use crate::source::rows::tabix::IndexHint;
use crate::source::{Context, Format, Options, Skipped, Source};
use std::io::{BufRead, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const FORMAT: Format = Format {
    name: "bcf",
    extensions: &["bcf"],
    about: "as VCF",
    sniff: |head| MAGIC.iter().any(|magic| head.starts_with(magic)),
    open,
};

const MAGIC: [&[u8]; 2] = [b"BCF\x02\x02", b"BCF\x02\x01"];
/// Largest header, in bytes.
const LARGEST_HEADER: usize = 256 << 20;
/// Largest part of a record that describes its site, in bytes.
/// Largest part of a record that describes its site, in bytes.
const LARGEST_SITE: usize = 16 << 20;
/// Longest part of a record that describes its samples, if they are served.
const LARGEST_SAMPLES: usize = 256 << 20;
/// Size of the pieces in which skipped data are read, in bytes.
const PIECE: usize = 1 << 16;

/// A sequential reader of bytes.
trait Bytes {
    /// Does what [`Bgzf::take`] does.
    fn take(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<bool>;

    /// Creates an error at the current position.
    fn damaged(&self, what: &str) -> Error;
}

impl Bytes for Bgzf {
    fn take(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<bool> {
        Bgzf::take(self, bytes, count)
    }

    fn damaged(&self, what: &str) -> Error {
        Bgzf::damaged(self, what)
    }
}

/// A file that is read from its beginning, compressed in any way or uncompressed.
struct BcfStream {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    /// The number of records read so far.
    records: u64,
}

impl BcfStream {
    /// Opens a file and reports the progress of the reading.
    fn open(input: &Input, progress: &Progress) -> Result<Self> {
        Ok(BcfStream { path: input.path().into(), reader: input.watched(progress)?, records: 0 })
    }

    /// Passes the line of each record after the header to `take` until that returns false.
    fn each(
        &mut self,
        reader: &record::RecordReader,
        take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
    ) -> Result<()> {
        let (mut record, mut text, mut more) = (Record::default(), String::new(), true);
        record.with_samples = reader.genotypes;
        while more && record.read(self)? {
            self.records += 1;
            let line = |text| Line::of_record(text, self.records, &self.path);
            let written = reader.line(&record.site, &record.samples, &mut text);
            written.map_err(|what| line("").error(what))?;
            more = take(&line(&text))?;
        }
        Ok(())
    }

    fn place(&self) -> String {
        format!("after record {}", self.records)
    }
}

impl Bytes for BcfStream {
    fn take(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<bool> {
        let read = self.reader.by_ref().take(count as u64).read_to_end(bytes);
        match read.map_err(|error| unreadable(&self.path, &self.place(), error))? {
            read if read == count => Ok(true),
            0 => Ok(false),
            _ => Err(self.damaged("the file ends within a record; is the copy complete?")),
        }
    }

    fn damaged(&self, what: &str) -> Error {
        Error::data(&self.path, self.place(), what)
    }
}

/// Reads the text of the header.
fn header(file: &mut impl Bytes) -> Result<String> {
    let mut bytes = Vec::new();
    if !file.take(&mut bytes, 9)? || !MAGIC.iter().any(|magic| bytes.starts_with(magic)) {
        return Err(file.damaged("is not a BCF file of version 2"));
    }
    let length = u32::from_le_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]) as usize;
    bytes.clear();
    if length > LARGEST_HEADER || !file.take(&mut bytes, length)? {
        return Err(file.damaged("the header has an invalid size"));
    }
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| file.damaged("the header is not UTF-8"))?;
    Ok(text.to_owned())
}

/// A record as it stands in the file.
#[derive(Default)]
struct Record {
    /// What it says of its site.
    site: Vec<u8>,
    /// What it says of samples, if that is wanted.
    samples: Vec<u8>,
    with_samples: bool,
}

impl Record {
    /// Reads the next record; false at the end of the file. What it says of samples is passed over
    /// if it is not wanted.
    fn read(&mut self, file: &mut impl Bytes) -> Result<bool> {
        self.site.clear();
        self.samples.clear();
        if !file.take(&mut self.site, 8)? {
            return Ok(false);
        }
        let mut lengths = Cursor::new(&self.site);
        let (site, samples) = (lengths.u32().unwrap_or(0), lengths.u32().unwrap_or(0));
        let (site, mut samples) = (site as usize, samples as usize);
        if site > LARGEST_SITE || (self.with_samples && samples > LARGEST_SAMPLES) {
            return Err(file.damaged("a record has an invalid size"));
        }
        self.site.clear();
        let mut take = |bytes: &mut _, count| {
            if file.take(bytes, count)? {
                return Ok(());
            }
            Err(file.damaged("the file ends within a record; is the copy complete?"))
        };
        take(&mut self.site, site)?;
        while samples > 0 {
            let piece = samples.min(PIECE);
            take(&mut self.samples, piece)?;
            if !self.with_samples {
                self.samples.clear();
            }
            samples -= piece;
        }
        Ok(true)
    }
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut stream = BcfStream::open(input, &Progress::default())?;
    let text: Arc<str> = header(&mut stream)?.into();
    let variants = Variants::new(Header::parse(&text), input, options)?;
    let genotypes = !variants.samples.is_empty();
    let reader = Arc::new(record::RecordReader::new(&text, &variants.info, genotypes));
    open_rows(Sites { variants, reader, text }, input, options, context)
}

/// The format, in which each record is converted to a line of VCF without samples.
#[derive(Clone)]
struct Sites {
    variants: Variants,
    reader: Arc<record::RecordReader>,
    /// The text of the header.
    text: Arc<str>,
}

impl RowFormat for Sites {
    type Copied = Variants;
    const IS_TEXT: bool = false;

    fn cache_ending(&self) -> &'static str {
        if self.reader.genotypes { "genotypes.bcf.bgz" } else { "bcf.bgz" }
    }

    fn about(&self) -> About {
        self.variants.about()
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        self.variants.parse(line, emit)
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.variants.cells(row, columns, put);
    }

    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        self.variants.index_hint(input)
    }

    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        self.variants.learn(row)
    }

    fn copied(self, note: &str) -> Option<Variants> {
        self.variants.copied(note)
    }

    /// Returns the format with all keys of INFO, since the served keys may change.
    fn for_copy(&self) -> Self {
        let genotypes = self.reader.genotypes;
        let reader = record::RecordReader::new(&self.text, self.variants.header.all(), genotypes);
        Sites { reader: Arc::new(reader), ..self.clone() }
    }

    fn each_line(
        &self,
        input: &Input,
        progress: &Progress,
        _: Option<&Skipped>,
        take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut stream = BcfStream::open(input, progress)?;
        header(&mut stream)?;
        stream.each(&self.reader, take)
    }

    fn indexed(&self, input: &Input, options: &Options) -> Result<Option<Box<dyn Source>>> {
        let Some(file) = IndexedFile::open(input, &["csi"])? else { return Ok(None) };
        let index = &file.index;
        let contigs: Vec<_> = (0..index.len()).filter(|n| !index.has_none(*n)).collect();
        let rows = contigs.iter().map(|n| index.count(*n).unwrap_or(0)).collect();
        let bcf = Bcf { file, sites: self.clone(), contigs };
        let name = |contig: &usize| {
            let what = || format!("the header has no contig number {contig}");
            self.reader.contig(*contig).ok_or_else(|| bcf.file.misfit(&what()))
        };
        let names: Vec<_> = bcf.contigs.iter().map(name).collect::<Result<_>>()?;
        let last = |index: usize| bcf.file.index.last_bin(bcf.contigs[index]);
        let about = self.about();
        let sequences = sequences_of(&bcf, names.into_iter(), &about.sequences, last)?;
        let about = About { sequences: Arc::new(sequences), rows, ..about };
        Ok(Some(Box::new(Indexed::new(bcf, about, options.columns.as_deref())?)))
    }
}

/// A file with its companion index.
struct Bcf {
    file: IndexedFile,
    sites: Sites,
    /// The numbers of the contigs that have records.
    contigs: Vec<usize>,
}

impl ByRegion for Bcf {
    fn path(&self) -> &Path {
        self.file.input.path()
    }

    fn is_counted(&self) -> bool {
        self.file.is_counted()
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let (mut record, mut text) = (Record::default(), String::new());
        record.with_samples = self.sites.reader.genotypes;
        let contig = self.contigs[sequence];
        self.file.each(contig, bases, take, |reader, filter| {
            let at = reader.position();
            if !record.read(reader)? {
                return Err(self.file.misfit("it points beyond the end of the file"));
            }
            let line = |text| Line::at_offset(text, at, self.path());
            let found = self.sites.reader.line(&record.site, &record.samples, &mut text);
            if found.map_err(|what| line("").error(what))? != contig {
                return Err(self.file.misfit("it points to records of another sequence"));
            }
            self.sites.parse(&line(&text), &mut |_, row| filter.row(row))
        })
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.sites.cells(row, columns, put);
    }
}
