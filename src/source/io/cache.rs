//! The cache folder: files that are derived from an input file once and then read again.
//!
//! An entry is named after the path, size and modification time of its file, so a changed file gets
//! a new entry, and the entries of its earlier versions are removed. An entry is written to a
//! `.part` file and renamed when it is complete. The `.part` file is locked while it is written: a
//! second process waits and then finds the entry. After a crash the system releases the lock, and
//! the next process begins again. The folder has a limited size (`size`).
//!
//! What is not in the folder may have been prepared elsewhere, and is copied from there
//! (`prepared`). While it is prepared, the folder has no limit, and entries are named after the
//! content of their files, since another machine knows these by other paths.

mod fnv;
mod prepared;
mod size;

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::private;
use crate::source::Context;
use fnv::Fnv;
pub(crate) use size::{mark_used_entries, use_of_cache};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Version of the entries; entries of another version are not read. Must be raised when the content
/// of entries changes.
const VERSION: u32 = 1;

/// Returns the entry of `input` in the cache; `make` writes it if it does not exist. `ending` is
/// the kind of entry.
pub(crate) fn entry(
    input: &Input,
    context: &Context,
    ending: &str,
    make: impl FnOnce(BufWriter<File>) -> Result<()>,
) -> Result<PathBuf> {
    let (folder, entry) = (&context.cache, path(input, context, ending)?);
    if fetch(input, context, ending) {
        size::mark(&entry);
        return Ok(entry);
    }
    let in_folder = |error| {
        let why = format!("{error}; choose another folder for the cache with --cache-dir");
        Error::data(folder, "", why)
    };
    private::create_folder(folder).map_err(in_folder)?;
    let partial = path(input, context, &format!("{ending}.part"))?;
    let file = open_locked(&partial).map_err(in_folder)?;
    if entry.exists() {
        // The previous holder of the lock wrote the entry. The file that was opened here is new and
        // empty.
        let _ = fs::remove_file(&partial);
        size::mark(&entry);
        return Ok(entry);
    }
    file.set_len(0).map_err(in_folder)?;
    let second = file.try_clone().map_err(in_folder)?;
    make(BufWriter::new(second)).inspect_err(|_| drop(fs::remove_file(&partial)))?;
    file.sync_all().and_then(|()| fs::rename(&partial, &entry)).map_err(in_folder)?;
    tracing::debug!(file = %input.path().display(), entry = %entry.display(), "cached");
    size::mark(&entry);
    if !context.by_content {
        remove_outdated(input, context)?;
        // A folder that is too large is no reason not to serve the file.
        let _ = size::bound(folder, context.cache_bytes);
    }
    Ok(entry)
}

/// Returns whether there is an entry of `input`, after copying it from where it was prepared.
pub(crate) fn fetch(input: &Input, context: &Context, ending: &str) -> bool {
    let Ok(entry) = path(input, context, ending) else { return false };
    let Some(place) = context.prepared.as_ref().filter(|_| !entry.exists()) else {
        return entry.exists();
    };
    prepared::fetch(place, input, ending, &entry).unwrap_or_else(|error| {
        tracing::warn!("{}: what was prepared is not used: {error}", input.path().display());
        false
    })
}

