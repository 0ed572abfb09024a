//! Which rows of a file are served: an expression over their columns, such as
//! `score>500 && strand=='+'`.

use crate::error::Result;
use crate::genome::Strand;
use crate::source::expression::{Binary, Expression, Function, Node, NodeKind, Unary, is_pattern};
use crate::source::suggestion;

/// An expression whose names are columns.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    root: Step,
    /// The indexes and names of the columns that it needs.
    pub(crate) columns: Vec<(usize, String)>,
}

/// What every row has.
const OF_ROWS: [&str; 5] = ["start", "end", "length", "strand", "sequence"];

#[derive(Clone, Debug)]
enum Step {
    Number(f64),
    Text(String),
    /// An index into [`Filter::columns`].
    Column(usize),
    Start,
    End,
    Length,
    Strand,
    Sequence,
    Unary(Unary, Box<Step>),
    Binary(Binary, Box<Step>, Box<Step>),
    /// Whether two texts are equal, or differ.
    Same(Box<Step>, Box<Step>, bool),
    Call(Function, Vec<Step>),
}

/// A row, and the cells of the columns that a filter needs.
pub(crate) struct FilteredRow<'a> {
    pub(crate) sequence: &'a str,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) strand: Strand,
    pub(crate) cells: &'a [String],
}

impl Filter {
    /// Resolves the names of an expression to columns.
    ///
    /// # Errors
    /// [`Error::Input`](crate::error::Error::Input) that names the place: for an unknown column, text
    /// in a calculation, patterns and `smooth`.
    pub(crate) fn new(expression: &Expression, columns: &[&str]) -> Result<Self> {
        let mut needed = Vec::new();
        let root = step(expression, expression.root(), columns, &mut needed)?;
        number(expression, expression.root(), &root)?;
        Ok(Filter { root, columns: needed })
    }

    /// Returns whether a row is served. A row without a value that is needed is not.
    ///
    /// # Errors
    /// The reason, if a cell that must be a number is none.
    pub(crate) fn holds(&self, row: &FilteredRow<'_>) -> Result<bool, String> {
        let value = self.number(&self.root, row)?;
        Ok(!value.is_nan() && value != 0.0)
    }

    fn number(&self, step: &Step, row: &FilteredRow<'_>) -> Result<f64, String> {
        Ok(match step {
            Step::Number(number) => *number,
            Step::Column(at) => match row.cells[*at].trim() {
                "" | "." | "NA" | "NaN" | "nan" => f64::NAN,
                text => text.parse().map_err(|_| {
                    format!(
                        "{} is not a number, as the filter needs: '{text}'",
                        self.columns[*at].1
                    )
                })?,
            },
            Step::Start => row.start.into(),
            Step::End => row.end.into(),
            Step::Length => (row.end - row.start).into(),
            Step::Unary(operator, of) => operator.apply(self.number(of, row)?),
            Step::Binary(operator, a, b) => {
                let first = self.number(a, row)?;
                // What the first operand decides needs no second one.
                match (operator, first) {
                    (Binary::And, 0.0) => 0.0,
                    (Binary::Or, first) if !first.is_nan() && first != 0.0 => 1.0,
                    _ => operator.apply(first, self.number(b, row)?),
                }
            }
            Step::Same(a, b, is_wanted) => {
                let is_same = self.text(a, row) == self.text(b, row);
                f64::from(u8::from(is_same == *is_wanted))
            }
            Step::Call(function, of) => {
                let values = of.iter().map(|part| self.number(part, row));
                function.apply(&mut values.collect::<Result<Vec<_>, _>>()?)
            }
            // Checked when the filter was made.
            Step::Text(_) | Step::Strand | Step::Sequence => f64::NAN,
        })
    }

    fn text<'r>(&'r self, step: &'r Step, row: &'r FilteredRow<'_>) -> &'r str {
        match step {
            Step::Text(text) => text,
            Step::Column(at) => &row.cells[*at],
            Step::Strand => row.strand.as_str(),
            Step::Sequence => row.sequence,
            _ => "",
        }
    }
}

fn step(
    expression: &Expression,
    node: &Node,
    columns: &[&str],
    needed: &mut Vec<(usize, String)>,
) -> Result<Step> {
    let mut inner = |node: &Node| step(expression, node, columns, needed);
    Ok(match &node.kind {
        NodeKind::Number(number) => Step::Number(*number),
        NodeKind::Text(text) => Step::Text(text.clone()),
        NodeKind::Name(name) => return column(expression, node.at, name, columns, needed),
        NodeKind::Unary(operator, of) => {
            let inside = inner(of)?;
            number(expression, of, &inside)?;
            Step::Unary(*operator, Box::new(inside))
        }
        NodeKind::Binary(operator, a, b) => {
            let (first, second) = (inner(a)?, inner(b)?);
            let is_text =
                |step: &Step| matches!(step, Step::Text(_) | Step::Strand | Step::Sequence);
            let compares = matches!(operator, Binary::Equal | Binary::Unequal);
            if compares && (is_text(&first) || is_text(&second)) {
                let [first, second] =
                    if matches!(first, Step::Strand) || matches!(second, Step::Strand) {
                        [first, second].map(as_strand)
                    } else {
                        [first, second]
                    };
                for (node, step) in [(a, &first), (b, &second)] {
                    if !is_text(step) && !matches!(step, Step::Column(_)) {
                        let what = "a number is never equal to a text";
                        return Err(expression.error(node.at, what));
                    }
                }
                let is_wanted = *operator == Binary::Equal;
                return Ok(Step::Same(Box::new(first), Box::new(second), is_wanted));
            }
            number(expression, a, &first)?;
            number(expression, b, &second)?;
            Step::Binary(*operator, Box::new(first), Box::new(second))
        }
        NodeKind::Call(Function::Smooth, _) => {
            return Err(expression.error(node.at, "smooth is for signals; a filter has rows"));
        }
        NodeKind::Call(function, arguments) => {
            let mut steps = Vec::new();
            for argument in arguments {
                let step = inner(argument)?;
                number(expression, argument, &step)?;
                steps.push(step);
            }
            Step::Call(*function, steps)
        }
    })
}

