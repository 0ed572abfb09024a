//! Sources that are built in the background: each takes the place of its placeholder.

use super::{Catalog, Measurement};
use crate::error::Result;
use crate::source::signals::density::Density;
use crate::source::{Part, Source, Spec};
use std::sync::Arc;

/// The result of building a source in the background, and its specification.
pub(super) type BuiltSource = (Arc<Spec>, Result<Box<dyn Source>>);

/// The change when a source has been built in the background.
#[derive(Debug)]
pub struct SourceChange {
    /// Its measurements before.
    pub before: Vec<Arc<Measurement>>,
    /// Its measurements now, or the error.
    pub now: Result<Vec<Arc<Measurement>>>,
    /// The names of sequences that were removed or whose length has changed.
    pub changed_sequences: Vec<String>,
}

impl Catalog {
    /// Has sources that are still being built sent to [`Catalog::next_built`].
    pub(super) fn watch_builds(&self, measurements: &[Arc<Measurement>]) {
        for measurement in measurements {
            if let (Some(building), Some(spec)) = (measurement.source.building(), &measurement.spec)
            {
                let (built, spec) = (self.building.clone(), spec.clone());
                // The receiver lives as long as the catalog.
                building.then(move |source| drop(built.send((spec, source))));
            }
        }
    }

    /// Waits until a source has been built in the background, and lists it in place of its
    /// placeholder; if it failed, removes the placeholder.
    pub async fn next_built(&self) -> SourceChange {
        let mut built = self.built.lock().await;
        loop {
            // The catalog has a sender itself, so the channel is never closed.
            let Some((spec, source)) = built.recv().await else { std::future::pending().await };
            let was = self.listing();
            let mut before: Vec<_> =
                was.measurements().filter(|m| m.is_of(&spec)).cloned().collect();
            // It has been unloaded.
            if before.is_empty() {
                continue;
            }
            let now = match source {
                Ok(source) => {
                    let mut parts = vec![Part { companion: None, source: Arc::from(source) }];
                    parts.extend(
                        before
                            .iter()
                            .filter(|m| m.companion.is_some())
                            .map(|m| Part { companion: m.companion, source: m.source.clone() }),
                    );
                    parts.dedup_by(|a, b| Arc::ptr_eq(&a.source, &b.source));
                    parts.extend(Density::companion(&parts[0].source));
                    let opened = vec![(parts, Spec::clone(&spec))];
                    let mut now = self.change(|listing| listing.replace(&[spec], opened));
                    self.watch_builds(&now);
                    self.sample_ranges(&now).await;
                    // Companions that were listed before are unchanged.
                    let stays = |m: &Measurement| m.companion.is_some();
                    now.retain(|m| !before.iter().any(|b| stays(b) && b.id == m.id));
                    before.retain(|m| !stays(m));
                    Ok(now)
                }
                Err(error) => {
                    self.change(|listing| listing.remove_spec(&spec));
                    Err(error)
                }
            };
            return SourceChange { before, now, changed_sequences: self.changed_sequences(&was) };
        }
    }
}
