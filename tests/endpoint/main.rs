//! The endpoint as pages, browsers, scripts and consoles meet it: over sockets, over HTTP, and as
//! the program that a user starts. One area: `cargo test --test endpoint wire::`.

mod cli;
mod console;
mod fake_page;
mod hostile;
mod http;
mod making;
mod replay;
mod script;
mod session;
mod support;
#[path = "../formats/tabix.rs"]
#[allow(dead_code)]
mod tabix;
mod tls;
mod visitors;
mod watch;
mod wire;
