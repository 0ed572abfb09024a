//! Tables of the UCSC Genome Browser with their header: `#bin chrom chromStart chromEnd name ...`
//! (cpgIslandExt, rmsk with its `genoName genoStart genoEnd`, and the like).
//!
//! Coordinates are 0-based and half-open in the file too.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::io::delimited::Separator;
use crate::source::io::lines::Lines;
use crate::source::rows::delimited::{Delimited, Layout};
use crate::source::rows::open::open as open_rows;
use crate::source::{Context, Format, Options, Source};

pub(crate) const FORMAT: Format = Format {
    name: "ucsc",
    extensions: &[],
    about: "blocks; numbers can be plotted too",
    sniff: |head| {
        let text = String::from_utf8_lossy(head);
        // Where the first columns are the place, it is a BED file with a header.
        text.lines().next().and_then(header).is_some_and(|layout| layout.sequence > 0)
    },
    open,
};

/// The layout in the header of a table.
fn header(line: &str) -> Option<Layout> {
    line.starts_with('#').then(|| Layout::from_header(line, Separator::Tab)).flatten()
}

fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut lines = Lines::open(input)?;
    let first = lines.next()?;
    let Some(layout) = first.and_then(|line| header(line.text)) else {
        let message = "expected a header with chrom, chromStart and chromEnd, after a '#'";
        return Err(Error::data(input.path(), "line 1", message));
    };
    open_rows(Delimited::new(layout), input, options, context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::{Region, Strand};
    use crate::source::Level;

    #[test]
    fn repeats_lie_where_their_header_says() {
        let text = "#bin\tswScore\tgenoName\tgenoStart\tgenoEnd\tgenoLeft\tstrand\trepName\n\
            585\t463\tchr1\t10000\t10468\t-248946\t+\t(TAACCC)n\n\
            585\t3612\tchr1\t10468\t11447\t-248945\t-\tTAR1\n";
        assert!((FORMAT.sniff)(text.as_bytes()));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        let source = open(&input, &Options::default(), &Context::default()).unwrap();
        let names: Vec<_> = source.columns().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["swScore", "genoLeft", "repName"]);
        let region = Region::new("chr1", 10_467, 10_469);
        let table = source.read(&region, Level::Records, &["swScore"]).unwrap();
        assert_eq!((table.start, table.end), (vec![10_000, 10_468], vec![10_468, 11_447]));
        assert_eq!(table.strand, [Strand::Forward, Strand::Reverse]);
        assert_eq!(source.search("tar", 9).len(), 1);
    }
}
