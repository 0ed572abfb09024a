//! The number of rows before a position, from samples of runs of adjacent rows.

/// Maximum number of runs from one sample to the next.
const RUNS: u64 = 16;
/// Maximum number of rows in these, except for a single long run.
const ROWS: u64 = 64;

/// Runs of adjacent bins that are rows, in order. Between two samples, rows count as evenly spread.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Runs {
    count: u64,
    /// The first bin that is not before the sample, and the number of rows before it.
    samples: Vec<(u32, u64)>,
    /// The runs and rows since the last sample.
    since: (u64, u64),
    end: u32,
}

impl Runs {
    /// Appends the run of rows in the bins `first .. end`.
    pub(super) fn add(&mut self, first: u32, end: u32) {
        let rows = u64::from(end - first);
        let (runs, before) = self.since;
        // Both ends of a long run are samples, so that positions inside it are exact.
        if self.samples.is_empty() || runs >= RUNS || before >= ROWS || rows >= ROWS {
            self.samples.push((first, self.count));
            self.since = (0, 0);
        }
        self.count += rows;
        self.since = (self.since.0 + 1, self.since.1 + rows);
        self.end = end;
        if rows >= ROWS {
            self.samples.push((end, self.count));
            self.since = (0, 0);
        }
    }

    /// Appends runs that begin after all of these.
    pub(super) fn append(&mut self, next: &Runs) {
        if next.count == 0 {
            return;
        }
        let before = self.count;
        self.samples.extend(next.samples.iter().map(|(bin, rank)| (*bin, before + rank)));
        let samples = std::mem::take(&mut self.samples);
        *self = Runs { count: before + next.count, samples, ..*next };
    }

    /// Returns the last sample at or before a bin: a bin, and the number of rows before it.
    pub(super) fn before(&self, bin: u32) -> (u32, u64) {
        let at = self.samples.partition_point(|(sample, _)| *sample <= bin);
        at.checked_sub(1).map_or((bin, 0), |at| self.samples[at])
    }

    /// Returns the number of rows before a bin, exact to about a hundred.
    pub(super) fn rank(&self, bin: u32) -> u64 {
        let at = self.samples.partition_point(|(sample, _)| *sample <= bin);
        let Some((from, before)) = at.checked_sub(1).map(|at| self.samples[at]) else { return 0 };
        let (to, after) = self.samples.get(at).copied().unwrap_or((self.end, self.count));
        let (done, width) = (u64::from(bin - from), u64::from(to.saturating_sub(from)));
        if done >= width { after } else { before + (after - before) * done / width }
    }

    pub(super) fn size(&self) -> usize {
        size_of_val(&self.samples[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranks_are_near_a_count_of_all_rows(
            steps in proptest::collection::vec((1u32..50, 1u32..200), 1..300),
            cut in 0usize..300, asked in 0u32..40_000,
        ) {
            let (mut runs, mut later) = (Runs::default(), Runs::default());
            let (mut at, mut rows) = (0, Vec::new());
            for (index, (gap, length)) in steps.into_iter().enumerate() {
                let first = at + gap;
                at = first + length;
                if index < cut { runs.add(first, at) } else { later.add(first, at) }
                rows.extend(first..at);
            }
            runs.append(&later);
            let exact = |bin: u32| rows.iter().filter(|row| **row < bin).count() as u64;
            prop_assert!(runs.rank(asked).abs_diff(exact(asked)) <= 2 * ROWS);
            let (from, rank) = runs.before(asked);
            prop_assert_eq!(rank, exact(from));
            prop_assert!(from <= asked);
            prop_assert_eq!(runs.rank(u32::MAX), rows.len() as u64);
        }
    }
}
