//! The letters of FASTA files, plain or compressed by bgzip.

use crate::bytes::bgzf::Bgzf;
use crate::bytes::{Blob, Cursor, Input};
use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Sequences};
use crate::source::Context;
use crate::source::io::cache;
use std::fs;
use std::io::Write;
use std::ops::Range;

/// Number of bytes of a plain file that are read at once.
const CHUNK: usize = 1 << 16;
/// Length of the longest line with a name.
const LONGEST_NAME: usize = 1 << 20;

/// A base of a sequence and the offset of its letter: of the byte in a plain file, or the virtual
/// offset in a BGZF file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    base: u32,
    offset: u64,
}

/// The letters of a FASTA file, plain or compressed by bgzip.
pub(super) struct TextLetters {
    blob: Blob,
    packed: bool,
    places: Places,
}

/// Where letters of each sequence are: of the first one, and of one in each chunk of the file.
#[derive(Debug, Default, PartialEq)]
struct Places {
    points: Vec<Point>,
    /// The number of the first point of each sequence.
    first: Vec<u32>,
}

impl Places {
    /// Returns the last point at or before a base.
    fn before(&self, sequence: usize, base: u32) -> Point {
        let end = self.first.get(sequence + 1).map_or(self.points.len(), |first| *first as usize);
        let own = &self.points[self.first[sequence] as usize..end];
        own[own.partition_point(|point| point.base <= base).saturating_sub(1)]
    }
}

impl TextLetters {
    /// Opens the file; where its letters are comes from the cache, or from reading all of it.
    pub(super) fn open(
        input: &Input,
        packed: bool,
        context: &Context,
    ) -> Result<(Sequences, Self)> {
        let blob = Blob::open(input)?;
        let mut made = None;
        let entry = cache::entry(input, context, "bases", |mut out| {
            let scanned = scan(&blob, packed, context, input)?;
            let saved = out.write_all(&saved(&scanned.0, &scanned.1)).and_then(|()| out.flush());
            made = Some(scanned);
            saved.map_err(|error| cache::unwritable(context, &error))
        })?;
        let known = || loaded(&fs::read(&entry).ok()?);
        let (sequences, places) = match made.or_else(known) {
            Some(known) => known,
            // The entry was removed or damaged in the meantime.
            None => scan(&blob, packed, context, input)?,
        };
        Ok((sequences, TextLetters { blob, packed, places }))
    }

    pub(super) fn read(&self, sequence: usize, bases: Range<u32>) -> Result<Vec<u8>> {
        let Point { base, offset } = self.places.before(sequence, bases.start);
        let mut chunks = Chunks::from(&self.blob, self.packed, offset);
        let (mut at, mut is_comment, mut bytes) = (base, false, Vec::new());
        let mut letters = Vec::with_capacity(bases.len());
        while at < bases.end {
            let Some(offset) = chunks.next(&mut bytes)? else {
                return Err(Error::data(self.blob.path(), "", "ends early; did it change?"));
            };
            for byte in &bytes {
                match byte {
                    b'\n' => is_comment = false,
                    _ if is_comment => {}
                    b';' => is_comment = true,
                    b'>' => {
                        let place = format!("offset {offset}");
                        let what = "a sequence ends early; did the file change?";
                        return Err(Error::data(self.blob.path(), place, what));
                    }
                    byte if byte.is_ascii_whitespace() => {}
                    letter => {
                        if at >= bases.start {
                            letters.push(*letter);
                        }
                        at += 1;
                        if at == bases.end {
                            break;
                        }
                    }
                }
            }
        }
        Ok(letters)
    }
}

/// Chunks of a file, decompressed.
enum Chunks<'a> {
    Plain { blob: &'a Blob, at: u64 },
    Packed(Box<Bgzf>, Option<u64>),
}

