//! The summaries of a signal's sequences: made once, kept in the cache folder, and in memory while
//! they are in use.

use super::saved::SavedSummary;
use super::{SignalSummary, StoredSummary};
use crate::bytes::Input;
use crate::bytes::memory::RECENT;
use crate::error::{Error, Result};
use crate::source::io::cache;
use crate::source::slots::Slots;
use crate::source::{Context, Shape};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};

/// Maximum bytes of summaries in the cache folder, over all dense or all sparse signals; the oldest
/// are removed first.
const IN_CACHE: u64 = 2 << 30;
/// Sequences shorter than this, in bases, are read again after a restart, in a few milliseconds.
const WORTH_SAVING: u32 = 4 << 20;

/// The summaries of one signal, by sequence index.
pub(crate) struct Summaries {
    slots: Slots<Slot>,
    cache: Option<SummaryFiles>,
    /// Whether summaries are made again when others needed their memory.
    is_evictable: bool,
}

struct SummaryFiles {
    /// The path of the files, without the sequence index and the ending.
    place: PathBuf,
    ending: &'static str,
    input: Input,
    context: Context,
}

#[derive(Default)]
enum Slot {
    /// Not made or opened yet.
    #[default]
    Unknown,
    /// Neither made nor saved yet.
    Missing,
    /// In the cache folder.
    Saved(Arc<SavedSummary>),
    /// Made again when needed, and perhaps in memory.
    Evictable(Weak<SignalSummary>),
    /// In memory only.
    Unsaved(Arc<SignalSummary>),
}

impl Summaries {
    pub(crate) fn new(input: &Input, context: &Context, shape: Shape) -> Self {
        let ending = if shape == Shape::Sparse { "points" } else { "sums" };
        let cached =
            |place| SummaryFiles { place, ending, input: input.clone(), context: context.clone() };
        // Built-in data is small, so its summaries are not saved.
        let place = cache::path(input, context, ending).ok();
        let place = place.filter(|_| !matches!(input, Input::Memory(..)));
        Summaries { slots: Slots::default(), cache: place.map(cached), is_evictable: false }
    }

    /// Allows summaries to be made again when others needed their memory.
    #[must_use]
    pub(crate) fn evictable(self) -> Self {
        Summaries { is_evictable: true, ..self }
    }

    /// Reads from the summary of the sequence with that index and length; `read` returns none if
    /// the summary cannot be read. If it is neither in memory nor in the cache folder, or damaged,
    /// the first caller makes it while others wait.
    ///
    /// # Errors
    /// The errors of `make`.
    pub(crate) fn read<T>(
        &self,
        sequence: usize,
        length: u32,
        make: impl Fn() -> Result<SignalSummary>,
        read: impl Fn(&StoredSummary) -> Option<T>,
    ) -> Result<T> {
        let mut summary = self.get(sequence, length, None, &make)?;
        if let Some(answer) = read(&summary) {
            return Ok(answer);
        }
        if let StoredSummary::Saved(unreadable) = &summary {
            summary = self.get(sequence, length, Some(unreadable), &make)?;
        }
        let unreadable = || Error::Bug("a summary that was just made cannot be read".into());
        read(&summary).ok_or_else(unreadable)
    }

    /// Returns a summary other than the `unreadable` one.
    fn get(
        &self,
        sequence: usize,
        length: u32,
        unreadable: Option<&Arc<SavedSummary>>,
        make: impl Fn() -> Result<SignalSummary>,
    ) -> Result<StoredSummary> {
        let slot = self.slots.of(sequence);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let is_unreadable = matches!((&*slot, unreadable),
            (Slot::Saved(known), Some(unreadable)) if Arc::ptr_eq(known, unreadable));
        if is_unreadable {
            *slot = Slot::Unknown;
        }
        let known = self.known_in(sequence, length, &mut slot, is_unreadable);
        if let Some(summary) = known {
            return Ok(summary);
        }
        let summary = Arc::new(make()?);
        let cache = self.cache.as_ref().filter(|_| length >= WORTH_SAVING);
        let saved = cache.and_then(|cache| cache.save(sequence, &summary));
        *slot = match saved {
            Some(saved) => Slot::Saved(Arc::new(saved)),
            None if self.is_evictable => {
                RECENT.hold(&summary);
                Slot::Evictable(Arc::downgrade(&summary))
            }
            None => Slot::Unsaved(summary.clone()),
        };
        // The others read the file, which may be removed meanwhile.
        Ok(StoredSummary::Memory(summary))
    }

    /// Returns the summary of a sequence if it is in memory or saved; does not wait while it is
    /// made.
    pub(crate) fn saved(&self, sequence: usize, length: u32) -> Option<StoredSummary> {
        let slot = self.slots.of(sequence);
        let mut slot = slot.try_lock().ok()?;
        let known = self.known_in(sequence, length, &mut slot, false);
        if known.is_none() && matches!(*slot, Slot::Unknown) {
            // It is not looked for each time.
            *slot = Slot::Missing;
        }
        known
    }

    /// Returns the summary of a sequence if it was requested before; does not wait.
    pub(crate) fn known(&self, sequence: usize, length: u32) -> Option<StoredSummary> {
        // The lock is held while the summary is made: it is not known yet.
        let slot = self.slots.known(sequence)?;
        let mut slot = slot.try_lock().ok()?;
        if matches!(*slot, Slot::Unknown | Slot::Missing) {
            return None;
        }
        self.known_in(sequence, length, &mut slot, false)
    }

