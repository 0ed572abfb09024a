//! Options that limit the resources that clients may use.

use crate::catalog::RequestLimits;
use crate::server::Limits;
use crate::session::{PageLimits, ReplyBudget};
use clap::{Args, value_parser};
use std::time::Duration;

/// Options that limit the resources that clients may use.
#[derive(Debug, Args)]
pub struct LimitOptions {
    /// Maximum number of concurrent connections
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub max_connections: usize,
    /// Maximum number of concurrent connections from one address other than this machine's
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub max_connections_per_address: usize,
    /// How long a client may take to send the head of an HTTP request, and again for its body, in
    /// seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=86_400))]
    pub request_timeout: u64,
    /// How long a WebSocket may be idle before its client is pinged, in seconds; it is closed if
    /// two pings are not answered
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=86_400))]
    pub ping_interval: u64,
    /// Maximum number of rows in an answer
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = value_parser!(u64).range(1_000..))]
    pub max_rows: u64,
    /// Maximum number of names of datasources, measurements and columns in a request, each counted
    /// once
    #[arg(long, default_value_t = 4096, value_name = "N")]
    pub max_names: usize,
    /// Maximum number of hits of a search
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = value_parser!(u32).range(1..=10_000))]
    pub max_hits: u32,
    /// Maximum size of a message or of the body of a request, in MiB
    #[arg(long, default_value_t = 4, value_name = "MIB", value_parser = value_parser!(u32).range(1..=64))]
    pub max_message: u32,
    /// Maximum depth of the JSON in a message
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = value_parser!(u32).range(8..=100))]
    pub max_depth: u32,
    /// Maximum number of requests of a page that are answered at the same time; more wait
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000))]
    pub max_page_requests: u32,
    /// Maximum number of commands that wait for the answer of one page
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = value_parser!(u32).range(16..))]
    pub max_page_calls: u32,
    /// Memory for answers that have not been sent yet, of all pages together, in MiB
    #[arg(long, default_value_t = 256, value_name = "MIB", value_parser = value_parser!(u32).range(1..=65_536))]
    pub max_reply_memory: u32,
    /// Maximum number of files that are open at the same time; default: most of what the system
    /// allows
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub max_open_files: Option<u32>,
    /// Size of the cache folder, in MiB; what was not used for longest is removed
    #[arg(long, default_value_t = 20_480, value_name = "MIB", value_parser = value_parser!(u64).range(1..))]
    pub cache_size: u64,
}

impl LimitOptions {
    /// Returns the limits on a single request.
    pub(super) fn of_requests(&self) -> RequestLimits {
        RequestLimits::new(self.max_rows, self.max_names).with_hits(self.max_hits as usize)
    }

    /// Returns the limits on a single page.
    pub(super) fn of_pages(&self) -> PageLimits {
        PageLimits {
            message: (self.max_message as usize) << 20,
            depth: self.max_depth as usize,
            requests: self.max_page_requests as usize,
            calls: self.max_page_calls as usize,
        }
    }

    /// Returns the memory of answers.
    pub(super) fn replies(&self) -> ReplyBudget {
        ReplyBudget::new((self.max_reply_memory as usize) << 20)
    }

    /// Returns the size of the cache folder in bytes.
    pub(super) fn cache_bytes(&self) -> u64 {
        self.cache_size.saturating_mul(1 << 20)
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            connections: self.max_connections,
            per_address: self.max_connections_per_address,
            request_time: Duration::from_secs(self.request_timeout),
            ping_interval: Duration::from_secs(self.ping_interval),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Context;
    use clap::{Command, FromArgMatches};

    #[test]
    fn the_defaults_are_those_of_the_server() {
        let command = LimitOptions::augment_args(Command::new("x"));
        let options = LimitOptions::from_arg_matches(&command.get_matches_from(["x"])).unwrap();
        assert_eq!(options.limits(), Limits::default());
        let (own, default) = (options.of_requests(), RequestLimits::default());
        assert_eq!((own.rows, own.names, own.hits), (default.rows, default.names, default.hits));
        assert_eq!(options.of_pages(), PageLimits::default());
        assert_eq!(options.replies().share(), ReplyBudget::default().share());
        assert_eq!(options.cache_bytes(), Context::default().cache_bytes);
    }
}
