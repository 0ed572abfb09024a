//! GFF3: lines name their parents, which may stand behind them.

use super::{Feature, FeatureKind, GffVersion, attribute, entrez, feature, unescaped};
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::Unit;
use crate::source::io::lines::{Line, LineBlock};
use crate::source::rows::collector::Budget;
use crate::source::rows::genes::{Gene, Genes, PART};

/// What a block of lines holds.
#[derive(Default)]
pub(super) struct Parsed {
    /// Everything that can have parts. A feature of several lines (one ID) is there for each.
    features: Vec<Gene>,
    /// Exons and coding parts.
    pieces: Vec<Piece>,
    /// Sequences begin in this block: there is no feature behind it.
    ended: bool,
    /// A line that is no feature, which is right if the sequences have begun before.
    stray: Option<Error>,
}

struct Piece {
    sequence: String,
    parents: String,
    coding: bool,
    start: u32,
    end: u32,
}

/// The features and parts of a block.
pub(super) fn parse(block: &LineBlock, _: Unit, budget: &Budget) -> Result<Parsed> {
    let mut parsed = Parsed::default();
    for line in block.lines() {
        if line.text.starts_with("##FASTA") || line.text.starts_with('>') {
            parsed.ended = true;
            break;
        }
        match feature(&line) {
            Ok(Some(feature)) => add(&mut parsed, &line, &feature, budget)?,
            Ok(None) => {}
            Err(error) => {
                parsed.stray = Some(error);
                break;
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
        parsed.pieces.push(Piece {
            sequence,
            parents,
            coding: part == FeatureKind::Coding,
            start,
            end,
        });
        return Ok(());
    }
    // A landmark is the sequence itself, not something on it.
    let landmark = ["region", "chromosome", "contig", "scaffold", "supercontig"];
    if parents.is_empty() && landmark.contains(&kind) {
        return Ok(());
    }
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
        // Lines of one ID are one feature, however far apart they lie.
        headless: true,
        ..Gene::default()
    };
    budget.take(line, feature.memory())?;
    parsed.features.push(feature);
    Ok(())
}

/// The genes of all blocks, or their transcripts.
pub(super) fn genes(blocks: Vec<Parsed>, unit: Unit, input: &Input) -> Result<Vec<Gene>> {
    let mut tree = Tree::default();
    let mut pieces = Vec::new();
    for block in blocks {
        block.features.into_iter().for_each(|feature| tree.features.append(feature));
        pieces.extend(block.pieces);
        if let Some(error) = block.stray {
            return Err(error);
        }
        if block.ended {
            break;
        }
    }
    tree.has_parts = vec![false; tree.features.list.len()];
    let orphans = pieces.iter().filter(|piece| !tree.attach(piece, unit)).count();
    if orphans > 0 {
        let path = input.path().display();
        tracing::warn!(
            "{path}: {orphans} exons have no parent in the file that is a gene's; not shown"
        );
    }
    Ok(tree.rows(unit))
}

/// A feature has few others above it, a transcript and a gene; one that says more is not believed.
const MOST_ABOVE: usize = 64;

#[derive(Default)]
struct Tree {
    features: Genes,
    /// Which features have exons or coding parts of their own, or of their transcripts.
    has_parts: Vec<bool>,
}

impl Tree {
    /// Gives an exon to the features it is a part of; tells whether there was one.
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

    /// The features above the one at `index` that are in no other; none if they run in a circle.
    fn roots(&self, index: usize) -> Vec<usize> {
        let (mut found, mut seen, mut next) = (Vec::new(), vec![index], 0);
        while let Some(&index) = seen.get(next) {
            next += 1;
            let feature = &self.features.list[index];
            let above = feature.parents.split(',').filter(|parent| !parent.is_empty());
            let above = above.filter_map(|parent| self.features.find(&feature.sequence, parent));
            let mut is_root = true;
            for parent in above {
                is_root = false;
                if seen.len() < MOST_ABOVE && !seen.contains(&parent) {
                    seen.push(parent);
                }
            }
            found.extend(is_root.then_some(index));
        }
        found
    }

    fn rows(self, unit: Unit) -> Vec<Gene> {
        let any_gene = self.features.list.iter().any(|feature| feature.placed);
        let is_row = |index: usize, feature: &Gene| match unit {
            // Beside genes stand alignments, enhancers and the like, which are none.
            Unit::Genes => {
                let top = feature.parents.is_empty();
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

/// An ID without the kind that Ensembl (`gene:`) and NCBI (`gene-`) put before it.
fn plain_id(id: &str) -> String {
    let kinds = ["gene:", "transcript:", "gene-", "rna-"];
    let bare = kinds.iter().find_map(|kind| id.strip_prefix(kind));
    unescaped(bare.unwrap_or(id))
}
