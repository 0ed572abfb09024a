//! Addresses of files on other machines, and the parts of them that may be shown.

use crate::error::{Error, Result};
use std::fmt;
use std::path::{Path, PathBuf};

/// The protocol of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
    /// Amazon's S3, and compatible servers.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

/// The machines that an address may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reach {
    /// Any machine: the user wrote the address.
    Anywhere,
    /// Neither this machine nor link-local ones: a server redirected to the address.
    Elsewhere,
    /// Public machines: a hub or a page named the address.
    Public,
}

const SCHEMES: &[(&str, Scheme)] = &[
    ("http", Scheme::Http),
    ("https", Scheme::Https),
    ("s3", Scheme::S3),
    ("gs", Scheme::Gs),
    ("az", Scheme::Az),
];

/// The address of a file on another machine.
///
/// Its query and its password may be secret, as in signed addresses: they are sent to the server,
/// but never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    scheme: Scheme,
    /// `name:password`, as written before the host.
    user: Option<String>,
    /// The host and its port, if any, in lower case; for object storage, the bucket.
    host: String,
    /// As it is sent, percent-encoded: empty, or begins with a slash.
    path: String,
    query: Option<String>,
    shown: PathBuf,
    reach: Reach,
}

impl Address {
    /// Parses an address; none if the text is the path of a file.
    ///
    /// # Errors
    /// [`Error::Input`] for an invalid address.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(None) };
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_name(scheme) || scheme.eq_ignore_ascii_case("file") {
            return Ok(None);
        }
        let known = SCHEMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(scheme));
        let Some((name, scheme)) = known else {
            let known = "http://, https://, s3://, gs:// and az://";
            let what =
                format!("'{scheme}://' addresses cannot be read; the known kinds are {known}");
            return Err(Error::Input(what));
        };
        if text.chars().any(char::is_control) {
            return Err(Error::Input("an address contains a control character".into()));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(encoded(query, |byte| byte == b'%'))),
            None => (rest, None),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        let host = host.to_ascii_lowercase();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(fits) {
            let what = format!(
                "'{name}://{host}' names no server; write an address like https://lab.example/x.bw"
            );
            return Err(Error::Input(what));
        }
        let shown = PathBuf::from(format!("{name}://{host}{path}"));
        let path = match scheme {
            // These are written as they are sent, except characters that must not be sent.
            Scheme::Http | Scheme::Https => encoded(path, |byte| byte == b'%' || is_reserved(byte)),
            // Keys of object storage are written without encoding.
            _ => encoded(path, |byte| byte == b'/'),
        };
        let path = match scheme {
            Scheme::Http | Scheme::Https => without_dots(&path),
            _ => path,
        };
        Ok(Some(Address {
            scheme: *scheme,
            user,
            host,
            path,
            query,
            shown,
            reach: Reach::Anywhere,
        }))
    }

    /// Returns what may be shown: the address without its query and its password.
    pub(crate) fn shown(&self) -> &Path {
        &self.shown
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme != Scheme::Http
    }

    /// Returns `name:password`, still percent-encoded.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Returns the host and its port, if any, or the bucket.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the host without its port.
    pub(crate) fn host_name(&self) -> &str {
        let end = match self.host.rfind(']') {
            Some(end) => end + 1,
            None => self.host.find(':').unwrap_or(self.host.len()),
        };
        &self.host[..end]
    }

    /// Returns the path, as it is sent.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Returns the URL for an HTTP server: with the query, without the password.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.is_https() { "https" } else { "http" };
        let path = if self.path.is_empty() { "/" } else { &self.path };
        let query = self.query.as_deref().map_or(String::new(), |query| format!("?{query}"));
        format!("{scheme}://{}{path}{query}", self.host)
    }

    /// Returns which machines the address may lead to.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// Returns the same address with another reach.
    pub(crate) fn with_reach(&self, reach: Reach) -> Self {
        Address { reach, ..self.clone() }
    }

    /// Returns whether both addresses are of one server.
    pub(crate) fn is_of_server(&self, other: &Address) -> bool {
        self.scheme == other.scheme && self.host == other.host
    }

    /// Returns the address with a suffix after its name: `x.bam.bai` for `x.bam`.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Self {
        let mut shown = self.shown.clone().into_os_string();
        shown.push(suffix);
        Address { path: format!("{}{suffix}", self.path), shown: shown.into(), ..self.clone() }
    }

    /// Returns the address with another ending: `x.bai` for `x.bam`; none if it has no ending.
    pub(crate) fn with_ending(&self, ending: &str) -> Option<Self> {
        let (stem, old) = self.path.rsplit_once('.')?;
        if old.contains('/') {
            return None;
        }
        let shown = self.shown.with_extension(ending);
        Some(Address { path: format!("{stem}.{ending}"), shown, ..self.clone() })
    }

    /// Returns the address of a reference in this file, absolute or relative to the file's folder.
    /// It may reach no more machines than this one, and another server only if that is public.
    ///
    /// # Errors
    /// [`Error::Input`] for an invalid address.
    pub(crate) fn join(&self, reference: &str) -> Result<Self> {
        let scheme = SCHEMES.iter().find(|(_, scheme)| *scheme == self.scheme);
        let scheme = scheme.map_or("https", |(name, _)| name);
        if let Some(whole) = reference.strip_prefix("//") {
            return self.join(&format!("{scheme}://{whole}"));
        }
        if reference.contains("://") {
            let Some(other) = Address::parse(reference)? else {
                let what = format!("'{reference}' is a file on the server's own machine");
                return Err(Error::Input(what));
            };
            let leads_away = !other.is_of_server(self);
            let user = if leads_away {
                other.user.clone()
            } else {
                other.user.clone().or(self.user.clone())
            };
            let least = if leads_away { Reach::Public } else { Reach::Anywhere };
            return Ok(Address { reach: self.reach.max(least), user, ..other });
        }
        let folder = match self.shown_path().rfind('/') {
            Some(end) if !reference.starts_with('/') => &self.shown_path()[..=end],
            _ if reference.starts_with('/') => "",
            _ => "/",
        };
        let text =
            format!("{scheme}://{}{}", self.host, without_dots(&format!("{folder}{reference}")));
        let joined = Address::parse(&text)?.unwrap_or_else(|| self.clone());
        Ok(Address { reach: self.reach, user: self.user.clone(), ..joined })
    }

    /// Returns the path as it is written.
    fn shown_path(&self) -> &str {
        let shown = self.shown.to_str().unwrap_or_default();
        let start = shown.find("://").map_or(0, |at| at + 3);
        shown[start..].find('/').map_or("", |at| &shown[start + at..])
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shown.display())
    }
}

