//! Reads scripts; the error and exit code of a failed one.

use crate::error::Error;
use anyhow::Result;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// A command of a script has failed; its exit code differs from that of a failed start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ScriptFailed(#[source] pub(super) Error);

impl ScriptFailed {
    /// The exit code.
    pub(super) const CODE: u8 = 3;
}

/// Returns whether standard input is a terminal.
pub(super) fn on_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Reads a script; returns its text and its name for messages. `-` is standard input.
pub(super) async fn read_script(path: &Path) -> Result<(String, PathBuf)> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        if path == Path::new("-") {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            let name = PathBuf::from("standard input");
            return read.map_err(|error| Error::io(&name, error)).map(|_| (text, name.clone()));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
        Ok((text, path))
    });
    Ok(read.await??)
}
