//! The command line, and what it sets in motion.

mod demo;
mod errand;
mod install;
mod open;
mod options;
mod progress;
mod serve;

pub use install::Install;
pub use options::{Cli, LogFormat, Options, Task};
pub use serve::serve;
