//! Evaluates an expression for a run of bins, column by column.

use super::plan::{Plan, Step, radius};

/// The bins of a run.
pub(super) struct Window {
    /// The number of the first bin.
    pub(super) first: u32,
    pub(super) count: usize,
    /// Width (log2) of the bins.
    pub(super) shift: u8,
}

impl Plan {
    /// Returns the value of each bin; NaN where there is none. `columns` has the values of each input.
    pub(super) fn evaluate(&self, columns: &[Vec<f64>], window: &Window) -> Vec<f64> {
        let mut values = self.root.evaluate(columns, window);
        // What cannot be drawn is missing: log2(0), 1/0.
        values.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = f64::NAN);
        values
    }
}

impl Step {
    fn evaluate(&self, columns: &[Vec<f64>], window: &Window) -> Vec<f64> {
        match self {
            Step::Constant(number) => vec![*number; window.count],
            Step::Input(index) => columns[*index].clone(),
            Step::Unary(operator, of) => {
                let mut values = of.evaluate(columns, window);
                values.iter_mut().for_each(|value| *value = operator.apply(*value));
                values
            }
            Step::Binary(operator, a, b) => {
                let mut values = a.evaluate(columns, window);
                let others = b.evaluate(columns, window);
                let pairs = values.iter_mut().zip(others);
                pairs.for_each(|(value, other)| *value = operator.apply(*value, other));
                values
            }
            Step::Call(function, of) => {
                let of: Vec<Vec<f64>> =
                    of.iter().map(|part| part.evaluate(columns, window)).collect();
                let mut values = vec![0.0; of.len()];
                let mut at = |bin: usize| {
                    values.iter_mut().zip(&of).for_each(|(value, column)| *value = column[bin]);
                    function.apply(&mut values)
                };
                (0..window.count).map(&mut at).collect()
            }
            Step::Smooth(of, bases) => {
                let values = of.evaluate(columns, window);
                smooth(&values, window.first as usize, radius(*bases, window.shift) as usize)
            }
        }
    }
}

/// Number of bins whose sum is computed once.
const BLOCK: usize = 32;

/// Returns the mean of the values in a window around each; NaN values are left out.
///
/// The sums of blocks that begin at multiples of [`BLOCK`] are added, so that the result does not
/// depend on where the run begins, and is exactly zero where all values are zero. A running sum
/// would leave a rounding error behind, of which a logarithm would make a signal.
fn smooth(values: &[f64], first: usize, radius: usize) -> Vec<f64> {
    let add = |sum: (f64, f64), value: &f64| {
        if value.is_finite() { (sum.0 + value, sum.1 + 1.0) } else { sum }
    };
    let sum = |from: usize, to: usize| values[from..to].iter().fold((0.0, 0.0), add);
    // The first bin of the run that begins a block.
    let origin = first.next_multiple_of(BLOCK) - first;
    let count = values.len().saturating_sub(origin) / BLOCK;
    let blocks: Vec<(f64, f64)> =
        (0..count).map(|block| origin + block * BLOCK).map(|at| sum(at, at + BLOCK)).collect();
    let mean = |bin: usize| {
        let (from, to) = (bin.saturating_sub(radius), values.len().min(bin + radius + 1));
        let begin = from.saturating_sub(origin).div_ceil(BLOCK);
        let end = to.saturating_sub(origin) / BLOCK;
        let (total, count) = if from >= origin && begin < end {
            let (left, right) = (origin + begin * BLOCK, origin + end * BLOCK);
            let parts = [sum(from, left), sum(right, to)];
            let all = parts.iter().chain(&blocks[begin..end]);
            all.fold((0.0, 0.0), |all, part| (all.0 + part.0, all.1 + part.1))
        } else {
            sum(from, to)
        };
        total / count
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_are_those_of_a_plain_loop(
            values in proptest::collection::vec(prop_oneof![4 => -100.0f64..100.0, 1 => Just(f64::NAN), 2 => Just(0.0)], 1..300),
            first in 0usize..100, radius in 0usize..120,
        ) {
            let smoothed = smooth(&values, first, radius);
            for (bin, value) in smoothed.iter().enumerate() {
                let window: Vec<f64> = (0..values.len())
                    .filter(|other| other.abs_diff(bin) <= radius)
                    .map(|other| values[other])
                    .filter(|value| !value.is_nan())
                    .collect();
                let expected = window.iter().sum::<f64>() / window.len() as f64;
                prop_assert!((value - expected).abs() < 1e-9 || (value.is_nan() && expected.is_nan()));
                prop_assert!(window.iter().any(|value| *value != 0.0) || window.is_empty() || *value == 0.0);
            }
        }
    }
}
