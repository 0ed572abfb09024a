//! Reports the progress of reading a file.

use std::path::Path;
use std::sync::Arc;

/// A receiver of progress reports; none by default.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Receiver>>);

type Receiver = dyn Fn(&Path, Option<f64>) + Send + Sync;

impl Progress {
    /// Creates a receiver. `tell` is called from time to time with the file and the fraction of its
    /// bytes that has been read, from 0 to 1, and with none when the reading has ended.
    pub fn to(tell: impl Fn(&Path, Option<f64>) + Send + Sync + 'static) -> Self {
        Progress(Some(Arc::new(tell)))
    }

    /// Reports the fraction of a file that has been read.
    pub(crate) fn report(&self, file: &Path, part: f64) {
        self.forward(file, Some(part));
    }

    /// Passes on a report.
    pub(crate) fn forward(&self, file: &Path, part: Option<f64>) {
        self.0.iter().for_each(|tell| tell(file, part));
    }

    pub(crate) fn done(&self, file: &Path) {
        self.forward(file, None);
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({})", if self.0.is_some() { "shown" } else { "silent" })
    }
}
