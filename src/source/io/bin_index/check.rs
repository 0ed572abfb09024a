//! Checks an index without its file: offsets beyond the end of the file, and an order that no
//! sorted file has. Samtools reads a damaged BAI without an error and finds no rows.

use super::{Index, IndexBins};
use std::ops::Range;

impl Index {
    /// Returns what is wrong with it as the index of a file of `size` bytes; none if it has no
    /// visible flaw.
    pub(crate) fn flaw(&self, size: u64) -> Option<&'static str> {
        self.sequences.iter().find_map(|bins_of| self.flaw_of(bins_of, size))
    }

    fn flaw_of(&self, bins_of: &IndexBins, size: u64) -> Option<&'static str> {
        let mut all: Vec<(u64, Range<u64>)> = Vec::new();
        let mut last = 0;
        for (number, bin) in &bins_of.bins {
            for chunk in &bin.chunks {
                if chunk.end >> 16 > size {
                    return Some(
                        "it points beyond the end of the file, which may be an incomplete copy",
                    );
                }
                if chunk.start > chunk.end {
                    return Some("a chunk ends before it begins");
                }
                last = last.max(chunk.end);
            }
            // This bin holds the reads that have a sequence but no position (SAM specification,
            // section 5.3).
            if *number != self.unplaced_bin() {
                let window = self.grid.bases(*number);
                all.extend(bin.chunks.iter().map(|chunk| (chunk.start, window.clone())));
            }
        }
        // Each chunk begins with a row that starts in its bin, and rows are sorted by start.
        all.sort_unstable_by_key(|(at, _)| *at);
        let mut furthest = 0;
        for (_, window) in &all {
            if window.end <= furthest {
                return Some(
                    "its bins are not in the order of the rows, or the rows are not sorted",
                );
            }
            furthest = furthest.max(window.start);
        }
        let linear = || bins_of.linear.iter().filter(|offset| **offset > 0);
        let in_order = linear().is_sorted() && linear().next_back().is_none_or(|at| *at <= last);
        (!in_order).then_some("its linear index is not in the order of the rows")
    }

    /// Returns the parts of the file that no query reads: those between two chunks, those of a bin
    /// before its offset in the linear index, and those without a position. Either no row begins
    /// there, or this index cannot find it.
    pub(crate) fn gaps(&self) -> Vec<Range<u64>> {
        let bins = self.sequences.iter().flat_map(|bins_of| bins_of.bins.values());
        let mut chunks: Vec<_> = bins.flat_map(|bin| bin.chunks.iter()).collect();
        chunks.sort_unstable_by_key(|chunk| chunk.start);
        let Some(first) = chunks.first() else { return Vec::new() };
        let (mut reach, mut gaps) = (first.start, Vec::new());
        for chunk in chunks {
            if chunk.start > reach {
                gaps.push(reach..chunk.start);
            }
            reach = reach.max(chunk.end);
        }
        gaps.extend(self.sequences.iter().flat_map(|bins_of| self.skipped(bins_of)));
        gaps.extend(self.sequences.iter().filter_map(|bins_of| self.misplaced_unplaced(bins_of)));
        gaps
    }

    /// Returns the chunk of reads that have a sequence but no position, if it does not come after
    /// all other chunks, as it would in a sound index.
    fn misplaced_unplaced(&self, bins_of: &IndexBins) -> Option<Range<u64>> {
        let own = self.unplaced_bin();
        let chunk = bins_of.bins.get(&own)?.chunks.first()?;
        let others = bins_of.bins.iter().filter(|(number, _)| **number != own);
        let last = others.flat_map(|(_, bin)| &bin.chunks).map(|chunk| chunk.start).max()?;
        (chunk.start < last).then(|| chunk.clone())
    }

    /// Returns the parts of the finest bins that the linear index makes a query skip.
    fn skipped<'i>(&self, bins_of: &'i IndexBins) -> impl Iterator<Item = Range<u64>> + use<'i> {
        let finest = self.unplaced_bin() + 1;
        let bins = bins_of.bins.iter().filter(move |_| !bins_of.linear.is_empty());
        bins.filter_map(move |(number, bin)| {
            let window = number.checked_sub(finest)? as usize;
            let (chunk, begins) = (bin.chunks.first()?, bins_of.linear.get(window));
            let begins = begins.copied().unwrap_or(u64::MAX);
            (begins > chunk.start).then(|| chunk.start..begins.min(chunk.end))
        })
    }

    /// Returns the bin before the first of the finest bins, which holds reads without a position
    /// (base -1).
    fn unplaced_bin(&self) -> u32 {
        self.grid.first(self.grid.depth).saturating_sub(1) as u32
    }
}
