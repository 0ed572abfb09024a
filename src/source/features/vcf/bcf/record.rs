//! Converts a record of BCF to a line of VCF.

use crate::bytes::Cursor;
use crate::source::features::vcf::header::{Info, attribute, structured};
use std::fmt::Write;

/// Reads records with the dictionaries of the header: a record names keys and contigs by number.
pub(super) struct RecordReader {
    /// The keys of FILTER, INFO and FORMAT by number; empty where a number has no key.
    keys: Vec<DictionaryKey>,
    contigs: Vec<String>,
    /// Whether lines have the genotypes of all samples.
    pub(super) genotypes: bool,
}

#[derive(Clone, Default)]
struct DictionaryKey {
    name: String,
    /// Whether it is a flag, which has no value.
    flag: bool,
    /// Whether it is written into lines.
    wanted: bool,
}

impl RecordReader {
    /// Creates a reader from the text of a header. Lines get the `wanted` keys of INFO and END.
    pub(super) fn new(header: &str, wanted: &[Info], genotypes: bool) -> Self {
        let pass = DictionaryKey { name: "PASS".to_owned(), ..DictionaryKey::default() };
        let mut reader = RecordReader { keys: vec![pass], contigs: Vec::new(), genotypes };
        for meta in header.lines().filter_map(|line| line.strip_prefix("##")) {
            let of = |kind| structured(meta, kind);
            if let Some(contig) = of("contig") {
                let free = reader.contigs.len();
                if let Some((name, at)) = numbered(contig, free) {
                    put(&mut reader.contigs, at, name.to_owned());
                }
            } else if let Some(list) = of("INFO").or_else(|| of("FILTER")).or_else(|| of("FORMAT"))
                && let Some((name, at)) = numbered(list, reader.free(list))
            {
                let known = reader.keys.get(at).is_some_and(|key| key.flag);
                let flag =
                    known || (of("INFO").is_some() && attribute(list, "Type") == Some("Flag"));
                let wanted = name == "END" || wanted.iter().any(|info| info.key == name);
                put(&mut reader.keys, at, DictionaryKey { name: name.to_owned(), flag, wanted });
            }
        }
        reader
    }

    /// Returns the number of a key whose line states none: the number of the same name, if it has
    /// one already, as INFO and FORMAT share names; otherwise the next.
    fn free(&self, list: &str) -> usize {
        let name = attribute(list, "ID").unwrap_or_default();
        self.keys.iter().position(|key| key.name == name).unwrap_or(self.keys.len())
    }

