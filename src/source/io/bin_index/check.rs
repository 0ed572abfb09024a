//! Checks an index without its file: offsets beyond the end of the file, and an order that no
//! sorted file has. Samtools reads a damaged BAI without an error and finds no rows.

use super::{Index, SequenceBins};
use std::ops::Range;

impl Index {
    /// Returns what is wrong with it as the index of a file of `size` bytes; none if it has no
    /// visible flaw.
    pub(crate) fn flaw(&self, size: u64) -> Option<&'static str> {
        self.each().find_map(|of| self.flaw_of(of, size))
    }

    fn each(&self) -> impl Iterator<Item = SequenceBins<'_>> {
        (0..self.len()).filter_map(|sequence| self.of(sequence))
    }

    fn flaw_of(&self, of: SequenceBins<'_>, size: u64) -> Option<&'static str> {
        let mut all: Vec<(u64, Range<u64>)> = Vec::new();
        let mut last = 0;
        for bin in of.bins {
            for chunk in of.chunks(bin) {
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
            if bin.number != self.unplaced_bin() {
                let window = self.grid.bases(bin.number);
                all.extend(of.chunks(bin).iter().map(|chunk| (chunk.start, window.clone())));
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
        let linear = || of.linear.iter().filter(|offset| **offset > 0);
        let in_order = linear().is_sorted() && linear().next_back().is_none_or(|at| *at <= last);
        (!in_order).then_some("its linear index is not in the order of the rows")
    }

    /// Returns the parts of the file that no query reads: those between two chunks, those of a bin
    /// before its offset in the linear index, and those without a position. Either no row begins
    /// there, or this index cannot find it.
    pub(crate) fn gaps(&self) -> Vec<Range<u64>> {
        let mut chunks: Vec<_> = self.chunks.iter().collect();
        chunks.sort_unstable_by_key(|chunk| chunk.start);
        let Some(first) = chunks.first() else { return Vec::new() };
        let (mut reach, mut gaps) = (first.start, Vec::new());
        for chunk in chunks {
            if chunk.start > reach {
                gaps.push(reach..chunk.start);
            }
            reach = reach.max(chunk.end);
        }
        gaps.extend(self.each().flat_map(|of| self.skipped(of)));
        gaps.extend(self.each().filter_map(|of| self.misplaced_unplaced(of)));
        gaps
    }

    /// Returns the chunk of reads that have a sequence but no position, if it does not come after
    /// all other chunks, as it would in a sound index.
    fn misplaced_unplaced(&self, of: SequenceBins<'_>) -> Option<Range<u64>> {
        let own = self.unplaced_bin();
        let at = of.bins.binary_search_by_key(&own, |bin| bin.number).ok()?;
        let chunk = of.chunks(&of.bins[at]).first()?;
        let others = of.bins.iter().filter(|bin| bin.number != own);
        let last = others.flat_map(|bin| of.chunks(bin)).map(|chunk| chunk.start).max()?;
        (chunk.start < last).then(|| chunk.clone())
    }

    /// Returns the parts of the finest bins that the linear index makes a query skip.
    fn skipped<'i>(&self, of: SequenceBins<'i>) -> impl Iterator<Item = Range<u64>> + use<'i> {
        let finest = self.unplaced_bin() + 1;
        let bins = of.bins.iter().filter(move |_| !of.linear.is_empty());
        bins.filter_map(move |bin| {
            let window = bin.number.checked_sub(finest)? as usize;
            let (chunk, begins) = (of.chunks(bin).first()?, of.linear.get(window));
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
