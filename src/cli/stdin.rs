//! `-` as a source: standard input.

use crate::bytes::Input;
use crate::source::Spec;
use anyhow::{Result, bail};
use std::io::Read;
use std::path::Path;

/// A replacement for `-` that does not look like an option.
pub(super) const STDIN_NAME: &str = "<stdin>";
/// Maximum size in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// Returns whether a source is standard input.
pub(super) fn is_standard_input(spec: &Spec) -> bool {
    [Path::new("-"), Path::new(STDIN_NAME)].contains(&spec.input.path())
}

/// Reads standard input into memory, for the source `-` if there is one.
///
/// # Errors
/// `-` is given twice, or the input is larger than 1 GB.
pub(super) fn read_standard_input(specs: &mut [Spec]) -> Result<()> {
    let mut named = specs.iter_mut().filter(|spec| is_standard_input(spec));
    let Some(spec) = named.next() else { return Ok(()) };
    if named.next().is_some() {
        bail!("standard input ('-') can be used for only one source");
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("standard input has more than 1 GB; save it to a file and give its name");
    }
    // Like built-in data, the bytes are kept until the program ends.
    spec.input = Input::Memory("stdin".into(), Vec::leak(bytes));
    Ok(())
}
