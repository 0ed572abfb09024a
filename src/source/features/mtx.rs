//! Counts of single cells, as written by Cell Ranger, STARsolo and others: `matrix.mtx` (Matrix
//! Market, coordinates), with `features.tsv` or `genes.tsv`, and `barcodes.tsv`, beside it.
//!
//! Thousands of cells cannot be drawn side by side: each feature is one row, with the count in all
//! cells, the number of cells with a count, and the mean count in each group of the table in
//! `samples=` (barcode, group). Without a table, up to fifty cells have columns of their own.

use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::genome::Strand;
use crate::source::features::matrix;
use crate::source::io::delimited::{Separator, is_position, unquoted};
use crate::source::io::lines::{Line, Lines, shortened};
use crate::source::rows::records::{Records, RecordsOptions, Rows};
use crate::source::{Context, Format, GeneLoci, Options, Shape, Source};
use crate::table::{Column, Data, Texts};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub(crate) const FORMAT: Format = Format {
    name: "mtx",
    extensions: &["mtx"],
    about: "blocks: counts of single cells, in all and for each group of samples=",
    sniff: |head| head.starts_with(b"%%MatrixMarket matrix coordinate"),
    open,
};

/// Maximum number of cells that have columns of their own.
const MOST_CELLS: usize = 50;
/// Maximum number of features; no genome has more.
const MOST_FEATURES: usize = 1 << 24;
/// Maximum number of cells; no experiment has more.
const MOST_BARCODES: usize = 1 << 28;

/// Returns whether genes must place the features.
pub(crate) fn needs_genes(input: &Input) -> Result<bool> {
    let features = Features::read(input, usize::MAX)?;
    Ok(!features.list.iter().any(|feature| feature.place.is_some()))
}

/// A row of the matrix.
struct Feature {
    id: String,
    name: String,
    /// Its sequence, start and end, if its line or id gives them.
    place: Option<(String, u32, u32)>,
}

struct Features {
    path: PathBuf,
    list: Vec<Feature>,
}

/// Returns the file with one of these names beside the matrix, plain or compressed.
fn companion_file(input: &Input, names: &[&str]) -> Result<Input> {
    if input.is_remote() {
        let what = "such a matrix is read together with the other files of its folder, which must \
                    be on this machine; download the folder";
        return Err(Error::data(input.path(), "", what));
    }
    let folder = input.path().parent().unwrap_or(Path::new(""));
    // For example, geo_x_features.tsv.gz is beside geo_x_matrix.mtx.gz.
    let own = input.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let prefix = own.split("matrix.mtx").next().filter(|prefix| prefix.len() < own.len());
    let with = |name: &&str| {
        let name = format!("{}{name}", prefix.unwrap_or_default());
        [name.clone(), format!("{name}.gz")].map(|name| folder.join(name))
    };
    let found = names.iter().flat_map(with).find(|path| path.is_file());
    found.map(Input::File).ok_or_else(|| {
        let what = format!("needs the file {} beside it", names.join(" or "));
        Error::data(input.path(), "", what)
    })
}

impl Features {
    /// Reads the features; more than `most` are an error.
    fn read(input: &Input, most: usize) -> Result<Self> {
        let file = companion_file(input, &["features.tsv", "genes.tsv", "peaks.bed"])?;
        let is_bed = file.ending() == "bed";
        let (mut lines, mut list) =
            (Lines::watched(&file, &Progress::default(), None)?, Vec::new());
        while let Some(line) = lines.next()? {
            let fields: Vec<&str> = Separator::of(line.text).split(line.text);
            if list.len() == most.min(MOST_FEATURES) {
                return Err(line.error("the matrix has fewer rows than there are features here"));
            }
            list.push(Feature::of(&line, &fields, is_bed)?);
        }
        Ok(Features { path: file.path().into(), list })
    }
}

impl Feature {
    /// Reads `id name type`, and for peaks and genes of newer versions `chrom start end` as in BED.
    fn of(line: &Line<'_>, fields: &[&str], is_bed: bool) -> Result<Self> {
        let id = fields.first().copied().unwrap_or_default();
        let interval = |sequence: &str, start: &str, end: &str| -> Result<_> {
            let (start, end) = line.interval((start, "start"), (end, "end"), 0)?;
            Ok(Some((sequence.to_owned(), start, end)))
        };
        let place = match fields {
            [sequence, start, end, ..] if is_bed => interval(sequence, start, end)?,
            [_, _, _, sequence, start, end, ..] if is_position(start) && is_position(end) => {
                interval(sequence, start, end)?
            }
            // The id of a peak is its region, 0-based as in the BED file from which it comes.
            _ => match matrix::region(id) {
                Some([sequence, start, end]) => interval(sequence, start, end)?,
                None => None,
            },
        };
        let name = if is_bed { id } else { fields.get(1).copied().unwrap_or(id) };
        Ok(Feature { id: id.to_owned(), name: name.to_owned(), place })
    }

