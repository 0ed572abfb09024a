//! What a format of lines says of itself. With it, [`open`](super::open::open) holds its files in
//! memory or reads them by region.

use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::source::io::delimited::is_comment;
use crate::source::io::lines::{Line, Lines};
use crate::source::rows::background::PREVIEW_ROWS;
use crate::source::rows::collector::{Collector, inferred};
use crate::source::rows::indexed::{About, ByRegion, Indexed};
use crate::source::rows::indexed_file::sequences_of;
use crate::source::rows::records::{Records, RecordsOptions, Rows};
use crate::source::rows::row::{Emit, Flow, Row};
use crate::source::rows::tabix::{IndexHint, Tabix};
use crate::source::{ColumnInfo, ColumnKind, Options, Skipped, Source};
use std::ops::Range;
use std::path::Path;

/// A format in which a line, or a record that can be written as one, is a row or several.
pub(crate) trait RowFormat: Clone + Send + Sync + 'static {
    /// The format of the lines in its sorted copy: that of the rows that lines become.
    type Copied: RowFormat;

    /// Whether only the rows tell what the columns hold, see [`RowFormat::learn`].
    const INFERRED: bool = false;

    /// Whether a file that fits in memory is held there even if it has an index: genes, at which
    /// the rows of other files lie.
    const MEMORY_FIRST: bool = false;

    /// What the name of its sorted copy in the cache ends in: another one for each way in which
    /// the lines of a copy are read.
    fn cache_ending(&self) -> &'static str;

    /// What its files say of themselves: of the sequences those that the header names, with their
    /// lengths; no numbers of rows.
    fn about(&self) -> About;

    /// Whether rows have a strand.
    fn has_strand(&self) -> bool {
        true
    }

    /// Gives `emit` the rows that a line holds.
    ///
    /// # Errors
    /// [`Error::Data`] at the line if it holds none or a damaged one.
    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()>;

    /// Gives `put` what a row holds in the columns of those indexes in [`RowFormat::about`], one
    /// after the other; an empty text if nothing. The row is one that [`RowFormat::parse`] gave.
    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str));

    /// The commands that make an index which can serve such a file; none if no index can.
    fn index_hint(&self, input: &Input) -> Option<IndexHint>;

    /// Notes what the columns of a row hold, and says what is wrong with them.
    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        let _ = row;
        Ok(())
    }

    /// What was learnt of all rows, on one line: the sorted copy ends with it.
    fn note(&self) -> String {
        String::new()
    }

    /// The format of the lines in its copy, with what the copy's note says; none if the note is not
    /// one of this program.
    fn copied(self, note: &str) -> Option<Self::Copied>;

    /// The same format for making a copy, which has all that any options may ask for.
    fn for_copy(&self) -> Self {
        self.clone()
    }

    /// How many lines stand before the first row; comments need not be counted.
    fn header_lines(&self) -> usize {
        0
    }

    /// Gives `take` each line that holds rows, until it says that these are enough.
    fn each_line(
        &self,
        input: &Input,
        progress: &Progress,
        take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut lines = Lines::watched(input, progress)?;
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

    /// The file as an index that lies beside it reads it; none if none does.
    fn indexed(&self, input: &Input, options: &Options) -> Result<Option<Box<dyn Source>>> {
        if self.index_hint(input).is_none() {
            return Ok(None);
        }
        let Some(file) = Tabix::open(input)? else { return Ok(None) };
        let mut format = self.clone();
        if Self::INFERRED {
            let mut count = 0;
            self.each_line(input, &Progress::default(), &mut |line| {
                count += 1;
                let learn = &mut |_: &str, row: Row<'_>| {
                    format.learn(&row).map_err(|what| line.error(what))
                };
                self.parse(line, learn).map(|()| count < PREVIEW_ROWS)
            })?;
        }
        let rows = TabixRows { file, format };
        let mut about = rows.about()?;
        // The first rows say nothing of the values of others.
        for column in &mut about.columns {
            if let ColumnKind::Number(range) = &mut column.kind {
                *range = None;
            }
        }
        Self::by_region(rows, about, options).map(Some)
    }

    /// The rows of a file with an index as a source.
    fn by_region(
        rows: TabixRows<Self>,
        about: About,
        options: &Options,
    ) -> Result<Box<dyn Source>> {
        Ok(Box::new(Indexed::new(rows, about, options.columns.as_deref())?))
    }

    /// The first `most` rows, in memory.
    fn in_memory(
        &self,
        input: &Input,
        options: &Options,
        progress: &Progress,
        most: usize,
    ) -> Result<Records> {
        let rows = collect(self, input, options, progress, most)?;
        if Self::INFERRED {
            return Ok(inferred(rows));
        }
        let About { shape, sequences, columns, name, importance, .. } = self.about();
        let name_of = |index: Option<usize>| index.map(|index| &*columns[index].name);
        let (name, importance) = (name_of(name), name_of(importance));
        let records = Records::new(rows, RecordsOptions { shape, name, importance });
        Ok(if sequences.is_empty() { records } else { records.with_lengths(&sequences) })
    }
}

