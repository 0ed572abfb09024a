//! The range of a measurement's values: the default range of its charts' axes.

use crate::error::Result;
use crate::genome::Region;
use crate::source::{Level, Shape, Source};
use crate::table::Table;
use std::sync::{PoisonError, RwLock};

/// Maximum number of rows in the sample from which an unknown range is estimated.
const SAMPLE: u64 = 2_000;
/// The approximate number of bins that a chart draws of a whole sequence.
const BINS: u64 = 1_000;
/// The assumed ratio of the number of rows in the fullest bin to the mean.
const CROWDED: u64 = 5;

/// The smallest and the largest value of a measurement. If the file does not state them, they come
/// from a sample and are widened by values that are read later.
#[derive(Debug, Default)]
pub struct ValueRange {
    stated: Option<(f64, f64)>,
    seen: RwLock<Option<(f64, f64)>>,
}

impl ValueRange {
    /// Creates a known range.
    pub fn stated(range: (f64, f64)) -> Self {
        ValueRange { stated: Some(range), ..ValueRange::default() }
    }

    /// Returns the smallest and the largest value, rounded outward; `None` if nothing is known yet.
    pub fn get(&self) -> Option<(f64, f64)> {
        let seen = *self.seen.read().unwrap_or_else(PoisonError::into_inner);
        self.stated.or_else(|| seen.map(rounded))
    }

    /// Whether the file states the range, or all its values were read when it was opened.
    pub fn is_stated(&self) -> bool {
        self.stated.is_some()
    }

    /// Includes values that were read, unless the range is stated.
    pub fn observe(&self, values: impl Iterator<Item = f64>) {
        let Some((low, high)) = extent(values).filter(|_| self.stated.is_none()) else { return };
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        *seen = Some(seen.map_or((low, high), |(least, most)| (least.min(low), most.max(high))));
    }
}

/// Returns the smallest and the largest finite value; `None` if there is none.
pub fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |known, value| {
        Some(
            known.map_or((value, value), |(low, high): (f64, f64)| {
                (low.min(value), high.max(value))
            }),
        )
    })
}

/// Returns the numbers in a column of a table.
pub fn numbers(table: &Table, column: usize) -> impl Iterator<Item = f64> {
    let column = table.columns.get(column);
    (0..table.len()).filter_map(move |row| column.map(|column| column.data.number(row)))
}

/// Reads a sample of `column` to estimate its range: the first view, at a level with few enough
/// rows.
///
/// # Errors
/// As [`Source::read`].
pub(super) fn sample(source: &dyn Source, column: &str) -> Result<Vec<f64>> {
    let Some(view) = source.first_view() else { return Ok(Vec::new()) };
    let shape = source.shape();
    let fits = |level: &Level| {
        let rows = match shape {
            Shape::Dense => u64::from(view.len().div_ceil(level.width())),
            _ => source.rows(&view, *level),
        };
        shape.suits(*level, &view) && rows <= SAMPLE
    };
    let Some(level) = shape.levels().find(fits) else { return Ok(Vec::new()) };
    let table = source.read(&view, level, &[column])?;
    Ok(numbers(&table, 0).collect())
}

/// Returns zero, and an estimate of the number of rows that start in the fullest bin when a whole
/// sequence is in view, from the ranks of the rows alone.
pub(super) fn densities(of: &dyn Source) -> Vec<f64> {
    let rows = of.sequences().iter().map(|sequence| {
        let whole = Region::new(sequence.name, 0, u32::MAX);
        of.rows(&whole, Level::Records)
    });
    vec![0.0, (rows.max().unwrap_or(0) * CROWDED).div_ceil(BINS).max(1) as f64]
}

/// Widens a range to round numbers: at most two digits, or steps of a tenth of its width if it is
/// far from zero.
pub(super) fn rounded((low, high): (f64, f64)) -> (f64, f64) {
    let width = if high > low { high - low } else { high.abs().max(1.0) };
    let step = 10f64.powf((width / 2.0).log10().floor());
    let (low_step, high_step) = ((low / step).floor(), (high / step).ceil());
    // Division first: 3 * 0.1 is not 0.3, 3 / 10 is.
    let at = |steps: f64| if step < 1.0 { steps / (1.0 / step).round() } else { steps * step };
    let (low, high) = (at(low_step), at(high_step));
    if low < high { (low, high) } else { (low, low + at(1.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_rounded() {
        assert_eq!(rounded((0.0, 0.97)), (0.0, 1.0));
        assert_eq!(rounded((0.12, 55.75)), (0.0, 60.0));
        assert_eq!(rounded((-2.2, 1000.0)), (-100.0, 1000.0));
        assert_eq!(rounded((5.0, 5.0)), (5.0, 6.0));
        assert_eq!(rounded((0.0, 0.0)), (0.0, 0.1));
    }

    #[test]
    fn unknown_ranges_grow_with_the_values_read() {
        let range = ValueRange::default();
        assert_eq!(range.get(), None);
        range.observe([f64::NAN].into_iter());
        assert_eq!(range.get(), None, "no number was seen");
        range.observe([3.0, f64::NAN, 7.5].into_iter());
        assert_eq!(range.get(), Some((3.0, 8.0)));
        range.observe([41.0].into_iter());
        range.observe([12.0].into_iter());
        assert_eq!(range.get(), Some((0.0, 50.0)));
        let stated = ValueRange::stated((0.0, 1.0));
        stated.observe([9.0].into_iter());
        assert_eq!(stated.get(), Some((0.0, 1.0)));
    }

    proptest! {
        #[test]
        fn a_rounded_range_contains_the_true_one(a in -1e9f64..1e9, b in -1e9f64..1e9) {
            let (low, high) = rounded((a.min(b), a.max(b)));
            prop_assert!(low <= a.min(b) && a.max(b) <= high && low < high);
        }
    }
}
