//! A line at the terminal for each file that is being read for long.

use crate::source::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Shows progress on standard error if that is a terminal; else nothing.
pub(super) fn at_terminal() -> Progress {
    let all = MultiProgress::new();
    let bars: Mutex<HashMap<PathBuf, ProgressBar>> = Mutex::default();
    Progress::to(move |file: &Path, read: Option<u64>| {
        let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Some(read) => {
                let bar = bars.entry(file.into()).or_insert_with(|| all.add(bar(file)));
                bar.set_position(read);
            }
            None => bars.remove(file).iter().for_each(ProgressBar::finish_and_clear),
        }
    })
}

fn bar(file: &Path) -> ProgressBar {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bar = ProgressBar::new_spinner().with_message(name);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {human_pos} records read") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
