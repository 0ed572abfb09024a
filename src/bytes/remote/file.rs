//! A file on a server, read in blocks that are cached.

use super::address::Address;
use super::client::{Asked, Client, HttpAnswer};
use super::disk::Disk;
use super::failure::Failure;
use super::servers::RemoteCounts;
use super::version::{RemoteVersion, WHOLE, content_range};
use crate::bytes::block_cache::{BlockCache, CachedBlock};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Size of a block, in bytes.
pub(super) const BLOCK: u64 = 64 * 1024;
/// Largest number of blocks that are read ahead with one request.
const MOST_AHEAD: u64 = 64;
/// Largest number of blocks of one request.
const MOST_AT_ONCE: u64 = 256;
/// Largest gap of known blocks that is read again to save a request, in blocks.
const SMALL_GAP: u64 = 4;
/// Largest number of sequential reads that are tracked.
const STREAMS: usize = 16;
/// Number of bytes in the first request for an index, which is read as a whole.
const INDEX: u64 = 16 << 20;
const INDEXES: &[&str] = &["tbi", "csi", "bai", "crai", "fai"];

/// The blocks of all files, not decompressed.
static BLOCKS: BlockCache = BlockCache::new(128 << 20);

/// A file on a server, as it was when it was opened.
pub(crate) struct RemoteFile {
    client: Arc<Client>,
    address: Address,
    version: RemoteVersion,
    /// The key of its blocks among those of all files: the same for the same version.
    id: u64,
    disk: Option<Disk>,
    /// All bytes, if the server sends no parts.
    whole: Option<Vec<u8>>,
    /// The target of the last redirect, which saves a request.
    moved: Mutex<Option<Address>>,
    /// Whether the server compares versions itself.
    compares: AtomicBool,
    reading: Mutex<ReadState>,
    read: Condvar,
    counts: Mutex<RemoteCounts>,
}

#[derive(Default)]
struct ReadState {
    /// Blocks that are being requested.
    asked: HashSet<u64>,
    /// The ends of sequential reads, and how many blocks each was given.
    streams: VecDeque<(u64, u64)>,
}

/// Consecutive blocks.
struct BlockRun {
    first: u64,
    blocks: Vec<Arc<CachedBlock>>,
}

impl BlockRun {
    fn get(&self, number: u64) -> Option<&Arc<CachedBlock>> {
        self.blocks.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

/// Blocks that are requested until this is dropped, so that no thread waits for them forever.
struct AskedFor<'f> {
    file: &'f RemoteFile,
    blocks: std::ops::Range<u64>,
}

impl Drop for AskedFor<'_> {
    fn drop(&mut self) {
        let mut reading = self.file.lock();
        for number in self.blocks.clone() {
            reading.asked.remove(&number);
        }
        drop(reading);
        self.file.read.notify_all();
    }
}

/// Sets the memory of all blocks of files on other machines, in bytes.
pub(super) fn set_memory(bytes: usize) {
    BLOCKS.set_most(bytes);
}

impl RemoteFile {
    /// Opens a file by reading its first bytes; the answer shows its size and version.
    pub(super) fn open(client: &Arc<Client>, address: &Address) -> Result<Self, Failure> {
        let ending = address.path().rsplit_once('.').map_or("", |(_, ending)| ending);
        let first = if INDEXES.contains(&ending) { INDEX } else { BLOCK };
        let asked = Asked { bytes: 0..first, if_match: None };
        let (mut counts, since) = (RemoteCounts::default(), Instant::now());
        let answer = client.get(address, &asked, WHOLE + 1)?;
        counts.add(answer.body.len() as u64, since.elapsed(), false);
        let (version, whole) = opened(&answer)?;
        super::version::check_kind(address, &answer, whole.is_some())?;
        let whole = match whole {
            Some(()) => Some(super::version::unpacked(address, &answer)?),
            None => None,
        };
        let version = match &whole {
            Some(bytes) => version.with_size(bytes.len() as u64),
            None => version,
        };
        let name = version.name(address);
        let folder =
            client.settings.cache.as_deref().filter(|_| version.is_certain() && whole.is_none());
        let file = RemoteFile {
            client: client.clone(),
            address: address.clone(),
            id: name.number(),
            disk: folder.and_then(|folder| Disk::open(folder, &name.text())),
            version,
            whole,
            moved: Mutex::new(answer.from),
            compares: AtomicBool::new(true),
            reading: Mutex::default(),
            read: Condvar::new(),
            counts: Mutex::new(counts),
        };
        if file.whole.is_none() {
            file.keep(0, &answer.body);
        }
        Ok(file)
    }

