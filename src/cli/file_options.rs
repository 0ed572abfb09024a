//! The options that `inspect` and `query` share, and the catalog that they open.

use super::assembly::assembly;
use super::progress::Bars;
use super::remote_options::RemoteOptions;
use super::stdin::read_standard_input;
use crate::catalog::{Catalog, Measurement, select};
use crate::source::{Context, Spec};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

/// Options for opening a file.
#[derive(Debug, Default, Args)]
pub(super) struct FileOptions {
    /// Assembly, as for 'serve'
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) assembly: Option<String>,
    /// Annotation that gives the positions of the genes of a matrix without coordinates
    #[arg(long, value_name = "SOURCE")]
    pub(super) genes: Vec<Spec>,
    /// Folder for sorted copies and other derived files, as for 'serve'
    #[arg(long, value_name = "FOLDER")]
    pub(super) cache_dir: Option<PathBuf>,
    /// Folder or address with what 'epivizrs prepare' derived, as for 'serve'
    #[arg(long, value_name = "ADDRESS")]
    pub(super) prepared: Option<String>,
    #[command(flatten)]
    pub(super) remote: RemoteOptions,
}

impl FileOptions {
    /// Resolves the given sources, including standard input.
    ///
    /// # Errors
    /// A source names no file, or standard input cannot be read.
    pub(super) fn selected(&self, mut specs: Vec<Spec>) -> Result<Vec<Spec>> {
        self.remote.apply(&self.cache(), &[])?;
        read_standard_input(&mut specs)?;
        let selection = select(specs);
        match selection.errors.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(selection.specs),
        }
    }

    /// Returns the folder for derived files, and for blocks read from other machines.
    fn cache(&self) -> PathBuf {
        self.cache_dir.clone().unwrap_or_else(|| Context::default().cache)
    }

    /// Opens a source; returns a catalog with it, and its measurements.
    ///
    /// # Errors
    /// The source, the assembly or the annotation cannot be opened.
    pub(super) async fn open(&self, spec: &Spec) -> Result<(Catalog, Vec<Arc<Measurement>>)> {
        let progress = Bars::at_terminal().progress();
        let (cache, prepared) = (self.cache(), self.prepared.clone());
        let context = Context { cache, prepared, progress, ..Context::default() };
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
