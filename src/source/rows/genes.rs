//! Collects genes and converts them to rows: shared by GTF, GFF3, genePred and BED12.

use crate::genome::Strand;
use crate::source::rows::indexed::About;
use crate::source::rows::records::{Records, RecordsOptions, Rows};
use crate::source::{ColumnInfo, ColumnKind, Shape, Unit};
use crate::table::{Column, Data, Texts};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// A gene, or a transcript of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gene {
    /// The name of its sequence.
    pub(crate) sequence: String,
    /// Its first base, 0-based.
    pub(crate) start: u32,
    /// One past its last base; 0 while its interval is not known.
    pub(crate) end: u32,
    pub(crate) strand: Strand,
    /// The gene's name or symbol.
    pub(crate) name: String,
    /// The unique id of the gene or the transcript.
    pub(crate) id: String,
    /// The NCBI Gene id.
    pub(crate) entrez: Option<String>,
    pub(crate) biotype: String,
    pub(crate) exons: Vec<(u32, u32)>,
    /// Coding parts, used as exons if the file gives no exons.
    pub(crate) coding: Vec<(u32, u32)>,
    /// The ids of a gene's transcripts, each after a line feed: they find the gene.
    pub(crate) transcripts: String,
    /// GFF3: the ids of its parents, separated by commas.
    pub(crate) parents: String,
    /// Whether a line of its own gave its interval; until then, the interval is the span of its
    /// parts.
    pub(crate) placed: bool,
    /// Whether it began with a part, so that its gene may stand earlier in the file.
    pub(crate) headless: bool,
}

/// Memory of an exon or coding part while it is collected, and then in its gene's row, in bytes.
pub(crate) const PART: usize = 32;

impl Gene {
    /// Returns its approximate memory in bytes, including its entry in [`Genes`] and its row.
    pub(crate) fn memory(&self) -> usize {
        let ids = &self.transcripts;
        let texts =
            [&self.sequence, &self.name, &self.id, &self.id, &self.biotype, &self.parents, ids];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        size_of::<Gene>() + 2 * texts + PART * (self.exons.len() + self.coding.len())
    }

    /// Adds the id of one of its transcripts. Returns the memory that it takes, in bytes.
    pub(crate) fn add_transcript(&mut self, id: &str) -> usize {
        // The lines of a transcript mostly follow each other.
        let is_last = self.transcripts.strip_suffix(id).is_some_and(|rest| rest.ends_with('\n'));
        if id.is_empty() || is_last || self.transcripts.split('\n').any(|known| known == id) {
            return 0;
        }
        self.transcripts.push('\n');
        self.transcripts.push_str(id);
        2 * (id.len() + 1)
    }

    /// Extends its interval to include the given one.
    pub(crate) fn span(&mut self, start: u32, end: u32) {
        match self.end {
            0 => (self.start, self.end) = (start, end),
            _ => (self.start, self.end) = (self.start.min(start), self.end.max(end)),
        }
    }

    /// Returns whether it overlaps the interval, or has no interval yet.
    pub(crate) fn overlaps(&self, start: u32, end: u32) -> bool {
        self.end == 0 || (self.start < end && start < self.end)
    }

    /// Merges another piece of the same gene.
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
        if self.transcripts.is_empty() {
            self.transcripts = other.transcripts;
        } else {
            for id in other.transcripts.split('\n') {
                self.add_transcript(id);
            }
        }
        self.exons.extend(other.exons);
        self.coding.extend(other.coding);
    }

    /// Returns the union of its exons; if it has none, of its coding parts; if it has neither, its
    /// interval.
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

/// Genes by sequence and id, since genes of X and Y may share an id. A gene at two places of one
/// sequence is listed once for each; a search finds the last.
#[derive(Default)]
pub(crate) struct Genes {
    pub(crate) list: Vec<Gene>,
    last: HashMap<String, HashMap<String, usize>>,
}

