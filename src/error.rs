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
                Error::data(Path::new(base_name(path)), place, message).to_string()
            }
            Error::Io { path, source } => format!("{}: {}", base_name(path), reason(source)),
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
    }
}
