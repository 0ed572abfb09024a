//! A genomic data provider for the EpiViz browser.
//!
//! The storeys, each importing only from those below it:
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`server`] | sockets and HTTP |
//! | [`console`] | commands: at the prompt, from scripts, from other terminals |
//! | [`session`] | connected pages and what they share |
//! | [`store`] | what is kept on disk: workspaces, sessions |
//! | [`provider`] | requests to replies, and the level each page is on |
//! | [`catalog`] | datasources by id, the one door to blocking work |
//! | [`protocol`] | the pages' language: types and JSON |
//! | [`source`] | files and generators that yield rows |
//! | [`bytes`] | where bytes are and how they are read |
//! | [`genome`], [`table`], [`error`] | sequences and regions, columns, errors |

pub mod bytes;
pub mod catalog;
pub mod cli;
pub mod console;
pub mod error;
pub mod genome;
pub mod protocol;
pub mod provider;
pub mod server;
pub mod session;
pub mod source;
pub mod store;
pub mod table;
