//! GC content of sequences (FASTA, 2bit): the percentage of G and C among the known bases, in
//! windows of 128 bases; converted once to a bigWig in the cache. Windows without known bases have
//! no value.

use super::bigwig;
use crate::bytes::{Input, ReadSeek, unreadable};
use crate::error::{Error, Result};
use crate::genome::MAX_POSITION;
use crate::source::io::bbi::write::{Refused, Writer};
use crate::source::io::cache;
use crate::source::rows::background::open_in_background;
use crate::source::{Context, Format, Missing, Options, Source};
use std::fs::File;
use std::io::{BufRead, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;

pub(crate) const FASTA: Format = Format {
    name: "fasta",
    extensions: &["fa", "fasta", "fna"],
    about: "a line: GC content in percent, made once and kept in the cache",
    sniff: |head| {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.lines().skip_while(|line| line.starts_with(';') || line.is_empty());
        let is_letters = |line: &str| {
            !line.is_empty() && line.bytes().all(|b| b.is_ascii_alphabetic() || b"-*".contains(&b))
        };
        lines.next().is_some_and(|line| line.starts_with('>'))
            && lines.find(|line| !line.starts_with('>')).is_none_or(is_letters)
    },
    open: |input, options, context| open(input, options, context, fasta),
};

pub(crate) const TWO_BIT: Format = Format {
    name: "2bit",
    extensions: &["2bit"],
    about: "as FASTA",
    sniff: |head| {
        head.starts_with(&SIGNATURE.to_le_bytes()) || head.starts_with(&SIGNATURE.to_be_bytes())
    },
    open: |input, options, context| open(input, options, context, two_bit),
};

const SIGNATURE: u32 = 0x1a41_2743;
/// Length of a window in bases.
const WINDOW: u32 = 128;

type Fill = fn(&Input, &Context, &mut Windows<'_>) -> Result<()>;

fn open(
    input: &Input,
    options: &Options,
    context: &Context,
    fill: Fill,
) -> Result<Box<dyn Source>> {
    let (file, asked) = (input.clone(), options.clone());
    // The preview has no records; `Auto` would take that for points.
    let missing = match options.missing {
        Missing::Auto => Missing::Zero,
        asked => asked,
    };
    let preview = || Ok(bigwig::First::default().preview(missing));
    open_in_background(input, context, preview, move |context| {
        let make = |out| {
            let mut windows = Windows::new(&file, context, out)?;
            fill(&file, context, &mut windows)?;
            windows.finish()
        };
        let entry = cache::entry(&file, context, "gc.bw", make)?;
        bigwig::open(&Input::File(entry), &asked, context)
    })
}

/// The windows of the current sequence, and the file to which they are written.
struct Windows<'a> {
    input: &'a Input,
    context: &'a Context,
    writer: Writer<BufWriter<File>>,
    /// Whether no sequence with bases was written yet.
    is_empty: bool,
    name: Option<String>,
    length: u32,
    /// Known bases of the current window, and how many of them are G or C.
    known: u32,
    strong: u32,
    done: Vec<f32>,
}

impl<'a> Windows<'a> {
    fn new(input: &'a Input, context: &'a Context, out: BufWriter<File>) -> Result<Self> {
        let writer = Writer::new(out).map_err(|error| cache::unwritable(context, &error))?;
        Ok(Windows {
            input,
            context,
            writer,
            is_empty: true,
            name: None,
            length: 0,
            known: 0,
            strong: 0,
            done: Vec::new(),
        })
    }

    /// Begins a sequence.
    fn begin(&mut self, name: &str) -> Result<()> {
        self.end()?;
        if name.is_empty() {
            return Err(Error::data(self.input.path(), "", "a sequence has no name"));
        }
        self.name = Some(name.to_owned());
        Ok(())
    }

    /// Adds the next letter of the sequence.
    fn add(&mut self, letter: u8) -> Result<()> {
        if self.length == MAX_POSITION {
            return Err(Error::data(
                self.input.path(),
                "",
                "a sequence is longer than 2,147,483,647 bases",
            ));
        }
        match letter.to_ascii_uppercase() {
            b'G' | b'C' | b'S' => (self.known, self.strong) = (self.known + 1, self.strong + 1),
            b'A' | b'T' | b'U' | b'W' => self.known += 1,
            _ => {}
        }
        self.length += 1;
        if self.length.is_multiple_of(WINDOW) {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        self.done.push(100.0 * self.strong as f32 / self.known as f32);
        (self.known, self.strong) = (0, 0);
    }

    /// Writes the windows of the sequence, if it has any bases.
    fn end(&mut self) -> Result<()> {
        let Some(name) = self.name.take().filter(|_| self.length > 0) else { return Ok(()) };
        self.is_empty = false;
        if !self.length.is_multiple_of(WINDOW) {
            self.close();
        }
        let (input, context) = (self.input, self.context);
        let refused = |refused| match refused {
            Refused::Order => Error::data(input.path(), "", format!("'{name}' appears twice")),
            Refused::Io(error) => cache::unwritable(context, &error),
        };
        self.writer.begin(&name, self.length).map_err(refused)?;
        for (start, value) in (0..).step_by(WINDOW as usize).zip(self.done.drain(..)) {
            if !value.is_nan() {
                let end = (start + WINDOW).min(self.length);
                self.writer.add_here(start, end, value).map_err(refused)?;
            }
        }
        self.length = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.end()?;
        if self.is_empty {
            return Err(Error::data(self.input.path(), "", "has no sequence with bases"));
        }
        let written = self.writer.finish().and_then(|mut out| out.flush());
        written.map_err(|error| cache::unwritable(self.context, &error))
    }
}

/// Reads a FASTA file; a sequence may be one long line.
fn fasta(input: &Input, context: &Context, windows: &mut Windows<'_>) -> Result<()> {
    let mut reader = input.watched(&context.progress)?;
    let failed = |error| unreadable(input.path(), "", error);
    let (mut name, mut line) = (Vec::new(), 1u64);
    let mut is_start = true;
    loop {
        let piece = reader.fill_buf().map_err(failed)?;
        let Some(first) = piece.first() else { return Ok(()) };
        if is_start && matches!(first, b'>' | b';') {
            let is_name = *first == b'>';
            name.clear();
            reader.by_ref().take(1 << 20).read_until(b'\n', &mut name).map_err(failed)?;
            if is_name {
                let text = String::from_utf8_lossy(&name[1..]).into_owned();
                windows.begin(text.split_ascii_whitespace().next().unwrap_or_default())?;
            }
            line += 1;
            continue;
        }
        let end = memchr::memchr(b'\n', piece);
        let letters = &piece[..end.unwrap_or(piece.len())];
        for letter in letters.iter().filter(|letter| !letter.is_ascii_whitespace()) {
            let wrong = match (windows.name.is_some(), letter) {
                (false, _) => Some("there are letters before the first name ('>')"),
                (true, letter) if b"EFIJLOPQZ".contains(&letter.to_ascii_uppercase()) => {
                    Some("has a letter of proteins; only sequences of nucleotides are served")
                }
                (true, letter) if letter.is_ascii_alphabetic() || b"-*.".contains(letter) => None,
                (true, _) => Some("is not a letter of a sequence"),
            };
            if let Some(wrong) = wrong {
                return Err(Error::data(input.path(), format!("line {line}"), wrong));
            }
            windows.add(*letter)?;
        }
        (is_start, line) = (end.is_some(), line + u64::from(end.is_some()));
        let taken = end.map_or(piece.len(), |end| end + 1);
        reader.consume(taken);
    }
}

/// Reads a 2bit file (UCSC, "twoBit format"), version 0 or 1, in either byte order.
fn two_bit(input: &Input, context: &Context, windows: &mut Windows<'_>) -> Result<()> {
    let (mut file, index) = TwoBit::open(input, input.open()?)?;
    for (name, offset) in index {
        context.progress.report(input.path(), file.at as f64 / file.size.max(1) as f64);
        windows.begin(&name)?;
        file.seek(offset)?;
        let length = file.number()?;
        let unknown = file.blocks()?;
        file.blocks()?;
        file.number()?;
        let (mut at, mut blocks) = (0u32, unknown.into_iter().peekable());
        while at < length {
            let bases = (length - at).min(1 << 20);
            for byte in file.bytes(bases.div_ceil(4) as usize)? {
                for shift in [6, 4, 2, 0] {
                    if at == length {
                        break;
                    }
                    while blocks.next_if(|block| block.end <= at).is_some() {}
                    let is_unknown = blocks.peek().is_some_and(|block| block.start <= at);
                    let letter = b"TCAG"[usize::from(byte >> shift & 3)];
                    windows.add(if is_unknown { b'N' } else { letter })?;
                    at += 1;
                }
            }
        }
    }
    context.progress.done(input.path());
    Ok(())
}

/// A 2bit file (UCSC, "twoBit format"), version 0 or 1, in either byte order.
pub(crate) struct TwoBit<'a> {
    input: &'a Input,
    file: Box<dyn ReadSeek>,
    /// Whether numbers are big-endian.
    swapped: bool,
    at: u64,
    size: u64,
}

impl<'a> TwoBit<'a> {
    /// Reads the version, and the number of sequences.
    pub(crate) fn head(input: &'a Input, file: Box<dyn ReadSeek>) -> Result<(Self, [u32; 2])> {
        let mut file = TwoBit { input, file, swapped: false, at: 0, size: input.size()? };
        file.swapped = file.number()? != SIGNATURE;
        let numbers = [file.number()?, file.number()?];
        file.number()?;
        if numbers[0] > 1 {
            return Err(file.damaged("has an unknown version"));
        }
        Ok((file, numbers))
    }

    /// Reads the names of all sequences, and the offsets of their records.
    pub(crate) fn open(
        input: &'a Input,
        file: Box<dyn ReadSeek>,
    ) -> Result<(Self, Vec<(String, u64)>)> {
        let (mut file, [version, count]) = Self::head(input, file)?;
        let mut index = Vec::new();
        for _ in 0..count {
            let length = usize::from(file.bytes(1)?[0]);
            let name = String::from_utf8_lossy(&file.bytes(length)?).into_owned();
            let low = u64::from(file.number()?);
            let offset = match (version, file.swapped) {
                (0, _) => low,
                (_, false) => low | u64::from(file.number()?) << 32,
                (_, true) => low << 32 | u64::from(file.number()?),
            };
            index.push((name, offset));
        }
        Ok((file, index))
    }

    /// Returns the number of bases of the sequence whose record is at that offset.
    pub(crate) fn length(&mut self, offset: u64) -> Result<u32> {
        self.seek(offset)?;
        self.number()
    }

    /// Returns letters of the sequence whose record is at that offset.
    pub(crate) fn letters(&mut self, offset: u64, bases: Range<u32>) -> Result<Vec<u8>> {
        self.seek(offset + 4)?;
        let unknown = self.blocks()?;
        let masked = u64::from(self.number()?);
        self.seek(self.at + 8 * masked + 4 + u64::from(bases.start / 4))?;
        let bytes = self.bytes((bases.end.div_ceil(4) - bases.start / 4) as usize)?;
        let mut blocks = unknown.into_iter().peekable();
        let letter = |base: u32| {
            while blocks.next_if(|block| block.end <= base).is_some() {}
            if blocks.peek().is_some_and(|block| block.start <= base) {
                return b'N';
            }
            let byte = bytes[(base / 4 - bases.start / 4) as usize];
            b"TCAG"[usize::from(byte >> (6 - 2 * (base % 4)) & 3)]
        };
        Ok(bases.clone().map(letter).collect())
    }

    fn damaged(&self, what: &str) -> Error {
        Error::data(self.input.path(), format!("offset {}", self.at), what)
    }

    fn seek(&mut self, offset: u64) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(offset))
            .map_err(|error| Error::io(self.input.path(), error))?;
        self.at = offset;
        Ok(())
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        // A damaged file may give any count.
        if count as u64 > self.size.saturating_sub(self.at) {
            return Err(self.damaged("the file ends early; is the copy complete?"));
        }
        let mut bytes = vec![0; count];
        self.file.read_exact(&mut bytes).map_err(|error| Error::io(self.input.path(), error))?;
        self.at += count as u64;
        Ok(bytes)
    }

    fn numbers(&mut self, count: u32) -> Result<Vec<u32>> {
        let bytes = self.bytes((count as usize).saturating_mul(4))?;
        let swapped = self.swapped;
        let number = |b: &[u8]| {
            let number = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            if swapped { number.swap_bytes() } else { number }
        };
        Ok(bytes.chunks_exact(4).map(number).collect())
    }

    fn number(&mut self) -> Result<u32> {
        Ok(self.numbers(1)?[0])
    }

    /// Reads a list of blocks: their number, all starts, all sizes.
    fn blocks(&mut self) -> Result<Vec<Range<u32>>> {
        let count = self.number()?;
        let (starts, sizes) = (self.numbers(count)?, self.numbers(count)?);
        let mut blocks: Vec<_> =
            starts.iter().zip(&sizes).map(|(s, n)| *s..s.saturating_add(*n)).collect();
        blocks.sort_by_key(|block| block.start);
        Ok(blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::source::formats::detect;

    #[test]
    fn what_has_no_bases_is_no_signal() {
        let said = |text: &str| opened("fasta", text.as_bytes()).err().unwrap().to_string();
        assert!(said(">p1\nMKTAYIAK\n").contains("line 2: has a letter of proteins"));
        assert!(
            said(">a\n>b\n").ends_with("x: has no sequence with bases"),
            "{}",
            said(">a\n>b\n")
        );
        let (source, _folder) = opened("fasta", b">a\n>b\nACGT\n").unwrap();
        let names: Vec<_> = source.sequences().iter().map(|s| s.name.to_owned()).collect();
        assert_eq!(names, ["b"]);
    }

    /// Returns the source, and the folder of its file.
    fn opened(name: &str, bytes: &[u8]) -> Result<(Box<dyn Source>, tempfile::TempDir)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        let input = Input::File(path);
        assert_eq!(detect(&input).unwrap().name, name);
        let context = Context { cache: folder.path().join("cache"), ..Context::default() };
        let open = if name == "2bit" { TWO_BIT.open } else { FASTA.open };
        Ok((open(&input, &Options::default(), &context)?, folder))
    }

    /// Returns 128 letters that are half GC, 128 unknown ones, then 60 that are all GC.
    fn letters() -> String {
        "acGT".repeat(32) + &"N".repeat(128) + &"GC".repeat(30)
    }

    fn values(source: &dyn Source, name: &str) -> Vec<f64> {
        let sequence = source.sequences().get(name).unwrap();
        let region = Region::new(name, 0, sequence.length);
        let table = source.read(&region, Level::Bins { shift: 7 }, &["value"]).unwrap();
        (0..table.len()).map(|row| table.columns[0].data.number(row)).collect()
    }

    #[test]
    fn letters_become_the_percentage_of_g_and_c() {
        let wrapped: Vec<_> = letters()
            .as_bytes()
            .chunks(60)
            .map(|l| String::from_utf8_lossy(l).into_owned())
            .collect();
        let wrapped = format!(">one two\n{}\n>short\nAT\n", wrapped.join("\r\n"));
        let long = format!(">one\n{}\n>short\nAT", letters());
        let (bytes, swapped) = (two_bit_file(false), two_bit_file(true));
        for (format, bytes) in [
            ("fasta", wrapped.as_bytes()),
            ("fasta", long.as_bytes()),
            ("2bit", &bytes),
            ("2bit", &swapped),
        ] {
            let (source, _folder) = opened(format, bytes).unwrap();
            let lengths: Vec<_> = source.sequences().iter().map(|s| (s.name, s.length)).collect();
            assert_eq!(lengths, [("one", 316), ("short", 2)], "{format}");
            assert!(source.knows_lengths());
            let of_one = values(&*source, "one");
            assert!(of_one[0] == 50.0 && of_one[1].is_nan() && of_one[2] == 100.0, "{of_one:?}");
            assert_eq!(values(&*source, "short"), [0.0]);
        }
    }

    /// Builds a 2bit file by the definition of the format.
    fn two_bit_file(swapped: bool) -> Vec<u8> {
        let number = |n: u32| if swapped { n.to_be_bytes() } else { n.to_le_bytes() };
        let numbers = |list: &[u32]| list.iter().flat_map(|n| number(*n)).collect::<Vec<_>>();
        let packed = |letters: &str| -> Vec<u8> {
            let code = |b: &u8| "TCAG".find(char::from(b.to_ascii_uppercase())).unwrap_or(0) as u8;
            let byte = |four: &[u8]| {
                four.iter().map(code).chain([0; 3]).take(4).fold(0, |byte, code| byte << 2 | code)
            };
            letters.as_bytes().chunks(4).map(byte).collect()
        };
        let record = |letters: &str, unknown: &[u32], masked: &[u32]| {
            [
                numbers(&[letters.len() as u32]),
                numbers(unknown),
                numbers(masked),
                numbers(&[0]),
                packed(letters),
            ]
            .concat()
        };
        let one = record(&letters(), &[1, 128, 128], &[2, 0, 10, 1, 1]);
        let start = 16 + (1 + 3 + 4) + (1 + 5 + 4);
        [
            numbers(&[SIGNATURE, 0, 2, 0]),
            [&[3], &b"one"[..], &number(start)].concat(),
            [&[5], &b"short"[..], &number(start + one.len() as u32)].concat(),
            one,
            record("AT", &[0], &[0]),
        ]
        .concat()
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |name: &str, bytes: &[u8]| opened(name, bytes).err().unwrap().to_string();
        assert!(error("fasta", b">a\nACGT\n>a\nAC\n").contains("'a' appears twice"));
        assert!(
            error("fasta", b">a\nACGT\nAC5T\n").contains("line 3: is not a letter of a sequence")
        );
        let whole = two_bit_file(false);
        for cut in 16..whole.len() {
            assert!(error("2bit", &whole[..cut]).contains("the file ends early"), "{cut}");
        }
        let mut absurd = whole;
        absurd[38..42].fill(0xff);
        assert!(error("2bit", &absurd).contains("offset"), "an absurd number of blocks");
    }
}
