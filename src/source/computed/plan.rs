//! An expression whose names are resolved to inputs.

use crate::error::Result;
use crate::source::expression::{Binary, Expression, Function, Node, NodeKind, Unary, is_pattern};
use std::collections::BTreeMap;

/// How to compute a signal from its inputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(super) root: Step,
    /// The same as a sum of inputs times constants; `None` if it is no such sum.
    pub(super) linear: Option<Linear>,
}

/// A sum of inputs times constants, and of a constant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Linear {
    pub(super) constant: f64,
    /// Inputs by their indexes.
    pub(super) terms: BTreeMap<usize, f64>,
}

/// A step of the computation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Constant(f64),
    Input(usize),
    Unary(Unary, Box<Step>),
    Binary(Binary, Box<Step>, Box<Step>),
    Call(Function, Vec<Step>),
    /// The mean of a window of about so many bases.
    Smooth(Box<Step>, f64),
}

/// Widest window of `smooth`, in bins.
const WIDEST_WINDOW: f64 = 4096.0;

/// Resolves the names of an expression. `inputs` returns the indexes of the inputs that a name, or a
/// pattern, stands for.
///
/// # Errors
/// Those of `inputs`; [`Error::Input`](crate::error::Error::Input) for text, for patterns outside
/// `mean` and its like, and if there is no input.
pub(crate) fn compile(
    expression: &Expression,
    inputs: &mut dyn FnMut(&str) -> Result<Vec<usize>, String>,
) -> Result<Plan> {
    let root = step(expression, expression.root(), inputs)?;
    if root.constant().is_some() {
        return Err(expression.error(0, "names no measurement"));
    }
    let linear = root.linear();
    Ok(Plan { root, linear })
}

fn step(
    expression: &Expression,
    node: &Node,
    inputs: &mut dyn FnMut(&str) -> Result<Vec<usize>, String>,
) -> Result<Step> {
    let error = |what: &str| expression.error(node.at, what);
    Ok(match &node.kind {
        NodeKind::Number(number) => Step::Constant(*number),
        NodeKind::Text(_) => return Err(error("text can be compared in filters only")),
        NodeKind::Name(name) if is_pattern(name) => {
            return Err(error(
                "a pattern can only be an argument of mean, sum, min, max, median, sd",
            ));
        }
        NodeKind::Name(name) => match inputs(name).map_err(|what| error(&what))?[..] {
            [only] => Step::Input(only),
            _ => return Err(error("names more than one measurement")),
        },
        NodeKind::Unary(operator, of) => {
            Step::Unary(*operator, Box::new(step(expression, of, inputs)?))
        }
        NodeKind::Binary(operator, a, b) => Step::Binary(
            *operator,
            Box::new(step(expression, a, inputs)?),
            Box::new(step(expression, b, inputs)?),
        ),
        NodeKind::Call(Function::Smooth, arguments) => {
            let [of, window] = &arguments[..] else { return Err(error("takes (x, bases)")) };
            let bases = step(expression, window, inputs)?.constant();
            let bases = bases.filter(|bases| *bases > 0.0 && bases.is_finite());
            let bases = bases.ok_or_else(|| {
                expression.error(window.at, "the window must be a number of bases above 0")
            })?;
            Step::Smooth(Box::new(step(expression, of, inputs)?), bases)
        }
        NodeKind::Call(function, arguments) => {
            let mut steps = Vec::new();
            for argument in arguments {
                match &argument.kind {
                    NodeKind::Name(name) if is_pattern(name) => {
                        let found = inputs(name);
                        let found = found.map_err(|what| expression.error(argument.at, what))?;
                        steps.extend(found.into_iter().map(Step::Input));
                    }
                    _ => steps.push(step(expression, argument, inputs)?),
                }
            }
            Step::Call(*function, steps)
        }
    })
}

impl Plan {
    /// Returns whether it is a sum of inputs times constants, which is exact at every level.
    pub(crate) fn is_linear(&self) -> bool {
        self.linear.is_some()
    }

    /// Returns how many bins of 2^`shift` bases on either side a value depends on.
    pub(super) fn margin(&self, shift: u8) -> u32 {
        self.root.margin(shift)
    }

    /// Checks that no window is too wide for bins of 2^`shift` bases.
    ///
    /// # Errors
    /// The reason, with the narrowest bins that will do.
    pub(crate) fn check(&self, shift: u8) -> Result<(), String> {
        let widest = self.root.widest_window();
        if widest / f64::from(1u32 << shift) <= WIDEST_WINDOW {
            return Ok(());
        }
        let needed = (shift..=super::WIDEST_STEP)
            .find(|shift| widest / f64::from(1u32 << shift) <= WIDEST_WINDOW);
        Err(match needed {
            Some(shift) => format!("smooth over {widest} bases needs at={} or more", 1u32 << shift),
            None => format!("smooth over {widest} bases is too wide"),
        })
    }
}

/// Returns how many bins on either side a window includes.
pub(super) fn radius(bases: f64, shift: u8) -> u32 {
    let bins = bases / f64::from(1u32 << shift);
    ((bins - 1.0) / 2.0).round().clamp(0.0, WIDEST_WINDOW) as u32
}

impl Step {
    /// Returns the value if it depends on no input.
    fn constant(&self) -> Option<f64> {
        Some(match self {
            Step::Constant(number) => *number,
            Step::Input(_) => return None,
            Step::Unary(operator, of) => operator.apply(of.constant()?),
            Step::Binary(operator, a, b) => operator.apply(a.constant()?, b.constant()?),
            Step::Call(function, of) => {
                function.apply(&mut of.iter().map(Step::constant).collect::<Option<Vec<_>>>()?)
            }
            Step::Smooth(of, _) => of.constant()?,
        })
    }

