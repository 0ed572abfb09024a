//! Who is let in: tokens, roles, open files.

use super::options::ServeOptions;
use super::state::data_folder;
use crate::catalog::Selection;
use crate::console::OpenFiles;
use crate::private;
use crate::server::{Keys, Tls, Token, knows_users};
use crate::session::{Audit, Role};
use anyhow::{Result, anyhow, bail};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The variable that may hold a token.
const TOKEN_VARIABLE: &str = "EPIVIZRS_TOKEN";
/// Random bytes of a token that is made.
const RANDOM: usize = 24;
/// Files in the state folder, and the role of the token in each.
const TOKEN_FILES: [(&str, Role); 2] = [("token", Role::Drive), (ADMIN_TOKEN, Role::Admin)];
const ADMIN_TOKEN: &str = "admin-token";

/// Who is let in, and what the owner is told about it.
pub(super) struct Entry {
    pub(super) keys: Keys,
    pub(super) open: OpenFiles,
    /// The token of the addresses that are printed, where one is needed to open them.
    pub(super) token: Option<String>,
    /// Where that token is kept.
    pub(super) kept: Option<PathBuf>,
}

/// Refuses to listen where others can read what is sent, unless that is asked for.
///
/// # Errors
/// What to do, if the endpoint can be reached from beyond this machine.
pub(super) fn check_reach(options: &ServeOptions, address: SocketAddr) -> Result<()> {
    let access = &options.access;
    let is_safe = access.tls_cert.is_some() || !access.behind_proxy.is_empty();
    if address.ip().is_loopback() || is_safe || access.plain_http {
        return Ok(());
    }
    bail!(
        "--host {}: other machines could read what is sent; use --tls-cert and --tls-key, or --behind-proxy [USER@]ADDRESS for \
         a proxy with TLS, or --plain-http if the network is trusted; or listen on 127.0.0.1 and \
         use ssh -L",
        options.host
    )
}

/// Reads or makes the tokens, and finds the open files.
///
/// # Errors
/// A token or a root that cannot be used.
pub(super) fn entry(
    options: &mut ServeOptions,
    address: SocketAddr,
    selection: &Selection,
) -> Result<Entry> {
    let config = std::mem::take(&mut options.configured);
    let access = &options.access;
    let mut tokens = config.tokens;
    let folder = state_folder(options.state.as_deref());
    let given = given_token(access.token.as_deref(), access.token_file.as_deref())?;
    let is_given = given.is_some();
    let mut kept = None;
    for (name, role) in TOKEN_FILES {
        let secret = match &given {
            Some(secret) if role == Role::Drive => Some(secret.clone()),
            _ => {
                let path = folder.as_ref().map(|folder| folder.join(name));
                let made = path.as_deref().and_then(|path| {
                    kept_token(path)
                        .inspect_err(|error| tracing::warn!("no token is kept: {error}"))
                        .ok()
                });
                if role == Role::Drive {
                    kept = path.filter(|_| made.is_some());
                    // Without a folder it is good for as long as the program runs.
                    made.or_else(|| random_token().ok())
                } else {
                    made
                }
            }
        };
        if let Some(secret) = secret {
            tokens.push(Token::new(name, role, &secret, None)?);
        }
    }
    let token = tokens.iter().find(|token| token.name() == TOKEN_FILES[0].0);
    let needs_token = !address.ip().is_loopback() || !knows_users();
    if needs_token && address.ip().is_loopback() {
        tracing::warn!(
            "this system does not tell which user asks, so every address needs a token, also yours"
        );
    }
    if needs_token && token.is_none() && access.behind_proxy.is_empty() {
        bail!("nobody could connect: give a token with --token-file, or a folder with --state");
    }
    let token = token.filter(|_| needs_token).map(|token| token.secret().to_owned());
    let named = selection.specs.iter().map(|spec| spec.input.path().to_owned());
    let open = OpenFiles::new(&access.root, named)?;
    let keys = Keys {
        tokens,
        users: config.users,
        proxy_users: config.proxy_users,
        proxies: access.behind_proxy.clone(),
    };
    Ok(Entry { keys, open, token, kept: kept.filter(|_| !is_given) })
}

/// The certificate and key.
///
/// # Errors
/// They cannot be used.
pub(super) fn tls(options: &ServeOptions) -> Result<Option<Tls>> {
    match (&options.access.tls_cert, &options.access.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls::open(certificate, key)?)),
        _ => Ok(None),
    }
}

/// The file of `--audit`.
///
/// # Errors
/// It cannot be written.
pub(super) fn audit(options: &ServeOptions) -> Result<Option<Audit>> {
    Ok(options.access.audit.as_deref().map(Audit::open).transpose()?)
}

/// The token of the command line, of a file, or of the environment.
///
/// # Errors
/// The file cannot be read.
pub(super) fn given_token(token: Option<&str>, file: Option<&Path>) -> Result<Option<String>> {
    if let Some(token) = token {
        return Ok(Some(token.to_owned()));
    }
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow!("--token-file {}: {error}", path.display()))?;
        return Ok(Some(text.trim().to_owned()));
    }
    Ok(std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()))
}

/// The owner's own token in the state folder, for a console where the system does not tell users.
pub(super) fn own_token() -> Option<String> {
    let path = data_folder()?.join(ADMIN_TOKEN);
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn state_folder(state: Option<&Path>) -> Option<PathBuf> {
    match state {
        Some(path) if path == Path::new("none") => None,
        Some(path) => Some(path.to_owned()),
        None => data_folder(),
    }
}

/// The token in a file; if the file is not there, one that is made and written there.
fn kept_token(path: &Path) -> Result<String> {
    let said = |error: std::io::Error| anyhow!("{}: {error}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(said(error)),
    }
    if let Some(folder) = path.parent() {
        private::create_folder(folder).map_err(said)?;
    }
    let token = random_token().map_err(said)?;
    match private::options().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(format!("{token}\n").as_bytes()).map_err(said)?,
        // Another start was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Ok(std::fs::read_to_string(path).map_err(said)?.trim().to_owned());
        }
        Err(error) => return Err(said(error)),
    }
    Ok(token)
}

fn random_token() -> std::io::Result<String> {
    let mut bytes = [0; RANDOM];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_made_once_and_read_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/token");
        let token = kept_token(&path).unwrap();
        assert_eq!(token.len(), 2 * RANDOM);
        assert_eq!(kept_token(&path).unwrap(), token);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_ne!(random_token().unwrap(), token);
        let given = given_token(None, Some(&path)).unwrap();
        assert_eq!(given, Some(token));
        assert!(given_token(None, Some(folder.path())).is_err());
    }
}
