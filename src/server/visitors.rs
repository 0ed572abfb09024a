//! Identifies visitors.
//!
//! In this order: a token names its visitor; the owner's programs on this machine need none; other
//! users of this machine, and users named by a trusted proxy, have the role from the configuration;
//! all others are refused.

use super::keys::Keys;
use super::peer::{Peer, own_user};
use super::state::Connection;
use crate::session::{Role, Visitor};
use axum::extract::{ConnectInfo, Request};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Uri, header};
use std::net::{IpAddr, SocketAddr};

/// Returns the visitor, or the reason why it is unknown. Removes a token from the address, so that
/// it cannot be logged or repeated later.
pub(super) fn visitor(keys: &Keys, request: &mut Request) -> Result<Visitor, String> {
    let in_address = take_token(request);
    let headers = request.headers();
    let token = in_address.or_else(|| bearer(headers));
    let socket = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let address = socket.map_or_else(|| "an unknown address".into(), |socket| socket.to_string());
    let Some(peer) = Connection::of(request.extensions()).peer else {
        // In another application, which controls the access itself.
        return Ok(guest("the application").at(address));
    };
    let user = if let Peer::Here(user) = peer { user } else { None };
    let is_trusted = socket.is_some_and(|socket| keys.trusts(socket.ip(), user));
    let address = if is_trusted { forwarded_for(headers).unwrap_or(address) } else { address };
    if let Some(token) = &token
        && let Some(visitor) = keys.of_token(token)
    {
        return Ok(visitor.at(address));
    }
    let is_forwarded = is_forwarded(headers);
    let found = match (peer, is_trusted) {
        (_, true) => named_by_proxy(headers).and_then(|name| keys.of_proxy_user(name)),
        // A proxy that runs as the owner may forward requests of anybody.
        (Peer::Here(Some(user)), false) if !is_forwarded => {
            if user == own_user() {
                Some(Visitor::owner())
            } else {
                keys.of_user(user)
            }
        }
        _ => None,
    };
    found.map(|visitor| visitor.at(address)).ok_or_else(|| {
        let wrong = if token.is_some() { "this token is unknown or has expired; " } else { "" };
        format!("{wrong}{}", refusal(peer, is_trusted, is_forwarded))
    })
}

/// Returns a visitor that may see and change what is shared, but not files.
fn guest(name: &str) -> Visitor {
    let name = name.to_owned();
    Visitor {
        name,
        role: Role::Drive,
        is_owner: false,
        address: String::new(),
        agent: String::new(),
    }
}

/// Returns the reason why a visitor is refused, and the remedy.
fn refusal(peer: Peer, is_trusted: bool, is_forwarded: bool) -> String {
    const TOKEN: &str = "open the address with its token (ADDRESS?token=...), which the owner finds \
                         in the state folder, or send it as 'Authorization: Bearer ...'";
    if is_trusted {
        return format!(
            "the proxy names no user (X-Forwarded-User) who has a role under [access] in the \
             configuration of epivizrs; or {TOKEN}"
        );
    }
    if is_forwarded {
        return format!(
            "this request came through a proxy that is not trusted; start epivizrs with \
             --behind-proxy [USER@]ADDRESS to trust it, or make the proxy send a token as \
             'Authorization: Bearer ...'; or {TOKEN}"
        );
    }
    match peer {
        Peer::Here(Some(user)) => format!(
            "epivizrs belongs to another user of this machine than {}; {TOKEN} (if you are a proxy: \
             --behind-proxy)",
            super::keys::user_name(user)
        ),
        Peer::Here(None) => {
            format!("this system does not report the user of the connection; {TOKEN}")
        }
        Peer::Away => format!("requests from other machines need a token: {TOKEN}"),
    }
}

/// Removes and returns the argument `token` of the address.
fn take_token(request: &mut Request) -> Option<String> {
    let query = request.uri().query()?;
    let is_token = |pair: &&str| pair.split('=').next() == Some("token");
    let token = query.split('&').find(is_token)?;
    let token = token.split_once('=').map_or(String::new(), |(_, value)| value.to_owned());
    let rest: Vec<_> = query.split('&').filter(|pair| !is_token(pair)).collect();
    let path = request.uri().path();
    let bare = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    if let Ok(bare) = bare.parse::<PathAndQuery>() {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.path_and_query = Some(bare);
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    }
    Some(token)
}

/// Returns the token in `Authorization: Bearer TOKEN`.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Returns the user that a proxy names.
fn named_by_proxy(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all("x-forwarded-user").iter();
    let name = all.next()?.to_str().ok()?.trim();
    // If there are two, one may come from the client.
    (all.next().is_none() && !name.is_empty()).then_some(name)
}

