//! GFF3: lines name their parents, which may come later in the file.

use super::{Feature, FeatureKind, GffVersion, Reading, attribute, entrez, feature, unescaped};
use crate::error::{Error, Result};
use crate::genome::Strand;
use crate::source::Unit;
use crate::source::io::lines::{Line, LineBlock};
use crate::source::rows::collector::Budget;
use crate::source::rows::genes::{Gene, Genes, PART};

/// The content of a block of lines.
#[derive(Default)]
pub(super) struct Parsed {
    /// All features that can have parts; one of several lines (one ID) has an entry for each line.
    features: Vec<Gene>,
    /// Sequences that are listed as features.
    landmarks: Vec<Gene>,
    /// Exons and coding parts.
    pieces: Vec<Piece>,
    /// Whether the FASTA sequences begin in this block; no features come after it.
    ended: bool,
    /// The error of the first line that is not a feature, and the number of such lines. They are
    /// not errors if the FASTA sequences began in an earlier block.
    stray: Option<(Error, u64)>,
}

struct Piece {
    sequence: String,
    parents: String,
    strand: Strand,
    coding: bool,
    start: u32,
    end: u32,
}

/// Parses the features and parts of a block.
pub(super) fn parse(block: &LineBlock, how: Reading<'_>) -> Result<Parsed> {
    let mut parsed = Parsed::default();
    for line in block.lines() {
        if line.text.starts_with("##FASTA") || line.text.starts_with('>') {
            parsed.ended = true;
            break;
        }
        match feature(&line) {
            Ok(Some(feature)) => add(&mut parsed, &line, &feature, how.budget)?,
            Ok(None) => {}
            Err(error) => {
                parsed.stray.get_or_insert((error, 0)).1 += 1;
                if how.skip.is_none() {
                    break;
                }
            }
        }
    }
    Ok(parsed)
}

fn add(parsed: &mut Parsed, line: &Line<'_>, feature: &Feature<'_>, budget: &Budget) -> Result<()> {
    let Feature { sequence, kind, part, start, end, strand, attributes } = *feature;
    let value = |keys| attribute(attributes, GffVersion::Gff3, keys);
    let parents = value(&["Parent"]).unwrap_or_default();
    if !parents.is_empty() && matches!(part, FeatureKind::Exon | FeatureKind::Coding) {
        let (sequence, parents) = (sequence.to_owned(), parents.to_owned());
        budget.take(line, size_of::<Piece>() + sequence.len() + parents.len() + PART)?;
        let coding = part == FeatureKind::Coding;
        parsed.pieces.push(Piece { sequence, parents, strand, coding, start, end });
        return Ok(());
    }
    // A landmark is the sequence itself, not something on it.
    let landmark = ["region", "chromosome", "contig", "scaffold", "supercontig"];
    let is_landmark = parents.is_empty() && landmark.contains(&kind);
    let id = value(&["ID"]).map_or_else(|| format!("{sequence}:{}", start + 1), str::to_owned);
    let biotype = value(&["biotype", "gene_biotype", "gene_type", "transcript_type"]);
    let feature = Gene {
        sequence: sequence.to_owned(),
        start,
        end,
        strand,
        name: value(&["Name", "gene", "gene_name"]).map(unescaped).unwrap_or_default(),
        id,
        entrez: entrez(attributes),
        biotype: biotype.map_or_else(|| kind.to_owned(), unescaped),
        // Its lines are drawn as exons unless it has parts.
        exons: if part == FeatureKind::Gene { Vec::new() } else { vec![(start, end)] },
        parents: parents.to_owned(),
        placed: part == FeatureKind::Gene,
        // Lines with the same ID are one feature, however far apart they are.
        headless: true,
        ..Gene::default()
    };
    budget.take(line, feature.memory())?;
    let list = if is_landmark { &mut parsed.landmarks } else { &mut parsed.features };
    list.push(feature);
    Ok(())
}

/// Returns the genes of all blocks, or their transcripts.
pub(super) fn genes(blocks: Vec<Parsed>, how: Reading<'_>) -> Result<Vec<Gene>> {
    let (mut tree, unit) = (Tree::default(), how.unit);
    let (mut pieces, mut landmarks) = (Vec::new(), Vec::new());
    for block in blocks {
        block.features.into_iter().for_each(|feature| tree.features.append(feature));
        pieces.extend(block.pieces);
        landmarks.extend(block.landmarks);
        match (block.stray, how.skip) {
            (Some((error, lines)), Some(skip)) => skip.count_many(lines, error)?,
            (Some((error, _)), None) => return Err(error),
            (None, _) => {}
        }
        if block.ended {
            break;
        }
    }
    if tree.features.list.is_empty() && pieces.is_empty() {
        landmarks.into_iter().for_each(|landmark| tree.features.append(landmark));
    }
    if !tree.features.list.iter().any(|feature| feature.placed) {
        tree.adopt(&pieces);
    }
    tree.has_parts = vec![false; tree.features.list.len()];
    let orphans = pieces.iter().filter(|piece| !tree.attach(piece, unit)).count();
    if orphans > 0 {
        let path = how.input.path().display();
        tracing::warn!("{path}: {orphans} exons belong to no gene in the file and are not shown");
    }
    Ok(tree.rows(unit))
}

