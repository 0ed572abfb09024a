//! Sorted rows in memory, with their ranks: how every small text file is served.

mod levels;

use crate::error::Result;
use crate::genome::{Region, Sequences, Strand};
use crate::source::gene_loci::bare;
use crate::source::grid::bins;
use crate::source::rows::names::{Ids, Names};
use crate::source::{Closeness, Hit};
use crate::source::{ColumnInfo, ColumnKind, Level, Shape, Source, unknown_column};
use crate::source::{GeneLoci, GeneLocus};
use crate::table::{Column, Data, Table, Texts};
use levels::{Levels, reach};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// The first view shows this many rows on either side of the median row, unless they span too many
/// bases.
const FIRST_VIEW_ROWS: usize = 75;
const FIRST_VIEW_BASES: u32 = 3_000_000;

/// The columns of genes whose texts are ids, by which a row is found besides its name.
pub(crate) const IDS: [&str; 2] = ["entrez", "transcript"];

/// Rows in any order, as a parser collects them. All columns have the same length.
#[derive(Debug, Default)]
pub struct Rows {
    /// The sequences, in the order in which they are listed.
    pub sequences: Sequences,
    /// Which of `sequences` each row lies on.
    pub sequence: Vec<usize>,
    /// First base of each row, 0-based.
    pub start: Vec<u32>,
    /// One past the last base of each row.
    pub end: Vec<u32>,
    /// Strand of each row; empty if the format has none.
    pub strand: Vec<Strand>,
    /// The other columns.
    pub columns: Vec<Column>,
    /// Ids that find each row too, separated by line feeds.
    pub(crate) ids: Option<Texts>,
}

impl Rows {
    /// Adds the interval of a row; the parser adds its cells.
    pub fn push(&mut self, sequence: &str, start: u32, end: u32) {
        // Consecutive rows mostly lie on the same sequence.
        let last = self.sequence.last().copied();
        let index = match last {
            Some(index) if *self.sequences.at(index).name == *sequence => index,
            _ => self.sequences.index_or_add(sequence),
        };
        self.sequence.push(index);
        self.start.push(start);
        self.end.push(end);
    }

    /// Adds rows that come after these in their file, with the same columns; neither have ids.
    pub(crate) fn append(&mut self, next: Rows) {
        let sequences: Vec<usize> =
            next.sequences.iter().map(|own| self.sequences.index_or_add(own.name)).collect();
        self.sequence.extend(next.sequence.iter().map(|index| sequences[*index]));
        self.start.extend(next.start);
        self.end.extend(next.end);
        self.strand.extend(next.strand);
        let columns = self.columns.iter_mut().zip(next.columns);
        columns.for_each(|(column, next)| column.data.append(next.data));
    }
}

/// Rows in memory as a [`Source`].
#[derive(Debug)]
pub struct Records {
    shape: Shape,
    sequences: Sequences,
    knows_lengths: bool,
    infos: Vec<ColumnInfo>,
    /// All rows: sequence by sequence, each sorted by start, then end, then order in the file.
    start: Vec<u32>,
    end: Vec<u32>,
    strand: Vec<Strand>,
    columns: Vec<Column>,
    /// The first row of each sequence, and the number of all rows.
    firsts: Vec<usize>,
    /// The largest end of each row and all rows before it on its sequence.
    reach: Vec<u32>,
    /// The rows that each level of bins keeps, for the sequences with more than one row, by index;
    /// made when first needed.
    levels: Box<[(usize, OnceLock<Levels>)]>,
    names: Option<(usize, Names)>,
    ids: Option<Ids>,
    /// The column that decides which rows a level of bins shows.
    importance: Option<usize>,
    /// Annotations of columns, by column name.
    annotations: HashMap<String, BTreeMap<String, String>>,
}

/// How to serve [`Rows`].
#[derive(Clone, Copy, Debug)]
pub struct RecordsOptions<'a> {
    /// Any shape except that of a signal.
    pub shape: Shape,
    /// The column by which rows are searched.
    pub name: Option<&'a str>,
    /// The numeric column that decides which row of a bin is shown, the highest first; rows with
    /// equal or missing values are ordered by length.
    pub importance: Option<&'a str>,
}