/// Writes the strand of a row without one as files do.
fn as_strand(step: Step) -> Step {
    match step {
        Step::Text(text) if text == "." => Step::Text("*".to_owned()),
        other => other,
    }
}

/// Returns the column of this name.
fn column(
    expression: &Expression,
    at: usize,
    name: &str,
    columns: &[&str],
    needed: &mut Vec<(usize, String)>,
) -> Result<Step> {
    if is_pattern(name) {
        return Err(expression.error(at, "a filter names single columns"));
    }
    let of_rows = [Step::Start, Step::End, Step::Length, Step::Strand, Step::Sequence];
    let index = columns.iter().position(|known| *known == name);
    if let (None, Some(place)) = (index, OF_ROWS.iter().position(|known| *known == name)) {
        return Ok(of_rows[place].clone());
    }
    let index = index.ok_or_else(|| {
        let known = || columns.iter().copied().chain(OF_ROWS);
        let names: Vec<_> = known().collect();
        let meant = suggestion(name, known());
        let what = format!("no column is called '{name}'; there are {}{meant}", names.join(", "));
        expression.error(at, what)
    })?;
    let known = needed.iter().position(|known| known.0 == index);
    Ok(Step::Column(known.unwrap_or_else(|| {
        needed.push((index, name.to_owned()));
        needed.len() - 1
    })))
}

/// Checks that a part can be computed with.
fn number(expression: &Expression, node: &Node, step: &Step) -> Result<()> {
    if matches!(step, Step::Text(_) | Step::Strand | Step::Sequence) {
        return Err(expression.error(node.at, "a text can only be compared, with == or !="));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Result<Filter> {
        Filter::new(&Expression::parse(text)?, &["name", "score", "signal"])
    }

    #[test]
    fn rows_are_chosen_by_their_columns() {
        for (text, expected) in [
            ("score > 500", true),
            ("score > 500 && strand == '+'", true),
            ("strand != '+'", false),
            ("name == 'peak1' || score < 0", true),
            ("name != \"peak1\"", false),
            ("sequence == 'chr1' && start >= 100 && end <= 200", true),
            ("length == 100", true),
            ("!(length > 50)", false),
            ("score / 2 > 300 && log2(score) < 10", true),
            ("max(score, 1000) == 1000", true),
            // The signal is missing, which is neither more nor less than anything.
            ("signal > 0", false),
            ("signal <= 0", false),
            ("score > 500 || signal > 0", true),
            ("score < 500 && signal > 0", false),
            // Nothing but numbers is read from a column that the result does not need.
            ("score < 0 && name > 3", false),
        ] {
            let filter = filter(text).unwrap();
            let cells: Vec<String> = filter
                .columns
                .iter()
                .map(|(_, name)| match name.as_str() {
                    "name" => "peak1".to_owned(),
                    "score" => "800".to_owned(),
                    _ => ".".to_owned(),
                })
                .collect();
            let row = FilteredRow {
                sequence: "chr1",
                start: 100,
                end: 200,
                strand: Strand::Forward,
                cells: &cells,
            };
            assert_eq!(filter.holds(&row), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, expected) in [
            ("scor > 5", "'scor > 5', column 1: no column is called 'scor'; there are name, score"),
            ("scor > 5", "did you mean 'score'?"),
            ("score > 'high'", "column 9: a text can only be compared, with == or !="),
            ("strand + 1 > 0", "column 1: a text can only be compared"),
            ("start == 'x'", "column 1: a number is never equal to a text"),
            ("'x'", "column 1: a text can only be compared"),
            ("smooth(score, 5) > 1", "column 1: smooth is for signals"),
            ("max(sc*) > 1", "column 5: a filter names single columns"),
        ] {
            let error = filter(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let wrong = filter("name > 3").unwrap();
        let cells = ["peak1".to_owned()];
        let row = FilteredRow {
            sequence: "chr1",
            start: 1,
            end: 2,
            strand: Strand::Forward,
            cells: &cells,
        };
        assert_eq!(
            wrong.holds(&row).unwrap_err(),
            "name is not a number, as the filter needs: 'peak1'"
        );
    }
}
