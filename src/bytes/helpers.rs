//! Spreads work over the cores, with threads that end with the work.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

/// The helpers that all work of the process shares.
pub(crate) static HELPERS: LazyLock<Helpers> = LazyLock::new(|| {
    // One for each core, except that of the calling thread.
    Helpers(AtomicUsize::new(cores().saturating_sub(1)))
});

/// Largest number of helpers that wait for other machines at once.
pub(crate) const REMOTE: usize = 32;
/// The helpers that read from other machines: waiting for a server needs no core.
pub(crate) static REMOTE_HELPERS: Helpers = Helpers(AtomicUsize::new(REMOTE));

/// Returns the number of cores that this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The number of threads that may be started to help with work. No caller waits for one: a caller
/// that gets none does all of its work itself, so that callers cannot deadlock.
#[derive(Debug)]
pub(crate) struct Helpers(AtomicUsize);

impl Helpers {
    /// Applies `work` to each item. Returns the results in the order of the items.
    pub(crate) fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> R + Sync,
    ) -> Vec<R> {
        let hired = self.hire(items.len().saturating_sub(1));
        if hired.0 == 0 {
            return items.iter().map(work).collect();
        }
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(items.len()));
        let run = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(at) else { break };
                let result = work(item);
                done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
            }
        };
        thread::scope(|scope| {
            for _ in 0..hired.0 {
                // If a thread cannot be started, the others do its work.
                let _ = thread::Builder::new().spawn_scoped(scope, run);
            }
            run();
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, result)| result).collect()
    }

    fn hire(&self, wanted: usize) -> Hired<'_> {
        let take = |spare: usize| Some(spare.saturating_sub(wanted));
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        Hired(before.unwrap_or_default().min(wanted), self)
    }
}

/// A number of helpers that is given back when the work ends, even if it panics.
struct Hired<'h>(usize, &'h Helpers);

impl Drop for Hired<'_> {
    fn drop(&mut self) {
        self.1.0.fetch_add(self.0, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn results_come_in_order_and_helpers_are_given_back() {
        let helpers = Helpers(AtomicUsize::new(3));
        let items: Vec<u32> = (0..1000).collect();
        let squares: Vec<u32> = items.iter().map(|n| n * n).collect();
        assert_eq!(helpers.map(&items, |n| n * n), squares);
        assert!(helpers.map(&items[..0], |n| n * n).is_empty());
        let panics = || helpers.map(&items, |n| assert!(*n < 500));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(helpers.0.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn items_are_worked_on_at_the_same_time_and_nested_work_does_not_wait() {
        let helpers = Helpers(AtomicUsize::new(1));
        // Each of the two items waits for the other, and has nested work with no helper left.
        let barrier = Barrier::new(2);
        let sums = helpers.map(&[10, 20], |n| {
            barrier.wait();
            helpers.map(&[1, 2, 3], |m| n + m).into_iter().sum::<u32>()
        });
        assert_eq!(sums, [36, 66]);
    }
}
