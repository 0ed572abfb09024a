//! The trait of line-based formats. [`open`](super::open::open) uses it to hold a file in memory or
//! to read it by region.

use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::source::io::delimited::is_comment;
use crate::source::io::lines::{Line, Lines, in_parallel};
use crate::source::rows::background::PREVIEW_ROWS;
use crate::source::rows::collector::{Budget, Collector, inferred};
use crate::source::rows::indexed::{About, ByRegion, Indexed};
use crate::source::rows::indexed_file::sequences_of;
use crate::source::rows::records::{IDS, Records, RecordsOptions, Rows};
use crate::source::rows::row::{Emit, Flow, Row};
use crate::source::rows::tabix::{IndexHint, Tabix};
use crate::source::{ColumnInfo, ColumnKind, Options, Shape, Skipped, Source};
use crate::table::{Column, Data, Texts};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

/// A format in which each line, or each record that can be written as a line, holds one row or
/// several.
pub(crate) trait RowFormat: Clone + Send + Sync + 'static {
    /// The format of the lines in the sorted copy, which has one line per row.
    type Copied: RowFormat;

    /// Whether the kinds of the columns are known only from the rows, see [`RowFormat::learn`].
    const INFERRED: bool = false;

    /// Whether a file that fits in memory is held there even if it has an index. True for genes,
    /// whose loci place the rows of other files.
    const MEMORY_FIRST: bool = false;

    /// Whether [`RowFormat::each_line`] passes on the lines of a text, so that several threads can
    /// read the file.
    const IS_TEXT: bool = true;

    /// Returns the ending of the sorted copy's name in the cache. Each layout of the copied lines
    /// has an ending of its own.
    fn cache_ending(&self) -> &'static str;

    /// Describes the file. The sequences are those that the header names, with their lengths; the
    /// numbers of rows are left out.
    fn about(&self) -> About;

    /// Returns whether rows have a strand.
    fn has_strand(&self) -> bool {
        true
    }

    /// Returns whether all rows are served, so that their number in an index is right.
    fn is_whole(&self) -> bool {
        true
    }

    /// Returns whether a row is served.
    ///
    /// # Errors
    /// The reason, if that cannot be told.
    fn holds(&self, sequence: &str, row: &Row<'_>) -> Result<bool, String> {
        let _ = (sequence, row);
        Ok(true)
    }

    /// As [`RowFormat::parse`], also for rows that are not served.
    ///
    /// # Errors
    /// As [`RowFormat::parse`].
    fn parse_all(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        self.parse(line, emit)
    }

    /// Passes the rows of a line to `emit`.
    ///
    /// # Errors
    /// [`Error::Data`] with the line if it holds no row or a damaged one.
    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()>;

    /// Passes the cells of a row to `put`, one after the other, for the given indexes into the
    /// columns of [`RowFormat::about`]; an empty text for a missing value. The row comes from
    /// [`RowFormat::parse`].
    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str));

    /// Returns the commands that index such a file; none if no index can serve it.
    fn index_hint(&self, input: &Input) -> Option<IndexHint>;

    /// Updates the column statistics with a row. Returns a message if its cells are wrong.
    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        let _ = row;
        Ok(())
    }

    /// Returns the column statistics on one line, with which the sorted copy ends.
    fn note(&self) -> String {
        String::new()
    }

    /// Returns the format of the lines in the copy, with the statistics from the copy's note; none
    /// if this program did not write the note.
    fn copied(self, note: &str) -> Option<Self::Copied>;

    /// Returns the format for writing a copy, which has the columns that any options may ask for.
    fn for_copy(&self) -> Self {
        self.clone()
    }

    /// Returns the number of header lines before the first row; comments need not be counted.
    fn header_lines(&self) -> usize {
        0
    }

    /// Passes each line that holds rows to `take` until that returns false. Lines that are not text
    /// are counted in `skip`, if that is given.
    fn each_line(
        &self,
        input: &Input,
        progress: &Progress,
        skip: Option<&Skipped>,
        take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut lines = Lines::watched(input, progress, skip)?;
        for _ in 0..self.header_lines() {
            lines.next()?;
        }
        while let Some(line) = lines.next()? {
            if !is_comment(line.text) && !take(&line)? {
                break;
            }
        }
        Ok(())
    }

    /// Opens the file with its companion index; none if it has no index.
    fn indexed(&self, input: &Input, options: &Options) -> Result<Option<Box<dyn Source>>> {
        if self.index_hint(input).is_none() {
            return Ok(None);
        }
        let Some(file) = Tabix::open(input)? else { return Ok(None) };
        let mut format = self.clone();
        if Self::INFERRED {
            let mut count = 0;
            self.each_line(input, &Progress::default(), None, &mut |line| {
                count += 1;
                let learn = &mut |_: &str, row: Row<'_>| {
                    format.learn(&row).map_err(|what| line.error(what))
                };
                self.parse(line, learn).map(|()| count < PREVIEW_ROWS)
            })?;
        }
        let rows = TabixRows { file, format };
        let mut about = rows.about()?;
        // The range of the first rows is not the range of all rows.
        for column in &mut about.columns {
            if let ColumnKind::Number(range) = &mut column.kind {
                *range = None;
            }
        }
        Self::by_region(rows, about, options).map(Some)
    }

    /// Returns a source that reads the rows of an indexed file by region.
    fn by_region(
        rows: TabixRows<Self>,
        about: About,
        options: &Options,
    ) -> Result<Box<dyn Source>> {
        Ok(Box::new(Indexed::new(rows, about, options.columns.as_deref())?))
    }

    /// Reads the first `most` rows into memory.
    fn in_memory(
        &self,
        input: &Input,
        options: &Options,
        progress: &Progress,
        most: usize,
    ) -> Result<Records> {
        let mut rows = collect(self, input, options, progress, most)?;
        if Self::INFERRED {
            return Ok(inferred(rows));
        }
        let About { shape, sequences, columns, name, importance, .. } = self.about();
        let name_of = |index: Option<usize>| index.map(|index| &*columns[index].name);
        let (name, importance) = (name_of(name), name_of(importance));
        if shape == Shape::Genes {
            rows.ids = Some(ids(&rows));
        }
        let records = Records::new(rows, RecordsOptions { shape, name, importance });
        Ok(if sequences.is_empty() { records } else { records.with_lengths(&sequences) })
    }
}

