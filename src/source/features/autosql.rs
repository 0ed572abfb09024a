//! The columns of BED, and autoSql, which describes the columns of a bigBed or, in a companion
//! file, of a BED file (Kent and Brumbaugh, "autoSql and autoXml", 2002).

use crate::bytes::Input;
use crate::error::{Error, Result};

/// The standard columns of BED.
pub(crate) const STANDARD: [&str; 12] = [
    "chrom",
    "start",
    "end",
    "name",
    "score",
    "strand",
    "thick_start",
    "thick_end",
    "color",
    "block_count",
    "block_sizes",
    "block_starts",
];

/// A column after the first three.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// Its name in snake case: `signal_value` for `signalValue`.
    pub(crate) name: String,
    /// Whether it is a number that can be plotted.
    pub(crate) number: bool,
}

const NUMBERS: [&str; 11] = [
    "int", "uint", "short", "ushort", "byte", "ubyte", "bigint", "float", "double", "long", "ulong",
];
/// Columns that say how a browser draws a row; and the strand, which is served separately.
const DRAWING: [&str; 6] =
    ["strand", "thick_start", "thick_end", "block_count", "block_sizes", "block_starts"];

/// Returns whether a column is not served.
pub(crate) fn only_draws(name: &str) -> bool {
    DRAWING.contains(&name)
}

/// Returns the columns after the first three. The first `standard` of `all` columns have the names
/// of BED, whatever the text calls them.
pub(crate) fn fields(text: &str, (all, standard): (usize, usize)) -> Vec<Field> {
    let mut described = declarations(text).skip(3);
    (0..all.max(3) - 3)
        .map(|index| {
            let described = described.next();
            let number = match described {
                Some((kind, _)) => NUMBERS.contains(&kind),
                None => index == 1 && standard > 4,
            };
            let name = match (STANDARD.get(index + 3), described) {
                (Some(name), _) if index + 3 < standard => (*name).to_owned(),
                (_, Some((_, name))) => snake_case(name),
                (_, None) => format!("column_{}", index + 4),
            };
            // A coordinate is not a measurement, nor is a color.
            let is_place = name.ends_with("_start") || name.ends_with("_end") || name == "color";
            Field { number: number && !is_place, name }
        })
        .collect()
}

/// Returns the names of all columns from the companion autoSql file, `x.as` or `x.bed.as` for
/// `x.bed`; none if there is none.
///
/// # Errors
/// [`Error::Data`] if it describes another number of columns.
pub(super) fn companion(input: &Input, columns: usize) -> Result<Option<Vec<String>>> {
    let Input::File(path) = input else { return Ok(None) };
    let companion = |name: String| path.with_file_name(name + ".as");
    let candidates =
        [companion(input.stem()), companion(format!("{}.{}", input.stem(), input.ending()))];
    let Some(schema) = candidates.into_iter().find(|path| path.is_file()) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&schema).map_err(|error| Error::io(&schema, error))?;
    let names: Vec<_> = declarations(&text).map(|(_, name)| snake_case(name)).collect();
    // Without any declaration, it is not autoSql.
    if names.is_empty() || names.len() == columns {
        return Ok(Some(names).filter(|names| !names.is_empty()));
    }
    let message =
        format!("describes {} columns, but {} has {columns}", names.len(), path.display());
    Err(Error::data(&schema, "", message))
}

/// Returns the type and name of each declared column.
fn declarations(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let (_, body) = text.split_once('(').unwrap_or_default();
    body.lines().filter_map(|line| {
        let (declared, _comment) = line.split_once(';')?;
        let (kind, name) = declared.trim().rsplit_once(char::is_whitespace)?;
        Some((kind.trim(), name))
    })
}

/// Converts `signalValue` to `signal_value`.
fn snake_case(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 2);
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 && !words.ends_with('_') {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW_PEAK: &str = "table bigNarrowPeak\n\"BED6+4 (peaks)\"\n(\n\
        string chrom; \"x\"\nuint chromStart; \"x\"\nuint chromEnd; \"x\"\nstring name; \"x\"\n\
        uint score; \"x\"\nchar[1] strand; \"x\"\nfloat signalValue; \"a; b\"\n\
        float pValue; \"x\"\nfloat qValue; \"x\"\nint peak; \"x\"\nint[peak] more; \"x\"\n)\n";

    #[test]
    fn columns_have_names_and_numbers_are_known() {
        let fields = fields(NARROW_PEAK, (11, 6));
        let found: Vec<_> = fields.iter().map(|f| (f.name.as_str(), f.number)).collect();
        let expected = [
            ("name", false),
            ("score", true),
            ("strand", false),
            ("signal_value", true),
            ("p_value", true),
            ("q_value", true),
            ("peak", true),
            ("more", false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn without_a_description_columns_are_those_of_bed() {
        let names = |columns| fields("", columns).into_iter().map(|f| f.name).collect::<Vec<_>>();
        assert_eq!(names((6, 5)), ["name", "score", "column_6"]);
        assert!(names((3, 3)).is_empty() && names((0, 0)).is_empty());
    }
}
