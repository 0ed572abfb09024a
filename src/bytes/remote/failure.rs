//! Reasons why a file on another machine cannot be read, in words that say what to do.

use std::fmt;
use std::time::Duration;

/// The reason for a failure; its text follows the file's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server answered with this status, perhaps with an error code and a time to wait.
    Status {
        number: u16,
        word: String,
        again: Option<Duration>,
        asked_with_credentials: bool,
    },
    NoSuchHost(String),
    NoConnection(String, String),
    TooSlow,
    /// The server's certificate is not trusted, or TLS failed otherwise.
    Certificate(String),
    /// The answer ended early.
    Cut,
    /// A web page, such as one for logging in or one that says that there is no such file.
    WebPage,
    /// The answer is not what was asked for.
    Strange(String),
    /// The file has changed since it was opened.
    Changed,
    /// The server sends no parts of files, and the whole file is too large.
    NoParts(Option<u64>),
    NotPublic(String),
    Redirects(&'static str),
    /// A setting of the user is wrong.
    Settings(String),
}

impl Failure {
    /// Returns whether trying again may help.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Failure::Status { number, .. } => matches!(number, 408 | 429 | 500 | 502 | 503 | 504),
            Failure::NoConnection(..) | Failure::TooSlow | Failure::Cut => true,
            _ => false,
        }
    }

    /// Returns whether the server fails, not this file.
    pub(super) fn is_of_server(&self) -> bool {
        matches!(
            self,
            Failure::NoSuchHost(_)
                | Failure::NoConnection(..)
                | Failure::TooSlow
                | Failure::Status { number: 429 | 500 | 502 | 503 | 504, .. }
        )
    }

    /// Returns whether the file is missing, or the server does not say whether it exists.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Failure::Status { number, .. } => matches!(number, 400 | 403 | 404 | 405 | 410),
            failure => *failure == Failure::WebPage,
        }
    }

    /// Returns how long the server asks to wait before the next request.
    pub(super) fn again(&self) -> Option<Duration> {
        match self {
            Failure::Status { again, .. } => *again,
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Status { number, word, asked_with_credentials, .. } => {
                let word = if word.is_empty() { String::new() } else { format!(" {word}") };
                match number {
                    401 if *asked_with_credentials => {
                        write!(
                            f,
                            "the server refuses these credentials (401{word}); check the \
                             name and password or the token"
                        )
                    }
                    401 => write!(
                        f,
                        "the server asks who you are (401{word}); give --header 'Authorization: \
                         Bearer TOKEN', or write your name and password into ~/.netrc"
                    ),
                    403 => write!(
                        f,
                        "the server does not let you read it (403{word}); check your credentials; \
                         if the address is a signed one, it may have expired: get a new one"
                    ),
                    404 | 410 => {
                        write!(f, "the server has no such file ({number}{word}); check the address")
                    }
                    407 => write!(
                        f,
                        "the proxy asks who you are (407{word}); write your name and \
                         password into its address"
                    ),
                    416 => write!(
                        f,
                        "the server does not have the requested part (416{word}); if the file \
                         has changed, load it again"
                    ),
                    429 => write!(
                        f,
                        "the server receives too many requests (429{word}); try \
                         again later"
                    ),
                    500..=599 => write!(
                        f,
                        "the server fails or is overloaded ({number}{word}); try again later, or \
                         ask whoever runs it"
                    ),
                    _ => write!(
                        f,
                        "the server answers with {number}{word} instead of the file; \
                         check the address"
                    ),
                }
            }
            Failure::NoSuchHost(host) => {
                write!(f, "no server is called '{host}'; check the address and your network")
            }
            Failure::NoConnection(host, why) => {
                write!(f, "{host} cannot be reached ({why}); check the address and your network")
            }
            Failure::TooSlow => f.write_str(
                "the server does not answer in time; try again later, or allow more with \
                 --remote-timeout",
            ),
            Failure::Certificate(why) => write!(
                f,
                "the server cannot prove who it is ({why}); if your institution signs its own \
                 certificates, name the file of its authority's certificate with --ca-file"
            ),
            Failure::Cut => f.write_str("the server's answer ends early; try again later"),
            Failure::WebPage => f.write_str(
                "the server sends a web page instead of a file; check whether the address is that \
                 of the file itself, and whether you must log in",
            ),
            Failure::Strange(what) => f.write_str(what),
            Failure::Changed => f.write_str(
                "the file has changed on the server since it was opened; open it again with \
                 'reload'",
            ),
            Failure::NoParts(size) => {
                let size = size.map_or("an unknown number of bytes".to_owned(), |size| {
                    format!("{} MB", size.div_ceil(1_000_000))
                });
                write!(
                    f,
                    "the server sends only whole files, and this one has {size}; download it, or \
                     ask for a server that answers range requests"
                )
            }
            Failure::NotPublic(host) => write!(
                f,
                "leads to {host}, which is not a public machine; only an address that you name \
                 yourself may do so"
            ),
            Failure::Redirects(what) => f.write_str(what),
            Failure::Settings(what) => f.write_str(what),
        }
    }
}

impl From<Failure> for std::io::Error {
    fn from(failure: Failure) -> Self {
        std::io::Error::other(failure.to_string())
    }
}
