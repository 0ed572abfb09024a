//! Rows of intervals with columns, held in memory or read by region from an indexed file.

pub mod background;
pub(crate) mod collector;
pub(crate) mod column_stats;
pub(crate) mod delimited;
pub(crate) mod external_sort;
pub(crate) mod filter;
pub(crate) mod filtered;
pub(crate) mod format;
pub(crate) mod genes;
pub(crate) mod indexed;
pub(crate) mod indexed_file;
pub(crate) mod names;
pub(crate) mod open;
mod priority;
pub(crate) mod rank_index;
pub mod records;
pub(crate) mod rewritten;
pub(crate) mod row;
pub(crate) mod sorted_copy;
pub(crate) mod tabix;
