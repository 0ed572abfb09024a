//! Binds, serves, and ends cleanly.

use super::access::Access;
use super::epiviz::Epiviz;
use super::http::{Door, router};
use crate::error::{Error, Result};
use crate::session::Session;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long connected pages may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

/// Binds a host and port; port 0 takes any that is free.
///
/// # Errors
/// [`Error::Input`] with the remedy if the port is taken or may not be used.
pub async fn bind(host: &str, port: u16) -> Result<TcpListener> {
    TcpListener::bind((host, port)).await.map_err(|error| {
        Error::Input(match error.kind() {
            ErrorKind::AddrInUse => {
                format!("port {port} is in use; choose another with --port, or --port 0 for any")
            }
            ErrorKind::PermissionDenied => {
                format!("port {port} may not be used; choose one above 1023 with --port")
            }
            _ => format!("cannot listen on {host}:{port}: {error}"),
        })
    })
}

/// Serves, and brings to the pages what is made in the background, until `stop` is cancelled; then closes every page's socket with a close frame. A copy of
/// EpiViz is served at `/epiviz/`.
///
/// # Errors
/// [`Error::Io`] if the listener fails.
pub async fn run(
    listener: TcpListener,
    session: Arc<Session>,
    access: Access,
    epiviz: Option<Epiviz>,
    stop: CancellationToken,
) -> Result<()> {
    let pages = TaskTracker::new();
    let following = session.clone();
    let follower = tokio::spawn(async move { following.follow_making().await });
    let door = Door { session, access, epiviz, pages: pages.clone(), stop: stop.clone() };
    let service = router(door).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
    let served = served.await;
    follower.abort();
    served.map_err(|error| Error::io("the listening socket".as_ref(), error))?;
    pages.close();
    if tokio::time::timeout(GOODBYE, pages.wait()).await.is_err() {
        tracing::warn!("some pages did not say goodbye");
    }
    Ok(())
}
