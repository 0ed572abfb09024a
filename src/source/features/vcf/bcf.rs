//! BCF: the records of VCF in binary (BCF 2.2, VCF 4.3 section 6). A record becomes the line that
//! it would be in VCF, as far as its columns are served; all else is as there.

mod record;

use super::{Checked, Header, Variants, about, by_region, in_memory, index_hint};
use crate::bytes::bgzf::Bgzf;
use crate::bytes::unreadable;
use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::source::io::bin_index::Fields;
use crate::source::io::lines::Line;
use crate::source::rows::background::{PREVIEW_ROWS, Preview, open_in_background};
use crate::source::rows::indexed::{ByRegion, Flow, Indexed, Row};
use crate::source::rows::indexed_file::{IndexedFile, sequences_of};
use crate::source::rows::sorted_copy::{self, Take, ToCopy};
use crate::source::rows::tabix::{Decode, Tabix};
use crate::source::{Context, Format, Options, Source};
use std::io::{BufRead, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) const FORMAT: Format = Format {
    name: "bcf",
    extensions: &["bcf"],
    about: "as VCF",
    sniff: |head| MAGIC.iter().any(|magic| head.starts_with(magic)),
    open,
};

const MAGIC: [&[u8]; 2] = [b"BCF\x02\x02", b"BCF\x02\x01"];
/// No header is longer, nor what a record says of its site.
const LARGEST_HEADER: usize = 256 << 20;
const LARGEST_SITE: usize = 16 << 20;
/// What is passed over is read in pieces of so many bytes.
const PIECE: usize = 1 << 16;

