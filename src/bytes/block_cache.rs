//! A cache of decompressed blocks, by blob and offset, that all readers share; bounded in bytes.
//!
//! It uses the S3-FIFO policy (Yang et al., "FIFO queues are all you need for cache eviction", SOSP
//! 2023): a new block waits in a short queue, and moves to the long one only if it is requested
//! again. So reading a whole file evicts no blocks that are used repeatedly.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Largest total memory of all blocks, in bytes, until [`BlockCache::set_most`] changes it.
const BYTES: usize = 64 << 20;
/// Number of shards: threads that want different blocks seldom wait for each other.
const SHARDS: usize = 16;
/// Denominator of the fraction of a shard that is for blocks requested once.
const NEW: usize = 10;
/// Approximate size of an entry besides its bytes, in bytes.
const OVERHEAD: usize = 128;
/// Largest use count: how often a used block is put back into the queue.
const MOST_USES: u8 = 3;

/// The cache of this process.
pub(crate) static BLOCKS: BlockCache = BlockCache::new(BYTES);

/// A decompressed block.
#[derive(Debug, Default)]
pub(crate) struct CachedBlock {
    pub(crate) bytes: Vec<u8>,
    /// Offset of the next block, in containers that show it.
    pub(crate) next: u64,
}

/// A blob's [id](super::Blob::id), and an offset in it.
pub(crate) type BlockKey = (u64, u64);

/// A cache of blocks by blob and offset.
#[derive(Debug)]
pub(crate) struct BlockCache {
    shards: [Mutex<Option<Shard>>; SHARDS],
    /// Largest total memory, in bytes.
    most: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<BlockKey, CacheEntry>,
    new: VecDeque<BlockKey>,
    known: VecDeque<BlockKey>,
    new_bytes: usize,
    known_bytes: usize,
    /// Keys of blocks that were evicted before a second use; if they come back, they stay.
    ghosts: HashSet<BlockKey>,
    ghost_queue: VecDeque<BlockKey>,
}

#[derive(Debug)]
struct CacheEntry {
    block: Arc<CachedBlock>,
    uses: u8,
}

impl CacheEntry {
    fn bytes(&self) -> usize {
        self.block.bytes.capacity() + OVERHEAD
    }
}

impl BlockCache {
    pub(crate) const fn new(bytes: usize) -> Self {
        BlockCache { shards: [const { Mutex::new(None) }; SHARDS], most: AtomicUsize::new(bytes) }
    }

    /// Sets the largest total memory, in bytes; blocks beyond it go when others come.
    pub(crate) fn set_most(&self, bytes: usize) {
        self.most.store(bytes, Ordering::Relaxed);
    }

    /// Returns the block with a key, if it is cached.
    pub(crate) fn get(&self, key: BlockKey) -> Option<Arc<CachedBlock>> {
        self.with_shard(key, |shard| {
            let entry = shard.entries.get_mut(&key)?;
            entry.uses = (entry.uses + 1).min(MOST_USES);
            Some(entry.block.clone())
        })
    }

    /// Stores a block for other readers.
    pub(crate) fn insert(&self, key: BlockKey, block: &Arc<CachedBlock>) {
        let most = self.most.load(Ordering::Relaxed) / SHARDS;
        self.with_shard(key, |shard| shard.insert(key, block.clone(), most));
    }

