//! Parses tokens: operators by how tightly they bind, calls, parentheses.

use super::lexer::{Lexeme, TokenKind, tokens};
use super::{Binary, FUNCTIONS, Function, Node, NodeKind, OPERATORS, Unary, error, is_pattern};
use crate::error::{Error, Result};
use crate::source::nearest::suggestion;

/// Longest text of an expression, in bytes.
const LONGEST: usize = 2_000;
/// Deepest nesting: the parser calls itself.
const DEEPEST: usize = 100;
/// How tightly operators before an operand bind: more than any between two.
const UNARY: u8 = 6;

pub(super) fn parse(text: &str) -> Result<Node> {
    if text.is_empty() {
        return Err(Error::Input("the expression is empty".into()));
    }
    if text.len() > LONGEST {
        return Err(Error::Input(format!("an expression has at most {LONGEST} bytes")));
    }
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0 };
    let root = parser.operand(0)?;
    match parser.peek() {
        Lexeme { kind: TokenKind::End, .. } => Ok(root),
        Lexeme { kind: TokenKind::Close, at } => Err(error(text, *at, "this ')' closes nothing")),
        Lexeme { at, .. } => Err(error(text, *at, "an operator is missing before this")),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Lexeme>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Lexeme {
        // The last token is the end, which is never passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Lexeme {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn error(&self, at: usize, what: impl std::fmt::Display) -> Error {
        error(self.text, at, what)
    }

    /// Parses an operand and all operators after it that bind more tightly than `than`.
    fn operand(&mut self, than: u8) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(self.peek().at, "parentheses are nested too deeply"));
        }
        let mut left = self.first()?;
        while let Lexeme { at, kind: TokenKind::Operator(operator) } = *self.peek() {
            let binds =
                OPERATORS.iter().find(|known| known.1 == operator).map_or(0, |known| known.2);
            if binds <= than {
                break;
            }
            self.next += 1;
            let right = self.operand(binds)?;
            if is_comparison(operator) && [&left, &right].into_iter().any(compares) {
                return Err(self.error(at, "join two comparisons with && or ||"));
            }
            left = Node { at, kind: NodeKind::Binary(operator, Box::new(left), Box::new(right)) };
        }
        self.depth -= 1;
        Ok(left)
    }

    /// Parses an operand without the operators after it.
    fn first(&mut self) -> Result<Node> {
        let Lexeme { at, kind } = self.take();
        let kind = match kind {
            TokenKind::Number(number) => NodeKind::Number(number),
            TokenKind::Text(text) => NodeKind::Text(text),
            TokenKind::Name(name, false) if self.peek().kind == TokenKind::Open => {
                self.call(at, &name)?
            }
            TokenKind::Name(name, _) => NodeKind::Name(name),
            TokenKind::Operator(Binary::Minus) => {
                NodeKind::Unary(Unary::Minus, Box::new(self.operand(UNARY)?))
            }
            TokenKind::Not => NodeKind::Unary(Unary::Not, Box::new(self.operand(UNARY)?)),
            TokenKind::Open => {
                let inside = self.operand(0)?;
                self.close(at)?;
                // A comparison in parentheses is a number like any other.
                return Ok(match inside.kind {
                    NodeKind::Binary(operator, ..) if is_comparison(operator) => {
                        Node { at, kind: NodeKind::Call(Function::Sum, vec![inside]) }
                    }
                    _ => inside,
                });
            }
            TokenKind::End => {
                return Err(self.error(at, "a number or a name is missing at the end"));
            }
            _ => return Err(self.error(at, "a number or a name is missing before this")),
        };
        Ok(Node { at, kind })
    }

    fn close(&mut self, opened: usize) -> Result<()> {
        match self.take() {
            Lexeme { kind: TokenKind::Close, .. } => Ok(()),
            Lexeme { kind: TokenKind::End, .. } => {
                Err(self.error(opened, "this '(' is not closed"))
            }
            Lexeme { at, .. } => Err(self.error(at, "an operator or ')' is missing before this")),
        }
    }

    /// Parses the arguments of a function.
    fn call(&mut self, at: usize, name: &str) -> Result<NodeKind> {
        let known = FUNCTIONS.iter().find(|known| known.0 == name);
        let Some((_, function, ..)) = known else {
            let names = FUNCTIONS.iter().map(|known| known.0);
            let meant = suggestion(name, names.clone());
            let names: Vec<_> = names.collect();
            let what = format!("no function is called '{name}'; there are {}", names.join(", "));
            return Err(self.error(at, what + &meant));
        };
        let open = self.take().at;
        let mut arguments = Vec::new();
        if self.peek().kind == TokenKind::Close {
            self.next += 1;
        } else {
            loop {
                arguments.push(self.operand(0)?);
                if self.peek().kind != TokenKind::Comma {
                    break;
                }
                self.next += 1;
            }
            self.close(open)?;
        }
        let is_right = match function.arity() {
            Some(count) => arguments.len() == count,
            None => !arguments.is_empty(),
        };
        if !is_right {
            let takes = FUNCTIONS.iter().find(|known| known.0 == name).map_or("", |known| known.2);
            return Err(self.error(at, format!("{name} takes ({takes})")));
        }
        if function.arity().is_some()
            && let Some(pattern) = arguments.iter().find(|argument| is_pattern_name(argument))
        {
            let what = format!("{name} takes one measurement, not all that fit a pattern");
            return Err(self.error(pattern.at, what));
        }
        Ok(NodeKind::Call(*function, arguments))
    }
}