    /// Asks the server whether the file has another version now. One that the server only sends as a
    /// whole is not requested again.
    pub(super) fn has_changed(&self) -> Result<bool, Failure> {
        if self.whole.is_some() {
            return Ok(false);
        }
        let asked = Asked { bytes: 0..1, if_match: None };
        let answer = self.client.get(&self.address, &asked, BLOCK)?;
        let size = content_range(&answer.headers).and_then(|(_, size)| size);
        // Without a size, the server does not say.
        let now = size.and_then(|size| RemoteVersion::of(&answer.headers, Some(size)));
        Ok(now.is_some_and(|now| now.text() != self.version.text()))
    }

    /// Returns a text that differs between versions, as far as the server shows them.
    pub(crate) fn version_text(&self) -> String {
        self.version.text()
    }

    pub(crate) fn size(&self) -> u64 {
        self.version.size
    }

    /// Returns the counts of the requests for it.
    pub(crate) fn counts(&self) -> RemoteCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, count: impl FnOnce(&mut RemoteCounts)) {
        count(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Reads from `offset` until the buffer is full or the file ends. Returns the number read.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        let end = offset.saturating_add(buffer.len() as u64).min(self.size());
        if offset >= end {
            return Ok(0);
        }
        let wanted = (end - offset) as usize;
        if let Some(whole) = &self.whole {
            buffer[..wanted].copy_from_slice(&whole[offset as usize..end as usize]);
            return Ok(wanted);
        }
        let (mut filled, mut run) = (0, BlockRun { first: 0, blocks: Vec::new() });
        let last = (end - 1) / BLOCK;
        while filled < wanted {
            let at = offset + filled as u64;
            let number = at / BLOCK;
            let block = match run.get(number) {
                Some(block) => block.clone(),
                None => self.block(number, last, &mut run)?,
            };
            let from = (at % BLOCK) as usize;
            let count = block.bytes.len().saturating_sub(from).min(wanted - filled);
            if count == 0 {
                return Err(Failure::Cut);
            }
            buffer[filled..filled + count].copy_from_slice(&block.bytes[from..from + count]);
            filled += count;
        }
        Ok(wanted)
    }

    /// Reads ahead bytes that will be needed soon, with few requests.
    pub(crate) fn expect(&self, bytes: std::ops::Range<u64>) -> Result<(), Failure> {
        let end = bytes.end.min(self.size()).min(bytes.start.saturating_add(MOST_AHEAD * BLOCK));
        if self.whole.is_some() || bytes.start >= end {
            return Ok(());
        }
        let last = (end - 1) / BLOCK;
        let mut run = BlockRun { first: 0, blocks: Vec::new() };
        for number in bytes.start / BLOCK..=last {
            if run.get(number).is_none() && self.known(number).is_none() {
                self.block(number, last, &mut run)?;
            }
        }
        Ok(())
    }

    /// Returns a block. If it is not cached, those up to `last` are read too, and left in `run`.
    fn block(
        &self,
        number: u64,
        last: u64,
        run: &mut BlockRun,
    ) -> Result<Arc<CachedBlock>, Failure> {
        let mut reading = self.lock();
        loop {
            if let Some(block) = self.known(number) {
                self.count(|counts| counts.hits += 1);
                return Ok(block);
            }
            if !reading.asked.contains(&number) {
                break;
            }
            // Another thread is reading it.
            reading = self.read.wait(reading).unwrap_or_else(PoisonError::into_inner);
        }
        let wanted = self.plan(&mut reading, number, last);
        reading.asked.extend(wanted.clone());
        drop(reading);
        let asked = AskedFor { file: self, blocks: wanted.clone() };
        let result = self.fetch(wanted);
        drop(asked);
        *run = result?;
        run.get(number).cloned().ok_or(Failure::Cut)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ReadState> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a block that is in memory or on disk.
    fn known(&self, number: u64) -> Option<Arc<CachedBlock>> {
        if let Some(block) = BLOCKS.get((self.id, number)) {
            return Some(block);
        }
        let bytes = self.disk.as_ref()?.read(number)?;
        let expected = BLOCK.min(self.size() - number * BLOCK);
        let block = Arc::new(CachedBlock { bytes, next: 0 });
        (block.bytes.len() as u64 == expected).then(|| BLOCKS.insert((self.id, number), &block))?;
        Some(block)
    }

    /// Returns the blocks for one request: `first` is missing, and those up to `last` are wanted.
    fn plan(&self, reading: &mut ReadState, first: u64, last: u64) -> std::ops::Range<u64> {
        let file_end = self.size().div_ceil(BLOCK);
        let last = last.clamp(first, first + MOST_AT_ONCE - 1);
        let (mut end, mut gap) = (first + 1, 0);
        for number in first + 1..=last {
            if reading.asked.contains(&number) {
                break;
            }
            if self.known(number).is_some() {
                gap += 1;
                if gap > SMALL_GAP {
                    break;
                }
            } else {
                (end, gap) = (number + 1, 0);
            }
        }
        // A sequential read that ended here continues: it gets more blocks each time.
        let goes_on = |(ended, _): &(u64, u64)| (*ended..=*ended + 1).contains(&first);
        let known =
            reading.streams.iter().position(goes_on).and_then(|at| reading.streams.remove(at));
        let ahead = known.map_or(0, |(_, given)| (given * 2).min(MOST_AHEAD));
        let ahead_end = (first + ahead).min(file_end);
        let free = (end..ahead_end).take_while(|number| !reading.asked.contains(number));
        let end = free.last().map_or(end, |number| number + 1);
        reading.streams.push_front((end, end - first));
        reading.streams.truncate(STREAMS);
        first..end
    }

    /// Requests blocks from the server, and stores them.
    fn fetch(&self, wanted: std::ops::Range<u64>) -> Result<BlockRun, Failure> {
        let end = (wanted.end * BLOCK).min(self.size());
        let mut bytes = Vec::with_capacity((end - wanted.start * BLOCK) as usize);
        // A server may send less than requested.
        while wanted.start * BLOCK + (bytes.len() as u64) < end {
            let start = wanted.start * BLOCK + bytes.len() as u64;
            let more = self.part(start..end)?;
            if more.is_empty() {
                return Err(Failure::Cut);
            }
            bytes.extend(more);
        }
        Ok(self.keep(wanted.start, &bytes))
    }

    /// Requests bytes of the version that was opened.
    fn part(&self, bytes: std::ops::Range<u64>) -> Result<Vec<u8>, Failure> {
        let compares = self.compares.load(Ordering::Relaxed);
        let tag = self.version.strong_tag().filter(|_| compares);
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = match self.ask(moved.as_ref(), &bytes, tag) {
            // The target of a redirect may be valid only for a while.
            Err(Failure::Status { .. } | Failure::NoSuchHost(_)) if moved.is_some() => {
                self.ask(None, &bytes, tag)?
            }
            answer => answer?,
        };
        let answer = if answer.status == 412 && tag.is_some() {
            // The file has changed, or the server does not understand the condition: without it,
            // the answer itself shows its version.
            let answer = self.ask(None, &bytes, None)?;
            self.check(&answer, &bytes)?;
            self.compares.store(false, Ordering::Relaxed);
            answer
        } else {
            answer
        };
        self.check(&answer, &bytes)?;
        let mut body = answer.body;
        body.truncate((bytes.end - bytes.start) as usize);
        Ok(body)
    }

    fn ask(
        &self,
        moved: Option<&Address>,
        bytes: &std::ops::Range<u64>,
        tag: Option<&str>,
    ) -> Result<HttpAnswer, Failure> {
        let asked = Asked { bytes: bytes.clone(), if_match: tag };
        let since = Instant::now();
        let answer =
            self.client.get(moved.unwrap_or(&self.address), &asked, bytes.end - bytes.start);
        let received = answer.as_ref().map_or(0, |answer| answer.body.len() as u64);
        self.count(|counts| counts.add(received, since.elapsed(), answer.is_err()));
        let answer = answer?;
        if let Some(from) = &answer.from {
            *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Some(from.clone());
        }
        Ok(answer)
    }

    /// Checks that an answer holds these bytes, of the version that was opened.
    fn check(&self, answer: &HttpAnswer, bytes: &std::ops::Range<u64>) -> Result<(), Failure> {
        match answer.status {
            412 => return Err(Failure::Changed),
            // The file is shorter than it was.
            416 => return Err(Failure::Changed),
            200 => {
                let now = RemoteVersion::of(&answer.headers, None);
                let same = now.is_none_or(|now| self.version.may_be(&now));
                let what = "the server no longer sends parts of files; try again later";
                return Err(if same { Failure::Strange(what.into()) } else { Failure::Changed });
            }
            _ => {}
        }
        let range = content_range(&answer.headers);
        let Some((given, size)) = range else {
            let what =
                "the server sends a part of the file, but does not say which; ask whoever runs it";
            return Err(Failure::Strange(what.into()));
        };
        let now = RemoteVersion::of(&answer.headers, Some(size.unwrap_or(self.size())));
        if now.is_some_and(|now| !self.version.may_be(&now)) {
            return Err(Failure::Changed);
        }
        let length = answer.body.len() as u64;
        if given.start != bytes.start
            || given.end < given.start + length.min(bytes.end - bytes.start)
        {
            let what = "the server sends other parts of the file than it is asked for; ask \
                        whoever runs it";
            return Err(Failure::Strange(what.into()));
        }
        Ok(())
    }

    /// Stores and returns blocks from `first` on, except for a last one that is incomplete.
    fn keep(&self, first: u64, bytes: &[u8]) -> BlockRun {
        let whole_end = self.size() - first * BLOCK;
        let is_whole = |at: usize, part: &[u8]| {
            part.len() as u64 == BLOCK || at as u64 * BLOCK + part.len() as u64 == whole_end
        };
        let parts =
            bytes.chunks(BLOCK as usize).enumerate().filter(|(at, part)| is_whole(*at, part));
        let blocks = parts.map(|(at, part)| {
            let number = first + at as u64;
            let block = Arc::new(CachedBlock { bytes: part.to_vec(), next: 0 });
            BLOCKS.insert((self.id, number), &block);
            if let Some(disk) = &self.disk {
                disk.write(number, part);
            }
            block
        });
        BlockRun { first, blocks: blocks.collect() }
    }
}

/// Returns the version that the first answer shows, and whether it is the whole file.
fn opened(answer: &HttpAnswer) -> Result<(RemoteVersion, Option<()>), Failure> {
    let strange = |what: &str| Failure::Strange(what.to_owned());
    match answer.status {
        206 => {
            let range = content_range(&answer.headers);
            let Some((given, size)) = range else {
                return Err(strange(
                    "the server sends a part of the file, but does not say which; ask whoever \
                     runs it",
                ));
            };
            if given.start != 0 {
                return Err(strange(
                    "the server sends other parts of the file than it is asked for; ask whoever \
                     runs it",
                ));
            }
            let Some(size) = size else {
                return Err(strange("the server does not say how large the file is; download it"));
            };
            let version = RemoteVersion::of(&answer.headers, Some(size)).unwrap_or_default();
            if (answer.body.len() as u64) < size.min(BLOCK) {
                return Err(Failure::Cut);
            }
            Ok((version, None))
        }
        // There is no first byte: the file is empty.
        416 => match content_range(&answer.headers) {
            Some((_, Some(0))) | None => Ok((RemoteVersion::default(), Some(()))),
            Some(_) => Err(Failure::Status {
                number: 416,
                word: String::new(),
                again: None,
                asked_with_credentials: false,
            }),
        },
        200 => {
            let length = answer.headers.get("content-length").and_then(|text| text.to_str().ok());
            let length = length.and_then(|text| text.parse().ok());
            let size = length.unwrap_or(answer.body.len() as u64);
            if size > WHOLE {
                return Err(Failure::NoParts(length));
            }
            Ok((RemoteVersion::of(&answer.headers, Some(size)).unwrap_or_default(), Some(())))
        }
        number => Err(strange(&format!("the server answers with {number} instead of the file"))),
    }
}
