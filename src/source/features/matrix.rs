//! Matrices: one row per gene, CpG or other feature, one column per sample (expression,
//! methylation). TSV, CSV and GCT.
//!
//! Rows are placed by their coordinates; in a matrix without coordinates, by the genes of the
//! annotations that are served with it.

mod header;
mod samples;

use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::genome::Strand;
use crate::source::io::delimited::{is_comment, most_rows, number, strand, unquoted};
use crate::source::io::lines::{Line, Lines, shortened};
use crate::source::rows::collector::{self, Budget, Collector, inferred};
use crate::source::rows::column_stats::ColumnStats;
use crate::source::rows::format::{RowFormat, TabixRows, each_good_line};
use crate::source::rows::indexed::{About, Indexed};
use crate::source::rows::open::open as open_rows;
use crate::source::rows::records::Records;
use crate::source::rows::row::{Emit, Row};
use crate::source::rows::tabix::IndexHint;
use crate::source::{ColumnInfo, Context, Format, GeneLoci, Options, Source};
use header::Header;
pub(super) use header::region;
use samples::Annotations;
use std::path::Path;

pub(crate) const FORMAT: Format = Format {
    name: "matrix",
    extensions: &["tsv", "csv", "gct", "txt", "sf"],
    about: "blocks; each sample's values can be plotted and compared",
    sniff: |head| {
        // Methylation and other tables have a header and numbers too.
        let telling = [
            super::methylation::FORMAT,
            super::bedpe::BEDPE,
            super::seg::FORMAT,
            super::maf::FORMAT,
            super::gwas::FORMAT,
        ];
        if telling.iter().any(|format| (format.sniff)(head)) {
            return false;
        }
        let text = String::from_utf8_lossy(head);
        let mut lines = text.lines();
        let header = Header::read(Path::new(""), || Ok(lines.next().map(str::to_owned)));
        header.is_ok_and(|header| {
            if header.is_row {
                most_rows(head, |fields| region(unquoted(fields[0])).is_some())
            } else {
                lines.next().is_some_and(|row| header.is_of(row))
            }
        })
    },
    open,
};

/// Returns whether the rows of a matrix have no coordinates, so that genes must place them.
pub(crate) fn needs_genes(input: &Input) -> Result<bool> {
    let mut lines = Lines::open(input)?;
    let mut header =
        Header::read(input.path(), || Ok(lines.next()?.map(|line| line.text.to_owned())))?;
    while let Some(line) = lines.next()? {
        if !is_comment(line.text) {
            header.suit(line.text);
            break;
        }
    }
    Ok(header.layout.is_none() && header.regions.is_none())
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut lines = Lines::open(input)?;
    let mut header_lines = 0;
    let mut header = Header::read(input.path(), || {
        header_lines += 1;
        Ok(lines.next()?.map(|line| line.text.to_owned()))
    })?;
    header_lines -= usize::from(header.is_row);
    let mut annotations = Annotations::default();
    let mut sample_lines = header.sample_lines;
    while let Some(line) = lines.next()? {
        if is_comment(line.text) {
            header_lines += 1;
            continue;
        }
        header.suit(line.text);
        if sample_lines == 0 {
            break;
        }
        annotations.add_line(&header.names, &header.fields(&line)?);
        (sample_lines, header_lines) = (sample_lines - 1, header_lines + 1);
    }
    if let Some(layout) = &mut header.layout {
        // In a `.bed` file coordinates are 0-based, whatever the header calls them.
        let own = if input.ending() == "bed" { 0 } else { layout.first };
        layout.first = options.base.unwrap_or(own);
        layout.header_lines = header_lines;
    }
    let placed = header.layout.is_some() || header.regions.is_some();
    if !placed && options.gene_loci.is_empty() {
        let message = "its rows have no coordinates (columns chr, start, end); \
            serve the annotation of their genes too (--genes)";
        return Err(Error::data(input.path(), "", message));
    }
    if let Some(sheet) = &options.samples {
        annotations.add_sheet(sheet, &header.names)?;
    }
    let stats = vec![ColumnStats::default(); header.names.len()];
    let genes = options.gene_loci.clone();
    let base = options.base.unwrap_or(1);
    let matrix = Matrix { header, header_lines, genes, base, annotations, stats };
    if placed && matrix.header.rows.is_none() {
        return open_rows(matrix, input, options, context);
    }
    // The rows are placed by the genes that are served now, or their number must be checked.
    let all = matrix.in_memory(input, options, &context.progress, usize::MAX)?;
    options.skip.iter().for_each(|skip| skip.tell(input.path()));
    Ok(Box::new(all))
}

