//! The place of a source's bytes: a file on this or another machine, or memory for built-in data.

use super::remote::{Address, Remote, RemoteCounts};
use super::{Blob, Packing, Progress};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

/// The place of a source's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file on this machine.
    File(PathBuf),
    /// Bytes that are part of the program, with their name.
    Memory(PathBuf, &'static [u8]),
    /// A file on another machine.
    Remote(Remote),
}

/// Bytes that can be read at any offset.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

const HEAD: u64 = 64 * 1024;

impl Input {
    /// Returns the input that a text names: an address, or else a path.
    ///
    /// # Errors
    /// [`Error::Input`] for an invalid address.
    pub fn named(text: &str) -> Result<Self> {
        let address = Address::parse(text)?;
        let path = || Input::File(text.strip_prefix("file://").unwrap_or(text).into());
        Ok(address.map_or_else(path, |address| Input::Remote(Remote::new(address))))
    }

    /// Returns the input that a text in this file names, absolute or relative to its folder.
    ///
    /// # Errors
    /// [`Error::Input`] for an invalid address, or if a file on another machine names a local path
    /// of that machine.
    pub fn join(&self, text: &str) -> Result<Self> {
        if let Input::Remote(remote) = self {
            return Ok(Input::Remote(Remote::new(remote.address().join(text)?)));
        }
        Ok(match Input::named(text)? {
            Input::File(path) => {
                Input::File(self.path().parent().unwrap_or(Path::new("")).join(path))
            }
            other => other,
        })
    }

    /// Returns the path, or the address as it may be shown, for messages and name endings.
    pub fn path(&self) -> &Path {
        match self {
            Input::File(path) | Input::Memory(path, _) => path,
            Input::Remote(remote) => remote.shown(),
        }
    }

    /// Returns whether the bytes are on another machine.
    pub fn is_remote(&self) -> bool {
        matches!(self, Input::Remote(_))
    }

    /// Returns the same input; a remote file gets the given remote index, if there is one.
    #[must_use]
    pub(crate) fn with_index(self, index: Option<Input>) -> Self {
        match (self, index) {
            (Input::Remote(remote), Some(Input::Remote(index))) => {
                Input::Remote(remote.with_index(index))
            }
            (input, _) => input,
        }
    }

    /// Returns the same input for a client at the other end of a socket: an address must be
    /// allowed, and may only lead to public machines.
    ///
    /// # Errors
    /// [`Error::Input`] for an address that is not allowed.
    pub(crate) fn for_stranger(self) -> Result<Self> {
        let Input::Remote(remote) = self else { return Ok(self) };
        Ok(Input::Remote(remote.for_stranger()?))
    }

    /// Returns whether a file on another machine has changed since it was opened; blocks.
    ///
    /// # Errors
    /// [`Error::Io`] if the server does not say.
    pub(crate) fn is_outdated(&self) -> Result<bool> {
        if let Input::Remote(remote) = self { remote.is_outdated() } else { Ok(false) }
    }

    /// Forgets a remote file, so that the next read opens it again: it may have changed.
    pub(crate) fn forget(&self) {
        if let Input::Remote(remote) = self {
            remote.forget();
        }
    }

