//! Files and folders that only their owner may read: what is made of private data is private too.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a folder, and those above it that are missing, for its owner alone (mode 0700). A folder
/// that is there already keeps its permissions.
///
/// # Errors
/// As [`std::fs::create_dir_all`].
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Options that open a file; one that is made is for its owner alone (mode 0600).
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
