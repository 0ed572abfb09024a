//! IGV's `gffTags`: the name of a BED row is a list of tags, as in column 9 of GFF3.

use crate::source::io::delimited::unescaped;
use crate::source::rows::records::Rows;
use crate::table::{Column, Data, Texts};

/// Tags that can be the name of a row, the best first.
const NAMES: [&str; 4] = ["Name", "name", "ID", "Alias"];

/// Converts each tag to a column. The name becomes the value of the naming tag, if there is one.
pub(super) fn expand(rows: &mut Rows) {
    let column = rows.columns.iter_mut().find(|column| *column.name == *"name");
    let Some(Column { data: Data::Text(column), .. }) = column else { return };
    let names = std::mem::take(column);
    let tags = |text: &str| -> Vec<(String, String)> {
        let pairs = text.split(';').filter_map(|tag| tag.trim().split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), unescaped(value))).collect()
    };
    let tags: Vec<_> = names.iter().map(tags).collect();
    let value = |row: &[(String, String)], wanted: &str| {
        row.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.clone())
    };
    *column = (tags.iter().zip(names.iter()))
        .map(|(row, whole)| {
            let named = NAMES.iter().find_map(|name| value(row, name));
            named.unwrap_or_else(|| whole.to_owned())
        })
        .collect();
    let mut keys: Vec<&String> = tags.iter().flatten().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys.into_iter().filter(|key| *key != "Name" && *key != "name") {
        let texts: Texts = tags.iter().map(|row| value(row, key).unwrap_or_default()).collect();
        rows.columns.push(Column::new(key.as_str(), Data::Text(texts)));
    }
}
