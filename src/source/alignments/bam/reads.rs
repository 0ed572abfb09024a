//! The reads of a BAM file as rows for close views, read by region with its companion index.

use crate::bytes::Input;
use crate::bytes::bgzf::Bgzf;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::alignments::alignment::{Alignment, about};
use crate::source::alignments::bam::record::{Record, sequences};
use crate::source::io::delimited::put_columns;
use crate::source::rows::indexed::{ByRegion, Flow, Indexed, Row, Saved};
use crate::source::rows::indexed_file::IndexedFile;
use crate::source::rows::rank_index::RankIndex;
use crate::source::{Context, Options, Source};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

struct Reads {
    file: IndexedFile,
    sequences: Arc<Sequences>,
    saved: Saved,
}

pub(super) fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let sequences = Arc::new(sequences(&mut Bgzf::open(input)?)?);
    // Reads without a position come after all others, and no index lists them.
    let has_row = |reader: &mut Bgzf| {
        let mut next = Record::default();
        Ok(next.read(reader)? && next.sequence().is_some() && next.says_mapped())
    };
    let Some(file) = IndexedFile::open_unless(input, &["bai", "csi"], has_row)? else {
        let name = input.path().display();
        let what =
            format!("reads are shown by region, which needs an index: samtools index {name}");
        return Err(Error::data(input.path(), "", what));
    };
    if file.index.len() > sequences.len() {
        return Err(file.misfit("it is of a file with more sequences"));
    }
    let rows = (0..sequences.len()).map(|at| file.index.count(at));
    let about = about(sequences.clone(), rows.map(Option::unwrap_or_default).collect());
    let reads = Reads { file, sequences, saved: Saved::of(input, context)? };
    Ok(Box::new(Indexed::new(reads, about, options.columns.as_deref())?))
}

impl ByRegion for Reads {
    fn path(&self) -> &Path {
        self.file.input.path()
    }

    fn is_counted(&self) -> bool {
        self.file.is_counted()
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let (mut record, mut text) = (Record::default(), String::new());
        self.file.each(sequence, bases.clone(), take, |reader, filter| {
            if !record.read(reader)? {
                return Err(self.file.misfit("it points beyond the end of the file"));
            }
            if record.sequence() != Some(sequence) {
                let name = &self.sequences.at(sequence).name;
                return Err(self
                    .file
                    .misfit(&format!("it points to reads of another sequence than {name}")));
            }
            match record.row(&bases, &mut text) {
                Some(row) => filter.row(row)?,
                None if record.says_mapped() => filter.skip(),
                None => {}
            }
            Ok(())
        })
    }

    fn saved(&self, sequence: usize) -> Option<RankIndex> {
        let known = self.file.index.count(sequence);
        // If the index has another count, all reads are read again, which reports what is wrong.
        let index = self.saved.rank_index(sequence);
        index.filter(|index| known.is_none_or(|n| n == index.total_rows()))
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        put_columns(row.text, columns, put);
    }
}
