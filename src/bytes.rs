//! Access to bytes, wherever they are; independent of genomics.

pub(crate) mod bgzf;
mod blob;
pub(crate) mod block_cache;
mod cursor;
pub(crate) mod helpers;
mod input;
pub(crate) mod memory;
mod open_files;
mod packing;
pub(crate) mod pool;
mod progress;
pub mod remote;
mod version;

pub(crate) use blob::{Blob, BlobReader, near};
pub(crate) use cursor::Cursor;
pub use input::Input;
pub(crate) use input::{ReadSeek, mark, unreadable};
pub(crate) use open_files::raise_limit;
pub use open_files::{files_closed, open_files, set_most_open_files};
pub use packing::Packing;
pub use progress::Progress;
pub(crate) use version::Version;
