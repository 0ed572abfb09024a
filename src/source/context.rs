//! What opening a source needs to know besides the file: this machine's places and limits.

use crate::bytes::{Input, Progress};
use crate::error::Result;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Text files up to this many bytes are held in memory, packed as they are.
const IN_MEMORY: u64 = 64 << 20;
/// How often files are looked at.
const WATCH: Duration = Duration::from_secs(2);

/// Where sources may put what they derive, and how much they may hold.
#[derive(Clone, Debug)]
pub struct Context {
    /// The folder for what is made from files once and read ever after; it need not exist yet.
    pub cache: PathBuf,
    /// Size in bytes, as on disk, up to which text without an index is held in memory.
    pub in_memory: u64,
    /// How long opening waits for what is made from a file once; what takes longer goes on in the
    /// background, see [`Source::building`](super::Source::building). None: as long as it takes.
    pub timeout: Option<Duration>,
    /// How often to look whether files have changed on disk; never if none.
    pub watch: Option<Duration>,
    /// Told how far long readings have come.
    pub progress: Progress,
}

impl Context {
    /// Whether a file is small enough to be held in memory.
    pub(crate) fn holds(&self, input: &Input) -> Result<bool> {
        Ok(input.size()? <= self.in_memory)
    }
}

impl Default for Context {
    /// The platform's cache folder for this program.
    fn default() -> Self {
        Context {
            cache: cache_folder(|name| std::env::var_os(name)),
            in_memory: IN_MEMORY,
            timeout: None,
            watch: Some(WATCH),
            progress: Progress::default(),
        }
    }
}

/// `$XDG_CACHE_HOME`, else where the platform keeps a user's caches, else the temporary folder.
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
    fn the_cache_lies_where_the_user_or_the_platform_says() {
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
