//! Writes log lines to standard error, above the line that is being typed, and sends them to
//! subscribers of the log.

use crate::stream::{Content, log_stream};
use serde_json::Map;
use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, PoisonError};
use tokio::sync::broadcast;
use tracing_subscriber::fmt::MakeWriter;

/// How many lines a slow subscriber may lag behind.
const MAX_LAG: usize = 1024;

/// Prints whole lines of text.
pub type Printer = Box<dyn FnMut(String) + Send>;

static FOLLOWERS: LazyLock<broadcast::Sender<String>> =
    LazyLock::new(|| broadcast::Sender::new(MAX_LAG));
static PRINTER: Mutex<Option<Printer>> = Mutex::new(None);

/// The writer of the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogLines;

impl<'a> MakeWriter<'a> for LogLines {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine(Vec::new())
    }
}

/// One entry of the log, written when it is complete.
#[derive(Debug)]
pub struct LogLine(Vec<u8>);

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if self.0.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.0).into_owned();
        // There may be no subscriber.
        let line = without_colors(text.trim_end());
        let stream = log_stream();
        if stream.is_wanted() {
            let line = Map::from_iter([("line".to_owned(), line.as_str().into())]);
            stream.publish(None, None, Content::Event(line));
        }
        let _ = FOLLOWERS.send(line);
        print(text);
    }
}

/// Prints lines above the line that is being typed; to standard error if there is no prompt.
pub(super) fn print(text: String) {
    match PRINTER.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        Some(printer) => printer(text),
        // If standard error is closed, the text is lost.
        None => _ = io::stderr().lock().write_all(text.as_bytes()),
    }
}

/// Sends lines to `printer` from now on.
pub fn print_with(printer: Printer) {
    *PRINTER.lock().unwrap_or_else(PoisonError::into_inner) = Some(printer);
}

/// Sends lines to standard error again, after the prompt has ended.
pub(super) fn print_to_stderr() {
    *PRINTER.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Subscribes to the log.
pub(super) fn follow() -> broadcast::Receiver<String> {
    FOLLOWERS.subscribe()
}

/// Removes terminal colour codes from a line.
fn without_colors(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut plain, part| {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_get_lines_without_colours() {
        let mut log = follow();
        let mut line = LogLines.make_writer();
        line.write_all(b"\x1b[32m INFO\x1b[0m page 1 connected\n").unwrap();
        drop(line);
        assert_eq!(log.blocking_recv().unwrap(), " INFO page 1 connected");
    }
}
