//! Writes bigWig and bigBed files in every variant of the format: either byte order, compressed or
//! not, the list of sequences before or after the data. The index has two levels.

use flate2::{Compression, write::ZlibEncoder};
use std::io::Write;

/// How to write a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) big_endian: bool,
    pub(crate) packed: bool,
    pub(crate) sequences_last: bool,
}

/// Every variant.
pub(crate) fn variants() -> impl Iterator<Item = Variant> {
    (0..8).map(|bits| Variant {
        big_endian: bits & 1 > 0,
        packed: bits & 2 > 0,
        sequences_last: bits & 4 > 0,
    })
}

/// The records of one block; those of a bigWig have one of three encodings.
#[derive(Clone, Debug)]
pub(crate) enum Records {
    Graph(Vec<(u32, u32, f32)>),
    Variable {
        span: u32,
        records: Vec<(u32, f32)>,
    },
    Fixed {
        start: u32,
        step: u32,
        span: u32,
        values: Vec<f32>,
    },
    /// Rows of a bigBed: start, end, and the other columns, separated by tabs.
    Bed(Vec<(u32, u32, String)>),
}

/// A file: its sequences, and its blocks (sequence, records) sorted by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) sequences: Vec<(&'static str, u32)>,
    pub(crate) blocks: Vec<(u32, Records)>,
    pub(crate) auto_sql: Option<String>,
    pub(crate) columns: (u16, u16),
}

struct Out {
    bytes: Vec<u8>,
    big_endian: bool,
}

macro_rules! put {
    ($($name:ident $type:ty),*) => {$(
        fn $name(&mut self, number: $type) -> &mut Self {
            let bytes = if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
            self.bytes.extend(bytes);
            self
        }
    )*};
}

impl Out {
    put!(u8 u8, u16 u16, u32 u32, u64 u64, f32 f32, f64 f64);

    fn at(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn set(&mut self, offset: usize, number: u64) {
        let bytes = if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        self.bytes[offset..offset + 8].copy_from_slice(&bytes);
    }
}

impl Records {
    fn span(&self) -> (u32, u32) {
        match self {
            Records::Graph(all) => (all[0].0, all.iter().map(|r| r.1).max().unwrap()),
            Records::Bed(all) => (all[0].0, all.iter().map(|r| r.1).max().unwrap()),
            Records::Variable { span, records } => {
                (records[0].0, records[records.len() - 1].0 + span)
            }
            Records::Fixed { start, step, span, values } => {
                (*start, start + step * (values.len() as u32 - 1) + span)
            }
        }
    }

    fn write(&self, sequence: u32, big_endian: bool) -> Vec<u8> {
        let mut out = Out { bytes: Vec::new(), big_endian };
        let (start, end) = self.span();
        let mut head = |step, span, kind, count: usize| {
            out.u32(sequence).u32(start).u32(end).u32(step).u32(span);
            out.u8(kind).u8(0).u16(count as u16);
        };
        match self {
            Records::Graph(all) => {
                head(0, 0, 1, all.len());
                all.iter().for_each(|r| {
                    let _ = out.u32(r.0).u32(r.1).f32(r.2);
                });
            }
            Records::Variable { span, records } => {
                head(0, *span, 2, records.len());
                records.iter().for_each(|r| {
                    let _ = out.u32(r.0).f32(r.1);
                });
            }
            Records::Fixed { step, span, values, .. } => {
                head(*step, *span, 3, values.len());
                values.iter().for_each(|value| {
                    let _ = out.f32(*value);
                });
            }
            Records::Bed(all) => {
                for (start, end, rest) in all {
                    out.u32(sequence).u32(*start).u32(*end).bytes.extend(rest.as_bytes());
                    out.u8(0);
                }
            }
        }
        out.bytes
    }
}

impl File {
    /// Returns the bytes of the file, which has no zoom levels.
    pub(crate) fn write(&self, variant: Variant) -> Vec<u8> {
        let mut out = Out { bytes: vec![0; 104], big_endian: variant.big_endian };
        let auto_sql = out.at();
        let text = self.auto_sql.as_ref().map(|text| text.bytes().chain([0]));
        text.into_iter().for_each(|text| out.bytes.extend(text));
        let mut sequences = if variant.sequences_last { 0 } else { self.sequences(&mut out) };
        let data = out.at();
        out.u64(self.records());
        let mut leaves = Vec::new();
        for (sequence, records) in &self.blocks {
            let mut bytes = records.write(*sequence, variant.big_endian);
            if variant.packed {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&bytes).unwrap();
                bytes = encoder.finish().unwrap();
            }
            let (start, end) = records.span();
            leaves.push((*sequence, start, *sequence, end, out.at(), bytes.len() as u64));
            out.bytes.extend(bytes);
        }
        if variant.sequences_last {
            sequences = self.sequences(&mut out);
        }
        let index = index(&mut out, &leaves);
        let bed = matches!(self.blocks.first(), Some((_, Records::Bed(_))));
        let mut head = Out { bytes: Vec::new(), big_endian: variant.big_endian };
        head.u32(if bed { 0x8789_f2eb } else { 0x888f_fc26 }).u16(4).u16(0);
        head.u64(sequences).u64(data).u64(index).u16(self.columns.0).u16(self.columns.1);
        head.u64(if self.auto_sql.is_some() { auto_sql } else { 0 }).u64(64);
        head.u32(if variant.packed { 1 << 15 } else { 0 }).u64(0);
        let values = self.values();
        let fold = |first, better: fn(f64, f64) -> f64| {
            values.iter().map(|v| f64::from(v.1)).fold(first, better)
        };
        let covered = values.iter().map(|value| u64::from(value.0)).sum();
        head.u64(covered).f64(fold(f64::INFINITY, f64::min)).f64(fold(-f64::INFINITY, f64::max));
        out.bytes[..head.bytes.len()].copy_from_slice(&head.bytes);
        out.bytes
    }

