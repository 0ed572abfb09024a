//! The properties that distinguish the versions of a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device, inode, size and time of the last write of a file. The time of its last status change
/// (ctime) is not included, since renaming the file changes it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    identity: (u64, u64),
    size: u64,
    written: (i64, i64),
}

impl Version {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Version {
            identity: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Returns the version at a path; none if there is no file or it cannot be accessed.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|metadata| Version::of(&metadata))
    }
}