fn is_pattern_name(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Name(name) if is_pattern(name))
}

fn is_comparison(operator: Binary) -> bool {
    OPERATORS.iter().any(|known| known.1 == operator && known.2 == 3)
}

fn compares(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Binary(operator, ..) if is_comparison(operator))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a tree with all its parentheses.
    fn shown(node: &Node) -> String {
        match &node.kind {
            NodeKind::Number(number) => number.to_string(),
            NodeKind::Text(text) => format!("'{text}'"),
            NodeKind::Name(name) => name.clone(),
            NodeKind::Unary(Unary::Minus, of) => format!("-{}", shown(of)),
            NodeKind::Unary(Unary::Not, of) => format!("!{}", shown(of)),
            NodeKind::Binary(operator, a, b) => {
                let written = OPERATORS.iter().find(|known| known.1 == *operator).unwrap().0;
                format!("({} {written} {})", shown(a), shown(b))
            }
            NodeKind::Call(function, arguments) => {
                let arguments: Vec<_> = arguments.iter().map(shown).collect();
                format!("{}({})", function.name(), arguments.join(", "))
            }
        }
    }

    #[test]
    fn operators_bind_as_in_mathematics() {
        for (text, expected) in [
            ("a+b*2-c/4", "((a + (b * 2)) - (c / 4))"),
            ("a-b-c", "((a - b) - c)"),
            ("-a*b", "(-a * b)"),
            ("(a+1)/(b+1)", "((a + 1) / (b + 1))"),
            ("log2((chip+1)/(input+1))", "log2(((chip + 1) / (input + 1)))"),
            ("score>500 && strand=='+'", "((score > 500) && (strand == '+'))"),
            ("a || b && !c", "(a || (b && !c))"),
            ("mean(H3K27ac_*, x)", "mean(H3K27ac_*, x)"),
            ("mean( *_rep1 , a*b )", "mean(*_rep1, (a * b))"),
            ("max(a*)", "max(a*)"),
            ("max(a*2)", "max((a * 2))"),
            ("`chip-2` - `3 h`", "(chip-2 - 3 h)"),
            ("1.5e-3 + .5 + 2.", "((0.0015 + 0.5) + 2)"),
            ("a.score >= 2", "(a.score >= 2)"),
            ("(a > 1) == (b > 1)", "(sum((a > 1)) == sum((b > 1)))"),
        ] {
            assert_eq!(shown(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_column_and_what_is_missing() {
        for (text, expected) in [
            ("", "the expression is empty"),
            ("a +", "'a +', column 4: a number or a name is missing at the end"),
            ("a b", "column 3: an operator is missing before this"),
            ("(a", "column 1: this '(' is not closed"),
            ("a)", "column 2: this ')' closes nothing"),
            ("(a b)", "column 4: an operator or ')' is missing before this"),
            ("* a", "column 1: a number or a name is missing before this"),
            ("lg2(a)", "did you mean 'log2'?"),
            ("log2(a, b)", "column 1: log2 takes (x)"),
            ("mean()", "column 1: mean takes (x, y, ...)"),
            ("log2(a*)", "column 6: log2 takes one measurement"),
            ("a = 2", "column 3: write == to compare"),
            ("a & b", "write && for 'and'"),
            ("a % b", "'%' has no meaning here"),
            ("1 < a < 2", "column 7: join two comparisons with && or ||"),
            ("3h + 1", "column 1: a name that begins with a digit is written in backticks"),
            ("`a", "column 1: this name has no closing `"),
            ("``", "this name is empty"),
            ("name == 'a", "column 9: this text has no closing '"),
            ("µ +", "column 4"),
            ("1e999", "column 1: this is not a number"),
            (".", "column 1: this is not a number"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = format!("{}a{}", "(".repeat(500), ")".repeat(500));
        assert!(parse(&deep).unwrap_err().to_string().contains("nested too deeply"));
        assert!(parse(&"-".repeat(500)).is_err() && parse(&("a+".repeat(5000) + "a")).is_err());
    }
}
