//! IGV's `gffTags`: names of BED rows that are lists of tags, as in column 9 of GFF3.

use crate::source::features::gff::unescaped;
use crate::source::rows::collector::Collector;
use crate::table::Texts;

/// The tags that can be the name of a row, the best first.
const NAMES: [&str; 4] = ["Name", "name", "ID", "Alias"];

/// Makes each tag a column; the name becomes what the tags say it is, else stays as it was.
pub(super) fn expand(collector: &mut Collector) {
    let Some(column) = collector.column_mut("name") else { return };
    let names = std::mem::take(column);
    let tags = |text: &str| -> Vec<(String, String)> {
        let pairs = text.split(';').filter_map(|tag| tag.trim().split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), unescaped(value))).collect()
    };
    let rows: Vec<_> = names.iter().map(tags).collect();
    let value = |row: &[(String, String)], wanted: &str| {
        row.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.clone())
    };
    *column = (rows.iter().zip(names.iter()))
        .map(|(row, whole)| {
            let named = NAMES.iter().find_map(|name| value(row, name));
            named.unwrap_or_else(|| whole.to_owned())
        })
        .collect();
    let mut keys: Vec<&String> = rows.iter().flatten().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys.into_iter().filter(|key| *key != "Name" && *key != "name") {
        let texts: Texts = rows.iter().map(|row| value(row, key).unwrap_or_default()).collect();
        collector.add_column(key, texts);
    }
}
