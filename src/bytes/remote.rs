//! Files on other machines: their addresses, and how parts of them are read.

mod address;
mod client;
mod disk;
mod failure;
mod file;
mod guard;
mod servers;
mod settings;
mod signature;
mod storage;
mod version;

pub use address::Address;
pub(crate) use address::Reach;
pub(crate) use disk::limit_disk;
pub(crate) use failure::Failure;
pub(crate) use file::RemoteFile;
pub use guard::Pattern;
pub use servers::RemoteCounts;
pub use settings::{Header, Settings};

use crate::error::{Error, Result};
use client::Client;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The client that reads all files on other machines.
static CLIENT: RwLock<Option<Arc<Client>>> = RwLock::new(None);

/// Sets how files on other machines are read from now on.
///
/// # Errors
/// A file of certificates cannot be read.
pub fn configure(settings: Settings) -> Result<()> {
    let client = Arc::new(Client::new(settings)?);
    *CLIENT.write().unwrap_or_else(PoisonError::into_inner) = Some(client);
    Ok(())
}

fn client() -> Result<Arc<Client>> {
    if let Some(client) = &*CLIENT.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(client.clone());
    }
    let mut slot = CLIENT.write().unwrap_or_else(PoisonError::into_inner);
    let client = match slot.take() {
        Some(client) => client,
        None => Arc::new(Client::new(Settings::default())?),
    };
    Ok(slot.insert(client).clone())
}

/// Sets the memory for blocks of files on other machines, in bytes.
pub(super) fn set_memory(bytes: usize) {
    file::set_memory(bytes);
}

/// Returns the counts of requests to each server since the start.
pub fn server_counts() -> Vec<(String, RemoteCounts)> {
    client().map(|client| client.servers.counts()).unwrap_or_default()
}

/// A file on another machine. Clones share what was read.
#[derive(Clone)]
pub struct Remote(Arc<Inner>);

struct Inner {
    address: Address,
    /// The index, if the user named it.
    index: Option<Remote>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<Arc<RemoteFile>>,
    /// Why the file could not be opened, if trying again would not help.
    refused: Option<Failure>,
    /// The files that were looked for beside it; none for those that are missing.
    companions: HashMap<String, Option<Remote>>,
}

impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        self.0.address == other.0.address && self.0.index == other.0.index
    }
}

impl Eq for Remote {}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.address.fmt(f)
    }
}

impl Remote {
    pub(crate) fn new(address: Address) -> Self {
        Remote(Arc::new(Inner { address, index: None, state: Mutex::default() }))
    }

    /// Returns the same file with this index.
    pub(crate) fn with_index(&self, index: Remote) -> Self {
        let address = self.0.address.clone();
        Remote(Arc::new(Inner { address, index: Some(index), state: Mutex::default() }))
    }

    /// Returns the same file for a client at the other end of a socket.
    ///
    /// # Errors
    /// [`Error::Input`] if no pattern of `--allow-url` matches its address, or that of its index.
    pub(crate) fn for_stranger(&self) -> Result<Self> {
        check_allowed(&self.0.address)?;
        let index = self.0.index.as_ref().map(Remote::for_stranger).transpose()?;
        let address = self.0.address.with_reach(Reach::Public);
        Ok(Remote(Arc::new(Inner { address, index, state: Mutex::default() })))
    }

    /// Returns the address.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// Returns the index, if the user named it.
    pub(crate) fn given_index(&self) -> Option<&Remote> {
        self.0.index.as_ref()
    }

    /// Returns the address as it may be shown.
    pub(crate) fn shown(&self) -> &Path {
        self.0.address.shown()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the file, which is opened only once.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub(crate) fn file(&self) -> Result<Arc<RemoteFile>> {
        self.open().map_err(|failure| Error::io(self.shown(), failure.into()))
    }

    fn open(&self) -> Result<Arc<RemoteFile>, Failure> {
        let mut state = self.state();
        if let Some(file) = &state.file {
            return Ok(file.clone());
        }
        if let Some(failure) = &state.refused {
            return Err(failure.clone());
        }
        let client = client().map_err(|error| Failure::Settings(error.to_string()))?;
        match RemoteFile::open(&client, &self.0.address) {
            Ok(file) => Ok(state.file.insert(Arc::new(file)).clone()),
            Err(failure) => {
                state.refused = Some(failure.clone()).filter(|failure| !failure.may_pass());
                Err(failure)
            }
        }
    }

    /// Returns whether the server has another version of the file, or of a file beside it, than the
    /// one that was opened; blocks. True if it was forgotten and could not be opened since.
    ///
    /// # Errors
    /// [`Error::Io`] if the server does not say.
    pub(crate) fn is_outdated(&self) -> Result<bool> {
        let (file, beside) = {
            let state = self.state();
            let beside: Vec<_> = state.companions.values().flatten().cloned().collect();
            (state.file.clone(), beside)
        };
        let Some(file) = file else { return Ok(true) };
        let failed = |failure: Failure| Error::io(self.shown(), failure.into());
        if file.has_changed().map_err(failed)? {
            return Ok(true);
        }
        for other in self.0.index.iter().chain(&beside) {
            if other.state().file.is_some() && other.is_outdated()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Forgets the file, so that it is opened again when needed: it may have changed.
    pub(crate) fn forget(&self) {
        *self.state() = State::default();
        self.0.index.iter().for_each(Remote::forget);
    }

    /// Returns the counts of the requests for it since it was opened; none if it is not open.
    pub(crate) fn counts(&self) -> Option<RemoteCounts> {
        self.state().file.as_ref().map(|file| file.counts())
    }

    /// Returns whether it exists.
    ///
    /// # Errors
    /// [`Error::Io`] if the server does not say.
    pub(crate) fn exists(&self) -> Result<bool> {
        match self.open() {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_missing() => Ok(false),
            Err(failure) => Err(Error::io(self.shown(), failure.into())),
        }
    }

    /// Returns a file beside it with one of these endings.
    ///
    /// # Errors
    /// [`Error::Io`] if the server does not say whether there is one.
    pub(crate) fn companion_file(&self, endings: &[&str]) -> Result<Option<Remote>> {
        let appended =
            endings.iter().map(|ending| self.0.address.with_suffix(&format!(".{ending}")));
        // Only indexes of alignments have such names.
        let replaced = endings.iter().filter(|ending| matches!(**ending, "bai" | "crai"));
        let replaced = replaced.filter_map(|ending| self.0.address.with_ending(ending));
        for address in appended.chain(replaced) {
            let name = address.shown().display().to_string();
            let known = self.state().companions.get(&name).cloned();
            let found = match known {
                Some(found) => found,
                None => {
                    let candidate = Remote::new(address);
                    let found = candidate.exists()?.then_some(candidate);
                    self.state().companions.insert(name, found.clone());
                    found
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// Checks that an address may be loaded over a socket.
///
/// # Errors
/// [`Error::Input`] if no pattern of `--allow-url` matches it.
fn check_allowed(address: &Address) -> Result<()> {
    let client = client()?;
    if client.settings.allowed.iter().any(|pattern| pattern.holds(address)) {
        return Ok(());
    }
    let what = format!(
        "{} may not be loaded from here; whoever starts epivizrs can allow it with --allow-url",
        address.shown().display()
    );
    Err(Error::Input(what))
}
