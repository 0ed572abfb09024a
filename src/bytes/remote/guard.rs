//! Which machines may be reached: all that a user named, and only some of the others.
//!
//! Addresses from a page, a hub or a redirect must not lead to this machine or its neighbours,
//! where services trust everyone who can reach them. The connection looks a name up itself, and
//! checks and uses the same result, so that a second look-up cannot give another answer.

use super::address::{Address, Reach};
use crate::error::{Error, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::str::FromStr;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The error text for a name that leads to a machine that may not be reached.
pub(super) const NOT_PUBLIC: &str = "the name leads to a machine that is not public";

/// Returns whether an address with this reach may lead to the machine with this IP address.
fn may_reach(reach: Reach, ip: IpAddr) -> bool {
    match reach {
        Reach::Anywhere => true,
        Reach::Elsewhere => is_public(ip) || is_private(ip),
        Reach::Public => is_public(ip),
    }
}

/// Returns whether an IP address is of a machine in the network of an institution.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        // Machines of one cloud provider find their own secrets under this prefix.
        IpAddr::V6(ip) => ip.is_unique_local() && ip.segments()[..2] != [0xfd00, 0x0ec2],
    }
}

/// Returns whether an IP address leads to the same machine from everywhere.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_special = ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_private()
                || ip.is_multicast()
                || ip.is_broadcast();
            // This network; shared by the customers of a provider (RFC 6598); reserved.
            !is_special && a != 0 && !(a == 100 && (64..128).contains(&b)) && a < 240
        }
        IpAddr::V6(ip) => match embedded(ip) {
            Some(ip) => is_public(ip.into()),
            None => {
                let is_special = ip.is_unspecified()
                    || ip.is_loopback()
                    || ip.is_unicast_link_local()
                    || ip.is_unique_local()
                    || ip.is_multicast();
                !is_special
            }
        },
    }
}

/// Returns the IPv4 address in an IPv6 address: mapped, compatible, NAT64 or 6to4.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = ip.segments();
    let number = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) => Some(number(high, low)),
        (0, 0, 0, 0, 0, 0) if high != 0 => Some(number(high, low)),
        (0x64, 0xff9b, ..) => Some(number(high, low)),
        (0x2002, high, low, ..) => Some(number(high, low)),
        _ => None,
    }
}

/// Returns whether a host name or IP address is of this machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Returns whether all IP addresses of a host may be reached; also true if none are found here,
/// since a proxy may know the host.
pub(super) fn leads_where_it_may(reach: Reach, host: &str) -> bool {
    if reach == Reach::Anywhere {
        return true;
    }
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = (name, 80).to_socket_addrs();
    !is_loopback(host) && found.map_or(true, |mut all| all.all(|at| may_reach(reach, at.ip())))
}

/// A resolver that fails for names of machines that may not be reached.
#[derive(Debug)]
pub(super) struct Guarded {
    reach: Reach,
    names: DefaultResolver,
}

impl Guarded {
    pub(super) fn new(reach: Reach) -> Self {
        Guarded { reach, names: DefaultResolver::default() }
    }
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        // The user's own proxy may be anywhere; the host requested from it was checked before.
        let is_proxy = config.proxy().is_some_and(|proxy| Some(proxy.host()) == uri.host());
        if is_proxy || found.iter().all(|at| may_reach(self.reach, at.ip())) {
            return Ok(found);
        }
        Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, NOT_PUBLIC).into())
    }
}

/// A pattern of addresses that may be loaded over a socket, such as `https://data.example/*`: `*`
/// matches any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    scheme: String,
    host: String,
    path: String,
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let what = "expected a pattern of addresses, such as https://data.example/tracks/*";
            Error::Input(format!("'{text}': {what}"))
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() || host.contains('@') || rest.contains(['?', '#']) {
            return Err(wrong());
        }
        // A server alone matches all of its paths.
        let path = if path.is_empty() { "/*" } else { path };
        let lower = str::to_ascii_lowercase;
        Ok(Pattern { scheme: lower(scheme), host: lower(host), path: path.to_owned() })
    }
}

impl Pattern {
    /// Returns whether an address matches the pattern.
    pub(crate) fn holds(&self, address: &Address) -> bool {
        let shown = address.shown().to_string_lossy();
        let scheme = shown.split("://").next().unwrap_or_default();
        fits(&self.scheme, scheme)
            && fits(&self.host, address.host())
            && fits(&self.path, address.path())
    }

    /// Returns whether the pattern names a single server.
    pub(crate) fn names_server(&self) -> bool {
        !self.host.contains('*')
    }
}

/// Returns whether a text matches a pattern in which `*` matches any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    // What follows the last star must end the text; the parts before are found from the left.
    if !rest.contains('*') {
        return text.len() >= rest.len() && text.ends_with(rest);
    }
    ends.any(|at| fits(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_this_machine_and_its_neighbours_are_not_public() {
        for number in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(number.parse().unwrap()), "{number}");
        }
        for number in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
        {
            assert!(is_public(number.parse().unwrap()), "{number}");
        }
        assert!(is_loopback("localhost") && is_loopback("[::1]") && is_loopback("127.0.0.9"));
        assert!(!is_loopback("localhost.example"));
        for (number, elsewhere) in
            [("10.0.0.1", true), ("fd12::1", true), ("fd00:ec2::254", false), ("127.0.0.1", false)]
        {
            assert_eq!(may_reach(Reach::Elsewhere, number.parse().unwrap()), elsewhere, "{number}");
        }
        for reach in [Reach::Elsewhere, Reach::Public] {
            for host in ["127.1", "localhost", "[::1]", "169.254.169.254", "2130706433"] {
                assert!(!leads_where_it_may(reach, host), "{host}");
            }
        }
        assert!(leads_where_it_may(Reach::Anywhere, "localhost"));
    }

    #[test]
    fn patterns_hold_what_they_say_and_no_more() {
        let holds = |pattern: &str, address: &str| {
            let address = Address::parse(address).unwrap().unwrap();
            pattern.parse::<Pattern>().unwrap().holds(&address)
        };
        assert!(holds("https://a.example", "https://A.example/x/y.bw?secret"));
        assert!(holds("https://a.example/pub/*", "https://a.example/pub/x.bw"));
        assert!(holds("https://*.example/*.bw", "https://b.a.example/x/y.bw"));
        assert!(holds("s3://bucket/*", "s3://bucket/key"));
        for (pattern, address) in [
            ("https://a.example/pub/*", "https://a.example/pub/../secret.bw"),
            ("https://a.example/pub/*", "https://a.example/pub/%2e%2e/secret.bw"),
            ("https://a.example/*", "http://a.example/x"),
            ("https://a.example/*", "https://a.example:8443/x"),
            ("https://a.example/*", "https://a.example.evil/x"),
            ("https://a.example/*", "https://evil/a.example/x"),
            ("https://a.example/*", "https://a.example@evil/x"),
            ("https://*.example/*", "https://evil/x.example/y"),
        ] {
            assert!(!holds(pattern, address), "{pattern} {address}");
        }
        for wrong in ["a.example", "https://", "https:///x", "https://u@h/", "https://h/?q"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }
}
