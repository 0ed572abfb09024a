//! Inflated blocks that all readers share, by blob and offset, in a bounded number of bytes.
//!
//! The S3-FIFO policy (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023): a
//! block that is new waits in a short queue, and only those that are asked for again come into the
//! long one. So a reading of a whole file pushes out nothing that is used again and again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// The memory that all blocks together may take, in bytes.
const BYTES: usize = 64 << 20;
/// Threads that want different blocks seldom wait for each other.
const SHARDS: usize = 16;
/// The share of a shard for blocks that were asked for once.
const NEW: usize = 10;
/// What an entry takes beside its bytes, about.
const OVERHEAD: usize = 128;
/// How often a block that was used passes the end of the queue.
const MOST_USES: u8 = 3;

/// The blocks of this process.
pub(crate) static BLOCKS: BlockCache = BlockCache::new(BYTES);

/// A block that is unpacked.
#[derive(Debug, Default)]
pub(crate) struct CachedBlock {
    pub(crate) bytes: Vec<u8>,
    /// The offset of the block behind it, in containers where that shows.
    pub(crate) next: u64,
}

/// A blob's [id](super::Blob::id), and an offset in it.
pub(crate) type BlockKey = (u64, u64);

/// Blocks by their places.
#[derive(Debug)]
pub(crate) struct BlockCache {
    shards: [Mutex<Option<Shard>>; SHARDS],
    bytes: usize,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<BlockKey, CacheEntry>,
    new: VecDeque<BlockKey>,
    known: VecDeque<BlockKey>,
    new_bytes: usize,
    known_bytes: usize,
    /// Those that left before they were asked for again; if they come back, they stay.
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
        BlockCache { shards: [const { Mutex::new(None) }; SHARDS], bytes }
    }

    /// The block at that place, if it is here.
    pub(crate) fn get(&self, key: BlockKey) -> Option<Arc<CachedBlock>> {
        self.with_shard(key, |shard| {
            let entry = shard.entries.get_mut(&key)?;
            entry.uses = (entry.uses + 1).min(MOST_USES);
            Some(entry.block.clone())
        })
    }

    /// Keeps a block for others.
    pub(crate) fn insert(&self, key: BlockKey, block: &Arc<CachedBlock>) {
        let most = self.bytes / SHARDS;
        self.with_shard(key, |shard| shard.insert(key, block.clone(), most));
    }

    fn with_shard<T>(&self, key: BlockKey, work: impl FnOnce(&mut Shard) -> T) -> T {
        // Offsets of blocks have no pattern in their higher bits: this spreads them.
        let hash = (key.0 ^ key.1.rotate_left(20)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let shard = &self.shards[(hash >> 60) as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        work(shard.get_or_insert_default())
    }

    /// The bytes that all blocks take.
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
        // One that takes the room of many others is not worth it; another thread may be faster.
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

    /// The oldest of those that are new goes, or comes to those that are used.
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
        // As many as there are blocks; those that came back are in the queue yet.
        while self.ghost_queue.len() > self.entries.len() + SHARDS {
            let Some(oldest) = self.ghost_queue.pop_front() else { break };
            self.ghosts.remove(&oldest);
        }
    }

    /// The oldest of those that are used goes, unless it was used since it last stood there.
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

    /// Has the block read: from the cache, or else anew. Whether it was there.
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
        // One that would push out all others is not kept.
        cache.insert((4, 0), &block(4, 1 << 20));
        assert!(cache.get((4, 0)).is_none());
    }
}