    /// Returns the name without folders, packing and format: `peaks` for `a/peaks.bed.gz`.
    pub fn stem(&self) -> String {
        let name = self.name();
        match name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
            _ => name,
        }
    }

    /// Returns the ending that shows the format, in lower case: `bed` for `a/peaks.BED.gz`.
    pub(crate) fn ending(&self) -> String {
        self.name()
            .rsplit_once('.')
            .map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase())
    }

    pub(crate) fn name(&self) -> String {
        let name = self.path().file_name().unwrap_or_default().to_string_lossy();
        Packing::without_ending(&name).to_owned()
    }

    /// Returns the number of bytes.
    pub(crate) fn size(&self) -> Result<u64> {
        match self {
            Input::Memory(_, bytes) => Ok(bytes.len() as u64),
            Input::File(path) => {
                let metadata = std::fs::metadata(path);
                metadata.map(|metadata| metadata.len()).map_err(|error| Error::io(path, error))
            }
            Input::Remote(remote) => Ok(remote.file()?.size()),
        }
    }

    /// Returns the index beside the file, if there is one: `x.bed.gz.tbi` for `x.bed.gz`.
    pub fn index(&self) -> Option<PathBuf> {
        // An index that cannot be read was reported when the file was opened.
        let found = self.companion_file(&["tbi", "csi", "bai", "crai"]).ok().flatten();
        found.map(|index| index.path().to_owned())
    }

    /// Returns the counts of the requests for a file on another machine since it was opened.
    pub(crate) fn remote_counts(&self) -> Option<RemoteCounts> {
        match self {
            Input::Remote(remote) => remote.counts(),
            _ => None,
        }
    }

    /// Returns whether there is such a file.
    ///
    /// # Errors
    /// [`Error::Io`] if a server does not say.
    pub(crate) fn exists(&self) -> Result<bool> {
        match self {
            Input::Memory(..) => Ok(true),
            Input::File(path) => Ok(path.is_file()),
            Input::Remote(remote) => remote.exists(),
        }
    }

    /// Returns a file beside it with one of these endings: `x.bam.bai` or `x.bai` for `x.bam`.
    ///
    /// # Errors
    /// [`Error::Io`] if a server does not say whether there is one.
    pub(crate) fn companion_file(&self, endings: &[&str]) -> Result<Option<Input>> {
        let path = match self {
            Input::Memory(..) => return Ok(None),
            Input::File(path) => path,
            Input::Remote(remote) => {
                if let Some(index) = remote.given_index() {
                    return Ok(Some(Input::Remote(index.clone())));
                }
                // Each check is a request, so only indexes that the file can have are checked.
                let mut start = [0; 4];
                Blob::open(self)?.read_at(0, &mut start)?;
                let fits = |ending: &&&str| match **ending {
                    "crai" => start == *b"CRAM",
                    _ => Packing::of(&start) == Some(Packing::Gzip),
                };
                let endings: Vec<_> = endings.iter().filter(fits).copied().collect();
                return Ok(remote.companion_file(&endings)?.map(Input::Remote));
            }
        };
        let with = |ending: &&str| {
            let appended = PathBuf::from(format!("{}.{ending}", path.display()));
            [appended, path.with_extension(ending)]
        };
        Ok(endings.iter().flat_map(with).find(|path| path.is_file()).map(Input::File))
    }

    /// Returns how the file is compressed; none if it is not.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn packing(&self) -> Result<Option<Packing>> {
        let mut start = Vec::new();
        let read = self.open()?.take(Packing::TELLING).read_to_end(&mut start);
        read.map_err(|error| Error::io(self.path(), error))?;
        Ok(Packing::of(&start))
    }

    /// Opens the bytes for reading at any offset.
    pub(crate) fn open(&self) -> Result<Box<dyn ReadSeek>> {
        match self {
            Input::Memory(_, bytes) => Ok(Box::new(Cursor::new(*bytes))),
            Input::Remote(_) => Ok(Box::new(Blob::open(self)?.reader())),
            Input::File(path) => {
                let file = File::open(path).map_err(|error| Error::io(path, error))?;
                let metadata = file.metadata().map_err(|error| Error::io(path, error))?;
                if metadata.is_dir() {
                    let message = "is a folder; name the files in it";
                    return Err(Error::data(path, "", message));
                }
                Ok(Box::new(file))
            }
        }
    }

    /// Opens the bytes for reading from the start, unpacked if they are [packed](Packing).
    pub(crate) fn unpacked(&self) -> Result<Box<dyn BufRead + Send>> {
        self.unpack(self.open()?)
    }

    /// Opens the bytes as [`Input::unpacked`] does, and reports the progress of reading.
    pub(crate) fn watched(&self, progress: &Progress) -> Result<Box<dyn BufRead + Send>> {
        let inner = self.open()?;
        let (path, size) = (self.path().to_owned(), self.size()?.max(1));
        self.unpack(ProgressReader { inner, path, read: 0, size, progress: progress.clone() })
    }

    fn unpack(&self, bytes: impl Read + Send + 'static) -> Result<Box<dyn BufRead + Send>> {
        let mut reader = BufReader::with_capacity(256 * 1024, bytes);
        let start = reader.fill_buf().map_err(|error| Error::io(self.path(), error))?;
        match Packing::of(start) {
            Some(packing) => {
                packing.unpack(reader).map_err(|error| unreadable(self.path(), "", error))
            }
            None => Ok(Box::new(reader)),
        }
    }

    /// Returns the first bytes, unpacked, which are enough to detect the format. Damage further on
    /// in the file is not an error.
    pub(crate) fn head(&self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        if self.is_remote() {
            // The first block was read when the file was opened; more takes another request. If the
            // block is too small to unpack anything, the file is read as below.
            let _ = self.unpack(self.open()?.take(HEAD))?.take(HEAD).read_to_end(&mut head);
        }
        if head.is_empty() {
            match self.unpacked()?.take(HEAD).read_to_end(&mut head) {
                Err(error) if head.is_empty() => return Err(unreadable(self.path(), "", error)),
                _ => {}
            }
        }
        drop(head.drain(..mark(&head)));
        Ok(head)
    }
}

