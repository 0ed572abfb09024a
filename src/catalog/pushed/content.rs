//! The rows that a program sends, read as the source that they belong to reads its own.

use super::{remove, write};
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::source::formats::{format_of, open_all};
use crate::source::{ColumnInfo, Context, Level, Shape, Source, Spec};
use crate::stream::Rows;
use crate::table::{Column, Data};
use std::path::Path;

/// Reads rows as the source of this specification reads them. Its header lines are put before them.
pub(super) fn rows_of(spec: &Spec, content: &[u8], context: &Context) -> Result<Rows> {
    let format = format_of(spec)?;
    let path = spec.input.path();
    let part = path.with_extension("part");
    let mut text = header(path)?;
    text.extend_from_slice(content);
    write(&part, &text)?;
    let mut options = spec.options.for_another_file();
    options.format = Some(format.name.to_owned());
    let opened = open_all(&Spec { input: Input::File(part.clone()), options }, context);
    let rows = opened.and_then(|parts| match parts.first() {
        Some(part) => read_all(&*part.source, content),
        None => Ok(Rows::default()),
    });
    remove(&part);
    // The part has another name than the source, and other line numbers.
    rows.map_err(|error| match error {
        Error::Data { place, message, .. } => Error::data(Path::new("the rows"), place, message),
        other => other,
    })
}

/// Returns the lines before the first row of a file: comments, and names of columns.
fn header(path: &Path) -> Result<Vec<u8>> {
    use std::io::BufRead;
    let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
    let mut text = Vec::new();
    for line in std::io::BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| Error::io(path, error))?;
        let shown = String::from_utf8_lossy(&line);
        let is_comment = shown.starts_with('#') || shown.starts_with("track ");
        let has_number = shown.split(['\t', ' ', ',']).any(|cell| cell.parse::<f64>().is_ok());
        if !is_comment && has_number {
            break;
        }
        text.extend_from_slice(&line);
        text.push(b'\n');
        if !is_comment {
            break;
        }
    }
    Ok(text)
}

/// Returns all rows of a source.
fn read_all(source: &dyn Source, content: &[u8]) -> Result<Rows> {
    if matches!(source.shape(), Shape::Dense | Shape::Sparse) {
        return Ok(intervals(content));
    }
    let names: Vec<&str> =
        source.columns().iter().map(|column: &ColumnInfo| &*column.name).collect();
    let mut rows = Rows::default();
    for sequence in source.sequences() {
        let whole = Region::new(sequence.name, 0, u32::MAX);
        let table = source.read(&whole, Level::Records, &names)?;
        (0..table.len()).for_each(|_| rows.sequence.push(sequence.name));
        rows.start.extend(table.start);
        rows.end.extend(table.end);
        if rows.columns.is_empty() {
            rows.columns = table.columns;
        } else {
            for (all, more) in rows.columns.iter_mut().zip(table.columns) {
                join(&mut all.data, more.data);
            }
        }
    }
    Ok(rows)
}

fn join(all: &mut Data, more: Data) {
    match (all, more) {
        (Data::Singles(all), Data::Singles(more)) => all.extend(more),
        (Data::Doubles(all), Data::Doubles(more)) => all.extend(more),
        (Data::Text(all), Data::Text(more)) => more.iter().for_each(|text| all.push(text)),
        // Columns of a source have one kind.
        _ => {}
    }
}

/// Returns the intervals of a bedGraph, which was read before.
fn intervals(content: &[u8]) -> Rows {
    let mut rows = Rows::default();
    let mut values = Vec::new();
    for line in String::from_utf8_lossy(content).lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [name, start, end, value, ..] = &cells[..] else { continue };
        let (Ok(start), Ok(end), Ok(value)) = (start.parse(), end.parse(), value.parse()) else {
            continue;
        };
        rows.sequence.push(name);
        rows.start.push(start);
        rows.end.push(end);
        values.push(value);
    }
    rows.columns = vec![Column::new("value", Data::Doubles(values))];
    rows
}
