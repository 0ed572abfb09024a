//! Binds, accepts connections, and shuts down.

use super::access::Access;
use super::epiviz_copy::Epiviz;
use super::http::router;
use super::limits::{Connected, Limits};
use super::peer::Peer;
use super::state::Connection;
use super::tls::Tls;
use crate::error::{Error, Result};
use crate::session::{Metrics, Session};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long replies that are being sent, and close frames, may take during the shutdown.
const SHUTDOWN_TIME: Duration = Duration::from_secs(5);
/// How long it may take after that until all connections are closed.
const MARGIN: Duration = Duration::from_secs(1);
/// How many refused connections get an answer at a time; others are closed at once.
const MAX_REFUSALS: usize = 64;
/// How long this answer may take.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// How long to wait after a connection could not be accepted because the system lacks a resource,
/// usually file handles.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Binds a host and port; port 0 means any free port.
///
/// # Errors
/// [`Error::Input`] with the remedy if the port is in use or not permitted.
pub async fn bind(host: &str, port: u16) -> Result<TcpListener> {
    TcpListener::bind((host, port)).await.map_err(|error| {
        Error::Input(match error.kind() {
            ErrorKind::AddrInUse => {
                format!("port {port} is in use; choose another with --port, or --port 0 for any")
            }
            ErrorKind::PermissionDenied => {
                format!("port {port} needs privileges; choose one above 1023 with --port")
            }
            _ => format!("cannot listen on {host}:{port}: {error}"),
        })
    })
}

/// Serves a session at the root until `stop` is cancelled, as [`serve`] does. A copy of EpiViz is
/// served at `/epiviz/`.
///
/// # Errors
/// Currently none: a connection that cannot be accepted is logged.
pub async fn run(
    listener: TcpListener,
    session: Arc<Session>,
    access: Access,
    epiviz: Option<Epiviz>,
    stop: CancellationToken,
) -> Result<()> {
    let metrics = session.metrics.clone();
    let router = router(session, access, epiviz, stop.clone());
    serve_limited(listener, router, Limits::default(), metrics, stop).await;
    Ok(())
}

/// Serves a router until `stop` is cancelled. Then it closes the listener, lets replies that are
/// being sent take up to five seconds, and sends each WebSocket a close frame. It returns soon
/// after that time, whatever clients do.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve_limited(listener, router, Limits::default(), Arc::default(), stop).await;
}

/// As [`serve`], with other limits; `metrics` count how often they are reached.
pub async fn serve_limited(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    serve_tls(listener, None, router, limits, metrics, stop).await;
}

/// As [`serve_limited`], with TLS if there is any.
pub async fn serve_tls(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    limits: Limits,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let tls = tls.map(Arc::new);
    let (tasks, connected, refusing) = (TaskTracker::new(), Connected::default(), refusal());
    let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener)).await {
        match accepted {
            Ok((stream, peer)) => {
                let place = connected.slot(peer.ip(), &limits, &metrics).map(Arc::new);
                // The user is determined before anything is read: a peer that has left has none.
                let own = stream.local_addr();
                let from = own.map_or(Peer::Away, |own| Peer::of(peer, own));
                let connection =
                    Connection { tasks: tasks.clone(), limits, place, peer: Some(from) };
                let (peer, stop) = (ConnectInfo(peer), stop.clone());
                if connection.place.is_some() {
                    let talk = talk(stream, tls.clone(), peer, connection, router.clone(), stop);
                    tasks.spawn(talk);
                } else if let Ok(permit) = refusals.clone().try_acquire_owned() {
                    let router = refusing.clone();
                    let refused = talk(stream, tls.clone(), peer, connection, router, stop);
                    tasks.spawn(async move {
                        let _ = tokio::time::timeout(REFUSAL_TIME, refused).await;
                        drop(permit);
                    });
                }
            }
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }
    drop(listener);
    wait_for(&tasks).await;
}

/// Waits until the connections have ended, but not for ever.
pub(super) async fn wait_for(tasks: &TaskTracker) {
    tasks.close();
    // All connections end within this time; those that do not are abandoned.
    if tokio::time::timeout(SHUTDOWN_TIME + MARGIN, tasks.wait()).await.is_err() {
        tracing::warn!("{} connections did not close in time", tasks.len());
    }
}

/// Returns the router that refuses connections beyond the limits.
fn refusal() -> Router {
    let headers = [(header::CONNECTION, "close"), (header::RETRY_AFTER, "10")];
    let why = "too many connections; see --max-connections\n";
    let answer = (StatusCode::SERVICE_UNAVAILABLE, headers, why);
    Router::new().fallback(async move || answer)
}

/// Accepts the next connection, with Nagle's algorithm disabled: otherwise the second of two
/// answers would wait for the page's acknowledgement of the first, which takes 40 ms.
async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // This fails only if the peer has left, which reading will detect.
                let _ = stream.set_nodelay(true);
                return Ok((stream, peer));
            }
            // The peer left before the connection was accepted.
            Err(error) if is_of_peer(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_of_peer(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// As [`converse`], inside TLS if there is any.
async fn talk(
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    peer: ConnectInfo<SocketAddr>,
    connection: Connection,
    router: Router,
    stop: CancellationToken,
) {
    let Some(tls) = tls else { return converse(stream, peer, connection, router, stop).await };
    let greeting = tls.acceptor().accept(stream);
    let greeting = tokio::time::timeout(connection.limits.request_time, greeting);
    match stop.run_until_cancelled(greeting).await {
        Some(Ok(Ok(stream))) => converse(stream, peer, connection, router, stop).await,
        Some(Ok(Err(error))) => tracing::debug!("{} did not speak TLS: {error}", peer.0),
        Some(Err(_)) => tracing::debug!("{} did not finish the TLS handshake", peer.0),
        None => {}
    }
}

/// Answers the requests of one connection, until it ends or becomes a WebSocket.
pub(super) async fn converse<S>(
    stream: S,
    peer: ConnectInfo<SocketAddr>,
    connection: Connection,
    router: Router,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = connection.limits;
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(connection.clone());
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_time)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(SHUTDOWN_TIME, connection).await {
                Ok(ended) => ended,
                Err(_) => return tracing::debug!("the connection of {} was closed by force", peer.0),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("the connection of {} ended: {error}", peer.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_messages_are_sent_at_once() {
        let listener = bind("127.0.0.1", 0).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (_client, accepted) = tokio::join!(client, accept(&listener));
        assert!(accepted.unwrap().0.nodelay().unwrap());
    }
}
