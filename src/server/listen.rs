//! Binds, accepts connections, and ends cleanly.

use super::access::Access;
use super::epiviz::Epiviz;
use super::http::{Door, router};
use crate::error::{Error, Result};
use crate::session::Session;
use axum::Router;
use axum::extract::ConnectInfo;
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
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long replies that are being sent, and close frames, may take once the endpoint is to end.
const FINISH: Duration = Duration::from_secs(5);
/// What it may take beyond that until all is cut.
const MARGIN: Duration = Duration::from_secs(1);
/// How long a peer may take to send the head of a request, counted from when it connects or from
/// the end of its last request.
const HEAD: Duration = Duration::from_secs(30);
/// After a connection could not be accepted because the system lacks something (mostly file
/// handles), before the next is tried.
const PAUSE: Duration = Duration::from_millis(200);

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

/// Serves until `stop` is cancelled, and brings to the pages what is built in the background. A
/// copy of EpiViz is served at `/epiviz/`.
///
/// Then nobody is accepted any more, replies that are being sent may take five seconds, and each
/// WebSocket gets a close frame. Soon after that time it returns, whatever peers do.
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
    let (pages, connections) = (TaskTracker::new(), TaskTracker::new());
    let following = session.clone();
    let follower = tokio::spawn(async move { following.follow_making().await });
    let door = Door { session, access, epiviz, pages: pages.clone(), stop: stop.clone() };
    let router = router(door);
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener)).await {
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(converse(stream, peer, router.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }
    drop(listener);
    follower.abort();
    connections.close();
    pages.close();
    let all = async { tokio::join!(connections.wait(), pages.wait()) };
    // Each ends by itself within that time; one that does not is no reason to stay.
    if tokio::time::timeout(FINISH + MARGIN, all).await.is_err() {
        tracing::warn!("{} connections did not end", connections.len() + pages.len());
    }
    Ok(())
}

/// The next connection. Small messages are sent at once: with Nagle's algorithm the second of two
/// answers would wait for the page's acknowledgement of the first, which takes 40 ms.
async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // It fails only if the peer has left, which reading will tell.
                let _ = stream.set_nodelay(true);
                return Ok((stream, peer));
            }
            // The peer has left before it was accepted.
            Err(error) if is_of_peer(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_of_peer(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers the requests of one connection, until it ends or becomes a WebSocket.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(FINISH, connection).await {
                Ok(ended) => ended,
                Err(_) => return tracing::debug!("the connection of {peer} was cut"),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("the connection of {peer} ended: {error}");
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
