//! The prompt at the terminal.

use super::command::Command;
use super::run::run;
use crate::session::Session;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Reads and runs commands until `quit`, Ctrl-D or `stop`; then cancels `stop`.
pub async fn prompt(session: Arc<Session>, stop: CancellationToken) {
    let (lines, mut typed) = mpsc::channel::<(String, oneshot::Sender<()>)>(1);
    // The terminal blocks, so it has a thread of its own. It is not joined: it may sit in a read.
    std::thread::spawn(move || read(&lines));
    loop {
        let (line, done) = tokio::select! {
            () = stop.cancelled() => return,
            typed = typed.recv() => match typed {
                Some(typed) => typed,
                None => break,
            },
        };
        match Command::parse(&line) {
            Ok(None) => {}
            Ok(Some(Command::Quit)) => break,
            Ok(Some(command)) => match run(&command, &session).await {
                Ok(text) => println!("{text}"),
                Err(error) => println!("{error}"),
            },
            Err(error) => println!("{error}"),
        }
        // Only then is the next line read, so that answers stand above the next prompt.
        let _ = done.send(());
    }
    stop.cancel();
}

fn read(lines: &mpsc::Sender<(String, oneshot::Sender<()>)>) {
    let mut editor = match DefaultEditor::new() {
        Ok(editor) => editor,
        Err(error) => {
            tracing::error!("no prompt: {error}");
            return;
        }
    };
    loop {
        match editor.readline("epivizrs> ") {
            Ok(line) => {
                let _ = editor.add_history_entry(line.as_str());
                let (done, wait) = oneshot::channel();
                if lines.blocking_send((line, done)).is_err() || wait.blocking_recv().is_err() {
                    return;
                }
            }
            // Ctrl-C forgets the line, as in a shell.
            Err(ReadlineError::Interrupted) => {}
            Err(_) => return,
        }
    }
}
