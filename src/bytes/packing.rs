//! How a file is compressed as a whole, as its first bytes show, and how it is read all the same.

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::io::{BufRead, BufReader, Result};

/// The most memory that unpacking one file may take, in kB: a header of a few bytes can ask for 4 GB.
const MOST_MEMORY: u32 = 256 << 10;
const BUFFER: usize = 256 * 1024;

/// A way in which a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip, and BGZF, which is gzip too.
    Gzip,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

/// Every packing, with the bytes that its files begin with and the endings that their names have.
const ALL: [(Packing, &[u8], &[&str]); 4] = [
    (Packing::Gzip, b"\x1f\x8b", &[".gz", ".bgz"]),
    (Packing::Zstd, b"\x28\xb5\x2f\xfd", &[".zst", ".zstd"]),
    (Packing::Bzip2, b"BZh", &[".bz2"]),
    (Packing::Xz, b"\xfd7zXZ\0", &[".xz"]),
];

impl Packing {
    /// How many bytes of a file tell.
    pub(super) const TELLING: u64 = 6;

    /// The packing of a file that begins so; none if it is not packed.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let (packing, ..) = ALL.iter().find(|(_, magic, _)| start.starts_with(magic))?;
        Some(*packing)
    }

    /// The name of a file without the ending that says how it is packed.
    pub(super) fn without_ending(name: &str) -> &str {
        let endings = ALL.iter().flat_map(|(.., endings)| endings.iter());
        endings.into_iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
    }

    /// The command that unpacks a file to its standard output.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Packing::Gzip => "gunzip -c",
            Packing::Zstd => "zstd -dc",
            Packing::Bzip2 => "bzip2 -dc",
            Packing::Xz => "xz -dc",
        }
    }

    /// The unpacked bytes. Files that were put one behind the other are read as one.
    pub(super) fn unpack(
        self,
        bytes: impl BufRead + Send + 'static,
    ) -> Result<Box<dyn BufRead + Send>> {
        Ok(match self {
            Packing::Gzip => buffered(MultiGzDecoder::new(bytes)),
            // It refuses what takes more than 128 MB by itself.
            Packing::Zstd => buffered(zstd::Decoder::with_buffer(bytes)?),
            Packing::Bzip2 => buffered(MultiBzDecoder::new(bytes)),
            Packing::Xz => buffered(XzReader::new_mem_limit(bytes, true, MOST_MEMORY)),
        })
    }
}

fn buffered(reader: impl std::io::Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER, reader))
}
