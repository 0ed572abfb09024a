//! The reads of a CRAM file as rows for close views, read by region with its companion index.

use crate::bytes::Input;
use crate::bytes::pool::Pool;
use crate::error::{Error, Result};
use crate::source::alignments::alignment::{Alignment, DecodedRead, about};
use crate::source::alignments::cram::container::Cram;
use crate::source::alignments::cram::index::SliceIndex;
use crate::source::alignments::cram::record::Decoder;
use crate::source::io::bin_index::companion_index;
use crate::source::io::delimited::put_columns;
use crate::source::rows::indexed::{ByRegion, Flow, Indexed, Row, Saved};
use crate::source::rows::rank_index::RankIndex;
use crate::source::{Context, Options, Source};
use std::ops::Range;
use std::path::Path;

struct Reads {
    input: Input,
    index: SliceIndex,
    decoder: Decoder,
    readers: Pool<CachedReader>,
    saved: Saved,
}

/// An open file with its last decoded slice, which the next view often needs again.
struct CachedReader {
    file: Cram,
    slice: Option<(u64, usize)>,
    reads: Vec<DecodedRead>,
}

pub(crate) fn open(input: &Input, options: &Options, context: &Context) -> Result<Box<dyn Source>> {
    let mut file = Cram::open(input)?;
    let sequences = file.sequences.clone();
    let Some(index) = companion_index(input, &["crai"])? else {
        let name = input.path().display();
        let what =
            format!("reads are shown by region, which needs an index: samtools index {name}");
        return Err(Error::data(input.path(), "", what));
    };
    let index = SliceIndex::read(&index, input.path(), sequences.len())?;
    // The size of a record is estimated from the first container.
    let record_size = match file.container()? {
        Some(first) => first.bytes.len() as f64 / f64::from(first.records.max(1)),
        None => 1.0,
    };
    let rows = |sequence| (index.bytes(sequence) as f64 / record_size) as u64;
    let about = about(sequences.clone(), (0..sequences.len()).map(rows).collect());
    let decoder = Decoder::new(sequences);
    let readers = Pool::new(CachedReader::new(file));
    let saved = Saved::of(input, context)?;
    let reads = Reads { input: input.clone(), index, decoder, readers, saved };
    Ok(Box::new(Indexed::new(reads, about, options.columns.as_deref())?))
}

impl CachedReader {
    fn new(file: Cram) -> Self {
        CachedReader { file, slice: None, reads: Vec::new() }
    }
}

impl Reads {
    fn walk(
        &self,
        reader: &mut CachedReader,
        sequence: usize,
        bases: &Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let mut text = String::new();
        for entry in self.index.over(sequence, bases) {
            let slice = (entry.container, entry.slice);
            if reader.slice != Some(slice) {
                reader.slice = None;
                reader.file.seek(entry.container)?;
                let misfit = |file: &Cram| {
                    file.damaged(
                        "the index does not fit the data at this offset; index the file again",
                    )
                };
                let Some(container) = reader.file.container()? else {
                    return Err(misfit(&reader.file));
                };
                let other = container.sequence >= 0 && container.sequence as usize != sequence;
                if other || !container.landmarks.contains(&entry.slice) {
                    return Err(misfit(&reader.file));
                }
                let wanted = |landmark| landmark == entry.slice;
                reader.reads = self.decoder.reads(&reader.file, &container, wanted)?;
                reader.slice = Some(slice);
            }
            for read in reader.reads.iter().filter(|read| read.sequence() == Some(sequence)) {
                let Some(row) = read.row(bases, &mut text) else { continue };
                if row.start >= bases.end {
                    break;
                }
                if row.reach() > bases.start
                    && let Flow::Break(result) = take(row)
                {
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

    /// Returns false: the index has sizes in bytes, not numbers of rows.
    fn is_counted(&self) -> bool {
        false
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let open = || Ok(CachedReader::new(Cram::open(&self.input)?));
        self.readers.lend(open, |reader| self.walk(reader, sequence, &bases, take))
    }

    fn saved(&self, sequence: usize) -> Option<RankIndex> {
        self.saved.rank_index(sequence)
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        put_columns(row.text, columns, put);
    }
}
