//! Bytes that several threads read at once, each from any place.

use super::Input;
use super::open_files::{FILES, SharedFile};
use super::remote::{Failure, RemoteFile};
use crate::error::{Error, Result};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of a file, here or on another machine, or of memory, as they were when they were opened. Cheap to clone.
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

// It says no more of itself than where it is.
impl std::fmt::Debug for RemoteFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RemoteFile({} bytes)", self.size())
    }
}

impl Blob {
    /// Opens the bytes of an input, compressed or not as they are.
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

    /// The path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes there were when they were opened.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// A number that no other opening of these bytes, or of others, has.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Reads from `offset` on until the buffer is full or the bytes end; the number of bytes read.
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

    /// Says which bytes will be read next, so that they come from another machine with few requests;
    /// of many, only the first.
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

    /// A reader of its own, from the first byte on.
    pub(crate) fn reader(&self) -> BlobReader {
        BlobReader { blob: self.clone(), at: 0 }
    }
}

/// From the first of some places up to the last that follows without a large gap: what is worth one
/// request.
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

/// Reads a blob from a place that moves on.
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
