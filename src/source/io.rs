//! Containers and text lines that several formats share: how bytes become records, whatever these
//! mean.

pub(crate) mod bbi;
pub(crate) mod bgzf_writer;
pub(crate) mod bin_grid;
pub(crate) mod bin_index;
pub(crate) mod cache;
pub(crate) mod delimited;
pub(crate) mod lines;