/// The row format of a matrix.
#[derive(Clone)]
struct Matrix {
    header: Header,
    header_lines: usize,
    /// Loci of the genes, for rows without coordinates.
    genes: GeneLoci,
    /// The number of the first base in regions.
    base: u32,
    annotations: Annotations,
    /// The statistics of all columns.
    stats: Vec<ColumnStats>,
}

impl RowFormat for Matrix {
    type Copied = Self;
    const INFERRED: bool = true;

    fn cache_ending(&self) -> &'static str {
        // Another base places the rows elsewhere, so their copy differs.
        match self.header.layout.as_ref().map_or(self.base, |layout| layout.first) {
            0 => "matrix0.bgz",
            _ => "matrix.bgz",
        }
    }

    fn about(&self) -> About {
        let column = |field: usize| {
            let name = self.header.names[field].as_str();
            ColumnInfo { name: name.into(), kind: collector::kind(name, &self.stats[field]) }
        };
        collector::about(self.header.columns().map(column).collect())
    }

    fn has_strand(&self) -> bool {
        let layout = self.header.layout.as_ref();
        self.header.regions.is_none() && layout.is_none_or(|layout| layout.strand.is_some())
    }

    fn header_lines(&self) -> usize {
        self.header_lines
    }

    /// Emits nothing for a row that matches none of the genes.
    fn parse(&self, line: &Line<'_>, emit: &mut Emit<'_>) -> Result<()> {
        let mut fields = self.header.fields(line)?;
        if let Some(at) = self.header.regions {
            let text = unquoted(fields[at]);
            let is = |what| format!("{what} of the region (column {})", at + 1);
            let [sequence, start, end] = region(text).ok_or_else(|| {
                line.error(format!("'{}' (column {}) is not a region", shortened(text), at + 1))
            })?;
            let (start, end) =
                line.interval((start, is("the start")), (end, is("the end")), self.base)?;
            return emit(sequence, Row { start, end, strand: Strand::Both, text: line.text });
        }
        let Some(layout) = &self.header.layout else {
            let mut names = self.header.texts(&fields);
            let Some(locus) = names.find_map(|name| self.genes.find(name)) else { return Ok(()) };
            let (start, end, strand) = (locus.start, locus.end, locus.strand);
            return emit(&locus.sequence, Row { start, end, strand, text: line.text });
        };
        if let Some(span) = span(&fields, [layout.sequence, layout.start, layout.end]) {
            [fields[layout.start], fields[layout.end]] = span;
            fields[layout.sequence] = first(fields[layout.sequence]);
        }
        let (sequence, start, end) = {
            let [sequence, start, end] =
                [layout.sequence, layout.start, layout.end].map(|at| fields[at]);
            layout.place(line, sequence, start, end)?
        };
        let strand = layout.strand.map(|index| strand(line, first(fields[index])));
        let strand = strand.transpose()?.unwrap_or_default();
        emit(sequence, Row { start, end, strand, text: line.text })
    }

    fn cells(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        let fields = self.header.split(row.text);
        let served: Vec<usize> = self.header.columns().collect();
        columns.iter().for_each(|column| put(unquoted(fields[served[*column]])));
    }

    fn index_hint(&self, input: &Input) -> Option<IndexHint> {
        let layout = self.header.layout.as_ref().filter(|_| self.header.is_tabbed())?;
        Some(layout.index_hint(input))
    }

    /// Updates the statistics. A column's type must not change: a sample's values are all numbers.
    fn learn(&mut self, row: &Row<'_>) -> Result<(), String> {
        let fields = self.header.split(row.text);
        for column in self.header.columns() {
            let (stats, field) = (&mut self.stats[column], unquoted(fields[column]));
            if stats.has_numbers() && number(field).is_none() {
                let (name, field) = (&self.header.names[column], shortened(field));
                return Err(format!(
                    "'{field}' is not a number, but '{name}' (column {}) has numbers before",
                    column + 1
                ));
            }
            stats.add(field);
        }
        Ok(())
    }

    fn note(&self) -> String {
        collector::note(&self.stats)
    }

    fn copied(self, note: &str) -> Option<Self> {
        let stats = collector::noted(note, self.stats.len())?;
        Some(Matrix { stats, ..self })
    }

    fn by_region(
        rows: TabixRows<Self>,
        about: About,
        options: &Options,
    ) -> Result<Box<dyn Source>> {
        let annotations = rows.format.annotations.by_sample.clone();
        let mut source = Indexed::new(rows, about, options.columns.as_deref())?;
        source.annotate(annotations);
        Ok(Box::new(source))
    }

    fn in_memory(
        &self,
        input: &Input,
        options: &Options,
        progress: &Progress,
        most: usize,
    ) -> Result<Records> {
        let mut matrix = self.clone();
        let columns = self.about().columns;
        let indexes: Vec<usize> = (0..columns.len()).collect();
        let budget = Budget::default();
        let mut rows = Collector::new(&columns, &budget);
        // The number of rows, and the name of the first without a gene.
        let (mut count, mut unplaced) = (0, None);
        each_good_line(self, input, progress, options.skip.as_ref(), &mut |line| {
            count += 1;
            let before = rows.len();
            self.parse(line, &mut |sequence, row| {
                matrix.learn(&row).map_err(|what| line.error(what))?;
                rows.push(line, sequence, &row, |put| self.cells(&row, &indexes, put))
            })?;
            if rows.len() == before && unplaced.is_none() {
                unplaced = Some(shortened(unquoted(self.header.split(line.text)[0])));
            }
            Ok(rows.len() < most)
        })?;
        // If damaged lines are skipped, the number of rows may differ from the one in the header.
        if most == usize::MAX && options.skip.is_none() {
            self.check(input, count, unplaced.map(|name| (name, count - rows.len() as u64)))?;
        }
        let mut records = inferred(rows.finish(self.has_strand()));
        records.annotate(matrix.annotations.by_sample);
        Ok(records)
    }
}

