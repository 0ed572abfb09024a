//! A genomic data provider for the EpiViz browser.
//!
//! The program is `epivizrs`. The library serves your own sources: implement [`Source`], add it to a
//! [`Catalog`], and [`run`] a server with it, or mount its [`router`] in an axum application at any
//! path. `examples/own_source.rs` does both in seventy lines.
//!
//! The modules; each imports only from those below it:
//!
//! | module | content |
//! |---|---|
//! | `cli` | the command line |
//! | `server` | sockets and HTTP |
//! | `console` | commands from the prompt, scripts and other terminals |
//! | `session` | connected pages and the state that they share |
//! | `store` | workspaces and sessions on disk |
//! | `provider` | answers requests; the level of each page |
//! | `stream` | numbered records, and subscriptions to them |
//! | `catalog` | the served datasources; the only way to call blocking code |
//! | `protocol` | the protocol of pages: types and JSON |
//! | `source` | files and generators that yield rows |
//! | `bytes` | locations of bytes, and reading them |
//! | `genome`, `table`, `color`, `error` | sequences and regions, columns, colours, errors |
//! | `private` | files that only their owner can read |
//!
//! They are private, so that the compiler finds unused code. Tests and benches of this package access
//! them with the feature `internals`, which nothing else should enable.

mod color;

// Modules are listed twice because an attribute cannot change the visibility.
#[cfg(not(feature = "internals"))]
mod bytes;
#[cfg(not(feature = "internals"))]
mod catalog;
#[cfg(not(feature = "internals"))]
mod cli;
#[cfg(not(feature = "internals"))]
mod console;
#[cfg(not(feature = "internals"))]
mod error;
#[cfg(not(feature = "internals"))]
mod genome;
mod private;
#[cfg(not(feature = "internals"))]
mod protocol;
#[cfg(not(feature = "internals"))]
mod provider;
#[cfg(not(feature = "internals"))]
mod server;
#[cfg(not(feature = "internals"))]
mod session;
#[cfg(not(feature = "internals"))]
mod source;
#[cfg(not(feature = "internals"))]
mod store;
#[cfg(not(feature = "internals"))]
mod stream;
#[cfg(not(feature = "internals"))]
mod table;

#[cfg(feature = "internals")]
pub mod bytes;
#[cfg(feature = "internals")]
pub mod catalog;
#[cfg(feature = "internals")]
pub mod cli;
#[cfg(feature = "internals")]
pub mod console;
#[cfg(feature = "internals")]
pub mod error;
#[cfg(feature = "internals")]
pub mod genome;
#[cfg(feature = "internals")]
pub mod protocol;
#[cfg(feature = "internals")]
pub mod provider;
#[cfg(feature = "internals")]
pub mod server;
#[cfg(feature = "internals")]
pub mod session;
#[cfg(feature = "internals")]
pub mod source;
#[cfg(feature = "internals")]
pub mod store;
#[cfg(feature = "internals")]
pub mod stream;
#[cfg(feature = "internals")]
pub mod table;

pub use catalog::Catalog;
pub use error::{Error, Result};
pub use genome::{Region, Sequence, Sequences, Strand};
pub use provider::Provider;
pub use server::{Access, BasePath, Epiviz, bind, router, run, serve};
pub use session::Session;
pub use source::{ColumnInfo, ColumnKind, Context, Level, Options, Shape, Source, Spec};
pub use table::{Column, Data, Table, Texts};

/// Runs the program with the arguments of this process; see `epivizrs --help`.
#[doc(hidden)]
pub fn main() -> std::process::ExitCode {
    cli::run()
}
