//! BAM: aligned reads, as their coverage and one by one; with `format=reads` only the latter.
//!
//! Positions are 0-based in the file; a read covers the bases that its CIGAR aligns it to.

mod coverage;
mod reads;
mod record;

use super::{Format, Input, Missing, Options, bigwig, cache};

pub(super) const COVERAGE: Format = Format {
    name: "bam",
    extensions: &["bam"],
    about: "coverage as samtools depth counts it, made once and kept in the cache; beside it the reads, with an index",
    sniff: |head| head.starts_with(b"BAM\x01"),
    open: |input, options, context| {
        let make = |out| coverage::write(input, context, out);
        let entry = cache::entry(input, context, "coverage.bw", make)?;
        // Where no read lies, the coverage is 0.
        let missing = match options.missing {
            Missing::Auto => Missing::Zero,
            asked => asked,
        };
        bigwig::open(&Input::File(entry), &Options { missing, ..options.clone() })
    },
};

pub(super) const READS: Format = Format {
    name: "reads",
    extensions: &[],
    about: "with format=reads: only the reads of an indexed BAM, as blocks in views of at most 20,000 bases",
    sniff: |_| false,
    open: |input, options, _| reads::open(input, options),
};
