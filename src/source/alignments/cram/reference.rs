//! The reference that a user names: nothing is read from it, but a wrong one is said.

use crate::bytes::Input;
use crate::bytes::unreadable;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Refuses a FASTA whose sequences are not those of a CRAM: whose lengths differ, or of which it
/// has none. Lengths come from the index beside it (`.fai`), else from the FASTA itself.
pub(super) fn check(reference: &Path, file: &Path, sequences: &Sequences) -> Result<()> {
    let mut index = reference.as_os_str().to_owned();
    index.push(".fai");
    let index = PathBuf::from(index);
    let known =
        if index.is_file() { Sequences::from_sizes_file(&index)? } else { counted(reference)? };
    let refuse = |what: &str| {
        let what = format!("is not the reference of {}: {what}", file.display());
        Err(Error::data(reference, "", what))
    };
    for theirs in &known {
        match sequences.get(&theirs.name) {
            Some(ours) if ours.length != theirs.length => {
                let (name, here, there) = (&theirs.name, theirs.length, ours.length);
                return refuse(&format!("{name} has {here} bases here and {there} there"));
            }
            _ => {}
        }
    }
    if sequences.is_empty() || known.iter().any(|theirs| sequences.get(&theirs.name).is_some()) {
        Ok(())
    } else {
        refuse("they share no sequence")
    }
}

fn counted(fasta: &Path) -> Result<Sequences> {
    let mut known = Sequences::default();
    let mut reader = Input::File(fasta.into()).unpacked()?;
    let failed = |error| unreadable(fasta, "", error);
    // Of the sequence that is read: its number.
    let mut current = None;
    let mut first = true;
    loop {
        // A sequence may be one long line: its pieces are counted as they come.
        let piece = reader.fill_buf().map_err(failed)?;
        if piece.is_empty() {
            return Ok(known);
        }
        if first && piece[0] == b'>' {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line).map_err(failed)?;
            let name = String::from_utf8_lossy(&line[1..]);
            let name = name.split_whitespace().next().unwrap_or_default();
            current = Some(known.index_or_add(name));
            continue;
        }
        let Some(current) = current else {
            return Err(Error::data(fasta, "line 1", "is no FASTA: it does not begin with '>'"));
        };
        let end = memchr::memchr(b'\n', piece);
        let letters = piece[..end.unwrap_or(piece.len())].iter();
        let letters = letters.filter(|letter| !letter.is_ascii_whitespace()).count() as u32;
        let used = end.map_or(piece.len(), |end| end + 1);
        let length = known.at(current).length.saturating_add(letters);
        known.lengthen(current, length);
        first = end.is_some();
        reader.consume(used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_reference_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (fasta, file) = (folder.path().join("r.fa"), Path::new("x.cram"));
        let sequences: Sequences = [("chr1", 7), ("chr2", 3)].into_iter().collect();
        let said = |text: &str| {
            std::fs::write(&fasta, text).unwrap();
            let name = fasta.display().to_string();
            check(&fasta, file, &sequences).map_err(|error| error.to_string().replace(&name, "R"))
        };
        assert_eq!(said(">chr1 first\nACGT\r\nAC\nA\n>chr2\nACG"), Ok(()));
        assert_eq!(said(">chr2\nACG\n>other\nAC\n"), Ok(()));
        let wrong = "R: is not the reference of x.cram: chr1 has 6 bases here and 7 there";
        assert_eq!(said(">chr1\nACGT\nAC\n"), Err(wrong.into()));
        let strange = "R: is not the reference of x.cram: they share no sequence";
        assert_eq!(said(">scaffold\nACGTACG\n"), Err(strange.into()));
        let text = "R, line 1: is no FASTA: it does not begin with '>'";
        assert_eq!(said("ACGT\n"), Err(text.into()));

        // An index beside it is believed.
        let index = folder.path().join("r.fa.fai");
        std::fs::write(&index, "chr1\t7\t6\t4\t5\n").unwrap();
        assert_eq!(said(">chr1\nACGT\nAC\n"), Ok(()));
        std::fs::write(&index, "chr1\n").unwrap();
        assert!(said("").unwrap_err().contains("line 1: expected a sequence name and its length"));
        std::fs::remove_file(&index).unwrap();
        std::fs::remove_file(&fasta).unwrap();
        assert!(check(&fasta, file, &sequences).unwrap_err().to_string().contains("r.fa"));
    }
}