impl Matrix {
    /// Checks that the number of rows is that in the header, and that the rows have a place.
    fn check(&self, input: &Input, count: u64, unplaced: Option<(String, u64)>) -> Result<()> {
        if let Some(said) = self.header.rows.filter(|said| *said != count) {
            let message = format!("has {count} rows, but says {said}; is the copy complete?");
            return Err(Error::data(input.path(), "line 2", message));
        }
        let Some((name, unplaced)) = unplaced else { return Ok(()) };
        if unplaced == count {
            let message = format!(
                "none of its rows ('{name}', ...) is a gene of the served annotations; if they \
                    are transcripts, serve an annotation with ',rows=transcripts'"
            );
            return Err(Error::data(input.path(), "", message));
        }
        let path = input.path().display();
        tracing::warn!(
            "{path}: {unplaced} of {count} rows ('{name}', ...) are not genes of the served \
             annotations and are not shown"
        );
        Ok(())
    }
}

/// Returns the first of several values separated by semicolons.
fn first(field: &str) -> &str {
    unquoted(field).split(';').next().unwrap_or(field)
}

/// Returns the smallest start and greatest end of the exons on a gene's first sequence, which
/// featureCounts lists separated by semicolons; none if there is no list.
fn span<'a>(fields: &[&'a str], [sequence, start, end]: [usize; 3]) -> Option<[&'a str; 2]> {
    let list = |index: usize| fields[index].split(';');
    if !fields[start].contains(';') {
        return None;
    }
    let home = first(fields[sequence]);
    let on = list(sequence).zip(list(start).zip(list(end))).filter(|(own, _)| *own == home);
    let value = |text: &&str| text.parse::<u64>().unwrap_or(u64::MAX);
    let from = on.clone().map(|(_, (start, _))| start).min_by_key(value)?;
    let to = on.map(|(_, (_, end))| end).max_by_key(value)?;
    Some([from, to])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::formats::detect;
    use crate::source::{GeneLocus, Level};

    fn matrix(name: &str, text: &str, options: &Options) -> Result<Box<dyn Source>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let input = Input::File(path);
        assert_eq!(detect(&input)?.name, "matrix");
        open(&input, options, &Context::default())
    }

    /// Returns the start, end and value of `s2` of each row.
    fn rows(source: &dyn Source) -> Vec<(u32, u32, f64)> {
        let region = Region::new("chr1", 0, 10_000);
        let table = source.read(&region, Level::Records, &["s2"]).unwrap();
        let value = |row| table.columns[0].data.number(row);
        (0..table.len()).map(|row| (table.start[row], table.end[row], value(row))).collect()
    }

    #[test]
    fn a_table_that_begins_with_a_region_has_no_header() {
        let text = "# a comment\nchr1:101-200\t2.5\t7\nchr1:301-400\t3.5\t8\n";
        for name in ["x.txt", "x.out"] {
            let source = matrix(name, text, &Options::default()).unwrap();
            let names: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
            assert_eq!(names, ["region", "column_2", "column_3"]);
            let region = Region::new("chr1", 0, 1_000);
            let table = source.read(&region, Level::Records, &["column_2"]).unwrap();
            let values: Vec<_> = (0..2).map(|row| table.columns[0].data.number(row)).collect();
            assert_eq!((table.start, values), (vec![100, 300], vec![2.5, 3.5]));
        }
        let source = matrix("x.txt", "chr1:101-200\nchr1:301-400\n", &Options::default()).unwrap();
        assert_eq!(crate::source::total(&*source), 2);
    }

    #[test]
    fn coordinates_count_from_1_unless_told() {
        let text = "gene_id\tchr\tstart\tend\ts1\ts2\nE1\tchr1\t101\t200\t1\t2.5\n";
        let source = matrix("x.tsv", text, &Options::default()).unwrap();
        assert_eq!(rows(&*source), [(100, 200, 2.5)]);
        let from_0 = Options { base: Some(0), ..Options::default() };
        assert_eq!(rows(&*matrix("x.tsv", text, &from_0).unwrap()), [(101, 200, 2.5)]);
        let bed = "chr\tstart\tend\tname\ts2\nchr1\t101\t200\tE1\t2.5\n";
        let source = matrix("x.bed", bed, &Options::default()).unwrap();
        assert_eq!(rows(&*source), [(101, 200, 2.5)], "as a BED with a header");
        let csv = "\"\",\"seqnames\",\"start\",\"end\",\"strand\",\"s1\",\"s2\"\n\
            \"1\",\"chr1\",101,200,\"*\",1,NA\n\"2\",\"chr1\",301,400,\"*\",1,7\n";
        let source = matrix("x.csv", csv, &Options::default()).unwrap();
        assert!(rows(&*source)[0].2.is_nan());
        assert_eq!(rows(&*source)[1], (300, 400, 7.0));
        let counts = "# Program:featureCounts v2.0.1\nGeneid\tChr\tStart\tEnd\tStrand\tLength\ts2\n\
            E1\tchr1;chr1;chrY\t301;101;5\t400;200;6\t+;+;+\t200\t9\n";
        let source = matrix("counts.txt", counts, &Options::default()).unwrap();
        assert_eq!(rows(&*source), [(100, 400, 9.0)]);
        let cpgs = "chr\tpos\ts1\ts2\nchr1\t101\t0.5\t0.25\n";
        let source = matrix("m.tsv", cpgs, &Options::default()).unwrap();
        assert_eq!(rows(&*source), [(100, 101, 0.25)]);
    }

    #[test]
    fn regions_in_the_first_column_place_the_rows() {
        let first = [
            "peak\ts1\ts2\nchr1:101-200\t1\t2.5\nchr1:301-301\t1\t7\n",
            "\ts1\ts2\nchr1-101-200\t1\t2.5\nchr1-301-301\t1\t7\n",
            "id,location,s2\na,chr1:101-200,2.5\nb,chr1:301,7\n",
        ];
        for text in first {
            let source = matrix("x.tsv", text, &Options::default()).unwrap();
            assert_eq!(rows(&*source), [(100, 200, 2.5), (300, 301, 7.0)], "{text}");
        }
        let from_0 = Options { base: Some(0), ..Options::default() };
        let source = matrix("x.tsv", first[0], &from_0).unwrap();
        assert_eq!(rows(&*source)[0], (101, 200, 2.5));
        let bad = first[0].to_owned() + "chr1:x\t1\t2\n";
        let error = matrix("x.tsv", &bad, &Options::default()).err().unwrap().to_string();
        assert!(error.contains("line 4: 'chr1:x' (column 1) is not a region"), "{error}");
    }

    fn with_genes() -> Options {
        let mut places = GeneLoci::default();
        for (name, start) in [("E1", 100), ("MYC", 500)] {
            let (end, strand) = (start + 100, Strand::Reverse);
            places.add(name, &GeneLocus { sequence: "chr1".into(), start, end, strand });
        }
        Options { gene_loci: places, ..Options::default() }
    }

    #[test]
    fn rows_without_coordinates_lie_where_their_genes_do() {
        let text = "\ts1\ts2\nE1.7\t1\t2\nMYC\t3\t4\nNONE\t5\t6\n";
        let source = matrix("x.tsv", text, &with_genes()).unwrap();
        assert_eq!(rows(&*source), [(100, 200, 2.0), (500, 600, 4.0)]);
        let quant =
            "Name\tLength\tEffectiveLength\tTPM\ts2\nE1.2\t900\t700.5\t12\t2\nMYC\t9\t7\t0\t4\n";
        let source = matrix("quant.sf", quant, &with_genes()).unwrap();
        assert_eq!(rows(&*source), [(100, 200, 2.0), (500, 600, 4.0)]);
        let gct = "#1.2\n2\t2\nName\tDescription\ts1\ts2\nP1\tMYC\t3\t4\nE1\tx\t1\t2\n";
        let source = matrix("x.gct", gct, &with_genes()).unwrap();
        assert_eq!(rows(&*source), [(100, 200, 2.0), (500, 600, 4.0)]);
        let error = |text: &str, options: &Options| {
            matrix("x.tsv", text, options).err().unwrap().to_string()
        };
        assert!(error(text, &Options::default()).contains("serve the annotation of their genes"));
        assert!(
            error("id\ts1\nNONE\t5\n", &with_genes()).contains("none of its rows ('NONE', ...)")
        );
    }

    #[test]
    fn samples_have_the_annotations_of_the_sheet_and_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let sheet = folder.path().join("samples.csv");
        std::fs::write(&sheet, "sample,tissue,age\ns1,colon,50\ns2,lung,\n").unwrap();
        let gct = "#1.3\n1\t2\t0\t1\nid\ts1\ts2\nsex\tF\tM\nMYC\t3\t4\n";
        let options = Options { samples: Some(sheet.clone()), ..with_genes() };
        let source = matrix("x.gct", gct, &options).unwrap();
        let of = |sample| {
            let pairs = source.annotation(sample);
            pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!([of("s1"), of("s2")], ["age=50 sex=F tissue=colon", "sex=M tissue=lung"]);
        std::fs::write(&sheet, "sample,tissue\nother,colon\n").unwrap();
        let error = matrix("x.gct", gct, &options).err().unwrap().to_string();
        assert!(error.contains("names no sample of the matrix"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let good = "gene_id\tchr\tstart\tend\ts1\ts2\nE1\tchr1\t101\t200\t1\t2.5\n";
        let error = |bad: &str| {
            let text = format!("{good}{bad}");
            matrix("x.tsv", &text, &Options::default()).err().unwrap().to_string()
        };
        assert!(error("E2\tchr1\t1\t2\t3\n").contains("line 3: has 5 columns, not 6"));
        assert!(
            error("E2\tchr1\t1\t2\t3\tx\n")
                .contains("line 3: 'x' is not a number, but 's2' (column 6)")
        );
        assert!(error("E2\tchr1\t0\t2\t3\t4\n").contains("line 3: start (column 3) is 0"));
        assert!(error("E2\tchr1\t9\t2\t3\t4\n").contains("line 3: the end (2) is before"));
        let gct = "#1.2\n3\t1\nName\tDescription\ts1\nMYC\tx\t3\n";
        let error = matrix("x.gct", gct, &with_genes()).err().unwrap().to_string();
        assert!(error.contains("line 2: has 1 rows, but says 3"), "{error}");
    }
}
