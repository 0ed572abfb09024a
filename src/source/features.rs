//! Formats whose rows are features: intervals, genes, variants, pairs, methylation calls.

pub(crate) mod autosql;
pub(crate) mod bases;
pub(crate) mod bed;
pub(crate) mod bed12;
pub(crate) mod bedmethyl;
pub(crate) mod bedpe;
pub(crate) mod bigbed;
pub(crate) mod genepred;
pub(crate) mod gff;
pub(crate) mod gwas;
pub(crate) mod junctions;
pub(crate) mod maf;
pub(crate) mod matrix;
pub(crate) mod methylation;
pub(crate) mod mtx;
pub(crate) mod seg;
mod table;
pub(crate) mod ucsc;
pub(crate) mod vcf;
