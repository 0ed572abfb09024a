//! Sockets and HTTP; no other module knows them.

mod access;
mod api;
mod arguments;
mod base_path;
mod epiviz;
mod epiviz_copy;
mod guard;
mod http;
mod info;
mod listen;
mod metrics;
mod rest;
mod state;
mod table_query;
mod table_response;
mod ui;
mod ws;

pub use access::Access;
pub use base_path::BasePath;
pub use epiviz_copy::Epiviz;
pub use http::router;
pub use info::epiviz_link;
pub use listen::{bind, run, serve};
#[cfg(feature = "internals")]
pub use table_query::PATHS;
