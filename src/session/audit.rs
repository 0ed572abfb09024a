//! `--audit`: a log of changes and refusals, one line of JSON each.

use super::Visitor;
use crate::error::{Error, Result};
use crate::private;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The file to which changes and refusals are appended.
#[derive(Debug)]
pub struct Audit(Mutex<File>);

impl Audit {
    /// Opens the file, or creates it, readable by its owner alone.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let file = private::options().append(true).create(true).open(path);
        Ok(Audit(Mutex::new(file.map_err(|error| Error::io(path, error))?)))
    }

    /// Appends a line. `action` is a command or the name of a request; `why` is the reason of a
    /// refusal.
    pub(super) fn record(&self, visitor: &Visitor, action: &str, why: Option<&str>) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let line = json!({
            "time": now.as_secs(),
            "who": visitor.name,
            "role": visitor.role.to_string(),
            "address": visitor.address,
            "action": action,
            "refused": why,
        });
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One write, so that lines of several programs are not mixed.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            tracing::error!("the audit file cannot be written: {error}");
        }
    }
}