    /// Returns the name of the contig with that number.
    pub(super) fn contig(&self, number: usize) -> Option<&str> {
        self.contigs.get(number).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Writes the line of a record, by what it says of its site and of its samples; gives the
    /// number of its contig.
    pub(super) fn line(
        &self,
        site: &[u8],
        of_samples: &[u8],
        line: &mut String,
    ) -> Result<usize, String> {
        line.clear();
        let mut fields = Cursor::new(site);
        let mut next = || fields.u32().ok_or("a record ends early");
        let (contig, position, _length, quality) = (next()?, next()?, next()?, next()?);
        let (counts, samples) = (next()?, next()?);
        let contig = contig as usize;
        let name = self.contig(contig);
        let name = name.ok_or_else(|| format!("the header has no contig number {contig}"))?;
        // Writing to a string cannot fail.
        let _ = write!(line, "{name}\t{}\t", i64::from(position as i32) + 1);
        Value::read(&mut fields)?.write(line)?;
        let alleles = counts >> 16;
        for allele in 0..alleles {
            line.push(if allele < 2 { '\t' } else { ',' });
            Value::read(&mut fields)?.write(line)?;
        }
        line.push_str(["\t.\t.", "\t.", ""][alleles.min(2) as usize]);
        line.push('\t');
        Value { kind: FLOAT, bytes: &quality.to_le_bytes() }.write(line)?;
        line.push('\t');
        self.filters(&Value::read(&mut fields)?, line)?;
        line.push('\t');
        self.info(&mut fields, counts & 0xffff, line)?;
        if self.genotypes {
            let samples = (samples as usize & 0xff_ffff, samples as usize >> 24);
            self.genotypes(&mut Cursor::new(of_samples), samples, line)?;
        }
        Ok(contig)
    }

    /// Writes FORMAT, and the genotype of each sample; there are so many of them, with so many
    /// keys.
    fn genotypes(
        &self,
        fields: &mut Cursor<'_>,
        (samples, keys): (usize, usize),
        line: &mut String,
    ) -> Result<(), String> {
        let damaged = || "the sample data of the record are damaged".to_owned();
        for _ in 0..keys {
            let key = self.key(Value::read(fields)?.integers()?.next().flatten())?;
            let (kind, count) = Value::head(fields).ok_or_else(damaged)?;
            let size =
                width(kind).and_then(|width| width.checked_mul(count)).ok_or_else(damaged)?;
            let bytes = size.checked_mul(samples).and_then(|all| fields.take(all));
            let bytes = bytes.ok_or_else(damaged)?;
            if key.name != "GT" {
                continue;
            }
            line.push_str("\tGT");
            for bytes in bytes.chunks_exact(size.max(1)) {
                line.push('\t');
                let start = line.len();
                for allele in (Value { kind, bytes }).integers()? {
                    // Twice the number of the allele and 2, plus 1 if it is phased; 0 is missing.
                    let allele = allele.unwrap_or(0);
                    if line.len() > start {
                        line.push(if allele & 1 == 1 { '|' } else { '/' });
                    }
                    match allele >> 1 {
                        ..=0 => line.push('.'),
                        number => drop(write!(line, "{}", number - 1)),
                    }
                }
                if line.len() == start {
                    line.push('.');
                }
            }
            return Ok(());
        }
        line.push_str("\t.");
        (0..samples).for_each(|_| line.push_str("\t."));
        Ok(())
    }

    fn key(&self, number: Option<i32>) -> Result<&DictionaryKey, String> {
        let at = number.and_then(|number| usize::try_from(number).ok());
        let key = at.and_then(|at| self.keys.get(at)).filter(|key| !key.name.is_empty());
        key.ok_or_else(|| format!("the header has no key number {}", number.unwrap_or(-1)))
    }

    fn filters(&self, filters: &Value<'_>, line: &mut String) -> Result<(), String> {
        for (index, number) in filters.integers()?.enumerate() {
            line.push_str(if index == 0 { "" } else { ";" });
            line.push_str(&self.key(number)?.name);
        }
        if line.ends_with('\t') {
            line.push('.');
        }
        Ok(())
    }

    fn info(&self, fields: &mut Cursor<'_>, count: u32, line: &mut String) -> Result<(), String> {
        for _ in 0..count {
            let number = Value::read(fields)?.integers()?.next().flatten();
            let (key, value) = (self.key(number)?, Value::read(fields)?);
            if !key.wanted {
                continue;
            }
            line.push_str(if line.ends_with('\t') { "" } else { ";" });
            line.push_str(&key.name);
            if !key.flag && !value.bytes.is_empty() {
                line.push('=');
                let start = line.len();
                value.write(line)?;
                if line[start..].contains(';') {
                    return Err(format!("the value of {} holds a semicolon", key.name));
                }
            }
        }
        if line.ends_with('\t') {
            line.push('.');
        }
        Ok(())
    }
}

/// Returns the name in a header line and its number: the one that it states, or else `free`.
fn numbered(list: &str, free: usize) -> Option<(&str, usize)> {
    let at = attribute(list, "IDX").map_or(Some(free), |number| number.parse().ok())?;
    // Numbers are indexes into a list, so a number beyond any real header is ignored.
    (at < MOST_KEYS).then_some((attribute(list, "ID")?, at))
}

/// Largest number of keys or contigs.
/// Largest number of keys or contigs.
const MOST_KEYS: usize = 1 << 24;

fn put<T: Clone + Default>(list: &mut Vec<T>, at: usize, item: T) {
    if list.len() <= at {
        list.resize(at + 1, T::default());
    }
    list[at] = item;
}

const FLOAT: u8 = 5;
const TEXT: u8 = 7;

/// A typed value.
struct Value<'a> {
    kind: u8,
    bytes: &'a [u8],
}

