//! The budget of memory for what can be read again: decompressed blocks, indexes, and sums.

use super::block_cache::BLOCKS;
use super::remote;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Default of the option `--memory`, in bytes.
pub(crate) const DEFAULT: usize = 512 << 20;
/// Parts of the budget for decompressed blocks, for [`RECENT`], and for blocks of files on other
/// machines. What remains is for requests; the rows of small files are not counted.
const SHARES: [usize; 3] = [8, 4, 4];

/// Sets the budget of this process, in bytes.
pub(crate) fn set_budget(bytes: usize) {
    let [blocks, recent, remote] = SHARES.map(|share| bytes / share);
    BLOCKS.set_most(blocks);
    RECENT.set_most(recent);
    remote::set_memory(remote);
}

/// A value whose size in memory is known.
pub(crate) trait Size: Send + Sync {
    /// Returns its approximate size in bytes.
    fn size(&self) -> usize;
}

/// The indexes and sums of this process that were used last.
pub(crate) static RECENT: Recent = Recent::new(DEFAULT / SHARES[1]);

/// Values that were used last. Their owners hold weak references, and read a value again that is
/// gone.
pub(crate) struct Recent(Mutex<Used>);

/// The time of a value's last use, and the value.
type TimedValue = (u64, Arc<dyn Size>);

struct Used {
    /// By address.
    values: Option<HashMap<usize, TimedValue>>,
    /// The addresses by the time of the last use.
    by_time: BTreeMap<u64, usize>,
    bytes: usize,
    most: usize,
    now: u64,
}

impl Recent {
    pub(crate) const fn new(most: usize) -> Self {
        let by_time = BTreeMap::new();
        Recent(Mutex::new(Used { values: None, by_time, bytes: 0, most, now: 0 }))
    }

    fn set_most(&self, most: usize) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.most = most;
        used.make_room();
    }

    /// Keeps a value in memory until its space is needed for others that are used later.
    pub(crate) fn hold<T: Size + 'static>(&self, value: &Arc<T>) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.now += 1;
        let (now, address) = (used.now, Arc::as_ptr(value).addr());
        let values = used.values.get_or_insert_default();
        if let Some((last, _)) = values.get_mut(&address) {
            let last = std::mem::replace(last, now);
            used.by_time.remove(&last);
        } else {
            values.insert(address, (now, value.clone()));
            used.bytes += value.size();
        }
        used.by_time.insert(now, address);
        used.make_room();
    }
}

impl Used {
    /// Drops the values that were not used for longest; the last one stays, whatever its size.
    fn make_room(&mut self) {
        while self.bytes > self.most && self.by_time.len() > 1 {
            let oldest = self.by_time.pop_first().map(|(_, address)| address);
            let values = self.values.get_or_insert_default();
            if let Some((_, value)) = oldest.and_then(|address| values.remove(&address)) {
                self.bytes -= value.size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Size for [u8; 10] {
        fn size(&self) -> usize {
            10
        }
    }

    #[test]
    fn the_values_used_last_stay_within_the_budget() {
        let recent = Recent::new(30);
        let values: Vec<_> = (0..5u8).map(|n| Arc::new([n; 10])).collect();
        let is_held = |n: usize| Arc::strong_count(&values[n]) > 1;
        for n in [0, 1, 2, 0, 3] {
            recent.hold(&values[n]);
        }
        assert_eq!([0, 1, 2, 3].map(is_held), [true, false, true, true]);
        recent.set_most(15);
        assert_eq!([0, 2, 3].map(is_held), [false, false, true]);
        recent.set_most(5);
        recent.hold(&values[4]);
        assert_eq!([3, 4].map(is_held), [false, true], "the last one stays");
    }
}
