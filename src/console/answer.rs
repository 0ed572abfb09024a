//! The answer of a command: a sentence or a table.

use crate::error::Result;
use crate::genome::thousands;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write;

/// The answer to a command. Remote consoles and `--json` use its JSON form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// A sentence or several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The column names of a table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Its rows: strings and numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Vec<Value>>>,
    /// The content of the sentence in machine-readable form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl Answer {
    /// Creates an answer from a sentence.
    pub fn say(text: impl Into<String>) -> Self {
        Answer { text: Some(text.into()), ..Answer::default() }
    }

    /// Adds the content in machine-readable form.
    pub fn with(self, data: Value) -> Self {
        Answer { data: Some(data), ..self }
    }

    /// Creates a table; `empty` is the text if it has no rows.
    pub fn table(columns: &[&str], rows: Vec<Vec<Value>>, empty: &str) -> Self {
        let text = rows.is_empty().then(|| empty.to_owned());
        let columns = columns.iter().map(ToString::to_string).collect();
        Answer { text, columns, rows: Some(rows), data: None }
    }

    /// Formats the answer for a terminal; lines of tables have at most `width` characters if possible.
    pub fn show(&self, width: usize, bold: bool) -> String {
        match (&self.text, &self.rows) {
            (Some(text), _) => text.clone(),
            (None, Some(rows)) => table(&self.columns, rows, width, bold),
            (None, None) => String::new(),
        }
    }
}

/// Returns the answer or the error as JSON.
pub fn to_json(result: &Result<Answer>) -> Value {
    match result {
        Ok(answer) => {
            let mut object = json!({"ok": true});
            if let (Value::Object(object), Value::Object(members)) = (&mut object, json!(answer)) {
                object.extend(members);
            }
            object
        }
        Err(error) => json!({"ok": false, "error": error.to_string()}),
    }
}

/// Aligns columns, numbers to the right. If lines are too long, the widest columns are truncated.
fn table(columns: &[String], rows: &[Vec<Value>], width: usize, bold: bool) -> String {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>()).collect();
    let longest = |at: usize| {
        let lengths = cells.iter().map(|row| row[at].chars().count());
        lengths.chain([columns[at].chars().count()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns.len()).map(longest).collect();
    while widths.iter().map(|w| w + 2).sum::<usize>() > width + 2 {
        match widths.iter_mut().max() {
            Some(widest) if *widest > MIN_WIDTH => *widest -= 1,
            _ => break,
        }
    }
    let number = |at: usize| {
        !rows.is_empty() && rows.iter().all(|row| row[at].is_number() || row[at].is_null())
    };
    let right: Vec<bool> = (0..columns.len()).map(number).collect();
    let line = |row: &[String]| {
        let mut line = String::new();
        for ((text, width), right) in row.iter().zip(&widths).zip(&right) {
            let text = cut(text, *width);
            // Writing to a string cannot fail.
            let _ = if *right {
                write!(line, "{text:>width$}  ")
            } else {
                write!(line, "{text:width$}  ")
            };
        }
        line.trim_end().to_owned()
    };
    let head = line(columns);
    let head = if bold { format!("\x1b[1m{head}\x1b[0m") } else { head };
    std::iter::once(head).chain(cells.iter().map(|row| line(row))).collect::<Vec<_>>().join("\n")
}

/// Columns are not truncated below this width.
const MIN_WIDTH: usize = 8;

/// Formats a cell for users: whole numbers and regions get thousands separators.
fn cell(value: &Value) -> String {
    match (value, value.as_u64()) {
        (Value::Null, _) => String::new(),
        (Value::String(text), _) => grouped(text).unwrap_or_else(|| text.clone()),
        (_, Some(number)) => thousands(number),
        (other, None) => other.to_string(),
    }
}

/// Formats `chr1:1001-2000` as `chr1:1,001-2,000`.
fn grouped(text: &str) -> Option<String> {
    let (name, interval) = text.rsplit_once(':')?;
    let (first, last) = interval.split_once('-')?;
    let number = |digits: &str| digits.parse().ok().map(thousands);
    Some(format!("{name}:{}-{}", number(first)?, number(last)?))
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() > width {
        text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_the_terminal() {
        let rows = vec![
            vec![json!("a"), json!(5), json!("x".repeat(60))],
            vec![json!("long name"), json!(1234), json!(null)],
        ];
        let table = Answer::table(&["id", "rows", "what"], rows, "nothing");
        let text = table.show(40, false);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "id          rows  what");
        assert_eq!(lines[2], "long name  1,234");
        assert!(lines[1].starts_with("a              5  xxxx") && lines[1].ends_with('…'));
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{text}");
        assert_eq!(Answer::table(&["id"], vec![], "nothing").show(9, true), "nothing");
        let rows = vec![vec![json!("chr1:1001-2000"), json!("a:b"), json!("x:1-b")]];
        let shown = Answer::table(&["", "", ""], rows, "").show(80, false);
        assert!(shown.ends_with("\nchr1:1,001-2,000  a:b  x:1-b"), "{shown}");
    }

    #[test]
    fn answers_and_errors_have_a_json_form() {
        let said = Answer::say("showing chr1").with(json!({"region": "chr1"}));
        assert_eq!(
            to_json(&Ok(said)).to_string(),
            r#"{"data":{"region":"chr1"},"ok":true,"text":"showing chr1"}"#
        );
        let error = Err(crate::error::Error::Input("no".into()));
        assert_eq!(to_json(&error).to_string(), r#"{"error":"no","ok":false}"#);
    }
}
