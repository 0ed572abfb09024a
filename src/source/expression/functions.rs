//! The functions of expressions.

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The mean of its arguments.
    Mean,
    /// Their sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// The standard deviation of a sample (with n - 1), as in R.
    Sd,
    /// The absolute value.
    Abs,
    /// The natural logarithm.
    Ln,
    /// The logarithm to base 2.
    Log2,
    /// The logarithm to base 10.
    Log10,
    /// The square root.
    Sqrt,
    /// The power of e.
    Exp,
    /// `scale(x, low, high)`: low becomes 0 and high becomes 1.
    Scale,
    /// `clamp(x, low, high)`: x, or the nearer end of the interval.
    Clamp,
    /// `smooth(x, bases)`: the mean of a window around each place.
    Smooth,
}

/// Every function: its name, its arguments, and what it returns. The table in `docs/computed.md` is
/// generated from this list.
pub const FUNCTIONS: &[(&str, Function, &str, &str)] = &[
    ("mean", Function::Mean, "x, y, ...", "the mean of the measurements at each place"),
    ("sum", Function::Sum, "x, y, ...", "their sum"),
    ("min", Function::Min, "x, y, ...", "the smallest of them"),
    ("max", Function::Max, "x, y, ...", "the largest of them"),
    (
        "median",
        Function::Median,
        "x, y, ...",
        "the middle one, or the mean of the two in the middle",
    ),
    ("sd", Function::Sd, "x, y, ...", "their standard deviation, with n - 1 as in R"),
    ("abs", Function::Abs, "x", "the absolute value"),
    ("ln", Function::Ln, "x", "the natural logarithm"),
    ("log2", Function::Log2, "x", "the logarithm to base 2"),
    ("log10", Function::Log10, "x", "the logarithm to base 10"),
    ("sqrt", Function::Sqrt, "x", "the square root"),
    ("exp", Function::Exp, "x", "the power of e"),
    ("scale", Function::Scale, "x, low, high", "(x - low) / (high - low)"),
    ("clamp", Function::Clamp, "x, low, high", "x, but at least low and at most high"),
    (
        "smooth",
        Function::Smooth,
        "x, bases",
        "the mean of the bins of `at=` in a window of about so many bases around each",
    ),
];

impl Function {
    /// Returns its name.
    #[cfg(test)]
    pub(crate) fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|known| known.1 == self).map_or("", |known| known.0)
    }

    /// Returns the number of its arguments; `None` if it takes one or more, which may be patterns.
    pub(crate) fn arity(self) -> Option<usize> {
        let arguments = FUNCTIONS.iter().find(|known| known.1 == self).map_or("", |known| known.2);
        (!arguments.ends_with("...")).then(|| arguments.split(',').count())
    }

    /// Returns the result for numbers, as many as the function takes; NaN if one of them is NaN or
    /// there is no result. A window of one place is that place.
    pub(crate) fn apply(self, values: &mut [f64]) -> f64 {
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            return f64::NAN;
        }
        let count = values.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
        match self {
            Function::Mean => mean(values),
            Function::Sum => values.iter().sum(),
            Function::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Function::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Function::Median => {
                values.sort_unstable_by(f64::total_cmp);
                let middle = values.len() / 2;
                if values.len() % 2 == 1 {
                    values[middle]
                } else {
                    f64::midpoint(values[middle - 1], values[middle])
                }
            }
            Function::Sd => {
                let mean = mean(values);
                let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
                // 0 / 0 for a single value, which has no deviation.
                (squares / (count - 1.0)).sqrt()
            }
            Function::Abs => values[0].abs(),
            Function::Ln => values[0].ln(),
            Function::Log2 => values[0].log2(),
            Function::Log10 => values[0].log10(),
            Function::Sqrt => values[0].sqrt(),
            Function::Exp => values[0].exp(),
            Function::Scale => (values[0] - values[1]) / (values[2] - values[1]),
            Function::Clamp => values[0].max(values[1]).min(values[2]),
            Function::Smooth => values[0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_the_values_of_their_definitions() {
        let of = |function: Function, values: &[f64]| function.apply(&mut values.to_vec());
        let some = [4.0, 1.0, 7.0, 2.0];
        assert_eq!(of(Function::Mean, &some), 3.5);
        assert_eq!(of(Function::Sum, &some), 14.0);
        assert_eq!((of(Function::Min, &some), of(Function::Max, &some)), (1.0, 7.0));
        assert_eq!((of(Function::Median, &some), of(Function::Median, &some[..3])), (3.0, 4.0));
        // sd(c(4, 1, 7, 2)) in R.
        assert!((of(Function::Sd, &some) - 2.645_751_311_064_590_6).abs() < 1e-15);
        assert!(of(Function::Sd, &[1.0]).is_nan() && of(Function::Mean, &[]).is_nan());
        assert_eq!((of(Function::Log2, &[8.0]), of(Function::Log10, &[100.0])), (3.0, 2.0));
        assert_eq!((of(Function::Ln, &[1.0]), of(Function::Exp, &[0.0])), (0.0, 1.0));
        assert_eq!((of(Function::Sqrt, &[9.0]), of(Function::Abs, &[-2.0])), (3.0, 2.0));
        assert_eq!(of(Function::Scale, &[5.0, 1.0, 9.0]), 0.5);
        assert_eq!(of(Function::Clamp, &[5.0, 1.0, 3.0]), 3.0);
        assert_eq!(of(Function::Clamp, &[-5.0, 1.0, 3.0]), 1.0);
        for (_, function, ..) in FUNCTIONS {
            assert!(of(*function, &[f64::NAN, 1.0, 2.0]).is_nan(), "{function:?}");
        }
    }

    #[test]
    fn the_list_states_the_number_of_arguments() {
        assert_eq!((Function::Mean.arity(), Function::Sd.arity()), (None, None));
        assert_eq!((Function::Abs.arity(), Function::Smooth.arity()), (Some(1), Some(2)));
        assert_eq!((Function::Clamp.arity(), Function::Scale.arity()), (Some(3), Some(3)));
        assert!(FUNCTIONS.iter().all(|(name, function, ..)| function.name() == *name));
    }
}
