//! Writes BGZF and its indexes, as bgzip, tabix and samtools do.

use flate2::{Compression, Crc, write::DeflateEncoder};
use std::collections::BTreeMap;
use std::io::Write;

/// A BGZF file under construction, which knows the virtual offsets of each record.
#[derive(Default)]
pub(crate) struct Bgzf {
    bytes: Vec<u8>,
    block: Vec<u8>,
}

/// The size of a block: small, so that a small file has many.
const BLOCK: usize = 700;

impl Bgzf {
    pub(crate) fn position(&self) -> u64 {
        (self.bytes.len() as u64) << 16 | self.block.len() as u64
    }

    /// Adds bytes, and returns the virtual offsets of their start and end.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> (u64, u64) {
        let start = self.position();
        self.block.extend(bytes);
        while self.block.len() >= BLOCK {
            let rest = self.block.split_off(BLOCK);
            self.flush();
            self.block = rest;
        }
        (start, self.position())
    }

    fn flush(&mut self) {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.block).unwrap();
        let packed = encoder.finish().unwrap();
        let mut crc = Crc::new();
        crc.update(&self.block);
        self.bytes.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0]);
        self.bytes.extend((packed.len() as u16 + 25).to_le_bytes());
        self.bytes.extend(packed);
        self.bytes.extend(crc.sum().to_le_bytes());
        self.bytes.extend((self.block.len() as u32).to_le_bytes());
        self.block.clear();
    }

    /// Returns the file, with the empty block that ends it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if !self.block.is_empty() {
            self.flush();
        }
        self.flush();
        self.bytes
    }
}

/// The place of a record: sequence, interval, virtual offsets.
pub(crate) type Place = (&'static str, (u32, u32), (u64, u64));

/// Returns the bin of an interval, in a tree with `depth` levels below the root (SAM, section 5.3).
fn bin(start: u32, end: u32, min_shift: u32, depth: u32) -> u32 {
    let (mut shift, mut level) = (min_shift, depth);
    let last = end.max(start + 1) - 1;
    loop {
        let first = ((1u32 << (3 * level)) - 1) / 7;
        if start >> shift == last >> shift || level == 0 {
            return first + (start.checked_shr(shift).unwrap_or(0));
        }
        shift += 3;
        level -= 1;
    }
}

/// The kinds of index.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Tabix,
    /// Tabix, with the columns of BED.
    #[allow(dead_code, reason = "only the tests of the endpoint use it")]
    TabixBed,
    /// CSI, with its minimum shift and its depth.
    Csi(u32, u32),
    Bai,
}

/// Returns the index of these records.
pub(crate) fn index(places: &[Place], kind: Kind) -> Vec<u8> {
    let mut names: Vec<&str> = places.iter().map(|place| place.0).collect();
    names.dedup();
    let mut layout = Vec::new();
    // VCF: sequence in column 1, position in column 2, comments begin with '#'.
    let columns = if kind == Kind::TabixBed { [0x10000u32, 1, 2, 3] } else { [2, 1, 2, 0] };
    for number in columns.into_iter().chain([u32::from(b'#'), 0]) {
        layout.extend(number.to_le_bytes());
    }
    let joined: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([0])).collect();
    layout.extend((joined.len() as u32).to_le_bytes());
    layout.extend(joined);
    let mut out = Vec::new();
    let put = |out: &mut Vec<u8>, number: usize| out.extend((number as u32).to_le_bytes());
    let (min_shift, depth) = match kind {
        Kind::Csi(min_shift, depth) => (min_shift, depth),
        _ => (14, 5),
    };
    let csi = matches!(kind, Kind::Csi(..));
    match kind {
        Kind::Bai => {
            out.extend(b"BAI\x01");
            put(&mut out, names.len());
        }
        Kind::Tabix | Kind::TabixBed => {
            out.extend(b"TBI\x01");
            put(&mut out, names.len());
            out.extend(layout);
        }
        Kind::Csi(..) => {
            out.extend(b"CSI\x01");
            put(&mut out, min_shift as usize);
            put(&mut out, depth as usize);
            put(&mut out, layout.len());
            out.extend(layout);
            put(&mut out, names.len());
        }
    }
    for name in names {
        let own = || places.iter().filter(|place| place.0 == name);
        let mut bins: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
        let mut linear: Vec<u64> = Vec::new();
        for (_, (start, end), chunk) in own() {
            bins.entry(bin(*start, *end, min_shift, depth)).or_default().push(*chunk);
            let windows = (start >> 14) as usize..=((end.max(&1) - 1) >> 14) as usize;
            linear.resize(linear.len().max(windows.end() + 1), u64::MAX);
            windows.for_each(|at| linear[at] = linear[at].min(chunk.0));
        }
        // Windows without records have the offset 0.
        linear.iter_mut().filter(|offset| **offset == u64::MAX).for_each(|offset| *offset = 0);
        // The bin after the last one contains the extent and the number of records.
        let extent = (own().map(|p| p.2.0).min(), own().map(|p| p.2.1).max());
        let counts = ((1u32 << (3 * (depth + 1))) - 1) / 7 + 1;
        let extent = (extent.0.unwrap_or(0), extent.1.unwrap_or(0));
        bins.insert(counts, vec![extent, (own().count() as u64, 0)]);
        put(&mut out, bins.len());
        for (number, chunks) in bins {
            put(&mut out, number as usize);
            if csi {
                out.extend(0u64.to_le_bytes());
            }
            put(&mut out, chunks.len());
            for (start, end) in chunks {
                out.extend(start.to_le_bytes());
                out.extend(end.to_le_bytes());
            }
        }
        if !csi {
            put(&mut out, linear.len());
            linear.iter().for_each(|offset| out.extend(offset.to_le_bytes()));
        }
    }
    if kind == Kind::Bai {
        return out;
    }
    let mut packed = Bgzf::default();
    packed.add(&out);
    packed.finish()
}
