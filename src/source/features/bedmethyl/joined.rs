//! bedMethyl that is read by region: the lines of a base, which follow each other in a sorted file,
//! are joined as they are read.

use super::{Bases, Call, MODKIT, columns, split, twice};
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{Sequences, Strand};
use crate::source::io::delimited::put_columns;
use crate::source::io::lines::Line;
use crate::source::rows::background::{PREVIEW_ROWS, Preview, open_in_background};
use crate::source::rows::collector::WEIGHTS;
use crate::source::rows::column_stats::ColumnStats;
use crate::source::rows::indexed::{About, ByRegion, Flow, Indexed, Row};
use crate::source::rows::sorted_copy::{self, Take, ToCopy};
use crate::source::rows::tabix::{self, Decode, Tabix};
use crate::source::{ColumnInfo, ColumnKind, Context, Options, Shape, Source};
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// What copies end in.
const COPY: &str = "methyl.bgz";
/// The layout of the file in the words of tabix's options.
const LAYOUT: &str = "-p bed";

/// The kinds of modification that a file has: two columns each.
#[derive(Default)]
struct Kinds(Vec<String>);

impl Decode for Kinds {
    fn row<'l>(&self, line: &Line<'l>) -> Result<(&'l str, Row<'l>)> {
        let Call { sequence, start, end, strand, kind, .. } = Call::of(line)?;
        match self.0.iter().any(|known| known == kind) {
            true => Ok((sequence, Row { start, end, strand, text: line.text })),
            false => Err(line.error(format!(
                "'{kind}' is not among the modifications of the first {PREVIEW_ROWS} lines, which tell \
                 what columns there are; without its index all lines of the file tell"
            ))),
        }
    }

    /// Of a row that was joined: its text is its columns.
    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        put_columns(row.text, columns, put);
    }
}

/// The kind, the percentage and the coverage of a line that was read before.
fn call(text: &str) -> (&str, [&str; 2]) {
    let (fields, count) = split(text);
    (crate::source::features::bedmethyl::kind(fields[3], count == MODKIT), [fields[10], fields[9]])
}

/// Lines on their way into a copy: the kinds that they have, and what their columns hold.
#[derive(Default)]
struct Calls(Vec<(String, [ColumnStats; 2])>);

impl ToCopy for Calls {
    fn rows(&mut self, line: &Line<'_>, take: &mut Take<'_>) -> Result<()> {
        let Call { sequence, start, end, strand, kind, percent, coverage } = Call::of(line)?;
        let index = self.0.iter().position(|(known, _)| known == kind).unwrap_or_else(|| {
            self.0.push((kind.to_owned(), Default::default()));
            self.0.len() - 1
        });
        let [percents, coverages] = &mut self.0[index].1;
        percents.see(percent.0);
        coverages.see(coverage.0);
        take(sequence, Row { start, end, strand, text: line.text })
    }

    fn note(&self) -> String {
        let kinds = self.0.iter();
        let kinds =
            kinds.map(|(kind, [percent, coverage])| format!("{kind}\t{percent}\t{coverage}"));
        kinds.collect::<Vec<_>>().join("\t")
    }
}

impl Calls {
    /// What was noted.
    fn parse(note: &str) -> Option<Self> {
        let words: Vec<_> = note.split('\t').filter(|word| !word.is_empty()).collect();
        let kind = |words: &[&str]| match words {
            [kind, percent, coverage] => Some((
                kind.to_string(),
                [ColumnStats::parse(percent)?, ColumnStats::parse(coverage)?],
            )),
            _ => None,
        };
        words.chunks(3).map(kind).collect::<Option<_>>().map(Calls)
    }

    /// The columns: of numbers, even if all are missing.
    fn columns(&self) -> Vec<ColumnInfo> {
        let number = |(name, held): (String, &ColumnStats)| {
            let kind = match held.kind() {
                ColumnKind::Text => ColumnKind::Number(None),
                number => number,
            };
            ColumnInfo { name: name.into(), kind }
        };
        self.0
            .iter()
            .flat_map(|(kind, held)| columns(kind).into_iter().zip(held))
            .map(number)
            .collect()
    }
}

/// A file with its index, or a copy of one.
pub(super) struct Joined {
    file: Tabix<Kinds>,
}

/// The file, if it has an index.
pub(super) fn file(input: &Input) -> Result<Option<Joined>> {
    Ok(Tabix::open(input, Kinds::default())?.ok().map(|file| Joined { file }))
}

