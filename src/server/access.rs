//! The origins and hosts from which clients may connect.
//!
//! Any web page that a user visits can try `ws://localhost:8888`. The browser names the page's
//! origin in the `Origin` header, which the page cannot change (RFC 6455, section 10.2).

use super::keys::Keys;
use crate::console::AllowedFiles;
use std::net::SocketAddr;
use std::sync::Arc;

/// The origins from which pages may connect, and the visitors that are admitted besides the owner.
#[derive(Clone, Debug)]
pub struct Access {
    allowed: Vec<String>,
    any: bool,
    /// Whether only this machine can reach the endpoint; pages served from this machine are then
    /// trusted as much as its programs.
    loopback: bool,
    page_url: String,
    /// Whether the endpoint speaks TLS itself.
    pub(super) has_tls: bool,
    pub(super) keys: Arc<Keys>,
    pub(super) open_files: Arc<AllowedFiles>,
}

impl Access {
    /// Allows pages of the endpoint's own address, of `page_url`, and of the origins in `more`:
    /// `http://lab.example:8080`, `null` for pages from files, `*` for all. Only the owner's
    /// programs on this machine are admitted, which [`crate::serve`] identifies if the system can.
    pub fn new(own: SocketAddr, page_url: &str, more: &[String]) -> Self {
        let port = own.port();
        let names = ["localhost".to_owned(), "127.0.0.1".into(), "[::1]".into(), own_host(own)];
        let own_origins = names.iter().map(|name| format!("http://{name}:{port}"));
        let allowed = own_origins.chain(origin(page_url)).chain(more.iter().cloned());
        Access {
            allowed: allowed.map(|origin| origin.trim_end_matches('/').to_lowercase()).collect(),
            any: more.iter().any(|origin| origin == "*"),
            loopback: own.ip().is_loopback(),
            page_url: page_url.to_owned(),
            has_tls: false,
            keys: Arc::default(),
            open_files: Arc::default(),
        }
    }

    /// Sets whether the endpoint uses TLS.
    #[must_use]
    pub fn with_tls(self, has_tls: bool) -> Self {
        Access { has_tls, ..self }
    }

    /// Admits other visitors.
    #[must_use]
    pub fn with_keys(self, keys: Keys) -> Self {
        Access { keys: Arc::new(keys), ..self }
    }

    /// Sets the files that visitors other than the owner may use.
    #[must_use]
    pub fn with_allowed_files(self, open: AllowedFiles) -> Self {
        Access { open_files: Arc::new(open), ..self }
    }

    /// Returns the address of the EpiViz page for links.
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// Returns whether a request with this `Origin` is allowed. Programs send none.
    pub fn allows(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let wanted = origin.to_lowercase();
        self.any || self.allowed.contains(&wanted) || (self.loopback && is_loopback(&wanted))
    }

    /// Returns whether a request for this `Host` is allowed: an IP address, `localhost`, or that of
    /// an allowed origin. HTTP/1.0 clients may send none.
    pub fn allows_host(&self, host: Option<&str>) -> bool {
        let Some(host) = host else { return true };
        let wanted = name_of(host).to_lowercase();
        let address = wanted.parse::<std::net::IpAddr>();
        let allowed = || self.allowed.iter().filter_map(|origin| origin.split_once("://"));
        self.any
            || address.is_ok()
            || wanted == "localhost"
            || allowed().any(|(_, host)| name_of(host) == wanted)
    }
}

/// Returns a host without its port, and an IPv6 address without its brackets; empty if the text is
/// not a host and a port (in `localhost:80@evil.example`, the first part is a user name and a
/// password).
fn name_of(host: &str) -> &str {
    let (name, after) = match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']').unwrap_or_default(),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain =
        !name.contains(['@', '/', '\\', '?', '#']) && !name.contains(char::is_whitespace);
    if is_plain && (after.is_empty() || after.strip_prefix(':').is_some_and(is_port)) {
        name
    } else {
        ""
    }
}

fn own_host(own: SocketAddr) -> String {
    match own {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}

/// Returns scheme, host and port of an address.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    Some(format!("{scheme}://{host}"))
}

fn is_loopback(origin: &str) -> bool {
    let Some((_, host)) = origin.split_once("://") else { return false };
    let name = name_of(host);
    let address = name.parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(own: &str, more: &[&str]) -> Access {
        let more: Vec<_> = more.iter().map(ToString::to_string).collect();
        Access::new(own.parse().unwrap(), "https://epiviz.example/4/index.php", &more)
    }

    #[test]
    fn unknown_origins_are_refused() {
        let access = access("127.0.0.1:8888", &[]);
        for origin in [
            None,
            Some("http://localhost:8888"),
            Some("http://127.0.0.1:42295"),
            Some("https://epiviz.example"),
            Some("http://[::1]:80"),
        ] {
            assert!(access.allows(origin), "{origin:?}");
        }
        for origin in [
            "http://evil.example",
            "null",
            "",
            "http://localhost.evil.example:8888",
            "http://127.0.0.1.evil.example",
            "https://epiviz.example.evil",
            "http://localhost:80@evil.example",
            "http://localhost@evil.example",
            "http://localhost:80:90",
            "http://[::1]@evil.example",
            "http://[::1]evil.example",
            "http://[::1",
            "http://127.0.0.1\\@evil.example",
            "http://localhost/",
            "http://localhost#@evil.example",
            "http://",
            "http://epiviz.example:81",
        ] {
            assert!(!access.allows(Some(origin)), "{origin}");
        }
    }

    #[test]
    fn rebound_host_names_are_refused() {
        let access = access("192.0.2.7:8888", &["http://lab.example:8888"]);
        for host in [
            None,
            Some("localhost:8888"),
            Some("127.0.0.1"),
            Some("192.0.2.7:8888"),
            Some("[::1]:8888"),
            Some("Lab.example:8888"),
            Some("epiviz.example"),
        ] {
            assert!(access.allows_host(host), "{host:?}");
        }
        for host in [
            "evil.example:8888",
            "lab.example.evil",
            "127.0.0.1.evil.example",
            "localhost:80@evil.example",
            "lab.example@evil.example",
            "[::1]@evil.example",
            "",
        ] {
            assert!(!access.allows_host(Some(host)), "{host}");
        }
    }

    #[test]
    fn an_open_endpoint_does_not_trust_the_loopback_of_others() {
        let open = access("192.0.2.7:8888", &["http://lab.example", "null"]);
        assert!(!open.allows(Some("http://localhost:3000")));
        assert!(open.allows(Some("http://192.0.2.7:8888")));
        assert!(open.allows(Some("HTTP://LAB.example")));
        assert!(open.allows(Some("null")));
        assert!(access("192.0.2.7:8888", &["*"]).allows(Some("http://any.example")));
    }
}
