//! The structure of a CRAM file: containers of blocks (CRAM specification, sections 6 to 9).
//!
//! Sizes and checksums are checked here, because the library that decodes the records trusts the
//! sizes that it reads.
//!
//! The library also needs the reference sequence, to compare its checksum with the one in each
//! slice and to decode the bases of the reads. Neither is served. A slice may omit that checksum by
//! writing zeros; so zeros are written in its place, and no base of the reference is needed.

use crate::bytes::{Blob, BlobReader, Input, unreadable};
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Sequences};
use flate2::Crc;
use flate2::read::GzDecoder;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

/// Size of the file definition in bytes: magic number, version, identifier.
const DEFINITION: u64 = 26;
/// Largest container and largest decompressed block of real files, in bytes.
const LARGEST: usize = 1 << 28;
/// Largest number of records in a slice of real files.
const MOST_RECORDS: i32 = 1 << 20;
/// Longest header text, in bytes.
const LARGEST_TEXT: u64 = 1 << 26;
/// Sequence and start of the container that marks the end of a file (section 9).
const END: (i32, i32) = (-1, 4_542_278);

/// The error message where no container is found.
const MISFIT: &str = "no intact container begins here; is the copy complete? if the file changed \
                      since it was indexed, index it again";

/// Content types of the blocks that are read.
const FILE_HEADER: u8 = 0;
const SLICE_HEADER: u8 = 2;

/// An open file.
pub(super) struct Cram {
    path: PathBuf,
    io: BufReader<BlobReader>,
    size: u64,
    /// Offset of the last container that was read.
    at: u64,
    /// Offset of the next container.
    next: u64,
    pub(super) sequences: Arc<Sequences>,
}

/// A container of the file.
pub(super) struct Container {
    /// The whole container.
    pub(super) bytes: Vec<u8>,
    /// Size of its header, in bytes.
    head: usize,
    /// The number of the sequence of its reads; -1 for reads without a sequence, -2 for several
    /// sequences.
    pub(super) sequence: i32,
    pub(super) records: u32,
    /// Offsets of its slices from the first block.
    pub(super) landmarks: Vec<usize>,
    ends: bool,
}

/// A block: its compression method, its content type and the range of its data.
struct Block {
    method: u8,
    kind: u8,
    start: usize,
    data: std::ops::Range<usize>,
}

impl Cram {
    /// Opens a file and reads its header; the first container of records is next.
    pub(super) fn open(input: &Input) -> Result<Self> {
        let size = input.size()?;
        let mut cram = Cram {
            path: input.path().into(),
            io: BufReader::new(Blob::open(input)?.reader()),
            size,
            at: 0,
            next: DEFINITION,
            sequences: Arc::default(),
        };
        let mut definition = [0; DEFINITION as usize];
        cram.fill(&mut definition)?;
        match definition {
            [b'C', b'R', b'A', b'M', 3, ..] => {}
            [b'C', b'R', b'A', b'M', major, minor, ..] => {
                let what = format!(
                    "is CRAM {major}.{minor}; only 3.0 and 3.1 are supported: convert it with samtools view -C"
                );
                return Err(Error::data(&cram.path, "", what));
            }
            _ => return Err(cram.damaged("does not begin like a CRAM file")),
        }
        // Some writers leave unused space after the header, which is not a block.
        cram.at = DEFINITION;
        let first = cram.head()?;
        let text = cram.header_text(&first)?;
        cram.sequences = Arc::new(cram.listed_sequences(&text)?);
        Ok(cram)
    }

    /// Moves to the container at an offset.
    pub(super) fn seek(&mut self, offset: u64) -> Result<()> {
        if offset != self.next {
            self.io.seek(SeekFrom::Start(offset)).map_err(|e| Error::io(&self.path, e))?;
            self.next = offset;
        }
        Ok(())
    }

    /// Returns the byte offset up to which the file has been read.
    pub(super) fn position(&self) -> u64 {
        self.next
    }

    /// Creates an error at the current container.
    pub(super) fn damaged(&self, what: &str) -> Error {
        Error::data(&self.path, format!("offset {}", self.at), what)
    }

