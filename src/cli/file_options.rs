//! The options that `inspect` and `query` share, and the catalog that they open with them.

use super::assembly::assembly;
use super::progress::Bars;
use crate::catalog::{Catalog, Measurement};
use crate::source::{Context, Spec};
use anyhow::Result;
use clap::Args;
use std::sync::Arc;

/// How to open a single file.
#[derive(Debug, Default, Args)]
pub(super) struct FileOptions {
    /// Assembly, as for 'serve'
    #[arg(long, value_name = "NAME|FILE")]
    assembly: Option<String>,
    /// Annotation that gives the positions of the genes of a matrix without coordinates
    #[arg(long, value_name = "SOURCE")]
    genes: Vec<Spec>,
}

impl FileOptions {
    /// A catalog of the source, and its measurements.
    ///
    /// # Errors
    /// The source, the assembly or the annotation cannot be opened.
    pub(super) async fn open(&self, spec: &Spec) -> Result<(Catalog, Vec<Arc<Measurement>>)> {
        let progress = Bars::at_terminal().progress();
        let context = Context { progress, ..Context::default() };
        let catalog = Catalog::new(assembly(self.assembly.as_deref())?).with_context(context);
        let mut added = Vec::new();
        for specs in [self.genes.clone(), vec![spec.clone()]] {
            let (measurements, errors) = catalog.load(specs).await;
            if let Some(error) = errors.into_iter().next() {
                return Err(error.into());
            }
            added = measurements;
        }
        Ok((catalog, added))
    }
}
