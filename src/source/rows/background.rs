//! Opens slow sources in the background: a thread opens the source while a source without rows
//! takes its place.

use crate::bytes::{Input, Progress};
use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::source::build_handle::Opened;
use crate::source::{
    BuildHandle, ColumnInfo, ColumnKind, Context, Level, Shape, Source, unknown_column,
};
use crate::table::Table;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Number of first rows that are read for the preview of a large text file.
pub(crate) const PREVIEW_ROWS: usize = 10_000;

/// Describes a source that is not open yet, from the beginning of its file.
pub(crate) struct Preview {
    pub(crate) shape: Shape,
    pub(crate) sequences: Sequences,
    pub(crate) knows_lengths: bool,
    pub(crate) columns: Vec<ColumnInfo>,
    pub(crate) first_view: Option<Region>,
}

impl Preview {
    /// Creates a preview from a source of the first rows.
    pub(crate) fn of(first: &dyn Source) -> Self {
        let kind = |kind| match kind {
            ColumnKind::Number(_) => ColumnKind::Number(None),
            ColumnKind::Text => ColumnKind::Text,
        };
        let column = |info: &ColumnInfo| ColumnInfo { kind: kind(info.kind), ..info.clone() };
        Preview {
            shape: first.shape(),
            sequences: first.sequences().clone(),
            knows_lengths: false,
            columns: first.columns().iter().map(column).collect(),
            first_view: first.first_view(),
        }
    }
}

/// A source that is open, or is still being built.
pub(crate) enum Build {
    Opened(Box<dyn Source>),
    Building(Arc<BuildHandle>),
}

/// Opens a source with `open`. If that takes longer than the timeout of the context, it continues
/// in a thread of its own, and a source that lists what `preview` returns takes its place.
pub(crate) fn open_in_background(
    input: &Input,
    context: &Context,
    preview: impl FnOnce() -> Result<Preview>,
    open: impl FnOnce(&Context) -> Opened + Send + 'static,
) -> Opened {
    match build(input, context, open)? {
        Build::Opened(source) => Ok(source),
        Build::Building(building) => Ok(Box::new(PendingSource { preview: preview()?, building })),
    }
}

/// Opens a source with `open`. If that takes longer than the timeout of the context, it continues
/// in a thread of its own.
pub(crate) fn build(
    input: &Input,
    context: &Context,
    open: impl FnOnce(&Context) -> Opened + Send + 'static,
) -> Result<Build> {
    let Some(timeout) = context.timeout else { return Ok(Build::Opened(open(context)?)) };
    let building = Arc::new(BuildHandle::default());
    let (builder, outer) = (building.clone(), context.progress.clone());
    let progress = Progress::to(move |file, part| {
        builder.part.store(part.unwrap_or(1.0).to_bits(), Ordering::Relaxed);
        outer.forward(file, part);
    });
    let (builder, context) = (building.clone(), Context { progress, ..context.clone() });
    let work = move || {
        let _turn = TURNS.take();
        let opened = catch_unwind(AssertUnwindSafe(|| open(&context)));
        builder.finish(opened.unwrap_or_else(|_| Err(Error::Bug("a reader panicked".into()))));
    };
    let name = "building".to_owned();
    let thread = std::thread::Builder::new().name(name).spawn(work);
    thread.map_err(|error| Error::io(input.path(), error))?;
    match building.wait(timeout) {
        Some(opened) => Ok(Build::Opened(opened?)),
        None => Ok(Build::Building(building)),
    }
}

/// Takes the place of a source that is being opened.
struct PendingSource {
    preview: Preview,
    building: Arc<BuildHandle>,
}

impl Source for PendingSource {
    fn shape(&self) -> Shape {
        self.preview.shape
    }

    fn sequences(&self) -> &Sequences {
        &self.preview.sequences
    }

    fn knows_lengths(&self) -> bool {
        self.preview.knows_lengths
    }

    fn columns(&self) -> &[ColumnInfo] {
        &self.preview.columns
    }

    fn rows(&self, _: &Region, _: Level) -> u64 {
        0
    }

    fn first_view(&self) -> Option<Region> {
        self.preview.first_view.clone()
    }

