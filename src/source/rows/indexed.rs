//! Features of a file that is read by region: how every large indexed file is served.
//!
//! Ranks, and the rows of wide views, come from the [`RankIndex`] of a sequence, which is built
//! when its rows are first requested. It holds the place of every 64th row and the best row of each
//! wide bin.

mod builder;
mod by_region;
mod named;
mod saved;

use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::source::grid::{bins, starts_by_reading};
use crate::source::io::delimited::number;
use crate::source::rows::priority::Priority;
pub(crate) use crate::source::rows::rank_index::RankIndex;
use crate::source::rows::rank_index::{self, COARSE};
use crate::source::rows::records::{Records, RecordsOptions};
pub(crate) use crate::source::rows::row::{Flow, Row};
use crate::source::slots::Slots;
use crate::source::{CLOSE, ColumnInfo, FINEST_THINNED, Hit, Level, Shape, Source, unknown_column};
use crate::table::Table;
pub(crate) use builder::{Builder, number as number_of};
pub(crate) use by_region::{About, ByRegion};
pub(crate) use saved::{Saved, Saving};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};

/// A [`Source`] of features that are read by region.
pub(crate) struct Indexed<F> {
    file: F,
    about: About,
    /// The served columns, and their indexes in [`About::columns`].
    served: (Vec<ColumnInfo>, Vec<usize>),
    rank_indexes: Slots<Option<Arc<RankIndex>>>,
    /// The names that can be searched, once they have been read.
    names: Mutex<Option<Arc<Records>>>,
    /// Annotations of columns, by column name.
    annotations: HashMap<String, BTreeMap<String, String>>,
}

/// The first view shows this many rows, unless they span too many bases.
const FIRST_VIEW_ROWS: usize = 150;
const FIRST_VIEW_BASES: u32 = 3_000_000;

impl<F: ByRegion> Indexed<F> {
    /// Creates a source of the `wanted` columns, or of all columns if it is none.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a column that the file does not have.
    pub(crate) fn new(file: F, about: About, wanted: Option<&[String]>) -> Result<Self> {
        let find = |name: &String| {
            let at = about.columns.iter().position(|column| *column.name == **name);
            at.ok_or_else(|| unknown_column(name, &about.columns))
        };
        let served: Vec<usize> = match wanted {
            Some(names) => names.iter().map(find).collect::<Result<_>>()?,
            None => (0..about.columns.len()).collect(),
        };
        let infos = served.iter().map(|index| about.columns[*index].clone()).collect();
        Ok(Indexed {
            file,
            about,
            served: (infos, served),
            rank_indexes: Slots::default(),
            names: Mutex::new(None),
            annotations: HashMap::new(),
        })
    }

    /// Sets the annotations of columns: for each column name, keys and values.
    pub(crate) fn annotate(&mut self, annotations: HashMap<String, BTreeMap<String, String>>) {
        self.annotations = annotations;
    }

