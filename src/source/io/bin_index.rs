//! Reads the indexes of BGZF files: tabix (`.tbi`), CSI (`.csi`), BAI (`.bai`).
//!
//! All three sort records into a tree of bins, in which each bin has eight children, and list for
//! each bin where its records are in the file (SAM specification, section 5; the tabix and CSI
//! specifications).

mod check;

use crate::bytes::{Cursor, Input, unreadable};
use crate::error::{Error, Result};
use crate::source::io::bin_grid::BinGrid;
use crate::table::Texts;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Largest index file, decompressed, in bytes; an index of a human genome takes a few million.
const LARGEST: u64 = 1 << 28;

/// An index in memory.
#[derive(Debug)]
pub(crate) struct Index {
    grid: BinGrid,
    /// The names of the sequences, if it is the index of a text file.
    pub(crate) text: Option<Text>,
    /// Where each sequence ends in `bins` and `linear`, and the number of its records, if the index
    /// has it.
    sequences: Vec<(u32, u32, Option<u64>)>,
    /// The bins of all sequences, in order of their numbers.
    bins: Vec<IndexBin>,
    chunks: Vec<Range<u64>>,
    /// Virtual offset of the first record that overlaps each window of 16 kb; empty in CSI.
    linear: Vec<u64>,
}

/// The notes of tabix on a text file.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) names: Texts,
}

/// The places of the records of one sequence.
#[derive(Clone, Copy, Debug)]
struct SequenceBins<'i> {
    bins: &'i [IndexBin],
    chunks: &'i [Range<u64>],
    linear: &'i [u64],
}

#[derive(Debug)]
struct IndexBin {
    number: u32,
    /// Where its chunks are among those of the index.
    chunks: Range<u32>,
    /// CSI: virtual offset of the first record that overlaps the bin.
    first: u64,
}

impl Index {
    /// Reads the companion index of a file (`x.vcf.gz.tbi`, `x.bam.bai`, `x.bai`); none if there is
    /// none. An index that is older than the file is read with a warning.
    pub(crate) fn of_companion(input: &Input, endings: &[&str]) -> Result<Option<(Self, PathBuf)>> {
        let Some(found) = companion_index(input, endings)? else { return Ok(None) };
        Ok(Some((Self::read(&found)?, found.path().to_owned())))
    }

    fn read(input: &Input) -> Result<Self> {
        let mut bytes = Vec::new();
        let path = input.path();
        input
            .unpacked()?
            .take(LARGEST)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(path, "", error))?;
        Self::parse(&bytes).ok_or_else(|| {
            let what =
                "is not a valid tabix, CSI or BAI index; index the file again (tabix, samtools index)";
            Error::data(path, "", what)
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Cursor::new(bytes);
        let magic = fields.take(4)?;
        let (mut grid, mut text) = (BinGrid::FIXED, None);
        let count = match magic {
            b"BAI\x01" => fields.u32()?,
            b"TBI\x01" => {
                let count = fields.u32()?;
                text = Some(Text::read(&mut fields)?);
                count
            }
            b"CSI\x01" => {
                grid = BinGrid { min_shift: fields.u32()?, depth: fields.u32()? };
                let length = fields.u32()? as usize;
                let mut notes = Cursor::new(fields.take(length)?);
                text = Text::read(&mut notes);
                fields.u32()?
            }
            _ => return None,
        };
        if grid.min_shift > 31 || grid.depth > 9 {
            return None;
        }
        let csi = magic == b"CSI\x01";
        let counts = grid.counts();
        let mut index = Index {
            grid,
            text,
            sequences: Vec::new(),
            bins: Vec::new(),
            chunks: Vec::new(),
            linear: Vec::new(),
        };
        for _ in 0..count {
            index.read_sequence(&mut fields, csi, counts as u32)?;
        }
        // One number may follow: the count of records without a position.
        matches!(fields.rest().len(), 0 | 8).then_some(index)
    }

    /// Reads the next sequence.
    fn read_sequence(&mut self, fields: &mut Cursor<'_>, csi: bool, counts: u32) -> Option<()> {
        let (before, mut records) = (self.bins.len(), None);
        for _ in 0..fields.u32()? {
            let number = fields.u32()?;
            let first = if csi { fields.u64()? } else { 0 };
            let from = self.chunks.len();
            for _ in 0..fields.u32()? {
                self.chunks.push(fields.u64()?..fields.u64()?);
            }
            if number == counts {
                // The pseudo-bin has two pseudo-chunks: the extent of the sequence, then the
                // numbers of mapped and unmapped records.
                if let [_, counted] = &self.chunks[from..] {
                    records = Some(counted.start);
                }
                self.chunks.truncate(from);
                continue;
            }
            if number > counts {
                return None;
            }
            // No index is larger than LARGEST, so it has fewer chunks than 2^32.
            let chunks = from as u32..self.chunks.len() as u32;
            self.bins.push(IndexBin { number, chunks, first });
        }
        let bins = &mut self.bins[before..];
        bins.sort_unstable_by_key(|bin| bin.number);
        if bins.windows(2).any(|pair| pair[0].number == pair[1].number) {
            return None;
        }
        if !csi {
            for _ in 0..fields.u32()? {
                self.linear.push(fields.u64()?);
            }
        }
        self.sequences.push((self.bins.len() as u32, self.linear.len() as u32, records));
        Some(())
    }

    /// Returns the number of sequences.
    pub(crate) fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Returns the number of records of a sequence, if the index has it.
    pub(crate) fn count(&self, sequence: usize) -> Option<u64> {
        self.sequences.get(sequence)?.2
    }

    /// Returns whether a sequence has no records.
    pub(crate) fn has_none(&self, sequence: usize) -> bool {
        self.of(sequence).is_none_or(|of| of.bins.is_empty())
    }

    fn of(&self, sequence: usize) -> Option<SequenceBins<'_>> {
        let (bins, linear, _) = *self.sequences.get(sequence)?;
        let before = sequence.checked_sub(1).map(|before| self.sequences[before]);
        let (first_bin, first_window, _) = before.unwrap_or_default();
        Some(SequenceBins {
            bins: &self.bins[first_bin as usize..bins as usize],
            chunks: &self.chunks,
            linear: &self.linear[first_window as usize..linear as usize],
        })
    }

