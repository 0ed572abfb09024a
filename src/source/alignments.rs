//! Aligned reads (BAM, CRAM), and their coverage.

pub(crate) mod alignment;
pub(crate) mod bam;
pub(crate) mod coverage;
pub(crate) mod cram;
pub(crate) mod sam;