/// Opens the file at that path, new or left by a crash, and waits for its lock.
fn open_locked(path: &Path) -> io::Result<File> {
    loop {
        let file =
            private::options().create(true).truncate(false).read(true).write(true).open(path)?;
        file.lock()?;
        let opened = file.metadata()?;
        // The previous holder of the lock may have renamed or removed it.
        match fs::metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (opened.dev(), opened.ino()) => {
                return Ok(file);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
}

/// Writes a small entry in one step and replaces an existing one. Concurrent writers both succeed.
pub(crate) fn write_aside(entry: &Path, bytes: &[u8]) -> io::Result<()> {
    write_aside_with(entry, |file| file.write_all(bytes))
}

/// Has an entry written in one step, as [`write_aside`] does.
fn write_aside_with(
    entry: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let folder = entry.parent().unwrap_or(Path::new("."));
    private::create_folder(folder)?;
    let mut name = entry.as_os_str().to_owned();
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{number}.part", std::process::id()));
    let partial = PathBuf::from(name);
    let written = private::options().create(true).truncate(true).write(true).open(&partial);
    let written = written.and_then(|mut file| write(&mut file));
    let written = written.and_then(|()| fs::rename(&partial, entry));
    written.inspect_err(|_| drop(fs::remove_file(&partial)))
}

/// Removes the entries of earlier versions of `input`, and then the oldest entries of any file with
/// that ending until the remaining ones have at most `most` bytes.
pub(crate) fn make_room(
    input: &Input,
    context: &Context,
    ending: &str,
    most: u64,
) -> io::Result<()> {
    if context.by_content {
        return Ok(());
    }
    remove_outdated(input, context).map_err(io::Error::other)?;
    let mut entries: Vec<_> = fs::read_dir(&context.cache)?
        .flatten()
        .filter(|file| Path::new(&file.file_name()).extension().is_some_and(|end| end == ending))
        .filter_map(|file| {
            file.metadata().ok().map(|about| (about.modified().ok(), about.len(), file.path()))
        })
        .collect();
    let mut bytes: u64 = entries.iter().map(|(_, length, _)| length).sum();
    entries.sort_unstable();
    for (_, length, path) in entries {
        if bytes <= most {
            break;
        }
        let _ = fs::remove_file(path);
        bytes -= length;
    }
    size::bound(&context.cache, context.cache_bytes)
}

/// Removes the entries of earlier versions of `input` and those of program version 0.1.0. Open
/// files remain readable; entries that are being written end in `.part` and are left alone.
fn remove_outdated(input: &Input, context: &Context) -> Result<()> {
    let (prefix, now, old) = (prefix(input)?, format!("{:016x}.", key(input)?), old_prefix(input)?);
    // Files that cannot be removed, or are gone already, are harmless.
    for file in fs::read_dir(&context.cache).into_iter().flatten().flatten() {
        let name = file.file_name();
        let Some(name) = name.to_str().filter(|name| !name.ends_with(".part")) else { continue };
        let is_older = name.strip_prefix(&prefix).is_some_and(|rest| !rest.starts_with(&now));
        if is_older || name.starts_with(&old) {
            let _ = fs::remove_file(file.path());
        }
    }
    Ok(())
}

/// Returns the path of the entry of `input`, whether it exists or not. While the entry is written,
/// its name must end in `.part`.
pub(crate) fn path(input: &Input, context: &Context, ending: &str) -> Result<PathBuf> {
    let name = if context.by_content {
        prepared::key(input)?
    } else {
        format!("{}{:016x}", prefix(input)?, key(input)?)
    };
    Ok(context.cache.join(format!("{name}.{ending}")))
}

/// Returns the prefix of the names of all entries of a file, whatever its content.
fn prefix(input: &Input) -> Result<String> {
    let path = canonical_path(input)?;
    let hash = Fnv::new().add(path.as_os_str().as_bytes()).finish();
    Ok(format!("{}-{hash:032x}-", input.stem()))
}

/// Returns the prefix that version 0.1.0 used, which hashed with std's hasher.
fn old_prefix(input: &Input) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    canonical_path(input)?.hash(&mut hasher);
    Ok(format!("{}-{:016x}-", input.stem(), hasher.finish()))
}

fn canonical_path(input: &Input) -> Result<PathBuf> {
    match input {
        Input::Memory(path, _) => Ok(path.clone()),
        Input::File(path) => fs::canonicalize(path).map_err(|error| Error::io(path, error)),
        // Its query may be a secret, and another one each time.
        Input::Remote(_) => Ok(input.path().to_owned()),
    }
}

/// Returns the error for an entry that could not be written.
pub(crate) fn unwritable(context: &Context, error: &std::io::Error) -> Error {
    let why = format!("{error}; choose another folder for the cache with --cache-dir");
    Error::data(&context.cache, "", why)
}

/// Returns a hash of the file's size and modification time.
fn key(input: &Input) -> Result<u64> {
    let (length, changed) = match input {
        Input::Memory(_, bytes) => (bytes.len() as u64, 0),
        Input::File(path) => {
            let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
            let changed = metadata.modified().map_err(|error| Error::io(path, error))?;
            let since = changed.duration_since(SystemTime::UNIX_EPOCH);
            // For a time before the epoch, its distance serves as well.
            let since = since.unwrap_or_else(|before| before.duration());
            (metadata.len(), since.as_nanos())
        }
        Input::Remote(remote) => {
            let file = remote.file()?;
            (file.size(), Fnv::new().add(file.version_text().as_bytes()).finish())
        }
    };
    let hash = Fnv::new().add(&VERSION.to_le_bytes()).add(&length.to_le_bytes());
    Ok(hash.add(&changed.to_le_bytes()).finish() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(folder: &Path) -> Context {
        Context { cache: folder.join("cache"), ..Context::default() }
    }

    fn write_entry(input: &Input, context: &Context, content: &str) -> PathBuf {
        entry(input, context, "x", |mut out| {
            out.write_all(content.as_bytes()).unwrap();
            out.flush().unwrap();
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn an_entry_is_written_once_per_version_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::write(&path, "one").unwrap();
        let input = Input::File(path.clone());
        let first = write_entry(&input, &context, "1");
        assert_eq!(write_entry(&input, &context, "never written"), first);
        assert_eq!(fs::read_to_string(&first).unwrap(), "1");
        fs::write(&path, "longer").unwrap();
        assert_ne!(write_entry(&input, &context, "2"), first);
    }

    /// Returns the files in the cache.
    fn all(context: &Context) -> Vec<PathBuf> {
        let mut all: Vec<_> =
            fs::read_dir(&context.cache).unwrap().map(|file| file.unwrap().path()).collect();
        all.sort();
        all
    }

    #[test]
    fn entries_of_a_changed_file_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::create_dir(folder.path().join("other")).unwrap();
        let namesake = Input::File(folder.path().join("other/a.wig"));
        fs::write(namesake.path(), "one").unwrap();
        fs::write(&path, "one").unwrap();
        let input = Input::File(path.clone());
        let other = write_entry(&namesake, &context, "other");
        let first = write_entry(&input, &context, "1");
        let companion = first.with_extension("x.csi");
        fs::write(&companion, "its index").unwrap();
        // Another process may be writing it.
        let written = first.with_extension("y.part");
        fs::write(&written, "half").unwrap();
        fs::write(&path, "longer").unwrap();
        let second = write_entry(&input, &context, "2");
        let mut left = vec![other, written, second];
        left.sort();
        assert_eq!(all(&context), left);
    }

    #[test]
    fn names_are_stable_and_entries_of_the_first_version_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path());
        let memory = Input::Memory("a/b.wig".into(), b"12345");
        let name = path(&memory, &context, "bw").unwrap();
        let name = name.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, "b-49c6b81b644ff78da8ca00f3fd70525e-ebab799aa31f1b69.bw");
        let file = folder.path().join("a.wig");
        fs::write(&file, "one").unwrap();
        let input = Input::File(file);
        fs::create_dir(&context.cache).unwrap();
        let old = |ending: &str| {
            let name = format!("{}0123456789abcdef.{ending}", old_prefix(&input).unwrap());
            context.cache.join(name)
        };
        fs::write(old("bw"), "old").unwrap();
        fs::write(old("bw.part"), "being written").unwrap();
        let new = write_entry(&input, &context, "new");
        let mut left = vec![old("bw.part"), new];
        left.sort();
        assert_eq!(all(&context), left);
    }

    #[test]
    fn a_failed_entry_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::write(&path, "one").unwrap();
        let input = Input::File(path);
        let refused = entry(&input, &context, "x", |_| Err(Error::Input("refused".into())));
        assert_eq!(refused.unwrap_err().to_string(), "refused");
        assert_eq!(all(&context), [""; 0].map(PathBuf::from));
        assert!(write_entry(&input, &context, "whole").exists());
    }

    #[test]
    fn a_waiting_thread_writes_the_entry_if_the_first_one_fails() {
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
    fn a_file_left_by_a_crash_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, context) = (folder.path().join("a.wig"), context(folder.path()));
        fs::write(&path, "one").unwrap();
        let input = Input::File(path);
        let entry = write_entry(&input, &context, "whole");
        // As if the process had crashed before the rename, after writing more than the entry will
        // have.
        fs::write(entry.with_extension("x.part"), "half of something longer").unwrap();
        fs::remove_file(&entry).unwrap();
        write_entry(&input, &context, "whole");
        assert_eq!(fs::read_to_string(&entry).unwrap(), "whole");
        assert!(!entry.with_extension("x.part").exists());
    }

    #[test]
    fn of_many_threads_one_writes_and_all_read() {
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