    /// Does what [`ByRegion::each`] does, for a `take` that may fail.
    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        mut take: impl FnMut(Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut failed = Ok(());
        self.file.each(sequence, bases, &mut |row| match take(row) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(Ok(())),
            Err(error) => {
                failed = Err(error);
                ControlFlow::Break(Ok(()))
            }
        })?;
        failed
    }

    fn builder(&self, columns: &[usize]) -> Builder {
        Builder::new(columns.iter().map(|index| &self.about.columns[*index]))
    }

    /// Adds a row with its cells of the given columns.
    fn add(
        &self,
        to: &mut Builder,
        sequence: &str,
        row: &Row<'_>,
        columns: &[usize],
    ) -> Result<()> {
        to.push(sequence, row, |put| self.file.fields(row, columns, put)).map_err(|what| {
            Error::data(self.file.path(), format!("{sequence}:{}", row.start + 1), what)
        })
    }

    fn length(&self, sequence: usize) -> u32 {
        self.about.sequences.at(sequence).length
    }

    /// Returns the rank index of a sequence. The first caller builds it while others wait.
    fn rank_index(&self, sequence: usize) -> Result<Arc<RankIndex>> {
        let slot = self.rank_indexes.of(sequence);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rank_index) = &*slot {
            return Ok(rank_index.clone());
        }
        let rank_index = match self.file.saved(sequence) {
            Some(rank_index) => rank_index,
            None => self.build_rank_index(sequence)?,
        };
        Ok(slot.insert(Arc::new(rank_index)).clone())
    }

    /// Builds the rank index of a sequence by reading all its rows.
    fn build_rank_index(&self, sequence: usize) -> Result<RankIndex> {
        let name = &self.about.sequences.at(sequence).name;
        let hidden = self.about.shape == Shape::Reads;
        let mut counter = rank_index::RankCounter::new();
        // The columns that decide which rows are shown need not be served.
        let mut columns = self.served.1.clone();
        let decisive = [self.about.importance, self.gene()].into_iter().flatten();
        columns.extend(decisive.filter(|column| !self.served.1.contains(column)));
        let mut best = self.builder(&columns);
        let mut last = 0;
        self.each(sequence, 0..u32::MAX, |row| {
            if row.start < last {
                let place = format!("{name}:{}", row.start + 1);
                let message = "rows are not sorted by start; sort and index the file again";
                return Err(Error::data(self.file.path(), place, message));
            }
            last = row.start;
            match counter.add(&row, self.priority(&row)) {
                // Wide views show no reads.
                Some(row) if !hidden => {
                    self.add(&mut best, name, &row.row(), &columns).map(|()| true)
                }
                _ => Ok(true),
            }
        })?;
        if let Some(row) = counter.finish().filter(|_| !hidden) {
            self.add(&mut best, name, &row.row(), &columns)?;
        }
        let name_of = |column: Option<usize>| column.map(|at| &*self.about.columns[at].name);
        let (name, importance) = (name_of(self.gene()), name_of(self.about.importance));
        let how = RecordsOptions { shape: self.about.shape, name, importance };
        Ok(counter.into_rank_index(Records::new(best.rows(), how)))
    }

    /// Returns the rank index of a sequence if it has been built.
    fn existing_rank_index(&self, sequence: usize) -> Option<Arc<RankIndex>> {
        // The lock is held while a rank index is being built.
        let slot = self.rank_indexes.known(sequence)?;
        slot.try_lock().ok().and_then(|slot| slot.clone())
    }

    /// Returns the column of gene names, if rows are genes.
    fn gene(&self) -> Option<usize> {
        self.about.name.filter(|_| self.about.shape == Shape::Genes)
    }

    /// Returns the priority of a row.
    fn priority(&self, row: &Row<'_>) -> Priority {
        let (mut name, mut score) = (None, None);
        if let Some(column) = self.gene() {
            self.file.fields(row, &[column], &mut |text| name = Some(text.to_owned()));
        }
        if let Some(column) = self.about.importance {
            self.file.fields(row, &[column], &mut |text| score = number(text));
        }
        Priority::new(name.as_deref(), score.unwrap_or(f64::NAN), row.end - row.start)
    }

    /// Reads every row from the first that overlaps the region.
    fn records(&self, sequence: usize, region: &Region, columns: &[usize]) -> Result<Table> {
        let rank_index = self.rank_index(sequence)?;
        let Some((rank, from)) = rank_index.records.first_reaching(region.start) else {
            return Ok(Table::default());
        };
        let mut answer = self.answer(region, columns, rank);
        let mut skip = from.skip;
        self.each(sequence, from.key..region.end, |row| {
            if row.start < from.key {
                return Ok(true);
            }
            if row.start == from.key && skip > 0 {
                skip -= 1;
                return Ok(true);
            }
            answer.take(&row)
        })?;
        Ok(answer.table.table(answer.rank))
    }

    /// Reads the best row of each bin, from the first that overlaps the region.
    fn best(
        &self,
        sequence: usize,
        region: &Region,
        shift: u8,
        columns: &[usize],
    ) -> Result<Table> {
        let rank_index = self.rank_index(sequence)?;
        let ranks = rank_index.best(shift);
        let Some((rank, from)) = ranks.first_reaching(region.start) else {
            return Ok(Table::default());
        };
        let mut answer = self.answer(region, columns, rank);
        let mut thinner = rank_index::Thinner::new(shift);
        // The last bin is read whole: its best row may start after the region.
        let end = (u64::from(region.end.div_ceil(1 << shift)) << shift).min(u32::MAX.into()) as u32;
        let first = from.key << shift;
        self.each(sequence, first..end, |row| {
            if row.start < first {
                return Ok(true);
            }
            if row.start >= end {
                return Ok(false);
            }
            let best = thinner.add(&row, self.priority(&row));
            best.map_or(Ok(true), |best| answer.take(&best.row()))
        })?;
        thinner.finish().map_or(Ok(true), |best| answer.take(&best.row()))?;
        Ok(answer.table.table(answer.rank))
    }

    fn answer<'a>(
        &'a self,
        region: &'a Region,
        columns: &'a [usize],
        rank: u64,
    ) -> FoundRows<'a, F> {
        FoundRows { source: self, region, columns, rank, table: self.builder(columns) }
    }

    fn first_view_of(&self, sequence: usize) -> Option<Region> {
        let name = self.about.sequences.at(sequence).name;
        let length = self.length(sequence);
        let widest = match self.about.shape {
            Shape::Reads => CLOSE,
            _ => FIRST_VIEW_BASES,
        };
        [length / 2..u32::MAX, 0..u32::MAX].into_iter().find_map(|bases| {
            let (mut first, mut reach, mut count) = (None, 0, 0);
            let seen = self.each(sequence, bases.clone(), |row| {
                let first = *first.get_or_insert(row.start.max(bases.start));
                (count, reach) = (count + 1, row.reach());
                Ok(count < FIRST_VIEW_ROWS && reach - first < widest)
            });
            let start = seen.ok().and(first)?;
            let end = reach.min(start.saturating_add(widest));
            Some(Region::new(name, start, end))
        })
    }
}

