//! Ranks of reads, saved in the cache by whoever reads them all: the making of their coverage.
//!
//! For each sequence the file has the length of its part, the part, and a checksum; the part is the
//! ranks of each level. What is not as it was written counts for nothing, and is removed, so that
//! it is made again.

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

/// Must change when the layout of the file changes, or which reads are counted.
const MAGIC: &[u8; 8] = b"EVRANKS\x01";
const ENDING: &str = "ranks";
/// All reads, and those that are best in bins of each width.
const LEVELS: u8 = 1 + COARSE - FINEST_THINNED;
/// The bytes of a [`Sample`].
const SAMPLE: usize = 12;

/// The place of the ranks of a file's reads.
pub(crate) struct Saved(PathBuf);

impl Saved {
    pub(crate) fn of(input: &Input, context: &Context) -> Result<Self> {
        Ok(Saved(cache::path(input, context, ENDING)?))
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.is_file()
    }

    /// The census of the sequence with that number; none if nothing is saved yet.
    pub(crate) fn census(&self, sequence: usize) -> Option<RankIndex> {
        let file = File::open(&self.0).ok()?;
        let census = part(BufReader::new(file), sequence).ok().and_then(|part| parse(&part));
        if census.is_none() {
            tracing::warn!("{} is damaged; the next opening makes it again", self.0.display());
            let _ = fs::remove_file(&self.0);
        }
        census
    }
}

/// Counts all reads of a file and saves their ranks.
pub(crate) struct Saving {
    place: PathBuf,
    aside: PathBuf,
    out: BufWriter<File>,
    /// Of the sequence with that number, which is not over yet.
    counter: RankCounter,
    sequence: usize,
}

impl Saving {
    pub(crate) fn new(to: &Saved) -> io::Result<Self> {
        let aside = to.0.with_extension(format!("{ENDING}.part"));
        let mut out = BufWriter::new(
            private::options().create(true).truncate(true).write(true).open(&aside)?,
        );
        out.write_all(MAGIC)?;
        Ok(Saving { place: to.0.clone(), aside, out, counter: RankCounter::new(), sequence: 0 })
    }

    /// Counts the next read, which lies on the sequence with that number. `quality` decides which
    /// ones are shown where there is no room for all.
    pub(crate) fn add(
        &mut self,
        sequence: usize,
        (start, end): (u32, u32),
        quality: u8,
    ) -> io::Result<()> {
        self.close_before(sequence)?;
        let row = Row { start, end, strand: Strand::Both, text: "" };
        self.counter.add(&row, Priority::new(None, quality.into(), end - start));
        Ok(())
    }

    /// Saves the ranks of a file that has so many sequences.
    pub(crate) fn save(mut self, sequences: usize) -> io::Result<()> {
        self.close_before(sequences)?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.aside, &self.place)
    }

    /// Writes the sequences that are over.
    fn close_before(&mut self, sequence: usize) -> io::Result<()> {
        while self.sequence < sequence {
            let mut counter = std::mem::replace(&mut self.counter, RankCounter::new());
            counter.finish();
            let mut bytes = Vec::new();
            counter.ranks().for_each(|ranks| put(&mut bytes, ranks));
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

fn put(bytes: &mut Vec<u8>, ranks: &Ranks) {
    bytes.extend(ranks.count.to_le_bytes());
    for Sample { key, skip, reach } in &ranks.samples {
        [key, skip, reach].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    }
}

/// The part of a sequence, intact.
fn part(mut file: BufReader<File>, sequence: usize) -> io::Result<Vec<u8>> {
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

    /// Of each of four sequences, the ranks that are found in the file after `change`; and whether
    /// the file is still there.
    fn found(change: impl Fn(&mut Vec<u8>)) -> (Vec<Option<[u64; 4]>>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let place = Saved(folder.path().join("x.ranks"));
        let mut saving = Saving::new(&place).unwrap();
        // Three to a base, so that one in 48 is best in a bin of 16.
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
            let census = place.census(sequence)?;
            let first = census.records.first_reaching(1500).map_or(0, |(rank, _)| rank);
            Some([census.rows_in_all(), first, census.best(4).count, census.best(13).count])
        });
        (found.collect(), place.is_there())
    }

    /// The bytes of a sequence without reads.
    const EMPTY: usize = 8 + LEVELS as usize * 8 + 4;

    #[test]
    fn what_is_saved_is_found_again() {
        // Rank 4200 is the first that reaches over base 1500.
        let all = [[0; 4], [5000, 4160, 105, 1], [1, 0, 1, 1], [0; 4]];
        assert_eq!(found(|_| {}), (all.map(Some).to_vec(), true));
    }

    #[test]
    fn what_is_damaged_counts_for_nothing_and_is_removed() {
        for at in [0, 7, 8, 12, 20, EMPTY + 7] {
            let (censuses, is_there) = found(|bytes| bytes[at] ^= 1);
            assert_eq!((&censuses[0], is_there), (&None, false), "{at}");
        }
    }
}
