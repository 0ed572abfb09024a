//! BED: intervals with up to nine standard columns and any number of others.
//!
//! Coordinates are 0-based and half-open in the file too (UCSC Genome Browser, "BED format").

use super::text::{Line, Lines};
use super::{Format, Input, Options, Records, Rows, Shape, Source, Use};
use crate::error::Result;
use crate::genome::Strand;
use crate::table::{Column, Data, Texts};

pub(super) const FORMAT: Format = Format {
    name: "bed",
    extensions: &["bed", "narrowpeak", "broadpeak", "gappedpeak"],
    about: "blocks; numbers such as the score can be plotted too",
    sniff,
    open: |input, options, _| open(input, options),
};

/// Columns 4 to 12 of BED.
const STANDARD: [&str; 9] = [
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
/// Columns 7 to 10 of ENCODE's narrowPeak; broadPeak has the first three.
const PEAK: [&str; 4] = ["signal_value", "p_value", "q_value", "peak"];
/// Columns that say how a browser draws the row, not what it is.
const DRAWING: [&str; 5] =
    ["thick_start", "thick_end", "block_count", "block_sizes", "block_starts"];
const STRAND: usize = 2;

fn sniff(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().find(|line| !is_comment(line));
    line.is_some_and(|line| {
        let fields: Vec<_> = fields(line).take(3).collect();
        matches!(fields[..], [_, start, end] if is_number(start) && is_number(end))
    })
}

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

fn is_comment(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or("#");
    first.starts_with('#') || first == "track" || first == "browser"
}

/// A line's fields: between tabs if it has any, since names may hold spaces; else between spaces.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    let tabs = line.contains('\t');
    line.split(move |c: char| if tabs { c == '\t' } else { c == ' ' })
        .filter(move |field| tabs || !field.is_empty())
}

fn open(input: &Input, _: &Options) -> Result<Box<dyn Source>> {
    let mut lines = Lines::open(input)?;
    let mut rows = Rows::default();
    let mut columns: Option<Vec<Texts>> = None;
    while let Some(line) = lines.next()? {
        if !is_comment(line.text) {
            let width = fields(line.text).count().saturating_sub(3);
            let columns = columns.get_or_insert_with(|| vec![Texts::default(); width]);
            push(&line, &mut rows, columns)?;
        }
    }
    let columns = columns.unwrap_or_default();
    if let Some(strands) = columns.get(STRAND) {
        rows.strand = strands.iter().map(Strand::from_text).collect();
    }
    let names = names(&input.ending(), columns.len());
    rows.columns = names
        .into_iter()
        .zip(columns)
        .filter(|(name, _)| name != "strand" && !DRAWING.contains(&name.as_str()))
        .map(|(name, texts)| Column::new(name, numbers_if_all_are(texts)))
        .collect();
    let how = Use { shape: Shape::Features, name: Some("name"), importance: Some("score") };
    Ok(Box::new(Records::new(rows, how)))
}

fn push(line: &Line<'_>, rows: &mut Rows, columns: &mut [Texts]) -> Result<()> {
    let mut fields = fields(line.text);
    let (Some(sequence), Some(start), Some(end)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err(line.error("expected at least 3 columns: sequence, start, end"));
    };
    let start = line.position(start, "start (column 2)")?;
    let end = line.position(end, "end (column 3)")?;
    if end < start {
        return Err(line.error(format!("the end ({end}) lies before the start ({start})")));
    }
    rows.push(sequence, start, end);
    for (index, column) in columns.iter_mut().enumerate() {
        let Some(field) = fields.next() else {
            let message = format!("has {} columns, the first row has more", index + 3);
            return Err(line.error(message));
        };
        column.push(field.trim());
    }
    match fields.next() {
        Some(_) => Err(line.error("has more columns than the first row")),
        None => Ok(()),
    }
}

/// The names of the columns from the fourth on.
fn names(ending: &str, count: usize) -> Vec<String> {
    let peak = matches!(ending, "narrowpeak" | "broadpeak");
    let name = |index: usize| match (peak, index) {
        (true, 3..=6) => PEAK[index - 3].to_owned(),
        (_, 0..=8) => STANDARD[index].to_owned(),
        _ => format!("column_{}", index + 4),
    };
    (0..count).map(name).collect()
}

/// A column is numbers if each entry is one or says that it is missing (`.`, `NA`, nothing).
fn numbers_if_all_are(texts: Texts) -> Data {
    let number = |text: &str| match text {
        "." | "" | "NA" | "NaN" | "nan" => Some(f64::NAN),
        text => text.parse::<f64>().ok().filter(|number| number.is_finite()),
    };
    match texts.iter().map(number).collect::<Option<Vec<_>>>() {
        Some(numbers) if numbers.iter().any(|number| !number.is_nan()) => Data::Doubles(numbers),
        _ => Data::Text(texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;

    fn bed(name: &str, text: &str) -> Result<Box<dyn Source>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        open(&Input::File(path), &Options::default())
    }

    #[test]
    fn untidy_files_are_read_as_meant() {
        let text =
            "track name=x\r\n#c\r\nchr1\t10\t20\tM13 origin\t5\t-\r\n\r\nchr1\t1\t2\tb\t.\t+";
        let source = bed("x.bed", text).unwrap();
        let table =
            source.read(&Region::new("chr1", 0, 99), Level::Records, &["name", "score"]).unwrap();
        assert_eq!(table.start, [1, 10]);
        assert_eq!(table.strand, [Strand::Forward, Strand::Reverse]);
        assert_eq!(
            table.column("name"),
            Some(&Data::Text(["b", "M13 origin"].into_iter().collect()))
        );
        let score = table.column("score").unwrap();
        assert!(score.number(0).is_nan());
        assert_eq!(score.number(1), 5.0);
    }

    #[test]
    fn spaces_separate_where_there_are_no_tabs() {
        let source = bed("x.bed", "chr2 0  1\nchr2 2 3\n").unwrap();
        assert_eq!(source.rows(&Region::new("chr2", 0, 9), Level::Records), 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |text| bed("x.bed", text).err().unwrap().to_string();
        assert!(
            error("chr1\t1\t2\nchr1\tx\t3\n")
                .contains("line 2: start (column 2) is not a whole number: 'x'")
        );
        assert!(error("chr1\t5\t2\n").contains("line 1: the end (2) lies before the start (5)"));
        assert!(error("chr1\t-5\t2\n").contains("is negative"));
        assert!(error("chr1\t5\t9999999999\n").contains("is beyond"));
        assert!(error("chr1\t5\n").contains("at least 3 columns"));
        assert!(error("chr1\t5\t6\ta\nchr1\t7\t8\n").contains("line 2: has 3 columns"));
    }

    #[test]
    fn peak_columns_have_their_names() {
        let source = bed("x.broadPeak", "chr1\t1\t2\t.\t3\t.\t5.1\t14.1\t-1\n").unwrap();
        let names: Vec<_> = source.columns().iter().map(|column| column.name.to_string()).collect();
        assert_eq!(names, ["name", "score", "signal_value", "p_value", "q_value"]);
    }
}
