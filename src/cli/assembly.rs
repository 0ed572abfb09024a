//! `--assembly`.

use crate::genome::{Sequences, built_in, built_in_names};
use anyhow::{Result, bail};
use std::path::Path;

/// Returns the name and sequences of an assembly: a built-in one, or a file of sequence lengths.
///
/// # Errors
/// The name is neither, or the file cannot be read.
pub(super) fn assembly(name: Option<&str>) -> Result<Option<(String, Sequences)>> {
    let Some(name) = name else { return Ok(None) };
    if let Some(sequences) = built_in(name) {
        return Ok(Some((name.to_owned(), sequences)));
    }
    let path = Path::new(name);
    if !path.exists() {
        let known: Vec<_> = built_in_names().collect();
        bail!(
            "--assembly {name}: neither a file nor a built-in assembly; \
             the built-in assemblies are {}",
            known.join(", ")
        );
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Some((stem, Sequences::from_sizes_file(path)?)))
}
