//! What one page, or one console, may ask for at most.

/// Limits on the messages of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// Maximum size of a message, in bytes; the largest are workspaces, with some hundred kilobytes.
    pub message: usize,
    /// Maximum depth of the JSON in a message.
    pub depth: usize,
    /// Maximum number of requests that are answered concurrently; more wait in the page's socket.
    pub requests: usize,
    /// Maximum number of calls to a page that it has not answered.
    pub calls: usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        PageLimits { message: 4 << 20, depth: 64, requests: 32, calls: 256 }
    }
}
