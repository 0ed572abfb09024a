//! Large text without an index: a sorted, packed and indexed copy of its rows in the cache, made
//! once, that is read by region.
//!
//! A sorted file is copied line by line. Of any other, as much as may be held in memory is sorted
//! at a time and put aside; then these runs are merged. Rows are sorted by sequence (in the order
//! in which the file first names them), start, end and order in the file, as rows in memory are.

mod runs;

use super::fields::is_comment;
use super::indexed::Row;
use super::packing::Packer;
use super::tabix::Decode;
use super::text::Lines;
use super::{Context, Input, cache};
use crate::error::{Error, Result};
use crate::genome::Sequences;
use runs::{Key, Rows, Runs};
use std::fs::{self, File};
use std::io::{BufWriter, Seek, Write};

/// What users can do so that no copy is needed: commands.
pub(super) struct Remedy {
    /// For a sorted file.
    pub(super) index: String,
    /// For any other.
    pub(super) sort: String,
}

/// The ending of a copy; that of its index is added to it.
const COPY: &str = "bgz";

/// The copy of a file's rows, with its index beside it. A row that `check` objects to is an error.
pub(super) fn copy(
    input: &Input,
    context: &Context,
    decode: &impl Decode,
    check: impl Fn(&Row<'_>) -> std::result::Result<(), String>,
    remedy: &Remedy,
) -> Result<Input> {
    let index = cache::path(input, context, &format!("{COPY}.csi"))?;
    if !index.is_file() {
        let _ = fs::remove_file(cache::path(input, context, COPY)?);
    }
    let file = cache::entry(input, context, COPY, |mut out| {
        let name = input.path().display();
        tracing::warn!(
            "{name} is large and has no index: an indexed copy is made in {}; to spare that: {}",
            context.cache.display(),
            remedy.index
        );
        let rows = Copying { input, context, decode, check };
        let bytes = match rows.in_order(&mut out)? {
            Some(bytes) => bytes,
            None => {
                tracing::warn!("{name} is not sorted, which takes longer; better: {}", remedy.sort);
                let again = out.rewind().and_then(|()| out.get_ref().set_len(0));
                again.map_err(|error| cache::unwritable(context, &error))?;
                rows.sorted(&mut out)?
            }
        };
        // Before the copy has its name: where there is a copy, there is its index.
        let written = File::create(&index).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        written.map_err(|error| cache::unwritable(context, &error))
    })?;
    Ok(Input::File(file))
}

/// A file that is being copied.
struct Copying<'a, D, C> {
    input: &'a Input,
    context: &'a Context,
    decode: &'a D,
    check: C,
}

impl<D, C> Copying<'_, D, C>
where
    D: Decode,
    C: Fn(&Row<'_>) -> std::result::Result<(), String>,
{
    /// Calls `take` with each row and its line until it says that this is enough. The sequences
    /// that the rows are of.
    fn each(
        &self,
        mut take: impl FnMut(&Sequences, Key, &str) -> std::io::Result<bool>,
    ) -> Result<Sequences> {
        let mut lines = Lines::watched(self.input, &self.context.progress)?;
        let (mut sequences, mut last) = (Sequences::default(), None);
        while let Some(line) = lines.next()? {
            if is_comment(line.text) {
                continue;
            }
            let (name, row) = self.decode.row(&line)?;
            (self.check)(&row).map_err(|what| line.error(what))?;
            let sequence = match last {
                // Rows of one sequence mostly follow each other.
                Some(last) if *sequences.at(last).name == *name => last,
                _ => sequences.index_or_add(name),
            };
            last = Some(sequence);
            let key = Key { sequence: sequence as u32, start: row.start, end: row.end };
            if !take(&sequences, key, line.text).map_err(|error| self.unwritable(&error))? {
                break;
            }
        }
        Ok(sequences)
    }

    fn unwritable(&self, error: &std::io::Error) -> Error {
        cache::unwritable(self.context, error)
    }

    /// Copies a sorted file; its index, or none if it is not sorted.
    fn in_order(&self, out: &mut BufWriter<File>) -> Result<Option<Vec<u8>>> {
        let mut packer = Packer::new(out);
        // Those that start at the same base, which are still to be sorted by their ends.
        let mut rows = Rows::default();
        let mut sorted = true;
        let sequences = self.each(|sequences, key, line| {
            if let Some(last) = rows.last().filter(|last| last.place() != key.place()) {
                sorted = last.place() < key.place();
                rows.pack(sequences, &mut packer)?;
            }
            rows.push(key, line);
            sorted &= rows.size() <= self.context.in_memory;
            Ok(sorted)
        })?;
        if !sorted {
            return Ok(None);
        }
        let packed = rows.pack(&sequences, &mut packer).and_then(|()| packer.finish());
        packed.map(Some).map_err(|error| self.unwritable(&error))
    }

    /// Copies a file in any order; its index.
    fn sorted(&self, out: &mut BufWriter<File>) -> Result<Vec<u8>> {
        let aside = cache::path(self.input, self.context, "runs")?;
        let mut runs = Runs::create(aside).map_err(|error| self.unwritable(&error))?;
        let mut rows = Rows::default();
        let sequences = self.each(|_, key, line| {
            rows.push(key, line);
            if rows.size() > self.context.in_memory {
                runs.add(&mut rows)?;
            }
            Ok(true)
        })?;
        let (path, mut packer) = (self.input.path(), Packer::new(out));
        let merge = move || {
            runs.add(&mut rows)?;
            runs.merge(|key, line, part| {
                part.into_iter().for_each(|part| self.context.progress.tell(path, part));
                packer.line(&sequences.at(key.sequence as usize).name, key.start..key.end, line)
            })?;
            packer.finish()
        };
        let merged = merge().map_err(|error| self.unwritable(&error));
        self.context.progress.done(path);
        merged
    }
}
