//! BCF: the records of VCF in binary (BCF 2.2, VCF 4.3 section 6). A record becomes the line that
//! it would be in VCF, as far as its columns are served; all else is as there.

mod record;

use super::{Header, Variants, about, how_to_index, in_memory};
use crate::error::{Error, Result};
use crate::source::bgzf::Bgzf;
use crate::source::binning::Fields;
use crate::source::indexed::{ByRegion, Flow, Indexed, Row};
use crate::source::input::unreadable;
use crate::source::packed::{Packed, sequences_of};
use crate::source::tabix::Decode;
use crate::source::text::Line;
use crate::source::{Context, Format, Input, Options, Source};
use std::io::{BufRead, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(in crate::source) const FORMAT: Format = Format {
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
struct Whole {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    /// How many records were read.
    records: u64,
}

impl Whole {
    fn open(input: &Input) -> Result<Self> {
        Ok(Whole { path: input.path().into(), reader: input.unpacked()?, records: 0 })
    }

    fn place(&self) -> String {
        format!("after record {}", self.records)
    }
}

impl Bytes for Whole {
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
    let mut whole = Whole::open(input)?;
    let text = header(&mut whole)?;
    let header = Header::parse(&text);
    let variants = Variants { info: header.chosen(input, options.info.as_deref())? };
    let reader = record::Reader::new(&text, &variants.info);
    let Some(file) = Packed::open(input, &["csi"])? else {
        if !context.holds(input)? {
            let (name, how) = (input.path().display(), how_to_index(input));
            tracing::warn!(
                "{name} has no index and is held in memory as a whole; for quick access: {how}"
            );
        }
        return in_memory(input, options, &header, &variants, |take| {
            let (mut bytes, mut line) = (Vec::new(), String::new());
            while site(&mut whole, &mut bytes)? {
                whole.records += 1;
                let at = |text| Line::of_record(text, whole.records, input.path());
                reader.line(&bytes, &mut line).map_err(|what| at("").error(what))?;
                take(&at(&line))?;
            }
            Ok(())
        });
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

/// A file with its index.
struct Bcf {
    file: Packed,
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
