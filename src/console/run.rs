//! What each command does.

use super::command::{COMMANDS, Command};
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::session::Session;
use std::fmt::Write;

/// Runs a command and returns what to print. [`Command::Quit`] is the caller's.
///
/// # Errors
/// Whatever kept the command from being done.
pub async fn run(command: &Command, session: &Session) -> Result<String> {
    match command {
        Command::Help => Ok(table(COMMANDS.iter().map(|(usage, does)| [*usage, *does]))),
        Command::Load(spec) => {
            let (added, errors) = session.provider.catalog.load(vec![(**spec).clone()]).await;
            if let Some(error) = errors.into_iter().next() {
                return Err(error);
            }
            session.announce(&added).await;
            let ids: Vec<_> = added.iter().map(|m| m.id.as_str()).collect();
            Ok(format!("serving {}", ids.join(", ")))
        }
        Command::Measurements => Ok(measurements(session)),
        Command::Plot(names, chart) => {
            let listing = session.provider.catalog.listing();
            let found = names.iter().map(|name| listing.measurement(name).cloned());
            let chart = session.plot(found.collect::<Result<_>>()?, *chart).await?;
            Ok(format!("chart {}: {}", chart.number, describe(&chart)))
        }
        Command::Go(text) => {
            let region = find(session, text)?;
            session.go(&region).await?;
            Ok(format!("showing {region}"))
        }
        Command::Charts => {
            let charts = session.charts();
            match charts.is_empty() {
                true => Ok("nothing is plotted yet; try 'plot MEASUREMENT'".into()),
                false => Ok(table(charts.iter().map(|c| [c.number.to_string(), describe(c)]))),
            }
        }
        Command::Remove(number) => {
            let chart = session.remove_chart(*number).await?;
            Ok(format!("removed chart {number}: {}", describe(&chart)))
        }
        Command::Quit => Ok(String::new()),
    }
}

fn describe(chart: &crate::session::Chart) -> String {
    let names: Vec<_> = chart.measurements.iter().map(|m| m.id.as_str()).collect();
    format!("{} as {}", names.join(", "), chart.chart.word())
}

fn measurements(session: &Session) -> String {
    let listing = session.provider.catalog.listing();
    let rows = listing.measurements().map(|m| {
        let range = m.range.map_or(String::new(), |(low, high)| format!("{low} to {high}"));
        [m.id.clone(), m.datasource.clone(), m.chart.word().to_owned(), range]
    });
    let head = ["id", "datasource", "chart", "range"].map(str::to_owned);
    table(std::iter::once(head).chain(rows))
}

/// The region of a text: one as people write it, else around the gene of that name.
fn find(session: &Session, text: &str) -> Result<Region> {
    let listing = session.provider.catalog.listing();
    let as_region = Region::parse(text, listing.sequences());
    if let Ok(region) = as_region {
        return Ok(region);
    }
    match listing.search(text, 1).into_iter().next() {
        Some(hit) => {
            // A gene is seen best with half its length on either side.
            let flank = (hit.region.len() / 2).max(500);
            let (start, end) = (hit.region.start.saturating_sub(flank), hit.region.end + flank);
            let around = Region::new(hit.region.sequence.clone(), start, end);
            Ok(listing.locate(&around).unwrap_or(hit.region))
        }
        None if text.contains(':') => as_region,
        None => Err(Error::NotFound(format!("no sequence and no gene is called '{text}'"))),
    }
}

/// Columns, aligned; the last is as long as it is.
fn table<const N: usize, T: AsRef<str>>(rows: impl Iterator<Item = [T; N]>) -> String {
    let rows: Vec<_> = rows.collect();
    let width = |column: usize| {
        rows.iter().map(|row| row[column].as_ref().chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{:width$}  ", cell.as_ref());
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}
