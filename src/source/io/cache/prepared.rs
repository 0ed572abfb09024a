//! What `epivizrs prepare` has derived, found by the content of its file, wherever that lies.

use super::fnv::Fnv;
use crate::bytes::{Blob, Input};
use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::path::Path;

/// Number of bytes at either end of a file that are part of its key. They hold the header and the
/// totals of a bigWig, and the end of an index; a whole file would take long to read.
const SAMPLE: u64 = 64 << 10;

/// Returns the key of a file's content: a hash of its size and of the bytes at both ends.
pub(super) fn key(input: &Input) -> Result<String> {
    let blob = Blob::open(input)?;
    let mut hash = Fnv::new().add(&super::VERSION.to_le_bytes()).add(&blob.size().to_le_bytes());
    let mut bytes = vec![0; SAMPLE as usize];
    for offset in [0, blob.size().saturating_sub(SAMPLE)] {
        let read = blob.read_at(offset, &mut bytes)?;
        hash = hash.add(&bytes[..read]);
    }
    Ok(format!("{:032x}", hash.finish()))
}

/// Copies what was prepared of `input` to `entry`, if it is at `place`: a folder, or an address.
/// Returns whether it was there.
pub(super) fn fetch(place: &str, input: &Input, ending: &str, entry: &Path) -> Result<bool> {
    let key = key(input)?;
    let there = Input::named(&format!("{}/{key}.{ending}", place.trim_end_matches('/')))?;
    if !there.exists()? {
        return Ok(false);
    }
    let mut reader = Blob::open(&there)?.reader();
    let copy = |file: &mut File| io::copy(&mut reader, file).map(drop);
    super::write_aside_with(entry, copy).map_err(|error| Error::io(entry, error))?;
    Ok(true)
}
