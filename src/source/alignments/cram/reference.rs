//! Checks the reference that a user names. It is not used for decoding, but a wrong one is an
//! error.

use crate::bytes::Input;
use crate::bytes::unreadable;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Returns an error for a FASTA whose sequences are not those of a CRAM: whose lengths differ, or
/// which shares no sequence with it. Lengths come from its companion index (`.fai`), or else from
/// the FASTA itself.
pub(super) fn check(reference: &Path, file: &Path, sequences: &Sequences) -> Result<()> {
    let mut index = reference.as_os_str().to_owned();
    index.push(".fai");
    let index = PathBuf::from(index);
    let known = if index.is_file() {
        Sequences::from_sizes_file(&index)?
    } else {
        lengths_by_reading(reference)?
    };
    let refuse = |what: &str| {
        let what = format!("is not the reference of {}: {what}", file.display());
        Err(Error::data(reference, "", what))
    };
    for theirs in &known {
        match sequences.get(theirs.name) {
            Some(ours) if ours.length != theirs.length => {
                let (name, here, there) = (&theirs.name, theirs.length, ours.length);
                return refuse(&format!(
                    "{name} has {here} bases in the reference and {there} in the CRAM"
                ));
            }
            _ => {}
        }
    }
    if sequences.is_empty() || known.iter().any(|theirs| sequences.get(theirs.name).is_some()) {
        Ok(())
    } else {
        refuse("they share no sequence")
    }
}

fn lengths_by_reading(fasta: &Path) -> Result<Sequences> {
    let mut known = Sequences::default();
    let mut reader = Input::File(fasta.into()).unpacked()?;
    let failed = |error| unreadable(fasta, "", error);
    // The number of the current sequence.
    let mut current = None;
    let mut first = true;
    loop {
        // A sequence may be one long line, which is counted in pieces.
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
            return Err(Error::data(
                fasta,
                "line 1",
                "is not a FASTA file: it does not begin with '>'",
            ));
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
    fn a_wrong_reference_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (fasta, file) = (folder.path().join("r.fa"), Path::new("x.cram"));
        let sequences: Sequences = [("chr1", 7), ("chr2", 3)].into_iter().collect();
        let check_text = |text: &str| {
            std::fs::write(&fasta, text).unwrap();
            let name = fasta.display().to_string();
            check(&fasta, file, &sequences).map_err(|error| error.to_string().replace(&name, "R"))
        };
        assert_eq!(check_text(">chr1 first\nACGT\r\nAC\nA\n>chr2\nACG"), Ok(()));
        assert_eq!(check_text(">chr2\nACG\n>other\nAC\n"), Ok(()));
        let wrong = "R: is not the reference of x.cram: chr1 has 6 bases in the reference and 7 in the CRAM";
        assert_eq!(check_text(">chr1\nACGT\nAC\n"), Err(wrong.into()));
        let unrelated = "R: is not the reference of x.cram: they share no sequence";
        assert_eq!(check_text(">scaffold\nACGTACG\n"), Err(unrelated.into()));
        let text = "R, line 1: is not a FASTA file: it does not begin with '>'";
        assert_eq!(check_text("ACGT\n"), Err(text.into()));

        // A companion index is trusted.
        let index = folder.path().join("r.fa.fai");
        std::fs::write(&index, "chr1\t7\t6\t4\t5\n").unwrap();
        assert_eq!(check_text(">chr1\nACGT\nAC\n"), Ok(()));
        std::fs::write(&index, "chr1\n").unwrap();
        assert!(
            check_text("").unwrap_err().contains("line 1: expected a sequence name and its length")
        );
        std::fs::remove_file(&index).unwrap();
        std::fs::remove_file(&fasta).unwrap();
        assert!(check(&fasta, file, &sequences).unwrap_err().to_string().contains("r.fa"));
    }
}