/// The first `most` rows of a file. Columns are text until all rows have told what they hold; so are
/// those that are not asked for.
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
    let mut rows = Collector::new(&columns);
    each_good_line(format, input, progress, options.skip.as_ref(), &mut |line| {
        format.parse(line, &mut |sequence, row| {
            rows.push(line, sequence, &row, |put| format.cells(&row, &indexes, put))
        })?;
        Ok(rows.len() < most)
    })?;
    Ok(rows.finish(format.has_strand()))
}

/// Gives `take` each line that holds rows, until it says that these are enough. With `skip`, lines
/// of which something is wrong are left out and counted: those whose rows cannot be read, and those
/// that `take` refuses, of which it must not have taken a part.
pub(crate) fn each_good_line<F: RowFormat>(
    format: &F,
    input: &Input,
    progress: &Progress,
    skip: Option<&Skipped>,
    take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
) -> Result<()> {
    let Some(skip) = skip else { return format.each_line(input, progress, take) };
    skip.restart();
    let mut learning = format.clone();
    format.each_line(input, progress, &mut |line| {
        // All rows of a line are taken or none, so they are looked at first.
        let looked =
            format.parse(line, &mut |_, row| learning.learn(&row).map_err(|what| line.error(what)));
        looked.and_then(|()| take(line)).or_else(|error| skip.count(error).map(|()| true))
    })
}

/// A text file with its index, or a copy of one, as rows of a format.
pub(crate) struct TabixRows<F> {
    pub(crate) file: Tabix,
    pub(crate) format: F,
}

impl<F: RowFormat> TabixRows<F> {
    /// The copy of a file that the cache holds, read as its note tells.
    pub(crate) fn of_copy(
        input: &Input,
        copy: &Input,
        format: impl RowFormat<Copied = F>,
    ) -> Result<Self> {
        let (file, note) = Tabix::of_copy(input, copy)?;
        let strange = "is not what was copied here; remove it";
        let format = format.copied(&note);
        let format = format.ok_or_else(|| Error::data(copy.path(), "", strange))?;
        Ok(TabixRows { file, format })
    }

    /// What the file and its index say.
    pub(crate) fn about(&self) -> Result<About> {
        let about = self.format.about();
        let last = |index| self.file.last_bin(index);
        let sequences = sequences_of(self, self.file.names(), &about.sequences, last)?;
        Ok(About { sequences, rows: self.file.rows(), ..about })
    }
}

impl<F: RowFormat> ByRegion for TabixRows<F> {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn is_counted(&self) -> bool {
        self.file.is_counted()
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        self.file.each(sequence, bases, take, |line, emit| self.format.parse(line, emit))
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.format.cells(row, columns, put);
    }
}