    /// Returns the chunks of the file that hold the records of the sequence with that number
    /// overlapping `bases` (0-based, half-open), in order and without overlap.
    pub(crate) fn chunks(&self, sequence: usize, bases: Range<u32>) -> Vec<Range<u64>> {
        let Some(of) = self.of(sequence).filter(|_| !bases.is_empty()) else {
            return Vec::new();
        };
        let last = u64::from(bases.end - 1);
        let mut least = of.linear_before(bases.start >> 14);
        let mut chunks = Vec::new();
        for level in 0..=self.grid.depth {
            let at = |base: u64| self.grid.first(level) + (base >> self.grid.shift(level));
            let wanted = at(bases.start.into())..=at(last);
            let place = |number: u64| of.bins.partition_point(|bin| u64::from(bin.number) < number);
            let bins = &of.bins[place(*wanted.start())..place(wanted.end() + 1)];
            if level == self.grid.depth && of.linear.is_empty() {
                let own = bins.first().filter(|bin| u64::from(bin.number) == *wanted.start());
                least = least.max(own.map_or(0, |bin| bin.first));
            }
            chunks.extend(bins.iter().flat_map(|bin| of.chunks(bin).iter().cloned()));
        }
        chunks.retain(|chunk| chunk.end > least);
        chunks.sort_unstable_by_key(|chunk| chunk.start);
        let mut merged: Vec<Range<u64>> = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let start = chunk.start.max(least);
            match merged.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(chunk.end),
                _ => merged.push(start..chunk.end),
            }
        }
        merged
    }

    /// Returns the virtual offset after the last record.
    pub(crate) fn end(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.end).max().unwrap_or(0)
    }

    /// Returns the first base of the non-empty bin that starts last. The row that ends last starts
    /// in it or reaches into it.
    pub(crate) fn last_bin(&self, sequence: usize) -> u32 {
        let Some(of) = self.of(sequence) else { return 0 };
        let starts = of.bins.iter().map(|bin| self.grid.bases(bin.number).start);
        starts.max().unwrap_or(0).min(u32::MAX.into()) as u32
    }
}

/// Returns the path of the companion index of a file. Warns if it is older than the file.
///
/// # Errors
/// As [`Input::companion_file`].
pub(crate) fn companion_index(input: &Input, endings: &[&str]) -> Result<Option<Input>> {
    let found = input.companion_file(endings)?;
    if let (Input::File(path), Some(Input::File(index))) = (input, &found)
        && let Some(warning) = older(index, path)
    {
        tracing::warn!("{warning}");
    }
    Ok(found)
}

/// Returns the warning for an index that is older than its file. Copying may change the order of
/// times, so the index is used all the same, as samtools does.
fn older(index: &Path, file: &Path) -> Option<String> {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let (index_is, file_is) = (changed(index)?, changed(file)?);
    (index_is < file_is).then(|| {
        let (index, file) = (index.display(), file.display());
        format!("{index} is older than {file}; if the file has changed since, index it again")
    })
}

impl Text {
    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        let _layout = fields.take(24)?;
        let length = fields.u32()? as usize;
        let names = std::str::from_utf8(fields.take(length)?).ok()?;
        let names = names.split_terminator('\0').collect();
        Some(Text { names })
    }
}

impl<'i> SequenceBins<'i> {
    fn chunks(&self, bin: &IndexBin) -> &'i [Range<u64>] {
        &self.chunks[bin.chunks.start as usize..bin.chunks.end as usize]
    }

    /// Returns the virtual offset from which on records may overlap the 16 kb window or a later
    /// one.
    fn linear_before(&self, window: u32) -> u64 {
        let upto = self.linear.len().min(window as usize + 1);
        // Windows without records may have the offset 0.
        self.linear[..upto].iter().rev().find(|offset| **offset > 0).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn an_index_older_than_its_file_gives_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let [index, file] = ["x.gz.tbi", "x.gz"].map(|name| folder.path().join(name));
        for path in [&index, &file] {
            std::fs::write(path, "").unwrap();
        }
        let past = SystemTime::now() - Duration::from_secs(60);
        let set = |path: &Path| {
            std::fs::File::options().write(true).open(path).unwrap().set_modified(past).unwrap();
        };
        set(&file);
        assert_eq!(older(&index, &file), None);
        std::fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(SystemTime::now())
            .unwrap();
        set(&index);
        let warning = older(&index, &file).unwrap();
        for part in ["x.gz.tbi", "x.gz;", "index it again"] {
            assert!(warning.contains(part), "{warning}");
        }
    }
}
