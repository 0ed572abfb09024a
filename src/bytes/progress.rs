//! How far long readings have come, for whoever wants to know.

use std::path::Path;
use std::sync::Arc;

/// Who wants to know how far long readings have come; by default nobody.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Tell>>);

type Tell = dyn Fn(&Path, Option<f64>) + Send + Sync;

impl Progress {
    /// Calls `tell` every now and then with the file and the part of its bytes that is read, from 0
    /// to 1; with none when the reading has ended.
    pub fn to(tell: impl Fn(&Path, Option<f64>) + Send + Sync + 'static) -> Self {
        Progress(Some(Arc::new(tell)))
    }

    pub(crate) fn tell(&self, file: &Path, part: f64) {
        self.forward(file, Some(part));
    }

    /// Passes on what another was told.
    pub(crate) fn forward(&self, file: &Path, part: Option<f64>) {
        self.0.iter().for_each(|tell| tell(file, part));
    }

    pub(crate) fn done(&self, file: &Path) {
        self.forward(file, None);
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({})", if self.0.is_some() { "told" } else { "silent" })
    }
}