    /// Reads the next container and prepares its slices for decoding without a reference; none at
    /// the end.
    pub(super) fn container(&mut self) -> Result<Option<Container>> {
        self.at = self.next;
        if self.at >= self.size {
            return Err(self.damaged("the file ends without its end mark; is the copy complete?"));
        }
        let mut container = self.head()?;
        if container.ends {
            return Ok(None);
        }
        self.prepare(&mut container)?;
        Ok(Some(container))
    }

    /// Reads a container and parses its header (section 7).
    fn head(&mut self) -> Result<Container> {
        let mut bytes = vec![0; 4];
        self.fill(&mut bytes)?;
        let length = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let left = self.size.saturating_sub(self.at).min(LARGEST as u64);
        let misfit = self.damaged(MISFIT);
        let mut next = || {
            let mut byte = [0];
            self.fill(&mut byte)?;
            bytes.push(byte[0]);
            Ok::<u8, Error>(byte[0])
        };
        let (sequence, start) = (itf8(&mut next)?, itf8(&mut next)?);
        let (_span, records) = (itf8(&mut next)?, itf8(&mut next)?);
        // The numbers of records and bases before this container.
        ltf8(&mut next)?;
        ltf8(&mut next)?;
        let (blocks, slices) = (itf8(&mut next)?, itf8(&mut next)?);
        // Each slice has at least one byte, so there are at most as many slices as bytes.
        let length = usize::try_from(length).ok().filter(|length| *length as u64 <= left);
        let slices = usize::try_from(slices).ok().filter(|slices| Some(*slices) <= length);
        let (Some(length), Some(slices)) = (length, slices) else { return Err(misfit) };
        let mut landmarks = Vec::new();
        for _ in 0..slices {
            landmarks.push(itf8(&mut next)? as usize);
        }
        let mut sum = [0; 4];
        self.fill(&mut sum)?;
        let intact = checksum(&bytes) == u32::from_le_bytes(sum) && landmarks.is_sorted();
        if !intact || landmarks.last().is_some_and(|last| *last >= length) {
            return Err(misfit);
        }
        bytes.extend(sum);
        let head = bytes.len();
        bytes.resize(head + length, 0);
        self.fill(&mut bytes[head..])?;
        self.next = self.at + bytes.len() as u64;
        let ends = (sequence, start) == END && blocks == 1;
        let records = u32::try_from(records).unwrap_or(0);
        Ok(Container { bytes, head, sequence, records, landmarks, ends })
    }

    /// Checks the blocks of a container and clears the reference checksums of its slices.
    fn prepare(&self, container: &mut Container) -> Result<()> {
        let mut at = container.head;
        while at < container.bytes.len() {
            let block = container.block(at).ok_or_else(|| self.damaged("a block is damaged"))?;
            at = block.data.end + 4;
            if block.kind == SLICE_HEADER && !container.clear_reference(&block) {
                return Err(self.damaged("a slice is damaged"));
            }
        }
        Ok(())
    }

    /// Reads the text of the file's header from its container.
    fn header_text(&self, first: &Container) -> Result<String> {
        let damaged = || self.damaged("the header is damaged");
        let block = first.block(first.head).filter(|block| block.kind == FILE_HEADER);
        let block = block.ok_or_else(damaged)?;
        let compressed = &first.bytes[block.data];
        let mut bytes = Vec::new();
        match block.method {
            0 => bytes.extend_from_slice(compressed),
            1 => {
                let mut decompressed = GzDecoder::new(compressed).take(LARGEST_TEXT);
                let read = decompressed.read_to_end(&mut bytes);
                read.map_err(|error| unreadable(&self.path, "header", error))?;
            }
            _ => return Err(self.damaged("its header has an unsupported compression method")),
        }
        let (length, text) = bytes.split_first_chunk().ok_or_else(damaged)?;
        let length = usize::try_from(i32::from_le_bytes(*length)).ok();
        let text = length.and_then(|length| text.get(..length)).ok_or_else(damaged)?;
        String::from_utf8(text.to_vec()).map_err(|_| damaged())
    }