impl<'a> Value<'a> {
    fn read(fields: &mut Cursor<'a>) -> Result<Self, String> {
        Self::typed(fields).ok_or_else(|| "a value of the record is damaged".to_owned())
    }

    /// The type of a value, and how many numbers or letters it has.
    fn head(fields: &mut Cursor<'a>) -> Option<(u8, usize)> {
        let head = fields.take(1)?[0];
        let mut count = usize::from(head >> 4);
        if count == 15 {
            // A longer value: its length follows as an integer with a type of its own.
            let kind = fields.take(1)?[0];
            let bytes = fields.take(width(kind & 15)?)?;
            let number = Value { kind: kind & 15, bytes }.integers().ok()?.next()??;
            count = usize::try_from(number).ok()?;
        }
        Some((head & 15, count))
    }

    fn typed(fields: &mut Cursor<'a>) -> Option<Self> {
        let (kind, count) = Self::head(fields)?;
        Some(Value { kind, bytes: fields.take(count.checked_mul(width(kind)?)?)? })
    }

    /// Returns the integers of the value; none for missing ones.
    fn integers(&self) -> Result<impl Iterator<Item = Option<i32>> + use<'a>, String> {
        if !matches!(self.kind, 0..=3) {
            return Err("a value of the record is not a whole number".to_owned());
        }
        let width = width(self.kind).unwrap_or(0).max(1);
        let number = move |bytes: &[u8]| match *bytes {
            [a] => (i32::from(a as i8), i32::from(i8::MIN)),
            [a, b] => (i32::from(i16::from_le_bytes([a, b])), i32::from(i16::MIN)),
            [a, b, c, d] => (i32::from_le_bytes([a, b, c, d]), i32::MIN),
            _ => (i32::MIN, i32::MIN),
        };
        // The smallest integer is a missing value; the next one ends a list that is shorter than
        // the others.
        let numbers = self.bytes.chunks_exact(width).map(number);
        Ok(numbers
            .take_while(|(number, missing)| *number != missing + 1)
            .map(|(number, missing)| (number != missing).then_some(number)))
    }

    /// Writes the value as VCF text.
    fn write(&self, line: &mut String) -> Result<(), String> {
        let start = line.len();
        match self.kind {
            TEXT => {
                let text = self.bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                let text =
                    std::str::from_utf8(text).ok().filter(|text| !text.contains(['\t', '\n']));
                line.push_str(text.ok_or("a value of the record is not UTF-8 text")?);
            }
            FLOAT => {
                let numbers = self.bytes.chunks_exact(4);
                let bits = numbers.map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                for bits in bits.take_while(|bits| *bits != 0x7f80_0002) {
                    comma(line, start);
                    let number = f32::from_bits(bits);
                    // Writing to a string cannot fail.
                    let _ = match (bits, number.abs()) {
                        (0x7f80_0001, _) => write!(line, "."),
                        (_, 0.0 | 1e-4..1e15) => write!(line, "{number}"),
                        _ => write!(line, "{number:e}"),
                    };
                }
            }
            _ => {
                for number in self.integers()? {
                    comma(line, start);
                    match number {
                        Some(number) => drop(write!(line, "{number}")),
                        None => line.push('.'),
                    }
                }
            }
        }
        if line.len() == start {
            line.push('.');
        }
        Ok(())
    }
}

fn comma(line: &mut String, start: usize) {
    if line.len() > start {
        line.push(',');
    }
}

