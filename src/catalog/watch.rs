//! Notices that files have changed on disk, and opens them again as a whole.
//!
//! Files are looked at every few seconds instead of having the system tell of changes: that works
//! on network drives too, where the system tells nothing, and a look at a file costs a microsecond.
//! A file is opened again when two looks in a row find the same version: until then it is still
//! being written. What cannot be opened is tried again, with growing pauses.

use super::Measurement;
use crate::bytes::{Input, Version};
use crate::error::{Error, Result};
use crate::source::Spec;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The first pause after a file could not be opened; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Endings of indexes: beside a file's whole name, and instead of its own ending.
const INDEXES: [&str; 6] = ["tbi", "csi", "bai", "crai", "fai", "gzi"];

/// The versions of a source's files: the file itself first, then what may lie beside it.
pub(super) type Versions = Vec<Option<Version>>;

/// What happened to a file that is served.
#[derive(Debug)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// Its measurements as they were.
    pub before: Vec<Arc<Measurement>>,
    /// Its measurements now that it is opened again; or why it cannot be.
    pub now: Result<Vec<Arc<Measurement>>>,
    /// Names of the sequences that are gone, or have another length now.
    pub changed_sequences: Vec<String>,
}

/// How the files are, and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Health {
    files: Mutex<HashMap<PathBuf, Watched>>,
    /// Why the last read of a measurement failed, by its id.
    reads: Mutex<BTreeMap<String, String>>,
    /// Counts the changes of what is wrong.
    revision: AtomicU64,
    reopened: AtomicU64,
}

/// A file, and what lies beside it.
#[derive(Debug)]
struct Watched {
    opened: Versions,
    seen: Versions,
    trouble: Option<String>,
    next_try: Instant,
    pause: Duration,
}

/// The versions of all files that a source is made of.
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

    /// Counts how often what is wrong has changed.
    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    /// How many files were opened again.
    pub(super) fn reopened(&self) -> u64 {
        self.reopened.load(Ordering::Relaxed)
    }

    /// How many files cannot be opened, or have changed and are not opened again yet.
    pub(super) fn troubled(&self) -> usize {
        self.files().values().filter(|file| file.trouble.is_some()).count()
    }

    /// A file was opened when it had these versions.
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

    /// What is wrong with a measurement, without folders of this machine.
    pub(super) fn trouble(&self, measurement: &Measurement) -> Option<String> {
        let path = measurement.spec.as_ref().map(|spec| spec.input.path());
        let of_file = path.and_then(|path| self.files().get(path)?.trouble.clone());
        let reads = || self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        of_file.or_else(|| reads().get(&measurement.id).cloned())
    }

    /// A read of these measurements has failed. Returns those of which this is news.
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

    /// A measurement can be read.
    pub(super) fn read(&self, id: &str) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if !reads.is_empty() && reads.remove(id).is_some() {
            self.changed();
        }
    }

    /// Takes note of the versions that files have now. Returns those that are to be opened again.
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
                        "{name}: there is no such file any more; what was read of it is shown until it comes back"
                    );
                    "the file is gone"
                } else {
                    tracing::warn!(
                        "{name} has changed on disk; it is opened again once it is written"
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

    /// A file could not be opened again; it is tried later.
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

    /// A file was opened again.
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
        // An index that comes, and one that goes.
        let index = folder.path().join("x.bed.tbi");
        std::fs::write(&index, "").unwrap();
        assert!(look().is_empty());
        assert_eq!(look().len(), 1);
        health.opened(&path, versions(&spec));
        std::fs::remove_file(&index).unwrap();
        assert!(look().is_empty());
        assert_eq!(look().len(), 1);
        // A file that is gone is waited for, and comes back as it was.
        health.opened(&path, versions(&spec));
        let aside = folder.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert!(look().is_empty() && look().is_empty());
        assert_eq!(trouble().unwrap(), "the file is gone");
        std::fs::rename(&aside, &path).unwrap();
        assert!(look().is_empty());
        assert_eq!(look().len(), 1);
        // One that cannot be opened is left alone for a while, unless it changes.
        health.not_opened(&path, &Error::data(&path, "line 3", "bad"));
        assert!(look().is_empty());
        assert_eq!(trouble().unwrap(), "the file cannot be opened: x.bed, line 3: bad");
        std::fs::write(&path, "mended and longer").unwrap();
        assert!(look().is_empty());
        assert_eq!(look().len(), 1);
        // What is no longer served is forgotten.
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
