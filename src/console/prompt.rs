//! The prompt at a terminal, for the endpoint itself and for `epivizrs attach`.

mod type_ahead;

use super::answer::Answer;
use super::commands::find;
use super::log;
use super::tokenizer::commands;
use crate::error::Result;
use futures_util::FutureExt;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper};
use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use type_ahead::{RunningCommand, TypedAhead};

/// A spinner appears if a command takes longer than this.
const SPINNER_DELAY: Duration = Duration::from_millis(500);
/// Clears the current line of the terminal.
const CLEAR: &str = "\r\x1b[K";
/// The width of lines without a terminal.
const WIDTH: usize = 120;

/// Completes the last word of a line: returns its byte offset and the candidates.
pub(super) type CompleteLine = Box<dyn Fn(&str) -> (usize, Vec<String>) + Send>;

/// A line that was typed, and the command that it becomes.
struct TypedLine {
    line: String,
    running: Arc<RunningCommand>,
}

/// Runs the lines that a user types.
pub trait LineRunner {
    /// Runs a line and prints its answer. Returns false if the prompt ends (`quit`).
    fn run(&mut self, line: String) -> impl Future<Output = bool> + Send;
}

/// Reads lines from the terminal and runs them, until Ctrl-D or `quit`. Ctrl-C cancels the running
/// command. `history` is the file in which the lines are saved.
pub async fn prompt(mut runs: impl LineRunner, complete: CompleteLine, history: Option<PathBuf>) {
    // Registered before the thread starts: while reading, the editor replaces this handler by its own.
    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
    let (lines, mut typed) = mpsc::channel::<TypedLine>(1);
    // Reading the terminal blocks, so it has its own thread, which is never joined: it may be blocked.
    std::thread::spawn(move || read(&lines, complete, history.as_deref()));
    while let Some(TypedLine { line, running }) = typed.recv().await {
        let more = tokio::select! {
            more = with_spinner(runs.run(line)) => more,
            () = async { tokio::select! { _ = interrupt.recv() => {}, () = running.cancel.notified() => {} } } => {
                if std::io::stderr().is_terminal() {
                    eprint!("{CLEAR}");
                }
                screen(&Ok(Answer::say("cancelled")));
                true
            }
        };
        // The next line is read only now, so that the answer appears above the next prompt.
        running.end(more).await;
        // A Ctrl-C that came too late does not apply to the next line.
        while interrupt.recv().now_or_never().is_some() {}
        if !more {
            break;
        }
    }
    log::print_to_stderr();
}

/// Shows a spinner if the work takes long.
async fn with_spinner(work: impl Future<Output = bool>) -> bool {
    let mut work = std::pin::pin!(work);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut shown = false;
    let started = tokio::time::Instant::now();
    let done = loop {
        match tokio::time::timeout(SPINNER_DELAY, &mut work).await {
            Ok(done) => break done,
            Err(_) => {
                shown = true;
                let bar = "▪".repeat((started.elapsed().as_millis() / 500 % 10) as usize + 1);
                eprint!("{CLEAR}{bar} {:.0} s, Ctrl-C cancels", started.elapsed().as_secs_f64());
                let _ = std::io::stderr().flush();
            }
        }
    };
    if shown {
        eprint!("{CLEAR}");
    }
    done
}

/// Prints an answer to standard output, or an error to standard error.
pub fn screen(result: &Result<Answer>) {
    match result {
        Ok(answer) => {
            let colors = may_color(std::io::stdout().is_terminal());
            let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0.into());
            let text = answer.show(width, colors);
            if !text.is_empty() {
                print_line(&text);
            }
        }
        Err(error) if may_color(std::io::stderr().is_terminal()) => {
            eprintln!("\x1b[31m{error}\x1b[0m");
        }
        Err(error) => eprintln!("{error}"),
    }
}

/// Prints a line to standard output. A closed pipe (`| head`) is not an error.
pub fn print_line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Returns whether to use colours: on terminals, unless `NO_COLOR` is set (no-color.org).
fn may_color(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn read(lines: &mpsc::Sender<TypedLine>, complete: CompleteLine, history: Option<&Path>) {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true);
    let editor = Editor::<PromptHelper, FileHistory>::with_config(config.build());
    let mut editor = match editor {
        Ok(editor) => editor,
        Err(error) => return tracing::error!("the prompt cannot start: {error}"),
    };
    editor.set_helper(Some(PromptHelper {
        complete,
        colors: may_color(std::io::stdout().is_terminal()),
        begun: Mutex::default(),
    }));
    if let Some(history) = history {
        // The file does not exist the first time.
        let _ = editor.load_history(history);
    }
    if let Ok(mut printer) = editor.create_external_printer() {
        log::print_with(Box::new(move |text| _ = printer.print(text)));
    }
    let mut ahead = TypedAhead::default();
    loop {
        let line = match ahead.lines.pop_front() {
            Some(line) => Ok(line),
            None if ahead.ended => return,
            None => {
                let begun = std::mem::take(&mut ahead.begun);
                editor.readline_with_initial("epivizrs> ", (&begun, ""))
            }
        };
        match line {
            Ok(line) => {
                if let Some(history) = history
                    && let Err(error) = editor.append_history(history)
                {
                    tracing::debug!("the line was not added to the history: {error}");
                }
                let running = Arc::new(RunningCommand::default());
                if lines.blocking_send(TypedLine { line, running: running.clone() }).is_err() {
                    return;
                }
                ahead.read(&mut editor, &running);
            }
            // Ctrl-C discards the line, as in a shell.
            Err(ReadlineError::Interrupted) => {}
            Err(_) => return,
        }
    }
}

/// Completes words and shows the arguments of a command.
pub(super) struct PromptHelper {
    complete: CompleteLine,
    colors: bool,
    /// The line as it was last shown.
    begun: Mutex<String>,
}

impl PromptHelper {
    /// Takes the line that was begun and not entered.
    pub(super) fn take_begun(&self) -> String {
        std::mem::take(&mut self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Helper for PromptHelper {}
impl Validator for PromptHelper {}

impl Completer for PromptHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = (self.complete)(&line[..at]);
        let only = found.len() == 1;
        let pair = |word: String| {
            let open = word.ends_with(['/', '=']);
            let replacement = if only && !open { format!("{word} ") } else { word.clone() };
            Pair { display: word, replacement }
        };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Hinter for PromptHelper {
    type Hint = String;

    /// Returns the arguments of the command whose name was just typed.
    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<String> {
        line.clone_into(&mut self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        let command = commands(line).last().copied()?;
        let named = at == line.len() && line.ends_with(' ') && !command.contains(' ');
        let usage = find(command).ok().filter(|_| named)?.usage;
        usage.split_once(' ').map(|(_, arguments)| arguments.to_owned())
    }
}

impl Highlighter for PromptHelper {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colors { Cow::Owned(format!("\x1b[2m{hint}\x1b[0m")) } else { Cow::Borrowed(hint) }
    }
}
