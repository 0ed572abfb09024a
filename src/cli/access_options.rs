//! Options that say who is let in.

use crate::server::{Proxy, Token};
use crate::session::Role;
use clap::Args;
use std::path::PathBuf;

/// The options of `serve`.
#[derive(Debug, Args)]
pub struct AccessOptions {
    /// Token that lets others in, with the role 'drive'; other users can see it in the list of
    /// processes, so rather use --token-file; default: one that is made and kept in the state folder
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,
    /// File that holds this token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Trust what a proxy at this address says of who asks (X-Forwarded-User, X-Forwarded-For); on
    /// this machine with the user that it runs as, such as www-data@127.0.0.1; may be repeated
    #[arg(long, value_name = "[USER@]ADDRESS")]
    pub behind_proxy: Vec<Proxy>,
    /// Certificate for TLS, in PEM, followed by those that vouch for it; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Key of this certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Also listen at this path, for programs of the same user: 'attach unix:PATH'
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Listen beyond this machine without TLS: tokens and data can be read on the way
    #[arg(long)]
    pub plain_http: bool,
    /// Let visitors with the role 'admin' read and write files in this folder; may be repeated.
    /// The owner's own commands may use any file
    #[arg(long, value_name = "FOLDER")]
    pub root: Vec<PathBuf>,
    /// Add to this file who changed what, and who was refused
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
}

/// What the table [access] of the configuration holds.
#[derive(Debug, Default)]
pub struct AccessConfig {
    /// Users of this machine.
    pub users: Vec<(u32, Role)>,
    /// Users whom a proxy names.
    pub proxy_users: Vec<(String, Role)>,
    /// Named tokens.
    pub tokens: Vec<Token>,
}
