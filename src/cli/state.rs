//! Files of the user: the store, the history of the prompt, scripts.

use crate::error::Error;
use crate::store::Store;
use anyhow::Result;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The store of `--state`. Without the option it is in the user's data folder, and what cannot
/// be used there is done without.
pub(super) fn store(state: Option<&Path>) -> Result<Option<Store>> {
    match (state, data_folder()) {
        (Some(path), _) if path == Path::new("none") => Ok(None),
        (Some(path), _) => Ok(Some(Store::open(path)?)),
        (None, None) => Ok(None),
        (None, Some(folder)) => Ok(Store::open(&folder)
            .inspect_err(|error| {
                tracing::warn!("nothing will be remembered: {error}; --state names another folder");
            })
            .ok()),
    }
}

/// Where the lines typed at prompts are remembered.
pub(super) fn history_file() -> Option<PathBuf> {
    let folder = data_folder()?;
    // Without the folder nothing is remembered, which is no reason to refuse a prompt.
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

/// The user's folder for the data of programs, as the platform has it.
fn data_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty());
    let home = || folder("HOME").map(PathBuf::from);
    let base = match cfg!(target_os = "macos") {
        true => home()?.join("Library/Application Support"),
        false => match folder("XDG_DATA_HOME") {
            Some(path) => PathBuf::from(path),
            None => home()?.join(".local/share"),
        },
    };
    Some(base.join("epivizrs"))
}

/// A script's text, and the name that messages give it.
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
