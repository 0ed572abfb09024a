//! Compression of whole files: detection by the first bytes, and decompression.

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::io::{BufRead, BufReader, Result};

/// Largest memory for unpacking one file, in kB: a header of a few bytes can ask for 4 GB.
const MOST_MEMORY: u32 = 256 << 10;
const BUFFER: usize = 256 * 1024;

/// A way in which a whole file is compressed.
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

/// Every packing, with the first bytes of its files and the endings of their names.
const ALL: [(Packing, &[u8], &[&str]); 4] = [
    (Packing::Gzip, b"\x1f\x8b", &[".gz", ".bgz"]),
    (Packing::Zstd, b"\x28\xb5\x2f\xfd", &[".zst", ".zstd"]),
    (Packing::Bzip2, b"BZh", &[".bz2"]),
    (Packing::Xz, b"\xfd7zXZ\0", &[".xz"]),
];

impl Packing {
    /// Number of first bytes that show the packing.
    pub(super) const TELLING: u64 = 6;

    /// Returns the packing of a file with these first bytes; none if it is not packed.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let (packing, ..) = ALL.iter().find(|(_, magic, _)| start.starts_with(magic))?;
        Some(*packing)
    }

    /// Returns the name of a file without the ending of its packing.
    pub(super) fn without_ending(name: &str) -> &str {
        let endings = ALL.iter().flat_map(|(.., endings)| endings.iter());
        endings.into_iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
    }

    /// Returns the command that unpacks a file to its standard output.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Packing::Gzip => "gunzip -c",
            Packing::Zstd => "zstd -dc",
            Packing::Bzip2 => "bzip2 -dc",
            Packing::Xz => "xz -dc",
        }
    }

    /// Unpacks bytes. Concatenated files are read as one.
    pub(super) fn unpack(
        self,
        bytes: impl BufRead + Send + 'static,
    ) -> Result<Box<dyn BufRead + Send>> {
        Ok(match self {
            Packing::Gzip => buffered(MultiGzDecoder::new(bytes)),
            // This decoder itself refuses files that need more than 128 MB.
            Packing::Zstd => buffered(zstd::Decoder::with_buffer(bytes)?),
            Packing::Bzip2 => buffered(MultiBzDecoder::new(bytes)),
            Packing::Xz => buffered(XzReader::new_mem_limit(bytes, true, MOST_MEMORY)),
        })
    }
}

fn buffered(reader: impl std::io::Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER, reader))
}
