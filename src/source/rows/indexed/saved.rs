//! Ranks of reads. They are saved in the cache when the coverage is computed, which reads all
//! reads.
//!
//! For each sequence, the file has the length of its section, the section and a checksum; the
//! section holds the ranks of each level. A damaged file is removed, so that it is written again.

use crate::bytes::Cursor;
use crate::bytes::Input;
use crate::error::Result;
use crate::genome::Strand;
use crate::private;
use crate::source::io::cache;
use crate::source::rows::priority::Priority;
use crate::source::rows::rank_index::{COARSE, EVERY, RankCounter, RankIndex, Ranks, Sample};
use crate::source::rows::row::Row;
use crate::source::{Context, FINEST_THINNED};
use flate2::Crc;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::PathBuf;

/// Must change when the layout of the file or the choice of counted reads changes.
const MAGIC: &[u8; 8] = b"EVRANKS\x01";
const ENDING: &str = "ranks";
/// Number of levels: all reads, and the best reads of bins of each width.
const LEVELS: u8 = 1 + COARSE - FINEST_THINNED;
/// Size of a [`Sample`] in bytes.
const SAMPLE: usize = 12;

/// The cached file with the ranks of a file's reads.
pub(crate) struct Saved(PathBuf);

impl Saved {
    pub(crate) fn of(input: &Input, context: &Context) -> Result<Self> {
        cache::fetch(input, context, ENDING);
        Ok(Saved(cache::path(input, context, ENDING)?))
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.is_file()
    }

    /// Reads the rank index of the sequence with that number; none if the ranks are not saved yet.
    pub(crate) fn rank_index(&self, sequence: usize) -> Option<RankIndex> {
        let file = File::open(&self.0).ok()?;
        let rank_index =
            section(BufReader::new(file), sequence).ok().and_then(|section| parse(&section));
        if rank_index.is_none() {
            tracing::warn!(
                "{} is damaged and was removed; the next opening writes it again",
                self.0.display()
            );
            let _ = fs::remove_file(&self.0);
        }
        rank_index
    }
}

/// Counts all reads of a file and saves their ranks.
pub(crate) struct Saving {
    place: PathBuf,
    partial: PathBuf,
    out: BufWriter<File>,
    /// Counts the reads of `sequence`, the current one.
    counter: RankCounter,
    sequence: usize,
}

impl Saving {
    pub(crate) fn new(to: &Saved) -> io::Result<Self> {
        let partial = to.0.with_extension(format!("{ENDING}.part"));
        let mut out = BufWriter::new(
            private::options().create(true).truncate(true).write(true).open(&partial)?,
        );
        out.write_all(MAGIC)?;
        Ok(Saving { place: to.0.clone(), partial, out, counter: RankCounter::new(), sequence: 0 })
    }

    /// Counts the next read, on the sequence with that number. `quality` decides which read of a
    /// bin is shown.
    pub(crate) fn add(
        &mut self,
        sequence: usize,
        (start, end): (u32, u32),
        quality: u8,
    ) -> io::Result<()> {
        self.write_before(sequence)?;
        let row = Row { start, end, strand: Strand::Both, text: "" };
        self.counter.add(&row, Priority::new(None, quality.into(), end - start));
        Ok(())
    }

    /// Saves the ranks of a file with this number of sequences.
    pub(crate) fn save(mut self, sequences: usize) -> io::Result<()> {
        self.write_before(sequences)?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.partial, &self.place)
    }

    /// Writes the sequences before `sequence`.
    fn write_before(&mut self, sequence: usize) -> io::Result<()> {
        while self.sequence < sequence {
            let mut counter = std::mem::replace(&mut self.counter, RankCounter::new());
            counter.finish();
            let mut bytes = Vec::new();
            counter.ranks().for_each(|ranks| write_ranks(&mut bytes, ranks));
            self.out.write_all(&(bytes.len() as u64).to_le_bytes())?;
            self.out.write_all(&bytes)?;
            self.out.write_all(&sum(&bytes))?;
            self.sequence += 1;
        }
        Ok(())
    }
}

