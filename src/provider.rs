//! Answers requests with rows at a suitable level. Knows nothing about sockets.

mod handler;
mod in_view;
mod menus;
mod placeholder;
mod view;

pub use handler::Provider;
pub use in_view::Visibility;
pub use menus::wire_measurement;
pub use view::{Clear, Order, Ticket, View};
