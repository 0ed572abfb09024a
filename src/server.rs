//! The rim: sockets and HTTP. The only storey that knows them.

mod access;
mod api;
mod arguments;
mod guard;
mod http;
mod listen;
mod metrics;
mod rest;
mod sheet;
mod ws;

pub use access::Access;
pub use listen::{bind, run};
