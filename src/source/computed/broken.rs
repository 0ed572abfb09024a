//! A computed measurement that cannot be computed, because one that it needs is no longer served.

use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::source::{BinSum, ColumnInfo, ColumnKind, Level, Shape, Source};
use crate::table::Table;
use std::ops::Range;
use std::path::Path;

/// A signal that cannot be read; the error says why.
pub(crate) struct Broken {
    name: String,
    why: String,
    sequences: Sequences,
    columns: [ColumnInfo; 1],
}

impl Broken {
    /// Creates it for the measurement `name`, on all sequences.
    pub(crate) fn new(name: &str, why: String, sequences: Sequences) -> Self {
        let value = ColumnInfo { name: super::VALUE.into(), kind: ColumnKind::Number(None) };
        Broken { name: name.to_owned(), why, sequences, columns: [value] }
    }

    fn error(&self) -> Error {
        Error::data(Path::new(&self.name), "", self.why.clone())
    }
}

impl Source for Broken {
    fn shape(&self) -> Shape {
        Shape::Dense
    }

    fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        region.len().div_ceil(level.width()).into()
    }

    fn first_view(&self) -> Option<Region> {
        None
    }

    fn has_sums(&self) -> bool {
        true
    }

    fn sums(&self, _: &str, _: u8, _: Range<u32>) -> Result<Vec<BinSum>> {
        Err(self.error())
    }

    fn read(&self, _: &Region, _: Level, _: &[&str]) -> Result<Table> {
        Err(self.error())
    }
}