/// Returns the length of the byte order mark that Windows writes before UTF-8 text, or 0. The mark
/// would become part of the first sequence's name.
pub(crate) fn mark(text: &[u8]) -> usize {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if text.starts_with(MARK) { MARK.len() } else { 0 }
}

/// A sequential reader that reports its progress.
struct ProgressReader {
    inner: Box<dyn ReadSeek>,
    path: PathBuf,
    read: u64,
    size: u64,
    progress: Progress,
}

impl Read for ProgressReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        // The fraction stays at 1 if the file grows meanwhile.
        self.progress.report(&self.path, (self.read as f64 / self.size as f64).min(1.0));
        Ok(count)
    }
}

impl Drop for ProgressReader {
    fn drop(&mut self) {
        self.progress.done(&self.path);
    }
}

/// Creates the error for a failed read, in words for users.
pub(crate) fn unreadable(path: &Path, place: &str, error: std::io::Error) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        UnexpectedEof => {
            Error::data(path, place, "the compressed data end early; is the copy complete?")
        }
        InvalidData | InvalidInput => {
            let message = format!(
                "the compressed data are damaged ({error}); copy the file again; \
                 'gzip -t' (or zstd, bzip2, xz) checks whether it is intact"
            );
            Error::data(path, place, message)
        }
        _ => Error::io(path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const XZ: [u8; 68] = [
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4, 0xe6, 0xd6, 0xb4, 0x46, 2, 0, 0x21, 1, 0x16, 0, 0,
        0, 0x74, 0x2f, 0xe5, 0xa3, 1, 0, 0x0a, 0x63, 0x68, 0x72, 0x31, 9, 0x31, 0x30, 9, 0x32,
        0x30, 0x0a, 0, 0, 0xbe, 0x62, 0xfc, 0xa5, 1, 0xc7, 0x17, 0xd3, 0, 1, 0x23, 0x0b, 0xc2,
        0x1b, 0xfd, 9, 0x1f, 0xb6, 0xf3, 0x7d, 1, 0, 0, 0, 0, 4, 0x59, 0x5a,
    ];

    #[test]
    fn names_lose_folders_and_endings() {
        let named = |path: &str| Input::File(path.into());
        assert_eq!(named("a/b/peaks.bed.gz").stem(), "peaks");
        assert_eq!(named("a/b/peaks.bed.gz").ending(), "bed");
        assert_eq!(named("H3K4me3.rep1.bigWig").stem(), "H3K4me3.rep1");
        assert_eq!(named("H3K4me3.rep1.bigWig").ending(), "bigwig");
        assert_eq!(named(".hidden").stem(), ".hidden");
        assert_eq!(named("plain").ending(), "");
        assert_eq!(named("a/peaks.bed.zst").stem(), "peaks");
        assert_eq!(named("a/peaks.bed.xz").ending(), "bed");
    }

    #[test]
    fn every_packing_is_read() {
        let text = "chr1\t10\t20\n".repeat(50_000);
        let folder = tempfile::tempdir().unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(text.as_bytes()).unwrap();
        let packed = [
            (Packing::Zstd, zstd::encode_all(text.as_bytes(), 1).unwrap()),
            (Packing::Bzip2, bzip2.finish().unwrap()),
            // `printf 'chr1\t10\t20\n' | xz`
            (Packing::Xz, XZ.to_vec()),
        ];
        for (packing, bytes) in packed {
            let path = folder.path().join("x.bed");
            std::fs::write(&path, &bytes).unwrap();
            let input = Input::File(path.clone());
            assert_eq!(input.packing().unwrap(), Some(packing));
            let mut read = String::new();
            input.unpacked().unwrap().read_to_string(&mut read).unwrap();
            assert!(read == text || (packing == Packing::Xz && read == text[..11]), "{packing:?}");
            std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
            let cut = input.unpacked().unwrap().read_to_end(&mut Vec::new());
            assert!(cut.is_err(), "{packing:?}: a copy that broke off");
        }
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = Input::File(folder.path().into()).head().unwrap_err().to_string();
        assert!(error.contains("is a folder"), "{error}");
    }
}