impl Records {
    /// Sorts the rows and makes them searchable.
    pub fn new(rows: Rows, how: RecordsOptions<'_>) -> Self {
        let Rows { mut sequences, sequence, start, end, strand, columns, ids } = rows;
        let mut order: Vec<usize> = (0..start.len()).collect();
        order.sort_by_key(|&row| (sequence[row], start[row], end[row]));
        let mut firsts = vec![0; sequences.len() + 1];
        sequence.iter().for_each(|index| firsts[index + 1] += 1);
        let crowded = (0..sequences.len()).filter(|index| firsts[index + 1] > 1);
        let levels = crowded.map(|index| (index, OnceLock::new())).collect();
        for index in 0..sequences.len() {
            firsts[index + 1] += firsts[index];
        }
        let bounds = || firsts.windows(2).map(|pair| pair[0]..pair[1]);
        let pick = |values: &[u32]| order.iter().map(|&row| values[row]).collect::<Vec<_>>();
        let (sorted_start, sorted_end) = (pick(&start), pick(&end));
        for (index, range) in bounds().enumerate() {
            let length = sorted_end[range].iter().copied().max().unwrap_or(0);
            sequences.lengthen(index, length);
        }
        let mut all_reach = Vec::with_capacity(start.len());
        bounds().for_each(|rows| all_reach.extend(reach(rows, &sorted_start, &sorted_end)));
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|column| Column::new(column.name, column.data.pick(order.iter().copied())))
            .collect();
        let position = |name: Option<&str>| columns.iter().position(|c| Some(&*c.name) == name);
        let names = position(how.name).and_then(|index| match &columns[index].data {
            Data::Text(texts) => Some((index, Names::new(texts))),
            _ => None,
        });
        let ids = ids.map(|ids| Ids::new(order.iter().map(|row| ids.get(*row))));
        Records {
            shape: how.shape,
            ids,
            importance: position(how.importance),
            infos: columns.iter().map(describe).collect(),
            reach: all_reach,
            levels,
            start: sorted_start,
            end: sorted_end,
            strand: strand_of(&strand, &order),
            sequences,
            knows_lengths: false,
            columns,
            firsts,
            names,
            annotations: HashMap::new(),
        }
    }

    /// Sets the lengths of the sequences that the file states.
    pub(crate) fn with_lengths(mut self, stated: &Sequences) -> Self {
        let length = |name: &str| stated.get(name).map_or(0, |sequence| sequence.length);
        self.knows_lengths = true;
        for index in 0..self.sequences.len() {
            let length = length(self.sequences.at(index).name);
            self.sequences.lengthen(index, length);
            self.knows_lengths &= length > 0;
        }
        self
    }

    /// Sets the annotations of columns: for each column name, keys and values.
    pub fn annotate(&mut self, annotations: HashMap<String, BTreeMap<String, String>>) {
        self.annotations = annotations;
    }

    /// Returns the rows of a sequence.
    fn rows_of(&self, sequence: usize) -> Range<usize> {
        self.firsts[sequence]..self.firsts[sequence + 1]
    }

    /// Returns the rows of each sequence.
    fn bounds(&self) -> impl Iterator<Item = Range<usize>> {
        self.firsts.windows(2).map(|pair| pair[0]..pair[1])
    }

    fn texts(&self, column: &str) -> Option<&Texts> {
        match &self.columns.iter().find(|known| &*known.name == column)?.data {
            Data::Text(texts) => Some(texts),
            _ => None,
        }
    }
}

fn strand_of(strand: &[Strand], order: &[usize]) -> Vec<Strand> {
    if strand.is_empty() {
        return Vec::new();
    }
    order.iter().map(|&row| strand[row]).collect()
}

fn describe(column: &Column) -> ColumnInfo {
    let kind = match &column.data {
        Data::Text(_) => ColumnKind::Text,
        numbers => {
            let known = (0..numbers.len()).map(|row| numbers.number(row)).filter(|n| n.is_finite());
            ColumnKind::Number(known.fold(None, |range, n| match range {
                None => Some((n, n)),
                Some((low, high)) => Some((n.min(low), n.max(high))),
            }))
        }
    };
    ColumnInfo { name: column.name.clone(), kind }
}

impl Source for Records {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    fn knows_lengths(&self) -> bool {
        self.knows_lengths
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.infos
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        self.sequences
            .position(&region.sequence)
            .map_or(0, |sequence| self.run(sequence, level, region).len() as u64)
    }

