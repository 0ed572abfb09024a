//! The settings for opening sources that do not depend on the file: folders and limits.

use crate::bytes::{Input, Progress};
use crate::error::Result;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Default limit for text files that are held in memory, in bytes as on disk.
const IN_MEMORY: u64 = 64 << 20;
/// Default size of the cache folder.
const CACHE_BYTES: u64 = 20 << 30;
/// How often files are checked for changes.
const WATCH: Duration = Duration::from_secs(2);

/// The cache folder, limits and progress reports of opening sources.
#[derive(Clone, Debug)]
pub struct Context {
    /// The folder for derived files, which need not exist yet.
    pub cache: PathBuf,
    /// Largest size of this folder in bytes, without what is kept of files on other machines.
    pub cache_bytes: u64,
    /// A folder or an address at which derived files were prepared, by the content of their files.
    pub prepared: Option<String>,
    /// Whether the cache folder is such a place.
    pub by_content: bool,
    /// Largest text file without an index that is held in memory, in bytes as on disk.
    pub in_memory: u64,
    /// How long opening waits for a derived file; if that takes longer, it continues in the
    /// background, see [`Source::building`](super::Source::building). None: without limit.
    pub timeout: Option<Duration>,
    /// How often to check whether files have changed on disk; never if none.
    pub watch: Option<Duration>,
    /// Receives progress reports of long readings.
    pub progress: Progress,
}

impl Context {
    /// Returns whether a file is small enough to be held in memory.
    pub(crate) fn holds(&self, input: &Input) -> Result<bool> {
        Ok(input.size()? <= self.in_memory)
    }
}

impl Default for Context {
    /// Uses the platform's cache folder for this program.
    fn default() -> Self {
        Context {
            cache: cache_folder(|name| std::env::var_os(name)),
            cache_bytes: CACHE_BYTES,
            prepared: None,
            by_content: false,
            in_memory: IN_MEMORY,
            timeout: None,
            watch: Some(WATCH),
            progress: Progress::default(),
        }
    }
}

/// Returns a folder in `$XDG_CACHE_HOME`, or else in the platform's folder for a user's caches, or
/// else in the temporary folder.
fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let platform = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    set("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| Some(set("HOME")?.join(platform)))
        .unwrap_or_else(std::env::temp_dir)
        .join("epivizrs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_follows_the_environment_and_the_platform() {
        let folder = |pairs: &[(&str, &str)]| {
            let get = |name: &str| pairs.iter().find(|p| p.0 == name).map(|p| p.1.into());
            cache_folder(get)
        };
        assert_eq!(folder(&[("XDG_CACHE_HOME", "/c")]), PathBuf::from("/c/epivizrs"));
        let home = folder(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "relative")]);
        assert!(home.starts_with("/home/ada") && home.ends_with("epivizrs"), "{home:?}");
        assert!(folder(&[]).ends_with("epivizrs"));
    }
}
