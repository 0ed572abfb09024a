//! The one error type of the crate, sorted by who must act.

use std::path::{Path, PathBuf};

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error, by who must act on it. Its text is one line that names the file, the place and,
/// where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller asked for something that makes no sense: an option, a command, a region.
    #[error("{0}")]
    Input(String),
    /// The caller asked for something that is not there.
    #[error("{0}")]
    NotFound(String),
    /// A file holds something it should not. `place` is a line, an offset, or empty.
    #[error("{}{}{}: {message}", path.display(), if place.is_empty() { "" } else { ", " }, place)]
    Data {
        /// The file, as the user named it.
        path: PathBuf,
        /// Where in the file: `line 12`, `chr1:1-100`; empty if the whole file is meant.
        place: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The operating system refused something.
    #[error("{}: {}", path.display(), reason(source))]
    Io {
        /// The file or address concerned.
        path: PathBuf,
        /// The reason the system gave.
        source: std::io::Error,
    },
    /// A page did not do what it was asked to.
    #[error("{0}")]
    Page(#[from] PageError),
    /// Several pages did not do what they were asked to; each is named by its number.
    #[error("{0}")]
    Pages(String),
    /// A mistake of this program: please report it.
    #[error("internal error (please report it): {0}")]
    Bug(String),
}

/// Why a call to a page brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The page answered that it would not; its own words.
    #[error("the page refused: {0}")]
    Refused(String),
    /// The page did not answer in time (for some actions it never does).
    #[error("the page did not answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// The page is gone.
    #[error("the page has disconnected")]
    Disconnected,
}

impl Error {
    /// Bad data in `path`, at `place` (may be empty).
    pub fn data(path: &Path, place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Data { path: path.into(), place: place.into(), message: message.into() }
    }

    /// A failed system call on `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Error::Io { path: path.into(), source }
    }

    /// The text for a page: as [`ToString`], but files by their names, without host folders.
    pub fn for_page(&self) -> String {
        match self {
            Error::Data { path, place, message } => {
                let message = without_folders(message, path);
                Error::data(Path::new(base_name(path)), place, message).to_string()
            }
            Error::Io { path, source } => format!("{}: {}", base_name(path), reason(source)),
            Error::Bug(why) => Error::Bug(without_folders(why, Path::new(""))).to_string(),
            other => other.to_string(),
        }
    }
}

/// The reason that the system gave, without its error number.
fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "you may not open it; see its permissions".to_owned(),
        ErrorKind::ConnectionRefused => {
            "nothing listens there; start epivizrs, or give its address".to_owned()
        }
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}

/// A message that names files beside `path`, or by absolute paths, without their folders.
fn without_folders(message: &str, path: &Path) -> String {
    let folder = path.parent().map(|folder| format!("{}/", folder.display()));
    let folder = folder.filter(|folder| folder.len() > 1);
    let message = folder.map_or(message.to_owned(), |folder| message.replace(&folder, ""));
    let ends_word = |c: char| c.is_whitespace() || "'\"`(),;=".contains(c);
    let mut text = String::with_capacity(message.len());
    for word in message.split_inclusive(ends_word) {
        // A file's own name is what follows the last slash; a lone slash is no path.
        match word.strip_prefix('/').and_then(|path| path.rsplit_once('/')) {
            Some((_, name)) => text.push_str(name),
            None => text.push_str(word),
        }
    }
    text
}

fn base_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or("file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_never_sees_host_folders() {
        let error = Error::data(Path::new("/home/ada/x.bed"), "line 3", "bad start");
        assert_eq!(error.to_string(), "/home/ada/x.bed, line 3: bad start");
        assert_eq!(error.for_page(), "x.bed, line 3: bad start");
        let error = Error::io(Path::new("/home/ada/x.bed"), std::io::Error::from_raw_os_error(2));
        assert_eq!(error.for_page(), "x.bed: there is no such file");
        let error = Error::io(Path::new("x"), std::io::Error::from_raw_os_error(5));
        assert!(!error.to_string().contains("os error"), "{error}");
        let message =
            "bad; unless /home/ada/my data/x.bed.tbi is of '/tmp/other/y.bed': A/G, a/b, / ";
        let error = Error::data(Path::new("/home/ada/my data/x.bed"), "", message);
        let shown = "x.bed: bad; unless x.bed.tbi is of 'y.bed': A/G, a/b, / ";
        assert_eq!(error.for_page(), shown);
        let error = Error::data(Path::new("data/x.bed"), "", "its index data/x.bed.tbi is old");
        assert_eq!(error.for_page(), "x.bed: its index x.bed.tbi is old");
        let error = Error::Bug("panicked at /home/ada/src/x.rs:7".into());
        assert!(!error.for_page().contains("ada"), "{}", error.for_page());
    }
}
