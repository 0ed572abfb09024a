//! GTF and GFF3 as genes: one row a gene, with the exons of all its transcripts.
//!
//! Coordinates in the file are 1-based with both ends included (GFF3 specification 1.26; GTF2.2),
//! and so are the `exon_starts` and `exon_ends` that the page's gene track reads (PROTOCOL 5).

use super::text::{Line, Lines};
use super::{Format, Input, Records, Rows, Shape, Source, Use};
use crate::error::{Error, Result};
use crate::genome::Strand;
use crate::table::{Column, Data, Texts};
use std::collections::HashMap;
use std::fmt::Write;

pub(super) const GTF: Format = Format {
    name: "gtf",
    extensions: &["gtf"],
    about: "genes with exons, found by name",
    sniff: |head| columns_of(head).is_some_and(|(attributes, _)| attributes.contains("gene_id \"")),
    open: |input, _, _| genes(input, Dialect::Gtf),
};

pub(super) const GFF3: Format = Format {
    name: "gff3",
    extensions: &["gff3", "gff"],
    about: "genes with exons, found by name",
    sniff: |head| {
        columns_of(head).is_some_and(|(attributes, version_3)| {
            version_3 || attributes.starts_with("ID=") || attributes.contains("Parent=")
        })
    },
    open: |input, _, _| genes(input, Dialect::Gff3),
};

/// The attributes of the first row, if it has nine columns with coordinates in the fourth and
/// fifth; and whether the file says that it is GFF3.
fn columns_of(head: &[u8]) -> Option<(String, bool)> {
    let text = String::from_utf8_lossy(head);
    let version_3 = text.starts_with("##gff-version 3");
    let line = text.lines().find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let fields: Vec<_> = line.split('\t').collect();
    let number = |index: usize| fields[index].parse::<u32>().is_ok();
    (fields.len() == 9 && number(3) && number(4)).then(|| (fields[8].to_owned(), version_3))
}

#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    Gtf,
    Gff3,
}

/// What a line describes, as far as genes are concerned.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Gene,
    Exon,
    Coding,
    Other,
}

/// A gene while its lines are collected.
#[derive(Default)]
struct Gene {
    sequence: String,
    start: u32,
    end: u32,
    strand: Strand,
    name: String,
    id: String,
    entrez: Option<String>,
    biotype: String,
    exons: Vec<(u32, u32)>,
    coding: Vec<(u32, u32)>,
    /// A line of its own gave its place; until then it is what its parts span.
    placed: bool,
}

impl Gene {
    fn span(&mut self, start: u32, end: u32) {
        match self.end {
            0 => (self.start, self.end) = (start, end),
            _ => (self.start, self.end) = (self.start.min(start), self.end.max(end)),
        }
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

/// The nine columns of a line; the interval is already 0-based and half-open.
struct Feature<'a> {
    sequence: &'a str,
    kind: &'a str,
    start: u32,
    end: u32,
    strand: Strand,
    attributes: &'a str,
}

fn feature<'a>(line: &Line<'a>) -> Result<Feature<'a>> {
    let mut fields = line.text.split('\t');
    let mut next = || fields.next();
    let (
        Some(sequence),
        Some(_),
        Some(kind),
        Some(start),
        Some(end),
        Some(_),
        Some(strand),
        Some(_),
    ) = (next(), next(), next(), next(), next(), next(), next(), next())
    else {
        return Err(line.error("expected 9 columns separated by tabs"));
    };
    let attributes = next().unwrap_or_default();
    let start = line.position(start, "start (column 4)")?;
    let end = line.position(end, "end (column 5)")?;
    if start == 0 || end < start {
        let message = format!("start {start} and end {end} are no interval; both count from 1");
        return Err(line.error(message));
    }
    let strand = Strand::from_text(strand);
    Ok(Feature { sequence, kind, start: start - 1, end, strand, attributes })
}

