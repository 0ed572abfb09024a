//! `--socket`: serves the endpoint on a Unix socket, for programs of the same user.

use super::limits::Limits;
use super::listen::{PAUSE, converse, wait_for};
use super::peer::{Peer, own_user};
use super::state::Connection;
use crate::error::{Error, Result};
use axum::Router;
use axum::extract::ConnectInfo;
use std::fs::Permissions;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A Unix socket at a path, which is removed at the end.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket at the path.
    id: (u64, u64),
}

/// Returns the device and inode of the socket at a path.
fn id(path: &Path) -> std::io::Result<(u64, u64)> {
    path.symlink_metadata().map(|found| (found.dev(), found.ino()))
}

impl LocalSocket {
    /// Listens at a path, replacing a socket left there by a program that has ended.
    ///
    /// # Errors
    /// [`Error::Input`] if another program listens there, or the path is not a socket.
    pub async fn bind(path: &Path) -> Result<Self> {
        let name = path.display();
        match path.symlink_metadata() {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(Error::Input(format!(
                    "--socket {name}: a file that is not a socket is there; choose another path"
                )));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(Error::Input(format!(
                    "--socket {name}: another program listens there; choose another path"
                )));
            }
            Ok(_) => std::fs::remove_file(path).map_err(|error| Error::io(path, error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(path, error)),
        }
        let listener = UnixListener::bind(path).map_err(|error| Error::io(path, error))?;
        let private = std::fs::set_permissions(path, Permissions::from_mode(0o600));
        private.map_err(|error| Error::io(path, error))?;
        let id = id(path).map_err(|error| Error::io(path, error))?;
        Ok(LocalSocket { listener, path: path.to_owned(), id })
    }

    /// Serves a router until `stop` is cancelled, like [`super::serve`].
    pub async fn serve(self, router: Router, limits: Limits, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        // Clients of a Unix socket have no network address.
        let address = ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    // Rejects other users who connected before the socket became private.
                    let user = stream.peer_cred().map(|peer| peer.uid()).ok();
                    if user != Some(own_user()) {
                        tracing::warn!("refused another user at {}", self.path.display());
                        continue;
                    }
                    let peer = Some(Peer::Here(user));
                    let connection = Connection { tasks: tasks.clone(), limits, place: None, peer };
                    let (router, stop) = (router.clone(), stop.clone());
                    tasks.spawn(converse(stream, address, connection, router, stop));
                }
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                }
            }
        }
        // Another program may have replaced the socket.
        if id(&self.path).is_ok_and(|id| id == self.id) {
            let _ = std::fs::remove_file(&self.path);
        }
        wait_for(&tasks).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_its_own_socket_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let stop = CancellationToken::new();
        stop.cancel();
        let serve =
            |socket: LocalSocket| socket.serve(Router::new(), Limits::default(), stop.clone());
        serve(LocalSocket::bind(&path).await.unwrap()).await;
        assert!(!path.exists());
        let replaced = LocalSocket::bind(&path).await.unwrap();
        std::fs::rename(&path, folder.path().join("aside")).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        serve(replaced).await;
        assert!(path.exists());
    }
}