    /// Returns the sequence, start, end and strand.
    fn locus<'a>(&'a self, genes: &'a GeneLoci) -> Option<(&'a str, u32, u32, Strand)> {
        match &self.place {
            Some((sequence, start, end)) => Some((sequence, *start, *end, Strand::Both)),
            None => {
                let locus = genes.find(&self.id).or_else(|| genes.find(&self.name))?;
                Some((&locus.sequence, locus.start, locus.end, locus.strand))
            }
        }
    }
}

/// The groups of cells that become columns.
struct Groups {
    names: Vec<String>,
    /// The number of cells in each group.
    cells: Vec<u32>,
    /// The group of each cell, if it has one.
    of_cell: Vec<Option<u32>>,
}

impl Groups {
    /// Creates one group per cell.
    fn single(barcodes: Vec<String>) -> Self {
        let cells = vec![1; barcodes.len()];
        Groups { of_cell: (0..barcodes.len() as u32).map(Some).collect(), cells, names: barcodes }
    }

    fn none(cells: usize) -> Self {
        Groups { names: Vec::new(), cells: Vec::new(), of_cell: vec![None; cells] }
    }

    /// Reads the groups from a table: the first column is the barcode, the second the group.
    fn read(path: &Path, barcodes: &[String]) -> Result<Self> {
        let at: HashMap<&str, usize> = barcodes.iter().map(String::as_str).zip(0..).collect();
        let mut groups = Groups::none(barcodes.len());
        let mut lines = Lines::watched(&Input::File(path.into()), &Progress::default(), None)?;
        while let Some(line) = lines.next()? {
            let separator = match (line.text.contains('\t'), line.text.contains(',')) {
                (false, true) => Separator::Comma,
                _ => Separator::of(line.text),
            };
            let fields = separator.split(line.text);
            let [barcode, group, ..] = fields[..] else {
                return Err(line.error("expected two columns: barcode, group"));
            };
            let Some(cell) = at.get(unquoted(barcode)) else { continue };
            let group = unquoted(group);
            let index = groups.names.iter().position(|known| known == group);
            let index = index.unwrap_or_else(|| {
                groups.names.push(group.to_owned());
                groups.cells.push(0);
                groups.names.len() - 1
            });
            if groups.names.len() > 4 * MOST_CELLS {
                return Err(line.error("there are more than 200 groups; is column 2 the group?"));
            }
            if groups.of_cell[*cell].replace(index as u32).is_some() {
                return Err(line.error(format!("'{}' appears twice", shortened(barcode))));
            }
            groups.cells[index] += 1;
        }
        if groups.names.is_empty() {
            return Err(Error::data(path, "", "names none of the barcodes of the matrix"));
        }
        Ok(groups)
    }
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut lines = Lines::watched(input, &context.progress, None)?;
    let is_pattern = lines.next()?.is_some_and(|line| line.text.contains(" pattern "));
    let [rows, cells, entries] = loop {
        let Some(line) = lines.next()? else {
            return Err(Error::data(input.path(), "", "ends before the line with its size"));
        };
        if !line.text.starts_with('%') && !line.text.trim().is_empty() {
            let sizes: Vec<usize> =
                line.text.split_ascii_whitespace().flat_map(str::parse).collect();
            let sizes = <[usize; 3]>::try_from(sizes).ok();
            let sizes =
                sizes.filter(|[rows, cells, _]| *rows <= MOST_FEATURES && *cells <= MOST_BARCODES);
            break sizes.ok_or_else(|| {
                line.error("does not give the numbers of rows, columns and entries")
            })?;
        }
    };
    let features = Features::read(input, rows)?;
    if features.list.len() != rows {
        let what = format!("has {} lines, but the matrix {rows} rows", features.list.len());
        return Err(Error::data(&features.path, "", what));
    }
    let groups = groups(input, options, cells)?;
    let mut counts = Counts::new(rows, &groups);
    let mut count = 0;
    while let Some(line) = lines.next()? {
        if !line.text.trim().is_empty() {
            counts.add(&line, is_pattern, &groups, cells)?;
            count += 1;
        }
    }
    if count != entries {
        let what = format!("has {count} entries, but says {entries}; is the copy complete?");
        return Err(Error::data(input.path(), "", what));
    }
    counts
        .records(input, &features, &groups, &options.gene_loci)
        .map(|records| Box::new(records) as _)
}

