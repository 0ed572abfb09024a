//! What is made from a file once and read ever after, in the cache folder.
//!
//! A file's entry is named after its path, size and time of change, so a changed file gets a new
//! one, and what was made of the file as it was before goes. An entry is written aside and renamed
//! when it is whole. While it is written, a lock is held on it: a second process waits and then
//! finds it; after a crash the system releases the lock, and the next process begins again.

mod fnv;

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::private;
use crate::source::Context;
use fnv::Fnv;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

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

/// Writes a small entry as a whole, over one that may be there. Two that do so at once both succeed.
pub(crate) fn write_aside(entry: &Path, bytes: &[u8]) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let folder = entry.parent().unwrap_or(Path::new("."));
    private::create_folder(folder)?;
    let mut name = entry.as_os_str().to_owned();
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{number}.part", std::process::id()));
    let aside = PathBuf::from(name);
    let written = private::options().create(true).truncate(true).write(true).open(&aside);
    let written = written.and_then(|mut file| file.write_all(bytes));
    let written = written.and_then(|()| fs::rename(&aside, entry));
    written.inspect_err(|_| drop(fs::remove_file(&aside)))
}

/// Removes what was made of `input` as it was before it changed, and the oldest entries with that
/// ending, of any file, until those that are left have at most so many bytes.
pub(crate) fn make_room(
    input: &Input,
    context: &Context,
    ending: &str,
    most: u64,
) -> io::Result<()> {
    forget_others(input, context).map_err(io::Error::other)?;
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
    Ok(())
}

/// Removes what was made of `input` as it was before it changed, and by version 0.1.0. Whoever still
/// reads that goes on reading; what somebody writes has another ending until it is whole.
fn forget_others(input: &Input, context: &Context) -> Result<()> {
    let (place, now, old) = (place(input)?, format!("{:016x}.", key(input)?), old_place(input)?);
    // What cannot be removed, or is gone already, harms nobody.
    for file in fs::read_dir(&context.cache).into_iter().flatten().flatten() {
        let name = file.file_name();
        let Some(name) = name.to_str().filter(|name| !name.ends_with(".part")) else { continue };
        let is_older = name.strip_prefix(&place).is_some_and(|made| !made.starts_with(&now));
        if is_older || name.starts_with(&old) {
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
    let path = whole_path(input)?;
    let hash = Fnv::new().add(path.as_os_str().as_bytes()).finish();
    Ok(format!("{}-{hash:032x}-", input.stem()))
}

/// As [`place`] in version 0.1.0, whose hash only std knows.
fn old_place(input: &Input) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    whole_path(input)?.hash(&mut hasher);
    Ok(format!("{}-{:016x}-", input.stem(), hasher.finish()))
}

fn whole_path(input: &Input) -> Result<PathBuf> {
    match input {
        Input::Memory(path, _) => Ok(path.clone()),
        Input::File(path) => fs::canonicalize(path).map_err(|error| Error::io(path, error)),
        // Its query may be a secret, and another one each time.
        Input::Remote(_) => Ok(input.path().to_owned()),
    }
}

/// The error for an entry that could not be written.
pub(crate) fn unwritable(context: &Context, error: &std::io::Error) -> Error {
    let why = format!("{error}; choose another folder for the cache with --cache-dir");
    Error::data(&context.cache, "", why)
}

/// Stands for what the file holds.
fn key(input: &Input) -> Result<u64> {
    let (length, changed) = match input {
        Input::Memory(_, bytes) => (bytes.len() as u64, 0),
        Input::File(path) => {
            let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
            let changed = metadata.modified().map_err(|error| Error::io(path, error))?;
            let since = changed.duration_since(SystemTime::UNIX_EPOCH);
            // A time before that is as good as any, as long as it is always the same.
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
    fn names_are_fixed_for_ever_and_those_of_the_first_version_go() {
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
            let name = format!("{}0123456789abcdef.{ending}", old_place(&input).unwrap());
            context.cache.join(name)
        };
        fs::write(old("bw"), "old").unwrap();
        fs::write(old("bw.part"), "somebody writes it").unwrap();
        let new = made(&input, &context, "new");
        let mut left = vec![old("bw.part"), new];
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
