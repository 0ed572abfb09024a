//! Limits the number of open files, regardless of how many files are served.

use super::version::Version;
use crate::error::{Error, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Largest number of open files if the system's limit is not known.
const CAUTIOUS: usize = 128;
/// Number of handles reserved for sockets, for files that are read sequentially, and for files that
/// are written.
const OTHERS: usize = 128;

/// The files of this process with random access.
pub(super) static FILES: OpenFiles = OpenFiles::new(CAUTIOUS);

/// Raises the limit of open handles of this process as far as the system allows, and reserves a
/// part of it for sockets.
pub(crate) fn raise_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    // Some systems have no hard limit, but refuse very large numbers.
    let raised = hard.min(1 << 16).max(soft);
    let now = if setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_ok() { raised } else { soft };
    let now = usize::try_from(now).unwrap_or(usize::MAX);
    FILES.set_most((now / 2).max(now.saturating_sub(4 * OTHERS)).clamp(8, 1 << 14));
}

/// Sets the largest number of open files.
pub fn set_most_open_files(most: usize) {
    FILES.set_most(most);
}

/// Returns the number of open files.
pub fn open_files() -> usize {
    FILES.open.load(Ordering::Relaxed)
}

/// Returns how often files were closed because the largest number was open.
pub fn files_closed() -> u64 {
    FILES.full.load(Ordering::Relaxed)
}

/// A bounded set of open files: the least recently used ones are closed, and opened again when they
/// are needed.
#[derive(Debug)]
pub(super) struct OpenFiles {
    most: AtomicUsize,
    open: AtomicUsize,
    clock: AtomicU64,
    /// How often files were closed because there were too many.
    full: AtomicU64,
    known: Mutex<Vec<Weak<SharedFile>>>,
}

/// A file that any number of threads read at once through one handle.
#[derive(Debug)]
pub(super) struct SharedFile {
    path: PathBuf,
    version: Version,
    handle: Mutex<Option<Arc<File>>>,
    last_used: AtomicU64,
    files: &'static OpenFiles,
}

impl OpenFiles {
    pub(super) const fn new(most: usize) -> Self {
        OpenFiles {
            most: AtomicUsize::new(most),
            open: AtomicUsize::new(0),
            clock: AtomicU64::new(0),
            full: AtomicU64::new(0),
            known: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Opens a file. Returns it with its size in bytes.
    pub(super) fn open(&'static self, path: &Path) -> Result<(Arc<SharedFile>, u64)> {
        self.make_room();
        let io = |error| Error::io(path, error);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Err(Error::data(path, "", "is a folder; name the files in it"));
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        let file = Arc::new(SharedFile {
            path: path.to_owned(),
            version: Version::of(&metadata),
            handle: Mutex::new(Some(Arc::new(file))),
            last_used: AtomicU64::new(self.clock.fetch_add(1, Ordering::Relaxed)),
            files: self,
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Files that are no longer used are removed from time to time.
        if known.len().is_power_of_two() {
            known.retain(|file| file.strong_count() > 0);
        }
        known.push(Arc::downgrade(&file));
        Ok((file, metadata.len()))
    }

    /// Closes the least recently used files if the limit is reached, so that another one can be
    /// opened.
    fn make_room(&self) {
        let most = self.most.load(Ordering::Relaxed).max(1);
        if self.open.load(Ordering::Relaxed) < most {
            return;
        }
        self.full.fetch_add(1, Ordering::Relaxed);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_use: Vec<_> = known.iter().filter_map(Weak::upgrade).collect();
        drop(known);
        by_use.sort_by_cached_key(|file| file.last_used.load(Ordering::Relaxed));
        // Closes several files, so that this is not repeated for every file that is opened.
        let room = most - most / 8;
        for file in by_use {
            if self.open.load(Ordering::Relaxed) < room.max(1) {
                break;
            }
            file.close();
        }
    }
}

impl SharedFile {
    /// Reads from `offset`. Returns the number of bytes read, 0 only at the end of the file. It is
    /// an error if the file has changed since it was opened, because its index and the data that
    /// were read before would not fit the new content.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let handle = self.handle()?;
        loop {
            match handle.read_at(buffer, offset) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(read) => return self.check(&handle).map(|()| read),
                Err(error) => return Err(Error::io(&self.path, error)),
            }
        }
    }

    fn handle(&self) -> Result<Arc<File>> {
        self.last_used.store(self.files.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let known = self.handle.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(handle) = known {
            return Ok(handle);
        }
        // The own handle is not locked here: two threads that close each other's files must not
        // deadlock.
        self.files.make_room();
        let mut slot = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*slot {
            return Ok(handle.clone());
        }
        let io = |error| Error::io(&self.path, error);
        let file = File::open(&self.path).map_err(io)?;
        self.check(&file)?;
        self.files.open.fetch_add(1, Ordering::Relaxed);
        Ok(slot.insert(Arc::new(file)).clone())
    }

    /// Checks that a file is still the version that was opened.
    fn check(&self, file: &File) -> Result<()> {
        let metadata = file.metadata().map_err(|error| Error::io(&self.path, error))?;
        if Version::of(&metadata) == self.version {
            return Ok(());
        }
        let what = "it has changed since it was opened; it must be opened again (reload)";
        Err(Error::data(&self.path, "", what))
    }

    fn close(&self) {
        let open = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if open.is_some() {
            self.files.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_read_with_a_limit_of_open_files() {
        let folder = tempfile::tempdir().unwrap();
        let files: &'static OpenFiles = Box::leak(Box::new(OpenFiles::new(8)));
        let path = |n: usize| folder.path().join(format!("{n}"));
        let opened: Vec<_> = (0..50)
            .map(|n| {
                std::fs::write(path(n), [n as u8; 100]).unwrap();
                let (file, size) = files.open(&path(n)).unwrap();
                assert_eq!(size, 100);
                assert!(files.open.load(Ordering::Relaxed) <= 8);
                file
            })
            .collect();
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (opened, most) = (&opened, &most);
                scope.spawn(move || {
                    for n in (0..500).map(|n| (n * 7 + thread * 13) % 50) {
                        let mut bytes = [0; 10];
                        assert_eq!(opened[n].read_at(95, &mut bytes).unwrap(), 5);
                        assert_eq!(bytes[..5], [n as u8; 5]);
                        most.fetch_max(files.open.load(Ordering::Relaxed), Ordering::Relaxed);
                    }
                });
            }
        });
        // Each of the eight threads may be about to open one.
        assert!(most.into_inner() <= 16);
        drop(opened);
        assert_eq!(files.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_replaced_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let files: &'static OpenFiles = Box::leak(Box::new(OpenFiles::new(1)));
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        std::fs::write(&one, "first").unwrap();
        std::fs::write(&other, "other").unwrap();
        let first = files.open(&one).unwrap().0;
        std::fs::rename(&other, &one).unwrap();
        let mut bytes = [0; 5];
        first.read_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"first", "the handle is still that of the first file");
        let again = files.open(&one).unwrap().0;
        let error = first.read_at(0, &mut bytes).unwrap_err().to_string();
        assert!(error.contains("opened again"), "{error}");
        again.read_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"other");
        // The same file with other content is an error too.
        std::fs::write(&one, "third, which is longer").unwrap();
        let error = again.read_at(0, &mut bytes).unwrap_err().to_string();
        assert!(error.contains("has changed since it was opened"), "{error}");
    }
}
