//! The definition of a computed measurement.

use super::Expression;
use std::collections::BTreeMap;

/// How a computed measurement follows from others.
///
/// The mean of quotients is not the quotient of means. So a sum of measurements times constants is
/// exact at every level, and everything else is computed in bins of one width, which is part of the
/// definition, and then averaged.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The formula.
    pub expression: Expression,
    /// Width (log2) of the bins in which it is computed; `None` if it is exact at every level.
    pub at: Option<u8>,
    /// Whether a base that one of its measurements has no data for has none here either; otherwise
    /// such data count as zero.
    pub gaps: bool,
}

impl Definition {
    /// Returns the name of the measurement as it is shown: with the width of its bins.
    pub fn shown(&self, name: &str) -> String {
        match self.at {
            Some(shift) => format!("{name}, at {}", bases(shift)),
            None => name.to_owned(),
        }
    }

    /// Returns what users are told about it: annotations of its measurement.
    pub fn annotation(&self) -> BTreeMap<String, String> {
        let bins = match self.at {
            Some(shift) => format!("computed in bins of {}, then averaged", bases(shift)),
            None => "exact at every zoom level".to_owned(),
        };
        let missing = if self.gaps { "missing where one of them is" } else { "counts as zero" };
        let entry = |key: &str, text: &str| (key.to_owned(), text.to_owned());
        BTreeMap::from([
            entry("computed", self.expression.text()),
            entry("bins", &bins),
            entry("missing data", missing),
        ])
    }
}

fn bases(shift: u8) -> String {
    match 1u32 << shift {
        1 => "1 base".to_owned(),
        many => format!("{many} bases"),
    }
}
