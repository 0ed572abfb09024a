//! Aligned reads, however their file packs them: what is counted of them, and what is shown.

use crate::error::{Error, Result};
use crate::genome::{MAX_POSITION, Sequences, Strand};
use crate::source::rows::indexed::{About, Row};
use crate::source::{ColumnInfo, ColumnKind, Shape};
use std::fmt::Write;
use std::ops::Range;

/// Bits of FLAG.
const UNMAPPED: u16 = 0x4;
const REVERSE: u16 = 0x10;
const SECONDARY: u16 = 0x100;
const FAILED: u16 = 0x200;
const DUPLICATE: u16 = 0x400;

/// The columns of a read, between tabs in a row's text, and whether they are numbers.
const COLUMNS: [(&str, bool); 4] =
    [("name", false), ("mapq", true), ("flags", false), ("cigar", false)];
const QUALITY: usize = 1;

/// An aligned read.
pub(crate) trait Alignment {
    /// The number of its sequence; none if it has none.
    fn sequence(&self) -> Option<usize>;

    /// Its first aligned base, 0-based; none if it has none.
    fn start(&self) -> Option<u32>;

    fn flags(&self) -> u16;

    /// How sure it lies there, as the file says: 255 if that is not known.
    fn quality(&self) -> u8;

    fn name(&self) -> &[u8];

    /// The operations of its CIGAR: length and letter.
    fn cigar(&self) -> impl Iterator<Item = (u32, char)>;

    /// Whether its flags say so; it may lack a place all the same.
    fn says_mapped(&self) -> bool {
        self.flags() & UNMAPPED == 0
    }

    fn is_reverse(&self) -> bool {
        self.flags() & REVERSE != 0
    }

    fn is_mapped(&self) -> bool {
        self.says_mapped() && self.sequence().is_some() && self.start().is_some()
    }

    /// Whether `samtools depth` counts it by default.
    fn is_counted(&self) -> bool {
        self.is_mapped() && self.flags() & (SECONDARY | FAILED | DUPLICATE) == 0
    }

    /// The stretches of the sequence that its bases are aligned to: without deletions and skipped
    /// introns. Those that touch are one.
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

    /// One past the last base of the sequence that it reaches; its start if it has no bases.
    fn end(&self) -> u32 {
        let start = self.start().unwrap_or(0);
        let consumed =
            self.cigar().filter(|(_, letter)| matches!(letter, 'M' | '=' | 'X' | 'D' | 'N'));
        consumed.fold(start, |end, (length, _)| end.saturating_add(length)).min(MAX_POSITION)
    }

    /// It as a row, if it is mapped. The text, which is used again from row to row, is written only
    /// for one that has a base in `bases` or, having none, stands there.
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

/// All reads of a file, in its order.
pub(crate) trait Alignments {
    /// What a read is.
    type Read: Alignment;

    /// The sequences that the file lists.
    fn sequences(&self) -> &Sequences;

    /// The next read; none at the end.
    fn next(&mut self) -> Result<Option<&Self::Read>>;

    /// The byte of the file up to which it is read.
    fn position(&self) -> u64;

    /// An error at the place that has been reached.
    fn damaged(&self, what: &str) -> Error;
}

/// What is said of a file of reads. `rows`: how many each sequence has, about.
pub(crate) fn about(sequences: Sequences, rows: Vec<u64>) -> About {
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
        // Nobody looks for a read by name in a whole genome.
        name: None,
        importance: Some(QUALITY),
    }
}