impl<'a> Chunks<'a> {
    fn from(blob: &'a Blob, packed: bool, offset: u64) -> Self {
        if packed {
            Chunks::Packed(Box::new(Bgzf::of(blob.clone())), Some(offset))
        } else {
            Chunks::Plain { blob, at: offset }
        }
    }

    /// Reads the next chunk. Returns the offset of its first byte; none at the end of the file.
    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<u64>> {
        match self {
            Chunks::Plain { blob, at } => {
                bytes.resize(CHUNK, 0);
                let (offset, count) = (*at, blob.read_at(*at, bytes)?);
                bytes.truncate(count);
                *at += count as u64;
                Ok((count > 0).then_some(offset))
            }
            Chunks::Packed(file, to) => {
                if let Some(offset) = to.take() {
                    file.seek(offset)?;
                }
                let count = file.rest()?.len();
                let offset = file.position();
                bytes.clear();
                file.take(bytes, count)?;
                Ok((count > 0).then_some(offset))
            }
        }
    }
}

/// What a line of FASTA is.
#[derive(Clone, Copy, PartialEq)]
enum LineKind {
    Unknown,
    Name,
    Comment,
    Letters,
}

/// Finds the letters of all sequences by reading the whole file.
fn scan(
    blob: &Blob,
    packed: bool,
    context: &Context,
    input: &Input,
) -> Result<(Sequences, Places)> {
    let mut scan = Scan::default();
    let (mut kind, mut bytes) = (LineKind::Unknown, Vec::new());
    let mut chunks = Chunks::from(blob, packed, 0);
    while let Some(offset) = chunks.next(&mut bytes)? {
        let done = if packed { offset >> 16 } else { offset };
        context.progress.report(input.path(), done as f64 / blob.size().max(1) as f64);
        scan.is_new_chunk = true;
        let mut at = 0;
        while at < bytes.len() {
            if kind == LineKind::Unknown {
                kind = match bytes[at] {
                    b'>' => LineKind::Name,
                    b';' => LineKind::Comment,
                    _ => LineKind::Letters,
                };
                if kind == LineKind::Name {
                    scan = Scan { name: Vec::new(), current: None, length: 0, ..scan };
                }
            }
            let end = memchr::memchr(b'\n', &bytes[at..]).map(|end| at + end);
            let piece = &bytes[at..end.unwrap_or(bytes.len())];
            let added = match kind {
                LineKind::Name => scan.add_to_name(piece),
                LineKind::Letters => scan.add_letters(piece, offset + at as u64),
                LineKind::Comment | LineKind::Unknown => Ok(()),
            };
            added.map_err(|what| Error::data(blob.path(), "", what))?;
            if end.is_some() {
                kind = LineKind::Unknown;
            }
            at = end.map_or(bytes.len(), |end| end + 1);
        }
    }
    context.progress.done(input.path());
    Ok((scan.sequences, scan.places))
}

/// The state of a scan. Sequences without letters are left out.
#[derive(Default)]
struct Scan {
    sequences: Sequences,
    places: Places,
    /// The last line with a name.
    name: Vec<u8>,
    /// The sequence with that name, if it has letters.
    current: Option<usize>,
    length: u32,
    /// Whether the current chunk of the file has no point yet.
    is_new_chunk: bool,
}

impl Scan {
    fn add_to_name(&mut self, piece: &[u8]) -> Result<(), String> {
        self.name.extend_from_slice(piece);
        if self.name.len() > LONGEST_NAME {
            return Err("the line of a name is longer than a million bytes".to_owned());
        }
        Ok(())
    }

