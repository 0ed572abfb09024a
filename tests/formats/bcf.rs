//! Writes BCF as bcftools does (VCF 4.3, section 6.3).

/// Returns the beginning of a file with this VCF header.
pub(crate) fn header(text: &str) -> Vec<u8> {
    let length = text.len() as u32 + 1;
    [b"BCF\x02\x02", &length.to_le_bytes()[..], text.as_bytes(), b"\0"].concat()
}

/// The contents of a record.
pub(crate) struct Record<'a> {
    pub(crate) contig: u32,
    /// 0-based, half-open.
    pub(crate) bases: (u32, u32),
    pub(crate) id: &'a str,
    pub(crate) alleles: [&'a str; 2],
    pub(crate) quality: f32,
    /// The number of each INFO key in the header, and the key's value.
    pub(crate) info: &'a [(u8, Value<'a>)],
}

pub(crate) enum Value<'a> {
    Number(i32),
    Text(&'a str),
}

/// Returns the bytes of a record. The site is followed by two samples, which readers must skip.
pub(crate) fn record(record: &Record<'_>) -> Vec<u8> {
    let mut site = Vec::new();
    let (start, end) = record.bases;
    for number in [record.contig, start, end - start, record.quality.to_bits()] {
        site.extend(number.to_le_bytes());
    }
    let counts = 2 << 16 | record.info.len() as u32;
    site.extend(counts.to_le_bytes());
    site.extend((1u32 << 24 | 2).to_le_bytes());
    text(&mut site, record.id);
    record.alleles.iter().for_each(|allele| text(&mut site, allele));
    // FILTER: a list of one number, that of PASS.
    site.extend([0x11, 0]);
    for (key, value) in record.info {
        site.extend([0x11, *key]);
        match value {
            Value::Number(number) => whole(&mut site, *number),
            Value::Text(value) => text(&mut site, value),
        }
    }
    let samples = [0x11, 1, 0x11, 7, 9];
    let lengths = [site.len() as u32, samples.len() as u32].map(u32::to_le_bytes).concat();
    [&lengths[..], &site, &samples].concat()
}

/// Writes an integer in the smallest type that can represent it.
fn whole(out: &mut Vec<u8>, number: i32) {
    match number {
        -120..=127 => out.extend([0x11, number as u8]),
        -32_000..=32_767 => {
            out.push(0x12);
            out.extend((number as i16).to_le_bytes());
        }
        _ => {
            out.push(0x13);
            out.extend(number.to_le_bytes());
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        short @ 0..15 => out.push((short as u8) << 4 | 7),
        long => {
            out.push(0xf7);
            whole(out, long as i32);
        }
    }
    out.extend(text.as_bytes());
}