    /// Returns the region around the median row of the sequence with the most rows.
    fn is_quick(&self, sequence: &str) -> bool {
        self.sequences.position(sequence).is_none_or(|index| self.has_levels(index))
    }

    fn first_view(&self) -> Option<Region> {
        let (sequence, bounds) = self.bounds().enumerate().max_by_key(|(_, b)| b.len())?;
        let middle = bounds.start + bounds.len() / 2;
        let first = middle.saturating_sub(FIRST_VIEW_ROWS).max(bounds.start);
        let last = (middle + FIRST_VIEW_ROWS).min(bounds.end).checked_sub(1)?;
        let (mut start, mut end) = (self.start[first], self.end[last].max(self.start[last] + 1));
        let centre = self.start.get(middle).copied().unwrap_or(start);
        if end - start > FIRST_VIEW_BASES {
            start = start.max(centre.saturating_sub(FIRST_VIEW_BASES / 2));
            end = end.min(centre.saturating_add(FIRST_VIEW_BASES / 2));
        }
        Some(Region::new(self.sequences.at(sequence).name, start, end))
    }

    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table> {
        let find = |name: &&str| {
            let known = self.columns.iter().find(|column| &*column.name == *name);
            known.ok_or_else(|| unknown_column(name, &self.infos))
        };
        let wanted: Vec<&Column> = columns.iter().map(find).collect::<Result<_>>()?;
        let Some(sequence) = self.sequences.position(&region.sequence) else {
            return Ok(Table::empty(columns));
        };
        let shown = self.level_rows(sequence, level);
        let run = self.run(sequence, level, region);
        let rows = || run.clone().map(|rank| shown.row(rank));
        Ok(Table {
            first_rank: run.start as u64,
            start: rows().map(|row| self.start[row]).collect(),
            end: rows().map(|row| self.end[row]).collect(),
            strand: if self.strand.is_empty() {
                Vec::new()
            } else {
                rows().map(|row| self.strand[row]).collect()
            },
            columns: wanted
                .into_iter()
                .map(|column| Column::new(column.name.clone(), column.data.pick(rows())))
                .collect(),
        })
    }

    fn starts(&self, region: &Region, shift: u8) -> Result<Vec<u32>> {
        let (first, last) = bins(region, shift);
        let sequence = self.sequences.position(&region.sequence);
        let bounds = sequence.map_or(0..0, |sequence| self.rows_of(sequence));
        let starts = &self.start[bounds];
        let mut at = starts.partition_point(|start| start >> shift < first);
        let count = |bin: u32| {
            let from = at;
            at += starts[from..].partition_point(|start| start >> shift <= bin);
            (at - from) as u32
        };
        Ok((first..last).map(count).collect())
    }

    /// Counts without computing the level: rows that start in the same bin are adjacent.
    fn total_rows(&self, level: Level) -> Option<u64> {
        let Level::Bins { shift } = level else { return Some(self.start.len() as u64) };
        let of = |rows: Range<usize>| {
            self.start[rows].chunk_by(|a, b| a >> shift == b >> shift).count() as u64
        };
        Some(self.bounds().map(of).sum())
    }

    fn memory(&self) -> u64 {
        let intervals = self.start.len() * 3 * size_of::<u32>() + self.strand.len();
        let columns: usize = self.columns.iter().map(|column| column.data.memory()).sum();
        let names = self.names.as_ref().map_or(0, |(_, names)| names.memory());
        (intervals + columns + names + self.ids.as_ref().map_or(0, Ids::memory)) as u64
    }

    fn annotation(&self, column: &str) -> BTreeMap<String, String> {
        self.annotations.get(column).cloned().unwrap_or_default()
    }

    fn add_gene_loci(&self, loci: &mut GeneLoci) {
        if self.shape != Shape::Genes {
            return;
        }
        // Ids come before names, because several genes may share a name.
        for (column, also_bare) in [("entrez", true), ("transcript", true), ("gene", false)] {
            let Some(names) = self.texts(column) else { continue };
            for (sequence, rows) in self.bounds().enumerate() {
                let sequence: Arc<str> = self.sequences.at(sequence).name.into();
                for row in rows {
                    let (start, end) = (self.start[row], self.end[row]);
                    let strand = self.strand.get(row).copied().unwrap_or_default();
                    let locus = GeneLocus { sequence: sequence.clone(), start, end, strand };
                    loci.add(names.get(row), &locus);
                    if also_bare {
                        loci.add(bare(names.get(row)), &locus);
                    }
                }
            }
        }
    }

    fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        let Some((column, names)) = &self.names else { return Vec::new() };
        let Data::Text(texts) = &self.columns[*column].data else { return Vec::new() };
        let hit = |(closeness, row): (_, usize)| {
            let sequence = self.firsts.partition_point(|first| *first <= row).checked_sub(1)?;
            let sequence = self.sequences.at(sequence).name;
            // A row without bases is found at its start.
            let (start, end) = (self.start[row], self.end[row]);
            let region = Region::new(sequence, start, end.max(start + 1));
            Some(Hit { name: texts.get(row).into(), region, closeness })
        };
        let mut found = names.search(text, limit);
        for row in self.ids.iter().flat_map(|ids| ids.search(text)) {
            if !found.iter().any(|(_, known)| *known == row) {
                found.push((Closeness::Exact, row));
            }
        }
        found.sort_unstable();
        found.truncate(limit);
        found.into_iter().filter_map(hit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(rows: &[(&str, u32, u32, f64)]) -> Records {
        let mut all = Rows::default();
        rows.iter().for_each(|(sequence, start, end, _)| all.push(sequence, *start, *end));
        let scores = rows.iter().map(|(.., score)| *score).collect();
        all.columns.push(Column::new("score", Data::Doubles(scores)));
        Records::new(
            all,
            RecordsOptions { shape: Shape::Features, name: None, importance: Some("score") },
        )
    }

    fn starts(records: &Records, start: u32, end: u32) -> (u64, Vec<u32>) {
        let table = records.read(&Region::new("c", start, end), Level::Records, &[]).unwrap();
        (table.first_rank, table.start)
    }

    #[test]
    fn a_read_begins_with_the_first_overlapping_row_and_has_no_gaps_in_rank() {
        let all =
            records(&[("c", 500, 600, 0.), ("c", 0, 1000, 0.), ("c", 10, 20, 0.), ("d", 0, 9, 0.)]);
        assert_eq!(starts(&all, 550, 560), (0, vec![0, 10, 500]));
        assert_eq!(starts(&all, 5, 8), (0, vec![0]));
        assert_eq!(starts(&all, 1000, 2000), (0, vec![]));
        assert_eq!(starts(&all, 7, 7), (0, vec![]), "an empty region has no rows");
    }

    #[test]
    fn a_bin_shows_the_gene_with_a_name_before_accessions() {
        let mut rows = Rows::default();
        for start in [0, 2, 4] {
            rows.push("c", start, start + 100 - start);
        }
        let names = ["ENSG00000141510.18", "MYC", ""].into_iter().collect();
        rows.columns.push(Column::new("gene", Data::Text(names)));
        let how = RecordsOptions { shape: Shape::Genes, name: Some("gene"), importance: None };
        let genes = Records::new(rows, how);
        let table = genes.read(&Region::new("c", 0, 9), Level::Bins { shift: 4 }, &[]).unwrap();
        assert_eq!(table.start, [2]);
    }

    #[test]
    fn a_row_without_bases_is_found_at_its_start() {
        let all = records(&[("c", 100, 100, 0.)]);
        assert_eq!(starts(&all, 100, 101).1, [100]);
        assert_eq!(starts(&all, 99, 100).1, [0u32; 0]);
    }

    #[test]
    fn a_bin_shows_its_best_row_and_wider_bins_show_a_subset() {
        let all = records(&[
            ("c", 0, 5, 1.),
            ("c", 2, 9, 7.),
            ("c", 20, 25, f64::NAN),
            ("c", 40, 41, 3.),
        ]);
        let at = |shift| {
            let region = Region::new("c", 0, 100);
            let table = all.read(&region, Level::Bins { shift }, &["score"]).unwrap();
            assert_eq!(all.rows(&region, Level::Bins { shift }), table.len() as u64);
            table.start
        };
        assert_eq!(at(4), [2, 20, 40]);
        assert_eq!(at(5), [2, 40]);
        assert_eq!(at(28), [2]);
    }
}