fn part(kind: &str) -> Part {
    match kind {
        "exon" => Part::Exon,
        "CDS" => Part::Coding,
        kind if kind.ends_with("gene") || kind == "ncRNA_gene" => Part::Gene,
        _ => Part::Other,
    }
}

/// The value of the first of `keys` that the attributes have.
fn attribute<'a>(attributes: &'a str, dialect: Dialect, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| {
        let mut rest = attributes;
        loop {
            let at = memchr::memmem::find(rest.as_bytes(), key.as_bytes())?;
            let starts = at == 0 || matches!(rest.as_bytes()[at - 1], b';' | b' ' | b',');
            let after = &rest[at + key.len()..];
            rest = after;
            match (starts, dialect) {
                (true, Dialect::Gtf) if after.starts_with([' ', '=']) => {
                    let value = after[1..].trim_start();
                    let (value, stop) =
                        value.strip_prefix('"').map_or((value, ';'), |quoted| (quoted, '"'));
                    return Some(value.split(stop).next().unwrap_or(value).trim());
                }
                (true, Dialect::Gff3) if after.starts_with('=') => {
                    return Some(after[1..].split(';').next().unwrap_or(after).trim());
                }
                _ => {}
            }
        }
    })
}

/// The number that NCBI gives the gene, among `Dbxref=GeneID:4609,..` or `db_xref "GeneID:4609"`.
fn entrez(attributes: &str) -> Option<String> {
    let (_, after) = attributes.split_once("GeneID:")?;
    let digits = after.chars().take_while(char::is_ascii_digit).collect::<String>();
    (!digits.is_empty()).then_some(digits)
}

