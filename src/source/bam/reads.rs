//! Reads as rows: for those who look closely, by region with the index beside the file.

use super::record::{Record, sequences};
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::alignment::{Alignment, about, fields};
use crate::source::bgzf::Bgzf;
use crate::source::binning::Index;
use crate::source::indexed::{ByRegion, Flow, Indexed, Row};
use crate::source::pool::Pool;
use crate::source::{Input, Options, Source};
use std::ops::Range;
use std::path::Path;

struct Reads {
    input: Input,
    sequences: Sequences,
    index: Index,
    readers: Pool<Bgzf>,
}

pub(super) fn open(input: &Input, options: &Options) -> Result<Box<dyn Source>> {
    let mut reader = Bgzf::open(input)?;
    let sequences = sequences(&mut reader)?;
    let Some((index, path)) = Index::beside(input, &["bai", "csi"])? else {
        let name = input.path().display();
        let what =
            format!("reads are shown by region only, which takes an index: samtools index {name}");
        return Err(Error::data(input.path(), "", what));
    };
    if index.sequences.len() > sequences.len() {
        let name = input.path().display();
        return Err(Error::data(&path, "", format!("is not the index of {name}; index it again")));
    }
    let rows = (0..sequences.len()).map(|at| index.sequences.get(at).and_then(|bins| bins.count));
    let about = about(sequences.clone(), rows.map(Option::unwrap_or_default).collect());
    let reads = Reads { input: input.clone(), sequences, index, readers: Pool::new(reader) };
    Ok(Box::new(Indexed::new(reads, about, options.columns.as_deref())?))
}

impl Reads {
    fn walk(
        &self,
        reader: &mut Bgzf,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let (mut record, mut text) = (Record::default(), String::new());
        // A read without aligned bases is found where it stands: the bin of the base before.
        for chunk in self.index.chunks(sequence, bases.start.saturating_sub(1)..bases.end) {
            reader.seek(chunk.start)?;
            while reader.position() < chunk.end && record.read(reader)? {
                let start = record.start().unwrap_or(0);
                if record.sequence() != Some(sequence) {
                    let name = &self.sequences.at(sequence).name;
                    let what =
                        format!("the index says that reads of {name} lie here; index it again");
                    return Err(reader.damaged(&what));
                }
                if start >= bases.end {
                    return Ok(());
                }
                if let Flow::Break(result) = record.give(&bases, &mut text, take) {
                    return result;
                }
            }
        }
        Ok(())
    }
}

impl ByRegion for Reads {
    fn path(&self) -> &Path {
        self.input.path()
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let open = || Bgzf::open(&self.input);
        self.readers.lend(open, |reader| self.walk(reader, sequence, bases, take))
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        fields(row, columns, put);
    }
}