    /// Parses the sequences that a header lists, in its order.
    fn listed_sequences(&self, text: &str) -> Result<Sequences> {
        let mut sequences = Sequences::default();
        for (index, line) in text.lines().filter(|line| line.starts_with("@SQ\t")).enumerate() {
            let field = |key: &str| line.split('\t').find_map(|field| field.strip_prefix(key));
            let length = field("LN:").and_then(|length| length.parse().ok());
            match (field("SN:"), length.filter(|length| (1..=MAX_POSITION).contains(length))) {
                (Some(name), Some(length)) if sequences.index_or_add(name) == index => {
                    sequences.lengthen(index, length);
                }
                _ => return Err(self.damaged(&format!("the header has an invalid line: {line}"))),
            }
        }
        Ok(sequences)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let read = self.io.read_exact(bytes);
        read.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => {
                self.damaged("the file ends within a container; is the copy complete?")
            }
            _ => Error::io(&self.path, error),
        })
    }
}

impl Container {
    /// Parses the block at `start`; none if it is incomplete or damaged.
    fn block(&self, start: usize) -> Option<Block> {
        let mut at = start;
        let mut next = || {
            at += 1;
            self.bytes.get(at - 1).copied().ok_or(())
        };
        let (method, kind) = (next().ok()?, next().ok()?);
        let (_id, compressed) = (itf8(&mut next).ok()?, itf8(&mut next).ok()?);
        let decompressed = itf8(&mut next).ok()?;
        usize::try_from(decompressed).ok().filter(|size| *size <= LARGEST)?;
        let data = at..at.checked_add(usize::try_from(compressed).ok()?)?;
        let sum = self.bytes.get(data.end..)?.first_chunk()?;
        let intact = checksum(&self.bytes[start..data.end]) == u32::from_le_bytes(*sum);
        intact.then_some(Block { method, kind, start, data })
    }

    /// Writes zeros over the reference checksum in a slice's header (section 8.5). Returns false if
    /// the header is invalid.
    fn clear_reference(&mut self, block: &Block) -> bool {
        let mut at = block.data.start;
        let mut next = || {
            at += 1;
            self.bytes[..block.data.end].get(at - 1).copied().ok_or(())
        };
        let mut skip = || -> Result<i32, ()> {
            let (_sequence, _start, _span) = (itf8(&mut next)?, itf8(&mut next)?, itf8(&mut next)?);
            let records = itf8(&mut next)?;
            ltf8(&mut next)?;
            let _blocks = itf8(&mut next)?;
            for _ in 0..itf8(&mut next)? {
                itf8(&mut next)?;
            }
            let _embedded = itf8(&mut next)?;
            Ok(records)
        };
        let records = skip();
        // No writer compresses so few bytes.
        let raw = block.method == 0 && records.is_ok_and(|n| (0..=MOST_RECORDS).contains(&n));
        let Some(sum) = self.bytes[..block.data.end].get_mut(at..at + 16).filter(|_| raw) else {
            return false;
        };
        sum.fill(0);
        let sum = checksum(&self.bytes[block.start..block.data.end]).to_le_bytes();
        self.bytes[block.data.end..block.data.end + 4].copy_from_slice(&sum);
        true
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Reads a 32-bit number of one to five bytes (section 2.3).
fn itf8<E>(next: &mut impl FnMut() -> Result<u8, E>) -> Result<i32, E> {
    let first = next()?;
    let more = first.leading_ones().min(4);
    let mut number = u32::from(first) & (0xff >> more >> u32::from(more < 4));
    for index in 0..more {
        let byte = u32::from(next()?);
        // Only half of the fifth byte is used.
        number = if index == 3 { number << 4 | byte & 0xf } else { number << 8 | byte };
    }
    Ok(number as i32)
}

/// Skips a 64-bit number of one to nine bytes (section 2.3).
fn ltf8<E>(next: &mut impl FnMut() -> Result<u8, E>) -> Result<(), E> {
    (0..next()?.leading_ones()).try_for_each(|_| next().map(drop))
}
