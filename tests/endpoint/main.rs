//! Tests the endpoint from the outside: over WebSockets, over HTTP, and as the program that a user
//! starts. To run one area: `cargo test --test endpoint wire::`.

mod background;
mod cli;
mod computed;
mod console;
mod fake_page;
mod hostile;
mod http;
mod limits;
mod prompt;
mod pushed;
mod replay;
mod script;
mod session;
mod streams;
mod support;
#[path = "../formats/tabix.rs"]
#[allow(dead_code)]
mod tabix;
mod tls;
mod visitors;
mod watch;
mod wire;
