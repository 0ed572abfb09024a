//! The endpoint of EpiViz's WebSocket tutorial, without its flaws: the same region always has the
//! same data, and a block that overlaps the start of a region is included.

use super::{ColumnInfo, ColumnKind, Level, Shape, Source, unknown_column};
use crate::error::Result;
use crate::genome::{Region, Sequences};
use crate::table::{Column, Data, Table, Texts};

/// Distance between the starts of two blocks, in bases.
const PERIOD: u32 = 1000;
/// Length of a block, in bases.
const BLOCK: u32 = 100;
/// The range of the tutorial's values.
const RANGE: (f64, f64) = (-5.0, 25.0);

/// Invented blocks and values: block *i* is `[1000 i, 1000 i + 100)`, its values are uniform
/// between -5 and 25, and its metadata are five letters and digits, all a function of seed and
/// position.
#[derive(Debug)]
pub struct Mock {
    seed: u64,
    sequences: Sequences,
    columns: [ColumnInfo; 2],
}

impl Mock {
    /// The tutorial's metadata column.
    pub const METADATA: &'static str = "py_metadata";
    /// The tutorial's measurement.
    pub const MEASUREMENT: &'static str = "py_column";

    /// Creates the mock with a seed.
    pub fn new(seed: u64) -> Self {
        let column = |name: &str, kind| ColumnInfo { name: name.into(), kind };
        Mock {
            seed,
            sequences: [("chr1", 248_956_422), ("pyChr", 1_000_000_000)].into_iter().collect(),
            columns: [
                column(Self::MEASUREMENT, ColumnKind::Number(Some(RANGE))),
                column(Self::METADATA, ColumnKind::Text),
            ],
        }
    }

    /// Returns random bits of a block, which depend on the seed, the sequence and the number of the
    /// block.
    fn bits(&self, sequence: usize, block: u64, purpose: u64) -> u64 {
        let mut state = self.seed ^ mixed(block ^ (sequence as u64) << 40 ^ purpose << 56);
        state = mixed(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
        mixed(state)
    }

    fn value(&self, sequence: usize, block: u64) -> f64 {
        let unit = (self.bits(sequence, block, 0) >> 11) as f64 / (1u64 << 53) as f64;
        RANGE.0 + unit * (RANGE.1 - RANGE.0)
    }

    fn text(&self, sequence: usize, block: u64) -> String {
        const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let bits = self.bits(sequence, block, 1);
        (0..5).map(|i| char::from(LETTERS[(bits >> (i * 8)) as usize % 36])).collect()
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns the number of blocks from one shown block to the next: a bin shows the first block that
/// begins in it.
fn stride(level: Level) -> u32 {
    level.width().div_ceil(PERIOD).next_power_of_two().max(1)
}

/// Returns the shown blocks that overlap the region, as ranks among the shown blocks.
fn run(region: &Region, stride: u32) -> std::ops::Range<u32> {
    if region.is_empty() {
        return 0..0;
    }
    let step = PERIOD.saturating_mul(stride);
    let first = region.start.checked_sub(BLOCK).map_or(0, |start| start / step + 1);
    let last = (region.end - 1) / step + 1;
    if first < last { first..last } else { 0..0 }
}

impl Source for Mock {
    fn shape(&self) -> Shape {
        Shape::Features
    }

    fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    fn knows_lengths(&self) -> bool {
        true
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn rows(&self, region: &Region, level: Level) -> u64 {
        run(region, stride(level)).len() as u64
    }

    fn is_quick(&self, _: &str) -> bool {
        true
    }

    fn first_view(&self) -> Option<Region> {
        Some(Region::new("pyChr", 0, 100 * PERIOD))
    }

    fn read(&self, region: &Region, level: Level, columns: &[&str]) -> Result<Table> {
        let Some((sequence, region)) = region.within(&self.sequences) else {
            return Ok(Table::empty(columns));
        };
        let stride = stride(level);
        let run = run(&region, stride);
        let blocks = || run.clone().map(|rank| u64::from(rank) * u64::from(stride));
        let column = |name: &&str| match *name {
            Self::MEASUREMENT => {
                Ok(Data::Doubles(blocks().map(|b| self.value(sequence, b)).collect()))
            }
            Self::METADATA => {
                Ok(Data::Text(blocks().map(|b| self.text(sequence, b)).collect::<Texts>()))
            }
            _ => Err(unknown_column(name, &self.columns)),
        };
        let columns = columns.iter().map(|name| Ok(Column::new(*name, column(name)?)));
        Ok(Table {
            first_rank: run.start.into(),
            start: blocks().map(|block| block as u32 * PERIOD).collect(),
            end: blocks().map(|block| block as u32 * PERIOD + BLOCK).collect(),
            strand: Vec::new(),
            columns: columns.collect::<Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_intervals_of_the_tutorial() {
        let mock = Mock::new(0);
        let read = |start, end| {
            let region = Region::new("pyChr", start, end);
            mock.read(&region, Level::Records, &[Mock::MEASUREMENT, Mock::METADATA]).unwrap()
        };
        let table = read(1099, 3001);
        assert_eq!((table.first_rank, &table.start[..]), (1, &[1000, 2000, 3000][..]));
        assert_eq!(table.end, [1100, 2100, 3100]);
        assert_eq!(read(1100, 2000).len(), 0);
        let (again, Data::Text(texts)) = (read(0, 5000), &table.columns[1].data) else { panic!() };
        assert_eq!(again.columns[0].data.number(2), table.columns[0].data.number(1));
        assert!(texts.iter().all(|text| text.len() == 5));
        assert!((0..3).all(|row| (-5.0..25.0).contains(&table.columns[0].data.number(row))));
    }
}
