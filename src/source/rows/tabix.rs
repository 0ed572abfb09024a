//! Text files that were compressed with bgzip and indexed with tabix: reads their lines by region.

use crate::bytes::bgzf::packs;
use crate::bytes::{Input, Packing};
use crate::error::{Error, Result};
use crate::source::io::delimited::is_comment;
use crate::source::io::lines::{LONGEST_LINE, Line};
use crate::source::rows::indexed_file::IndexedFile;
use crate::source::rows::row::{Emit, Flow, Row};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Commands that index a file, so that no copy is needed.
pub(crate) struct IndexHint {
    /// The commands for a sorted file.
    pub(crate) index: String,
    /// The commands for any other file.
    pub(crate) sort: String,
}

/// Returns the commands that index a file; `layout` gives the options of `tabix`.
pub(crate) fn commands(input: &Input, layout: &str) -> String {
    let path = input.path().display().to_string();
    let packing = input.packing().ok().flatten();
    match (path.strip_suffix(".gz"), packing) {
        _ if packs(input).unwrap_or(false) => format!("tabix {layout} {path}"),
        (Some(plain), _) => format!("gunzip {path} && bgzip {plain} && tabix {layout} {path}"),
        (None, Some(packing)) => {
            let plain = input.path().with_extension("");
            let (plain, unpack) = (plain.display(), packing.command());
            format!("{unpack} {path} | bgzip > {plain}.gz && tabix {layout} {plain}.gz")
        }
        (None, None) => format!("bgzip {path} && tabix {layout} {path}.gz"),
    }
}

/// Returns the commands that index a large file, so that it needs no copy. The file begins with
/// `header_lines`; `sequence` and `start` are the numbers of their columns, from 1.
pub(crate) fn index_hint(
    input: &Input,
    header_lines: usize,
    [sequence, start]: [usize; 2],
    layout: &str,
) -> IndexHint {
    let path = input.path().display();
    let read = input.packing().ok().flatten().map_or("cat", Packing::command);
    let sorted = format!("{}.sorted.{}.gz", input.stem(), input.ending());
    let sorted = input.path().with_file_name(sorted).display().to_string();
    let keys = format!("-k{sequence},{sequence} -k{start},{start}n");
    // The header stays in front.
    let sort = match header_lines {
        0 => format!("sort {keys}"),
        lines => format!("(sed -u {lines}q; sort {keys})"),
    };
    let sort = format!("{read} {path} | {sort} | bgzip > {sorted} && tabix {layout} {sorted}");
    IndexHint { index: commands(input, layout), sort }
}

/// A text file with its index.
pub(crate) struct Tabix {
    file: IndexedFile,
    /// The file that the user named, for messages; `file` may be a copy of it.
    path: PathBuf,
}

impl Tabix {
    /// Opens the file with its companion index; none if it has none.
    pub(crate) fn open(input: &Input) -> Result<Option<Self>> {
        let file = IndexedFile::open(input, &["tbi", "csi"])?;
        file.map(|file| Self::of(input, file)).transpose()
    }

    fn of(input: &Input, file: IndexedFile) -> Result<Self> {
        let index = &file.index;
        if index.text.as_ref().is_none_or(|text| text.names.len() != index.len()) {
            let what = "is not the index of a text file; index the file again with tabix";
            return Err(Error::data(&file.index_path, "", what));
        }
        Ok(Tabix { file, path: input.path().into() })
    }

    /// Opens the copy of a file in the cache. Returns it with the note at its end.
    pub(crate) fn of_copy(input: &Input, copy: &Input) -> Result<(Self, String)> {
        let removed = || Error::data(copy.path(), "", "its index was removed; open it again");
        let file = IndexedFile::open(copy, &["csi"])?.ok_or_else(removed)?;
        let note = file.note()?.strip_prefix('#').unwrap_or_default().to_owned();
        Ok((Self::of(input, file)?, note))
    }

    /// Returns the path of the file, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the names of its sequences, in index order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.file.index.text.iter().flat_map(|text| text.names.iter())
    }

    /// Returns a base at or before the end of the last row of that sequence.
    pub(crate) fn last_bin(&self, sequence: usize) -> u32 {
        self.file.index.last_bin(sequence)
    }

    /// Returns the number of rows of each sequence; 0 where the index has none.
    pub(crate) fn rows(&self) -> Vec<u64> {
        let index = &self.file.index;
        (0..index.len()).map(|at| index.count(at).unwrap_or(0)).collect()
    }

    /// Returns whether the index has the number of rows of each sequence.
    pub(crate) fn is_counted(&self) -> bool {
        self.file.is_counted()
    }

    /// Passes the rows in `bases` to `take`, as [`ByRegion::each`](super::indexed::ByRegion::each)
    /// describes; `parse` reads them from lines.
    pub(crate) fn each(
        &self,
        sequence: usize,
        bases: Range<u32>,
        take: &mut dyn FnMut(Row<'_>) -> Flow,
        parse: impl Fn(&Line<'_>, &mut Emit<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        self.file.each(sequence, bases, take, |reader, filter| {
            let at = reader.position();
            bytes.clear();
            if !reader.line(&mut bytes, LONGEST_LINE)? {
                return Err(self.file.misfit("it points beyond the end of the file"));
            }
            let line = |text| Line::at_offset(text, at, self.path());
            let text = std::str::from_utf8(&bytes);
            let line = line(text.map_err(|_| line("").error("the line is not UTF-8 text"))?);
            if is_comment(line.text) {
                return Ok(());
            }
            let names = self.file.index.text.as_ref().map(|text| &text.names);
            let expected = names.map_or("", |names| names.get(sequence));
            parse(&line, &mut |name, row| {
                if name == expected {
                    return filter.row(row);
                }
                let what = format!("it says '{expected}' for a line of '{name}'");
                Err(self.file.misfit(&what))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_fit_the_compression_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let commands_of = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let commands = commands(&Input::File(path), "-p bed");
            commands.replace(&format!("{}/", folder.path().display()), "")
        };
        assert_eq!(commands_of("x.bed", b"chr1\t1\t2\n"), "bgzip x.bed && tabix -p bed x.bed.gz");
        let gzip = commands_of("y.bed.gz", &[0x1f, 0x8b, 8, 0, 0]);
        assert_eq!(gzip, "gunzip y.bed.gz && bgzip y.bed && tabix -p bed y.bed.gz");
        let zstd = commands_of("v.bed.zst", b"\x28\xb5\x2f\xfd");
        assert_eq!(zstd, "zstd -dc v.bed.zst | bgzip > v.bed.gz && tabix -p bed v.bed.gz");
        assert_eq!(commands_of("z.bed.gz", &crate::bytes::bgzf::END), "tabix -p bed z.bed.gz");
    }
}
