//! Coverage: the number of reads over each base, counted like `samtools depth` by default. The same
//! reading saves the ranks of all reads, which close views need.
//!
//! Aligned bases count (`M`, `=`, `X`); deletions and introns do not, nor do reads that are
//! unmapped, secondary, failed or duplicates. Reads are sorted, so only the ends of the current
//! reads are held in memory, not a number for each base.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{Sequence, Sequences};
use crate::source::alignments::alignment::{Alignment, Alignments};
use crate::source::io::bbi::write::{Refused, Writer};
use crate::source::io::cache;
use crate::source::rows::background::{Preview, open_in_background};
use crate::source::rows::indexed::{Saved, Saving};
use crate::source::signals::bigwig;
use crate::source::{Context, Missing, Options, Source};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};

/// The entry in the cache; and the one without what `skip=errors` leaves out.
const ENTRY: &str = "coverage.bw";
const GOOD_ENTRY: &str = "good.coverage.bw";
/// Number of reads between two progress reports.
const REPORT: u64 = 1 << 14;

/// The coverage of a file, whose reads `reads` gives in the order of their places; what the file
/// lists as its sequences, `sequences` gives.
pub(crate) fn open<A: Alignments>(
    input: &Input,
    options: &Options,
    context: &Context,
    sequences: impl FnOnce() -> Result<Sequences>,
    reads: impl FnOnce(&Context) -> Result<A> + Send + 'static,
) -> Result<Box<dyn Source>> {
    // The coverage is 0 where there are no reads.
    let missing = match options.missing {
        Missing::Auto => Missing::Zero,
        asked => asked,
    };
    let preview = || {
        let sequences = sequences()?;
        Ok(Preview { sequences, knows_lengths: true, ..bigwig::First::default().preview(missing) })
    };
    let ending = if options.skip.is_some() { GOOD_ENTRY } else { ENTRY };
    let (file, asked) = (input.clone(), Options { missing, ..options.clone() });
    open_in_background(input, context, preview, move |context| {
        let saved = Saved::of(&file, context)?;
        if !saved.is_there() {
            // One reading writes both.
            let _ = fs::remove_file(cache::path(&file, context, ending)?);
        }
        // The ranks are saved first, so a coverage always has its ranks.
        let make = |out| write(reads(context)?, &file, context, &saved, out);
        let entry = cache::entry(&file, context, ending, make)?;
        bigwig::open(&Input::File(entry), &asked, context)
    })
}

