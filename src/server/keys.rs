//! Known visitors: tokens, users of this machine, and users named by a proxy.

use crate::error::Error;
use crate::session::{Role, Visitor};
use std::fmt;
use std::hint::black_box;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::SystemTime;

/// Minimum length of a token: shorter ones could be guessed.
const MIN_LENGTH: usize = 16;

/// A secret that gives a role to anyone who knows it.
#[derive(Clone)]
pub struct Token {
    name: String,
    role: Role,
    secret: String,
    expires: Option<SystemTime>,
}

impl Token {
    /// Creates a token, valid until `expires` if given.
    ///
    /// # Errors
    /// [`Error::Input`] for a secret that is too short, or cannot be part of an address.
    pub fn new(
        name: &str,
        role: Role,
        secret: &str,
        expires: Option<SystemTime>,
    ) -> Result<Self, Error> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        if secret.len() < MIN_LENGTH || !secret.chars().all(is_plain) {
            return Err(Error::Input(format!(
                "the token '{name}' must have at least {MIN_LENGTH} letters, digits, '-', '_', '.' \
                 or '~'"
            )));
        }
        Ok(Token { name: name.to_owned(), role, secret: secret.to_owned(), expires })
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the secret, which must be shown only to those who may use it.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    fn is_valid(&self) -> bool {
        self.expires.is_none_or(|expires| SystemTime::now() < expires)
    }
}

/// The secret is never printed.
impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Token")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// A proxy that is trusted to name the visitors: its address, and on this machine also its user,
/// since every user of a machine can connect from its loopback address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    address: IpAddr,
    user: Option<u32>,
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (user, address) = match text.rsplit_once('@') {
            Some((user, address)) => (Some(user_id(user)?), address),
            None => (None, text),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("'{address}' is not an address; write [USER@]ADDRESS"))?;
        let address = address.to_canonical();
        if address.is_loopback() && user.is_none() {
            return Err(format!(
                "every user of this machine can connect from {address}: name the one that the \
                 proxy runs as, such as www-data@{address}"
            ));
        }
        Ok(Proxy { address, user })
    }
}

/// Returns the id of a user of this machine, by name or number.
///
/// # Errors
/// The reason, if there is no such user.
pub fn user_id(name: &str) -> Result<u32, String> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    match nix::unistd::User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!("this machine has no user '{name}'")),
        Err(error) => Err(format!("cannot look up the user '{name}': {error}")),
    }
}

/// All known visitors besides the owner.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Tokens.
    pub tokens: Vec<Token>,
    /// Users of this machine, by id.
    pub users: Vec<(u32, Role)>,
    /// Users named by a proxy; `*` means any.
    pub proxy_users: Vec<(String, Role)>,
    /// Trusted proxies.
    pub proxies: Vec<Proxy>,
}

impl Keys {
    /// Returns the visitor with this token, if it is valid.
    pub(super) fn of_token(&self, given: &str) -> Option<Visitor> {
        // All tokens are compared, so that the time does not reveal which one matches.
        let found = self.tokens.iter().fold(None, |found, token| {
            if is_same(token.secret.as_bytes(), given.as_bytes()) { Some(token) } else { found }
        });
        found
            .filter(|token| token.is_valid())
            .map(|token| named(format!("token {}", token.name), token.role))
    }

    /// Returns the visitor for a user of this machine.
    pub(super) fn of_user(&self, user: u32) -> Option<Visitor> {
        let (_, role) = self.users.iter().find(|(known, _)| *known == user)?;
        Some(named(format!("user {}", user_name(user)), *role))
    }

    /// Returns the visitor for a user named by a trusted proxy.
    pub(super) fn of_proxy_user(&self, user: &str) -> Option<Visitor> {
        let find = |name: &str| self.proxy_users.iter().find(|(known, _)| known == name);
        let (_, role) = find(user).or_else(|| find("*"))?;
        Some(named(format!("proxy's user {user}"), *role))
    }

    /// Returns whether this peer is a trusted proxy.
    pub(super) fn trusts(&self, address: IpAddr, user: Option<u32>) -> bool {
        let address = address.to_canonical();
        let is_it = |proxy: &Proxy| {
            proxy.address == address && (proxy.user.is_none() || proxy.user == user)
        };
        self.proxies.iter().any(is_it)
    }
}

fn named(name: String, role: Role) -> Visitor {
    Visitor { name, role, is_owner: false, address: String::new(), agent: String::new() }
}

/// Returns the name of a user of this machine, or the number of one without a name.
pub(super) fn user_name(user: u32) -> String {
    let found = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(user)).ok().flatten();
    found.map_or_else(|| user.to_string(), |user| user.name)
}

/// Compares two strings in a time that depends only on their lengths.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    one.len() == other.len() && black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECRET: &str = "0123456789abcdef";

    #[test]
    fn tokens_give_their_role_until_they_expire() {
        let token =
            |name, role, secret: &str, expires| Token::new(name, role, secret, expires).unwrap();
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        let keys = Keys {
            tokens: vec![
                token("old", Role::Admin, &SECRET.replace('0', "x"), Some(now - hour)),
                token("lab", Role::View, SECRET, Some(now + hour)),
            ],
            ..Keys::default()
        };
        let lab = keys.of_token(SECRET).unwrap();
        assert_eq!((lab.name.as_str(), lab.role, lab.is_owner), ("token lab", Role::View, false));
        for wrong in ["", "0", "0123456789abcdeg", "0123456789abcdef0", "x123456789abcdef"] {
            assert_eq!(keys.of_token(wrong), None, "{wrong}");
        }
        assert!(!format!("{keys:?}").contains(SECRET));
        for bad in ["short", "0123456789abcdef&x=1", "0123456789 abcdef"] {
            let error = Token::new("x", Role::View, bad, None).unwrap_err().to_string();
            assert!(error.contains("at least 16") && !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn proxies_of_this_machine_need_a_user() {
        let why = "127.0.0.1".parse::<Proxy>().unwrap_err();
        assert!(why.contains("www-data@127.0.0.1"), "{why}");
        assert!("nobody-of-that-name@::1".parse::<Proxy>().is_err());
        assert!("lab".parse::<Proxy>().is_err());
        let proxies = vec!["33@127.0.0.1".parse().unwrap(), "192.0.2.7".parse().unwrap()];
        let keys = Keys { proxies, ..Keys::default() };
        let trusts = |address: &str, user| keys.trusts(address.parse().unwrap(), user);
        assert!(trusts("127.0.0.1", Some(33)) && trusts("::ffff:192.0.2.7", None));
        assert!(!trusts("127.0.0.1", Some(34)) && !trusts("127.0.0.1", None));
        assert!(!trusts("192.0.2.8", None) && !trusts("::1", Some(33)));
    }

    #[test]
    fn users_have_the_roles_they_were_given() {
        let keys = Keys {
            users: vec![(33, Role::Drive)],
            proxy_users: vec![("*".into(), Role::View), ("ada".into(), Role::Admin)],
            ..Keys::default()
        };
        assert_eq!(keys.of_user(33).unwrap().role, Role::Drive);
        assert_eq!(keys.of_user(0), None);
        assert_eq!(keys.of_proxy_user("ada").unwrap().role, Role::Admin);
        assert_eq!(keys.of_proxy_user("bob").unwrap().role, Role::View);
        assert_eq!(Keys::default().of_proxy_user("ada"), None);
    }
}
