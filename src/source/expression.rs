//! The language of computed measurements and of filters: numbers, names, operators and functions.
//!
//! This module knows the words and their order; what a name stands for is up to its users: a
//! measurement in [`computed`](crate::source::computed), a column in a filter.

mod definition;
mod functions;
mod lexer;
mod parser;

pub use definition::Definition;
pub use functions::{FUNCTIONS, Function};

use crate::error::{Error, Result};
use std::fmt;
use std::sync::Arc;

/// A parsed expression.
#[derive(Clone, PartialEq)]
pub struct Expression {
    text: Arc<str>,
    root: Node,
}

/// A part of an expression, and where it begins in the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// Byte offset of its first character, or of its operator.
    pub(crate) at: usize,
    pub(crate) kind: NodeKind,
}

/// The kinds of parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeKind {
    Number(f64),
    /// Text in quotes.
    Text(String),
    /// A name; one that contains `*` or `?` is a pattern.
    Name(String),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

/// Operators before one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Minus,
    Not,
}

/// Operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Plus,
    Minus,
    Times,
    Over,
}

/// Every operator between two operands, as it is written, and how tightly it binds.
pub(crate) const OPERATORS: &[(&str, Binary, u8)] = &[
    ("||", Binary::Or, 1),
    ("&&", Binary::And, 2),
    ("==", Binary::Equal, 3),
    ("!=", Binary::Unequal, 3),
    ("<=", Binary::AtMost, 3),
    (">=", Binary::AtLeast, 3),
    ("<", Binary::Less, 3),
    (">", Binary::Greater, 3),
    ("+", Binary::Plus, 4),
    ("-", Binary::Minus, 4),
    ("*", Binary::Times, 5),
    ("/", Binary::Over, 5),
];

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// [`Error::Input`] that names the column of what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let root = parser::parse(text)?;
        Ok(Expression { text: text.into(), root })
    }

    /// Returns the text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    /// Returns an error about the part at this byte offset.
    pub(crate) fn error(&self, at: usize, what: impl fmt::Display) -> Error {
        error(&self.text, at, what)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

/// Returns an error about an expression; users count columns from 1.
fn error(text: &str, at: usize, what: impl fmt::Display) -> Error {
    let column = text.get(..at).unwrap_or(text).chars().count() + 1;
    Error::Input(format!("'{text}', column {column}: {what}"))
}

impl Binary {
    /// Returns the result for two numbers; comparisons are 1 or 0. A missing operand (NaN) makes the
    /// result missing.
    pub(crate) fn apply(self, a: f64, b: f64) -> f64 {
        if a.is_nan() || b.is_nan() {
            return f64::NAN;
        }
        let truth = |is: bool| f64::from(u8::from(is));
        match self {
            Binary::Or => truth(a != 0.0 || b != 0.0),
            Binary::And => truth(a != 0.0 && b != 0.0),
            Binary::Equal => truth(a == b),
            Binary::Unequal => truth(a != b),
            Binary::Less => truth(a < b),
            Binary::AtMost => truth(a <= b),
            Binary::Greater => truth(a > b),
            Binary::AtLeast => truth(a >= b),
            Binary::Plus => a + b,
            Binary::Minus => a - b,
            Binary::Times => a * b,
            Binary::Over => a / b,
        }
    }
}

impl Unary {
    /// Returns the result for a number.
    pub(crate) fn apply(self, a: f64) -> f64 {
        match self {
            Unary::Minus => -a,
            Unary::Not if a.is_nan() => a,
            Unary::Not => f64::from(u8::from(a == 0.0)),
        }
    }
}

/// Returns whether a name is a pattern, which stands for all names that fit it.
pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Returns whether a name fits a pattern of `*` (any text) and `?` (any character).
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to go on if what follows the last star does not fit.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, expected) in [
            ("H3K27ac_*", "H3K27ac_1", true),
            ("H3K27ac_*", "H3K27me3_1", false),
            ("*_rep?", "a_rep1_rep2", true),
            ("*_rep?", "a_rep12", false),
            ("*a*b*", "xxaxbxb", true),
            ("a*", "a", true),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_missing_operand_makes_the_result_missing() {
        for (_, operator, _) in OPERATORS {
            assert!(
                operator.apply(f64::NAN, 1.0).is_nan() && operator.apply(0.0, f64::NAN).is_nan()
            );
        }
        assert!(Unary::Not.apply(f64::NAN).is_nan());
        assert_eq!(
            (Unary::Not.apply(0.0), Unary::Not.apply(3.0), Unary::Minus.apply(3.0)),
            (1.0, 0.0, -3.0)
        );
        let all: Vec<f64> =
            OPERATORS.iter().map(|(_, operator, _)| operator.apply(6.0, 3.0)).collect();
        assert_eq!(all, [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 9.0, 3.0, 18.0, 2.0]);
    }
}