/// Bytes that are read one after the other.
trait Bytes {
    /// As [`Bgzf::take`].
    fn take(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<bool>;

    /// An error where it stands.
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

/// A file from its beginning on, packed in any way or not at all.
struct BcfStream {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    /// How many records were read.
    records: u64,
}

impl BcfStream {
    /// Opens the file, and tells how far it is read.
    fn open(input: &Input, progress: &Progress) -> Result<Self> {
        Ok(BcfStream { path: input.path().into(), reader: input.watched(progress)?, records: 0 })
    }

    /// Gives `take` the line of each record, behind the header, until it says that this is enough.
    fn each(
        &mut self,
        reader: &record::Reader,
        take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
    ) -> Result<()> {
        let (mut bytes, mut text, mut more) = (Vec::new(), String::new(), true);
        while more && site(self, &mut bytes)? {
            self.records += 1;
            let line = |text| Line::of_record(text, self.records, &self.path);
            reader.line(&bytes, &mut text).map_err(|what| line("").error(what))?;
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

/// Reads the header's text.
fn header(file: &mut impl Bytes) -> Result<String> {
    let mut bytes = Vec::new();
    if !file.take(&mut bytes, 9)? || !MAGIC.iter().any(|magic| bytes.starts_with(magic)) {
        return Err(file.damaged("is no BCF file of version 2"));
    }
    let length = u32::from_le_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]) as usize;
    bytes.clear();
    if length > LARGEST_HEADER || !file.take(&mut bytes, length)? {
        return Err(file.damaged("the header has an impossible size"));
    }
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| file.damaged("the header is not UTF-8"))?;
    Ok(text.to_owned())
}

/// Reads what the next record says of its site; false at the end of the file. What it says of
/// samples is passed over.
fn site(file: &mut impl Bytes, bytes: &mut Vec<u8>) -> Result<bool> {
    bytes.clear();
    if !file.take(bytes, 8)? {
        return Ok(false);
    }
    let mut lengths = Fields(bytes);
    let (site, samples) = (lengths.u32().unwrap_or(0), lengths.u32().unwrap_or(0));
    let (site, mut samples) = (site as usize, samples as usize);
    if site > LARGEST_SITE {
        return Err(file.damaged("a record has an impossible size"));
    }
    bytes.clear();
    let mut take = |bytes: &mut _, count| match file.take(bytes, count)? {
        true => Ok(()),
        false => Err(file.damaged("the file ends within a record; is the copy complete?")),
    };
    take(bytes, site)?;
    while samples > 0 {
        let piece = samples.min(PIECE);
        take(bytes, piece)?;
        bytes.truncate(site);
        samples -= piece;
    }
    Ok(true)
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut whole = BcfStream::open(input, &Progress::default())?;
    let text = header(&mut whole)?;
    let header = Header::parse(&text);
    let variants = Variants { info: header.chosen(input, options.info.as_deref())? };
    let reader = record::Reader::new(&text, &variants.info);
    let Some(file) = IndexedFile::open(input, &["csi"])? else {
        return unindexed(input, options, context, &text, &header, &variants);
    };
    let mut bcf = Bcf { file, variants, reader, contigs: Vec::new() };
    let index = &bcf.file.index;
    bcf.contigs = (0..index.sequences.len()).filter(|n| !index.sequences[*n].is_empty()).collect();
    let rows = bcf.contigs.iter().map(|n| index.sequences[*n].count.unwrap_or(0)).collect();
    let name = |contig: &usize| {
        let what = || format!("the header has no contig of number {contig}");
        bcf.reader.contig(*contig).ok_or_else(|| bcf.file.misfit(&what()))
    };
    let names: Vec<_> = bcf.contigs.iter().map(name).collect::<Result<_>>()?;
    let last = |index: usize| bcf.file.index.last_bin(bcf.contigs[index]);
    let sequences = sequences_of(&bcf, names.into_iter(), &header.sequences, last)?;
    let about = about(&header, sequences, rows, bcf.variants.columns());
    Ok(Box::new(Indexed::new(bcf, about, options.columns.as_deref())?))
}

/// A file without an index: in memory, or by region from a copy in the cache, which is VCF.
fn unindexed(
    input: &Input,
    options: &Options,
    context: &Context,
    text: &str,
    head: &Header,
    variants: &Variants,
) -> Result<Box<dyn Source>> {
    let reader = record::Reader::new(text, &variants.info);
    let held = |progress: &Progress, most: usize| {
        let mut whole = BcfStream::open(input, progress)?;
        header(&mut whole)?;
        in_memory(input, options, head, variants, |take| {
            let mut count = 0;
            whole.each(&reader, &mut |line| {
                count += 1;
                take(line).map(|()| count < most)
            })
        })
    };
    if context.holds(input)? {
        return held(&context.progress, usize::MAX);
    }
    let (of, options_of, stated) = (input.clone(), options.clone(), head.clone());
    let rows =
        Sites { checked: Checked(variants.clone()), reader: record::Reader::new(text, head.all()) };
    let decode = variants.clone();
    let preview = || Ok(Preview::of(&*held(&Progress::default(), PREVIEW_ROWS)?));
    open_in_background(input, context, preview, move |context| {
        let copy = sorted_copy::copy(&of, context, "bcf.bgz", rows, Some(&index_hint(&of)))?;
        by_region(Tabix::of_copy(&of, &copy, |_| Some(decode))?, &stated, &options_of)
    })
}

/// Records on their way into a copy, with all keys of INFO: which are served may change.
struct Sites {
    checked: Checked,
    reader: record::Reader,
}

impl ToCopy for Sites {
    fn rows(&mut self, line: &Line<'_>, take: &mut Take<'_>) -> Result<()> {
        self.checked.rows(line, take)
    }

    fn each(
        &mut self,
        input: &Input,
        progress: &Progress,
        take: &mut dyn FnMut(&str, Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut whole = BcfStream::open(input, progress)?;
        header(&mut whole)?;
        let checked = &mut self.checked;
        whole.each(&self.reader, &mut |line| {
            let mut more = true;
            checked.rows(line, &mut |name, row| {
                more = take(name, row)?;
                Ok(())
            })?;
            Ok(more)
        })
    }
}

/// A file with its index.
struct Bcf {
    file: IndexedFile,
    variants: Variants,
    reader: record::Reader,
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
        let (mut bytes, mut text) = (Vec::new(), String::new());
        let contig = self.contigs[sequence];
        self.file.each(contig, bases, take, |reader, offer| {
            let at = reader.position();
            if !site(reader, &mut bytes)? {
                return Err(self.file.misfit("it leads behind the end of the file"));
            }
            let line = |text| Line::at_offset(text, at, self.path());
            let found = self.reader.line(&bytes, &mut text);
            if found.map_err(|what| line("").error(what))? != contig {
                return Err(self.file.misfit("records of another sequence lie where it leads"));
            }
            offer.row(self.variants.row(&line(&text))?.1)
        })
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.variants.fields(row, columns, put);
    }
}
