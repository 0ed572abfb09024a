//! `--open`: the desktop's browser on the built-in page.

use std::process::{Command, Stdio};

/// Programs that open an address in the browser, the likeliest first.
const OPENERS: &[&str] = if cfg!(target_os = "macos") {
    &["open"]
} else {
    // The second for Windows' subsystem for Linux.
    &["xdg-open", "wslview"]
};

/// Opens an address in the browser. Without one nothing is lost: the log says what to open by hand.
pub(super) fn open(url: String) {
    // Some openers end only with the browser, so they are waited for aside.
    std::thread::spawn(move || {
        let opened = OPENERS.iter().any(|opener| {
            let mut command = Command::new(opener);
            command.arg(&url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        });
        if !opened {
            tracing::warn!("no browser could be opened; open {url} yourself");
        }
    });
}
