//! Answers requests: which rows, at which level. Knows no sockets.

mod handler;
mod in_view;
mod placeholder;
mod view;

pub use handler::{Provider, wire_measurement};
pub use in_view::Shown;
pub use view::{Clear, Order, Ticket, View};
