//! The summaries of a signal's sequences: made once, kept in the cache folder, and in memory while
//! they are in use.

use super::SignalSummary;
use crate::bytes::Input;
use crate::bytes::memory::{RECENT, Size};
use crate::error::Result;
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
    cache: Option<SavedSummaries>,
    /// Whether summaries that are not in the cache folder are made again when others needed their
    /// memory.
    is_evictable: bool,
}

struct SavedSummaries {
    /// The path of the files, without the sequence index and the ending.
    place: PathBuf,
    ending: &'static str,
    input: Input,
    context: Context,
}

#[derive(Default)]
enum Slot {
    /// Not made or loaded yet.
    #[default]
    Unknown,
    /// In the cache folder, or made again when needed, and perhaps in memory.
    Saved(Weak<SignalSummary>),
    /// In memory only.
    Unsaved(Arc<SignalSummary>),
}

impl Summaries {
    pub(crate) fn new(input: &Input, context: &Context, shape: Shape) -> Self {
        let ending = if shape == Shape::Sparse { "points" } else { "sums" };
        let cached = |place| SavedSummaries {
            place,
            ending,
            input: input.clone(),
            context: context.clone(),
        };
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

    /// Returns the summary of the sequence with that index and length. If it is neither in memory
    /// nor in the cache folder, the first caller makes it while others wait.
    ///
    /// # Errors
    /// The errors of `make`.
    pub(crate) fn get(
        &self,
        sequence: usize,
        length: u32,
        make: impl FnOnce() -> Result<SignalSummary>,
    ) -> Result<Arc<SignalSummary>> {
        let slot = self.slots.of(sequence);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(summary) = self.load(sequence, length, &mut slot) {
            return Ok(summary);
        }
        let summary = Arc::new(make()?);
        let cache = self.cache.as_ref().filter(|_| length >= WORTH_SAVING);
        let saved = cache.is_some_and(|cache| cache.save(sequence, &summary));
        *slot = if saved || self.is_evictable {
            RECENT.hold(&summary);
            Slot::Saved(Arc::downgrade(&summary))
        } else {
            Slot::Unsaved(summary.clone())
        };
        Ok(summary)
    }

    /// Returns the summary of a sequence if it was requested before.
    pub(crate) fn known(&self, sequence: usize, length: u32) -> Option<Arc<SignalSummary>> {
        // The lock is held while the summary is made: it is not known yet.
        let slot = self.slots.known(sequence)?;
        let mut slot = slot.try_lock().ok()?;
        if matches!(*slot, Slot::Unknown) {
            return None;
        }
        self.load(sequence, length, &mut slot)
    }

    fn load(&self, sequence: usize, length: u32, slot: &mut Slot) -> Option<Arc<SignalSummary>> {
        match slot {
            Slot::Unsaved(summary) => return Some(summary.clone()),
            Slot::Saved(summary) => {
                if let Some(summary) = summary.upgrade() {
                    RECENT.hold(&summary);
                    return Some(summary);
                }
            }
            Slot::Unknown => {}
        }
        let cache = self.cache.as_ref().filter(|_| length >= WORTH_SAVING)?;
        let bytes = std::fs::read(cache.file(sequence)).ok()?;
        // A damaged summary is made again and its file overwritten.
        let summary = Arc::new(SignalSummary::from_bytes(&bytes)?);
        RECENT.hold(&summary);
        *slot = Slot::Saved(Arc::downgrade(&summary));
        Some(summary)
    }
}

impl SavedSummaries {
    fn file(&self, sequence: usize) -> PathBuf {
        self.place.with_extension(format!("{sequence}.{}", self.ending))
    }

    /// Saves a summary in the cache folder. Returns whether this succeeded.
    fn save(&self, sequence: usize, summary: &SignalSummary) -> bool {
        let file = self.file(sequence);
        let saved = cache::write_aside(&file, &summary.to_bytes())
            .and_then(|()| cache::make_room(&self.input, &self.context, self.ending, IN_CACHE));
        if let Err(error) = &saved {
            tracing::debug!("{} was not saved: {error}", file.display());
        }
        saved.is_ok()
    }
}

impl Size for SignalSummary {
    fn size(&self) -> usize {
        SignalSummary::size(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(value: f32) -> Result<SignalSummary> {
        let length = WORTH_SAVING;
        SignalSummary::read(length, Shape::Dense, |_, take| {
            take(0, 10, value);
            Ok(())
        })
    }

    fn value(summary: &SignalSummary) -> f32 {
        summary.sums(13, 0..1)[0].max
    }

    #[test]
    fn a_sequence_is_read_once_and_found_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.bw");
        std::fs::write(&file, "content").unwrap();
        let (input, cache) = (Input::File(file.clone()), folder.path().join("cache"));
        let context = Context { cache: cache.clone(), ..Context::default() };
        let open = || Summaries::new(&input, &context, Shape::Dense);
        let never = || panic!("it is known");
        let first = open();
        assert!(first.known(1, WORTH_SAVING).is_none());
        assert_eq!(value(&first.get(1, WORTH_SAVING, || made(7.0)).unwrap()), 7.0);
        assert_eq!(value(&first.get(1, WORTH_SAVING, never).unwrap()), 7.0);
        let second = open();
        assert_eq!(value(&second.get(1, WORTH_SAVING, never).unwrap()), 7.0);
        assert_eq!(value(&second.known(1, WORTH_SAVING).unwrap()), 7.0);
        // Another sequence, and another version of the file.
        assert_eq!(value(&second.get(0, WORTH_SAVING, || made(8.0)).unwrap()), 8.0);
        std::fs::write(&file, "other content").unwrap();
        let third = open();
        assert_eq!(value(&third.get(1, WORTH_SAVING, || made(9.0)).unwrap()), 9.0);
        // Nothing is left of the previous version.
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1);
    }

    #[test]
    fn where_nothing_can_be_saved_it_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.bw");
        std::fs::write(&file, "content").unwrap();
        // The cache folder cannot be created: its parent is a file.
        let context = Context { cache: file.join("cache"), ..Context::default() };
        let summaries = Summaries::new(&Input::File(file), &context, Shape::Dense);
        assert_eq!(value(&summaries.get(0, WORTH_SAVING, || made(7.0)).unwrap()), 7.0);
        let again = summaries.get(0, WORTH_SAVING, || panic!("it is known")).unwrap();
        assert_eq!(value(&again), 7.0);
    }
}
