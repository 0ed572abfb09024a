//! GTF: each line names its gene and its transcript.

use super::{Feature, FeatureKind, GffVersion, Reading, attribute, entrez, feature};
use crate::error::Result;
use crate::source::Unit;
use crate::source::io::lines::{Line, LineBlock, shortened};
use crate::source::rows::collector::Budget;
use crate::source::rows::genes::{Gene, Genes, PART};

/// Parses the genes of a block; the first and last may have parts in neighbouring blocks.
pub(super) fn parse(block: &LineBlock, how: Reading<'_>) -> Result<Vec<Gene>> {
    let mut genes = Genes::default();
    for line in block.lines() {
        let mut take = || match feature(&line)? {
            Some(feature) => add(&mut genes, &line, &feature, how.unit, how.budget),
            None => Ok(()),
        };
        match (take(), how.skip) {
            (Err(error), Some(skip)) => skip.count(error)?,
            (taken, _) => taken?,
        }
    }
    Ok(genes.list)
}

/// Joins the genes of all blocks.
pub(super) fn genes(parts: Vec<Vec<Gene>>, _: Reading<'_>) -> Result<Vec<Gene>> {
    let mut genes = Genes::default();
    parts.into_iter().flatten().for_each(|gene| genes.append(gene));
    Ok(genes.joined())
}

fn add(
    genes: &mut Genes,
    line: &Line<'_>,
    feature: &Feature<'_>,
    unit: Unit,
    budget: &Budget,
) -> Result<()> {
    let Feature { sequence, part, start, end, attributes, .. } = *feature;
    let given = |keys: &[&str]| attribute(attributes, GffVersion::Gtf, keys);
    let value = |keys: &[&str]| given(keys).filter(|text| !text.is_empty());
    let (key, head) = match unit {
        Unit::Genes => (["gene_id"], FeatureKind::Gene),
        Unit::Transcripts => (["transcript_id"], FeatureKind::Transcript),
    };
    let Some(id) = value(&key) else {
        // Genes and other features may have no transcript.
        if unit == Unit::Transcripts && matches!(part, FeatureKind::Gene | FeatureKind::Other) {
            return Ok(());
        }
        // GTF2.2: an empty id is that of a feature between genes.
        if given(&key).is_some() {
            return Ok(());
        }
        return Err(line.error(format!("has no {} among its attributes (column 9)", key[0])));
    };
    const NAMES: [&str; 3] = ["gene_name", "gene", "gene_id"];
    if let Some(open) = [Some(id), value(&NAMES)].into_iter().flatten().find(|v| v.starts_with('"'))
    {
        let what = "a quote among its attributes (column 9) is not closed: ";
        return Err(line.error(format!("{what}{}", shortened(open))));
    }
    let is_head = part == head;
    // A gene may have several transcripts. One that lies elsewhere belongs to another gene of that
    // id, unless a line gives the gene's interval.
    let begins = |gene: &Gene| match part {
        FeatureKind::Gene => !gene.overlaps(start, end),
        FeatureKind::Transcript => !gene.placed && !gene.overlaps(start, end),
        _ => false,
    };
    let found = genes.find(sequence, id).filter(|index| !begins(&genes.list[*index]));
    let index = found.unwrap_or_else(|| {
        genes.push(Gene {
            sequence: sequence.to_owned(),
            id: id.to_owned(),
            headless: !matches!(part, FeatureKind::Gene | FeatureKind::Transcript),
            ..Gene::default()
        })
    });
    let gene = &mut genes.list[index];
    if found.is_none() || is_head {
        let text = |keys: &[&str]| value(keys).unwrap_or_default().to_owned();
        gene.strand = feature.strand;
        gene.name = text(&NAMES);
        gene.biotype = match unit {
            Unit::Genes => text(&["gene_biotype", "gene_type"]),
            Unit::Transcripts => {
                text(&["transcript_biotype", "transcript_type", "gene_biotype", "gene_type"])
            }
        };
        gene.entrez = entrez(attributes);
    }
    let parts = usize::from(matches!(part, FeatureKind::Exon | FeatureKind::Coding));
    budget.take(line, PART * parts + if found.is_none() { gene.memory() } else { 0 })?;
    match part {
        _ if is_head => {
            (gene.start, gene.end) = (start, end);
            gene.placed = true;
        }
        FeatureKind::Exon => gene.exons.push((start, end)),
        FeatureKind::Coding => gene.coding.push((start, end)),
        _ => {}
    }
    if !gene.placed {
        gene.span(start, end);
    }
    if unit == Unit::Genes
        && let Some(transcript) = value(&["transcript_id"])
    {
        budget.take(line, gene.add_transcript(transcript))?;
    }
    Ok(())
}