    fn read(&self, _: &Region, _: Level, columns: &[&str]) -> Result<Table> {
        let known = |name: &str| self.preview.columns.iter().any(|column| *column.name == *name);
        match columns.iter().find(|name| !known(name)) {
            Some(name) => Err(unknown_column(name, &self.preview.columns)),
            None => Ok(Table::empty(columns)),
        }
    }

    fn has_sums(&self) -> bool {
        matches!(self.preview.shape, Shape::Dense | Shape::Sparse)
    }

    fn building(&self) -> Option<&Arc<BuildHandle>> {
        Some(&self.building)
    }
}

/// Limits the number of sources that are built at once to the number of cores, so that many new
/// files do not slow down the files that are already served.
struct Turns {
    taken: Mutex<usize>,
    freed: Condvar,
}

static TURNS: Turns = Turns { taken: Mutex::new(0), freed: Condvar::new() };

impl Turns {
    fn take(&'static self) -> Turn {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(taken, |taken| *taken >= most);
        *waited.unwrap_or_else(PoisonError::into_inner) += 1;
        Turn(self)
    }
}

/// Permission to build a source, until it is dropped.
struct Turn(&'static Turns);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Mock;
    use std::sync::mpsc;
    use std::time::Duration;

    const INPUT: Input = Input::Memory(std::path::PathBuf::new(), b"");

    fn preview() -> Result<Preview> {
        let value = ColumnInfo { name: "value".into(), kind: ColumnKind::Text };
        Ok(Preview {
            shape: Shape::Sparse,
            sequences: [("1", 9)].into_iter().collect(),
            knows_lengths: false,
            columns: vec![value],
            first_view: None,
        })
    }

    fn without_waiting() -> Context {
        Context { timeout: Some(Duration::ZERO), ..Context::default() }
    }

    #[test]
    fn a_slow_source_is_listed_without_rows_and_then_replaced() {
        let (go, wait) = mpsc::channel::<()>();
        let open = move |context: &Context| {
            context.progress.report(INPUT.path(), 0.42);
            let _ = wait.recv();
            Ok(Box::new(Mock::new(1)) as Box<dyn Source>)
        };
        let (reported, reports) = mpsc::channel();
        let progress = Progress::to(move |_, part| reported.send(part).unwrap());
        let context = Context { progress, ..without_waiting() };
        let source = open_in_background(&INPUT, &context, preview, open).unwrap();
        assert_eq!(reports.recv().unwrap(), Some(0.42));
        let building = source.building().unwrap();
        assert_eq!(building.percent(), 42);
        let region = Region::new("1", 0, 9);
        let table = source.read(&region, Level::Records, &["value"]).unwrap();
        assert_eq!((table.len(), table.columns.len()), (0, 1));
        assert!(source.read(&region, Level::Records, &["valeu"]).is_err());
        let (opened, result) = mpsc::channel();
        building.then(move |source| opened.send(source.unwrap().shape()).unwrap());
        drop(go);
        assert_eq!(result.recv().unwrap(), Mock::new(1).shape());
    }

    #[test]
    fn a_panic_in_the_thread_is_an_error_and_frees_its_turn() {
        for _ in 0..2 * std::thread::available_parallelism().unwrap().get() {
            let (go, wait) = mpsc::channel::<()>();
            let open = move |_: &Context| {
                let _ = wait.recv();
                panic!("on purpose")
            };
            let source = open_in_background(&INPUT, &without_waiting(), preview, open).unwrap();
            let (opened, result) = mpsc::channel();
            source.building().unwrap().then(move |source| opened.send(source.err()).unwrap());
            drop(go);
            assert!(result.recv().unwrap().unwrap().to_string().contains("panicked"));
        }
    }

    #[test]
    fn a_long_timeout_waits_for_the_source() {
        let open = |_: &Context| Ok(Box::new(Mock::new(1)) as Box<dyn Source>);
        for timeout in [None, Some(Duration::from_secs(60))] {
            let context = Context { timeout, ..Context::default() };
            let source = open_in_background(&INPUT, &context, || unreachable!(), open).unwrap();
            assert!(source.building().is_none());
        }
    }
}
