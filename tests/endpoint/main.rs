//! The endpoint as pages, browsers, scripts and consoles meet it: over sockets, over HTTP, and as
//! the program that a user starts. One area: `cargo test --test endpoint wire::`.

mod background;
mod cli;
mod console;
mod fake_page;
mod hostile;
mod http;
mod replay;
mod script;
mod session;
mod support;
mod visitors;
mod wire;
