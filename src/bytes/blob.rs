//! Bytes that several threads can read at once, at any offset.

use super::Input;
use super::open_files::{FILES, SharedFile};
use super::remote::{Failure, RemoteFile};
use crate::error::{Error, Result};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of a local or remote file, or of memory, as they were when opened. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    path: Arc<PathBuf>,
    place: Place,
    size: u64,
    id: u64,
}

#[derive(Clone, Debug)]
enum Place {
    File(Arc<SharedFile>),
    Memory(&'static [u8]),
    Remote(Arc<RemoteFile>),
}

// Shows only the size.
impl std::fmt::Debug for RemoteFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RemoteFile({} bytes)", self.size())
    }
}

impl Blob {
    /// Opens the bytes of an input as they are, without decompressing them.
    pub(crate) fn open(input: &Input) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (place, size) = match input {
            Input::Memory(_, bytes) => (Place::Memory(bytes), bytes.len() as u64),
            Input::File(path) => {
                let (file, size) = FILES.open(path)?;
                (Place::File(file), size)
            }
            Input::Remote(remote) => {
                let file = remote.file()?;
                let size = file.size();
                (Place::Remote(file), size)
            }
        };
        let path = Arc::new(input.path().to_owned());
        Ok(Blob { path, place, size, id: NEXT.fetch_add(1, Ordering::Relaxed) })
    }

    /// Returns the path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of bytes at the time of opening.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns a number that is unique to this opening of the bytes.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Reads from `offset` until the buffer is full or the bytes end. Returns the number read.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let (at, rest) = (offset + filled as u64, &mut buffer[filled..]);
            let read = match &self.place {
                Place::File(file) => file.read_at(at, rest)?,
                Place::Memory(bytes) => {
                    let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                    (&bytes[at..]).read(rest).map_err(|error| Error::io(&self.path, error))?
                }
                Place::Remote(file) => {
                    let failed = |failure: Failure| Error::io(&self.path, failure.into());
                    file.read_at(at, rest).map_err(failed)?
                }
            };
            if read == 0 {
                break;
            }
            filled += read;
        }
        Ok(filled)
    }

    /// If the bytes are on another machine, reads ahead those that will be needed next, with few
    /// requests; of a long range, only the first part.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be read.
    pub(crate) fn expect(&self, bytes: Range<u64>) -> Result<()> {
        match &self.place {
            Place::Remote(file) => {
                file.expect(bytes).map_err(|failure| Error::io(&self.path, failure.into()))
            }
            _ => Ok(()),
        }
    }

    /// Creates an independent reader that starts at the first byte.
    pub(crate) fn reader(&self) -> BlobReader {
        BlobReader { blob: self.clone(), at: 0 }
    }
}

/// Returns the range that one request should read: from the first place to the last one that
/// follows without a large gap.
pub(crate) fn near(mut places: impl Iterator<Item = Range<u64>>) -> Range<u64> {
    const LARGE: u64 = 256 * 1024;
    let Some(first) = places.next() else { return 0..0 };
    let follow = |known: Range<u64>, next: Range<u64>| {
        let follows = next.start >= known.start && next.start <= known.end + LARGE;
        if follows { Ok(known.start..known.end.max(next.end)) } else { Err(known) }
    };
    let (Ok(near) | Err(near)) = places.try_fold(first, follow);
    near
}

/// A reader of a blob, with a position that advances.
pub(crate) struct BlobReader {
    blob: Blob,
    at: u64,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.blob.read_at(self.at, buffer).map_err(|error| match error {
            Error::Io { source, .. } => source,
            other => io::Error::other(other.to_string()),
        })?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.blob.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