    fn linear(&self) -> Option<Linear> {
        if let Some(constant) = self.constant() {
            return Some(Linear { constant, ..Linear::default() });
        }
        match self {
            Step::Input(index) => {
                Some(Linear { constant: 0.0, terms: BTreeMap::from([(*index, 1.0)]) })
            }
            Step::Unary(Unary::Minus, of) => Some(of.linear()?.times(-1.0)),
            Step::Binary(Binary::Plus, a, b) => Some(a.linear()?.plus(b.linear()?)),
            Step::Binary(Binary::Minus, a, b) => Some(a.linear()?.plus(b.linear()?.times(-1.0))),
            Step::Binary(Binary::Times, a, b) => match (a.constant(), b.constant()) {
                (Some(constant), _) => Some(b.linear()?.times(constant)),
                (_, Some(constant)) => Some(a.linear()?.times(constant)),
                _ => None,
            },
            Step::Binary(Binary::Over, a, b) => {
                let constant = b.constant().filter(|constant| *constant != 0.0)?;
                Some(a.linear()?.times(1.0 / constant))
            }
            Step::Call(function @ (Function::Mean | Function::Sum), of) => {
                let count = of.len() as f64;
                let mut sum = Linear::default();
                for part in of {
                    sum = sum.plus(part.linear()?);
                }
                Some(if *function == Function::Mean { sum.times(1.0 / count) } else { sum })
            }
            Step::Call(Function::Scale, of) => {
                let [of, low, high] = &of[..] else { return None };
                let (low, high) = (low.constant()?, high.constant()?);
                let shifted = of.linear()?.plus(Linear { constant: -low, ..Linear::default() });
                (high != low).then(|| shifted.times(1.0 / (high - low)))
            }
            _ => None,
        }
    }

    fn parts(&self) -> Vec<&Step> {
        match self {
            Step::Constant(_) | Step::Input(_) => Vec::new(),
            Step::Unary(_, of) | Step::Smooth(of, _) => vec![of],
            Step::Binary(_, a, b) => vec![a, b],
            Step::Call(_, of) => of.iter().collect(),
        }
    }

    fn margin(&self, shift: u8) -> u32 {
        let own = match self {
            Step::Smooth(_, bases) => radius(*bases, shift),
            _ => 0,
        };
        own + self.parts().into_iter().map(|part| part.margin(shift)).max().unwrap_or(0)
    }

    fn widest_window(&self) -> f64 {
        let own = if let Step::Smooth(_, bases) = self { *bases } else { 0.0 };
        self.parts().into_iter().map(Step::widest_window).fold(own, f64::max)
    }
}

impl Linear {
    fn times(mut self, constant: f64) -> Self {
        self.constant *= constant;
        self.terms.values_mut().for_each(|times| *times *= constant);
        self
    }

    fn plus(mut self, other: Linear) -> Self {
        self.constant += other.constant;
        other.terms.into_iter().for_each(|(at, times)| *self.terms.entry(at).or_default() += times);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan> {
        let mut names: Vec<String> = ["a", "b", "c1", "c2"].map(str::to_owned).into();
        let expression = Expression::parse(text)?;
        compile(&expression, &mut |name| {
            if name == "c*" {
                return Ok(vec![2, 3]);
            }
            let found = names.iter_mut().position(|known| known == name);
            found.map(|at| vec![at]).ok_or_else(|| format!("no {name}"))
        })
    }

    #[test]
    fn sums_times_constants_are_linear() {
        for (text, constant, terms) in [
            ("a", 0.0, &[(0, 1.0)][..]),
            ("2*a - b/4 + 1", 1.0, &[(0, 2.0), (1, -0.25)]),
            ("-(a - 3) * log2(8)", 9.0, &[(0, -3.0)]),
            ("mean(c*)", 0.0, &[(2, 0.5), (3, 0.5)]),
            ("mean(a, 4, sum(b, b))", 4.0 / 3.0, &[(0, 1.0 / 3.0), (1, 2.0 / 3.0)]),
            ("scale(a, 1, 3)", -0.5, &[(0, 0.5)]),
        ] {
            let linear = plan(text).unwrap().linear.unwrap();
            assert_eq!(
                (linear.constant, linear.terms),
                (constant, terms.iter().copied().collect()),
                "{text}"
            );
        }
        for text in [
            "a/b",
            "a*b",
            "log2(a)",
            "max(a, b)",
            "a > 2",
            "a/0",
            "smooth(a, 500)",
            "clamp(a, 0, 1)",
        ] {
            assert!(!plan(text).unwrap().is_linear(), "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, expected) in [
            ("a + d", "'a + d', column 5: no d"),
            ("a + 'x'", "column 5: text can be compared in filters only"),
            ("1 + 2", "column 1: names no measurement"),
            ("(c*) + 1", "column 2: a pattern can only be an argument of mean"),
            ("smooth(a, b)", "column 11: the window must be a number of bases above 0"),
            ("smooth(a, -5)", "column 11: the window must be"),
        ] {
            let error = plan(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let wide = plan("smooth(a, 100000)").unwrap();
        assert_eq!(wide.check(4).unwrap_err(), "smooth over 100000 bases needs at=32 or more");
        assert!(wide.check(5).is_ok());
    }

    #[test]
    fn windows_reach_beyond_the_bins_that_are_asked_for() {
        assert_eq!((radius(500.0, 6), radius(64.0, 6), radius(1.0, 6)), (3, 0, 0));
        assert_eq!(plan("smooth(smooth(a, 500) + b, 200)").unwrap().margin(6), 4);
    }
}
