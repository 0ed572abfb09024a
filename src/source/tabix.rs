//! Text that bgzip packed and tabix indexed: lines of a region, read by region.

use super::Input;
use super::bgzf::Bgzf;
use super::binning::Index;
use super::indexed::{ByRegion, Flow, Row};
use super::pool::Pool;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

/// No line of a genomic text format is longer.
const LONGEST_LINE: usize = 16 << 20;

/// How a format's lines are rows.
pub(super) trait Decode: Send + Sync + 'static {
    /// The sequence's name and the row that a line holds; what is wrong with it otherwise.
    fn row<'l>(&self, line: &'l str) -> Result<(&'l str, Row<'l>), String>;

    /// As [`ByRegion::field`].
    fn field<'r>(&self, row: &Row<'r>, column: usize) -> Cow<'r, str>;
}

/// A text file with its index.
pub(super) struct Tabix<D> {
    input: Input,
    decode: D,
    index: Index,
    index_path: PathBuf,
    names: Vec<String>,
    readers: Pool<Bgzf>,
}

impl<D: Decode> Tabix<D> {
    /// The file with the index that lies beside it; none if none does.
    pub(super) fn open(input: &Input, decode: D) -> Result<Result<Self, D>> {
        let Some((index, index_path)) = Index::beside(input, &["tbi", "csi"])? else {
            return Ok(Err(decode));
        };
        let Some(text) =
            index.text.clone().filter(|text| text.names.len() == index.sequences.len())
        else {
            let what = "is not the index of a text file; make it again with tabix";
            return Err(Error::data(&index_path, "", what));
        };
        let readers = Pool::new(Bgzf::open(input)?);
        let names = text.names;
        Ok(Ok(Tabix { input: input.clone(), decode, index, index_path, names, readers }))
    }

    /// The sequences that have rows, as long as `known` says, else as their last row reaches.
    pub(super) fn sequences(&self, known: &Sequences) -> Result<Sequences> {
        let mut sequences = Sequences::default();
        for (index, name) in self.names.iter().enumerate() {
            let stated = known.get(name).map_or(0, |sequence| sequence.length);
            let mut length = stated;
            if stated == 0 {
                self.each(index, self.index.last_bin(index)..u32::MAX, &mut |row| {
                    length = length.max(row.end);
                    ControlFlow::Continue(())
                })?;
            }
            let at = sequences.index_or_add(name);
            sequences.lengthen(at, length);
        }
        Ok(sequences)
    }

    /// How many rows each sequence has, as far as the index says.
    pub(super) fn rows(&self) -> Vec<u64> {
        self.index.sequences.iter().map(|bins| bins.count.unwrap_or(0)).collect()
    }

    fn walk(
        &self,
        reader: &mut Bgzf,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        let mut line = Vec::new();
        for chunk in self.index.chunks(sequence, bases.start.saturating_sub(1)..bases.end) {
            reader.seek(chunk.start)?;
            while reader.position() < chunk.end {
                let at = reader.position();
                let bad = |what: &str| {
                    Error::data(self.input.path(), format!("virtual offset {at}"), what)
                };
                line.clear();
                if !reader.line(&mut line, LONGEST_LINE)? {
                    return Err(self.misfit("it leads behind the end of the file"));
                }
                let text = std::str::from_utf8(&line).map_err(|_| bad("a line is not UTF-8"))?;
                if text.is_empty() || text.starts_with('#') {
                    continue;
                }
                let (name, row) = self.decode.row(text).map_err(|what| bad(&what))?;
                if name != self.names[sequence] {
                    let what =
                        format!("it says '{}' where a line is of '{name}'", self.names[sequence]);
                    return Err(self.misfit(&what));
                }
                if row.start >= bases.end {
                    return Ok(());
                }
                if row.end.max(row.start + 1) > bases.start
                    && let ControlFlow::Break(result) = take(row)
                {
                    return result;
                }
            }
        }
        Ok(())
    }

    fn misfit(&self, what: &str) -> Error {
        let what = format!(
            "the index does not fit {}: {what}; index the file again with tabix",
            self.input.path().display()
        );
        Error::data(&self.index_path, "", what)
    }
}

impl<D: Decode> ByRegion for Tabix<D> {
    fn path(&self) -> &Path {
        self.input.path()
    }

    fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
    ) -> Result<()> {
        self.readers
            .lend(|| Bgzf::open(&self.input), |reader| self.walk(reader, sequence, bases, take))
    }

    fn field<'r>(&self, row: &Row<'r>, column: usize) -> Cow<'r, str> {
        self.decode.field(row, column)
    }
}
