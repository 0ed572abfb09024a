//! Options for access control.

use crate::server::{Proxy, Token};
use crate::session::Role;
use clap::Args;
use std::path::PathBuf;

/// The access options of `serve`.
#[derive(Debug, Args)]
pub struct AccessOptions {
    /// Token that admits others with the role 'drive'; other users can see it in the list of
    /// processes, so --token-file is safer; default: a generated one, saved in the state folder
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,
    /// File with this token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Trust the headers of a proxy at this address (X-Forwarded-User, X-Forwarded-For); on
    /// this machine with the user that it runs as, such as www-data@127.0.0.1; may be repeated
    #[arg(long, value_name = "[USER@]ADDRESS")]
    pub behind_proxy: Vec<Proxy>,
    /// PEM file with the TLS certificate, followed by its intermediate certificates; reloaded when
    /// it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the key of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Also listen on a Unix socket at this path, for programs of the same user: 'attach unix:PATH'
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Listen beyond this machine without TLS: others on the network can read tokens and data
    #[arg(long)]
    pub plain_http: bool,
    /// Allow visitors with the role 'admin' to read and write files in this folder; may be
    /// repeated. The owner's own commands may use any file
    #[arg(long, value_name = "FOLDER")]
    pub root: Vec<PathBuf>,
    /// Append each change and each refusal to this file, with the visitor
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
}

/// The table [access] of the configuration.
#[derive(Debug, Default)]
pub struct AccessConfig {
    /// Users of this machine.
    pub users: Vec<(u32, Role)>,
    /// Users named by a proxy.
    pub proxy_users: Vec<(String, Role)>,
    /// Named tokens.
    pub tokens: Vec<Token>,
}
