//! User settings for files on other machines: credentials, certificates, limits.

use super::address::Address;
use super::guard::Pattern;
use crate::error::{Error, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Settings for reading files on other machines.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Headers that are sent with each request.
    pub headers: Vec<Header>,
    /// A file with the certificates of additional trusted authorities.
    pub ca_file: Option<PathBuf>,
    /// The addresses that may be loaded over a socket.
    pub allowed: Vec<Pattern>,
    /// Longest time for reading a part of a file, including retries.
    pub timeout: Duration,
    /// The folder for cached parts of files; none to cache them in memory only.
    pub cache: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            headers: Vec::new(),
            ca_file: None,
            allowed: Vec::new(),
            timeout: Duration::from_secs(20),
            cache: None,
        }
    }
}

/// A header and the addresses that it is sent to: `[PREFIX ]NAME: VALUE`, or `@FILE` for a file
/// with that text. Its value is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// The beginning of the addresses that it is sent to; if none, those that the user names.
    prefix: Option<String>,
    name: String,
    value: String,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ...", self.name)
    }
}

impl FromStr for Header {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(file) = text.strip_prefix('@') {
            let file = Path::new(file);
            let text = std::fs::read_to_string(file).map_err(|error| Error::io(file, error))?;
            return text.trim().trim_start_matches('@').parse();
        }
        // The text may be a secret, so the error does not repeat it.
        let wrong = || {
            Error::Input(
                "expected a header, such as 'Authorization: Bearer TOKEN'; the beginning of \
                 the addresses that get it may precede it: 'https://lab.example/ Authorization: \
                 Bearer TOKEN'"
                    .into(),
            )
        };
        let (prefix, header) = match text.split_once(char::is_whitespace) {
            Some((prefix, header)) if prefix.contains("://") => (Some(prefix), header),
            _ => (None, text),
        };
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim());
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_sound = !name.is_empty()
            && name.bytes().all(is_token)
            && value.bytes().all(|b| (b' '..0x7f).contains(&b));
        if !is_sound {
            return Err(wrong());
        }
        let prefix = match prefix {
            // With the slash after the host, so that it does not match a longer host name.
            Some(prefix) => Some(Address::parse(prefix)?.ok_or_else(wrong)?.url()),
            None => None,
        };
        Ok(Header { prefix, name: name.to_owned(), value: value.to_owned() })
    }
}

impl Header {
    /// Returns name and value if the header is to be sent to an address. `is_named` is whether the
    /// user named the address's server.
    pub(super) fn of(&self, address: &Address, is_named: bool) -> Option<(&str, &str)> {
        let fits = match &self.prefix {
            Some(prefix) => address.url().starts_with(prefix.as_str()),
            None => is_named,
        };
        fits.then_some((&self.name, &self.value))
    }
}

/// Returns the value of an `Authorization` header for a name and a password.
pub(super) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")))
}

/// Returns the same for the `name:password` before an address's host.
pub(super) fn basic_of(user: &str) -> String {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    basic(&decoded(name), &decoded(password))
}

/// Decodes the percent-encoded characters (`%3A`) of a text.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut result, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|code| u8::from_str_radix(code, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(byte)) => {
                result.push(byte);
                at += 3;
            }
            (byte, _) => {
                result.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&result).into_owned()
}

/// Names and passwords by host, as in `~/.netrc`.
#[derive(Default)]
pub(super) struct Netrc {
    hosts: HashMap<String, (String, String)>,
    default: Option<(String, String)>,
}

impl Netrc {
    /// Reads the user's file: `$NETRC`, or else `~/.netrc`. A missing or unreadable file counts as
    /// empty.
    pub(super) fn of_user() -> Self {
        let named = std::env::var_os("NETRC").map(PathBuf::from);
        let home = || Some(Path::new(&std::env::var_os("HOME")?).join(".netrc"));
        let text = named.or_else(home).and_then(|path| std::fs::read_to_string(path).ok());
        text.map(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut netrc = Netrc::default();
        let mut lines = text.lines();
        let mut words = Vec::new();
        while let Some(line) = lines.next() {
            let line = line.trim();
            if line.starts_with("macdef") {
                // A macro ends at the next empty line.
                lines.by_ref().find(|line| line.trim().is_empty());
            } else if !line.starts_with('#') {
                words.extend(line.split_whitespace());
            }
        }
        let mut words = words.into_iter();
        let (mut host, mut login) = (None, String::new());
        while let Some(word) = words.next() {
            match word {
                "machine" => (host, login) = (words.next().map(str::to_owned), String::new()),
                "default" => (host, login) = (None, String::new()),
                "login" => login = words.next().unwrap_or_default().to_owned(),
                "password" => {
                    let pair = (login.clone(), words.next().unwrap_or_default().to_owned());
                    match &host {
                        Some(host) => {
                            netrc.hosts.entry(host.to_ascii_lowercase()).or_insert(pair);
                        }
                        None => netrc.default = Some(pair),
                    }
                }
                _ => {}
            }
        }
        netrc
    }

    /// Returns the value of an `Authorization` header for a host.
    pub(super) fn authorization(&self, host: &str, is_named: bool) -> Option<String> {
        let default = self.default.as_ref().filter(|_| is_named);
        let (name, password) = self.hosts.get(host).or(default)?;
        Some(basic(name, password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap().unwrap()
    }

    #[test]
    fn headers_go_where_they_belong_and_show_no_value() {
        let header: Header = "Authorization: Bearer SECRET".parse().unwrap();
        let lab = address("https://lab.example/x.bw");
        assert_eq!(header.of(&lab, true), Some(("Authorization", "Bearer SECRET")));
        assert_eq!(header.of(&lab, false), None);
        assert!(!format!("{header:?}").contains("SECRET"));
        let header: Header = "https://LAB.example X-Key: k:1".parse().unwrap();
        assert_eq!(header.of(&lab, false), Some(("X-Key", "k:1")));
        assert_eq!(header.of(&address("https://lab.example.evil/x"), true), None);
        assert_eq!(header.of(&address("http://lab.example/x"), true), None);
        for wrong in ["SECRET", "a b: SECRET", ": SECRET", "X: SEC\nRET"] {
            let error = wrong.parse::<Header>().unwrap_err().to_string();
            assert!(!error.contains("SEC"), "{error}");
        }
    }

    #[test]
    fn names_and_passwords_are_those_of_netrc() {
        let text = "# mine\nmachine lab.example login ada password l0ve\nmacdef init\nmachine x\n\n\
                    machine Other.Example\n  login bob\n  password b:b\ndefault login any password one\n";
        let netrc = Netrc::parse(text);
        // Computed with: printf 'ada:l0ve' | base64
        assert_eq!(netrc.authorization("lab.example", true).unwrap(), "Basic YWRhOmwwdmU=");
        assert_eq!(netrc.authorization("other.example", false).unwrap(), basic("bob", "b:b"));
        assert_eq!(netrc.authorization("else.example", true).unwrap(), basic("any", "one"));
        assert_eq!(netrc.authorization("else.example", false), None, "nobody named it");
        assert_eq!(basic_of("ada:l%30ve"), "Basic YWRhOmwwdmU=");
    }
}
