//! The prompt: commands in, short answers out.

mod command;
mod prompt;
mod run;

pub use command::{COMMANDS, Command};
pub use prompt::prompt;
pub use run::run;
