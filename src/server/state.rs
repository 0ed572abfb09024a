//! What the handlers of requests share.

use super::access::Access;
use super::epiviz_copy::Epiviz;
use crate::session::Session;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The state of the endpoint, of which each handler gets a copy.
#[derive(Clone)]
pub(super) struct AppState {
    pub(super) session: Arc<Session>,
    pub(super) access: Access,
    /// The copy of EpiViz to serve, if there is one.
    pub(super) epiviz: Option<Epiviz>,
    /// Cancelled when the endpoint is to end.
    pub(super) stop: CancellationToken,
}

/// The tasks of all connections, which are waited for at the end. Each request has them among its
/// extensions: a connection that becomes a WebSocket goes on in a task of its own.
#[derive(Clone, Default)]
pub(super) struct Connections(pub(super) TaskTracker);
