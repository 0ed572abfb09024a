//! `[access]`: users of this machine, users named by a proxy, and named tokens.

use super::{Toml, local};
use crate::cli::access_options::AccessConfig;
use crate::error::Result;
use crate::server::{Token, user_id};
use crate::session::Role;
use crate::source::unknown;
use std::time::{Duration, SystemTime};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::{Date, Datetime, Offset};

const KEYS: [&str; 3] = ["users", "proxy-users", "tokens"];
const TOKEN_KEYS: [&str; 5] = ["name", "role", "token", "token-file", "expires"];

impl Toml<'_> {
    /// Reads the table `[access]`.
    pub(super) fn access(&self, value: &Spanned<DeValue<'_>>) -> Result<AccessConfig> {
        let start = value.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.error(start, "write access as the table [access]"));
        };
        let mut access = AccessConfig::default();
        for (key, value) in table {
            let at = value.span().start;
            match (&**key.get_ref(), value.get_ref()) {
                ("users", DeValue::Table(users)) => {
                    for (name, role, at) in self.roles(users)? {
                        let id = user_id(&name).map_err(|why| self.error(at, why))?;
                        access.users.push((id, role));
                    }
                }
                ("proxy-users", DeValue::Table(users)) => {
                    let users = self.roles(users)?.into_iter();
                    access.proxy_users = users.map(|(name, role, _)| (name, role)).collect();
                }
                ("tokens", DeValue::Array(tokens)) => {
                    for token in tokens.iter() {
                        access.tokens.push(self.token(token)?);
                    }
                }
                (key @ ("users" | "proxy-users"), _) => {
                    return Err(
                        self.error(at, format!("{key} must be a table: {{ ada = \"drive\" }}"))
                    );
                }
                ("tokens", _) => {
                    return Err(self.error(at, "write each token as [[access.tokens]]"));
                }
                (name, _) => {
                    return Err(
                        self.error(key.span().start, unknown("key", name, KEYS.into_iter()))
                    );
                }
            }
        }
        Ok(access)
    }

    /// Returns names, their roles, and their positions.
    fn roles(&self, users: &DeTable<'_>) -> Result<Vec<(String, Role, usize)>> {
        let role = |(name, role): super::TomlEntry<'_>| {
            let at = role.span().start;
            let role = self.role(at, role.get_ref())?;
            Ok((name.get_ref().to_string(), role, name.span().start))
        };
        users.iter().map(role).collect()
    }

    fn role(&self, at: usize, value: &DeValue<'_>) -> Result<Role> {
        self.text_of(at, value)?
            .parse()
            .map_err(|error: crate::Error| self.error(at, error.to_string()))
    }

    fn token(&self, token: &Spanned<DeValue<'_>>) -> Result<Token> {
        let start = token.span().start;
        let DeValue::Table(table) = token.get_ref() else {
            return Err(self.error(start, "write each token as [[access.tokens]]"));
        };
        let (mut name, mut role, mut secret, mut expires) = (None, None, None, None);
        for (key, value) in table {
            let (at, value) = (value.span().start, value.get_ref());
            match &**key.get_ref() {
                "name" => name = Some(self.text_of(at, value)?),
                "role" => role = Some(self.role(at, value)?),
                "token" => secret = Some(self.text_of(at, value)?),
                "token-file" => {
                    let file = local(self.path, self.line(at), &self.text_of(at, value)?)?;
                    let text = std::fs::read_to_string(&file)
                        .map_err(|error| self.error(at, format!("{}: {error}", file.display())))?;
                    secret = Some(text.trim().to_owned());
                }
                "expires" => {
                    let time = self.text_of(at, value)?.parse().ok().and_then(|time| end_of(&time));
                    expires = Some(time.ok_or_else(|| {
                        self.error(at, "expires must be a date, such as 2027-01-31")
                    })?);
                }
                other => {
                    return Err(
                        self.error(key.span().start, unknown("key", other, TOKEN_KEYS.into_iter()))
                    );
                }
            }
        }
        let lacks = |what: &str| self.error(start, format!("the token has no {what}"));
        let name = name.ok_or_else(|| lacks("name"))?;
        let secret = secret.ok_or_else(|| lacks("token, or token-file"))?;
        let role = role.ok_or_else(|| lacks("role"))?;
        Token::new(&name, role, &secret, expires)
            .map_err(|error| self.error(start, error.to_string()))
    }
}

