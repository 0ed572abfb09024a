//! What the bins of a signal show, chosen for a chart: the mean, as everybody gets at first, hides a
//! peak of a few hundred bases in the view of a whole chromosome.
//!
//! A page asks for values by a measurement's id alone, so each summary is a measurement of its own:
//! `signal.max` beside `signal`. It is served once somebody chooses it, and whenever a chart that
//! was kept draws it.

use super::{Chart, Session};
use crate::catalog::Measurement;
use crate::error::{Error, Result};
use crate::source::{Shape, Spec, Summary};
use std::sync::Arc;

/// Our own setting, which pages do not know: what the bins of a chart's signals show.
pub const SUMMARY: &str = "summary";
/// What it takes.
pub const SUMMARIES: [(&str, Summary); 3] =
    [("mean", Summary::Mean), ("min", Summary::Min), ("max", Summary::Max)];

impl Session {
    /// The measurements that show the same signals by another summary: `mean`, `min` or
    /// `max`.
    ///
    /// # Errors
    /// [`Error::Input`] for what is no signal or no such word; as [`crate::catalog::Catalog::load`].
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

    /// Serves a signal by another summary.
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
        let (own, besides): (Vec<_>, Vec<_>) =
            added.into_iter().partition(|added| added.companion.is_none());
        // What the file is served as besides is there already.
        for beside in besides {
            catalog.unload(&beside.id)?;
        }
        self.announce(&own).await;
        let missing = || Error::Bug(format!("{} has no summary", measurement.id));
        own.into_iter().next().ok_or_else(|| errors.pop().unwrap_or_else(missing))
    }

    /// Serves what a chart that was kept draws by a summary, if only the signal itself is served.
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

/// How a signal was asked for.
fn signal(measurement: &Measurement) -> Result<&Spec> {
    let is_signal = matches!(measurement.source.shape(), Shape::Dense | Shape::Sparse);
    let spec = measurement.spec.as_deref().filter(|_| is_signal && measurement.companion.is_none());
    spec.ok_or_else(|| {
        Error::Input(format!(
            "only the bins of signals have a summary, and '{}' is none",
            measurement.id
        ))
    })
}

/// Whether one spec serves the same signal as the other, by that summary.
fn is_variant(one: &Spec, other: &Spec, summary: Summary) -> bool {
    let mut wanted = other.options.clone();
    wanted.summary = summary;
    wanted.name.clone_from(&one.options.name);
    (&one.input, &one.options) == (&other.input, &wanted)
}

/// The id of a signal without the word of its summary.
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
