//! Chart types, and the measurements that they can draw.

use super::joined::{can_compare, have_same_rows};
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
    /// Every chart type: its name at the console, its name in pages, and what it shows.
    pub const ALL: &[(ChartType, &str, &str, &str)] = &[
        (ChartType::Line, "line", "LineTrack", "a line along the sequence"),
        (ChartType::StackedLine, "stacked-line", "StackedLineTrack", "lines stacked on each other"),
        (ChartType::Blocks, "blocks", "BlocksTrack", "intervals along the sequence"),
        (ChartType::Genes, "genes", "GenesTrack", "genes with exons and strand"),
        (ChartType::Scatter, "scatter", "ScatterPlot", "one measurement against another"),
        (ChartType::Heatmap, "heatmap", "HeatmapPlot", "measurements by rows, as colours"),
        (ChartType::LinePlot, "line-plot", "LinePlot", "one line per row, across the measurements"),
        (
            ChartType::StackedLinePlot,
            "stacked-line-plot",
            "StackedLinePlot",
            "rows stacked, across the measurements",
        ),
    ];

    fn entry(self) -> &'static (ChartType, &'static str, &'static str, &'static str) {
        // A test checks that ALL contains each variant.
        Self::ALL.iter().find(|entry| entry.0 == self).unwrap_or(&Self::ALL[0])
    }

    /// Returns the name at the console.
    pub fn word(self) -> &'static str {
        self.entry().1
    }

    /// Returns the name in pages, without its module.
    pub fn page_name(self) -> &'static str {
        self.entry().2
    }

    /// Returns the chart type with this name, ignoring case.
    pub fn from_word(word: &str) -> Option<Self> {
        let fits = |name: &str| name.eq_ignore_ascii_case(word);
        Self::ALL.iter().find(|entry| fits(entry.1) || fits(entry.2)).map(|entry| entry.0)
    }

    /// Returns whether it is a line track, which needs special settings (`docs/protocol.md`, 5.2).
    pub fn is_line_track(self) -> bool {
        matches!(self, ChartType::Line | ChartType::StackedLine)
    }

    /// Checks that pages can draw these measurements with this chart type. A page accepts any
    /// measurements, fails while drawing, and from then on ignores every navigation
    /// (`docs/protocol.md`, 6.4). Its own menus offer what passes this check.
    ///
    /// # Errors
    /// The reason why pages cannot draw them.
    pub fn draws(self, measurements: &[&Measurement]) -> Result<(), String> {
        let word = self.word();
        let of_rows = self.shows_rows();
        let wanted = if of_rows { Kind::Range } else { Kind::Feature };
        if let Some(other) = measurements.iter().find(|m| m.kind != wanted) {
            return Err(if of_rows {
                format!("a {word} chart shows rows, but '{}' has values", other.id)
            } else {
                format!("a {word} chart shows values, but '{}' has rows", other.id)
            });
        }
        let has_exons = |m: &&Measurement| m.metadata.iter().any(|name| &**name == "exon_starts");
        if self == ChartType::Genes
            && let Some(other) = measurements.iter().find(|m| !has_exons(m))
        {
            return Err(format!("a genes chart shows exons, but '{}' has none", other.id));
        }
        let least = match self {
            ChartType::Scatter | ChartType::LinePlot | ChartType::StackedLinePlot => 2,
            _ => 1,
        };
        // The page drops repeated measurements.
        let different: BTreeSet<&str> = measurements.iter().map(|m| m.id.as_str()).collect();
        if different.len() < least {
            return Err(format!("a {word} chart needs at least {least} different measurements"));
        }
        Ok(())
    }

    /// Returns whether it shows rows rather than values.
    pub fn shows_rows(self) -> bool {
        matches!(self, ChartType::Blocks | ChartType::Genes)
    }

    /// Returns whether it draws each measurement with its own rows, without comparing them.
    pub fn has_own_rows(self) -> bool {
        matches!(self, ChartType::Blocks | ChartType::Genes | ChartType::Line)
    }

    /// Checks that the values of the measurements, which must pass [`ChartType::draws`], can be
    /// compared row by row where the chart does so: they have the same rows, or can be joined
    /// (`Listing::comparable`).
    ///
    /// # Errors
    /// The reason why not.
    pub fn compares(self, measurements: &[&Measurement]) -> Result<(), String> {
        let all = || measurements.iter().copied();
        if self.has_own_rows() || have_same_rows(all()) {
            return Ok(());
        }
        can_compare(all())
            .map_err(|why| format!("a {} chart compares values row by row: {why}", self.word()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chart_type_is_found_by_both_names() {
        for (chart, word, page_name, _) in ChartType::ALL {
            assert_eq!((chart.word(), chart.page_name()), (*word, *page_name));
            assert_eq!(ChartType::from_word(word), Some(*chart));
            assert_eq!(ChartType::from_word(&page_name.to_uppercase()), Some(*chart));
        }
    }
}