    /// Returns the length in bases and the value of each record.
    fn values(&self) -> Vec<(u32, f32)> {
        let values = |(_, records): &(u32, Records)| match records {
            Records::Graph(all) => all.iter().map(|r| (r.1 - r.0, r.2)).collect(),
            Records::Variable { span, records } => records.iter().map(|r| (*span, r.1)).collect(),
            Records::Fixed { span, values, .. } => values.iter().map(|v| (*span, *v)).collect(),
            Records::Bed(_) => Vec::new(),
        };
        self.blocks.iter().flat_map(values).collect()
    }

    fn records(&self) -> u64 {
        let count = |(_, records): &(u32, Records)| match records {
            Records::Bed(all) => all.len() as u64,
            _ => 1,
        };
        self.blocks.iter().map(count).sum()
    }

    fn sequences(&self, out: &mut Out) -> u64 {
        let at = out.at();
        let longest = self.sequences.iter().map(|s| s.0.len()).max().unwrap();
        out.u32(0x78ca_8c91).u32(256).u32(longest as u32).u32(8);
        out.u64(self.sequences.len() as u64).u64(0);
        out.u8(1).u8(0).u16(self.sequences.len() as u16);
        for (number, (name, length)) in (0..).zip(&self.sequences) {
            let padding = std::iter::repeat_n(0, longest - name.len());
            out.bytes.extend(name.bytes().chain(padding));
            out.u32(number).u32(*length);
        }
        at
    }
}

type Leaf = (u32, u32, u32, u32, u64, u64);

/// Writes an index of two levels, with two blocks in each leaf; returns its offset.
fn index(out: &mut Out, leaves: &[Leaf]) -> u64 {
    let at = out.at();
    out.u32(0x2468_ace0).u32(2).u64(leaves.len() as u64).u32(0).u32(0).u32(0).u32(0);
    out.u64(at).u32(512).u32(0);
    let groups: Vec<_> = leaves.chunks(2).collect();
    out.u8(0).u8(0).u16(groups.len() as u16);
    let first = out.bytes.len();
    for group in &groups {
        let (start, end) = (group[0], group[group.len() - 1]);
        out.u32(start.0).u32(start.1).u32(end.2).u32(end.3).u64(0);
    }
    for (number, group) in groups.iter().enumerate() {
        let place = out.at();
        out.set(first + number * 24 + 16, place);
        out.u8(1).u8(0).u16(group.len() as u16);
        for (a, b, c, d, offset, size) in *group {
            out.u32(*a).u32(*b).u32(*c).u32(*d).u64(*offset).u64(*size);
        }
    }
    at
}