impl Genes {
    /// Returns the index of a gene in the list.
    pub(crate) fn find(&self, sequence: &str, id: &str) -> Option<usize> {
        // Consecutive lines mostly belong to the same gene.
        match self.list.last() {
            Some(gene) if gene.id == id && gene.sequence == sequence => Some(self.list.len() - 1),
            _ => self.last.get(sequence)?.get(id).copied(),
        }
    }

    /// Appends a gene to the list; from now on, [`Genes::find`] returns it.
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

    /// Adds a piece from further on in the file: to the gene with its id if it is a part of that,
    /// else as a new gene.
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

    /// Merges overlapping genes of the same id: two pieces may have been taken for two genes before
    /// a third overlapped both.
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

/// The columns of genes; the last is only for transcripts.
pub(crate) const COLUMNS: [&str; 6] =
    ["gene", "entrez", "exon_starts", "exon_ends", "biotype", "transcript"];

/// Returns how many of [`COLUMNS`] the rows have.
fn served(unit: Unit) -> usize {
    if unit == Unit::Transcripts { 6 } else { 5 }
}

impl Gene {
    /// Returns its cells for [`COLUMNS`]: exons are 1-based, include both ends and are separated by
    /// commas (`docs/protocol.md`, 4.7).
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

/// Describes a file in which each line is a gene or a transcript.
pub(crate) fn about(unit: Unit) -> About {
    let column = |name: &&str| ColumnInfo { name: (*name).into(), kind: ColumnKind::Text };
    About {
        shape: Shape::Genes,
        sequences: Arc::default(),
        knows_lengths: false,
        rows: Vec::new(),
        columns: COLUMNS.iter().take(served(unit)).map(column).collect(),
        name: Some(0),
        importance: None,
    }
}

/// Creates the rows of genes, with [`COLUMNS`].
pub(crate) fn records(mut genes: Vec<Gene>, unit: Unit) -> Records {
    let mut rows = Rows::default();
    let mut columns = COLUMNS.map(|name| (name, Texts::default()));
    let mut ids = Texts::default();
    for gene in &mut genes {
        ids.push(
            &[&*gene.id, "\n", gene.entrez.as_deref().unwrap_or(""), &gene.transcripts].concat(),
        );

        rows.push(&gene.sequence, gene.start, gene.end);
        rows.strand.push(gene.strand);
        let cells = gene.cells();
        columns.iter_mut().zip(&cells).for_each(|((_, texts), cell)| texts.push(cell));
    }
    let column = |(name, texts)| Column::new(name, Data::Text(texts));
    rows.columns = columns.into_iter().take(served(unit)).map(column).collect();
    rows.ids = Some(ids);
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
    fn an_id_at_two_places_is_two_genes() {
        let mut genes = Genes::default();
        [gene(0, 10), gene(20, 30)].into_iter().for_each(|piece| genes.append(piece));
        genes.append(Gene { headless: true, exons: vec![(40, 50)], ..gene(40, 50) });
        let places: Vec<_> = genes.joined().iter().map(|gene| (gene.start, gene.end)).collect();
        assert_eq!(
            places,
            [(0, 10), (20, 50)],
            "a part without its gene belongs to the last gene of its id"
        );
    }

    #[test]
    fn a_piece_that_overlaps_two_genes_merges_them() {
        let mut genes = Genes::default();
        [gene(0, 10), gene(20, 30), gene(5, 30)].into_iter().for_each(|piece| genes.append(piece));
        let genes = genes.joined();
        assert_eq!((genes.len(), genes[0].start, genes[0].end), (1, 0, 30));
    }

    #[test]
    fn adjacent_exons_are_one_block() {
        let exons = vec![(30, 40), (0, 10), (10, 15), (32, 35)];
        assert_eq!(Gene { exons, ..gene(0, 40) }.blocks(), [(0, 15), (30, 40)]);
        let coding = vec![(3, 6)];
        assert_eq!(Gene { coding, ..gene(0, 40) }.blocks(), [(3, 6)]);
        assert_eq!(gene(0, 40).blocks(), [(0, 40)]);
    }
}