/// Returns the client's address from a trusted proxy: the last of the list, which the proxy added.
fn forwarded_for(headers: &HeaderMap) -> Option<String> {
    let list = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    let last: IpAddr = list.rsplit(',').next()?.trim().parse().ok()?;
    Some(last.to_string())
}

/// Returns whether the request was forwarded by a proxy, for a client that may be anywhere.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    const HEADERS: [&str; 8] = [
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-original-forwarded-for",
    ];
    headers
        .keys()
        .any(|name| HEADERS.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::keys::Token;
    use axum::body::Body;

    const DRIVE: &str = "0123456789abcdef";

    fn keys() -> Keys {
        Keys {
            tokens: vec![Token::new("lab", Role::Drive, DRIVE, None).unwrap()],
            users: vec![(own_user() + 7, Role::View)],
            proxy_users: vec![("ada".into(), Role::Drive)],
            proxies: vec![
                format!("{}@127.0.0.1", own_user() + 8).parse().unwrap(),
                "192.0.2.9".parse().unwrap(),
            ],
        }
    }

    fn ask(
        from: &str,
        peer: Peer,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> (Result<Visitor, String>, String) {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let address: SocketAddr = format!("{from}:99").parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        request.extensions_mut().insert(Connection { peer: Some(peer), ..Connection::default() });
        let visitor = visitor(&keys(), &mut request);
        (visitor, request.uri().to_string())
    }

    #[test]
    fn who_asks_is_told_by_token_user_or_proxy() {
        let own = Peer::Here(Some(own_user()));
        let user = |more| Peer::Here(Some(own_user() + more));
        let loopback = "127.0.0.1";
        let proxied = ("x-forwarded-user", "ada");
        let bearer = format!("Bearer {DRIVE}");
        for (from, peer, headers, expected) in [
            (loopback, own, vec![], Some("the owner")),
            (loopback, own, vec![("authorization", "Basic x")], Some("the owner")),
            (loopback, own, vec![("x-real-ip", "192.0.2.1")], None),
            (loopback, own, vec![proxied], None),
            (loopback, user(1), vec![], None),
            (loopback, user(1), vec![proxied], None),
            (loopback, user(1), vec![("authorization", &bearer)], Some("token lab")),
            (loopback, Peer::Here(None), vec![], None),
            (loopback, user(8), vec![], None),
            (loopback, user(8), vec![proxied], Some("proxy's user ada")),
            (loopback, user(8), vec![proxied, proxied], None),
            (loopback, user(8), vec![("x-forwarded-user", "eve")], None),
            ("192.0.2.9", Peer::Away, vec![proxied], Some("proxy's user ada")),
            ("192.0.2.8", Peer::Away, vec![proxied], None),
            ("192.0.2.8", Peer::Away, vec![("authorization", &bearer)], Some("token lab")),
        ] {
            let (found, _) = ask(from, peer, "/ws", &headers);
            let name = found.as_ref().ok().map(|visitor| visitor.name.as_str());
            assert_eq!(name, expected, "{from} {peer:?} {headers:?} {found:?}");
        }
        let (found, _) = ask(loopback, user(7), "/ws", &[]);
        assert_eq!(found.unwrap().role, Role::View);
    }

    #[test]
    fn a_token_does_not_stay_in_the_address() {
        let (found, uri) =
            ask("192.0.2.8", Peer::Away, &format!("/api?a=1&token={DRIVE}&b=2"), &[]);
        assert_eq!((found.unwrap().role, uri.as_str()), (Role::Drive, "/api?a=1&b=2"));
        let (found, uri) = ask("192.0.2.8", Peer::Away, "/ws?token=wrong", &[]);
        let why = found.unwrap_err();
        assert!(why.starts_with("this token is unknown") && !why.contains("wrong"), "{why}");
        assert_eq!(uri, "/ws");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let why =
            |peer, headers: &[(&str, &str)]| ask("127.0.0.1", peer, "/ws", headers).0.unwrap_err();
        let forwarded = why(Peer::Here(Some(own_user())), &[("x-forwarded-for", "192.0.2.1")]);
        assert!(forwarded.contains("--behind-proxy"), "{forwarded}");
        assert!(
            why(Peer::Here(Some(own_user() + 1)), &[]).contains("another user of this machine")
        );
        assert!(why(Peer::Here(None), &[]).contains("does not report the user"));
        assert!(why(Peer::Away, &[]).contains("need a token"));
    }

    #[test]
    fn the_address_is_the_one_that_the_proxy_added() {
        let headers =
            [("x-forwarded-user", "ada"), ("x-forwarded-for", "198.51.100.1, 192.0.2.77")];
        let (found, _) = ask("192.0.2.9", Peer::Away, "/ws", &headers);
        assert_eq!(found.unwrap().address, "192.0.2.77");
    }
}
