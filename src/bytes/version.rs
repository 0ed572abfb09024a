//! What tells one version of a file from another.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device, number, size and time of the last write. The time of the last change of the file's own
/// data (ctime) is no part of it: it changes too when the file is renamed.
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

    /// The version at a path; none if there is no file, or it cannot be looked at.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|metadata| Version::of(&metadata))
    }
}
