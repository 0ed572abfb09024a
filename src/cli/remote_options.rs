//! The options about files on other machines.

use crate::bytes::remote::{self, Header, Pattern, Settings};
use anyhow::{Result, anyhow};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How files on other machines are read.
#[derive(Clone, Debug, Args)]
pub struct RemoteOptions {
    /// Header for requests to the servers that you name, such as 'Authorization: Bearer TOKEN';
    /// only for some addresses: 'https://lab.example/ NAME: VALUE'; read from a file: @FILE
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<Header>,
    /// PEM file with the certificates of further authorities to trust, such as your institution's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// How long reading a part of a file on another machine may take, in seconds
    #[arg(long, default_value_t = 20.0, value_name = "SECONDS")]
    pub remote_timeout: f64,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        RemoteOptions { header: Vec::new(), ca_file: None, remote_timeout: 20.0 }
    }
}

impl RemoteOptions {
    /// Applies these options to files on other machines from now on. What is read from them is
    /// cached below the folder `cache`; only `allowed` addresses may be loaded over a socket.
    ///
    /// # Errors
    /// The certificates cannot be read, or the time is invalid.
    pub(super) fn apply(&self, cache: &Path, allowed: &[Pattern]) -> Result<()> {
        let timeout = Duration::try_from_secs_f64(self.remote_timeout);
        let timeout = timeout.ok().filter(|timeout| !timeout.is_zero()).ok_or_else(|| {
            anyhow!("--remote-timeout {}: expected seconds, more than 0", self.remote_timeout)
        })?;
        remote::configure(Settings {
            headers: self.header.clone(),
            ca_file: self.ca_file.clone(),
            allowed: allowed.to_vec(),
            timeout,
            cache: Some(cache.join("remote")),
        })?;
        Ok(())
    }
}
