//! State that the request handlers share.

use super::access::Access;
use super::epiviz_copy::Epiviz;
use super::limits::{ConnectionSlot, Limits};
use super::peer::Peer;
use crate::session::Session;
use axum::http::Extensions;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The state of the endpoint; each handler gets a copy.
#[derive(Clone)]
pub(super) struct AppState {
    pub(super) session: Arc<Session>,
    pub(super) access: Access,
    /// The copy of EpiViz to serve, if there is one.
    pub(super) epiviz: Option<Epiviz>,
    /// Cancelled when the endpoint shuts down.
    pub(super) stop: CancellationToken,
}

/// The connection of a request, stored in the request's extensions.
#[derive(Clone, Default)]
pub(super) struct Connection {
    /// The tasks of all connections, which the shutdown waits for: a connection that becomes a
    /// WebSocket continues in a separate task.
    pub(super) tasks: TaskTracker,
    pub(super) limits: Limits,
    /// Held as long as the connection exists; `None` in another application.
    pub(super) place: Option<Arc<ConnectionSlot>>,
    /// The origin of the connection; `None` in another application.
    pub(super) peer: Option<Peer>,
}

impl Connection {
    /// Returns the connection of a request; in another application, the default.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }
}
