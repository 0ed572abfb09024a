//! What is known of the files: their versions, and what is wrong with them.
//!
//! A file is reopened when two checks in a row find the same version: until then it is still being
//! written. A file that cannot be opened is tried again after increasing pauses.

use super::Measurement;
use crate::bytes::{Input, Version};
use crate::error::Error;
use crate::source::Spec;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The pause after the first failure to open a file; each further pause is twice as long.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Endings of indexes, appended to a file's whole name or replacing its own ending.
const INDEXES: [&str; 6] = ["tbi", "csi", "bai", "crai", "fai", "gzi"];

/// The versions of a source's files: the file itself, then those that may accompany it.
pub(super) type Versions = Vec<Option<Version>>;

/// The state of the files, and their problems.
#[derive(Debug, Default)]
pub(super) struct Health {
    files: Mutex<HashMap<PathBuf, Watched>>,
    /// The reason why the last read of a measurement failed, by its id.
    reads: Mutex<BTreeMap<String, String>>,
    /// The number of changes of the problems.
    revision: AtomicU64,
    reopened: AtomicU64,
}

/// The state of a file and of those that accompany it.
#[derive(Debug)]
struct Watched {
    opened: Versions,
    seen: Versions,
    trouble: Option<String>,
    next_try: Instant,
    pause: Duration,
}

/// Returns the versions of all files of a source.
pub(super) fn versions(spec: &Spec) -> Versions {
    let Input::File(path) = &spec.input else { return Vec::new() };
    let longer = |ending: &str| {
        let mut name = OsString::from(path);
        name.push(format!(".{ending}"));
        PathBuf::from(name)
    };
    let beside = INDEXES.iter().flat_map(|ending| [longer(ending), path.with_extension(ending)]);
    let named = [&spec.options.samples, &spec.options.reference].into_iter().flatten().cloned();
    let all = std::iter::once(path.clone()).chain(beside).chain(named);
    all.map(|path| Version::at(&path)).collect()
}

impl Health {
    fn files(&self) -> MutexGuard<'_, HashMap<PathBuf, Watched>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.revision.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how often the problems have changed.
    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    /// Returns how often files were reopened.
    pub(super) fn reopened(&self) -> u64 {
        self.reopened.load(Ordering::Relaxed)
    }

    /// Returns how many files cannot be opened, or have changed and are not reopened yet.
    pub(super) fn troubled(&self) -> usize {
        self.files().values().filter(|file| file.trouble.is_some()).count()
    }

    /// Records that a file was opened with these versions.
    pub(super) fn opened(&self, path: &Path, versions: Versions) {
        let watched = Watched {
            opened: versions.clone(),
            seen: versions,
            trouble: None,
            next_try: Instant::now(),
            pause: PAUSE,
        };
        if self.files().insert(path.to_owned(), watched).is_some() {
            self.changed();
        }
    }

    /// Returns the problem of a measurement, without folders of this machine.
    pub(super) fn trouble(&self, measurement: &Measurement) -> Option<String> {
        let path = measurement.spec.as_ref().map(|spec| spec.input.path());
        let of_file = path.and_then(|path| self.files().get(path)?.trouble.clone());
        let reads = || self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        of_file.or_else(|| reads().get(&measurement.id).cloned())
    }

    /// Records that a read of these measurements failed. Returns those for which this is new.
    pub(super) fn failed(&self, ids: &[&str], error: &Error) -> Vec<String> {
        let text = error.for_page();
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = |id: &&&str| reads.get(**id) != Some(&text);
        let news: Vec<_> = ids.iter().filter(is_news).map(ToString::to_string).collect();
        reads.extend(news.iter().map(|id| (id.clone(), text.clone())));
        if !news.is_empty() {
            self.changed();
        }
        news
    }

