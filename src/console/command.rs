//! The commands, and how they are read.

use crate::catalog::ChartType;
use crate::error::{Error, Result};
use crate::source::Spec;

/// A command of the prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// What can be done.
    Help,
    /// Serves another file.
    Load(Box<Spec>),
    /// What is served.
    Measurements,
    /// Draws measurements.
    Plot(Vec<String>, Option<ChartType>),
    /// Shows a region, or the surroundings of a gene.
    Go(String),
    /// The charts that were plotted.
    Charts,
    /// Removes a chart.
    Remove(usize),
    /// Ends the program.
    Quit,
}

/// Every command: how it is written, and what it does.
pub const COMMANDS: &[(&str, &str)] = &[
    ("help", "show this list"),
    ("load FILE[,key=value]...", "serve another file"),
    ("measurements", "list what is served"),
    ("plot MEASUREMENT... [as CHART]", "draw measurements in a new chart on every page"),
    ("go REGION|GENE", "show a region (chr11:101m-104m) or a gene on every page"),
    ("charts", "list the charts that were plotted"),
    ("remove CHART", "remove a chart, by its number"),
    ("quit", "end epivizrs"),
];

impl Command {
    /// Reads a line; none if it is empty or a comment.
    ///
    /// # Errors
    /// [`Error::Input`] that says how the command is written.
    pub fn parse(line: &str) -> Result<Option<Self>> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let words: Vec<&str> = rest.split_whitespace().collect();
        let command = match (verb, &words[..]) {
            ("help" | "?", []) => Command::Help,
            ("load", [_, ..]) => Command::Load(Box::new(rest.parse()?)),
            ("measurements", []) => Command::Measurements,
            ("plot", [_, ..]) => plot(&words)?,
            ("go", [_, ..]) => Command::Go(rest.to_owned()),
            ("charts", []) => Command::Charts,
            ("remove", [number]) => Command::Remove(number.parse().map_err(|_| usage(verb))?),
            ("quit" | "exit", []) => Command::Quit,
            _ => return Err(usage(verb)),
        };
        Ok(Some(command))
    }
}

fn plot(words: &[&str]) -> Result<Command> {
    let (names, chart) = match words {
        [names @ .., "as", word] => (names, Some(chart_type(word)?)),
        names => (names, None),
    };
    if names.is_empty() {
        return Err(usage("plot"));
    }
    Ok(Command::Plot(names.iter().map(ToString::to_string).collect(), chart))
}

fn chart_type(word: &str) -> Result<ChartType> {
    ChartType::from_word(word).ok_or_else(|| {
        let known: Vec<_> = ChartType::ALL.iter().map(|(_, word, ..)| *word).collect();
        Error::Input(format!("no chart is called '{word}'; there are {}", known.join(", ")))
    })
}

fn usage(verb: &str) -> Error {
    let known = COMMANDS.iter().find(|(usage, _)| usage.split(' ').next() == Some(verb));
    Error::Input(match known {
        Some((usage, _)) => format!("write it like this: {usage}"),
        None => format!("no command is called '{verb}'; 'help' lists them"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_people_write_them() {
        let parse = |line| Command::parse(line).unwrap();
        assert_eq!(
            parse(" plot a b as scatter "),
            Some(Command::Plot(vec!["a".into(), "b".into()], Some(ChartType::Scatter)))
        );
        assert_eq!(parse("plot a"), Some(Command::Plot(vec!["a".into()], None)));
        assert_eq!(parse("go chr1: 5 - 9"), Some(Command::Go("chr1: 5 - 9".into())));
        assert_eq!(parse("# note"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn mistakes_say_how_to_write_it() {
        let error = |line| Command::parse(line).unwrap_err().to_string();
        assert!(error("plot").contains("plot MEASUREMENT"));
        assert!(error("plot as line").contains("plot MEASUREMENT"));
        assert!(error("plot a as pie").contains("there are line,"));
        assert!(error("remove two").contains("remove CHART"));
        assert!(error("fly").contains("'help' lists them"));
    }

    #[test]
    fn every_listed_command_is_known() {
        for (usage, _) in COMMANDS {
            let verb = usage.split(' ').next().unwrap();
            let unknown = |line: &str| {
                Command::parse(line).is_err_and(|e| e.to_string().contains("no command"))
            };
            assert!(!unknown(verb) && !unknown(&format!("{verb} 1")), "{verb}");
        }
    }
}