/// Returns the moment of a date with a time, or the end of the day of a date alone (UTC).
fn end_of(time: &Datetime) -> Option<SystemTime> {
    let days = days_since_1970(time.date?)?;
    let clock = match (time.time, time.offset) {
        (None, _) => 86_400,
        (Some(clock), offset) => {
            let minutes = match offset {
                Some(Offset::Custom { minutes }) => i64::from(minutes),
                _ => 0,
            };
            let seconds = i64::from(clock.second.unwrap_or(0));
            i64::from(clock.hour) * 3600 + i64::from(clock.minute) * 60 + seconds - minutes * 60
        }
    };
    let seconds = u64::try_from(days * 86_400 + clock).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Returns the days since 1 January 1970 in the Gregorian calendar.
fn days_since_1970(date: Date) -> Option<i64> {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // In a year that begins in March, the leap day is the last day.
    let year = i64::from(date.year) - i64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Result<AccessConfig> {
        let toml = Toml { path: Path::new("/data/tracks.toml"), text };
        toml.read().map(|config| config.access)
    }

    #[test]
    fn who_is_let_in_is_read_from_a_table() {
        let access = read(
            "[access]\nusers = { root = 'admin', 1234 = 'view' }\nproxy-users = { ada = 'drive' }\n\
             [[access.tokens]]\nname = 'lab'\nrole = 'view'\ntoken = '0123456789abcdef'\nexpires = 2030-01-31\n",
        )
        .unwrap();
        let mut users = access.users;
        users.sort_by_key(|user| user.0);
        assert_eq!(users, [(0, Role::Admin), (1234, Role::View)]);
        assert_eq!(access.proxy_users, [("ada".to_owned(), Role::Drive)]);
        assert_eq!(access.tokens[0].secret(), "0123456789abcdef");
    }

    #[test]
    fn mistakes_are_said_with_their_line() {
        let error = |text: &str| read(&format!("[access]\n{text}\n")).unwrap_err().to_string();
        let user = error("user = {}");
        assert!(user.contains("line 2: unknown key 'user'"), "{user}");
        assert!(user.ends_with("did you mean 'users'?"), "{user}");
        assert!(error("users = { root = 'boss' }").contains("line 2: 'boss' is not a role"));
        assert!(error("users = { no-such-user-here = 'view' }").contains("has no user"));
        assert!(error("users = 3").contains("must be a table"));
        assert!(error("tokens = 3").contains("[[access.tokens]]"));
        assert!(error("[[access.tokens]]\nrole = 'view'").contains("the token has no name"));
        let short = error("[[access.tokens]]\nname = 'x'\nrole = 'view'\ntoken = 'secret'");
        assert!(short.contains("at least 16") && !short.contains("secret'"), "{short}");
        let late = "[[access.tokens]]\nname = 'x'\nexpires = 'soon'";
        assert!(error(late).contains("line 4: expires must be a date"), "{}", error(late));
    }

    #[test]
    fn dates_end_with_their_day() {
        let seconds = |text: &str| {
            let end = end_of(&text.parse().unwrap()).unwrap();
            end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
        };
        // From `date -u -d ... +%s`.
        assert_eq!(seconds("1970-01-01"), 86_400);
        assert_eq!(seconds("2024-02-29"), 1_709_251_200);
        assert_eq!(seconds("2026-11-21T12:30:00Z"), 1_795_264_200);
        assert_eq!(seconds("2026-11-21T12:30:00+01:00"), 1_795_260_600);
    }
}
