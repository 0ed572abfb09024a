//! BAM: aligned reads, served as coverage and as reads; with `format=reads`, only as reads.
//!
//! Positions are 0-based in the file; a read covers the bases that its CIGAR aligns it to.

mod reads;
mod record;

use super::alignment::Alignments;
use super::{coverage, cram, sam};
use crate::source::Format;
use record::Stream;

pub(crate) const COVERAGE: Format = Format {
    name: "bam",
    extensions: &["bam"],
    about: "coverage as samtools depth counts it, computed once and kept in the cache; with an \
            index, also the reads",
    sniff: |head| head.starts_with(b"BAM\x01"),
    open: |input, options, context| {
        let file = input.clone();
        let sequences = || Ok((**Stream::open(input)?.sequences()).clone());
        coverage::open(input, options, context, sequences, move |_| Stream::open(&file))
    },
};

pub(crate) const READS: Format = Format {
    name: "reads",
    extensions: &[],
    about: "with format=reads: only the reads of a SAM, or of an indexed BAM or CRAM, as blocks \
            in views of at most 20,000 bases",
    sniff: |_| false,
    open: |input, options, context| {
        let head = input.head()?;
        if head.starts_with(cram::MAGIC) {
            cram::reads(input, options, context)
        } else if sam::sniff(&head) {
            sam::reads(input, options, context)
        } else {
            reads::open(input, options, context)
        }
    },
};
