//! Answers requests with rows at a suitable level. Knows nothing about sockets.

mod handler;
mod in_view;
mod placeholder;
mod view;

pub use handler::{Provider, wire_measurement};
pub use in_view::Shown;
pub use view::{Clear, Order, Ticket, View};
