//! A stretch of one sequence, and how people write it.

use super::Sequences;
use crate::error::{Error, Result};
use std::fmt;
use std::sync::Arc;

/// The largest position of a sequence, 2^31 - 1: the limit of BAM, tabix and the UCSC formats.
pub const MAX_POSITION: u32 = i32::MAX as u32;

/// An interval on a sequence, 0-based and half-open: `[start, end)`, in bases.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// The sequence's name.
    pub sequence: Arc<str>,
    /// First base, counted from 0.
    pub start: u32,
    /// One past the last base; never below `start`.
    pub end: u32,
}

impl Region {
    /// The region `[start, end)` of `sequence`. An `end` before `start` gives an empty region.
    pub fn new(sequence: impl Into<Arc<str>>, start: u32, end: u32) -> Self {
        Region { sequence: sequence.into(), start, end: end.max(start) }
    }

    /// Number of bases.
    pub fn len(&self) -> u32 {
        self.end - self.start
    }

    /// Whether no base lies inside.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Whether the region covers every base of `other`.
    pub fn contains(&self, other: &Region) -> bool {
        self.sequence == other.sequence && self.start <= other.start && other.end <= self.end
    }

    /// Reads a region as people write it: `chr11:101,407,173-103,922,435`, `11:101m-104m`, `chr1`,
    /// `chr1:5000`. What is written is 1-based with both ends included; `k` and `m` multiply.
    ///
    /// The sequence is looked up in `sequences` (aliases count) and the region takes its name there.
    ///
    /// # Errors
    /// [`Error::Input`] if the text is no region, [`Error::NotFound`] if its sequence is unknown.
    pub fn parse(text: &str, sequences: &Sequences) -> Result<Self> {
        let text = text.trim();
        // A name may itself hold a colon (HLA contigs do): the whole text is tried first.
        if let Some(sequence) = sequences.get(text) {
            return Ok(Region::new(sequence.name.clone(), 0, sequence.length));
        }
        let (name, interval) = text
            .rsplit_once(':')
            .ok_or_else(|| Error::NotFound(format!("no sequence is called '{text}'")))?;
        let sequence = sequences
            .get(name)
            .ok_or_else(|| Error::NotFound(format!("no sequence is called '{name}'")))?;
        let bad =
            || Error::Input(format!("'{text}' is not a region; write it like chr1:10,000-20,000"));
        let (first, last) = match interval.split_once(['-', '–']) {
            Some((first, last)) => (bases(first), bases(last)),
            None => (bases(interval), bases(interval)),
        };
        let (first, last) = (first.ok_or_else(bad)?, last.ok_or_else(bad)?);
        if first < 1 || last < first {
            return Err(bad());
        }
        if first > sequence.length {
            return Err(Error::Input(format!(
                "{} has only {} bases: '{text}' lies behind its end",
                sequence.name, sequence.length
            )));
        }
        Ok(Region::new(sequence.name.clone(), first - 1, last.min(sequence.length)))
    }
}

/// `101,407,173`, `101m`, `1.5kb` as a number of bases.
pub fn bases(text: &str) -> Option<u32> {
    let text = text.trim().replace([',', '_', ' '], "").to_ascii_lowercase();
    let text = text.strip_suffix("bp").or(text.strip_suffix('b')).unwrap_or(&text);
    let (digits, unit) = match text.strip_suffix(['k', 'm', 'g']) {
        Some(digits) if text.ends_with('k') => (digits, 1e3),
        Some(digits) if text.ends_with('m') => (digits, 1e6),
        Some(digits) => (digits, 1e9),
        None => (text, 1.0),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value = digits.parse::<f64>().ok()? * unit;
    (value <= f64::from(MAX_POSITION)).then_some(value.round() as u32)
}

impl fmt::Display for Region {
    /// As people write it: 1-based, both ends included, `chr1:1001-2000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}-{}", self.sequence, self.start + 1, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences() -> Sequences {
        [("chr1", 1_000_000), ("chr11", 135_086_622), ("HLA:01", 500)].into_iter().collect()
    }

    #[test]
    fn people_write_regions_in_many_ways() {
        let at = |text| Region::parse(text, &sequences()).unwrap();
        assert_eq!(
            at("chr11:101,407,173-103,922,435"),
            Region::new("chr11", 101_407_172, 103_922_435)
        );
        assert_eq!(at("11:101m-104m"), Region::new("chr11", 100_999_999, 104_000_000));
        assert_eq!(at(" chr1 "), Region::new("chr1", 0, 1_000_000));
        assert_eq!(at("HLA:01"), Region::new("HLA:01", 0, 500));
        assert_eq!(at("HLA:01:5"), Region::new("HLA:01", 4, 5));
        assert_eq!(at("1:1.5k-2kb"), Region::new("chr1", 1499, 2000));
        assert_eq!(at("1:10-9,000,000").end, 1_000_000, "cut at the sequence's end");
    }

    #[test]
    fn what_is_no_region_is_refused() {
        for text in
            ["chr1:20-10", "chr1:0-10", "chr1:a-b", "chr1:-", "chr9", "", "1:2000000-3000000"]
        {
            assert!(Region::parse(text, &sequences()).is_err(), "{text}");
        }
    }

    #[test]
    fn shown_and_read_again_it_is_the_same() {
        let region = Region::new("chr1", 1000, 2000);
        assert_eq!(region.to_string(), "chr1:1001-2000");
        assert_eq!(Region::parse(&region.to_string(), &sequences()).unwrap(), region);
    }
}
