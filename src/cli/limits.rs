//! Options that limit the resources that clients may use.

use crate::catalog::RequestLimits;
use crate::server::Limits;
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
}

impl LimitOptions {
    /// Returns the limits on a single request.
    pub(super) fn of_requests(&self) -> RequestLimits {
        RequestLimits::new(self.max_rows, self.max_names)
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
    use clap::{Command, FromArgMatches};

    #[test]
    fn the_defaults_are_those_of_the_server() {
        let command = LimitOptions::augment_args(Command::new("x"));
        let options = LimitOptions::from_arg_matches(&command.get_matches_from(["x"])).unwrap();
        assert_eq!(options.limits(), Limits::default());
        let (own, default) = (options.of_requests(), RequestLimits::default());
        assert_eq!((own.rows, own.names), (default.rows, default.names));
    }
}
