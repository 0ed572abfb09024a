//! BAM: aligned reads, as their coverage and one by one; with `format=reads` only the latter.
//!
//! Positions are 0-based in the file; a read covers the bases that its CIGAR aligns it to.

pub(super) mod coverage;
mod reads;
mod record;

use record::Stream;

use super::{Format, Input, Missing, Options, bigwig, cache, cram};

pub(super) const COVERAGE: Format = Format {
    name: "bam",
    extensions: &["bam"],
    about: "coverage as samtools depth counts it, made once and kept in the cache; beside it the reads, with an index",
    sniff: |head| head.starts_with(b"BAM\x01"),
    open: |input, options, context| {
        let make = |out| coverage::write(Stream::open(input)?, input, context, out);
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
    about: "with format=reads: only the reads of an indexed BAM or CRAM, as blocks in views of at most 20,000 bases",
    sniff: |_| false,
    open: |input, options, _| match input.head()?.starts_with(cram::MAGIC) {
        true => cram::reads(input, options),
        false => reads::open(input, options),
    },
};
