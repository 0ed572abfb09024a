//! Detects files that have changed on disk, and reopens them as a whole.
//!
//! Files are polled every few seconds instead of relying on notifications from the system, which
//! are not sent for network drives; checking a file costs a microsecond.

use super::health::versions;
use super::{Catalog, Measurement};
use crate::error::Result;
use crate::source::{Spec, mark_used_entries, use_of_cache};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A change of a served file.
#[derive(Debug)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// Its measurements before the change.
    pub before: Vec<Arc<Measurement>>,
    /// Its measurements after it was reopened, or the reason why it cannot be.
    pub now: Result<Vec<Arc<Measurement>>>,
    /// Names of the sequences that were removed or have another length now.
    pub changed_sequences: Vec<String>,
}

impl Catalog {
    /// Returns how often to check whether files have changed; `None` for never.
    pub fn watches(&self) -> Option<Duration> {
        self.context.watch
    }

    /// Checks whether files have changed on disk, and reopens those that are completely written.
    pub async fn look_at_files(&self) -> Vec<FileChange> {
        let mut served: HashMap<PathBuf, Vec<Arc<Spec>>> = HashMap::new();
        for spec in self.listing().measurements().filter_map(|m| m.spec.clone()) {
            let specs = served.entry(spec.input.path().to_owned()).or_default();
            if !specs.iter().any(|known| Arc::ptr_eq(known, &spec)) {
                specs.push(spec);
            }
        }
        let (looking, health) = (served.clone(), self.health.clone());
        // Not in the pool of readers: a drive that hangs must not delay other requests.
        let due = tokio::task::spawn_blocking(move || {
            let now = looking
                .iter()
                .filter_map(|(path, specs)| Some((path.clone(), versions(specs.first()?))));
            mark_used_entries();
            health.look(&now.collect())
        });
        let mut changes = Vec::new();
        for path in due.await.unwrap_or_default() {
            let specs = served.remove(&path).unwrap_or_default();
            let was = self.listing();
            let (before, now) = match self.open_again(&specs).await {
                Ok((before, now)) => {
                    self.health.opened_again();
                    (before, Ok(now))
                }
                Err(error) => {
                    self.health.not_opened(&path, &error);
                    let of_file = |m: &&Arc<Measurement>| specs.iter().any(|spec| m.is_of(spec));
                    (was.measurements().filter(of_file).cloned().collect(), Err(error))
                }
            };
            let changed_sequences = self.changed_sequences(&was);
            changes.push(FileChange { path, before, now, changed_sequences });
        }
        changes
    }

    /// Asks servers whether files have changed there, and reopens those that have.
    pub async fn look_at_remote_files(&self) -> Vec<FileChange> {
        let mut served: Vec<Vec<Arc<Spec>>> = Vec::new();
        for spec in self.listing().measurements().filter_map(|m| m.spec.clone()) {
            match served.iter_mut().find(|specs| specs[0].input == spec.input) {
                Some(specs) if specs.iter().any(|known| Arc::ptr_eq(known, &spec)) => {}
                Some(specs) => specs.push(spec),
                None if spec.input.is_remote() => served.push(vec![spec]),
                None => {}
            }
        }
        let mut changes = Vec::new();
        for specs in served {
            let asked = specs.clone();
            let pool = self.pool_of(&specs[0]);
            let outdated = pool.run(move || {
                asked.iter().try_fold(false, |any, spec| Ok(any || spec.input.is_outdated()?))
            });
            match outdated.await {
                Ok(false) => continue,
                // Reads say what is wrong; the data that are known stay.
                Err(error) => {
                    tracing::debug!("whether it has changed is not known: {error}");
                    continue;
                }
                Ok(true) => {}
            }
            let path = specs[0].input.path().to_owned();
            let was = self.listing();
            specs.iter().for_each(|spec| spec.input.forget());
            let of_file = |m: &&Arc<Measurement>| specs.iter().any(|spec| m.is_of(spec));
            let old: Vec<_> = was.measurements().filter(of_file).cloned().collect();
            let (before, now) = match self.open_again(&specs).await {
                Ok((before, now)) => {
                    self.health.opened_again();
                    now.iter().for_each(|m| self.health.read(&m.id));
                    (before, Ok(now))
                }
                Err(error) => {
                    let ids: Vec<_> = old.iter().map(|m| m.id.as_str()).collect();
                    if !self.health.failed(&ids, &error).is_empty() {
                        tracing::error!("{error}; it is tried again");
                    }
                    (old, Err(error))
                }
            };
            let changed_sequences = self.changed_sequences(&was);
            changes.push(FileChange { path, before, now, changed_sequences });
        }
        changes
    }

    /// Returns the problem of a measurement: its file was deleted, has changed, or cannot be read.
    /// Files are named without their folders.
    pub fn trouble(&self, measurement: &Measurement) -> Option<String> {
        self.health.trouble(measurement)
    }

    /// Returns how often the result of [`Catalog::trouble`] has changed.
    pub fn trouble_revision(&self) -> u64 {
        self.health.revision()
    }

    /// Returns the number of files that were deleted, or have changed and are not reopened yet.
    pub fn troubled_files(&self) -> usize {
        self.health.troubled()
    }

    /// Returns the size of the cache folder in bytes, and the number of files that were removed
    /// because it was full.
    pub fn use_of_cache(&self) -> (u64, u64) {
        use_of_cache()
    }

    /// Returns the number of files that were reopened because they had changed.
    pub fn reopened_files(&self) -> u64 {
        self.health.reopened()
    }
}
