//! An interval on a sequence, and its notation.

use super::{Sequence, Sequences};
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
    /// First base, 0-based.
    pub start: u32,
    /// One past the last base; never below `start`.
    pub end: u32,
}

impl Region {
    /// Creates the region `[start, end)` of `sequence`. An `end` before `start` gives an empty
    /// region.
    pub fn new(sequence: impl Into<Arc<str>>, start: u32, end: u32) -> Self {
        Region { sequence: sequence.into(), start, end: end.max(start) }
    }

    /// Returns the number of bases.
    pub fn len(&self) -> u32 {
        self.end - self.start
    }

    /// Returns whether the region contains no base.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Returns the part of the region that lies on its sequence, with the name that the sequence has
    /// in `sequences`, and its index there. None if no base is left or the sequence is unknown.
    pub(crate) fn within(&self, sequences: &Sequences) -> Option<(usize, Region)> {
        let index = sequences.position(&self.sequence)?;
        let Sequence { name, length } = sequences.at(index);
        let end = self.end.min(length);
        let own = || if *self.sequence == *name { self.sequence.clone() } else { name.into() };
        (self.start < end).then(|| (index, Region { sequence: own(), start: self.start, end }))
    }

    /// Returns whether the region covers every base of `other`.
    pub fn contains(&self, other: &Region) -> bool {
        self.sequence == other.sequence && self.start <= other.start && other.end <= self.end
    }

    /// Parses a region as users write it: `chr11:101,407,173-103,922,435`, `11:101m-104m`, `11
    /// 101000000 102000000`, `chr1`, `chr1:5000`. Coordinates in the text are 1-based with both
    /// ends included; `k` and `m` multiply them.
    ///
    /// The sequence is looked up in `sequences`, also by alias, and the region has its name from
    /// there.
    ///
    /// # Errors
    /// [`Error::Input`] if the text is not a region, [`Error::NotFound`] if its sequence is unknown.
    pub fn parse(text: &str, sequences: &Sequences) -> Result<Self> {
        Region::parse_on(text, sequences, None)
    }

    /// Parses a region like [`Region::parse`]; a text without a sequence, `101m-104m`, is on the
    /// sequence `here`.
    ///
    /// # Errors
    /// As [`Region::parse`].
    pub fn parse_on(text: &str, sequences: &Sequences, here: Option<&str>) -> Result<Self> {
        let text = text.trim();
        // A name may contain a colon (HLA contigs do), so the whole text is tried first.
        if let Some(sequence) = sequences.get(text) {
            return Ok(Region::new(sequence.name, 0, sequence.length));
        }
        let bad = || {
            Error::Input(format!("'{text}' is not a region; write a region as chr1:10,000-20,000"))
        };
        let first_word = text.split_once(char::is_whitespace);
        let (name, written) = match (text.rsplit_once(':'), first_word, here) {
            (Some(parts), ..) => parts,
            (None, Some((name, rest)), _) if sequences.get(name).is_some() => (name, rest),
            (None, _, Some(here)) if interval(text).is_some() => (here, text),
            _ => return Err(Error::NotFound(format!("no sequence is called '{text}'"))),
        };
        let sequence = sequences
            .get(name)
            .ok_or_else(|| Error::NotFound(format!("no sequence is called '{name}'")))?;
        let (first, last) = interval(written).ok_or_else(bad)?;
        if first < 1 || last < first {
            return Err(bad());
        }
        if first > sequence.length {
            return Err(Error::Input(format!(
                "'{text}' is beyond the end of {}, which has {} bases",
                sequence.name,
                thousands(sequence.length.into())
            )));
        }
        Ok(Region::new(sequence.name, first - 1, last.min(sequence.length)))
    }

    /// Returns the region with `flank` more bases on either side, on a sequence of `length` bases.
    #[must_use]
    pub fn widened(&self, flank: u32, length: u32) -> Self {
        let end = self.end.saturating_add(flank).min(length.max(self.end));
        Region::new(self.sequence.clone(), self.start.saturating_sub(flank), end)
    }

    /// Formats the region with separators, 1-based with both ends included: `chr1:1,001-2,000`.
    pub fn grouped(&self) -> String {
        let (first, last) = (u64::from(self.start) + 1, u64::from(self.end));
        format!("{}:{}-{}", self.sequence, thousands(first), thousands(last))
    }
}

