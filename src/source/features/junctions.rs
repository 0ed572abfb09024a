//! Splice junctions: one row per intron, with the reads that cross it. STAR (`SJ.out.tab`; STAR
//! manual, "Splice junctions") gives the first and the last base of the intron, 1-based. regtools
//! and TopHat write BED12 with two blocks, the stretches on either side that reads cover; the
//! intron lies between them.

use crate::source::Format;
use crate::source::io::delimited::{is_position, most_rows};
use crate::source::io::lines::shortened;
use crate::source::rows::rewritten::{Rewrite, open};

pub(crate) const FORMAT: Format = Format {
    name: "junctions",
    extensions: &[],
    about: "blocks: introns with the number of reads across them, from STAR, regtools or TopHat",
    sniff: |head| is_star(head) || is_regtools(head),
    open: |input, options, context| {
        // Errors are reported with their line when the rows are read.
        let head = input.head().unwrap_or_default();
        open(if is_regtools(&head) { &ANCHORED } else { &INTRONS }, input, options, context)
    },
};

fn is_star(head: &[u8]) -> bool {
    most_rows(head, |fields| {
        matches!(fields, [_, start, end, "0" | "1" | "2", motif, "0" | "1", rest @ ..]
                if rest.len() == 3 && [start, end].into_iter().chain(rest).all(|field| is_position(field))
                    && matches!(*motif, "0" | "1" | "2" | "3" | "4" | "5" | "6"))
    })
}

fn is_regtools(head: &[u8]) -> bool {
    most_rows(head, |fields| {
        matches!(fields, [_, start, end, name, reads, _, _, _, _, "2", sizes, _]
            if name.starts_with("JUNC") && [start, end, reads].into_iter().all(|f| is_position(f))
                && anchors(sizes).is_some())
    })
}

/// Returns the lengths of the two blocks.
fn anchors(sizes: &str) -> Option<[u32; 2]> {
    let sizes: Vec<u32> = sizes.split_terminator(',').flat_map(str::parse).collect();
    <[u32; 2]>::try_from(sizes).ok()
}

const ANCHORED: Rewrite = Rewrite {
    ending: "anchored.bgz",
    is_header: |_| false,
    columns: |_, _| ["name", "reads"].map(str::to_owned).into(),
    lines: |line, fields, add| {
        let &[sequence, start, end, name, reads, strand, _, _, _, "2", sizes, _] = fields else {
            return Err(line.error("expected the 12 columns of BED12 with 2 blocks (column 10)"));
        };
        let (start, end) =
            line.interval((start, "start (column 2)"), (end, "end (column 3)"), 0)?;
        let place = anchors(sizes).and_then(|[before, after]| {
            let (start, end) = (start.checked_add(before)?, end.checked_sub(after)?);
            (start < end).then_some((start, end))
        });
        let (start, end) = place
            .ok_or_else(|| line.error("the two blocks (column 11) leave no intron between them"))?;
        add(&format!("{sequence}\t{start}\t{end}\t{strand}\t{name}\t{reads}"))
    },
};

/// Motifs by their codes in the fifth column.
const MOTIFS: [&str; 7] = ["non-canonical", "GT/AG", "CT/AC", "GC/AG", "CT/GC", "AT/AC", "GT/AT"];

const INTRONS: Rewrite = Rewrite {
    ending: "junctions.bgz",
    is_header: |_| false,
    columns: |_, _| {
        ["motif", "annotated", "unique_reads", "multi_reads", "overhang"].map(str::to_owned).into()
    },
    lines: |line, fields, add| {
        let &[sequence, start, end, strand, motif, annotated, unique, multi, overhang] = fields
        else {
            return Err(line.error("expected the 9 columns of STAR's SJ.out.tab"));
        };
        let (start, end) =
            line.interval((start, "start (column 2)"), (end, "end (column 3)"), 1)?;
        let strand = match strand {
            "0" => ".",
            "1" => "+",
            "2" => "-",
            _ => {
                return Err(
                    line.error(format!("'{}' is not a strand (0, 1 or 2)", shortened(strand)))
                );
            }
        };
        let name = motif.parse().ok().and_then(|code: usize| MOTIFS.get(code));
        let name = name.ok_or_else(|| {
            line.error(format!("'{}' is not a motif from 0 to 6 (column 5)", shortened(motif)))
        })?;
        let annotated = match annotated {
            "0" => "no",
            "1" => "yes",
            _ => return Err(line.error("column 6 says whether it is annotated: 0 or 1")),
        };
        add(&format!(
            "{sequence}\t{start}\t{end}\t{strand}\t{name}\t{annotated}\t{unique}\t{multi}\t{overhang}"
        ))
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Input;
    use crate::genome::{Region, Strand};
    use crate::source::formats::detect;
    use crate::source::{Context, Level, Options};

    #[test]
    fn what_reads_cover_is_taken_from_those_of_regtools() {
        let text =
            "chr1\t14729\t15000\tJUNC00000001\t7\t-\t14729\t15000\t255,0,0\t2\t100,31\t0,240\n";
        let opened = |text: &str| {
            let file = tempfile::Builder::new().suffix(".bed").tempfile().unwrap();
            std::fs::write(file.path(), text).unwrap();
            let input = Input::File(file.path().into());
            assert_eq!(detect(&input).unwrap().name, "junctions");
            (FORMAT.open)(&input, &Options::default(), &Context::default())
        };
        let source = opened(text).unwrap();
        let region = Region::new("chr1", 0, 20_000);
        let table = source.read(&region, Level::Records, &["reads"]).unwrap();
        assert_eq!(
            (table.start[0], table.end[0], table.strand[0]),
            (14_829, 14_969, Strand::Reverse)
        );
        assert_eq!(table.columns[0].data.number(0), 7.0);
        let bad = text.replace("\t100,31\t", "\t240,31\t");
        let error = opened(&(text.repeat(9) + &bad)).err().unwrap().to_string();
        assert!(error.contains("line 10: the two blocks (column 11) leave no intron"), "{error}");
    }

    #[test]
    fn introns_lie_where_star_says() {
        let text =
            "chr1\t14830\t14969\t2\t2\t1\t7\t31\t38\nchr1\t15039\t15795\t0\t0\t0\t3\t0\t20\n";
        let file = tempfile::Builder::new().suffix("SJ.out.tab").tempfile().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let input = Input::File(file.path().into());
        assert_eq!(detect(&input).unwrap().name, "junctions");
        let source = (FORMAT.open)(&input, &Options::default(), &Context::default()).unwrap();
        let region = Region::new("chr1", 0, 20_000);
        let table = source.read(&region, Level::Records, &["unique_reads", "multi_reads"]).unwrap();
        assert_eq!((table.start, table.end), (vec![14_829, 15_038], vec![14_969, 15_795]));
        assert_eq!(table.strand, [Strand::Reverse, Strand::Both]);
        assert_eq!(table.columns[0].data.number(0), 7.0);
        assert_eq!(table.columns[1].data.number(0), 31.0);
    }
}