fn sum(bytes: &[u8]) -> [u8; 4] {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum().to_le_bytes()
}

fn write_ranks(bytes: &mut Vec<u8>, ranks: &Ranks) {
    bytes.extend(ranks.count.to_le_bytes());
    for Sample { key, skip, reach } in &ranks.samples {
        [key, skip, reach].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    }
}

/// Reads the section of a sequence and verifies its checksum.
fn section(mut file: BufReader<File>, sequence: usize) -> io::Result<Vec<u8>> {
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(ErrorKind::InvalidData.into());
    }
    let length = |file: &mut BufReader<File>| {
        let mut length = [0; 8];
        file.read_exact(&mut length).map(|()| u64::from_le_bytes(length))
    };
    for _ in 0..sequence {
        let rest = length(&mut file)?.saturating_add(4);
        file.seek_relative(i64::try_from(rest).map_err(|_| ErrorKind::InvalidData)?)?;
    }
    let (length, mut bytes, mut end) = (length(&mut file)?, Vec::new(), [0; 4]);
    file.by_ref().take(length).read_to_end(&mut bytes)?;
    file.read_exact(&mut end)?;
    if end == sum(&bytes) { Ok(bytes) } else { Err(ErrorKind::InvalidData.into()) }
}

fn parse(bytes: &[u8]) -> Option<RankIndex> {
    let mut fields = Cursor::new(bytes);
    let records = ranks(&mut fields)?;
    let best = (1..LEVELS).map(|_| ranks(&mut fields)).collect::<Option<_>>()?;
    Some(RankIndex::of_reads(records, best))
}

fn ranks(fields: &mut Cursor<'_>) -> Option<Ranks> {
    let count = fields.u64()?;
    let samples = usize::try_from(count.div_ceil(EVERY)).ok()?;
    let sample = |bytes| {
        let mut fields = Cursor::new(bytes);
        Some(Sample { key: fields.u32()?, skip: fields.u32()?, reach: fields.u32()? })
    };
    let bytes = fields.take(samples.checked_mul(SAMPLE)?)?;
    let samples = bytes.chunks(SAMPLE).map(sample).collect::<Option<_>>()?;
    Some(Ranks { count, samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the ranks that are found of each of four sequences in the file after `change`, and
    /// whether the file still exists.
    fn found(change: impl Fn(&mut Vec<u8>)) -> (Vec<Option<[u64; 4]>>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let place = Saved(folder.path().join("x.ranks"));
        let mut saving = Saving::new(&place).unwrap();
        // Three reads start at each base, so that one in 48 is the best of a bin of 16 bases.
        for n in 0..5000 {
            saving.add(1, (n / 3, n / 3 + 100), 60).unwrap();
        }
        saving.add(2, (7, 9), 0).unwrap();
        assert!(!place.is_there());
        saving.save(4).unwrap();
        let mut bytes = fs::read(&place.0).unwrap();
        change(&mut bytes);
        fs::write(&place.0, bytes).unwrap();
        let found = (0..4).map(|sequence| {
            let rank_index = place.rank_index(sequence)?;
            let first = rank_index.records.first_reaching(1500).map_or(0, |(rank, _)| rank);
            Some([
                rank_index.total_rows(),
                first,
                rank_index.best(4).count,
                rank_index.best(13).count,
            ])
        });
        (found.collect(), place.is_there())
    }

    /// Size of a sequence without reads in bytes.
    const EMPTY: usize = 8 + LEVELS as usize * 8 + 4;

    #[test]
    fn saved_ranks_are_found_again() {
        // Rank 4200 is the first that reaches beyond base 1500.
        let all = [[0; 4], [5000, 4160, 105, 1], [1, 0, 1, 1], [0; 4]];
        assert_eq!(found(|_| {}), (all.map(Some).to_vec(), true));
    }

    #[test]
    fn a_damaged_file_is_ignored_and_removed() {
        for at in [0, 7, 8, 12, 20, EMPTY + 7] {
            let (rank_indexes, is_there) = found(|bytes| bytes[at] ^= 1);
            assert_eq!((&rank_indexes[0], is_there), (&None, false), "{at}");
        }
    }
}
