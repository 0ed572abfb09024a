//! Where bytes are and how they are read; knows no genomics.

pub(crate) mod bgzf;
mod input;
pub(crate) mod pool;
mod progress;

pub use input::Input;
pub(crate) use input::{ReadSeek, mark, unreadable};
pub use progress::Progress;
