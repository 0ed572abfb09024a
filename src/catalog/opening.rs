//! Opening sources, and reopening them.

use super::health::versions;
use super::{Catalog, Measurement, Renewed, value_range};
use crate::error::{Error, Result};
use crate::source::signals::density::DENSITY;
use crate::source::{self, GeneLoci, Part, Spec};
use std::sync::Arc;

/// The sources of a file, and the specification that they were opened by.
type OpenedFile = (Vec<Part>, Spec);

impl Catalog {
    /// Opens sources in parallel and lists those that could be opened, in the given order.
    ///
    /// Returns the new measurements, and the error of each source that failed.
    pub async fn load(&self, specs: Vec<Spec>) -> (Vec<Arc<Measurement>>, Vec<Error>) {
        let (opened, errors) = self.open(specs).await;
        let added = self.change(|listing| listing.add(opened));
        self.watch_builds(&added);
        self.sample_ranges(&added).await;
        (added, errors)
    }

    /// Reopens the files of a datasource or a measurement. Returns its measurements before and now.
    /// If a file fails, nothing changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such id, [`Error::Input`] if it has no files;
    /// otherwise as `open_all`.
    pub async fn reload(&self, id: &str) -> Result<(Vec<Arc<Measurement>>, Vec<Arc<Measurement>>)> {
        let listing = self.listing();
        let datasource = listing.datasources().iter().find(|datasource| datasource.id == id);
        let named: Vec<_> = match datasource {
            Some(datasource) => datasource.measurements.clone(),
            None => listing.measurements().filter(|m| m.id == id).cloned().collect(),
        };
        let mut specs: Vec<_> = named.iter().filter_map(|m| m.spec.clone()).collect();
        specs.dedup_by(|a, b| Arc::ptr_eq(a, b));
        if named.is_empty() {
            let message = format!("no datasource is called '{id}'; 'sources' lists them");
            return Err(Error::NotFound(message));
        }
        specs.retain(|spec| spec.options.computed.is_none());
        if specs.is_empty() {
            return Err(Error::Input(format!("'{id}' has no file that could be reopened")));
        }
        specs.iter().for_each(|spec| spec.input.forget());
        self.open_again(&specs).await
    }

    /// Reopens sources, and replaces their old entries in the listing.
    pub(super) async fn open_again(
        &self,
        specs: &[Arc<Spec>],
    ) -> Result<(Vec<Arc<Measurement>>, Vec<Arc<Measurement>>)> {
        let (opened, errors) = self.open(specs.iter().map(|spec| (**spec).clone()).collect()).await;
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let of_file = |m: &&Arc<Measurement>| specs.iter().any(|spec| m.is_of(spec));
        let old = self.listing().measurements().filter(of_file).cloned().collect();
        let new = self.change(|listing| listing.replace(specs, opened));
        self.watch_builds(&new);
        self.sample_ranges(&new).await;
        Ok((old, new))
    }

    /// Serves a source in place of another one, or as a new one.
    pub(super) async fn swap(&self, old: Option<Arc<Spec>>, new: Spec) -> Result<Renewed> {
        let (opened, errors) = self.open(vec![new]).await;
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let (mut before, mut now) = (Vec::new(), Vec::new());
        self.change(|listing| match old {
            Some(old) => {
                before = listing.measurements().filter(|m| m.is_of(&old)).cloned().collect();
                now = listing.replace(&[old], opened);
            }
            None => now = listing.add(opened),
        });
        self.watch_builds(&now);
        self.sample_ranges(&now).await;
        Ok(Renewed { before, now })
    }

    /// Opens sources in parallel.
    async fn open(&self, specs: Vec<Spec>) -> (Vec<OpenedFile>, Vec<Error>) {
        let opening = specs.into_iter().map(|mut spec| {
            let (context, health) = (self.context.clone(), self.health.clone());
            self.pool_of(&spec).run(move || {
                // Taken before opening, so that later changes are noticed.
                let versions = versions(&spec);
                spec.options.opened_as = Some(source::formats::format_of(&spec)?.name);
                let later = source::formats::needs_genes(&spec)?;
                let parts =
                    if later { Vec::new() } else { source::formats::open_all(&spec, &context)? };
                if !versions.is_empty() {
                    health.opened(spec.input.path(), versions);
                }
                Ok((parts, spec))
            })
        });
        let mut results = futures_util::future::join_all(opening).await;
        self.open_by_gene_loci(&mut results).await;
        let (mut opened, mut errors) = (Vec::new(), Vec::new());
        for result in results {
            match result {
                Ok(one) => opened.push(one),
                Err(error) => errors.push(error),
            }
        }
        (opened, errors)
    }

    /// Opens the sources whose rows are placed by the genes of other sources, which are known now.
    /// These sources have no parts yet.
    async fn open_by_gene_loci(&self, results: &mut [Result<OpenedFile>]) {
        if !results.iter().flatten().any(|(parts, _)| parts.is_empty()) {
            return;
        }
        let mut loci = GeneLoci::default();
        let listing = self.listing();
        let known = listing.measurements().map(|measurement| &measurement.source);
        let new = results.iter().flatten().flat_map(|(parts, _)| parts).map(|part| &part.source);
        new.chain(known).for_each(|source| source.add_gene_loci(&mut loci));
        for result in results {
            if let Ok((parts, spec)) = result
                && parts.is_empty()
            {
                let mut spec = spec.clone();
                spec.options.gene_loci = loci.clone();
                let context = self.context.clone();
                let pool = self.pool_of(&spec);
                let open = move || Ok((source::formats::open_all(&spec, &context)?, spec));
                *result = pool.run(open).await;
            }
        }
    }

    /// Estimates the ranges of values that files do not state: a page draws values beyond a
    /// measurement's range outside its chart.
    pub(super) async fn sample_ranges(&self, measurements: &[Arc<Measurement>]) {
        let unknown = |m: &&Arc<Measurement>| {
            m.column.is_some() && m.range.get().is_none() && m.source.building().is_none()
        };
        let samples = measurements.iter().filter(unknown).map(|measurement| {
            let own = |m: &&Arc<Measurement>| {
                m.companion.is_none() && measurement.spec.as_ref().is_some_and(|spec| m.is_of(spec))
            };
            let density = measurement.companion == Some(DENSITY);
            let of = measurements.iter().find(own).filter(|_| density).map(|m| m.source.clone());
            let measurement = measurement.clone();
            let pool = measurement.spec.as_deref().map_or(&self.pool, |spec| self.pool_of(spec));
            pool.run(move || {
                let column = measurement.column.as_deref().unwrap_or_default();
                let values = match of {
                    Some(features) => value_range::densities(&*features),
                    None => value_range::sample(&*measurement.source, column)?,
                };
                measurement.range.observe(values.into_iter());
                Ok(())
            })
        });
        for sampled in futures_util::future::join_all(samples).await {
            // Reading the file reports the error.
            sampled.unwrap_or_else(|error| tracing::debug!("no range of values: {error}"));
        }
    }
}
