//! The signals that end the program.

use std::io;
use std::process::exit;
use std::sync::mpsc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the end may take: replies that are being sent, close frames, and saving what changed
/// last. Whatever still runs then is left.
const LONGEST_END: Duration = Duration::from_secs(20);

/// Cancels `stop` at the first SIGTERM or SIGINT, and ends the process at the second. At a prompt
/// Ctrl-C ends the running command and not the endpoint, so `at_prompt` leaves SIGINT alone.
///
/// The signals are awaited on a thread of their own: no work elsewhere can keep them waiting.
///
/// # Errors
/// The system refuses a thread or a handler for the signals.
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
        // Whoever asked for the watch waits for this.
        let _ = ready.send(Ok(()));
        runtime.block_on(async {
            signals.next().await;
            tracing::info!("ending; a second signal ends it at once");
            stop.cancel();
            match tokio::time::timeout(LONGEST_END, signals.next()).await {
                // As a shell sees a process that the signal has ended.
                Ok(number) => exit(128 + number),
                Err(_) => {
                    tracing::warn!("not everything has ended in time");
                    exit(0)
                }
            }
        });
    })?;
    is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("the signals cannot be awaited")))
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

    /// The number of the next signal.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.interrupt.recv(), if !self.at_prompt => SignalKind::interrupt().as_raw_value(),
        }
    }
}
