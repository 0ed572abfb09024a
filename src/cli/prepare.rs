//! `epivizrs prepare`: makes what is derived of files once, for any endpoint that serves them.

use super::progress::Bars;
use super::remote_options::RemoteOptions;
use super::stdin::read_standard_input;
use crate::catalog::{Catalog, select};
use crate::error::Error;
use crate::source::{Context, Source, Spec, WIDEST_STEP};
use anyhow::{Result, bail};
use clap::Args;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The options of `prepare`.
#[derive(Debug, Args)]
pub struct Prepare {
    /// Files or their addresses, folders, hubs; the options that change what is derived (format,
    /// missing, skip, ...) must be those with which the files are served
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<Spec>,
    /// Folder to write to; several processes may write to it at once
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    remote: RemoteOptions,
}

impl Prepare {
    /// Returns the text to print: a line for each source.
    ///
    /// # Errors
    /// A source that cannot be read; the others are prepared before.
    pub async fn run(mut self) -> Result<String> {
        self.remote.apply(&Context::default().cache, &[])?;
        read_standard_input(&mut self.sources)?;
        let selection = select(self.sources);
        let mut errors = selection.errors;
        let mut text = String::new();
        for spec in selection.specs {
            let before = size_of(&self.to);
            match prepare(spec.clone(), &self.to).await {
                Ok(()) => {
                    let (files, bytes) = size_of(&self.to);
                    let new = match files.saturating_sub(before.0) {
                        0 => "nothing to do".to_owned(),
                        1 => format!("1 file, {}", megabytes(bytes - before.1)),
                        files => format!("{files} files, {}", megabytes(bytes - before.1)),
                    };
                    // Writing to a string cannot fail.
                    let _ = writeln!(text, "{}: {new}", spec.input.path().display());
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            return Ok(text);
        }
        print!("{text}");
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        bail!(errors.join("\n"))
    }
}

/// Derives all that is saved of a source.
async fn prepare(mut spec: Spec, to: &Path) -> Result<(), Error> {
    // The sums of a file far away are made of its records, not of its zoom levels.
    spec.options.exact = true;
    let context = Context {
        cache: to.to_owned(),
        by_content: true,
        progress: Bars::at_terminal().progress(),
        ..Context::default()
    };
    let catalog = Catalog::new(None).with_context(context);
    let (measurements, errors) = catalog.load(vec![spec]).await;
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    for measurement in measurements {
        let source = measurement.source.clone();
        let derived = tokio::task::spawn_blocking(move || derive(&*source));
        derived.await.map_err(|_| Error::Bug("a reader panicked".into()))??;
    }
    Ok(())
}

/// Reads the sequences of a source, so that their sums and ranks are saved.
fn derive(source: &dyn Source) -> Result<(), Error> {
    for sequence in source.sequences() {
        source.count_rows(sequence.name)?;
        if source.has_sums() {
            source.sums(sequence.name, WIDEST_STEP, 0..1)?;
        }
    }
    Ok(())
}

/// Returns the number of files in a folder, and their bytes.
fn size_of(folder: &Path) -> (usize, u64) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file);
    sizes.fold((0, 0), |(files, bytes), about| (files + 1, bytes + about.len()))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
