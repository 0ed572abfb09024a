//! The indexes of BGZF files: tabix (`.tbi`), CSI (`.csi`), BAI (`.bai`).
//!
//! All three sort records into a tree of bins, eight to one, and list for each bin where in the
//! file its records are (SAM specification, section 5; the tabix and CSI specifications).

mod check;

use crate::bytes::{Cursor, Input, unreadable};
use crate::error::{Error, Result};
use crate::source::io::bin_grid::BinGrid;
use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An index file unpacks to no more: that of a human genome takes a few million bytes.
const LARGEST: u64 = 1 << 28;

/// An index that is open.
#[derive(Debug)]
pub(crate) struct Index {
    grid: BinGrid,
    /// The names of sequences and how lines are to be read, if the index says so.
    pub(crate) text: Option<Text>,
    pub(crate) sequences: Vec<IndexBins>,
}

/// What tabix notes of a text file's layout.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) names: Vec<String>,
}

/// Where the records of one sequence are.
#[derive(Debug, Default)]
pub(crate) struct IndexBins {
    bins: HashMap<u32, IndexBin>,
    /// Where the first record that reaches into each 16 kb begins; empty in CSI.
    linear: Vec<u64>,
    /// How many records there are, if the index says so.
    pub(crate) count: Option<u64>,
}

#[derive(Debug, Default)]
struct IndexBin {
    /// CSI: where the first record that reaches into the bin begins.
    first: u64,
    chunks: Vec<Range<u64>>,
}

impl Index {
    /// The index that lies beside a file: `x.vcf.gz.tbi`, `x.bam.bai`, `x.bai`; none if none does.
    /// One that is older than the file is read with a warning.
    pub(crate) fn beside(input: &Input, endings: &[&str]) -> Result<Option<(Self, PathBuf)>> {
        let Some(found) = index_beside(input, endings)? else { return Ok(None) };
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
                "is no intact tabix, CSI or BAI index; make it again (tabix, samtools index)";
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
        let sequences: Option<Vec<_>> =
            (0..count).map(|_| IndexBins::read(&mut fields, csi, counts as u32)).collect();
        // What may follow is one number: how many records lie nowhere.
        let whole = matches!(fields.rest().len(), 0 | 8);
        whole.then_some(Index { grid, text, sequences: sequences? })
    }

    /// The pieces of the file that hold records of the sequence with that number overlapping
    /// `bases`, in order, none twice.
    pub(crate) fn chunks(&self, sequence: usize, bases: Range<u32>) -> Vec<Range<u64>> {
        let Some(held) = self.sequences.get(sequence).filter(|_| !bases.is_empty()) else {
            return Vec::new();
        };
        let last = u64::from(bases.end - 1);
        let mut least = held.linear_before(bases.start >> 14);
        let mut chunks = Vec::new();
        for level in 0..=self.grid.depth {
            let at = |base: u64| self.grid.first(level) + (base >> self.grid.shift(level));
            let wanted = at(bases.start.into())..=at(last);
            // Whichever are fewer: the bins asked for, or the bins that there are.
            let few = (wanted.end() - wanted.start()) as usize > held.bins.len();
            let bins: Vec<&IndexBin> = if few {
                let all = held.bins.iter();
                let wanted = all.filter(|(number, _)| wanted.contains(&u64::from(**number)));
                wanted.map(|(_, bin)| bin).collect()
            } else {
                wanted.filter_map(|number| held.bins.get(&(number as u32))).collect()
            };
            if level == self.grid.depth && held.linear.is_empty() {
                let own = held.bins.get(&(at(bases.start.into()) as u32));
                least = least.max(own.map_or(0, |bin| bin.first));
            }
            chunks.extend(bins.into_iter().flat_map(|bin| bin.chunks.iter().cloned()));
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

    /// The virtual offset behind the last record.
    pub(crate) fn end(&self) -> u64 {
        let bins = self.sequences.iter().flat_map(|held| held.bins.values());
        bins.flat_map(|bin| &bin.chunks).map(|chunk| chunk.end).max().unwrap_or(0)
    }

    /// The first base of the last of the finest bins that hold something: rows that end furthest
    /// lie there, or reach into it.
    pub(crate) fn last_bin(&self, sequence: usize) -> u32 {
        let Some(held) = self.sequences.get(sequence) else { return 0 };
        let starts = held.bins.keys().map(|number| self.grid.bases(*number).start);
        starts.max().unwrap_or(0).min(u32::MAX.into()) as u32
    }
}

/// Where the index lies that is beside a file; with a warning if it is older than that.
///
/// # Errors
/// As [`Input::beside`].
pub(crate) fn index_beside(input: &Input, endings: &[&str]) -> Result<Option<Input>> {
    let found = input.beside(endings)?;
    if let (Input::File(path), Some(Input::File(index))) = (input, &found)
        && let Some(warning) = older(index, path)
    {
        tracing::warn!("{warning}");
    }
    Ok(found)
}

/// What to say of an index that is older than its file: copies keep no order of times, so it is
/// used all the same, as samtools does.
fn older(index: &Path, file: &Path) -> Option<String> {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let (index_is, file_is) = (changed(index)?, changed(file)?);
    (index_is < file_is).then(|| {
        let (index, file) = (index.display(), file.display());
        format!("{index} is older than {file}; if that has changed since, index it again")
    })
}

impl Text {
    fn read(fields: &mut Cursor<'_>) -> Option<Self> {
        let _layout = fields.take(24)?;
        let length = fields.u32()? as usize;
        let names = String::from_utf8(fields.take(length)?.to_vec()).ok()?;
        let names = names.split_terminator('\0').map(str::to_owned).collect();
        Some(Text { names })
    }
}

impl IndexBins {
    /// Whether there are no records.
    pub(crate) fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    fn read(fields: &mut Cursor<'_>, csi: bool, counts: u32) -> Option<Self> {
        let mut held = IndexBins::default();
        for _ in 0..fields.u32()? {
            let number = fields.u32()?;
            let first = if csi { fields.u64()? } else { 0 };
            let mut bin = IndexBin { first, chunks: Vec::new() };
            for _ in 0..fields.u32()? {
                bin.chunks.push(fields.u64()?..fields.u64()?);
            }
            match (number == counts, &bin.chunks[..]) {
                // Two false chunks: the extent of the sequence, then mapped and unmapped records.
                (true, [_, records]) => held.count = Some(records.start),
                (true, _) => {}
                (false, _) if number > counts => return None,
                (false, _) => {
                    if held.bins.insert(number, bin).is_some() {
                        return None;
                    }
                }
            }
        }
        if !csi {
            for _ in 0..fields.u32()? {
                held.linear.push(fields.u64()?);
            }
        }
        Some(held)
    }

    /// Where the first record begins that reaches into that 16 kb or later ones.
    fn linear_before(&self, window: u32) -> u64 {
        let upto = self.linear.len().min(window as usize + 1);
        // Windows without records may say 0.
        self.linear[..upto].iter().rev().find(|offset| **offset > 0).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn an_index_that_is_older_than_its_file_is_told_with_the_remedy() {
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
