//! Annotations about rows that wide views do not show.

use crate::genome::thousands;
use crate::source::{Level, Shape, Source, total};
use std::collections::BTreeMap;

/// Sets with at most this many rows are shown (almost) completely in any view.
const FEW_ROWS: u64 = 1_000;
/// Base-2 logarithms of the bin widths that the annotation reports.
const SHIFTS: [u8; 4] = [10, 14, 18, 22];

/// Returns how many rows a source of features has, and how many of them are hidden where only the
/// most important row of each bin is shown. Numbers that need the file to be read are bounds.
pub(super) fn summary(source: &dyn Source) -> BTreeMap<String, String> {
    let mut annotation = BTreeMap::new();
    let rows = match source.shape() {
        Shape::Dense | Shape::Sparse => return annotation,
        Shape::Features | Shape::Genes | Shape::Reads | Shape::Bases => total(source),
    };
    let widest = source.shape().widest_view();
    if let Some(widest) = widest {
        let widest = thousands(widest.into());
        annotation.insert("shown".to_owned(), format!("in views of at most {widest} bases"));
    }
    if rows <= FEW_ROWS {
        return annotation;
    }
    let about = if source.is_counted() { "" } else { "about " };
    annotation.insert("rows".to_owned(), format!("{about}{}", thousands(rows)));
    if widest.is_none() {
        let bound = format!("at least {about}");
        let hidden = |shift: u8| {
            let level = Level::Bins { shift };
            let (bound, hidden) = match source.total_rows(level) {
                Some(kept) => ("", rows - kept),
                None => (&*bound, rows.saturating_sub(most(source, shift))),
            };
            let width = thousands(level.width().into());
            (hidden > 0).then(|| format!("{bound}{} in bins of {width} bases", thousands(hidden)))
        };
        let hidden: Vec<_> = SHIFTS.into_iter().filter_map(hidden).collect();
        if !hidden.is_empty() {
            annotation.insert("hidden".to_owned(), hidden.join("; "));
        }
    }
    annotation
}

/// Returns the number of bins of this width, each of which shows at most one row.
fn most(source: &dyn Source, shift: u8) -> u64 {
    source.sequences().iter().map(|s| u64::from(s.length.div_ceil(1 << shift))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::rows::records::{Records, RecordsOptions, Rows};

    #[test]
    fn hidden_rows_are_counted() {
        let mut rows = Rows::default();
        // Of each 4,096 bases, four rows within 64 and one at their middle.
        for at in (0..500 * 4096).step_by(4096) {
            [0, 10, 20, 30, 2048].iter().for_each(|more| rows.push("c", at + more, at + more + 5));
        }
        let how = RecordsOptions { shape: Shape::Features, name: None, importance: None };
        let annotation = summary(&Records::new(rows, how));
        assert_eq!(annotation["rows"], "2,500");
        let hidden = [
            "1,500 in bins of 1,024 bases",
            "2,375 in bins of 16,384 bases",
            "2,492 in bins of 262,144 bases",
            "2,499 in bins of 4,194,304 bases",
        ];
        assert_eq!(annotation["hidden"], hidden.join("; "));
    }
}
