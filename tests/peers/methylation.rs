//! Methylation calls of Bismark, compared with the definition of its files (Bismark user guide).
//! The other programs do not read these files, so the test calculates the values itself.

use super::tools::{Folder, Random, sorted};
use super::{LENGTH, SEQUENCES, regions};

/// A cytosine: sequence, 1-based position, strand, methylated and unmethylated reads.
type Cytosine = (&'static str, u32, &'static str, u32, u32);

fn cytosines() -> Vec<Cytosine> {
    let mut random = Random(23);
    let mut all = Vec::new();
    for sequence in SEQUENCES {
        let mut base = 1;
        while base < LENGTH {
            let strand = ["+", "-"][random.below(2) as usize];
            all.push((sequence, base, strand, random.below(30), random.below(12)));
            base += 1 + random.below(200);
        }
    }
    all
}

/// Returns the expected rows of a region: start, end, strand, percentage and number of reads.
fn truth(strands: bool, (sequence, first, last): (&str, u32, u32)) -> Vec<String> {
    let all = cytosines().into_iter();
    let inside = all.filter(|(name, base, ..)| *name == sequence && (first..=last).contains(base));
    sorted(inside.map(|(_, base, strand, methylated, other)| {
        let reads = methylated + other;
        let percent = match reads {
            0 => String::new(),
            reads => (100.0 * f64::from(methylated) / f64::from(reads)).to_string(),
        };
        let strand = if strands { strand } else { "*" };
        format!("{}\t{base}\t{strand}\t{percent}\t{reads}", base - 1)
    }))
}

#[test]
fn bismark_calls_agree_with_the_definition_of_the_files() {
    let folder = Folder::new();
    let coverage = |(name, base, _, methylated, other): &Cytosine| {
        // Bismark rounds the percentage, and would leave out cytosines without reads.
        let percent = 100.0 * f64::from(*methylated) / f64::from((methylated + other).max(1));
        format!("{name}\t{base}\t{base}\t{percent:.2}\t{methylated}\t{other}\n")
    };
    let report = |(name, base, strand, methylated, other): &Cytosine| {
        format!("{name}\t{base}\t{strand}\t{methylated}\t{other}\tCG\tCGA\n")
    };
    let all = cytosines();
    folder.write("x.bismark.cov", &all.iter().map(coverage).collect::<String>());
    folder.write("x.CpG_report.txt", &all.iter().map(report).collect::<String>());
    for region in regions(8) {
        let (name, first, last) = region;
        let written = format!("{name}:{first}-{last}");
        for (file, strands) in [("x.bismark.cov", false), ("x.CpG_report.txt", true)] {
            let shown = ["start", "end", "strand", "5mC", "5mC_coverage"];
            let ours = folder.query(file, &written, "0").lines((first - 1, last), &shown);
            assert_eq!(ours, truth(strands, region), "{file} {written}");
        }
    }
}