/// Returns whether a byte has a meaning in the path of an address (RFC 3986, section 2.2).
fn is_reserved(byte: u8) -> bool {
    b"/:@!$&'()*+,;=[]".contains(&byte)
}

/// Percent-encodes a text, except for characters that need no code and those that `keep` accepts. A
/// `%` that begins no code is encoded.
fn encoded(text: &str, keep: impl Fn(u8) -> bool) -> String {
    let mut result = String::with_capacity(text.len());
    let keeps_codes = keep(b'%');
    for (at, byte) in text.bytes().enumerate() {
        let rest = &text.as_bytes()[at + 1..];
        let begins_code =
            matches!(rest, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let in_query = keeps_codes && (is_reserved(byte) || byte == b'?');
        if plain
            || (byte == b'%' && keeps_codes && begins_code)
            || (byte != b'%' && (keep(byte) || in_query))
        {
            result.push(char::from(byte));
        } else {
            result.push_str(&format!("%{byte:02X}"));
        }
    }
    result
}

/// Resolves `.` and `..` in a path as browsers and servers do; nothing is above the top.
fn without_dots(path: &str) -> String {
    let is_one = |part: &str| matches!(part.to_ascii_lowercase().as_str(), "." | "%2e");
    let is_two = |part: &str| {
        matches!(part.to_ascii_lowercase().as_str(), ".." | ".%2e" | "%2e." | "%2e%2e")
    };
    let mut parts: Vec<&str> = Vec::new();
    let count = path.split('/').count();
    for (at, part) in path.split('/').enumerate() {
        let is_last = at + 1 == count;
        if is_two(part) {
            if parts.len() > 1 {
                parts.pop();
            }
        } else if !is_one(part) {
            parts.push(part);
            continue;
        }
        if is_last {
            parts.push("");
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap().unwrap()
    }

    #[test]
    fn secrets_are_sent_and_never_shown() {
        let signed =
            address("https://ada:pa%3Ass@Lab.Example:8443/a b/x.bw?X-Amz-Signature=SECRET#top");
        assert_eq!(signed.url(), "https://lab.example:8443/a%20b/x.bw?X-Amz-Signature=SECRET");
        assert_eq!(signed.user(), Some("ada:pa%3Ass"));
        assert_eq!(signed.shown(), Path::new("https://lab.example:8443/a b/x.bw"));
        assert_eq!(format!("{signed:?}"), "https://lab.example:8443/a b/x.bw");
        assert_eq!(signed.host_name(), "lab.example");
        assert_eq!(address("http://[::1]:80/x").host_name(), "[::1]");
        let index = signed.with_suffix(".bai");
        assert!(index.url().ends_with("/x.bw.bai?X-Amz-Signature=SECRET"), "{}", index.url());
        let index = signed.with_ending("bai").unwrap();
        assert_eq!(index.shown(), Path::new("https://lab.example:8443/a b/x.bai"));
        assert!(address("https://lab.example/dir.x/file").with_ending("bai").is_none());
    }

    #[test]
    fn what_is_no_address_is_a_file_or_said() {
        for file in ["x.bw", "/a/b.bw", "file:///a/b.bw", "a:b", "://x", "a b://c"] {
            assert_eq!(Address::parse(file).unwrap(), None, "{file}");
        }
        for wrong in ["ftp://x/y", "https://", "https:///x", "http://a b/x", "http://ü.example/x"]
        {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_cannot_climb_and_keys_are_written_as_they_are() {
        assert_eq!(address("http://h/a/../../b/./%2E%2e/c").path(), "/c");
        assert_eq!(address("http://h/100%/a%20b+c,d").path(), "/100%25/a%20b+c,d");
        assert_eq!(address("s3://bucket/a b/50%25+x.bw").path(), "/a%20b/50%2525%2Bx.bw");
    }

    #[test]
    fn references_are_relative_to_the_file_and_another_server_must_be_public() {
        let hub = address("https://u:p@lab.example/hubs/hub.txt?token=T");
        let joined = |reference: &str| hub.join(reference).unwrap();
        assert_eq!(joined("hg38/trackDb.txt").url(), "https://lab.example/hubs/hg38/trackDb.txt");
        assert_eq!(joined("../x.bw").shown(), Path::new("https://lab.example/x.bw"));
        assert_eq!(joined("/x.bw").url(), "https://lab.example/x.bw");
        assert_eq!(joined("x.bw").user(), Some("u:p"));
        for near in ["x.bw", "https://lab.example/y"] {
            assert_eq!(joined(near).reach(), Reach::Anywhere);
        }
        for away in
            ["http://lab.example/x", "//127.0.0.1/x", "https://lab.example:81/x", "s3://b/k"]
        {
            let away = joined(away);
            assert!(away.reach() == Reach::Public && away.user().is_none(), "{away:?}");
        }
        assert!(hub.join("file:///etc/passwd").is_err());
        let guarded = hub.with_reach(Reach::Public);
        assert_eq!(guarded.join("x.bw").unwrap().reach(), Reach::Public);
        assert_eq!(address("s3://b/a/hub.txt").join("x y.bw").unwrap().path(), "/a/x%20y.bw");
    }
}
