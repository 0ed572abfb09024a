//! The letters of sequences (FASTA, 2bit): each base is a row, which only close views show.

mod text;
mod two_bit;

use crate::bytes::{Input, bgzf};
use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::source::rows::background::{Preview, open_in_background};
use crate::source::signals::gc::TWO_BIT;
use crate::source::{
    ColumnInfo, ColumnKind, Context, Format, Level, Options, Shape, Source, unknown_column,
};
use crate::table::{Column, Data, Table, Texts};
use std::ops::Range;
use text::TextLetters;
use two_bit::TwoBitLetters;

pub(crate) const FORMAT: Format = Format {
    name: "bases",
    extensions: &[],
    about: "with format=bases: only the letters of a FASTA or 2bit, in views of at most 2,000 bases",
    sniff: |_| false,
    open,
};

/// Length of the first view, in bases.
const FIRST_VIEW: u32 = 100;

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let columns = ["name", "color"]
        .into_iter()
        .filter(|name| options.columns.as_ref().is_none_or(|w| w.iter().any(|w| **w == **name)));
    let columns: Vec<_> =
        columns.map(|name| ColumnInfo { name: name.into(), kind: ColumnKind::Text }).collect();
    if (TWO_BIT.sniff)(&input.head()?) {
        let (sequences, letters) = TwoBitLetters::open(input)?;
        return Ok(Box::new(Bases { sequences, columns, letters: Letters::TwoBit(letters) }));
    }
    let packed = input.packing()?.is_some();
    if packed && !bgzf::packs(input)? {
        let path = input.path().display();
        let what = format!(
            "its letters cannot be read by region; to show them, compress it with bgzip: \
             gunzip -c {path} | bgzip > x.fa.gz"
        );
        return Err(Error::data(input.path(), "", what));
    }
    let preview_columns = columns.clone();
    let preview = || {
        let (sequences, columns) = (Sequences::default(), preview_columns);
        Ok(Preview {
            shape: Shape::Bases,
            sequences,
            knows_lengths: true,
            columns,
            first_view: None,
        })
    };
    let file = input.clone();
    open_in_background(input, context, preview, move |context| {
        let (sequences, letters) = TextLetters::open(&file, packed, context)?;
        Ok(Box::new(Bases { sequences, columns, letters: Letters::Text(letters) }))
    })
}

/// Sequences whose letters are rows.
struct Bases {
    sequences: Sequences,
    columns: Vec<ColumnInfo>,
    letters: Letters,
}

enum Letters {
    Text(TextLetters),
    TwoBit(TwoBitLetters),
}

impl Bases {
    /// Returns the part of a region that lies on a sequence, and the number of the sequence.
    fn inside(&self, region: &Region) -> Option<(usize, Range<u32>)> {
        let sequence = self.sequences.position(&region.sequence)?;
        let end = region.end.min(self.sequences.at(sequence).length);
        (region.start < end).then_some((sequence, region.start..end))
    }
}

impl Source for Bases {
    fn shape(&self) -> Shape {
        Shape::Bases
    }

    fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    fn knows_lengths(&self) -> bool {
        true
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        let inside = self.inside(region).filter(|_| level == Level::Records);
        inside.map_or(0, |(_, bases)| bases.len() as u64)
    }

    fn total_rows(&self, level: Level) -> Option<u64> {
        let all = self.sequences.iter().map(|sequence| u64::from(sequence.length)).sum();
        Some(if level == Level::Records { all } else { 0 })
    }

    fn first_view(&self) -> Option<Region> {
        let first = self.sequences.iter().next()?;
        Some(Region::new(first.name, 0, first.length.min(FIRST_VIEW)))
    }

    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table> {
        let known = |name: &&str| self.columns.iter().any(|column| *column.name == **name);
        if let Some(name) = columns.iter().find(|name| !known(name)) {
            return Err(unknown_column(name, &self.columns));
        }
        let inside = self.inside(region).filter(|_| level == Level::Records);
        let Some((sequence, bases)) = inside else { return Ok(Table::empty(columns)) };
        let letters = match &self.letters {
            Letters::Text(text) => text.read(sequence, bases.clone())?,
            Letters::TwoBit(file) => file.read(sequence, bases.clone())?,
        };
        let column = |name: &&str| {
            let texts: Texts = match *name {
                "name" => letters.iter().map(|letter| text_of(*letter)).collect(),
                _ => letters.iter().map(|letter| color(*letter)).collect(),
            };
            Column::new(*name, Data::Text(texts))
        };
        Ok(Table {
            first_rank: bases.start.into(),
            start: bases.clone().collect(),
            end: bases.map(|base| base + 1).collect(),
            strand: Vec::new(),
            columns: columns.iter().map(column).collect(),
        })
    }
}

/// Returns a letter as text; anything but ASCII was refused with the file.
fn text_of(letter: u8) -> &'static str {
    const ALL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-*.";
    let at = ALL.find(char::from(letter));
    at.map_or("?", |at| &ALL[at..=at])
}

/// Returns the colour of a letter, as IGV draws it; empty if it has none.
fn color(letter: u8) -> &'static str {
    match letter.to_ascii_uppercase() {
        b'A' => "0,150,0",
        b'C' => "0,0,255",
        b'G' => "209,113,5",
        b'T' | b'U' => "255,0,0",
        _ => "",
    }
}
