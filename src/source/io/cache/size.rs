//! The size of the cache folder: what was not used for longest is removed first.
//!
//! The time of the last access marks the use of an entry. It is set explicitly, since many systems
//! do not record it, and changing it, unlike the time of the last write, does not make the entry look
//! like another version to those who have it open.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Entries that another process may have in use: those that were used within this time. A process
/// marks its own more often.
const IN_USE: Duration = Duration::from_secs(3600);
/// How often a process marks the entries that it has in use.
const MARK_EVERY: Duration = Duration::from_secs(600);

/// The entries that this process has in use, and when they were last marked. They are not removed,
/// since a file that was closed to save handles is opened again by its path.
static USED: Mutex<(Option<SystemTime>, Vec<PathBuf>)> = Mutex::new((None, Vec::new()));
static BYTES: AtomicU64 = AtomicU64::new(0);
static REMOVED: AtomicU64 = AtomicU64::new(0);

/// Returns the size of the cache folder in bytes, when it was last looked at, and the number of files
/// that were removed because it was full.
pub(crate) fn use_of_cache() -> (u64, u64) {
    (BYTES.load(Ordering::Relaxed), REMOVED.load(Ordering::Relaxed))
}

/// Marks an entry as used by this process.
pub(super) fn mark(entry: &Path) {
    touch(entry);
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    if !used.1.iter().any(|known| known == entry) {
        used.1.push(entry.to_owned());
    }
}

fn touch(entry: &Path) {
    // A file system without such times removes the entries that were written first.
    let now = FileTimes::new().set_accessed(SystemTime::now());
    let _ = File::open(entry).and_then(|file| file.set_times(now));
}

/// Marks the entries that this process has in use again, from time to time.
pub(crate) fn mark_used_entries() {
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    let now = SystemTime::now();
    let is_recent = |last: SystemTime| now.duration_since(last).is_ok_and(|age| age < MARK_EVERY);
    if used.0.is_some_and(is_recent) {
        return;
    }
    used.0 = Some(now);
    used.1.retain(|entry| entry.exists());
    used.1.iter().for_each(|entry| touch(entry));
}

/// The files of one version of an input: an entry, its index and what else belongs to it.
#[derive(Default)]
struct Group {
    bytes: u64,
    used: Option<SystemTime>,
    files: Vec<PathBuf>,
}

/// Removes the files that were not used for longest until those in the folder have at most `most`
/// bytes. Files that this process has in use stay, and those that another one may have.
pub(super) fn bound(folder: &Path, most: u64) -> io::Result<()> {
    let mut groups: HashMap<String, Group> = HashMap::new();
    for file in fs::read_dir(folder)?.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let Ok(about) = file.metadata() else { continue };
        // What is being written has an owner.
        if !about.is_file() || name.ends_with(".part") {
            continue;
        }
        let group = groups.entry(group(&name).to_owned()).or_default();
        group.bytes += about.len();
        let times = [about.accessed().ok(), about.modified().ok()];
        group.used = times.into_iter().flatten().chain(group.used).max();
        group.files.push(file.path());
    }
    let mut bytes: u64 = groups.values().map(|group| group.bytes).sum();
    if bytes > most {
        let used = USED.lock().unwrap_or_else(PoisonError::into_inner);
        let own: HashSet<_> = used
            .1
            .iter()
            .filter(|entry| entry.parent() == Some(folder))
            .filter_map(|entry| Some(group(entry.file_name()?.to_str()?).to_owned()))
            .collect();
        drop(used);
        let now = SystemTime::now();
        let is_in_use = |group: &Group| {
            let age = group.used.and_then(|used| now.duration_since(used).ok());
            age.is_none_or(|age| age < IN_USE)
        };
        groups.retain(|name, group| !own.contains(name) && !is_in_use(group));
        let mut oldest: Vec<_> = groups.into_values().collect();
        oldest.sort_by_key(|group| group.used);
        for group in oldest {
            // A tenth is left free, so that this is not repeated for each new entry.
            if bytes <= most - most / 10 {
                break;
            }
            for file in group.files {
                if fs::remove_file(&file).is_ok() {
                    REMOVED.fetch_add(1, Ordering::Relaxed);
                }
            }
            bytes -= group.bytes;
        }
        if bytes > most {
            let (folder, bytes, most) = (folder.display(), bytes >> 20, most >> 20);
            tracing::warn!(
                "the cache folder {folder} has {bytes} MiB, more than --cache-size ({most}); all \
                 of it is in use"
            );
        }
    }
    BYTES.store(bytes, Ordering::Relaxed);
    Ok(())
}

/// Returns the part of a file's name that is common to all files of one version of an input:
/// `x-HASH-KEY` of `x-HASH-KEY.bw`.
fn group(name: &str) -> &str {
    let key = name.rfind('-').unwrap_or(0);
    let end = name[key..].find('.').map_or(name.len(), |dot| key + dot);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_is_removed_with_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3600);
        let write = |name: &str, hours: u32| {
            let path = folder.path().join(name);
            fs::write(&path, [0; 100]).unwrap();
            let then = SystemTime::now() - hour * hours;
            let times = FileTimes::new().set_accessed(then).set_modified(then);
            File::open(&path).unwrap().set_times(times).unwrap();
            path
        };
        let oldest = [write("a.b-0-1.bed", 9), write("a.b-0-1.bed.csi", 9)];
        // It was written first, but has been used since.
        let reused = write("c-0-1.bw", 10);
        let modified = fs::metadata(&reused).unwrap().modified().unwrap();
        touch(&reused);
        assert_eq!(fs::metadata(&reused).unwrap().modified().unwrap(), modified);
        let own = write("d-0-1.bw", 20);
        USED.lock().unwrap().1.push(own.clone());
        let part = write("e-0-1.bw.part", 30);
        let old = write("f-0-1.bw", 5);
        bound(folder.path(), 600).unwrap();
        assert!(oldest.iter().all(|path| path.exists()), "500 bytes are within the limit");
        bound(folder.path(), 450).unwrap();
        assert!(oldest.iter().all(|path| !path.exists()));
        bound(folder.path(), 350).unwrap();
        assert!([&reused, &own, &part, &old].iter().all(|path| path.exists()));
        bound(folder.path(), 10).unwrap();
        assert!([&reused, &own, &part].iter().all(|path| path.exists()), "they are in use");
        assert!(!old.exists());
    }
}