/// Returns the size of one number or character, in bytes; none for an unknown type.
fn width(kind: u8) -> Option<usize> {
    Some(match kind {
        0 => 0,
        1 | TEXT => 1,
        2 => 2,
        3 | FLOAT => 4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "##contig=<ID=b,IDX=1>\n##contig=<ID=a,IDX=0>\n\
        ##FILTER=<ID=q10,Description=\"low, IDX=9\",IDX=2>\n\
        ##INFO=<ID=AF,Number=A,Type=Float,IDX=5>\n##FORMAT=<ID=AF,Type=Float,IDX=5>\n\
        ##INFO=<ID=DB,Number=0,Type=Flag,IDX=3>\n##INFO=<ID=XX,Type=Integer,IDX=4>\n";

    fn line(tail: &[u8]) -> Result<String, String> {
        let wanted = ["AF", "DB"].map(|key| Info { key: key.to_owned(), number: true });
        let mut site = Vec::new();
        // Contig 1, position 9, length, no quality; three keys, one allele.
        for number in [1u32, 9, 1, 0x7f80_0001, 1 << 16 | 3, 0] {
            site.extend(number.to_le_bytes());
        }
        site.extend(tail);
        let mut line = String::new();
        RecordReader::new(HEADER, &wanted, false).line(&site, &[], &mut line).map(|_| line)
    }

    #[test]
    fn values_of_all_types_are_those_of_vcf() {
        let floats = [0.5f32.to_bits(), 0x7f80_0001, 1e-9f32.to_bits(), 0x7f80_0002];
        let floats: Vec<u8> = floats.into_iter().flat_map(u32::to_le_bytes).collect();
        let (id, allele, filter) = ([0x07], [0x17, b'A'], [0x21, 2, 0x81]);
        let info = [&[0x11, 5, 0x45][..], &floats, &[0x11, 4, 0x12, 0, 1, 0x11, 3, 0x11, 1]];
        let tail = [&id[..], &allele, &filter, &info.concat()].concat();
        assert_eq!(line(&tail).unwrap(), "b\t10\t.\tA\t.\t.\tq10\tAF=0.5,.,1e-9;DB");
        for cut in 0..tail.len() {
            assert!(line(&tail[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn genotypes_are_those_of_vcf() {
        let header =
            "##contig=<ID=a>\n##FORMAT=<ID=DP,Type=Integer>\n##FORMAT=<ID=GT,Type=String>\n";
        let written = |of_samples: &[u8], keys: u32| {
            let mut site = Vec::new();
            for number in [0u32, 9, 1, 0x7f80_0001, 1 << 16, keys << 24 | 4] {
                site.extend(number.to_le_bytes());
            }
            // No id, one allele, no filter.
            site.extend([0x07, 0x17, b'A', 0x00]);
            let mut line = String::new();
            RecordReader::new(header, &[], true).line(&site, of_samples, &mut line).map(|_| line)
        };
        // DP of four samples; then 0/1, 1|2, a haploid 0, and a missing one.
        let depth = [0x11, 1, 0x11, 7, 8, 9, 10];
        let genotypes = [0x11, 2, 0x21, 2, 4, 4, 7, 2, 0x81, 0, 0];
        let all = [&depth[..], &genotypes].concat();
        let line = written(&all, 2).unwrap();
        assert!(line.ends_with("\tGT\t0/1\t1|2\t0\t./."), "{line}");
        assert!(written(&depth, 1).unwrap().ends_with("\t.\t.\t.\t.\t."));
        for cut in 0..all.len() {
            assert!(written(&all[..cut], 2).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn invalid_values_are_errors() {
        let error = |tail: &[u8]| line(tail).unwrap_err();
        assert!(error(&[0xf7, 0xf1, 0xf1, 0xf1]).contains("damaged"), "nested lengths");
        assert!(
            error(&[0xf7, 0x13, 0xff, 0xff, 0xff, 0x7f]).contains("damaged"),
            "a length beyond the record"
        );
        assert!(error(&[0x17, 0xff]).contains("is not UTF-8 text"));
        assert!(error(&[0x07, 0x07, 0x11, 8]).contains("no key number 8"));
        assert!(error(&[0x07, 0x07, 0x11, 1]).contains("no key number 1"));
    }
}
