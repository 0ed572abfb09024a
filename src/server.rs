//! The rim: sockets and HTTP. The only storey that knows them.

mod access;
mod http;
mod info;
mod listen;
mod ui;
mod ws;

pub use access::Access;
pub use info::epiviz_link;
pub use listen::{bind, run};
