//! Text that bgzip packed and tabix indexed: lines of a region, read by region.

use crate::bytes::Input;
use crate::bytes::bgzf::packs;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::io::delimited::is_comment;
use crate::source::io::lines::Line;
use crate::source::rows::indexed::{ByRegion, Flow, Row};
use crate::source::rows::indexed_file::{IndexedFile, sequences_of};
use crate::source::rows::sorted_copy::IndexHint;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// No line of a genomic text format is longer.
const LONGEST_LINE: usize = 16 << 20;

/// How a format's lines are rows.
pub(crate) trait Decode: Send + Sync + 'static {
    /// The sequence's name and the row that a line holds.
    fn row<'l>(&self, line: &Line<'l>) -> Result<(&'l str, Row<'l>)>;

    /// As [`ByRegion::fields`].
    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str));
}

/// The commands that index a file of that layout, in the words of tabix's options.
pub(crate) fn commands(input: &Input, layout: &str) -> String {
    let path = input.path().display().to_string();
    match path.strip_suffix(".gz") {
        _ if packs(input).unwrap_or(false) => format!("tabix {layout} {path}"),
        Some(plain) => format!("gunzip {path} && bgzip {plain} && tabix {layout} {path}"),
        None => format!("bgzip {path} && tabix {layout} {path}.gz"),
    }
}

/// The commands that spare a large file of that layout its copy. Its sequence and its start stand
/// in those columns, counted from 1.
pub(crate) fn index_hint(input: &Input, [sequence, start]: [usize; 2], layout: &str) -> IndexHint {
    let path = input.path().display();
    let read = if input.is_packed().unwrap_or(false) { "gunzip -c" } else { "cat" };
    let sorted = format!("{}.sorted.{}.gz", input.stem(), input.ending());
    let sorted = input.path().with_file_name(sorted).display().to_string();
    let keys = format!("-k{sequence},{sequence} -k{start},{start}n");
    let sort = format!("{read} {path} | sort {keys} | bgzip > {sorted} && tabix {layout} {sorted}");
    IndexHint { index: commands(input, layout), sort }
}

/// A text file with its index.
pub(crate) struct Tabix<D> {
    file: IndexedFile,
    pub(crate) decode: D,
    names: Vec<String>,
    /// The file that the user named, for messages: this may be a copy of it.
    path: PathBuf,
}

impl<D: Decode> Tabix<D> {
    /// The file with the index that lies beside it; if none does, `decode` comes back.
    pub(crate) fn open(input: &Input, decode: D) -> Result<Result<Self, D>> {
        match IndexedFile::open(input, &["tbi", "csi"])? {
            Some(file) => Self::of(input, file, decode).map(Ok),
            None => Ok(Err(decode)),
        }
    }

    fn of(input: &Input, file: IndexedFile, decode: D) -> Result<Self> {
        let index = &file.index;
        let text = index.text.clone().filter(|text| text.names.len() == index.sequences.len());
        let Some(text) = text else {
            let what = "is not the index of a text file; make it again with tabix";
            return Err(Error::data(&file.index_path, "", what));
        };
        Ok(Tabix { file, decode, names: text.names, path: input.path().into() })
    }

    /// The copy of a file that the cache holds, read as what its note makes of `decode`: none if
    /// that is no note of this program.
    pub(crate) fn of_copy(
        input: &Input,
        copy: &Input,
        decode: impl FnOnce(&str) -> Option<D>,
    ) -> Result<Self> {
        let wrong = |what: &str| Error::data(copy.path(), "", what);
        let removed = || wrong("its index was removed; open it again");
        let file = IndexedFile::open(copy, &["csi"])?.ok_or_else(removed)?;
        let note = file.behind()?;
        let strange = || wrong("is not what was copied here; remove it");
        let decode = decode(note.strip_prefix('#').unwrap_or_default()).ok_or_else(strange)?;
        Self::of(input, file, decode)
    }

    /// The name of a sequence.
    pub(crate) fn name(&self, sequence: usize) -> &str {
        &self.names[sequence]
    }

    /// The sequences that have rows, as long as `known` says, else as their last row reaches.
    pub(crate) fn sequences(&self, known: &Sequences) -> Result<Sequences> {
        let last = |index| self.file.index.last_bin(index);
        sequences_of(self, self.names.iter().map(String::as_str), known, last)
    }

    /// How many rows each sequence has, as far as the index says.
    pub(crate) fn rows(&self) -> Vec<u64> {
        self.file.index.sequences.iter().map(|bins| bins.count.unwrap_or(0)).collect()
    }
}

impl<D: Decode> ByRegion for Tabix<D> {
    fn path(&self) -> &Path {
        &self.path
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
        let mut bytes = Vec::new();
        self.file.each(sequence, bases, take, |reader, offer| {
            let at = reader.position();
            bytes.clear();
            if !reader.line(&mut bytes, LONGEST_LINE)? {
                return Err(self.file.misfit("it leads behind the end of the file"));
            }
            let line = |text| Line::at_offset(text, at, self.path());
            let text = std::str::from_utf8(&bytes);
            let line = line(text.map_err(|_| line("").error("the line is not UTF-8 text"))?);
            if is_comment(line.text) {
                return Ok(());
            }
            let (name, row) = self.decode.row(&line)?;
            let own = &self.names[sequence];
            if name != own {
                let what = format!("it says '{own}' where a line is of '{name}'");
                return Err(self.file.misfit(&what));
            }
            offer.row(row)
        })
    }

    fn fields(&self, row: &Row<'_>, columns: &[usize], put: &mut dyn FnMut(&str)) {
        self.decode.fields(row, columns, put);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_suit_how_the_file_is_packed() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let said = commands(&Input::File(path), "-p bed");
            said.replace(&format!("{}/", folder.path().display()), "")
        };
        assert_eq!(said("x.bed", b"chr1\t1\t2\n"), "bgzip x.bed && tabix -p bed x.bed.gz");
        let gzip = said("y.bed.gz", &[0x1f, 0x8b, 8, 0, 0]);
        assert_eq!(gzip, "gunzip y.bed.gz && bgzip y.bed && tabix -p bed y.bed.gz");
        assert_eq!(said("z.bed.gz", &crate::bytes::bgzf::END), "tabix -p bed z.bed.gz");
    }
}
