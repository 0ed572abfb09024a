//! Progress bars on the terminal, one for each file that takes long to read.

use crate::bytes::Progress;
use crate::console;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bar appears if reading a file takes longer than this.
const BAR_DELAY: Duration = Duration::from_millis(500);
/// The length of a bar; its unit is a thousandth of the file.
const BAR_LENGTH: u64 = 1000;

/// The bars on standard error, shown only if it is a terminal.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    all: MultiProgress,
}

/// The progress of a file that is being read.
struct FileProgress {
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Bars {
    /// Creates the bars, and prints log lines above them.
    pub(super) fn at_terminal() -> Self {
        let bars = Bars { all: MultiProgress::new() };
        if io::stderr().is_terminal() {
            let all = bars.all.clone();
            // If standard error is closed, the text is lost.
            let print = move |text: String| {
                let _ = all.suspend(|| io::stderr().lock().write_all(text.as_bytes()));
            };
            console::print_with(Box::new(print));
        }
        bars
    }

    /// Returns a [`Progress`] that draws these bars.
    pub(super) fn progress(&self) -> Progress {
        let all = self.all.clone();
        let readings: Mutex<HashMap<PathBuf, FileProgress>> = Mutex::default();
        Progress::to(move |file: &Path, part: Option<f64>| {
            let mut readings = readings.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(part) = part else {
                let bar = readings.remove(file).and_then(|reading| reading.bar);
                return bar.iter().for_each(|bar| {
                    bar.finish_and_clear();
                    all.remove(bar);
                });
            };
            let begin = || FileProgress { since: Instant::now(), bar: None };
            let reading = readings.entry(file.into()).or_insert_with(begin);
            if reading.since.elapsed() >= BAR_DELAY {
                let bar = reading.bar.get_or_insert_with(|| all.add(bar(file)));
                bar.set_position((part * BAR_LENGTH as f64) as u64);
            }
        })
    }

    /// Removes the bars for good, because the prompt needs the terminal.
    pub(super) fn end(&self) {
        // A closed terminal needs no clearing.
        let _ = self.all.clear();
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn bar(file: &Path) -> ProgressBar {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bar = ProgressBar::new(BAR_LENGTH).with_message(name);
    match ProgressStyle::with_template("{msg} [{bar:30}] {percent:>3}%, {eta} left") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
