//! Commands, from the prompt, from scripts and from other terminals.

mod answer;
mod attach;
mod charts;
mod command;
mod commands;
mod complete;
mod computed;
mod data;
mod describe;
mod events;
mod files;
mod help;
mod log;
mod navigation;
mod pages;
mod plot;
mod prompt;
mod remote;
mod run;
mod script;
mod settings;
mod state;
mod tokenizer;
mod workspaces;

pub use answer::{Answer, to_json};
pub use attach::{Attach, attach};
#[cfg(feature = "internals")]
pub use commands::COMMANDS;
pub use complete::complete;
pub use computed::described;
pub use describe::describe;
pub use events::follow;
pub use files::AllowedFiles;
pub use help::two_columns;
pub use log::{LogLines, print_with};
pub use prompt::{LineRunner, print_line, prompt, screen};
pub use remote::serve;
pub use run::Ending;
pub use state::Console;
