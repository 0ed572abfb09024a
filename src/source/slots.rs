//! What is made of a sequence when it is first needed, such as a summary or a rank index.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A slot for each sequence that has been requested, by index: of a million sequences few are.
#[derive(Debug)]
pub(crate) struct Slots<T>(Mutex<HashMap<usize, Arc<Mutex<T>>>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots(Mutex::default())
    }
}

impl<T: Default> Slots<T> {
    /// Returns the slot of a sequence, which is empty at first. Whoever fills it holds its lock, so
    /// that others wait.
    pub(crate) fn of(&self, sequence: usize) -> Arc<Mutex<T>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(sequence).or_default().clone()
    }

    /// Returns the slot of a sequence if it has been requested.
    pub(crate) fn known(&self, sequence: usize) -> Option<Arc<Mutex<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&sequence).cloned()
    }
}
