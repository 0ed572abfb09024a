//! `--open`: opens the built-in page in the desktop's browser.

use std::process::{Command, Stdio};

/// Programs that open an address in the browser; the first that works is used.
const OPENERS: &[&str] = if cfg!(target_os = "macos") {
    &["open"]
} else {
    // The second is for the Windows Subsystem for Linux.
    &["xdg-open", "wslview"]
};

/// Opens an address in the browser; if that fails, a warning asks the user to open it.
pub(super) fn open(url: String) {
    // Some of these programs exit only with the browser, so a thread waits for them.
    std::thread::spawn(move || {
        let opened = OPENERS.iter().any(|opener| {
            let mut command = Command::new(opener);
            command.arg(&url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        });
        if !opened {
            tracing::warn!("no browser could be started; open {url} yourself");
        }
    });
}
