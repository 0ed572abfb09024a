//! Large files of rows without an index: a sorted, packed and indexed copy of its rows in the cache, made
//! once, that is read by region.
//!
//! A sorted file is copied line by line. Of any other, as much as may be held in memory is sorted
//! at a time and put aside; then these runs are merged. Rows are sorted by sequence (in the order
//! in which the file first names them), start, end and order in the file, as rows in memory are.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::io::bgzf_writer::BgzfWriter;
use crate::source::io::cache;
use crate::source::rows::external_sort::{SortBuffer, SortKey, SortedRuns};
use crate::source::rows::format::{RowFormat, each_good_line};
use crate::source::{Context, Skipped};
use std::fs::{self, File};
use std::io::{BufWriter, Seek, Write};

/// The copy of a file's rows, with its index beside it; with `skip`, of those lines that are good.
pub(crate) fn copy(
    input: &Input,
    context: &Context,
    format: &impl RowFormat,
    skip: Option<&Skipped>,
) -> Result<Input> {
    let (ending, index_hint) = (format.cache_ending(), format.index_hint(input));
    let ending = &*skip.map_or(ending.to_owned(), |_| format!("good.{ending}"));
    let path = cache::path(input, context, ending)?;
    let skipped = cache::path(input, context, &format!("{ending}.skipped"))?;
    if path.is_file() && skip.is_some_and(|skip| skip.load(&skipped).is_none()) {
        let _ = fs::remove_file(&path);
    }
    let index = cache::path(input, context, &format!("{ending}.csi"))?;
    // In this order: whoever makes the copy gives it its name when its index is there.
    if path.is_file() && !index.is_file() {
        let _ = fs::remove_file(&path);
    }
    let file = cache::entry(input, context, ending, |mut out| {
        let (name, folder) = (input.path().display(), context.cache.display());
        match &index_hint {
            Some(index_hint) => tracing::warn!(
                "{name} is large and has no index: an indexed copy is made in {folder}; to spare \
                 that: {}",
                index_hint.index
            ),
            None => tracing::info!("{name} is large: an indexed copy is made in {folder}"),
        }
        let mut rows = Copying { input, context, format: format.for_copy(), skip };
        let bytes = match rows.in_order(&mut out)? {
            Some(bytes) => bytes,
            None => {
                if let Some(index_hint) = &index_hint {
                    let better = &index_hint.sort;
                    tracing::warn!("{name} is not sorted, which takes longer; better: {better}");
                }
                let again = out.rewind().and_then(|()| out.get_ref().set_len(0));
                again.map_err(|error| cache::unwritable(context, &error))?;
                rows.sorted(&mut out)?
            }
        };
        // Before the copy has its name: where there is a copy, there is its index.
        let written = File::create(&index).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()?;
            skip.map_or(Ok(()), |skip| skip.save(&skipped))
        });
        written.map_err(|error| cache::unwritable(context, &error))
    })?;
    Ok(Input::File(file))
}

/// A file that is being copied.
struct Copying<'a, F> {
    input: &'a Input,
    context: &'a Context,
    /// Learns what the rows hold; of rows that are read twice, the same again.
    format: F,
    /// Counts the lines that are left out; none if a damaged one is an error.
    skip: Option<&'a Skipped>,
}

impl<F: RowFormat> Copying<'_, F> {
    /// Calls `take` with each row and its line in the copy until it wants no more. Gives the
    /// sequences of these rows.
    fn each(
        &mut self,
        mut take: impl FnMut(&Sequences, SortKey, &str) -> std::io::Result<bool>,
    ) -> Result<Sequences> {
        let (mut sequences, mut last) = (Sequences::default(), None);
        let format = self.format.clone();
        let (input, progress) = (self.input, &self.context.progress);
        each_good_line(&format, input, progress, self.skip, &mut |line| {
            let mut more = true;
            format.parse(line, &mut |name, row| {
                // Of a line that becomes several rows, the first may be enough.
                if !more {
                    return Ok(());
                }
                self.format.learn(&row).map_err(|what| line.error(what))?;
                let sequence = match last {
                    // Rows of one sequence mostly follow each other.
                    Some(last) if *sequences.at(last).name == *name => last,
                    _ => sequences.index_or_add(name),
                };
                last = Some(sequence);
                let key = SortKey { sequence: sequence as u32, start: row.start, end: row.end };
                let taken = take(&sequences, key, row.text);
                more = taken.map_err(|error| cache::unwritable(self.context, &error))?;
                Ok(())
            })?;
            Ok(more)
        })?;
        Ok(sequences)
    }

    fn unwritable(&self, error: &std::io::Error) -> Error {
        cache::unwritable(self.context, error)
    }

    /// Copies a sorted file; its index, or none if it is not sorted.
    fn in_order(&mut self, out: &mut BufWriter<File>) -> Result<Option<Vec<u8>>> {
        let mut packer = BgzfWriter::new(out);
        // Those that start at the same base, which are still to be sorted by their ends.
        let mut rows = SortBuffer::default();
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
        let note = self.format.note();
        let packed = rows.pack(&sequences, &mut packer).and_then(|()| packer.finish(&note));
        packed.map(Some).map_err(|error| self.unwritable(&error))
    }

    /// Copies a file in any order; its index.
    fn sorted(&mut self, out: &mut BufWriter<File>) -> Result<Vec<u8>> {
        let ending = format!("{}.runs.part", self.format.cache_ending());
        let aside = cache::path(self.input, self.context, &ending)?;
        let mut runs = SortedRuns::create(aside).map_err(|error| self.unwritable(&error))?;
        let mut rows = SortBuffer::default();
        let sequences = self.each(|_, key, line| {
            rows.push(key, line);
            if rows.size() > self.context.in_memory {
                runs.add(&mut rows)?;
            }
            Ok(true)
        })?;
        let (path, progress) = (self.input.path(), &self.context.progress);
        let (note, mut packer) = (self.format.note(), BgzfWriter::new(out));
        let merge = move || {
            runs.add(&mut rows)?;
            runs.merge(|key, line, part| {
                part.into_iter().for_each(|part| progress.tell(path, part));
                packer.line(&sequences.at(key.sequence as usize).name, key.start..key.end, line)
            })?;
            packer.finish(&note)
        };
        let merged = merge().map_err(|error| self.unwritable(&error));
        progress.done(path);
        merged
    }
}