    /// Adds a piece of a line of letters, which begins at that offset.
    fn add_letters(&mut self, piece: &[u8], offset: u64) -> Result<(), String> {
        let count = piece.iter().filter(|byte| !byte.is_ascii_whitespace()).count();
        if count == 0 {
            return Ok(());
        }
        let sequence = match self.current {
            Some(sequence) => sequence,
            None => self.begin()?,
        };
        if self.is_new_chunk || self.length == 0 {
            self.places.points.push(Point { base: self.length, offset });
            self.is_new_chunk = false;
        }
        let length = u64::from(self.length) + count as u64;
        self.length = u32::try_from(length)
            .ok()
            .filter(|length| *length <= MAX_POSITION)
            .ok_or("a sequence is longer than 2,147,483,647 bases")?;
        self.sequences.lengthen(sequence, self.length);
        Ok(())
    }

    /// Begins the sequence of the last name.
    fn begin(&mut self) -> Result<usize, String> {
        let line = String::from_utf8_lossy(self.name.get(1..).unwrap_or_default());
        let name = line.split_ascii_whitespace().next().ok_or("a sequence has no name")?;
        let known = self.sequences.len();
        let sequence = self.sequences.index_or_add(name);
        if sequence < known {
            return Err(format!("'{name}' appears twice"));
        }
        self.places.first.push(self.places.points.len() as u32);
        self.current = Some(sequence);
        Ok(sequence)
    }
}

/// Returns the sequences and places as the cache keeps them.
fn saved(sequences: &Sequences, places: &Places) -> Vec<u8> {
    let mut bytes = (sequences.len() as u32).to_le_bytes().to_vec();
    for (sequence, first) in sequences.iter().zip(&places.first) {
        bytes.extend((sequence.name.len() as u32).to_le_bytes());
        bytes.extend(sequence.name.as_bytes());
        bytes.extend(sequence.length.to_le_bytes());
        bytes.extend(first.to_le_bytes());
    }
    for point in &places.points {
        bytes.extend(point.base.to_le_bytes());
        bytes.extend(point.offset.to_le_bytes());
    }
    bytes
}

/// Does the reverse of [`saved`]; none if the bytes are not whole.
fn loaded(bytes: &[u8]) -> Option<(Sequences, Places)> {
    let mut bytes = Cursor::new(bytes);
    let count = bytes.u32()?;
    let (mut sequences, mut places) = (Sequences::default(), Places::default());
    for _ in 0..count {
        let length = bytes.u32()? as usize;
        let name = str::from_utf8(bytes.take(length)?).ok()?;
        let sequence = sequences.index_or_add(name);
        sequences.lengthen(sequence, bytes.u32()?);
        places.first.push(bytes.u32()?);
    }
    while !bytes.rest().is_empty() {
        places.points.push(Point { base: bytes.u32()?, offset: bytes.u64()? });
    }
    let ends = places.first.iter().skip(1).copied().chain([places.points.len() as u32]);
    let is_whole = places.first.iter().zip(ends).all(|(first, end)| *first < end);
    (is_whole && sequences.len() == places.first.len()).then_some((sequences, places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cache_keeps_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.fa");
        let long = "ACGTACGTAC\n".repeat(20_000);
        fs::write(&path, format!(">a\n{long}>empty\n>b more words\r\nNNAC\r\nGT\r\n")).unwrap();
        let input = Input::File(path);
        let blob = Blob::open(&input).unwrap();
        let (sequences, places) = scan(&blob, false, &Context::default(), &input).unwrap();
        let lengths: Vec<_> = sequences.iter().map(|s| (s.name.to_owned(), s.length)).collect();
        assert_eq!(lengths, [("a".to_owned(), 200_000), ("b".to_owned(), 6)]);
        assert_eq!(places.points.len(), 5, "one for each chunk of a, one for b");
        let bytes = saved(&sequences, &places);
        let (known, again) = loaded(&bytes).unwrap();
        assert_eq!((known.len(), &again), (2, &places));
        assert!(loaded(&bytes[..bytes.len() - 1]).is_none());
        let text = TextLetters { blob, packed: false, places };
        assert_eq!(text.read(1, 1..5).unwrap(), b"NACG");
        assert_eq!(text.read(0, 131_069..131_073).unwrap(), b"CACG");
    }
}