/// Returns the requested groups, or else one group per cell if there are few.
fn groups(input: &Input, options: &Options, cells: usize) -> Result<Groups> {
    let file = companion_file(input, &["barcodes.tsv"])?;
    let (mut lines, mut barcodes) =
        (Lines::watched(&file, &Progress::default(), None)?, Vec::new());
    while let Some(line) = lines.next()? {
        barcodes.push(line.text.split('\t').next().unwrap_or_default().to_owned());
    }
    if barcodes.len() != cells {
        let what = format!("has {} lines, but the matrix {cells} columns", barcodes.len());
        return Err(Error::data(file.path(), "", what));
    }
    match &options.samples {
        Some(table) => Groups::read(table, &barcodes),
        None if cells <= MOST_CELLS => Ok(Groups::single(barcodes)),
        None => Ok(Groups::none(cells)),
    }
}

/// The sums of each feature.
struct Counts {
    total: Vec<f64>,
    cells: Vec<f64>,
    /// The counts of all groups, feature by feature.
    groups: Vec<f64>,
}

impl Counts {
    fn new(rows: usize, groups: &Groups) -> Self {
        let zeros = |count| vec![0.0; count];
        Counts { total: zeros(rows), cells: zeros(rows), groups: zeros(rows * groups.names.len()) }
    }

