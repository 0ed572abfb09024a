//! Answers requests: which rows, at which level. Knows no sockets.

mod handler;
mod in_view;
mod placeholder;
mod stateless_level;
mod view;

pub use handler::{Provider, Target, wire_measurement};
pub use in_view::Shown;
pub use view::{Clear, Counts, Order, Ticket, View};
