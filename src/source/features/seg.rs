//! SEG: copy number segments (circular binary segmentation, IGV), one table for several samples:
//! `ID chrom loc.start loc.end num.mark seg.mean`. The first four columns are in this order under
//! any names; the last column holds the value.
//!
//! Coordinates in the file are 1-based with both ends included, as IGV reads them.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::io::delimited::{Separator, is_comment, is_number, is_position, unquoted};
use crate::source::io::lines::Lines;
use crate::source::rows::delimited::{Delimited, Layout};
use crate::source::rows::open::open as open_rows;
use crate::source::{Context, Format, Options, Source};

pub(crate) const FORMAT: Format = Format {
    name: "seg",
    extensions: &["seg", "cbs"],
    about: "blocks: the segments of all samples; their means can be plotted",
    sniff: |head| {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.lines().filter(|line| !is_comment(line));
        lines.next().is_some_and(is_header) && lines.next().is_some_and(is_row)
    },
    open,
};

/// Returns whether the names are those that programs write; a matrix has coordinates there too.
fn is_header(line: &str) -> bool {
    let names = Separator::Tab.split(line);
    let names: Vec<_> = names.into_iter().map(|name| unquoted(name).to_ascii_lowercase()).collect();
    let [sample, sequence, start, end, .., value] = &names[..] else { return false };
    // Spreadsheets write an apostrophe before the first name.
    let sample = sample.trim_start_matches('\'');
    (sample == "id" || sample.starts_with("sample"))
        && sequence.starts_with("chr")
        && start.contains("start")
        && end.contains("end")
        && ["seg", "mean", "log", "value"].iter().any(|word| value.contains(word))
}

fn is_row(line: &str) -> bool {
    let fields = Separator::Tab.split(line);
    let [_, _, start, end, .., value] = fields[..] else { return false };
    is_position(start) && is_position(end) && is_number(value)
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut lines = Lines::open(input)?;
    let mut header_lines = 1;
    while let Some(line) = lines.next()? {
        if is_comment(line.text) {
            header_lines += 1;
            continue;
        }
        let names = Separator::Tab.split(line.text);
        if names.len() < 5 || is_row(line.text) {
            let what = "expected a header of at least 5 columns, separated by tabs: \
                ID, chrom, loc.start, loc.end, seg.mean";
            return Err(line.error(what));
        }
        let layout = Layout {
            separator: Separator::Tab,
            names: names
                .into_iter()
                .map(|name| unquoted(name).trim_start_matches('\'').to_owned())
                .collect(),
            sequence: 1,
            start: 2,
            end: 3,
            strand: None,
            first: 1,
            header_lines,
        };
        return open_rows(Delimited::new(layout), input, options, context);
    }
    Err(Error::data(input.path(), "", "has no header"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Region;
    use crate::source::Level;
    use crate::source::formats::detect;

    const TEXT: &str = "#type=COPY_NUMBER\nID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\n\
        TCGA-1\tchr1\t101\t200\t12\t-0.75\nTCGA-2\tchr1\t101\t400\t30\t0.5\n";

    fn seg(text: &str) -> Result<Box<dyn Source>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.seg");
        std::fs::write(&path, text).unwrap();
        open(&Input::File(path), &Options::default(), &Context::default())
    }

    #[test]
    fn segments_of_all_samples_are_rows() {
        let source = seg(TEXT).unwrap();
        let names: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["ID", "num.mark", "seg.mean"]);
        let region = Region::new("chr1", 100, 101);
        let table = source.read(&region, Level::Records, &["seg.mean"]).unwrap();
        assert_eq!((table.start, table.end), (vec![100, 100], vec![200, 400]));
        let means = [0, 1].map(|row| table.columns[0].data.number(row));
        assert_eq!(means, [-0.75, 0.5]);
        assert_eq!(source.search("tcga-2", 9).len(), 1, "a sample is found by its name");
    }

    #[test]
    fn it_is_known_by_its_header_whatever_the_file_is_called() {
        let named = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            detect(&Input::File(file.path().into())).unwrap().name
        };
        assert_eq!(named(TEXT), "seg");
        let tcga = "Sample\tChromosome\tStart\tEnd\tNum_Probes\tSegment_Mean\nA\t1\t5\t9\t2\t0.1\n";
        assert_eq!(named(tcga), "seg");
        let igv = "SampleID\tChr\tStart\tEnd\tignore\tValue\nA\t1\t5\t9\t2\t0.1\n";
        assert_eq!(named(igv), "seg");
        assert_eq!(named(&TEXT.replace("\nID", "\n'ID")), "seg");
        let text = tempfile::Builder::new().suffix(".seg.txt").tempfile().unwrap();
        std::fs::write(text.path(), tcga).unwrap();
        assert_eq!(detect(&Input::File(text.path().into())).unwrap().name, "seg");
        let matrix = "gene\tchr\tstart\tend\ts1\ts2\nE1\tchr1\t101\t200\t1\t2.5\n";
        assert_eq!(named(matrix), "matrix");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |text: &str| seg(text).err().unwrap().to_string();
        assert!(
            error(&TEXT.replace("\t101\t400", "\t0\t400"))
                .contains("line 4: loc.start (column 3) is 0")
        );
        assert!(
            error(&TEXT.replace("\t30\t0.5", "\t0.5")).contains("line 4: has 5 columns, not 6")
        );
        assert!(error("TCGA-1\tchr1\t101\t200\t-0.75\n").contains("line 1: expected a header"));
        assert!(error("#type=COPY_NUMBER\n").contains("has no header"));
    }
}