/// A GFF3 value without its escapes (`%2C` is a comma).
fn unescaped(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn genes(input: &Input, dialect: Dialect) -> Result<Box<dyn Source>> {
    let mut genes = Collected::default();
    let mut lines = Lines::open(input)?;
    while let Some(line) = lines.next()? {
        if line.text.starts_with("##FASTA") {
            break;
        }
        if line.text.is_empty() || line.text.starts_with('#') {
            continue;
        }
        let feature = feature(&line)?;
        match dialect {
            Dialect::Gtf => genes.gtf(&line, &feature)?,
            Dialect::Gff3 => genes.gff3(&feature),
        }
    }
    genes.resolve();
    if genes.list.is_empty() {
        return Err(Error::data(input.path(), "", "holds no genes"));
    }
    Ok(Box::new(Records::new(
        genes.rows(),
        Use { shape: Shape::Genes, name: Some("gene"), importance: None },
    )))
}

#[derive(Default)]
struct Collected {
    list: Vec<Gene>,
    /// Gene by sequence and identifier: genes of X and Y may share one.
    by_id: HashMap<(String, String), usize>,
    /// GFF3: the parents of each identifier that is no gene.
    parents: HashMap<String, String>,
    /// GFF3: parts whose parent is looked up at the end, since it may stand behind them.
    parts: Vec<(String, Part, u32, u32)>,
}

impl Collected {
    fn gene(&mut self, feature: &Feature<'_>, id: &str) -> &mut Gene {
        // Lines of one gene follow each other.
        let last = self.list.len().wrapping_sub(1);
        let is_last =
            self.list.last().is_some_and(|g| g.id == id && g.sequence == feature.sequence);
        let index = if is_last {
            last
        } else {
            let key = (feature.sequence.to_owned(), id.to_owned());
            *self.by_id.entry(key).or_insert_with(|| {
                self.list.push(Gene {
                    sequence: feature.sequence.to_owned(),
                    strand: feature.strand,
                    id: id.to_owned(),
                    ..Gene::default()
                });
                self.list.len() - 1
            })
        };
        &mut self.list[index]
    }

    fn gtf(&mut self, line: &Line<'_>, feature: &Feature<'_>) -> Result<()> {
        let value = |keys| attribute(feature.attributes, Dialect::Gtf, keys);
        let Some(id) = value(&["gene_id"]) else {
            return Err(line.error("has no gene_id among its attributes (column 9)"));
        };
        let gene = self.gene(feature, id);
        if gene.name.is_empty() {
            gene.name = value(&["gene_name", "gene", "gene_id"]).unwrap_or(id).to_owned();
        }
        if gene.entrez.is_none() {
            gene.entrez = entrez(feature.attributes);
        }
        if gene.biotype.is_empty() {
            gene.biotype = value(&["gene_biotype", "gene_type"]).unwrap_or_default().to_owned();
        }
        match part(feature.kind) {
            Part::Gene => {
                (gene.start, gene.end) = (feature.start, feature.end);
                gene.placed = true;
            }
            Part::Exon => gene.exons.push((feature.start, feature.end)),
            Part::Coding => gene.coding.push((feature.start, feature.end)),
            Part::Other => {}
        }
        if !gene.placed {
            gene.span(feature.start, feature.end);
        }
        Ok(())
    }

    fn gff3(&mut self, feature: &Feature<'_>) {
        let value = |keys| attribute(feature.attributes, Dialect::Gff3, keys);
        let parent = value(&["Parent"]);
        let id = value(&["ID"]);
        let part = part(feature.kind);
        match (parent, id) {
            (Some(parents), id) => {
                let first = parents.split(',').next().unwrap_or(parents);
                if let Some(id) = id.filter(|_| part == Part::Other) {
                    self.parents.insert(id.to_owned(), first.to_owned());
                }
                if matches!(part, Part::Exon | Part::Coding) {
                    self.parts.push((first.to_owned(), part, feature.start, feature.end));
                }
            }
            // A landmark is the sequence itself, not something on it.
            (None, _)
                if matches!(
                    feature.kind,
                    "region" | "chromosome" | "contig" | "scaffold" | "supercontig"
                ) => {}
            (None, None) if part != Part::Gene => {}
            (None, id) => {
                let name = value(&["Name", "gene", "gene_name"]).or(id).map(unescaped);
                let biotype = value(&["biotype", "gene_biotype", "gene_type"]).map(unescaped);
                let fallback = format!("{}:{}", feature.sequence, feature.start + 1);
                let gene = self.gene(feature, id.unwrap_or(&fallback));
                gene.entrez = entrez(feature.attributes);
                gene.name = name.unwrap_or(fallback);
                gene.biotype = biotype.unwrap_or_else(|| feature.kind.to_owned());
                // A feature of several lines (one ID) is drawn with its lines as exons.
                gene.span(feature.start, feature.end);
                if part != Part::Gene {
                    gene.exons.push((feature.start, feature.end));
                }
            }
        }
    }

    /// Gives each part that waits for its parent to the gene above it.
    fn resolve(&mut self) {
        let by_id: HashMap<&str, usize> =
            self.by_id.iter().map(|((_, id), index)| (id.as_str(), *index)).collect();
        for (parent, part, start, end) in &self.parts {
            let mut id = parent.as_str();
            // Parents are few steps up; a circle of them must not hold us.
            for _ in 0..8 {
                if let Some(&index) = by_id.get(id) {
                    match part {
                        Part::Exon => self.list[index].exons.push((*start, *end)),
                        _ => self.list[index].coding.push((*start, *end)),
                    }
                    break;
                }
                match self.parents.get(id) {
                    Some(above) => id = above,
                    None => break,
                }
            }
        }
    }

    fn rows(mut self) -> Rows {
        let mut rows = Rows::default();
        let [mut name, mut id, mut starts, mut ends, mut biotype] =
            std::array::from_fn(|_| Texts::default());
        let (mut start_list, mut end_list) = (String::new(), String::new());
        for gene in &mut self.list {
            rows.push(&gene.sequence, gene.start, gene.end);
            rows.strand.push(gene.strand);
            start_list.clear();
            end_list.clear();
            for (index, (start, end)) in gene.blocks().into_iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                // Writing to a string cannot fail.
                let _ = write!(start_list, "{comma}{}", start + 1);
                let _ = write!(end_list, "{comma}{end}");
            }
            name.push(&gene.name);
            id.push(gene.entrez.as_deref().unwrap_or(&gene.id));
            starts.push(&start_list);
            ends.push(&end_list);
            biotype.push(&gene.biotype);
        }
        let columns = [
            ("gene", name),
            ("entrez", id),
            ("exon_starts", starts),
            ("exon_ends", ends),
            ("biotype", biotype),
        ];
        rows.columns =
            columns.into_iter().map(|(name, texts)| Column::new(name, Data::Text(texts))).collect();
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::{Context, Level, Options};

    fn genes_of(name: &str, text: &str) -> Result<Vec<Vec<String>>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let format = crate::source::detect(&Input::File(path.clone()))?;
        assert!(name.ends_with(format.name), "{name} was taken for {}", format.name);
        let source = (format.open)(&Input::File(path), &Options::default(), &Context::default())?;
        let columns = ["gene", "entrez", "exon_starts", "exon_ends", "biotype"];
        let table = source.read(&Region::new("8", 0, 1_000_000), Level::Records, &columns)?;
        let text = |column: &Column, row: usize| match &column.data {
            Data::Text(texts) => texts.get(row).to_owned(),
            _ => String::new(),
        };
        Ok((0..table.len())
            .map(|row| {
                let place = format!("{}-{}{}", table.start[row], table.end[row], table.strand[row]);
                std::iter::once(place).chain(table.columns.iter().map(|c| text(c, row))).collect()
            })
            .collect())
    }

    #[test]
    fn gtf_exons_of_all_transcripts_are_joined() {
        let line = |kind: &str, start: u32, end: u32, rest: &str| {
            format!("8\tx\t{kind}\t{start}\t{end}\t.\t-\t.\tgene_id \"G1\"; {rest}\n")
        };
        let text = [
            line(
                "gene",
                101,
                400,
                "gene_name \"MYC\"; gene_biotype \"protein_coding\"; db_xref \"GeneID:4609\";",
            ),
            line("exon", 301, 400, ""),
            line("exon", 101, 200, ""),
            line("exon", 151, 250, ""),
        ];
        let genes = genes_of("a.gtf", &text.concat()).unwrap();
        assert_eq!(genes, [["100-400-", "MYC", "4609", "101,301", "250,400", "protein_coding"]]);
    }

    #[test]
    fn gff3_exons_reach_their_gene_through_the_transcript_in_any_order() {
        let text = "##gff-version 3\n8\tx\tregion\t1\t900\t.\t.\t.\tID=8\n\
            8\tx\texon\t11\t20\t.\t+\t.\tParent=t1,t2\n\
            8\tx\tmRNA\t11\t40\t.\t+\t.\tID=t1;Parent=g1\n\
            8\tx\tgene\t11\t40\t.\t+\t.\tID=g1;Name=A%2CB;biotype=lncRNA\n\
            8\tx\tcDNA_match\t51\t60\t.\t+\t.\tID=m1\n\
            8\tx\tcDNA_match\t71\t80\t.\t+\t.\tID=m1\n";
        let genes = genes_of("a.gff3", text).unwrap();
        assert_eq!(
            genes,
            [
                ["10-40+", "A,B", "g1", "11", "20", "lncRNA"],
                ["50-80+", "m1", "m1", "51,71", "60,80", "cDNA_match"],
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let good = "8\tx\texon\t11\t20\t.\t+\t.\tgene_id \"a\";\n";
        let error = |bad: &str| genes_of("a.gtf", &format!("{good}{bad}")).unwrap_err().to_string();
        assert!(error("8\tx\texon\t0\t20\t.\t+\t.\tgene_id \"a\"").contains("line 2: start 0"));
        assert!(error("8\tx\texon\t9\t20").contains("line 2: expected 9 columns"));
        assert!(error("8\tx\texon\t9\t20\t.\t+\t.\tgene \"a\"").contains("no gene_id"));
    }
}
