//! The common grid of bins: 2^shift bases wide, numbered from the sequence's first base.

use super::{Level, Source};
use crate::error::Result;
use crate::genome::Region;

/// Counts the rows that start in each bin by reading them all.
pub(crate) fn starts_by_reading(
    source: &(impl Source + ?Sized),
    region: &Region,
    shift: u8,
) -> Result<Vec<u32>> {
    let (first, last) = bins(region, shift);
    let end = (u64::from(last) << shift).min(u32::MAX.into()) as u32;
    let whole = Region::new(region.sequence.clone(), first << shift, end);
    let mut counts = vec![0; (last - first) as usize];
    for start in source.read(&whole, Level::Records, &[])?.start {
        // Rows that reach into the region may start before it.
        let bin = (start >> shift).checked_sub(first);
        bin.and_then(|bin| counts.get_mut(bin as usize)).into_iter().for_each(|count| *count += 1);
    }
    Ok(counts)
}

/// Returns the bins of 2^`shift` bases that overlap a region: the first, and one past the last.
pub(crate) fn bins(region: &Region, shift: u8) -> (u32, u32) {
    let first = region.start >> shift;
    (first, if region.is_empty() { first } else { ((region.end - 1) >> shift) + 1 })
}
