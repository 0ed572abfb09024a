//! The error type of the crate, with one variant for each party that must act.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error, classified by who must act on it. Its text is one line that names the file, the place
/// and, if there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is invalid: an option, a command, a region.
    Input(String),
    /// The request names something that does not exist.
    NotFound(String),
    /// A file holds invalid data. `place` is a line, an offset, or empty.
    Data {
        /// The file, as the user named it.
        path: PathBuf,
        /// The place in the file, such as `line 12` or `chr1:1-100`; empty for the whole file.
        place: String,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// A system call failed.
    Io {
        /// The file or address.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A page did not perform an action.
    Page(#[from] PageError),
    /// Several pages did not perform an action; the text names each by its number.
    Pages(String),
    /// A limit on what all clients may use together is reached; the request may be repeated later.
    Busy(String),
    /// A bug in this program.
    Bug(String),
}

/// Why a call to a page failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The page answered with an error; its message.
    #[error("the page refused: {0}")]
    Refused(String),
    /// The page did not answer in time. (It never answers some actions.)
    #[error("the page did not answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// The page has disconnected.
    #[error("the page has disconnected")]
    Disconnected,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = &mut OneLine(f);
        match self {
            Error::Input(text) | Error::NotFound(text) | Error::Pages(text) | Error::Busy(text) => {
                to.write_str(text)
            }
            Error::Data { path, place, message } => {
                let comma = if place.is_empty() { "" } else { ", " };
                write!(to, "{}{comma}{place}: {message}", path.display())
            }
            Error::Io { path, source } => write!(to, "{}: {}", path.display(), reason(source)),
            Error::Page(error) => write!(to, "{error}"),
            Error::Bug(why) => write!(to, "internal error (please report it): {why}"),
        }
    }
}

/// Writes control characters escaped: texts from files and requests are part of messages, and must
/// neither begin another line of a log nor control a terminal.
struct OneLine<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_control) {
            let mut characters = part.chars();
            match characters.next_back().filter(|last| is_control(*last)) {
                Some(last) => write!(self.0, "{}{}", characters.as_str(), last.escape_default())?,
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

fn is_control(character: char) -> bool {
    character.is_control() && character != '\t'
}

impl Error {
    /// Creates the error for invalid data in `path` at `place` (may be empty).
    pub fn data(path: &Path, place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Data { path: path.into(), place: place.into(), message: message.into() }
    }

    /// Creates the error for a failed system call on `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Error::Io { path: path.into(), source }
    }

    /// Returns the text for a page, in which files appear without the folders of the host.
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

/// Returns the message of a system error, without its number.
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

/// Removes the folders from files that a message names beside `path` or by absolute paths.
fn without_folders(message: &str, path: &Path) -> String {
    let folder = path.parent().map(|folder| format!("{}/", folder.display()));
    let folder = folder.filter(|folder| folder.len() > 1);
    let message = folder.map_or(message.to_owned(), |folder| message.replace(&folder, ""));
    let ends_word = |c: char| c.is_whitespace() || "'\"`(),;=".contains(c);
    let mut text = String::with_capacity(message.len());
    for word in message.split_inclusive(ends_word) {
        // A file's name follows the last slash; a single slash is not a path.
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
    fn texts_of_others_cannot_begin_a_line() {
        let said = Error::NotFound("no source is called 'a\n ERROR\r\u{1b}[31m\tb\0'".into());
        assert_eq!(said.to_string(), "no source is called 'a\\n ERROR\\r\\u{1b}[31m\tb\\u{0}'");
    }

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