/// Parses the first and last base of `101m-104m`, `101m..104m`, `101000000 104000000` or `5000`.
fn interval(text: &str) -> Option<(u32, u32)> {
    if let Some((first, last)) = text.split_once("..").or_else(|| text.split_once(['-', '–', '—']))
    {
        return bases(first).zip(bases(last));
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [first, last] = words[..]
        && let Some(ends) = bases(first).zip(bases(last))
    {
        return Some(ends);
    }
    bases(text).map(|base| (base, base))
}

/// Splits `TP53 ±5kb`, whose sign may also be written `+-` or `+/-`, into the name or region and
/// the number of bases to add on either side.
///
/// # Errors
/// [`Error::Input`] if no number follows the sign.
pub fn split_flank(text: &str) -> Result<(&str, Option<u32>)> {
    let parts = ["±", "+-", "+/-"].iter().find_map(|sign| text.split_once(sign));
    let Some((what, flank)) = parts else { return Ok((text.trim(), None)) };
    match bases(flank) {
        Some(flank) => Ok((what.trim(), Some(flank))),
        None => Err(Error::Input(format!(
            "'{text}': a number of bases must follow the sign, as in TP53 +-5kb"
        ))),
    }
}

/// Formats a number with separators: `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Parses a number of bases: `101,407,173`, `101m`, `1.5kb`.
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
    /// Formats the region 1-based with both ends included: `chr1:1001-2000`.
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
    fn regions_may_be_written_in_many_ways() {
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
        assert_eq!(at("1:10-9,000,000").end, 1_000_000, "clipped at the sequence's end");
        let same = Region::new("chr11", 100_999_999, 102_000_000);
        for text in [
            "11 101000000 102000000",
            "chr11\t101000000\t102000000",
            "chr11 101m-102m",
            "chr11:101m..102m",
            "11: 101,000,000 – 102,000,000",
            "chr11:101000000 102000000",
        ] {
            assert_eq!(at(text), same, "{text}");
        }
        let on = |text| Region::parse_on(text, &sequences(), Some("chr11"));
        assert_eq!(on("101m-102m").unwrap(), same);
        assert!(on("TP53").is_err() && Region::parse("101m-102m", &sequences()).is_err());
    }

    #[test]
    fn a_region_is_cut_at_the_end_of_its_sequence() {
        let within = |region: Region| region.within(&sequences());
        let cut = Region::new("chr1", 999_990, 1_000_000);
        assert_eq!(within(Region::new("chr1", 999_990, 1_000_010)), Some((0, cut.clone())));
        assert_eq!(within(Region::new("1", 999_990, u32::MAX)), Some((0, cut)), "by an alias");
        assert_eq!(within(Region::new("chr1", 1_000_000, 1_000_010)), None);
        assert_eq!(within(Region::new("chr9", 0, 10)), None);
    }

    #[test]
    fn flanks_are_written_in_three_ways() {
        for text in ["TP53 ±5kb", "TP53 +-5kb", "TP53 +/- 5,000"] {
            assert_eq!(split_flank(text).unwrap(), ("TP53", Some(5000)));
        }
        assert_eq!(split_flank("chr1:5-9").unwrap(), ("chr1:5-9", None));
        assert!(split_flank("TP53 ±x").unwrap_err().to_string().contains("+-5kb"));
        let region = Region::new("chr1", 100, 200);
        assert_eq!(region.widened(150, 1000), Region::new("chr1", 0, 350));
        assert_eq!(region.widened(u32::MAX, 1000), Region::new("chr1", 0, 1000));
    }

    #[test]
    fn large_numbers_have_separators() {
        assert_eq!(Region::new("chr1", 1_000, 2_345_678).grouped(), "chr1:1,001-2,345,678");
        assert_eq!((thousands(999).as_str(), thousands(1000).as_str()), ("999", "1,000"));
    }

    #[test]
    fn invalid_regions_are_errors() {
        for text in
            ["chr1:20-10", "chr1:0-10", "chr1:a-b", "chr1:-", "chr9", "", "1:2000000-3000000"]
        {
            assert!(Region::parse(text, &sequences()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_formatted_region_parses_to_itself() {
        let region = Region::new("chr1", 1000, 2000);
        assert_eq!(region.to_string(), "chr1:1001-2000");
        assert_eq!(Region::parse(&region.to_string(), &sequences()).unwrap(), region);
    }
}
