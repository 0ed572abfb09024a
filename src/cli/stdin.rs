//! `-` as a source: standard input.

use crate::bytes::Input;
use crate::source::Spec;
use anyhow::{Result, bail};
use std::io::Read;
use std::path::Path;

/// A name for `-` that does not look like an option.
pub(super) const MARK: &str = "<stdin>";
/// The most bytes that are read.
const MOST: u64 = 1 << 30;

/// Whether a source is standard input.
pub(super) fn is_standard_input(spec: &Spec) -> bool {
    [Path::new("-"), Path::new(MARK)].contains(&spec.input.path())
}

/// Reads standard input into memory, for the source `-` if there is one.
///
/// # Errors
/// `-` is named twice, or there is more than memory should hold.
pub(super) fn read_standard_input(specs: &mut [Spec]) -> Result<()> {
    let mut named = specs.iter_mut().filter(|spec| is_standard_input(spec));
    let Some(spec) = named.next() else { return Ok(()) };
    if named.next().is_some() {
        bail!("standard input ('-') can be only one of the sources");
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        bail!("standard input has more than 1 GB; save it to a file and name that");
    }
    // Sources keep their bytes until the program ends, as they do those that are built in.
    spec.input = Input::Memory("stdin".into(), Vec::leak(bytes));
    Ok(())
}
