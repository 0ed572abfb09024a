//! What is made from a file once and read ever after, in the cache folder.
//!
//! A file's entry is named after its path, size and time of change, so a changed file gets a new
//! one. It is written aside and renamed when it is whole. While it is written, a lock is held on
//! it: a second process waits and then finds it; after a crash the system releases the lock, and
//! the next process begins again.

use super::{Context, Input};
use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Entries of another version are not read; to be raised when what is written changes.
const VERSION: u32 = 1;

/// The entry of `input` in the cache, written by `make` if it is not there yet. `ending` says what
/// it is.
pub(super) fn entry(
    input: &Input,
    context: &Context,
    ending: &str,
    make: impl FnOnce(BufWriter<File>) -> Result<()>,
) -> Result<PathBuf> {
    let (folder, entry) = (&context.cache, path(input, context, ending)?);
    if entry.exists() {
        return Ok(entry);
    }
    let in_folder = |error| {
        let why = format!("{error}; choose another folder for the cache with --cache-dir");
        Error::data(folder, "", why)
    };
    fs::create_dir_all(folder).map_err(in_folder)?;
    let aside = path(input, context, &format!("{ending}.part"))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&aside)
        .map_err(in_folder)?;
    file.lock().map_err(in_folder)?;
    if entry.exists() {
        // Whoever held the lock before made it. What was opened here may be a new, empty file.
        let _ = fs::remove_file(&aside);
    } else {
        file.set_len(0).map_err(in_folder)?;
        let second = file.try_clone().map_err(in_folder)?;
        make(BufWriter::new(second)).inspect_err(|_| drop(file.set_len(0)))?;
        file.sync_all().and_then(|()| fs::rename(&aside, &entry)).map_err(in_folder)?;
        tracing::debug!(file = %input.path().display(), entry = %entry.display(), "cached");
    }
    Ok(entry)
}

/// Where the entry of `input` lies, or would.
pub(super) fn path(input: &Input, context: &Context, ending: &str) -> Result<PathBuf> {
    Ok(context.cache.join(format!("{}-{:016x}.{ending}", input.stem(), key(input)?)))
}

/// The error for an entry that could not be written.
pub(super) fn unwritable(context: &Context, error: &std::io::Error) -> Error {
    let why = format!("{error}; choose another folder for the cache with --cache-dir");
    Error::data(&context.cache, "", why)
}

fn key(input: &Input) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    VERSION.hash(&mut hasher);
    match input {
        Input::Memory(path, bytes) => (path, bytes.len()).hash(&mut hasher),
        Input::File(path) => {
            let stamp = |path: &Path| {
                let metadata = fs::metadata(path)?;
                Ok((fs::canonicalize(path)?, metadata.len(), metadata.modified()?))
            };
            stamp(path).map_err(|error| Error::io(path, error))?.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn context(folder: &Path) -> Context {
        Context { cache: folder.join("cache"), ..Context::default() }
    }

    fn made(input: &Input, context: &Context, content: &str) -> PathBuf {
        entry(input, context, "x", |mut out| {
            out.write_all(content.as_bytes()).unwrap();
            out.flush().unwrap();
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn an_entry_is_made_once_and_anew_for_a_changed_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::write(&path, "one").unwrap();
        let input = Input::File(path.clone());
        let first = made(&input, &context, "1");
        assert_eq!(made(&input, &context, "never written"), first);
        assert_eq!(fs::read_to_string(&first).unwrap(), "1");
        fs::write(&path, "longer").unwrap();
        assert_ne!(made(&input, &context, "2"), first);
    }

    #[test]
    fn what_a_crash_left_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::write(&path, "one").unwrap();
        let input = Input::File(path);
        let entry = made(&input, &context, "whole");
        // As if the process had died before the rename, with more written than there will be.
        fs::write(entry.with_extension("x.part"), "half of something longer").unwrap();
        fs::remove_file(&entry).unwrap();
        made(&input, &context, "whole");
        assert_eq!(fs::read_to_string(&entry).unwrap(), "whole");
        assert!(!entry.with_extension("x.part").exists());
    }

    #[test]
    fn of_many_at_once_one_writes_and_all_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::write(&path, "one").unwrap();
        let input = Input::File(path);
        let written = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let entry = entry(&input, &context, "x", |mut out| {
                        written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        out.write_all(&[b'x'; 1 << 20]).unwrap();
                        out.flush().unwrap();
                        Ok(())
                    });
                    assert_eq!(fs::metadata(entry.unwrap()).unwrap().len(), 1 << 20);
                });
            }
        });
        assert_eq!(written.into_inner(), 1);
    }
}
