//! Splits an expression into tokens.

use super::{Binary, OPERATORS, error};
use crate::error::Result;

/// A token, and the byte offset of its first character.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lexeme {
    pub(super) at: usize,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Number(f64),
    /// A name, and whether it was quoted: then it is never a function.
    Name(String, bool),
    Text(String),
    Operator(Binary),
    Not,
    Open,
    Close,
    Comma,
    End,
}

/// Returns the tokens; the last one is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Lexeme>> {
    let mut tokens: Vec<Lexeme> = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let rest = &text[at..];
        // Before an operand, a star can only begin a pattern.
        let begins = matches!(
            tokens.last().map(|token| &token.kind),
            Some(TokenKind::Open | TokenKind::Comma)
        );
        let (length, kind) = match first {
            '(' => (1, TokenKind::Open),
            ')' => (1, TokenKind::Close),
            ',' => (1, TokenKind::Comma),
            '`' => {
                quoted(text, at, "`", "name").map(|(n, name)| (n, TokenKind::Name(name, true)))?
            }
            '\'' | '"' => {
                let quote = if first == '"' { "\"" } else { "'" };
                quoted(text, at, quote, "text").map(|(n, text)| (n, TokenKind::Text(text)))?
            }
            '0'..='9' | '.' => number(text, at)?,
            _ if is_name_start(first) || (first == '*' && begins) => name(rest),
            _ => match OPERATORS.iter().find(|(written, ..)| rest.starts_with(written)) {
                Some((written, operator, _)) => (written.len(), TokenKind::Operator(*operator)),
                None if first == '!' => (1, TokenKind::Not),
                None => return Err(error(text, at, unexpected(first))),
            },
        };
        tokens.push(Lexeme { at, kind });
        at += length;
    }
    tokens.push(Lexeme { at: text.len(), kind: TokenKind::End });
    Ok(tokens)
}

fn unexpected(char: char) -> String {
    match char {
        '=' => "write == to compare".to_owned(),
        '&' => "write && for 'and'".to_owned(),
        '|' => "write || for 'or'".to_owned(),
        other => {
            format!("'{other}' has no meaning here; write names with such letters in backticks")
        }
    }
}

fn is_name_start(char: char) -> bool {
    char.is_alphabetic() || char == '_'
}

fn is_name_part(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '.' | '?')
}

/// Reads a name. A star belongs to it where a multiplication would have no second operand.
fn name(rest: &str) -> (usize, TokenKind) {
    let mut length = 0;
    for char in rest.chars() {
        let after = rest[length + char.len_utf8()..].trim_start();
        let is_star = char == '*' && (length == 0 || after.starts_with([')', ',']));
        if !is_name_part(char) && !is_star {
            break;
        }
        length += char.len_utf8();
    }
    (length, TokenKind::Name(rest[..length].to_owned(), false))
}

/// Reads what stands between two quotes.
fn quoted(text: &str, at: usize, quote: &str, what: &str) -> Result<(usize, String)> {
    let inside = &text[at + 1..];
    let end = inside.find(quote);
    let end = end.ok_or_else(|| error(text, at, format!("this {what} has no closing {quote}")))?;
    if end == 0 && quote == "`" {
        return Err(error(text, at, "this name is empty"));
    }
    Ok((end + 2, inside[..end].to_owned()))
}

fn number(text: &str, at: usize) -> Result<(usize, TokenKind)> {
    let rest = &text.as_bytes()[at..];
    let digits = |from: usize| rest[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut length = digits(0);
    if rest.get(length) == Some(&b'.') {
        length += 1 + digits(length + 1);
    }
    if matches!(rest.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let next = text[at + length..].chars().next();
    if next.is_some_and(is_name_part) {
        let what =
            "a name that begins with a digit is written in backticks, and numbers have no unit";
        return Err(error(text, at, what));
    }
    let number: Option<f64> = text[at..at + length].parse().ok();
    let number = number.filter(|number| number.is_finite());
    number
        .map(|number| (length, TokenKind::Number(number)))
        .ok_or_else(|| error(text, at, "this is not a number"))
}
