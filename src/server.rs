//! The rim: sockets and HTTP. The only storey that knows them.

mod access;
mod api;
mod arguments;
mod epiviz;
mod guard;
mod http;
mod info;
mod listen;
mod metrics;
mod rest;
mod sheet;
mod ui;
mod ws;

pub use access::Access;
pub use epiviz::Epiviz;
pub use info::epiviz_link;
pub use listen::{bind, run};
pub use rest::PATHS;
