//! A line format of which only the rows are served for which a filter holds.

use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::source::Skipped;
use crate::source::expression::Expression;
use crate::source::io::lines::Line;
use crate::source::rows::filter::{Filter, FilteredRow};
use crate::source::rows::format::RowFormat;
use crate::source::rows::indexed::About;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::IndexHint;
use std::sync::Arc;

/// A format with a filter.
#[derive(Clone)]
pub(crate) struct Filtered<F> {
    inner: F,
    expression: Expression,
    /// None when a sorted copy is written, which has all rows.
    filter: Option<Arc<Filter>>,
}

impl<F: RowFormat> Filtered<F> {
    /// Creates the format with a filter.
    ///
    /// # Errors
    /// As [`Filter::new`].
    pub(crate) fn new(inner: F, expression: &Expression) -> Result<Self> {
        let columns = inner.about().columns;
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let filter = Some(Arc::new(Filter::new(expression, &names)?));
        Ok(Filtered { inner, expression: expression.clone(), filter })
    }
}

impl<F: RowFormat> RowFormat for Filtered<F> {
    type Copied = Filtered<F::Copied>;

    const INFERRED: bool = F::INFERRED;
    const MEMORY_FIRST: bool = F::MEMORY_FIRST;
    const IS_TEXT: bool = F::IS_TEXT;

    fn cache_ending(&self) -> &'static str {
        self.inner.cache_ending()
    }

    fn about(&self) -> About {
        self.inner.about()
    }

    fn has_strand(&self) -> bool {
        self.inner.has_strand()
    }

    fn is_whole(&self) -> bool {
        self.filter.is_none()
    }

    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        self.inner.parse(line, &mut |sequence, row| match self.holds(sequence, &row) {
            Ok(true) => emit(sequence, row),
            Ok(false) => Ok(()),
            Err(what) => Err(line.error(what)),
        })
    }

    fn parse_all(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        self.inner.parse(line, emit)
    }

    fn holds(&self, sequence: &str, row: &Row<'_>) -> Result<bool, String> {
        let Some(filter) = &self.filter else { return Ok(true) };
        let indexes: Vec<usize> = filter.columns.iter().map(|(index, _)| *index).collect();
        let mut cells = Vec::with_capacity(indexes.len());
        self.inner.cells(row, &indexes, &mut |cell| cells.push(cell.to_owned()));
        let Row { start, end, strand, .. } = *row;
        filter.holds(&FilteredRow { sequence, start, end, strand, cells: &cells })
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.inner.cells(row, columns, put);
    }

    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        self.inner.index_hint(input)
    }

    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        self.inner.learn(row)
    }

    fn note(&self) -> String {
        self.inner.note()
    }

    fn copied(self, note: &str) -> Option<Self::Copied> {
        let inner = self.inner.copied(note)?;
        // The copy has the same columns, perhaps in another order.
        Filtered::new(inner, &self.expression).ok()
    }

    fn for_copy(&self) -> Self {
        let inner = self.inner.for_copy();
        Filtered { inner, expression: self.expression.clone(), filter: None }
    }

    fn header_lines(&self) -> usize {
        self.inner.header_lines()
    }

    fn each_line(
        &self,
        input: &Input,
        progress: &Progress,
        skip: Option<&Skipped>,
        take: &mut dyn FnMut(&Line<'_>) -> Result<bool>,
    ) -> Result<()> {
        self.inner.each_line(input, progress, skip, take)
    }
}

/// Returns the error for a format whose rows cannot be filtered.
pub(crate) fn unfiltered(format: &str, known: &[&str]) -> Error {
    let known = known.join(", ");
    Error::Input(format!("filter= chooses rows of {known}; it cannot choose those of {format}"))
}
