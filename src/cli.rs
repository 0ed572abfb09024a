//! The command line, and what it sets in motion.

mod demo;
mod open;
mod options;
mod progress;
mod serve;

pub use options::{Cli, LogFormat, Options};
pub use serve::serve;
