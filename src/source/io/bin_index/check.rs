//! What shows in an index alone, without the file that it leads to: places behind the file's end,
//! and an order that no sorted file has. Samtools reads a damaged BAI without a word, and finds no
//! rows.

use super::{Index, IndexBins};
use std::ops::Range;

impl Index {
    /// What is wrong with it as the index of a file of `size` bytes; none if nothing shows.
    pub(crate) fn flaw(&self, size: u64) -> Option<&'static str> {
        self.sequences.iter().find_map(|held| self.flaw_of(held, size))
    }

    fn flaw_of(&self, held: &IndexBins, size: u64) -> Option<&'static str> {
        let mut all: Vec<(u64, Range<u64>)> = Vec::new();
        let mut last = 0;
        for (number, bin) in &held.bins {
            for chunk in &bin.chunks {
                if chunk.end >> 16 > size {
                    return Some("it leads behind the end of the file, perhaps an incomplete copy");
                }
                if chunk.start > chunk.end {
                    return Some("a piece of the file ends before it begins");
                }
                last = last.max(chunk.end);
            }
            // Reads that lie on a sequence but at no base go here (SAM specification, section 5.3).
            if *number != self.bin_of_nowhere() {
                let window = self.grid.bases(*number);
                all.extend(bin.chunks.iter().map(|chunk| (chunk.start, window.clone())));
            }
        }
        // Each piece begins with a row that starts in its bin, and rows are sorted by start.
        all.sort_unstable_by_key(|(at, _)| *at);
        let mut furthest = 0;
        for (_, window) in &all {
            if window.end <= furthest {
                return Some("its bins are not in the order of the rows, or those are not sorted");
            }
            furthest = furthest.max(window.start);
        }
        let linear = || held.linear.iter().filter(|offset| **offset > 0);
        let in_order = linear().is_sorted() && linear().next_back().is_none_or(|at| *at <= last);
        (!in_order).then_some("its linear index is not in the order of the rows")
    }

    /// Pieces of the file that no query reads: those between two pieces that it places in bins, those
    /// of a bin that lie before where its linear index says that the bin begins, and those at no
    /// base. Each either begins with no row, or its rows cannot be found by this index.
    pub(crate) fn gaps(&self) -> Vec<Range<u64>> {
        let bins = self.sequences.iter().flat_map(|held| held.bins.values());
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
        gaps.extend(self.sequences.iter().flat_map(|held| self.passed_over(held)));
        gaps.extend(self.sequences.iter().filter_map(|held| self.nowhere(held)));
        gaps
    }

    /// What is said to lie on a sequence but at no base, if it does not stand behind all else, as it
    /// would if it were what lies in that bin.
    fn nowhere(&self, held: &IndexBins) -> Option<Range<u64>> {
        let own = self.bin_of_nowhere();
        let chunk = held.bins.get(&own)?.chunks.first()?;
        let others = held.bins.iter().filter(|(number, _)| **number != own);
        let last = others.flat_map(|(_, bin)| &bin.chunks).map(|chunk| chunk.start).max()?;
        (chunk.start < last).then(|| chunk.clone())
    }

    /// What the linear index has a query pass over of the finest bins.
    fn passed_over<'i>(&self, held: &'i IndexBins) -> impl Iterator<Item = Range<u64>> + use<'i> {
        let finest = self.bin_of_nowhere() + 1;
        let bins = held.bins.iter().filter(move |_| !held.linear.is_empty());
        bins.filter_map(move |(number, bin)| {
            let window = number.checked_sub(finest)? as usize;
            let (chunk, begins) = (bin.chunks.first()?, held.linear.get(window));
            let begins = begins.copied().unwrap_or(u64::MAX);
            (begins > chunk.start).then(|| chunk.start..begins.min(chunk.end))
        })
    }

    /// The bin before the first of the finest ones, in which base -1 lies.
    fn bin_of_nowhere(&self) -> u32 {
        self.grid.first(self.grid.depth).saturating_sub(1) as u32
    }
}
