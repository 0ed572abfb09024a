//! Genes while a reader collects them, and the rows that they become: what GTF, GFF3, genePred and
//! BED12 share.

use crate::genome::{Sequences, Strand};
use crate::source::rows::indexed::About;
use crate::source::rows::records::{Records, RecordsOptions, Rows};
use crate::source::{ColumnInfo, ColumnKind, Shape, Unit};
use crate::table::{Column, Data, Texts};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

/// A gene, or a transcript of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gene {
    /// The sequence it lies on.
    pub(crate) sequence: String,
    /// Its first base, 0-based.
    pub(crate) start: u32,
    /// One past its last base; 0 as long as its place is not known.
    pub(crate) end: u32,
    pub(crate) strand: Strand,
    /// What people call the gene.
    pub(crate) name: String,
    /// What tells it from all others: of the gene, or of the transcript.
    pub(crate) id: String,
    /// NCBI's number of the gene.
    pub(crate) entrez: Option<String>,
    pub(crate) biotype: String,
    pub(crate) exons: Vec<(u32, u32)>,
    /// Coding parts: its exons where no others are given.
    pub(crate) coding: Vec<(u32, u32)>,
    /// GFF3: the ids of what it is a part of, between commas.
    pub(crate) parents: String,
    /// A line of its own gave its place; until then it is what its parts span.
    pub(crate) placed: bool,
    /// It began with a part: what it is a part of may stand before.
    pub(crate) headless: bool,
}

/// What an exon or coding part takes while it is collected, and then in its gene's row.
pub(crate) const PART: usize = 32;

impl Gene {
    /// The memory that it takes, about, with its place among [`Genes`] and then its row.
    pub(crate) fn memory(&self) -> usize {
        let texts = [&self.sequence, &self.name, &self.id, &self.id, &self.biotype, &self.parents];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        size_of::<Gene>() + 2 * texts + PART * (self.exons.len() + self.coding.len())
    }

    /// Widens its place to hold the interval.
    pub(crate) fn span(&mut self, start: u32, end: u32) {
        match self.end {
            0 => (self.start, self.end) = (start, end),
            _ => (self.start, self.end) = (self.start.min(start), self.end.max(end)),
        }
    }

    /// Whether it has a base in the interval, or no place yet.
    pub(crate) fn overlaps(&self, start: u32, end: u32) -> bool {
        self.end == 0 || (self.start < end && start < self.end)
    }

    /// Takes in another piece of the same gene.
    pub(crate) fn join(&mut self, other: Gene) {
        match (self.placed, other.placed) {
            (false, true) => (self.start, self.end) = (other.start, other.end),
            (true, false) => {}
            _ if other.end > 0 => self.span(other.start, other.end),
            _ => {}
        }
        self.placed |= other.placed;
        for (mine, others) in [(&mut self.name, other.name), (&mut self.biotype, other.biotype)] {
            if mine.is_empty() || (other.placed && !others.is_empty()) {
                *mine = others;
            }
        }
        self.entrez = self.entrez.take().or(other.entrez);
        self.exons.extend(other.exons);
        self.coding.extend(other.coding);
    }

    /// The union of its exons; of its coding parts if it has none; else the gene itself.
    fn blocks(&mut self) -> Vec<(u32, u32)> {
        let parts = if self.exons.is_empty() { &mut self.coding } else { &mut self.exons };
        parts.sort_unstable();
        let mut blocks: Vec<(u32, u32)> = Vec::new();
        for &(start, end) in parts.iter() {
            match blocks.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => blocks.push((start, end)),
            }
        }
        if blocks.is_empty() {
            blocks.push((self.start, self.end));
        }
        blocks
    }
}

/// Genes found by sequence and id, since those of X and Y may share one. A gene that stands at two
/// places of one sequence is one at each place; the last is the one found.
#[derive(Default)]
pub(crate) struct Genes {
    pub(crate) list: Vec<Gene>,
    last: HashMap<String, HashMap<String, usize>>,
}

impl Genes {
    /// Where in the list the gene is.
    pub(crate) fn find(&self, sequence: &str, id: &str) -> Option<usize> {
        // Lines of one gene follow each other.
        match self.list.last() {
            Some(gene) if gene.id == id && gene.sequence == sequence => Some(self.list.len() - 1),
            _ => self.last.get(sequence)?.get(id).copied(),
        }
    }

    /// Adds a gene at the end of the list; from now on it is the one found.
    pub(crate) fn push(&mut self, gene: Gene) -> usize {
        let index = self.list.len();
        match self.last.get_mut(&gene.sequence) {
            Some(ids) => ids.insert(gene.id.clone(), index),
            None => {
                self.last.entry(gene.sequence.clone()).or_default().insert(gene.id.clone(), index)
            }
        };
        self.list.push(gene);
        index
    }

    /// Adds a piece from further on in the file: to the gene before it, if it is a part of that.
    pub(crate) fn append(&mut self, piece: Gene) {
        match self.find(&piece.sequence, &piece.id) {
            Some(index) if piece.headless || self.list[index].overlaps(piece.start, piece.end) => {
                self.list[index].join(piece);
            }
            _ => {
                self.push(piece);
            }
        }
    }

