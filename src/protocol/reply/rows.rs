//! Writes rows and values as JSON, column by column: almost all bytes of answers, so whole numbers are
//! written directly to their place.

use super::{CombinedPart, write_value};
use crate::protocol::Positions;
use crate::table::{Column, Data, Table};

/// Maximum length of a whole number of 64 bits, with its sign.
const LONGEST: usize = 20;
/// The numbers from 0 to 99 in two digits each.
const PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
}

/// Writes `{globalStartIndex, useOffset, values: {id, start, end, strand, metadata}}`.
pub(super) fn write(json: &mut Vec<u8>, table: &Table, metadata: &[Column], positions: Positions) {
    json.extend_from_slice(br#"{"globalStartIndex":"#);
    write_first_rank(json, table);
    json.extend_from_slice(br#","useOffset":"#);
    write_value(json, &(positions == Positions::Offsets));
    json.extend_from_slice(br#","values":"#);
    write_row_columns(json, table, metadata, positions);
    json.push(b'}');
}

/// Writes `{globalStartIndex, values}`, the answer to getValues in versions up to 4.
pub(super) fn write_values(json: &mut Vec<u8>, table: &Table) {
    json.extend_from_slice(br#"{"globalStartIndex":"#);
    write_first_rank(json, table);
    json.extend_from_slice(br#","values":"#);
    match table.columns.first() {
        Some(column) => write_entries(json, &column.data),
        None => json.extend_from_slice(b"null"),
    }
    json.push(b'}');
}

/// Writes `{rows, values, globalStartIndex}`, the answer to getValues and getCombined in version 5.
pub(super) fn write_five(json: &mut Vec<u8>, table: &Table, measurements: &[String]) {
    let (values, metadata) = table.columns.split_at(measurements.len().min(table.columns.len()));
    json.extend_from_slice(br#"{"rows":"#);
    write(json, table, metadata, Positions::Absolute);
    json.extend_from_slice(br#","values":{"globalStartIndex":"#);
    write_first_rank(json, table);
    json.extend_from_slice(br#","values":"#);
    write_columns(json, measurements, values);
    json.extend_from_slice(br#"},"globalStartIndex":"#);
    write_first_rank(json, table);
    json.push(b'}');
}

/// Writes `{globalStartIndex, rows: {id, start, end, strand, metadata}, cols: {measurement: [..]}}`,
/// and `useOffset: true` if that was asked for.
pub(super) fn write_part(json: &mut Vec<u8>, part: &CombinedPart, positions: Positions) {
    let CombinedPart { table, measurements, .. } = part;
    let (values, metadata) = table.columns.split_at(measurements.len().min(table.columns.len()));
    json.extend_from_slice(br#"{"globalStartIndex":"#);
    write_first_rank(json, table);
    // No page but ours reads it here.
    if positions == Positions::Offsets {
        json.extend_from_slice(br#","useOffset":true"#);
    }
    json.extend_from_slice(br#","rows":"#);
    write_row_columns(json, table, metadata, positions);
    json.extend_from_slice(br#","cols":"#);
    write_columns(json, measurements, values);
    json.push(b'}');
}

/// Writes an object, whose members `write` writes.
pub(super) fn write_object<'k, T>(
    json: &mut Vec<u8>,
    members: impl Iterator<Item = (&'k str, T)>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    json.push(b'{');
    for (index, (key, member)) in members.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_value(json, key);
        json.push(b':');
        write(json, member);
    }
    json.push(b'}');
}

fn write_first_rank(json: &mut Vec<u8>, table: &Table) {
    write_value(json, &(!table.is_empty()).then_some(table.first_rank));
}

fn write_row_columns(json: &mut Vec<u8>, table: &Table, metadata: &[Column], positions: Positions) {
    let rows = 0..table.len();
    json.extend_from_slice(br#"{"id":"#);
    write_integers(json, rows.clone().map(|row| (table.first_rank + row as u64) as i64));
    let start = |row: usize| i64::from(table.start[row]) + 1;
    // A row without bases (an insertion) is shown at the base after it; a placeholder, whose end is
    // before its start, has no width on the wire either.
    let end = |row: usize| {
        let (start, end) = (table.start[row], table.end[row]);
        i64::from(if end < start { start } else { end.max(start + 1) })
    };
    match positions {
        Positions::Absolute => {
            json.extend_from_slice(br#","start":"#);
            write_integers(json, rows.clone().map(start));
            json.extend_from_slice(br#","end":"#);
            write_integers(json, rows.map(end));
        }
        Positions::Offsets => {
            json.extend_from_slice(br#","start":"#);
            write_integers(json, rows.clone().map(offset(start)));
            json.extend_from_slice(br#","end":"#);
            write_integers(json, rows.map(offset(end)));
        }
    }
    json.extend_from_slice(br#","strand":"#);
    if table.strand.is_empty() && !table.is_empty() {
        json.extend_from_slice(br#""*""#);
    } else {
        write_list(json, table.strand.iter(), |json, strand| {
            write_value(json, strand.as_str());
        });
    }
    json.extend_from_slice(br#","metadata":"#);
    write_columns(json, &[], metadata);
    json.push(b'}');
}

/// Returns the difference of each position to the one before; of the first, the position.
fn offset(position: impl Fn(usize) -> i64) -> impl Fn(usize) -> i64 {
    move |row| position(row) - row.checked_sub(1).map_or(0, &position)
}

/// Writes columns under the given names, or else under their own.
fn write_columns(json: &mut Vec<u8>, names: &[String], columns: &[Column]) {
    let named = columns.iter().enumerate().map(|(index, column)| {
        (names.get(index).map_or(&*column.name, String::as_str), &column.data)
    });
    write_object(json, named, write_entries);
}

/// Writes the entries of a column; a missing number is null.
fn write_entries(json: &mut Vec<u8>, data: &Data) {
    match data {
        // serde_json writes what is not finite as null.
        Data::Singles(values) => write_value(json, values),
        Data::Doubles(values) => write_value(json, values),
        Data::Text(texts) => write_list(json, texts.iter(), write_value),
    }
}

fn write_list<T>(
    json: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    json.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write(json, item);
    }
    json.push(b']');
}

/// Writes a list of whole numbers.
fn write_integers(json: &mut Vec<u8>, numbers: impl ExactSizeIterator<Item = i64>) {
    json.push(b'[');
    let mut at = json.len();
    json.resize(at + numbers.len() * (LONGEST + 1), 0);
    for number in numbers {
        if number < 0 {
            json[at] = b'-';
            at += 1;
        }
        at = write_digits(json, at, number.unsigned_abs());
        json[at] = b',';
        at += 1;
    }
    if json[at - 1] == b',' {
        at -= 1;
    }
    json.truncate(at);
    json.push(b']');
}

/// Writes the digits of a number at a place. Returns the place after them.
fn write_digits(json: &mut [u8], at: usize, mut number: u64) -> usize {
    let count = number.checked_ilog10().unwrap_or_default() as usize + 1;
    let digits = &mut json[at..at + count];
    let mut left = count;
    while left >= 2 {
        left -= 2;
        digits[left..left + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if left == 1 {
        digits[0] = b'0' + number as u8;
    }
    at + count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Compares with serde_json.
        #[test]
        fn whole_numbers_are_written_as_others_write_them(
            numbers in proptest::collection::vec((any::<i64>(), 0u32..64).prop_map(|(n, by)| n >> by), 0..50),
        ) {
            let all = [&numbers[..], &[0, 9, 10, 99, 100, -1, i64::MAX, i64::MIN]].concat();
            for numbers in [&numbers, &all] {
                let mut json = b"x".to_vec();
                write_integers(&mut json, numbers.iter().copied());
                let expected = format!("x{}", serde_json::to_string(numbers).unwrap());
                prop_assert_eq!(String::from_utf8(json).unwrap(), expected);
            }
        }
    }
}