/// A large file without an index; what its `first` lines show is listed until it is copied.
pub(super) fn of_copy(
    input: &Input,
    options: &Options,
    context: &Context,
    first: Bases,
) -> Result<Box<dyn Source>> {
    let (input_too, options) = (input.clone(), options.clone());
    let preview = || Ok(Preview::of(&first.records()));
    open_in_background(input, context, preview, move |context| {
        let input = &input_too;
        let index_hint = tabix::index_hint(input, [1, 2], LAYOUT);
        let copy = sorted_copy::copy(input, context, COPY, Calls::default(), Some(&index_hint))?;
        let mut infos = Vec::new();
        let file = Tabix::of_copy(input, &copy, |note| {
            let calls = Calls::parse(note)?;
            infos = calls.columns();
            Some(Kinds(calls.0.into_iter().map(|(kind, _)| kind).collect()))
        })?;
        Joined { file }.by_region(infos, &options)
    })
}

impl Joined {
    /// The source, whose columns its first lines tell.
    pub(super) fn open(mut self, first: &Bases, options: &Options) -> Result<Box<dyn Source>> {
        let kinds: Vec<_> = first.kinds.iter().map(|kind| kind.name.clone()).collect();
        let number =
            |name: String| ColumnInfo { name: name.into(), kind: ColumnKind::Number(None) };
        let infos = kinds.iter().flat_map(|kind| columns(kind).map(number)).collect();
        self.file.decode = Kinds(kinds);
        self.by_region(infos, options)
    }

    fn by_region(self, columns: Vec<ColumnInfo>, options: &Options) -> Result<Box<dyn Source>> {
        // Most bases have a line of each kind.
        let kinds = (columns.len() as u64 / 2).max(1);
        let position = |name: &&str| columns.iter().position(|info| *info.name == **name);
        let about = About {
            shape: Shape::Features,
            sequences: self.file.sequences(&Sequences::default())?,
            knows_lengths: false,
            rows: self.file.rows().into_iter().map(|lines| lines.div_ceil(kinds)).collect(),
            name: None,
            importance: WEIGHTS.iter().find_map(position),
            columns,
        };
        Ok(Box::new(Indexed::new(self, about, options.columns.as_deref())?))
    }

    /// Gives `take` the bases of lines that start together.
    fn pass(&self, together: &mut SamePosition, take: &mut dyn FnMut(Row<'_>) -> Flow) -> Flow {
        // As rows in memory are sorted; those that end together stay in the order of the file.
        together.bases.sort_by_key(|base| base.end);
        let (start, mut joined) = (together.start, String::new());
        for Base { end, strand, calls } in together.bases.drain(..) {
            joined.clear();
            for kind in 0..self.file.decode.0.len() {
                let [percent, coverage] = calls
                    .iter()
                    .find(|call| call.0 == kind)
                    .map_or(["", ""], |(_, cells)| cells.clone().map(|cell| &together.text[cell]));
                let tab = if kind == 0 { "" } else { "\t" };
                joined.extend([tab, percent, "\t", coverage]);
            }
            take(Row { start, end, strand, text: &joined })?;
        }
        together.text.clear();
        ControlFlow::Continue(())
    }

    /// Adds a line to those that start together.
    fn add(&self, sequence: usize, together: &mut SamePosition, row: Row<'_>) -> Result<()> {
        let (kind, cells) = call(row.text);
        let number = self.file.decode.0.iter().position(|known| known == kind).unwrap_or_default();
        let cells = cells.map(|cell| {
            let start = together.text.len();
            together.text.push_str(cell);
            start..together.text.len()
        });
        together.start = row.start;
        let same = |base: &&mut Base| (base.end, base.strand) == (row.end, row.strand);
        let Some(base) = together.bases.iter_mut().find(same) else {
            let calls = vec![(number, cells)];
            together.bases.push(Base { end: row.end, strand: row.strand, calls });
            return Ok(());
        };
        if base.calls.iter().any(|call| call.0 == number) {
            let place = format!("{}:{}", self.file.name(sequence), row.start + 1);
            return Err(Error::data(self.path(), place, twice(kind)));
        }
        base.calls.push((number, cells));
        Ok(())
    }
}

/// Bases of which lines start together.
#[derive(Default)]
struct SamePosition {
    start: u32,
    bases: Vec<Base>,
    text: String,
}

/// A base, and where in the text the percentage and the coverage of its kinds stand.
struct Base {
    end: u32,
    strand: Strand,
    calls: Vec<(usize, [Range<usize>; 2])>,
}

impl ByRegion for Joined {
    fn path(&self) -> &Path {
        self.file.path()
    }

    /// An index counts lines.
    fn is_counted(&self) -> bool {
        false
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let mut together = SamePosition::default();
        self.file.each(sequence, bases, &mut |row| {
            if row.start != together.start {
                self.pass(&mut together, take)?;
            }
            match self.add(sequence, &mut together, row) {
                Ok(()) => ControlFlow::Continue(()),
                wrong => ControlFlow::Break(wrong),
            }
        })?;
        match self.pass(&mut together, take) {
            ControlFlow::Break(result) => result,
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.file.fields(row, columns, put);
    }
}
