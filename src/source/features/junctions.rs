//! Splice junctions as STAR writes them (`SJ.out.tab`; STAR manual, "Splice junctions"): one row an
//! intron, with the reads that cross it.
//!
//! The file gives the first and the last base of the intron, counted from 1.

use crate::source::Format;
use crate::source::io::delimited::{is_position, most_rows};
use crate::source::io::lines::shortened;
use crate::source::rows::rewritten::{Rewrite, open};

pub(crate) const FORMAT: Format = Format {
    name: "junctions",
    extensions: &[],
    about: "blocks: introns with the reads that cross them, as STAR counts them",
    sniff: |head| {
        most_rows(head, |fields| {
            matches!(fields, [_, start, end, "0" | "1" | "2", motif, "0" | "1", rest @ ..]
                if rest.len() == 3 && [start, end].into_iter().chain(rest).all(|field| is_position(field))
                    && matches!(*motif, "0" | "1" | "2" | "3" | "4" | "5" | "6"))
        })
    },
    open: |input, options, context| open(&INTRONS, input, options, context),
};

/// What the codes of the fifth column stand for.
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
            line.error(format!("'{}' is no motif: 0 to 6 (column 5)", shortened(motif)))
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
