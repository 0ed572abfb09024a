//! The index of a CRAM file (`.crai`): the places of slices, and the bases they cover.

use crate::bytes::Input;
use crate::bytes::unreadable;
use crate::error::{Error, Result};
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// Largest index, decompressed, in bytes; a line stands for about 10,000 reads.
const LARGEST: u64 = 1 << 30;

/// A slice, or its part on one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SliceEntry {
    /// First base that its reads cover, 0-based.
    start: u32,
    /// One past the last base that its reads cover.
    /// One past the last base that its reads cover.
    end: u32,
    /// Offset of its container in the file.
    pub(super) container: u64,
    /// Offset of the slice among the container's blocks.
    pub(super) slice: usize,
    /// Size of the slice.
    pub(super) bytes: u64,
}

/// The slices of each sequence, in file order.
pub(super) struct SliceIndex {
    /// Each with the number of its sequence, in the order of these.
    slices: Vec<(usize, SliceEntry)>,
}

impl SliceIndex {
    /// Reads the index of a file with this number of sequences.
    pub(super) fn read(index: &Input, file: &Path, sequences: usize) -> Result<Self> {
        let (path, mut text) = (index.path(), String::new());
        let mut bytes = index.unpacked()?.take(LARGEST);
        let read = bytes.read_to_string(&mut text);
        read.map_err(|error| unreadable(path, "", error))?;
        let mut slices = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |what: &str| Error::data(path, format!("line {number}"), what);
            let fields: Option<Vec<i64>> =
                line.split('\t').map(|field| field.parse().ok()).collect();
            let Some([sequence, start, span, container, slice, bytes]) = fields.as_deref() else {
                return Err(wrong(
                    "is not a line of a CRAM index; index the file again (samtools index)",
                ));
            };
            let Ok(sequence) = usize::try_from(*sequence) else { continue };
            if sequence >= sequences {
                let file = file.display();
                return Err(wrong(&format!("is not the index of {file}; index the file again")));
            }
            // A slice that covers no bases has no first base either.
            let (start, end) = ((start - 1).max(0), (start - 1).saturating_add(*span));
            let base =
                |base: i64| u32::try_from(base).unwrap_or(if base < 0 { 0 } else { u32::MAX });
            let entry = SliceEntry {
                start: base(start),
                end: base(end),
                container: (*container).try_into().map_err(|_| wrong("an offset is negative"))?,
                slice: (*slice).try_into().map_err(|_| wrong("an offset is negative"))?,
                bytes: (*bytes).try_into().map_err(|_| wrong("a size is negative"))?,
            };
            slices.push((sequence, entry));
        }
        slices.sort_by_key(|(sequence, entry)| (*sequence, entry.container, entry.slice));
        slices.dedup();
        Ok(SliceIndex { slices })
    }

    /// Returns the slices that have reads over `bases` (0-based, half-open) of the sequence with
    /// that number.
    pub(super) fn over(&self, sequence: usize, bases: &Range<u32>) -> Vec<SliceEntry> {
        let over = |entry: &&SliceEntry| {
            entry.start < bases.end && entry.end.max(entry.start.saturating_add(1)) > bases.start
        };
        self.of(sequence).filter(over).copied().collect()
    }

    /// Returns the size of the slices of a sequence, in bytes.
    pub(super) fn bytes(&self, sequence: usize) -> u64 {
        self.of(sequence).map(|entry| entry.bytes).sum()
    }

    fn of(&self, sequence: usize) -> impl Iterator<Item = &SliceEntry> {
        let first = self.slices.partition_point(|(other, _)| *other < sequence);
        let all = self.slices[first..].iter().take_while(move |(other, _)| *other == sequence);
        all.map(|(_, entry)| entry)
    }
}
