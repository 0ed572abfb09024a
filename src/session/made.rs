//! Measurements that users and programs make: computed from others, or sent by programs.

use super::Session;
use super::redraws::DueChange;
use crate::catalog::{ComputedSpec, Measurement, PushedSpec, Renewed};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::stream::Content;
use std::sync::Arc;

/// Rows that were appended.
#[derive(Clone, Copy, Debug)]
pub struct Appended {
    /// Their record in the stream of the source.
    pub recno: u64,
    /// Their number.
    pub rows: usize,
}

impl Session {
    /// Serves a computed measurement, or replaces its definition, on the pages of all sessions; for
    /// the unnamed session only, like the other methods here.
    ///
    /// # Errors
    /// As [`crate::catalog::Catalog::compute`].
    pub async fn compute(self: &Arc<Self>, wanted: ComputedSpec) -> Result<Arc<Measurement>> {
        let (name, definition) = (wanted.name().to_owned(), wanted.to_json());
        let renewed = self.provider.catalog.compute(wanted).await?;
        self.show_made(&renewed).await;
        self.keep(move |store, data| store.save_computed(&name, data, &definition)).await;
        renewed.now.into_iter().next().ok_or_else(|| Error::Bug("nothing is computed".into()))
    }

    /// Serves data that a program sends, or replaces them. Returns the measurements.
    ///
    /// # Errors
    /// As [`crate::catalog::Catalog::put_source`].
    pub async fn put_source(
        self: &Arc<Self>,
        wanted: PushedSpec,
        content: Vec<u8>,
    ) -> Result<Renewed> {
        let renewed = self.provider.catalog.put_source(wanted, content).await?;
        self.provider.catalog.collect_names(&renewed.now);
        self.show_made(&renewed).await;
        Ok(renewed)
    }

    /// Appends rows to data that a program sent. They are a record of the source's stream.
    ///
    /// # Errors
    /// As [`crate::catalog::Catalog::append_rows`].
    pub async fn append_rows(self: &Arc<Self>, name: &str, content: Vec<u8>) -> Result<Appended> {
        let catalog = &self.provider.catalog;
        let was = catalog.listing();
        let (renewed, rows) = catalog.append_rows(name, content).await?;
        let change = DueChange {
            renewed,
            regions: rows.regions(),
            sequences: catalog.changed_sequences(&was),
            has_new_sequences: catalog.listing().sequences().len() > was.sequences().len(),
        };
        let count = rows.len();
        let stream = self.config.streams.source(name);
        let (recno, _) = stream.publish(None, None, Content::Rows(rows));
        self.redraw_soon(name, change);
        Ok(Appended { recno, rows: count })
    }

    /// Saves what users define, if there is a store.
    async fn keep(&self, save: impl FnOnce(&Store, &str) -> Result<()> + Send + 'static) {
        let config = self.config.clone();
        let saved = tokio::task::spawn_blocking(move || {
            config.store.as_ref().map_or(Ok(()), |store| save(store, &config.data))
        });
        let saved = saved.await.unwrap_or_else(|stopped| Err(Error::Bug(stopped.to_string())));
        if let Err(error) = saved {
            tracing::warn!("the definition is not saved: {error}");
        }
    }

    async fn show_made(self: &Arc<Self>, Renewed { before, now }: &Renewed) {
        for session in self.all() {
            if before.is_empty() {
                session.announce(now).await;
            } else {
                session.replace_measurements(before, now).await;
            }
        }
        self.publish_data(if before.is_empty() { "loaded" } else { "reloaded" }, now);
    }

    /// Stops serving a measurement that was computed or sent. Returns the number of charts that were
    /// removed.
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
        if !found.is_computed() && !catalog.is_pushed(id) {
            let what = format!("'{id}' comes from a file; 'unload' stops serving it");
            return Err(Error::Input(what));
        }
        let removed = catalog.discard(id)?;
        let mut charts = 0;
        for session in self.all() {
            charts += session.retract(&removed).await.len();
        }
        self.publish_data("unloaded", &removed);
        if found.is_computed() {
            let name = found.id.clone();
            self.keep(move |store, data| store.delete_computed(&name, data)).await;
        }
        Ok(charts)
    }
}
