//! Access control of `serve`: tokens, roles, and files that others may use.

use super::options::ServeOptions;
use super::state::data_folder;
use crate::catalog::Selection;
use crate::console::AllowedFiles;
use crate::private;
use crate::server::{Keys, Tls, Token, knows_users};
use crate::session::{Audit, Role};
use anyhow::{Result, anyhow, bail};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The environment variable for a token.
const TOKEN_VARIABLE: &str = "EPIVIZRS_TOKEN";
/// The number of random bytes in a generated token.
const TOKEN_BYTES: usize = 24;
/// Files with tokens in the state folder, and the role of each token.
const TOKEN_FILES: [(&str, Role); 2] = [("token", Role::Drive), (ADMIN_TOKEN, Role::Admin)];
const ADMIN_TOKEN: &str = "admin-token";

/// The visitors that are admitted, and the token for the owner's addresses.
pub(super) struct AccessEntry {
    pub(super) keys: Keys,
    pub(super) open: AllowedFiles,
    /// The token in the printed addresses, if one is needed.
    pub(super) token: Option<String>,
    /// The file of this token.
    pub(super) kept: Option<PathBuf>,
}

/// Refuses to listen beyond this machine without protection, unless the user allows it.
///
/// # Errors
/// The remedy, if other machines can reach the endpoint.
pub(super) fn check_reach(options: &ServeOptions, address: SocketAddr) -> Result<()> {
    let access = &options.access;
    let is_safe = access.tls_cert.is_some() || !access.behind_proxy.is_empty();
    if address.ip().is_loopback() || is_safe || access.plain_http {
        return Ok(());
    }
    bail!(
        "--host {}: other machines could read tokens and data; use --tls-cert and --tls-key, or \
         --behind-proxy [USER@]ADDRESS for a proxy with TLS, or --plain-http if the network is \
         trusted; or listen on 127.0.0.1 and use ssh -L",
        options.host
    )
}

/// Reads or creates the tokens, and finds the files that others may use.
///
/// # Errors
/// A token or a root is invalid.
pub(super) fn entry(
    options: &mut ServeOptions,
    address: SocketAddr,
    selection: &Selection,
) -> Result<AccessEntry> {
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
                    saved_token(path)
                        .inspect_err(|error| tracing::warn!("the token cannot be saved: {error}"))
                        .ok()
                });
                if role == Role::Drive {
                    kept = path.filter(|_| made.is_some());
                    // Without a folder, the token is valid while the program runs.
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
            "this system does not report the users of connections, so every visitor needs a \
             token, including you"
        );
    }
    if needs_token && token.is_none() && access.behind_proxy.is_empty() {
        bail!("nobody could connect: give a token with --token-file, or a folder with --state");
    }
    let token = token.filter(|_| needs_token).map(|token| token.secret().to_owned());
    let named = selection.specs.iter().map(|spec| spec.input.path().to_owned());
    let open = AllowedFiles::new(&access.root, named)?;
    let keys = Keys {
        tokens,
        users: config.users,
        proxy_users: config.proxy_users,
        proxies: access.behind_proxy.clone(),
    };
    Ok(AccessEntry { keys, open, token, kept: kept.filter(|_| !is_given) })
}

/// Opens the certificate and the key.
///
/// # Errors
/// They are invalid.
pub(super) fn tls(options: &ServeOptions) -> Result<Option<Tls>> {
    match (&options.access.tls_cert, &options.access.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls::open(certificate, key)?)),
        _ => Ok(None),
    }
}

/// Opens the file of `--audit`.
///
/// # Errors
/// It cannot be written.
pub(super) fn audit(options: &ServeOptions) -> Result<Option<Audit>> {
    Ok(options.access.audit.as_deref().map(Audit::open).transpose()?)
}

/// Returns the token from the command line, a file, or the environment.
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

/// Reads the owner's token in the state folder, for systems that do not report users.
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

/// Reads the token in a file; creates the file with a new token if it does not exist.
fn saved_token(path: &Path) -> Result<String> {
    let fail = |error: std::io::Error| anyhow!("{}: {error}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    if let Some(folder) = path.parent() {
        private::create_folder(folder).map_err(fail)?;
    }
    let token = random_token().map_err(fail)?;
    match private::options().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(format!("{token}\n").as_bytes()).map_err(fail)?,
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Ok(std::fs::read_to_string(path).map_err(fail)?.trim().to_owned());
        }
        Err(error) => return Err(fail(error)),
    }
    Ok(token)
}

fn random_token() -> std::io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_created_once_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/token");
        let token = saved_token(&path).unwrap();
        assert_eq!(token.len(), 2 * TOKEN_BYTES);
        assert_eq!(saved_token(&path).unwrap(), token);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_ne!(random_token().unwrap(), token);
        let given = given_token(None, Some(&path)).unwrap();
        assert_eq!(given, Some(token));
        assert!(given_token(None, Some(folder.path())).is_err());
    }
}