    /// Joins what overlaps of one id: pieces may have been taken for two genes before a third lay
    /// over both.
    pub(crate) fn joined(self) -> Vec<Gene> {
        let distinct: usize = self.last.values().map(HashMap::len).sum();
        let mut list = self.list;
        if distinct == list.len() {
            return list;
        }
        list.sort_by(|a, b| (&a.sequence, &a.id, a.start).cmp(&(&b.sequence, &b.id, b.start)));
        let mut joined: Vec<Gene> = Vec::with_capacity(list.len());
        for gene in list {
            match joined.last_mut() {
                Some(last)
                    if last.id == gene.id
                        && last.sequence == gene.sequence
                        && last.overlaps(gene.start, gene.end) =>
                {
                    last.join(gene);
                }
                _ => joined.push(gene),
            }
        }
        joined
    }
}

/// The columns of genes; the last only of transcripts.
pub(crate) const COLUMNS: [&str; 6] =
    ["gene", "entrez", "exon_starts", "exon_ends", "biotype", "transcript"];

/// How many of [`COLUMNS`] such rows have.
fn served(unit: Unit) -> usize {
    if unit == Unit::Transcripts { 6 } else { 5 }
}

impl Gene {
    /// What [`COLUMNS`] say of it: exons 1-based, both ends included, between commas
    /// (`docs/protocol.md`, 4.7).
    pub(crate) fn cells(&mut self) -> [Cow<'_, str>; 6] {
        let [mut starts, mut ends] = [String::new(), String::new()];
        for (index, (start, end)) in self.blocks().into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(starts, "{comma}{}", start + 1);
            let _ = write!(ends, "{comma}{end}");
        }
        let name = if self.name.is_empty() { &self.id } else { &self.name };
        let entrez = self.entrez.as_ref().unwrap_or(&self.id);
        let [name, entrez, biotype, id] =
            [name, entrez, &self.biotype, &self.id].map(|text| Cow::Borrowed(text.as_str()));
        [name, entrez, starts.into(), ends.into(), biotype, id]
    }
}

/// What is said of a file whose lines are each such a row.
pub(crate) fn about(unit: Unit) -> About {
    let column = |name: &&str| ColumnInfo { name: (*name).into(), kind: ColumnKind::Text };
    About {
        shape: Shape::Genes,
        sequences: Sequences::default(),
        knows_lengths: false,
        rows: Vec::new(),
        columns: COLUMNS.iter().take(served(unit)).map(column).collect(),
        name: Some(0),
        importance: None,
    }
}

/// The rows of genes, with [`COLUMNS`].
pub(crate) fn records(mut genes: Vec<Gene>, unit: Unit) -> Records {
    let mut rows = Rows::default();
    let mut columns = COLUMNS.map(|name| (name, Texts::default()));
    for gene in &mut genes {
        rows.push(&gene.sequence, gene.start, gene.end);
        rows.strand.push(gene.strand);
        let cells = gene.cells();
        columns.iter_mut().zip(&cells).for_each(|((_, texts), cell)| texts.push(cell));
    }
    let column = |(name, texts)| Column::new(name, Data::Text(texts));
    rows.columns = columns.into_iter().take(served(unit)).map(column).collect();
    Records::new(
        rows,
        RecordsOptions { shape: Shape::Genes, name: Some(COLUMNS[0]), importance: None },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gene(start: u32, end: u32) -> Gene {
        Gene { sequence: "1".into(), id: "g".into(), start, end, ..Gene::default() }
    }

    #[test]
    fn one_id_at_two_places_is_two_genes() {
        let mut genes = Genes::default();
        [gene(0, 10), gene(20, 30)].into_iter().for_each(|piece| genes.append(piece));
        genes.append(Gene { headless: true, exons: vec![(40, 50)], ..gene(40, 50) });
        let places: Vec<_> = genes.joined().iter().map(|gene| (gene.start, gene.end)).collect();
        assert_eq!(places, [(0, 10), (20, 50)], "a part without a head belongs to the last");
    }

    #[test]
    fn a_transcript_over_two_makes_them_one() {
        let mut genes = Genes::default();
        [gene(0, 10), gene(20, 30), gene(5, 30)].into_iter().for_each(|piece| genes.append(piece));
        let genes = genes.joined();
        assert_eq!((genes.len(), genes[0].start, genes[0].end), (1, 0, 30));
    }

    #[test]
    fn exons_that_touch_are_one_block() {
        let exons = vec![(30, 40), (0, 10), (10, 15), (32, 35)];
        assert_eq!(Gene { exons, ..gene(0, 40) }.blocks(), [(0, 15), (30, 40)]);
        let coding = vec![(3, 6)];
        assert_eq!(Gene { coding, ..gene(0, 40) }.blocks(), [(3, 6)]);
        assert_eq!(gene(0, 40).blocks(), [(0, 40)]);
    }
}
