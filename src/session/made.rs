//! Measurements that users make: computed from others.

use super::Session;
use crate::catalog::{ComputedSpec, Measurement, Renewed};
use crate::error::{Error, Result};
use std::sync::Arc;

impl Session {
    /// Serves a computed measurement, or replaces its definition, on the pages of all sessions; for
    /// the unnamed session only.
    ///
    /// # Errors
    /// As [`crate::catalog::Catalog::compute`].
    pub async fn compute(self: &Arc<Self>, wanted: ComputedSpec) -> Result<Arc<Measurement>> {
        let Renewed { before, now } = self.provider.catalog.compute(wanted).await?;
        for session in self.all() {
            if before.is_empty() {
                session.announce(&now).await;
            } else {
                session.replace_measurements(&before, &now).await;
            }
        }
        self.publish_data(if before.is_empty() { "loaded" } else { "reloaded" }, &now);
        now.into_iter().next().ok_or_else(|| Error::Bug("nothing is computed".into()))
    }

    /// Stops serving a computed measurement. Returns the number of charts that were removed; for the
    /// unnamed session only.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of this id, [`Error::Input`] if it comes from a file.
    pub async fn drop_made(self: &Arc<Self>, id: &str) -> Result<usize> {
        let catalog = &self.provider.catalog;
        let listing = catalog.listing();
        let found = listing.measurements().find(|m| m.id == id);
        let found = found.ok_or_else(|| {
            Error::NotFound(format!("no measurement is called '{id}'; 'measurements' lists them"))
        })?;
        if !found.is_computed() {
            let what = format!("'{id}' comes from a file; 'unload' stops serving it");
            return Err(Error::Input(what));
        }
        let removed = catalog.unload(id)?;
        let mut charts = 0;
        for session in self.all() {
            charts += session.retract(&removed).await.len();
        }
        self.publish_data("unloaded", &removed);
        Ok(charts)
    }
}
