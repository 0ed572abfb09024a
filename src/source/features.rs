//! Formats whose rows are features: intervals, genes, variants, pairs, methylation calls.

pub(crate) mod autosql;
pub(crate) mod bed;
pub(crate) mod bed12;
pub(crate) mod bedmethyl;
pub(crate) mod bedpe;
pub(crate) mod bigbed;
pub(crate) mod genepred;
pub(crate) mod gff;
pub(crate) mod junctions;
pub(crate) mod matrix;
pub(crate) mod methylation;
pub(crate) mod seg;
pub(crate) mod ucsc;
pub(crate) mod vcf;
