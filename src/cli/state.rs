//! Files in the user's data folder: the store, and the history of the prompt.

use crate::error::Error;
use crate::private;
use crate::store::Store;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Opens the store of `--state`. Without the option it is in the user's data folder; if that cannot
/// be used, nothing is saved.
pub(super) fn store(state: Option<&Path>) -> Result<Option<Store>> {
    match (state, data_folder()) {
        (Some(path), _) if path == Path::new("none") => Ok(None),
        (Some(path), _) => opened(path),
        (None, None) => Ok(None),
        (None, Some(folder)) => opened(&folder).or_else(|error| {
            tracing::warn!("{NOT_SAVED}: {error}; choose another folder with --state");
            Ok(None)
        }),
    }
}

const NOT_SAVED: &str = "sessions and workspaces are not saved";

/// Opens the store in a folder. One that cannot be written now is no reason not to start; a path that
/// cannot be a folder is a mistake.
fn opened(folder: &Path) -> Result<Option<Store>> {
    let error = match Store::open(folder) {
        Ok(store) => return Ok(Some(store)),
        Err(error) if is_unwritable(&error) => error,
        Err(error) => return Err(error.into()),
    };
    let store = Store::open_as_it_is(folder).ok();
    let saved = if store.is_some() { ", but those from before can be opened" } else { "" };
    tracing::warn!("{NOT_SAVED}{saved}: {error}");
    Ok(store)
}

/// Returns whether the folder may be written another time: the disk is full or read-only, or it
/// belongs to another user.
fn is_unwritable(error: &Error) -> bool {
    use std::io::ErrorKind::{AlreadyExists, NotADirectory, NotFound};
    let Error::Io { source, .. } = error else { return false };
    ![AlreadyExists, NotADirectory, NotFound].contains(&source.kind())
}

/// Returns the path of the prompt's history.
pub(super) fn history_file() -> Option<PathBuf> {
    let folder = data_folder()?;
    // Without the folder, the prompt works without a history.
    private::create_folder(&folder).ok()?;
    Some(folder.join("history"))
}

/// Returns the program's folder in the user's data folder; `None` if the user has no home.
pub(super) fn data_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty());
    let default =
        if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    let data = match folder("XDG_DATA_HOME") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(folder("HOME")?).join(default),
    };
    Some(data.join("epivizrs"))
}