/// Collects the rows of an answer.
struct FoundRows<'a, F> {
    source: &'a Indexed<F>,
    region: &'a Region,
    columns: &'a [usize],
    /// Rank of the first row that was added, or of the next row if none was.
    rank: u64,
    table: Builder,
}

impl<F: ByRegion> FoundRows<'_, F> {
    /// Adds the next row if it belongs to the answer, which reaches from the first row that
    /// overlaps the region to the last that starts before its end. Returns whether more rows are
    /// wanted.
    fn take(&mut self, row: &Row<'_>) -> Result<bool> {
        if self.table.len() == 0 && row.reach() <= self.region.start {
            self.rank += 1;
            return Ok(true);
        }
        if row.start >= self.region.end {
            return Ok(false);
        }
        let name = &self.region.sequence;
        self.source.add(&mut self.table, name, row, self.columns).map(|()| true)
    }
}

impl<F: ByRegion> Source for Indexed<F> {
    fn shape(&self) -> Shape {
        self.about.shape
    }

    fn sequences(&self) -> &Sequences {
        &self.about.sequences
    }

    fn knows_lengths(&self) -> bool {
        self.about.knows_lengths
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.served.0
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        let Some(sequence) = self.about.sequences.position(&region.sequence) else { return 0 };
        match self.existing_rank_index(sequence) {
            _ if self.about.shape.hides(level) => 0,
            Some(rank_index) => rank_index.rows(region, level),
            None => {
                // Assumes that rows are spread evenly, each in a bin of its own while there are
                // bins.
                let length = f64::from(self.length(sequence).max(1));
                let share = f64::from(region.len()) / length;
                let spread = (self.about.rows[sequence] as f64 * share.min(1.0)) as u64;
                spread.min(region.len().div_ceil(level.width()).into())
            }
        }
    }

    fn count_rows(&self, sequence: &str) -> Result<()> {
        match self.about.sequences.position(sequence) {
            Some(sequence) => self.rank_index(sequence).map(drop),
            None => Ok(()),
        }
    }

    fn is_counted(&self) -> bool {
        self.file.is_counted()
    }

    /// Returns a region of rows in the middle of the sequence with the most rows.
    fn first_view(&self) -> Option<Region> {
        let mut sequences: Vec<usize> = (0..self.about.rows.len()).collect();
        sequences.sort_by_key(|index| Reverse(self.about.rows[*index]));
        sequences.into_iter().find_map(|sequence| self.first_view_of(sequence))
    }

    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table> {
        let (infos, places) = &self.served;
        let find = |name: &&str| {
            let at = infos.iter().position(|column| *column.name == **name);
            at.map(|at| places[at]).ok_or_else(|| unknown_column(name, infos))
        };
        let wanted: Vec<usize> = columns.iter().map(find).collect::<Result<_>>()?;
        let known = self.about.sequences.position(&region.sequence);
        let Some(sequence) = known.filter(|_| !region.is_empty()) else {
            return Ok(Table::empty(columns));
        };
        let table = match level {
            _ if self.about.shape.hides(level) => Table::default(),
            Level::Records => self.records(sequence, region, &wanted)?,
            Level::Bins { shift } if shift < COARSE => {
                self.best(sequence, region, shift.max(FINEST_THINNED), &wanted)?
            }
            wide => self.rank_index(sequence)?.wide.read(region, wide, columns)?,
        };
        Ok(if table.is_empty() { Table::empty(columns) } else { table })
    }

    fn starts(&self, region: &Region, shift: u8) -> Result<Vec<u32>> {
        match self.about.sequences.position(&region.sequence) {
            Some(sequence) if shift >= COARSE => {
                Ok(self.rank_index(sequence)?.starts(bins(region, shift), shift))
            }
            _ => starts_by_reading(self, region, shift),
        }
    }

    fn annotation(&self, column: &str) -> BTreeMap<String, String> {
        self.annotations.get(column).cloned().unwrap_or_default()
    }

    fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        let Some(column) = self.about.name else { return Vec::new() };
        match self.names(column) {
            Ok(names) => names.search(text, limit),
            // The failure is not stored: the next search may succeed.
            Err(error) => {
                tracing::warn!("names cannot be searched: {error}");
                Vec::new()
            }
        }
    }
}
