//! Sorted copies of large files without an index: the rows are copied once into the cache, sorted,
//! compressed and indexed, and the copy is read by region.
//!
//! A sorted file is copied line by line. Any other file is sorted in runs that fit in memory, which
//! are then merged. Rows are sorted by sequence (in order of appearance), start, end and order in
//! the file, like rows in memory.

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

/// Returns the copy of a file's rows, which has an index beside it. With `skip`, damaged lines are
/// left out.
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
    // In this order, since a copy without its index is removed.
    if cache::fetch(input, context, &format!("{ending}.csi")) {
        if skip.is_some() {
            cache::fetch(input, context, &format!("{ending}.skipped"));
        }
        cache::fetch(input, context, ending);
    }
    if path.is_file() && skip.is_some_and(|skip| skip.load(&skipped).is_none()) {
        let _ = fs::remove_file(&path);
    }
    let index = cache::path(input, context, &format!("{ending}.csi"))?;
    // The copy is checked before the index, because a copy gets its name after its index is
    // written.
    if path.is_file() && !index.is_file() {
        let _ = fs::remove_file(&path);
    }
    let file = cache::entry(input, context, ending, |mut out| {
        let (name, folder) = (input.path().display(), context.cache.display());
        match &index_hint {
            Some(index_hint) => tracing::warn!(
                "{name} is large and has no index: an indexed copy is written to {folder}; to \
                 avoid that: {}",
                index_hint.index
            ),
            None => tracing::info!("{name} is large: an indexed copy is written to {folder}"),
        }
        let mut rows = Copying { input, context, format: format.for_copy(), skip };
        let bytes = match rows.copy_sorted(&mut out)? {
            Some(bytes) => bytes,
            None => {
                if let Some(index_hint) = &index_hint {
                    let better = &index_hint.sort;
                    tracing::warn!(
                        "{name} is not sorted, which takes longer; to avoid that: {better}"
                    );
                }
                let again = out.rewind().and_then(|()| out.get_ref().set_len(0));
                again.map_err(|error| cache::unwritable(context, &error))?;
                rows.copy_unsorted(&mut out)?
            }
        };
        // The index is written before the copy gets its name, so a copy always has its index.
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
    /// Collects the column statistics; rows that are read twice do not change them.
    format: F,
    /// Counts the lines that are left out; none if a damaged one is an error.
    skip: Option<&'a Skipped>,
}

impl<F: RowFormat> Copying<'_, F> {
    /// Calls `take` with each row and its line in the copy until that returns false. Returns the
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
                // `take` may stop after the first of several rows of a line.
                if !more {
                    return Ok(());
                }
                self.format.learn(&row).map_err(|what| line.error(what))?;
                let sequence = match last {
                    // Consecutive rows mostly lie on the same sequence.
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

    /// Copies a sorted file. Returns its index, or none if the file is not sorted.
    fn copy_sorted(&mut self, out: &mut BufWriter<File>) -> Result<Option<Vec<u8>>> {
        let mut writer = BgzfWriter::new(out);
        // The rows that start at the same base, which are yet to be sorted by their ends.
        let mut rows = SortBuffer::default();
        let mut sorted = true;
        let sequences = self.each(|sequences, key, line| {
            if let Some(last) = rows.last().filter(|last| last.place() != key.place()) {
                sorted = last.place() < key.place();
                rows.write_sorted(sequences, &mut writer)?;
            }
            rows.push(key, line);
            sorted &= rows.size() <= self.context.in_memory;
            Ok(sorted)
        })?;
        if !sorted {
            return Ok(None);
        }
        let note = self.format.note();
        let written =
            rows.write_sorted(&sequences, &mut writer).and_then(|()| writer.finish(&note));
        written.map(Some).map_err(|error| self.unwritable(&error))
    }

    /// Copies an unsorted file. Returns its index.
    fn copy_unsorted(&mut self, out: &mut BufWriter<File>) -> Result<Vec<u8>> {
        let ending = format!("{}.runs.part", self.format.cache_ending());
        let partial = cache::path(self.input, self.context, &ending)?;
        let mut runs = SortedRuns::create(partial).map_err(|error| self.unwritable(&error))?;
        let mut rows = SortBuffer::default();
        let sequences = self.each(|_, key, line| {
            rows.push(key, line);
            if rows.size() > self.context.in_memory {
                runs.add(&mut rows)?;
            }
            Ok(true)
        })?;
        let (path, progress) = (self.input.path(), &self.context.progress);
        let (note, mut writer) = (self.format.note(), BgzfWriter::new(out));
        let merge = move || {
            runs.add(&mut rows)?;
            runs.merge(|key, line, part| {
                part.into_iter().for_each(|part| progress.report(path, part));
                writer.line(sequences.at(key.sequence as usize).name, key.start..key.end, line)
            })?;
            writer.finish(&note)
        };
        let merged = merge().map_err(|error| self.unwritable(&error));
        progress.done(path);
        merged
    }
}