    /// Adds a line: row, column, count.
    fn add(
        &mut self,
        line: &Line<'_>,
        is_pattern: bool,
        groups: &Groups,
        cells: usize,
    ) -> Result<()> {
        let mut fields = line.text.split_ascii_whitespace();
        let mut index = |most: usize, what: &str| {
            let number = fields.next().and_then(|field| field.parse::<usize>().ok());
            let number = number.filter(|number| (1..=most).contains(number));
            number
                .map(|number| number - 1)
                .ok_or_else(|| line.error(format!("{what} is not within 1 to {most}")))
        };
        let row = index(self.total.len(), "the row")?;
        let cell = index(cells, "the column")?;
        let value = if is_pattern { Some(1.0) } else { fields.next().and_then(|f| f.parse().ok()) };
        let value: f64 = value
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| line.error("the count is not a number"))?;
        self.total[row] += value;
        self.cells[row] += f64::from(u8::from(value != 0.0));
        if let Some(group) = groups.of_cell[cell] {
            self.groups[row * groups.names.len() + group as usize] += value;
        }
        Ok(())
    }

    fn records(
        self,
        input: &Input,
        features: &Features,
        groups: &Groups,
        genes: &GeneLoci,
    ) -> Result<Records> {
        let mut rows = Rows::default();
        let [mut names, mut ids] = [Texts::default(), Texts::default()];
        let mut kept = Vec::new();
        for (index, feature) in features.list.iter().enumerate() {
            let Some((sequence, start, end, strand)) = feature.locus(genes) else { continue };
            rows.push(sequence, start, end);
            rows.strand.push(strand);
            names.push(&feature.name);
            ids.push(&feature.id);
            kept.push(index);
        }
        let (all, unplaced) = (features.list.len(), features.list.len() - kept.len());
        let first = features.list.first().map_or("", |feature| &feature.name);
        if kept.is_empty() {
            let what = format!(
                "none of its features ('{}', ...) has a known position; serve the \
                 annotation of their genes too (--genes)",
                shortened(first)
            );
            return Err(Error::data(input.path(), "", what));
        }
        if unplaced > 0 {
            let path = input.path().display();
            tracing::warn!(
                "{path}: {unplaced} of {all} features are not genes of the served annotations and \
                 are not shown"
            );
        }
        let of = |values: &[f64]| Data::Doubles(kept.iter().map(|row| values[*row]).collect());
        let width = groups.names.len();
        let mean = |group: usize| {
            let cells = f64::from(groups.cells[group]);
            Data::Doubles(kept.iter().map(|row| self.groups[row * width + group] / cells).collect())
        };
        rows.columns = vec![
            Column::new("gene", Data::Text(names)),
            Column::new("id", Data::Text(ids)),
            Column::new("total", of(&self.total)),
            Column::new("cells", of(&self.cells)),
        ];
        let groups = groups.names.iter().enumerate();
        rows.columns.extend(groups.map(|(at, name)| Column::new(name.as_str(), mean(at))));
        let how = RecordsOptions {
            shape: Shape::Features,
            name: Some("gene"),
            importance: Some("total"),
        };
        Ok(Records::new(rows, how))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::{GeneLocus, Level};

    const MATRIX: &str = "%%MatrixMarket matrix coordinate integer general\n%x\n3 4 5\n\
        1 1 2\n1 2 3\n2 4 1\n2 1 7\n3 3 9\n";

    fn folder(features: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("matrix.mtx", MATRIX),
            ("features.tsv", features),
            ("barcodes.tsv", "AA-1\nCC-1\nGG-1\nTT-1\n"),
            ("clusters.csv", "barcode,cluster\nAA-1,T cell\nCC-1,T cell\nTT-1,B cell\n"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn opened(folder: &Path, options: &Options) -> Result<Box<dyn Source>> {
        open(&Input::File(folder.join("matrix.mtx")), options, &Context::default())
    }

    fn row(source: &dyn Source, at: usize, columns: &[&str]) -> Vec<f64> {
        let table = source.read(&Region::new("chr1", 0, 10_000), Level::Records, columns).unwrap();
        table.columns.iter().map(|column| column.data.number(at)).collect()
    }

    #[test]
    fn cells_are_summed_up_by_their_groups() {
        let peaks =
            "chr1:100-200\tchr1:100-200\tPeaks\nchr1:300-400\tx\tPeaks\nchr1:500-600\tx\tPeaks\n";
        let folder = folder(peaks);
        let options =
            Options { samples: Some(folder.path().join("clusters.csv")), ..Options::default() };
        let source = opened(folder.path(), &options).unwrap();
        let all = ["total", "cells", "T cell", "B cell"];
        assert_eq!(row(&*source, 0, &all), [5.0, 2.0, 2.5, 0.0]);
        assert_eq!(row(&*source, 1, &all), [8.0, 2.0, 3.5, 1.0]);
        assert_eq!(row(&*source, 2, &all), [9.0, 1.0, 0.0, 0.0], "a cell without a group");
        let table = source.read(&Region::new("chr1", 0, 999), Level::Records, &[]).unwrap();
        assert_eq!((table.start[0], table.end[0]), (100, 200), "peaks are those of a BED file");
        let single = opened(folder.path(), &Options::default()).unwrap();
        assert_eq!(row(&*single, 1, &["AA-1", "TT-1", "GG-1"]), [7.0, 1.0, 0.0]);
    }

    #[test]
    fn genes_lie_where_the_annotation_says() {
        let folder = folder("ENSG1\tMYC\tGene Expression\nENSG2\tTP53\tx\nENSG3\tNONE\tx\n");
        assert!(needs_genes(&Input::File(folder.path().join("matrix.mtx"))).unwrap());
        let mut genes = GeneLoci::default();
        for (name, start) in [("ENSG2", 100), ("MYC", 500)] {
            let (end, strand) = (start + 100, Strand::Reverse);
            genes.add(name, &GeneLocus { sequence: "chr1".into(), start, end, strand });
        }
        let options = Options { gene_loci: genes, ..Options::default() };
        let source = opened(folder.path(), &options).unwrap();
        assert_eq!(row(&*source, 0, &["total"]), [8.0]);
        assert_eq!(row(&*source, 1, &["total"]), [5.0]);
        assert_eq!(source.search("tp53", 5).len(), 1);
        let error = opened(folder.path(), &Options::default()).err().unwrap().to_string();
        assert!(
            error.contains("none of its features ('MYC', ...) has a known position"),
            "{error}"
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let folder = folder("chr1:1-2\nchr1:3-4\nchr1:5-6\n");
        let error = |name: &str, text: &str| {
            let path = folder.path().join(name);
            let before = std::fs::read(&path).unwrap();
            std::fs::write(&path, text).unwrap();
            let error = opened(folder.path(), &Options::default()).err().unwrap().to_string();
            std::fs::write(&path, before).unwrap();
            error
        };
        let matrix = |from: &str, to: &str| error("matrix.mtx", &MATRIX.replace(from, to));
        assert!(matrix("3 3 9", "4 3 9").contains("line 8: the row is not within 1 to 3"));
        assert!(matrix("3 3 9", "3 5 9").contains("line 8: the column is not within 1 to 4"));
        assert!(matrix("3 3 9", "3 3 x").contains("line 8: the count is not a number"));
        assert!(matrix("3 3 9\n", "").contains("has 4 entries, but says 5"));
        assert!(
            error("barcodes.tsv", "AA\n")
                .contains("barcodes.tsv: has 1 lines, but the matrix 4 columns")
        );
        assert!(error("features.tsv", "chr1:1-2\n").contains("has 1 lines, but the matrix 3 rows"));
    }
}
