//! What is made from a file once and read ever after, in the cache folder.
//!
//! A file's entry is named after its path, size and time of change, so a changed file gets a new
//! one, and what was made of the file as it was before goes. An entry is written aside and renamed
//! when it is whole. While it is written, a lock is held on it: a second process waits and then
//! finds it; after a crash the system releases the lock, and the next process begins again.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::private;
use crate::source::Context;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Entries of another version are not read; to be raised when what is written changes.
const VERSION: u32 = 1;

/// The entry of `input` in the cache, written by `make` if it is not there yet. `ending` says what
/// it is.
pub(crate) fn entry(
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
    private::create_folder(folder).map_err(in_folder)?;
    let aside = path(input, context, &format!("{ending}.part"))?;
    let file = hold(&aside).map_err(in_folder)?;
    if entry.exists() {
        // Whoever held the lock before made it. What was opened here is a new, empty file.
        let _ = fs::remove_file(&aside);
        return Ok(entry);
    }
    file.set_len(0).map_err(in_folder)?;
    let second = file.try_clone().map_err(in_folder)?;
    make(BufWriter::new(second)).inspect_err(|_| drop(fs::remove_file(&aside)))?;
    file.sync_all().and_then(|()| fs::rename(&aside, &entry)).map_err(in_folder)?;
    tracing::debug!(file = %input.path().display(), entry = %entry.display(), "cached");
    forget_others(input, context)?;
    Ok(entry)
}

/// The file at that path, new or as a crash left it, once nobody else holds it.
fn hold(path: &Path) -> io::Result<File> {
    loop {
        let file =
            private::options().create(true).truncate(false).read(true).write(true).open(path)?;
        file.lock()?;
        let held = file.metadata()?;
        // Whoever held it before may have renamed or removed it.
        match fs::metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (held.dev(), held.ino()) => return Ok(file),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
}

/// Removes what was made of `input` as it was before it changed. Whoever still reads that goes on
/// reading; what somebody writes has another ending until it is whole.
fn forget_others(input: &Input, context: &Context) -> Result<()> {
    let (place, now) = (place(input)?, format!("{:016x}.", key(input)?));
    // What cannot be removed, or is gone already, harms nobody.
    for file in fs::read_dir(&context.cache).into_iter().flatten().flatten() {
        let name = file.file_name();
        let made = name.to_str().and_then(|name| name.strip_prefix(&place));
        if made.is_some_and(|made| !made.starts_with(&now) && !made.ends_with(".part")) {
            let _ = fs::remove_file(file.path());
        }
    }
    Ok(())
}

/// Where the entry of `input` lies, or would. While it is written, its ending is to be `.part`.
pub(crate) fn path(input: &Input, context: &Context, ending: &str) -> Result<PathBuf> {
    Ok(context.cache.join(format!("{}{:016x}.{ending}", place(input)?, key(input)?)))
}

/// How the names of all entries of a file begin, whatever it holds.
fn place(input: &Input) -> Result<String> {
    let path = match input {
        Input::Memory(path, _) => path.clone(),
        Input::File(path) => fs::canonicalize(path).map_err(|error| Error::io(path, error))?,
    };
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    Ok(format!("{}-{:016x}-", input.stem(), hasher.finish()))
}

/// The error for an entry that could not be written.
pub(crate) fn unwritable(context: &Context, error: &std::io::Error) -> Error {
    let why = format!("{error}; choose another folder for the cache with --cache-dir");
    Error::data(&context.cache, "", why)
}

/// Stands for what the file holds.
fn key(input: &Input) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    VERSION.hash(&mut hasher);
    match input {
        Input::Memory(_, bytes) => bytes.len().hash(&mut hasher),
        Input::File(path) => {
            let stamp = |path: &Path| {
                let metadata = fs::metadata(path)?;
                Ok((metadata.len(), metadata.modified()?))
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

    /// The files in the cache.
    fn all(context: &Context) -> Vec<PathBuf> {
        let mut all: Vec<_> =
            fs::read_dir(&context.cache).unwrap().map(|file| file.unwrap().path()).collect();
        all.sort();
        all
    }

    #[test]
    fn what_was_made_of_a_file_that_has_changed_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::create_dir(folder.path().join("other")).unwrap();
        let namesake = Input::File(folder.path().join("other/a.wig"));
        fs::write(namesake.path(), "one").unwrap();
        fs::write(&path, "one").unwrap();
        let input = Input::File(path.clone());
        let other = made(&namesake, &context, "other");
        let first = made(&input, &context, "1");
        let beside = first.with_extension("x.csi");
        fs::write(&beside, "its index").unwrap();
        // Somebody else may write it yet, and hold it.
        let written = first.with_extension("y.part");
        fs::write(&written, "half").unwrap();
        fs::write(&path, "longer").unwrap();
        let second = made(&input, &context, "2");
        let mut left = vec![other, written, second];
        left.sort();
        assert_eq!(all(&context), left);
    }

    #[test]
    fn what_could_not_be_made_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::write(&path, "one").unwrap();
        let input = Input::File(path);
        let refused = entry(&input, &context, "x", |_| Err(Error::Input("refused".into())));
        assert_eq!(refused.unwrap_err().to_string(), "refused");
        assert_eq!(all(&context), [""; 0].map(PathBuf::from));
        assert!(made(&input, &context, "whole").exists());
    }

    #[test]
    fn who_waits_for_one_that_fails_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::write(&path, "one").unwrap();
        let input = Input::File(path);
        let tries = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let entry = entry(&input, &context, "x", |mut out| {
                        // The first four fail.
                        if tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 4 {
                            return Err(Error::Input("refused".into()));
                        }
                        out.write_all(b"whole").unwrap();
                        out.flush().unwrap();
                        Ok(())
                    });
                    entry.map(|entry| assert_eq!(fs::read_to_string(entry).unwrap(), "whole"))
                });
            }
        });
        assert_eq!(tries.into_inner(), 5);
        assert_eq!(all(&context).len(), 1);
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
