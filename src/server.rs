//! The rim: sockets and HTTP. The only storey that knows them.

mod access;
mod http;
mod listen;
mod ws;

pub use access::Access;
pub use listen::{bind, run};