/// Returns the ids of each row of genes, separated by line feeds.
fn ids(rows: &Rows) -> Texts {
    let is_id = |column: &&Column| IDS.contains(&&*column.name);
    let columns: Vec<_> = rows.columns.iter().filter(is_id).collect();
    let of_row = |row: usize| {
        let texts = columns.iter().filter_map(|column| match &column.data {
            Data::Text(texts) => Some(texts.get(row)),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    };
    let mut ids = Texts::default();
    (0..rows.start.len()).for_each(|row| ids.push(&of_row(row)));
    ids
}

/// Reads the first `most` rows of a file; all rows are read by all cores. Columns are text until all
/// rows have been read, and columns that were not asked for stay text.
pub(crate) fn collect<F: RowFormat>(
    format: &F,
    input: &Input,
    options: &Options,
    progress: &Progress,
    most: usize,
) -> Result<Rows> {
    let mut columns = format.about().columns;
    let asked = |column: &ColumnInfo| match &options.columns {
        Some(names) => names.iter().any(|name| **name == *column.name),
        None => true,
    };
    for column in &mut columns {
        if F::INFERRED || !asked(column) {
            column.kind = ColumnKind::Text;
        }
    }
    let indexes: Vec<usize> = (0..columns.len()).collect();
    let budget = Budget::default();
    let push = |rows: &mut Collector<'_>, line: &Line<'_>| {
        format.parse(line, &mut |sequence, row| {
            rows.push(line, sequence, &row, |put| format.cells(&row, &indexes, put))
        })
    };
    let skip = options.skip.as_ref();
    if !F::IS_TEXT || most < usize::MAX {
        let mut rows = Collector::new(&columns, &budget);
        each_good_line(format, input, progress, skip, &mut |line| {
            push(&mut rows, line)?;
            Ok(rows.len() < most)
        })?;
        return Ok(rows.finish(format.has_strand()));
    }
    skip.into_iter().for_each(Skipped::restart);
    let header = format.header_lines() as u64;
    let parts = in_parallel(input, progress, skip, |block| {
        let mut rows = Collector::new(&columns, &budget);
        let mut checked = Checked::new(format, skip);
        for line in block.lines() {
            if line.number() > header && !is_comment(line.text) {
                checked.pass(&line, &mut |line| push(&mut rows, line).map(|()| true))?;
            }
        }
        Ok(rows.finish(format.has_strand()))
    })?;
    let mut parts = parts.into_iter();
    let none = || Collector::new(&columns, &budget).finish(format.has_strand());
    let mut rows = parts.next().unwrap_or_else(none);
    parts.for_each(|part| rows.append(part));
    Ok(rows)
}

/// Passes each line that holds rows to `take` until that returns false. With `skip`, damaged lines
/// are left out and counted: those that are not text or whose rows cannot be parsed, and those that
/// `take` refuses, of which it must not have taken any row.
pub(crate) fn each_good_line<F: RowFormat>(
    format: &F,
    input: &Input,
    progress: &Progress,
    skip: Option<&Skipped>,
    take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
) -> Result<()> {
    skip.into_iter().for_each(Skipped::restart);
    let mut checked = Checked::new(format, skip);
    format.each_line(input, progress, skip, &mut |line| checked.pass(line, take))
}

/// Leaves out damaged lines and counts them, if that is asked for.
struct Checked<'f, F> {
    format: &'f F,
    /// Where to count them, and a format that learns from all rows.
    skip: Option<(&'f Skipped, F)>,
}

impl<'f, F: RowFormat> Checked<'f, F> {
    fn new(format: &'f F, skip: Option<&'f Skipped>) -> Self {
        Checked { format, skip: skip.map(|skip| (skip, format.clone())) }
    }

    /// Passes a line to `take`, unless it is damaged and may be left out.
    fn pass(
        &mut self,
        line: &Line<'_>,
        take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
    ) -> Result<bool> {
        let Some((skip, learning)) = &mut self.skip else { return take(line) };
        // Either all rows of a line are taken or none, so all are checked first.
        let looked = self
            .format
            .parse(line, &mut |_, row| learning.learn(&row).map_err(|what| line.error(what)));
        looked.and_then(|()| take(line)).or_else(|error| skip.count(error).map(|()| true))
    }
}

/// The rows of an indexed text file, or of a sorted copy.
pub(crate) struct TabixRows<F> {
    pub(crate) file: Tabix,
    pub(crate) format: F,
}

impl<F: RowFormat> TabixRows<F> {
    /// Opens the sorted copy of a file from the cache, with the statistics from its note.
    pub(crate) fn of_copy(
        input: &Input,
        copy: &Input,
        format: impl RowFormat<Copied = F>,
    ) -> Result<Self> {
        let (file, note) = Tabix::of_copy(input, copy)?;
        let unknown = "was not written by this program; remove it";
        let format = format.copied(&note);
        let format = format.ok_or_else(|| Error::data(copy.path(), "", unknown))?;
        Ok(TabixRows { file, format })
    }

    /// Describes the file from its format and its index.
    pub(crate) fn about(&self) -> Result<About> {
        let about = self.format.about();
        let last = |index| self.file.last_bin(index);
        let sequences = sequences_of(self, self.file.names(), &about.sequences, last)?;
        Ok(About { sequences: Arc::new(sequences), rows: self.file.rows(), ..about })
    }
}

impl<F: RowFormat> ByRegion for TabixRows<F> {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn is_counted(&self) -> bool {
        self.file.is_counted() && self.format.is_whole()
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        if self.format.is_whole() {
            return self
                .file
                .each(sequence, bases, take, |line, emit| self.format.parse(line, emit));
        }
        // The index counts all rows.
        let name = self.file.names().nth(sequence).unwrap_or_default();
        let mut take = |row: Row<'_>| match self.format.holds(name, &row) {
            Ok(true) => take(row),
            Ok(false) => ControlFlow::Continue(()),
            Err(what) => {
                let place = format!("{name}:{}", row.start + 1);
                ControlFlow::Break(Err(Error::data(self.file.path(), place, what)))
            }
        };
        self.file.each(sequence, bases, &mut take, |line, emit| self.format.parse_all(line, emit))
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.format.cells(row, columns, put);
    }
}
