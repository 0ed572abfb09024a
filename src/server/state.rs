//! What the handlers of requests share.

use super::access::Access;
use super::epiviz_copy::Epiviz;
use super::limits::{ConnectionSlot, Limits};
use super::peer::Peer;
use crate::session::Session;
use axum::http::Extensions;
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

/// What requests know of the connection that they came by; it is among their extensions.
#[derive(Clone, Default)]
pub(super) struct Connection {
    /// The tasks of all connections, which are waited for at the end: a connection that becomes a
    /// WebSocket goes on in a task of its own.
    pub(super) tasks: TaskTracker,
    pub(super) limits: Limits,
    /// Held as long as the connection is there; none in an application of somebody else.
    pub(super) place: Option<Arc<ConnectionSlot>>,
    /// Where it comes from; none in an application of somebody else.
    pub(super) peer: Option<Peer>,
}

impl Connection {
    /// That of a request; an application of somebody else gives none.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }
}
