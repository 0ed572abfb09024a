//! The signals that end the program.

use std::io;
use std::process::exit;
use std::sync::mpsc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the shutdown may take: finishing replies, sending close frames, and saving the last
/// changes. Then the process exits.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Cancels `stop` at the first SIGTERM or SIGINT, and ends the process at the second. With
/// `at_prompt`, SIGINT is ignored: there, Ctrl-C cancels the running command, not the endpoint.
///
/// The signals are awaited in a separate thread, so that no other work can delay them.
///
/// # Errors
/// The thread or a signal handler cannot be created.
pub(super) fn watch(stop: CancellationToken, at_prompt: bool) -> io::Result<()> {
    let (ready, is_ready) = mpsc::channel();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (runtime, mut signals) = match runtime.and_then(|runtime| {
            let _inside = runtime.enter();
            let signals = Signals::new(at_prompt)?;
            Ok((runtime, signals))
        }) {
            Ok(watched) => watched,
            Err(error) => return drop(ready.send(Err(error))),
        };
        // The caller waits for this message.
        let _ = ready.send(Ok(()));
        runtime.block_on(async {
            signals.next().await;
            tracing::info!("shutting down; a second signal stops the program at once");
            stop.cancel();
            match tokio::time::timeout(SHUTDOWN_TIMEOUT, signals.next()).await {
                // The exit code that a shell reports for a process killed by this signal.
                Ok(number) => exit(128 + number),
                Err(_) => {
                    tracing::warn!("the shutdown has not finished in time");
                    exit(0)
                }
            }
        });
    })?;
    is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("cannot wait for signals")))
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    at_prompt: bool,
}

impl Signals {
    fn new(at_prompt: bool) -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Signals { terminate, interrupt: signal(SignalKind::interrupt())?, at_prompt })
    }

    /// Waits for the next signal and returns its number.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.interrupt.recv(), if !self.at_prompt => SignalKind::interrupt().as_raw_value(),
        }
    }
}
