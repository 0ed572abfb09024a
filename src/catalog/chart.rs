//! Chart types: what pages can draw, and of what.

use super::{Kind, Measurement};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The chart types that pages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChartType {
    /// Blocks along the sequence.
    Blocks,
    /// Genes with exons.
    Genes,
    /// A line along the sequence.
    Line,
    /// Lines stacked on each other.
    StackedLine,
    /// One measurement against another.
    Scatter,
    /// Measurements by rows, as colours.
    Heatmap,
    /// A line over rows.
    LinePlot,
    /// Stacked lines over rows.
    StackedLinePlot,
}

impl ChartType {
    /// Every chart type: the word on the console, the page's name for it, and what it shows.
    pub const ALL: &[(ChartType, &str, &str, &str)] = &[
        (ChartType::Line, "line", "LineTrack", "a line along the sequence"),
        (ChartType::StackedLine, "stacked-line", "StackedLineTrack", "lines stacked on each other"),
        (ChartType::Blocks, "blocks", "BlocksTrack", "intervals along the sequence"),
        (ChartType::Genes, "genes", "GenesTrack", "genes with exons and strand"),
        (ChartType::Scatter, "scatter", "ScatterPlot", "one measurement against another"),
        (ChartType::Heatmap, "heatmap", "HeatmapPlot", "measurements by rows, as colours"),
        (ChartType::LinePlot, "line-plot", "LinePlot", "a line a row over the measurements"),
        (
            ChartType::StackedLinePlot,
            "stacked-line-plot",
            "StackedLinePlot",
            "rows stacked over the measurements",
        ),
    ];

    fn entry(self) -> &'static (ChartType, &'static str, &'static str, &'static str) {
        // ALL has each variant, as its test shows.
        Self::ALL.iter().find(|entry| entry.0 == self).unwrap_or(&Self::ALL[0])
    }

    /// The word on the console.
    pub fn word(self) -> &'static str {
        self.entry().1
    }

    /// The page's name for it, without its module.
    pub fn page_name(self) -> &'static str {
        self.entry().2
    }

    /// The chart type of that word or page name, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        let fits = |name: &str| name.eq_ignore_ascii_case(word);
        Self::ALL.iter().find(|entry| fits(entry.1) || fits(entry.2)).map(|entry| entry.0)
    }

    /// Whether it draws lines, whose settings need care (`docs/protocol.md`, 5.2).
    pub fn is_line_track(self) -> bool {
        matches!(self, ChartType::Line | ChartType::StackedLine)
    }

    /// Whether pages can draw these measurements that way; why not otherwise. The page itself takes
    /// what it cannot draw, fails in the middle of drawing, and from then on ignores every
    /// navigation (`docs/protocol.md`, 6.4); in its own menus it offers what passes here.
    pub fn draws(self, measurements: &[&Measurement]) -> Result<(), String> {
        let word = self.word();
        let of_rows = self.shows_rows();
        let wanted = if of_rows { Kind::Range } else { Kind::Feature };
        if let Some(other) = measurements.iter().find(|m| m.kind != wanted) {
            return Err(if of_rows {
                format!("a {word} chart shows rows, and '{}' is values", other.id)
            } else {
                format!("a {word} chart shows values, and '{}' is rows", other.id)
            });
        }
        let has_exons = |m: &&Measurement| m.metadata.iter().any(|name| &**name == "exon_starts");
        if self == ChartType::Genes
            && let Some(other) = measurements.iter().find(|m| !has_exons(m))
        {
            return Err(format!("a genes chart shows exons, and '{}' has none", other.id));
        }
        let least = match self {
            ChartType::Scatter | ChartType::LinePlot | ChartType::StackedLinePlot => 2,
            _ => 1,
        };
        // The page drops those that come twice.
        let different: BTreeSet<&str> = measurements.iter().map(|m| m.id.as_str()).collect();
        if different.len() < least {
            return Err(format!("a {word} chart needs at least {least} different measurements"));
        }
        Ok(())
    }

    /// Whether it shows rows rather than values.
    pub fn shows_rows(self) -> bool {
        matches!(self, ChartType::Blocks | ChartType::Genes)
    }

    /// Whether it draws each measurement by its own rows, without comparing them.
    pub fn has_own_rows(self) -> bool {
        matches!(self, ChartType::Blocks | ChartType::Genes | ChartType::Line)
    }

    /// Whether EpiViz can draw the measurements, all of which [are of a kind](Self::draws) that this
    /// chart shows: it compares values row by row, so they must share their rows. The built-in page
    /// compares the rows that cover the same place.
    ///
    /// # Errors
    /// Which two have different rows.
    pub fn compares(self, measurements: &[&Measurement]) -> Result<(), String> {
        let word = self.word();
        match measurements.iter().find(|m| m.group != measurements[0].group) {
            Some(other) if !self.has_own_rows() => Err(format!(
                "a {word} chart compares values row by row, and '{}' and '{}' have different rows",
                measurements[0].id, other.id
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chart_type_is_found_by_both_of_its_names() {
        for (chart, word, page_name, _) in ChartType::ALL {
            assert_eq!((chart.word(), chart.page_name()), (*word, *page_name));
            assert_eq!(ChartType::from_word(word), Some(*chart));
            assert_eq!(ChartType::from_word(&page_name.to_uppercase()), Some(*chart));
        }
    }
}