    /// Returns the summary of a slot, which may be in the cache folder; `whole` makes sure that all
    /// of it can be read.
    fn known_in(
        &self,
        sequence: usize,
        length: u32,
        slot: &mut Slot,
        whole: bool,
    ) -> Option<StoredSummary> {
        match slot {
            Slot::Saved(summary) => return Some(StoredSummary::Saved(summary.clone())),
            Slot::Unsaved(summary) => return Some(StoredSummary::Memory(summary.clone())),
            Slot::Evictable(summary) => {
                let summary = summary.upgrade()?;
                RECENT.hold(&summary);
                return Some(StoredSummary::Memory(summary));
            }
            Slot::Missing => return None,
            Slot::Unknown => {}
        }
        let cache = self.cache.as_ref().filter(|_| length >= WORTH_SAVING)?;
        // A damaged summary is made again and its file overwritten.
        cache.fetch(sequence);
        let summary = SavedSummary::open(&cache.file(sequence))?;
        let summary = Arc::new(Some(summary).filter(|summary| !whole || summary.is_intact())?);
        *slot = Slot::Saved(summary.clone());
        Some(StoredSummary::Saved(summary))
    }
}

impl SummaryFiles {
    fn file(&self, sequence: usize) -> PathBuf {
        self.place.with_extension(self.ending(sequence))
    }

    fn ending(&self, sequence: usize) -> String {
        format!("{sequence}.{}", self.ending)
    }

    /// Copies the summary of a sequence from where it was prepared.
    fn fetch(&self, sequence: usize) {
        cache::fetch(&self.input, &self.context, &self.ending(sequence));
    }

    /// Saves a summary in the cache folder. Returns what was saved, if this succeeded.
    fn save(&self, sequence: usize, summary: &SignalSummary) -> Option<SavedSummary> {
        let file = self.file(sequence);
        let saved = cache::write_aside(&file, &summary.to_bytes())
            .and_then(|()| cache::make_room(&self.input, &self.context, self.ending, IN_CACHE));
        if let Err(error) = &saved {
            tracing::debug!("{} was not saved: {error}", file.display());
        }
        saved.ok().and_then(|()| SavedSummary::open(&file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn made(value: f32) -> Result<SignalSummary> {
        let length = WORTH_SAVING;
        SignalSummary::read(length, Shape::Dense, |stretch, take| {
            take(stretch.start, stretch.end, value);
            Ok(())
        })
    }

    fn value(summary: &StoredSummary) -> Option<f32> {
        Some(summary.sums(10, 3900..3901)?[0].max)
    }

    /// Returns the value in the summary of a sequence, which is made with the value 'make'.
    fn read(summaries: &Summaries, sequence: usize, make: f32) -> f32 {
        summaries.read(sequence, WORTH_SAVING, || made(make), value).unwrap()
    }

    #[test]
    fn a_sequence_is_read_once_and_found_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.bw");
        std::fs::write(&file, "content").unwrap();
        let (input, cache) = (Input::File(file.clone()), folder.path().join("cache"));
        let context = Context { cache: cache.clone(), ..Context::default() };
        let open = || Summaries::new(&input, &context, Shape::Dense);
        let first = open();
        assert!(first.known(1, WORTH_SAVING).is_none());
        assert_eq!(read(&first, 1, 7.0), 7.0);
        assert_eq!(read(&first, 1, -1.0), 7.0);
        let second = open();
        assert_eq!(read(&second, 1, -1.0), 7.0);
        assert_eq!(value(&second.known(1, WORTH_SAVING).unwrap()), Some(7.0));
        // Another sequence, and another version of the file.
        assert_eq!(read(&second, 0, 8.0), 8.0);
        std::fs::write(&file, "other content").unwrap();
        let third = open();
        assert_eq!(read(&third, 1, 9.0), 9.0);
        // Nothing is left of the previous version.
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_damaged_or_removed_while_it_is_in_use_is_made_again_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.bw");
        std::fs::write(&file, "content").unwrap();
        let input = Input::File(file);
        let context = Context { cache: folder.path().join("cache"), ..Context::default() };
        let open = || Summaries::new(&input, &context, Shape::Dense);
        assert_eq!(read(&open(), 1, 7.0), 7.0);
        let saved = std::fs::read_dir(&context.cache).unwrap().next().unwrap().unwrap().path();
        let summaries = open();
        assert!(summaries.read(1, WORTH_SAVING, || made(-1.0), |_| Some(())).is_ok());
        // The chunk with the asked bins is damaged, and the table of contents is not.
        let mut bytes = std::fs::read(&saved).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0);
        std::fs::write(&saved, &bytes).unwrap();
        let makes = Cell::new(0);
        let count = || {
            makes.set(makes.get() + 1);
            made(8.0)
        };
        for _ in 0..3 {
            assert_eq!(summaries.read(1, WORTH_SAVING, count, value).unwrap(), 8.0);
        }
        assert_eq!(makes.get(), 1);
        assert_eq!(read(&open(), 1, -1.0), 8.0);
        // Another process saved it, and the handle was closed: it is opened again.
        let summaries = open();
        assert!(summaries.read(1, WORTH_SAVING, count, |_| Some(())).is_ok());
        let other = folder.path().join("other");
        std::fs::copy(&saved, &other).unwrap();
        std::fs::write(&saved, "").unwrap();
        std::fs::rename(&other, &saved).unwrap();
        assert_eq!(summaries.read(1, WORTH_SAVING, count, value).unwrap(), 8.0);
        assert_eq!(makes.get(), 1);
    }

    #[test]
    fn where_nothing_can_be_saved_it_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.bw");
        std::fs::write(&file, "content").unwrap();
        // The cache folder cannot be created: its parent is a file.
        let context = Context { cache: file.join("cache"), ..Context::default() };
        let summaries = Summaries::new(&Input::File(file), &context, Shape::Dense);
        assert_eq!(read(&summaries, 0, 7.0), 7.0);
        assert_eq!(read(&summaries, 0, -1.0), 7.0);
    }
}
