//! The units that formats define for their values.

/// Formats (or companions), a column, and its unit; `*` stands for all other numeric columns.
const UNITS: &[(&[&str], &str, &str)] = &[
    (&["bam", "cram", "sam"], "*", "depth"),
    (&["fasta", "2bit"], "*", "%"),
    (&["vcf", "bcf"], "qual", "Phred"),
    (&["reads"], "mapq", "Phred"),
    (&["bed"], "p_value", "-log10"),
    (&["bed"], "q_value", "-log10"),
    (&["density"], "*", "per bin"),
];
/// Formats of methylation: percentages, and the coverage of each.
const METHYLATION: [&str; 2] = ["bedmethyl", "methylation"];

/// Returns the unit of a column of numbers, if the format defines one. A companion has its own.
pub(crate) fn unit(
    format: Option<&str>,
    companion: Option<&str>,
    column: &str,
) -> Option<&'static str> {
    let of = companion.or(format)?;
    if METHYLATION.contains(&of) {
        return Some(if column.ends_with("_coverage") { "reads" } else { "%" });
    }
    let fits = |(formats, name, _): &&(&[&str], &str, &str)| {
        formats.contains(&of) && (*name == column || *name == "*")
    };
    UNITS.iter().find(fits).map(|(.., unit)| *unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::formats::FORMATS;

    #[test]
    fn units_are_those_of_known_formats() {
        let is_known = |name: &str| {
            ["density", "reads"].contains(&name) || FORMATS.iter().any(|f| f.name == name)
        };
        let named = UNITS.iter().flat_map(|(formats, ..)| *formats).chain(&METHYLATION);
        named.for_each(|name| assert!(is_known(name), "{name}"));
        assert_eq!(unit(Some("bam"), None, "value"), Some("depth"));
        assert_eq!(unit(Some("bam"), Some("reads"), "mapq"), Some("Phred"));
        assert_eq!(unit(Some("bam"), Some("density"), "density"), Some("per bin"));
        assert_eq!(unit(Some("bedmethyl"), None, "5mC"), Some("%"));
        assert_eq!(unit(Some("methylation"), None, "5mC_coverage"), Some("reads"));
        assert_eq!((unit(Some("bed"), None, "score"), unit(None, None, "value")), (None, None));
    }
}
