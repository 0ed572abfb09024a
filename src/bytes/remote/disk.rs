//! A cache of blocks of files on disk, bounded in bytes: the least recently used blocks are removed
//! first.

use crate::private;
use flate2::Crc;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Largest number of bytes on disk.
static MOST: AtomicU64 = AtomicU64::new(4 << 30);
/// Length of the checksum after each block, in bytes.
const SUM: usize = 4;

/// Limits the blocks on disk to so many bytes.
pub(crate) fn limit_disk(bytes: u64) {
    MOST.fetch_min(bytes, Ordering::Relaxed);
}

/// The blocks of one version of a file.
pub(super) struct Disk {
    all: PathBuf,
    folder: PathBuf,
}

/// Number of bytes in each folder, as far as this process knows.
static USED: Mutex<Vec<(PathBuf, u64)>> = Mutex::new(Vec::new());

impl Disk {
    /// Opens the blocks of a name in a folder; none if the folder cannot be created.
    pub(super) fn open(all: &Path, name: &str) -> Option<Self> {
        let folder = all.join(name);
        let made = private::create_folder(&folder);
        made.inspect_err(|error| {
            tracing::debug!("nothing is kept in {}: {error}", all.display());
        })
        .ok()?;
        Some(Disk { all: all.to_owned(), folder })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:x}"))
    }

    /// Reads a stored block; none if it is missing or damaged.
    pub(super) fn read(&self, number: u64) -> Option<Vec<u8>> {
        let mut file = File::open(self.path(number)).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let length = bytes.len().checked_sub(SUM)?;
        let sum = bytes.split_off(length);
        if sum != checksum(&bytes) {
            let _ = fs::remove_file(self.path(number));
            return None;
        }
        let _ = file.set_modified(SystemTime::now());
        Some(bytes)
    }

    /// Stores a block. One that cannot be stored is requested again later.
    pub(super) fn write(&self, number: u64, bytes: &[u8]) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let aside = self.folder.join(format!("{number:x}.{}.{next}.part", std::process::id()));
        let written = || -> std::io::Result<()> {
            let mut file = private::options().write(true).create_new(true).open(&aside)?;
            file.write_all(bytes)?;
            file.write_all(&checksum(bytes))?;
            fs::rename(&aside, self.path(number))
        };
        if let Err(error) = written() {
            tracing::debug!("a block is not kept in {}: {error}", self.folder.display());
            let _ = fs::remove_file(&aside);
            return;
        }
        self.bound((bytes.len() + SUM) as u64, MOST.load(Ordering::Relaxed));
    }

    /// Counts new bytes, and removes the least recently used blocks if there are too many.
    fn bound(&self, more: u64, most: u64) {
        let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
        let at = used.iter().position(|(folder, _)| *folder == self.all).unwrap_or_else(|| {
            used.push((self.all.clone(), blocks(&self.all).iter().map(|block| block.1).sum()));
            used.len() - 1
        });
        let sum = &mut used[at].1;
        *sum += more;
        if *sum <= most {
            return;
        }
        // Other processes may have added or removed blocks.
        let mut all = blocks(&self.all);
        all.sort_by_key(|block| block.0);
        *sum = all.iter().map(|block| block.1).sum();
        for (_, size, path) in all {
            if *sum <= most - most / 10 {
                break;
            }
            if fs::remove_file(&path).is_ok() {
                *sum -= size;
                // Only an empty folder is removed.
                path.parent().map(fs::remove_dir);
            }
        }
    }
}

/// Returns the time of last use, size and path of each block.
fn blocks(all: &Path) -> Vec<(SystemTime, u64, PathBuf)> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries(all).flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>());
    let about = |file: fs::DirEntry| {
        let metadata = file.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len(), file.path()))
    };
    files.filter_map(about).collect()
}

fn checksum(bytes: &[u8]) -> [u8; SUM] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn blocks_are_kept_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), "a").unwrap();
        assert_eq!(disk.read(7), None);
        disk.write(7, b"seven");
        disk.write(7, b"seven");
        assert_eq!(disk.read(7).unwrap(), b"seven");
        assert_eq!(Disk::open(folder.path(), "b").unwrap().read(7), None, "of another file");
        fs::write(disk.path(7), b"damaged").unwrap();
        assert_eq!(disk.read(7), None);
        assert!(!disk.path(7).exists());
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), "a").unwrap();
        for number in 0..10 {
            disk.write(number, &[0; 96]);
            let file = File::options().write(true).open(disk.path(number)).unwrap();
            let age = Duration::from_secs(100 - number);
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        disk.read(0).unwrap();
        disk.bound(0, 500);
        let left: Vec<_> = (0..10).filter(|number| disk.path(*number).exists()).collect();
        assert_eq!(left, [0, 7, 8, 9], "450 bytes are left at most");
    }
}