/// Maximum number of features visited to find the roots of one; normally a transcript and a gene.
const MOST_ABOVE: usize = 64;

#[derive(Default)]
struct Tree {
    features: Genes,
    /// Whether each feature has exons or coding parts, its own or those of its transcripts.
    has_parts: Vec<bool>,
}

impl Tree {
    /// Creates transcripts, in a file without genes, for the exons whose parent is not in the file.
    fn adopt(&mut self, pieces: &[Piece]) {
        // Features that are in the file have an interval of their own.
        let first = self.features.list.len();
        for piece in pieces {
            for parent in piece.parents.split(',') {
                let known = self.features.find(&piece.sequence, parent);
                let index = known.unwrap_or_else(|| {
                    self.features.push(Gene {
                        sequence: piece.sequence.clone(),
                        id: parent.to_owned(),
                        strand: piece.strand,
                        biotype: "transcript".to_owned(),
                        headless: true,
                        ..Gene::default()
                    })
                });
                if index >= first {
                    self.features.list[index].span(piece.start, piece.end);
                }
            }
        }
    }

    /// Adds an exon or coding part to the features it belongs to. Returns whether there are any.
    fn attach(&mut self, piece: &Piece, unit: Unit) -> bool {
        let mut owners = Vec::new();
        for parent in piece.parents.split(',') {
            match (unit, self.features.find(&piece.sequence, parent)) {
                (_, None) => {}
                (Unit::Transcripts, Some(index)) => owners.push(index),
                (Unit::Genes, Some(index)) => owners.extend(self.roots(index)),
            }
        }
        owners.sort_unstable();
        owners.dedup();
        for &index in &owners {
            let owner = &mut self.features.list[index];
            if !std::mem::replace(&mut self.has_parts[index], true) {
                owner.exons.clear();
            }
            let parts = if piece.coding { &mut owner.coding } else { &mut owner.exons };
            parts.push((piece.start, piece.end));
        }
        !owners.is_empty()
    }

    /// Returns the topmost ancestors of a feature, or itself if it has no parents; none in a cycle.
    fn roots(&self, index: usize) -> Vec<usize> {
        let (mut found, mut seen, mut next) = (Vec::new(), vec![index], 0);
        while let Some(&index) = seen.get(next) {
            next += 1;
            let feature = &self.features.list[index];
            let mut is_root = true;
            for parent in self.above(feature) {
                is_root = false;
                if seen.len() < MOST_ABOVE && !seen.contains(&parent) {
                    seen.push(parent);
                }
            }
            found.extend(is_root.then_some(index));
        }
        found
    }

    /// Returns the features that a feature names as its parents, if they are in the file.
    fn above<'t>(&'t self, feature: &'t Gene) -> impl Iterator<Item = usize> + 't {
        let above = feature.parents.split(',').filter(|parent| !parent.is_empty());
        above.filter_map(|parent| self.features.find(&feature.sequence, parent))
    }

    /// Adds the ids of its transcripts to each gene.
    fn name_transcripts(&mut self) {
        for index in 0..self.features.list.len() {
            for root in self.roots(index).into_iter().filter(|root| *root != index) {
                let id = plain_id(&self.features.list[index].id);
                self.features.list[root].add_transcript(&id);
            }
        }
    }

    fn rows(mut self, unit: Unit) -> Vec<Gene> {
        if unit == Unit::Genes {
            self.name_transcripts();
        }
        let any_gene = self.features.list.iter().any(|feature| feature.placed);
        let is_row = |index: usize, feature: &Gene| match unit {
            // Alignments, enhancers and similar features are not genes.
            Unit::Genes => {
                // The parent that its line names may not be in the file.
                let top = self.above(feature).next().is_none();
                top && (feature.placed || self.has_parts[index] || !any_gene)
            }
            Unit::Transcripts => self.has_parts[index],
        };
        let mut rows = Vec::new();
        for (index, feature) in self.features.list.iter().enumerate() {
            if !is_row(index, feature) {
                continue;
            }
            let mut row = feature.clone();
            if unit == Unit::Transcripts
                && let Some(gene) = self.roots(index).first().map(|root| &self.features.list[*root])
            {
                row.name =
                    if gene.name.is_empty() { plain_id(&gene.id) } else { gene.name.clone() };
                row.entrez = gene.entrez.clone().or_else(|| Some(plain_id(&gene.id)));
            }
            row.id = plain_id(&row.id);
            rows.push(row);
        }
        rows
    }
}

/// Returns an ID without the kind with which Ensembl (`gene:`) and NCBI (`gene-`) prefix it.
fn plain_id(id: &str) -> String {
    let kinds = ["gene:", "transcript:", "gene-", "rna-"];
    let bare = kinds.iter().find_map(|kind| id.strip_prefix(kind));
    unescaped(bare.unwrap_or(id))
}
