//! Sockets and HTTP; no other module deals with them.

mod access;
mod api;
mod arguments;
mod base_path;
mod cells;
mod changes;
mod encoding;
mod epiviz;
mod epiviz_copy;
mod guard;
mod hello;
mod http;
mod info;
mod keep_alive;
mod keys;
mod limits;
mod listen;
mod local;
mod metrics;
mod npz;
mod peer;
mod rest;
mod state;
mod stream;
mod table_query;
mod table_response;
mod tls;
mod ui;
mod visitors;
mod ws;

pub use access::Access;
pub use base_path::BasePath;
#[cfg(feature = "internals")]
pub use changes::CHANGES;
pub use epiviz_copy::Epiviz;
pub use http::router;
pub use info::epiviz_link;
pub use keys::{Keys, Proxy, Token, user_id};
pub use limits::Limits;
#[cfg(feature = "internals")]
pub use listen::serve_limited;
pub use listen::{bind, run, serve, serve_tls};
pub use local::LocalSocket;
pub use peer::knows_users;
#[cfg(feature = "internals")]
pub use table_query::PATHS;
pub use tls::Tls;
