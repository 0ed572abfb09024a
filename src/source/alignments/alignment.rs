//! Aligned reads, independent of their file format: the bases they cover and the columns they are
//! served with.

use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Sequences, Strand};
use crate::source::rows::indexed::{About, Row};
use crate::source::{ColumnInfo, ColumnKind, Shape};
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

/// Bits of FLAG.
const UNMAPPED: u16 = 0x4;
const REVERSE: u16 = 0x10;
const SECONDARY: u16 = 0x100;
const FAILED: u16 = 0x200;
const DUPLICATE: u16 = 0x400;

/// The columns of a read, tab-separated in a row's text, and whether they are numbers.
const COLUMNS: [(&str, bool); 4] =
    [("name", false), ("mapq", true), ("flags", false), ("cigar", false)];
const QUALITY: usize = 1;

/// An aligned read.
pub(crate) trait Alignment {
    /// Returns the number of its sequence; none if it has none.
    fn sequence(&self) -> Option<usize>;

    /// Returns its first aligned base, 0-based; none if it has none.
    fn start(&self) -> Option<u32>;

    fn flags(&self) -> u16;

    /// Returns its mapping quality (MAPQ); 255 if that is not known.
    fn quality(&self) -> u8;

    fn name(&self) -> &[u8];

    /// Returns the operations of its CIGAR: length and letter.
    fn cigar(&self) -> impl Iterator<Item = (u32, char)>;

    /// Returns whether its flags mark it as mapped; it may lack a position all the same.
    fn says_mapped(&self) -> bool {
        self.flags() & UNMAPPED == 0
    }

    fn is_reverse(&self) -> bool {
        self.flags() & REVERSE != 0
    }

    fn is_mapped(&self) -> bool {
        self.says_mapped() && self.sequence().is_some() && self.start().is_some()
    }

    /// Returns whether `samtools depth` counts it by default.
    fn is_counted(&self) -> bool {
        self.is_mapped() && self.flags() & (SECONDARY | FAILED | DUPLICATE) == 0
    }

    /// Returns the intervals of the sequence to which its bases are aligned, without deletions and
    /// skipped introns. Adjacent intervals are merged.
    fn blocks(&self) -> Vec<Range<u32>> {
        let mut at = self.start().unwrap_or(0);
        let mut blocks: Vec<Range<u32>> = Vec::with_capacity(4);
        for (length, letter) in self.cigar() {
            let end = at.saturating_add(length).min(MAX_POSITION);
            match letter {
                'M' | '=' | 'X' => {
                    match blocks.last_mut() {
                        Some(last) if last.end == at => last.end = end,
                        _ if at < end => blocks.push(at..end),
                        _ => {}
                    }
                    at = end;
                }
                'D' | 'N' => at = end,
                _ => {}
            }
        }
        blocks
    }

    /// Returns one past its last aligned base; its start if it has no aligned bases.
    fn end(&self) -> u32 {
        let start = self.start().unwrap_or(0);
        let consumed =
            self.cigar().filter(|(_, letter)| matches!(letter, 'M' | '=' | 'X' | 'D' | 'N'));
        consumed.fold(start, |end, (length, _)| end.saturating_add(length)).min(MAX_POSITION)
    }

    /// Returns the read as a row, if it is mapped. `text` is a buffer for the row's text, which is
    /// written only if the row overlaps `bases` or, without bases, starts there.
    fn row<'t>(&self, bases: &Range<u32>, text: &'t mut String) -> Option<Row<'t>> {
        let (start, end) = (self.start().filter(|_| self.is_mapped())?, self.end());
        let strand = if self.is_reverse() { Strand::Reverse } else { Strand::Forward };
        text.clear();
        if start < bases.end && end.max(start + 1) > bases.start {
            let name = String::from_utf8_lossy(self.name());
            // Writing to a string cannot fail.
            let _ = write!(text, "{name}\t{}\t{}\t", self.quality(), self.flags());
            for (length, letter) in self.cigar() {
                let _ = write!(text, "{length}{letter}");
            }
        }
        Some(Row { start, end, strand, text })
    }
}

/// A read whose served fields have been decoded, from CRAM or from a line of SAM.
#[derive(Debug)]
pub(crate) struct DecodedRead {
    pub(crate) sequence: Option<usize>,
    pub(crate) start: Option<u32>,
    pub(crate) flags: u16,
    pub(crate) quality: u8,
    pub(crate) name: Vec<u8>,
    pub(crate) cigar: Vec<(u32, char)>,
}

impl Alignment for DecodedRead {
    fn sequence(&self) -> Option<usize> {
        self.sequence
    }

    fn start(&self) -> Option<u32> {
        self.start
    }

    fn flags(&self) -> u16 {
        self.flags
    }

    fn quality(&self) -> u8 {
        self.quality
    }

    fn name(&self) -> &[u8] {
        &self.name
    }

    fn cigar(&self) -> impl Iterator<Item = (u32, char)> {
        self.cigar.iter().copied()
    }
}

/// All reads of a file, in file order.
pub(crate) trait Alignments {
    /// The type of a read.
    type Read: Alignment;

    /// Returns the sequences that the file lists.
    fn sequences(&self) -> &Arc<Sequences>;

    /// Returns the next read; none at the end.
    fn next(&mut self) -> Result<Option<&Self::Read>>;

    /// Returns the byte offset up to which the file has been read.
    fn position(&self) -> u64;

    /// Creates an error at the current position.
    fn damaged(&self, what: &str) -> Error;
}

/// Describes a file of reads. `rows` are the approximate numbers of reads per sequence.
pub(crate) fn about(sequences: Arc<Sequences>, rows: Vec<u64>) -> About {
    let kind =
        |number| if number { ColumnKind::Number(Some((0.0, 60.0))) } else { ColumnKind::Text };
    let column =
        |(name, number): &(&str, bool)| ColumnInfo { name: (*name).into(), kind: kind(*number) };
    About {
        shape: Shape::Reads,
        rows,
        sequences,
        knows_lengths: true,
        columns: COLUMNS.iter().map(column).collect(),
        // Reads are not searched by name: a whole genome has too many.
        name: None,
        importance: Some(QUALITY),
    }
}