    /// Records that a measurement can be read.
    pub(super) fn read(&self, id: &str) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if !reads.is_empty() && reads.remove(id).is_some() {
            self.changed();
        }
    }

    /// Records the current versions of the files. Returns the files to reopen.
    pub(super) fn look(&self, now: &HashMap<PathBuf, Versions>) -> Vec<PathBuf> {
        let mut files = self.files();
        files.retain(|path, _| now.contains_key(path));
        let mut due = Vec::new();
        for (path, versions) in now {
            let Some(file) = files.get_mut(path) else { continue };
            if *versions != file.seen {
                file.seen.clone_from(versions);
                (file.next_try, file.pause) = (Instant::now(), PAUSE);
                let name = path.display();
                let what = if versions.first() == Some(&None) {
                    tracing::error!(
                        "{name}: the file no longer exists; the data read before are shown until it is back"
                    );
                    "the file is gone"
                } else {
                    tracing::warn!(
                        "{name} has changed on disk; it is reopened once it is complete"
                    );
                    "the file has changed and is opened again"
                };
                file.trouble = Some(what.to_owned());
                self.changed();
            } else if (file.trouble.is_some() || *versions != file.opened)
                && versions.first() != Some(&None)
                && Instant::now() >= file.next_try
            {
                due.push(path.clone());
            }
        }
        due
    }

    /// Records that a file could not be reopened, and when to try it again.
    pub(super) fn not_opened(&self, path: &Path, error: &Error) {
        let text = format!("the file cannot be opened: {}", error.for_page());
        if let Some(file) = self.files().get_mut(path) {
            file.next_try = Instant::now() + file.pause;
            file.pause = (file.pause * 2).min(LONGEST_PAUSE);
            if file.trouble.as_ref() != Some(&text) {
                tracing::error!("{error}; it is tried again");
                file.trouble = Some(text);
                self.changed();
            }
        }
    }

    /// Records that a file was reopened.
    pub(super) fn opened_again(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
        self.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_opened_again_once_it_is_at_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bed");
        let spec = Spec::file(&path);
        let health = Health::default();
        let look = || health.look(&HashMap::from([(path.clone(), versions(&spec))]));
        let trouble = || health.files()[&path].trouble.clone();
        std::fs::write(&path, "one").unwrap();
        health.opened(&path, versions(&spec));
        assert!(look().is_empty() && trouble().is_none());
        for text in ["half of ", "half of it"] {
            std::fs::write(&path, text).unwrap();
            assert!(look().is_empty(), "it is still being written");
            assert!(trouble().unwrap().contains("has changed"));
        }
        assert_eq!(look(), std::slice::from_ref(&path));
        health.opened(&path, versions(&spec));
        assert!(look().is_empty() && trouble().is_none());
        // An index appears, then disappears.
        let index = folder.path().join("x.bed.tbi");
        std::fs::write(&index, "").unwrap();
        assert!(look().is_empty());
        assert_eq!(look().len(), 1);
        health.opened(&path, versions(&spec));
        std::fs::remove_file(&index).unwrap();
        assert!(look().is_empty());
        assert_eq!(look().len(), 1);
        // A file that disappeared is reopened when it returns unchanged.
        health.opened(&path, versions(&spec));
        let aside = folder.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert!(look().is_empty() && look().is_empty());
        assert_eq!(trouble().unwrap(), "the file is gone");
        std::fs::rename(&aside, &path).unwrap();
        assert!(look().is_empty());
        assert_eq!(look().len(), 1);
        // A file that cannot be opened is not tried for a while, unless it changes.
        health.not_opened(&path, &Error::data(&path, "line 3", "bad"));
        assert!(look().is_empty());
        assert_eq!(trouble().unwrap(), "the file cannot be opened: x.bed, line 3: bad");
        std::fs::write(&path, "mended and longer").unwrap();
        assert!(look().is_empty());
        assert_eq!(look().len(), 1);
        // Files that are no longer served are forgotten.
        assert!(health.look(&HashMap::new()).is_empty() && health.files().is_empty());
    }

    #[test]
    fn a_failed_read_is_news_once_and_over_when_one_succeeds() {
        let health = Health::default();
        let error = Error::data(Path::new("/home/ada/x.bw"), "offset 7", "is damaged");
        assert_eq!(health.failed(&["a", "b"], &error), ["a", "b"]);
        assert!(health.failed(&["a"], &error).is_empty());
        assert_eq!(health.revision(), 1);
        health.read("a");
        health.read("none");
        assert_eq!((health.revision(), health.failed(&["a"], &error).len()), (2, 1));
    }
}
