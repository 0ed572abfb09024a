//! Lines that are left out because of errors: how many, and the first one.

use crate::error::{Error, Result};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The lines of one file that `skip=errors` leaves out. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Skipped(Arc<Mutex<SkipState>>);

#[derive(Debug, Default)]
struct SkipState {
    count: u64,
    /// The number of the first line, and what is wrong with it.
    first: Option<(u64, String)>,
}

/// All are the same option, whatever they have counted.
impl PartialEq for Skipped {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Skipped {
    /// Resets the counts, before the file is read again.
    pub(crate) fn restart(&self) {
        *self.state() = SkipState::default();
    }

    /// Counts a line that is left out because of `error`.
    ///
    /// # Errors
    /// The same error if it concerns the whole file or the machine, not a line.
    pub(crate) fn count(&self, error: Error) -> Result<()> {
        self.count_many(1, error)
    }

    /// Counts several lines as [`Skipped::count`] does; `error` is that of the first.
    pub(crate) fn count_many(&self, lines: u64, error: Error) -> Result<()> {
        match error {
            Error::Data { place, message, .. } if !place.is_empty() => {
                let number = place.rsplit(' ').next().and_then(|number| number.parse().ok());
                let number = number.unwrap_or(u64::MAX);
                let mut state = self.state();
                state.count += lines;
                if state.first.as_ref().is_none_or(|(first, _)| number < *first) {
                    state.first = Some((number, format!("{place}: {message}")));
                }
                Ok(())
            }
            other => Err(other),
        }
    }

    /// Returns how many lines were left out and why the first was; none if there are none.
    pub fn summary(&self) -> Option<String> {
        let state = self.state();
        let (_, first) = state.first.as_ref()?;
        let lines = if state.count == 1 { "line" } else { "lines" };
        Some(format!("{} {lines}, the first is {first}", state.count))
    }

    /// Logs a warning about the lines left out of a file.
    pub(crate) fn tell(&self, path: &Path) {
        if let Some(summary) = self.summary() {
            tracing::warn!("{}: left out {summary}", path.display());
        }
    }

    /// Saves the counts, beside the data made from the file.
    pub(crate) fn save(&self, path: &Path) -> std::io::Result<()> {
        let state = self.state();
        let first = state.first.as_ref().map(|(number, why)| format!("{number}\t{why}"));
        std::fs::write(path, format!("{}\t{}", state.count, first.unwrap_or_default()))
    }

    /// Loads the counts that were saved when the file was read; none if there are none.
    pub(crate) fn load(&self, path: &Path) -> Option<()> {
        let text = std::fs::read_to_string(path).ok()?;
        let (count, first) = text.split_once('\t')?;
        let first = first.split_once('\t');
        let first = first.map(|(number, why)| Some((number.parse().ok()?, why.to_owned())));
        *self.state() = SkipState { count: count.parse().ok()?, first: first.flatten() };
        Some(())
    }

    fn state(&self) -> MutexGuard<'_, SkipState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_told_whoever_comes_first() {
        let skipped = Skipped::default();
        assert_eq!(skipped.summary(), None);
        let at = |line: u32| Error::data(Path::new("x"), format!("line {line}"), "is bad");
        skipped.count(at(100)).unwrap();
        assert_eq!(skipped.summary().unwrap(), "1 line, the first is line 100: is bad");
        skipped.count(at(20)).unwrap();
        assert_eq!(skipped.summary().unwrap(), "2 lines, the first is line 20: is bad");
        let whole = Error::data(Path::new("x"), "", "takes too much memory");
        assert!(skipped.count(whole).is_err(), "an error of the whole file is none of a line");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("skipped");
        skipped.save(&path).unwrap();
        let again = Skipped::default();
        again.load(&path).unwrap();
        assert_eq!(again.summary(), skipped.summary());
        again.restart();
        assert_eq!(again.summary(), None);
    }
}