/// Writes the coverage of all sequences from the `reads` of a file, and saves their ranks.
fn write(
    mut reads: impl Alignments,
    input: &Input,
    context: &Context,
    saved: &Saved,
    out: BufWriter<File>,
) -> Result<()> {
    let unwritable = |error| cache::unwritable(context, &error);
    let mut writer = Writer::new(out).map_err(unwritable)?;
    let (sequences, size) = (reads.sequences().clone(), input.size()?.max(1) as f64);
    if sequences.is_empty() {
        let what = "its header lists no sequences, so its reads have no positions";
        return Err(Error::data(input.path(), "", what));
    }
    if let Some(empty) = sequences.iter().find(|sequence| sequence.length == 0) {
        let what = format!("its header says that '{}' has 0 bases", empty.name);
        return Err(Error::data(input.path(), "", what));
    }
    let mut lengths = sequences.iter();
    let mut depth = Depth::default();
    let mut saving = Saving::new(saved).map_err(unwritable)?;
    let (mut count, mut last) = (0u64, None);
    let rejected = |rejected| match rejected {
        Refused::Order => Error::Bug("coverage is not in order".into()),
        Refused::Io(error) => unwritable(error),
    };
    loop {
        count += 1;
        if count.is_multiple_of(REPORT) {
            context.progress.report(input.path(), reads.position() as f64 / size);
        }
        let Some(read) = reads.next()? else { break };
        let (Some(sequence), Some(start)) = (read.sequence(), read.start()) else { continue };
        if last > Some((sequence, start)) || sequence >= sequences.len() {
            let what = if sequence < sequences.len() {
                "the reads are not sorted by position; sort them with samtools sort"
            } else {
                "a read is aligned to a sequence that is not listed"
            };
            return Err(reads.damaged(what));
        }
        if last.is_none_or(|(known, _)| known < sequence) {
            depth.until(u32::MAX, |s, e, d| writer.add_here(s, e, d)).map_err(rejected)?;
            let done = last.map_or(0, |(known, _)| known + 1);
            for skipped in lengths.by_ref().take(sequence + 1 - done) {
                writer.begin(skipped.name, skipped.length).map_err(rejected)?;
            }
        }
        last = Some((sequence, start));
        if read.is_mapped() {
            let Sequence { name, length, .. } = sequences.at(sequence);
            if start >= length {
                let what = format!(
                    "a read begins at base {} of '{name}', which has {length} bases by the header; \
                     samtools reheader corrects it",
                    u64::from(start) + 1
                );
                return Err(reads.damaged(&what));
            }
            let place = (start, read.end());
            saving.add(sequence, place, read.quality()).map_err(unwritable)?;
        }
        if read.is_counted() {
            depth.until(start, |s, e, d| writer.add_here(s, e, d)).map_err(rejected)?;
            let length = sequences.at(sequence).length;
            // A read may reach beyond the end of its sequence, as on circular ones.
            for block in read.blocks() {
                depth.add(block.start.min(length), block.end.min(length));
            }
        }
    }
    depth.until(u32::MAX, |s, e, d| writer.add_here(s, e, d)).map_err(rejected)?;
    for skipped in lengths {
        writer.begin(skipped.name, skipped.length).map_err(rejected)?;
    }
    saving.save(sequences.len()).map_err(unwritable)?;
    context.progress.done(input.path());
    writer.finish().and_then(|mut out| out.flush()).map_err(unwritable)
}

/// The depth from the current base on.
#[derive(Default)]
struct Depth {
    /// The change of depth at each base where it changes.
    changes: BTreeMap<u32, i64>,
    now: i64,
    /// The last base at which the depth changed.
    since: u32,
}

impl Depth {
    fn add(&mut self, start: u32, end: u32) {
        if start < end {
            *self.changes.entry(start).or_default() += 1;
            *self.changes.entry(end).or_default() -= 1;
        }
    }

    /// Passes on every interval of constant depth above 0 that ends before `base`. No read that
    /// begins before `base` may be added after that.
    fn until(
        &mut self,
        base: u32,
        mut emit: impl FnMut(u32, u32, f32) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        while let Some(entry) = self.changes.first_entry().filter(|entry| *entry.key() < base) {
            let (at, change) = entry.remove_entry();
            if change != 0 {
                if self.now > 0 {
                    emit(self.since, at, self.now as f32)?;
                }
                (self.now, self.since) = (self.now + change, at);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Compares the depth with a count base by base.
        #[test]
        fn depth_is_the_number_of_reads_over_each_base(
            mut reads in prop::collection::vec((0u32..200, 0u32..40), 0..60)
        ) {
            reads.sort_unstable();
            let (mut depth, mut depths) = (Depth::default(), vec![0.0; 300]);
            let mut runs = Vec::new();
            for (start, length) in &reads {
                depth.until(*start, |s, e, d| { runs.push((s, e, d)); Ok(()) }).unwrap();
                depth.add(*start, start + length);
            }
            depth.until(u32::MAX, |s, e, d| { runs.push((s, e, d)); Ok(()) }).unwrap();
            for (start, end, value) in &runs {
                depths[*start as usize..*end as usize].fill(*value);
            }
            for base in 0..300 {
                let over = reads.iter().filter(|(s, l)| *s <= base && base < s + l).count();
                prop_assert_eq!(depths[base as usize], over as f32);
            }
            let adjacent = runs.windows(2).filter(|w| w[0].1 == w[1].0 && w[0].2 == w[1].2).count();
            prop_assert_eq!(adjacent, 0, "adjacent runs of the same depth are merged");
        }
    }
}
