//! Tables as NumPy's `.npz`: a ZIP archive, not compressed, with a `.npy` file for each column.
//! `numpy.load` reads it without parsing. Sources: NEP 1 (the format of `.npy`), and PKWARE's
//! APPNOTE 4.3 (that of ZIP).

use super::cells::Cells;
use crate::error::{Error, Result};
use crate::table::Data;
use flate2::Crc;

/// Size of the header of an array, which a numpy array begins with, is a multiple of this.
const ALIGNED: usize = 64;
/// Maximum bytes of a column of texts, whose entries are all as wide as the longest.
const WIDEST: usize = 64 << 20;
/// The date in the archive: the first of January 1980.
const DATE: u16 = 0x21;
/// Says that names are UTF-8.
const UTF_8: u16 = 1 << 11;

/// Returns the archive.
///
/// # Errors
/// [`Error::Input`] for a column whose texts are too long.
pub(super) fn archive(columns: &[(String, Cells)]) -> Result<Vec<u8>> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, cells) in columns {
        let (array, name) = (array(name, cells)?, format!("{name}.npy"));
        let mut sum = Crc::new();
        sum.update(&array);
        let size = array.len() as u32;
        let mut about = Vec::new();
        // Version needed, flags, method (stored), time, date.
        [20, UTF_8, 0, 0, DATE].iter().for_each(|n| about.extend(n.to_le_bytes()));
        [sum.sum(), size, size].iter().for_each(|n| about.extend(n.to_le_bytes()));
        [name.len() as u16, 0].iter().for_each(|n| about.extend(n.to_le_bytes()));
        let offset = bytes.len() as u32;
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&about);
        bytes.extend(name.as_bytes());
        bytes.extend(array);
        directory.extend(b"PK\x01\x02");
        directory.extend(20u16.to_le_bytes());
        directory.extend(&about);
        // No comment, disk, attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, at) = (columns.len() as u16, bytes.len() as u32);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    [count, count].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    [directory.len() as u32, at].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    bytes.extend([0; 2]);
    Ok(bytes)
}

/// Returns the `.npy` file of a column. What is the same in every row is an array without
/// dimensions, which numpy repeats as needed.
fn array(name: &str, cells: &Cells) -> Result<Vec<u8>> {
    Ok(match cells {
        Cells::Whole(values) => {
            npy("<u4", Some(values.len()), values.iter().map(|v| v.to_le_bytes()))
        }
        Cells::Data(Data::Singles(values)) => {
            npy("<f4", Some(values.len()), values.iter().map(|v| v.to_le_bytes()))
        }
        Cells::Data(Data::Doubles(values)) => {
            npy("<f8", Some(values.len()), values.iter().map(|v| v.to_le_bytes()))
        }
        Cells::Same(text) => texts(name, None, &[text])?,
        Cells::Data(Data::Text(all)) => {
            let all: Vec<&str> = (0..all.len()).map(|row| all.get(row)).collect();
            texts(name, Some(all.len()), &all)?
        }
    })
}

/// Returns an array of texts: characters of four bytes, and zeros up to the longest text.
fn texts(name: &str, shape: Option<usize>, all: &[&str]) -> Result<Vec<u8>> {
    let longest = all.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    if longest * 4 * all.len() > WIDEST {
        let what = format!("the texts of '{name}' are too long for npz; choose other columns=");
        return Err(Error::Input(what));
    }
    let kind = format!("<U{longest}");
    let wide = |text: &&str| {
        let mut wide: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        wide.resize(longest * 4, 0);
        wide
    };
    Ok(npy(&kind, shape, all.iter().map(wide)))
}

fn npy<T: AsRef<[u8]>>(
    kind: &str,
    shape: Option<usize>,
    entries: impl Iterator<Item = T>,
) -> Vec<u8> {
    let shape = shape.map_or("()".to_owned(), |rows| format!("({rows},)"));
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let before = 10 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', before.next_multiple_of(ALIGNED) - before));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    entries.for_each(|entry| bytes.extend(entry.as_ref()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Texts;

    /// The arrays are those that numpy 2 saves.
    #[test]
    fn arrays_are_those_of_numpy() {
        let header = |kind: &str, shape: &str| {
            let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
            let mut bytes = b"\x93NUMPY\x01\x00v\x00".to_vec();
            bytes.extend(format!("{text:<117}\n").into_bytes());
            bytes
        };
        let saved = |cells: &Cells| array("x", cells).unwrap();
        let values = Cells::Data(Data::Singles(vec![0.5, f32::NAN]));
        let expected = [&header("<f4", "(2,)")[..], b"\x00\x00\x00?\x00\x00\xc0\x7f"].concat();
        assert_eq!(saved(&values), expected);
        let expected = [&header("<u4", "(2,)")[..], b"\x01\x00\x00\x00\x02\x00\x00\x00"].concat();
        assert_eq!(saved(&Cells::Whole(vec![1, 2])), expected);
        let texts = Cells::Data(Data::Text(["ab", "c"].into_iter().collect::<Texts>()));
        let wide = b"a\x00\x00\x00b\x00\x00\x00c\x00\x00\x00\x00\x00\x00\x00";
        assert_eq!(saved(&texts), [&header("<U2", "(2,)")[..], wide].concat());
        let expected =
            [&header("<U4", "()")[..], b"c\x00\x00\x00h\x00\x00\x00r\x00\x00\x001\x00\x00\x00"];
        assert_eq!(saved(&Cells::Same("chr1".into())), expected.concat());
    }

    #[test]
    fn texts_that_would_fill_the_memory_are_refused() {
        let long = "x".repeat(1 << 20);
        let texts = std::iter::repeat_n(long.as_str(), 20).collect::<Texts>();
        let error = array("exons", &Cells::Data(Data::Text(texts))).unwrap_err().to_string();
        assert!(error.contains("'exons' are too long"), "{error}");
    }
}
