//! The prompt at a terminal, for the endpoint's own console and for one that is attached.

use super::answer::Answer;
use super::command::info;
use super::log;
use super::words::commands;
use crate::error::Result;
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
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// A command that takes longer shows that it is at work.
const LONG: Duration = Duration::from_millis(500);
/// Empties the terminal's line.
const CLEAR: &str = "\r\x1b[K";
/// The width of lines that go to no terminal.
const WIDTH: usize = 120;

/// What may stand at the end of a line: where it begins, and what.
pub(super) type Offer = Box<dyn Fn(&str) -> (usize, Vec<String>) + Send>;

/// One who runs the lines that are typed.
pub trait Runs {
    /// Runs a line, and prints what it answers. Tells whether there is more to come.
    fn run(&mut self, line: String) -> impl Future<Output = bool> + Send;
}

/// Reads lines at the terminal and has them run, until Ctrl-D or until one says that it was the
/// last. Ctrl-C ends the running command. `history` is the file that remembers the lines.
pub async fn prompt(mut runs: impl Runs, offer: Offer, history: Option<PathBuf>) {
    let (lines, mut typed) = mpsc::channel::<(String, oneshot::Sender<()>)>(1);
    // The terminal blocks, so it has a thread of its own. It is not joined: it may sit in a read.
    std::thread::spawn(move || read(&lines, offer, history.as_deref()));
    let interrupt = signal(SignalKind::interrupt());
    let Ok(mut interrupt) = interrupt else { return };
    while let Some((line, done)) = typed.recv().await {
        let more = tokio::select! {
            more = with_spinner(runs.run(line)) => more,
            _ = interrupt.recv() => {
                if std::io::stderr().is_terminal() {
                    eprint!("{CLEAR}");
                }
                screen(&Ok(Answer::say("cancelled")));
                true
            }
        };
        // Only then is the next line read, so that answers stand above the next prompt.
        let _ = done.send(());
        if !more {
            break;
        }
    }
    log::print_plainly();
}

/// Shows that something is at work, once it takes long.
async fn with_spinner(work: impl Future<Output = bool>) -> bool {
    let mut work = std::pin::pin!(work);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut shown = false;
    let started = tokio::time::Instant::now();
    let done = loop {
        match tokio::time::timeout(LONG, &mut work).await {
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
        Err(error) => match may_color(std::io::stderr().is_terminal()) {
            true => eprintln!("\x1b[31m{error}\x1b[0m"),
            false => eprintln!("{error}"),
        },
    }
}

/// Prints a line to standard output. Whoever closes it (`| head`) wants no more, which is no error.
pub fn print_line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Colours are for terminals whose user has not refused them (no-color.org).
fn may_color(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn read(lines: &mpsc::Sender<(String, oneshot::Sender<()>)>, offer: Offer, history: Option<&Path>) {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true);
    let editor = Editor::<Typist, FileHistory>::with_config(config.build());
    let mut editor = match editor {
        Ok(editor) => editor,
        Err(error) => return tracing::error!("no prompt: {error}"),
    };
    editor.set_helper(Some(Typist { offer, colors: may_color(std::io::stdout().is_terminal()) }));
    if let Some(history) = history {
        // There is none the first time.
        let _ = editor.load_history(history);
    }
    if let Ok(mut printer) = editor.create_external_printer() {
        log::print_with(Box::new(move |text| _ = printer.print(text)));
    }
    loop {
        match editor.readline("epivizrs> ") {
            Ok(line) => {
                if let Some(history) = history
                    && let Err(error) = editor.append_history(history)
                {
                    tracing::debug!("the line is not remembered: {error}");
                }
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

/// Helps to type: completes, and shows how the command goes on.
struct Typist {
    offer: Offer,
    colors: bool,
}

impl Helper for Typist {}
impl Validator for Typist {}

impl Completer for Typist {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = (self.offer)(&line[..at]);
        let only = found.len() == 1;
        let pair = |word: String| {
            let open = word.ends_with(['/', '=']);
            let replacement = if only && !open { format!("{word} ") } else { word.clone() };
            Pair { display: word, replacement }
        };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Hinter for Typist {
    type Hint = String;

    /// What the command that was just named takes.
    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<String> {
        let command = commands(line).last().copied()?;
        let named = at == line.len() && line.ends_with(' ') && !command.contains(' ');
        let usage = info(command).filter(|_| named)?.usage;
        usage.split_once(' ').map(|(_, arguments)| arguments.to_owned())
    }
}

impl Highlighter for Typist {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.colors {
            true => Cow::Owned(format!("\x1b[2m{hint}\x1b[0m")),
            false => Cow::Borrowed(hint),
        }
    }
}