    fn with_shard<T>(&self, key: BlockKey, work: impl FnOnce(&mut Shard) -> T) -> T {
        // The higher bits of block offsets have no pattern; this spreads the blocks.
        let hash = (key.0 ^ key.1.rotate_left(20)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let shard = &self.shards[(hash >> 60) as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        work(shard.get_or_insert_default())
    }

    /// Returns the number of bytes that all blocks take.
    #[cfg(test)]
    fn used(&self) -> usize {
        let used = |shard: &Mutex<Option<Shard>>| {
            let shard = shard.lock().unwrap();
            shard.as_ref().map_or(0, |shard| shard.new_bytes + shard.known_bytes)
        };
        self.shards.iter().map(used).sum()
    }
}

impl Shard {
    fn insert(&mut self, key: BlockKey, block: Arc<CachedBlock>, most: usize) {
        let entry = CacheEntry { block, uses: 0 };
        let bytes = entry.bytes();
        // A very large block would evict many others; another thread may have stored the block.
        if bytes > most / 4 || self.entries.contains_key(&key) {
            return;
        }
        if self.ghosts.remove(&key) {
            self.known.push_back(key);
            self.known_bytes += bytes;
        } else {
            self.new.push_back(key);
            self.new_bytes += bytes;
        }
        self.entries.insert(key, entry);
        while self.new_bytes + self.known_bytes > most {
            if self.new_bytes > most / NEW || self.known.is_empty() {
                self.pass_new();
            } else {
                self.pass_known();
            }
        }
    }

    /// Evicts the oldest new block, or moves it to the long queue if it was used.
    fn pass_new(&mut self) {
        let Some(key) = self.new.pop_front() else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let bytes = entry.bytes();
        self.new_bytes -= bytes;
        if entry.uses > 0 {
            entry.uses = 0;
            self.known.push_back(key);
            self.known_bytes += bytes;
            return;
        }
        self.entries.remove(&key);
        if self.ghosts.insert(key) {
            self.ghost_queue.push_back(key);
        }
        // Keeps about as many ghosts as blocks; the queue still holds ghosts that came back.
        while self.ghost_queue.len() > self.entries.len() + SHARDS {
            let Some(oldest) = self.ghost_queue.pop_front() else { break };
            self.ghosts.remove(&oldest);
        }
    }

    /// Evicts the oldest block of the long queue, or puts it back if it has uses left.
    fn pass_known(&mut self) {
        let Some(key) = self.known.pop_front() else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if entry.uses > 0 {
            entry.uses -= 1;
            self.known.push_back(key);
            return;
        }
        self.known_bytes -= entry.bytes();
        self.entries.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(fill: u8, size: usize) -> Arc<CachedBlock> {
        Arc::new(CachedBlock { bytes: vec![fill; size], next: 0 })
    }

    /// Reads a block through the cache. Returns whether it was cached.
    fn read(cache: &BlockCache, key: BlockKey) -> bool {
        match cache.get(key) {
            Some(found) => {
                assert_eq!(found.bytes[0], key.1 as u8);
                true
            }
            None => {
                cache.insert(key, &block(key.1 as u8, 4000));
                false
            }
        }
    }

    #[test]
    fn bytes_are_bounded_and_a_long_reading_leaves_what_is_used() {
        let cache = BlockCache::new(4 << 20);
        // Some 400 of 1,000 blocks of that size fit.
        let used: Vec<BlockKey> = (0..200).map(|n| (1, n * 4096)).collect();
        for _ in 0..3 {
            for key in &used {
                read(&cache, *key);
            }
        }
        for n in 0..20_000 {
            read(&cache, (2, n * 4099));
            if n % 100 == 0 {
                used.iter().for_each(|key| drop(cache.get(*key)));
                assert!(cache.used() <= 4 << 20);
            }
        }
        let left = used.iter().filter(|key| cache.get(**key).is_some()).count();
        assert!(left > 190, "{left} of 200 are left");
    }

    #[test]
    fn places_are_not_mixed_up() {
        let cache = BlockCache::new(1 << 20);
        cache.insert((1, 7), &block(1, 10));
        cache.insert((2, 7), &block(2, 10));
        cache.insert((1, 7), &block(9, 10));
        assert_eq!(cache.get((1, 7)).unwrap().bytes[0], 1);
        assert_eq!(cache.get((2, 7)).unwrap().bytes[0], 2);
        assert!(cache.get((3, 7)).is_none());
        // A block that would evict all others is not stored.
        cache.insert((4, 0), &block(4, 1 << 20));
        assert!(cache.get((4, 0)).is_none());
    }
}
