//! Sets up the log of `serve`.

use super::options::{LogFormat, ServeOptions};
use crate::console::LogLines;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

impl ServeOptions {
    /// Sends log lines to standard error. The environment variable `EPIVIZRS_LOG` overrides
    /// `-v` and `-q`: a level, or several `module=level` separated by commas.
    pub(super) fn set_up_logging(&self) {
        let (own, others) = match (self.quiet, self.verbose) {
            (true, _) => (Level::ERROR, Level::ERROR),
            (_, 0) => (Level::INFO, Level::WARN),
            (_, 1) => (Level::DEBUG, Level::INFO),
            _ => (Level::TRACE, Level::TRACE),
        };
        let setting = std::env::var("EPIVIZRS_LOG").ok();
        let filter = setting.and_then(|setting| setting.parse::<Targets>().ok());
        let filter = filter
            .unwrap_or_else(|| Targets::new().with_target("epivizrs", own).with_default(others));
        let color = std::io::IsTerminal::is_terminal(&std::io::stderr())
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let lines = tracing_subscriber::fmt::layer().with_writer(LogLines);
        let lines = match self.log_format {
            LogFormat::Json => lines.json().boxed(),
            LogFormat::Text => lines.with_ansi(color).with_target(false).without_time().boxed(),
        };
        tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    }
}
