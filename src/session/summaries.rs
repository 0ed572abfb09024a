//! The summary of a signal's bins in a chart: the mean, which is the default, hides a peak of a few
//! hundred bases in the view of a whole chromosome.
//!
//! A page requests values by a measurement's id only, so each summary is a separate measurement:
//! `signal.max` next to `signal`. It is served once a user chooses it, and whenever a saved chart
//! uses it.

use super::{Chart, Session};
use crate::catalog::Measurement;
use crate::error::{Error, Result};
use crate::source::{Shape, Spec, Summary};
use std::sync::Arc;

/// A setting of the endpoint, unknown to pages: the summary of the bins of a chart's signals.
pub const SUMMARY: &str = "summary";
/// Its values.
pub const SUMMARIES: [(&str, Summary); 3] =
    [("mean", Summary::Mean), ("min", Summary::Min), ("max", Summary::Max)];

impl Session {
    /// Returns the measurements of the same signals with another summary: `mean`, `min` or `max`.
    ///
    /// # Errors
    /// [`Error::Input`] for other measurements or names; as [`crate::catalog::Catalog::load`].
    pub async fn summarized(
        &self,
        measurements: &[Arc<Measurement>],
        word: &str,
    ) -> Result<Vec<Arc<Measurement>>> {
        let summary = SUMMARIES.iter().find(|(known, _)| *known == word).map(|(_, known)| *known);
        let summary = summary.ok_or_else(|| {
            Error::Input(format!("{SUMMARY}={word}: {SUMMARY} takes mean, min, max"))
        })?;
        let mut found = Vec::new();
        for measurement in measurements {
            let spec = signal(measurement)?;
            let listing = self.provider.catalog.listing();
            let is_it = |other: &&Arc<Measurement>| {
                let other = other.spec.as_ref().filter(|_| other.companion.is_none());
                other.is_some_and(|other| is_variant(other, spec, summary))
            };
            let known = listing.measurements().find(is_it).cloned();
            found.push(match known {
                Some(known) => known,
                None => self.summarize(measurement, spec, word).await?,
            });
        }
        Ok(found)
    }

    /// Serves a signal with another summary.
    async fn summarize(
        &self,
        measurement: &Measurement,
        spec: &Spec,
        word: &str,
    ) -> Result<Arc<Measurement>> {
        let mut variant = spec.clone();
        variant.options.set(SUMMARY, word)?;
        variant.options.name = Some(format!("{}.{word}", base(&measurement.id)));
        let catalog = &self.provider.catalog;
        let (added, mut errors) = catalog.load(vec![variant]).await;
        let (own, companions): (Vec<_>, Vec<_>) =
            added.into_iter().partition(|added| added.companion.is_none());
        // The companions of the file are already served.
        for companion in companions {
            catalog.unload(&companion.id)?;
        }
        self.announce(&own).await;
        let missing = || Error::Bug(format!("{} has no summary", measurement.id));
        own.into_iter().next().ok_or_else(|| errors.pop().unwrap_or_else(missing))
    }

    /// Serves the summary that a saved chart uses, if only the signal itself is served.
    pub(super) async fn restore_summary(&self, chart: &Chart) {
        let Some(word) = chart.settings.get(SUMMARY).and_then(|word| word.as_str()) else { return };
        for id in &chart.measurements {
            let listing = self.provider.catalog.listing();
            let find = |id: &str| listing.measurements().find(|m| m.id == id).cloned();
            let Some(signal) = find(base(id)).filter(|_| find(id).is_none()) else { continue };
            if let Err(error) = self.summarized(&[signal], word).await {
                tracing::warn!("chart {}: {error}", chart.number);
            }
        }
    }
}

/// Returns the specification by which a signal was opened.
fn signal(measurement: &Measurement) -> Result<&Spec> {
    let is_signal = matches!(measurement.source.shape(), Shape::Dense | Shape::Sparse);
    if measurement.is_computed() {
        let what =
            "is computed, and its bins are always means; write the summary into its expression";
        return Err(Error::Input(format!("'{}' {what}", measurement.id)));
    }
    let spec = measurement.spec.as_deref().filter(|_| is_signal && measurement.companion.is_none());
    spec.ok_or_else(|| {
        Error::Input(format!(
            "only the bins of signals have a summary, and '{}' is not a signal",
            measurement.id
        ))
    })
}

/// Returns whether one spec serves the same signal as the other, with this summary.
fn is_variant(one: &Spec, other: &Spec, summary: Summary) -> bool {
    let mut wanted = other.options.clone();
    wanted.summary = summary;
    wanted.name.clone_from(&one.options.name);
    (&one.input, &one.options) == (&other.input, &wanted)
}

/// Returns the id of a signal without the name of its summary.
fn base(id: &str) -> &str {
    let words = SUMMARIES.iter().filter_map(|(word, _)| id.strip_suffix(word)?.strip_suffix('.'));
    words.into_iter().next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_in_name_and_summary_alone() {
        let spec = |text: &str| text.parse::<Spec>().unwrap();
        let (own, max) = (spec("a.bw,group=g"), spec("a.bw,group=g,summary=max,name=a.max"));
        assert!(is_variant(&max, &own, Summary::Max) && is_variant(&own, &max, Summary::Mean));
        assert!(!is_variant(&own, &own, Summary::Max) && !is_variant(&max, &own, Summary::Min));
        assert!(!is_variant(&spec("b.bw,group=g,summary=max"), &own, Summary::Max));
        assert!(!is_variant(&spec("a.bw,summary=max"), &own, Summary::Max), "another group");
        assert_eq!((base("a.max"), base("a.b.mean"), base("max")), ("a", "a.b", "max"));
    }
}
