//! Aligned reads (BAM, CRAM): their coverage, and the reads themselves.

pub(crate) mod alignment;
pub(crate) mod bam;
pub(crate) mod coverage;
pub(crate) mod cram;
pub(crate) mod sam;
