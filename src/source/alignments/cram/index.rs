//! The index of a CRAM file (`.crai`): where slices lie, and what they cover.

use crate::bytes::Input;
use crate::bytes::unreadable;
use crate::error::{Error, Result};
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// An index unpacks to no more bytes: a line stands for some 10,000 reads.
const LARGEST: u64 = 1 << 30;

/// A slice, or the part of it that lies on one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SliceEntry {
    /// The bases that its reads cover.
    start: u32,
    end: u32,
    /// Where its container begins in the file, and the slice among the container's blocks.
    pub(super) container: u64,
    pub(super) slice: usize,
    pub(super) bytes: u64,
}

/// The slices of each sequence, in the order of the file.
pub(super) struct SliceIndex {
    sequences: Vec<Vec<SliceEntry>>,
}

impl SliceIndex {
    /// Reads an index for a file of so many sequences.
    pub(super) fn read(index: &Input, file: &Path, sequences: usize) -> Result<Self> {
        let (path, mut text) = (index.path(), String::new());
        let mut bytes = index.unpacked()?.take(LARGEST);
        let read = bytes.read_to_string(&mut text);
        read.map_err(|error| unreadable(path, "", error))?;
        let mut index = SliceIndex { sequences: vec![Vec::new(); sequences] };
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |what: &str| Error::data(path, format!("line {number}"), what);
            let fields: Option<Vec<i64>> =
                line.split('\t').map(|field| field.parse().ok()).collect();
            let Some([sequence, start, span, container, slice, bytes]) = fields.as_deref() else {
                return Err(wrong("is no line of a CRAM index; make it again (samtools index)"));
            };
            let Ok(sequence) = usize::try_from(*sequence) else { continue };
            let entries = index.sequences.get_mut(sequence).ok_or_else(|| {
                wrong(&format!("is not the index of {}; index it again", file.display()))
            })?;
            // Where nothing is covered there is no first base either.
            let (start, end) = ((start - 1).max(0), (start - 1).saturating_add(*span));
            let base =
                |base: i64| u32::try_from(base).unwrap_or(if base < 0 { 0 } else { u32::MAX });
            entries.push(SliceEntry {
                start: base(start),
                end: base(end),
                container: (*container).try_into().map_err(|_| wrong("an offset is negative"))?,
                slice: (*slice).try_into().map_err(|_| wrong("an offset is negative"))?,
                bytes: (*bytes).try_into().map_err(|_| wrong("a size is negative"))?,
            });
        }
        for entries in &mut index.sequences {
            entries.sort_by_key(|entry| (entry.container, entry.slice));
            entries.dedup();
        }
        Ok(index)
    }

    /// The slices that have reads over `bases` of the sequence with that number.
    pub(super) fn over(&self, sequence: usize, bases: &Range<u32>) -> Vec<SliceEntry> {
        let entries = self.sequences.get(sequence).map_or(&[][..], Vec::as_slice);
        let over = |entry: &&SliceEntry| {
            entry.start < bases.end && entry.end.max(entry.start.saturating_add(1)) > bases.start
        };
        entries.iter().filter(over).copied().collect()
    }

    /// The bytes that the slices of a sequence take.
    pub(super) fn bytes(&self, sequence: usize) -> u64 {
        self.sequences.get(sequence).map_or(0, |all| all.iter().map(|entry| entry.bytes).sum())
    }
}
