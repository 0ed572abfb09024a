//! TLS on the port of the endpoint, and its Unix socket. The certificates in `tls/` are
//! self-signed, for `localhost`, and used nowhere else.

use crate::support::{Files, provider};
use epivizrs::server::{Access, Keys, Limits, LocalSocket, Tls, Token, bind, router, serve_tls};
use epivizrs::session::{Role, Session};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

const ONE: [&str; 2] = [include_str!("tls/one.pem"), include_str!("tls/one.key")];
const TWO: [&str; 2] = [include_str!("tls/two.pem"), include_str!("tls/two.key")];
const DRIVE: &str = "drive-0123456789abcdef";

fn write(folder: &Path, [certificate, key]: [&str; 2]) -> [std::path::PathBuf; 2] {
    let paths = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    std::fs::write(&paths[0], certificate).unwrap();
    std::fs::write(&paths[1], key).unwrap();
    paths
}

/// Connects, trusting only this certificate; fails if the endpoint presents another.
async fn connect(address: SocketAddr, trusted: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn get<S: AsyncReadExt + AsyncWriteExt + Unpin>(mut stream: S, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // The peer may close the connection without a TLS `close_notify`.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

async fn start(tls: Option<Tls>, socket: Option<LocalSocket>) -> (SocketAddr, CancellationToken) {
    let files = Files::new();
    let session = Session::new(provider(&files).await);
    let listener = bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens = vec![Token::new("lab", Role::Drive, DRIVE, None).unwrap()];
    let access = Access::new(address, "https://epiviz.example/index.php", &[])
        .with_tls(tls.is_some())
        .with_keys(Keys { tokens, ..Keys::default() });
    let stop = CancellationToken::new();
    let (metrics, limits) = (session.metrics.clone(), Limits::default());
    let router = router(session, access, None, stop.clone());
    if let Some(socket) = socket {
        tokio::spawn(socket.serve(router.clone(), limits, stop.clone()));
    }
    tokio::spawn(serve_tls(listener, tls, router, limits, metrics, stop.clone()));
    (address, stop)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_sockets_are_served_inside_tls() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = write(folder.path(), ONE);
    let (address, stop) = start(Some(Tls::open(&certificate, &key).unwrap()), None).await;
    let info = get(connect(address, ONE[0]).await.unwrap(), "/info").await;
    assert!(info.starts_with("HTTP/1.0 200"), "{info}");
    assert!(info.contains("websocket-host[]=wss://localhost/ws"), "{info}");
    let stream = connect(address, ONE[0]).await.unwrap();
    let url = format!("ws://localhost/ws?token={DRIVE}");
    let (mut page, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let ask = r#"{"requestId":1,"type":"request","data":{"action":"getSeqInfos"}}"#;
    page.send(Message::text(ask)).await.unwrap();
    let answer = page.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(answer.contains("chr1"), "{answer}");
    // A client without TLS gets no answer, and a silent client does not block others.
    let _silent = TcpStream::connect(address).await.unwrap();
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /info HTTP/1.0\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes).await;
    assert!(!bytes.starts_with(b"HTTP"), "{bytes:?}");

    // A new certificate is used from the next connection on; a bad one is not.
    assert!(connect(address, TWO[0]).await.is_err());
    write(folder.path(), TWO);
    assert!(connect(address, TWO[0]).await.is_ok());
    assert!(connect(address, ONE[0]).await.is_err());
    write(folder.path(), [TWO[0], ONE[1]]);
    assert!(connect(address, TWO[0]).await.is_ok());
    stop.cancel();
}

/// Runs `attach` with these arguments; returns whether it succeeded, and what it printed.
async fn attach(arguments: &[String]) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_epivizrs"));
    command.args(["attach", "-c", "whoami"]).args(arguments).env("EPIVIZRS_TOKEN", DRIVE);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn consoles_attach_over_tls_and_trust_only_known_authorities() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = write(folder.path(), ONE);
    let (address, stop) = start(Some(Tls::open(&certificate, &key).unwrap()), None).await;
    let (port, other) = (address.port(), folder.path().join("other.pem"));
    std::fs::write(&other, TWO[0]).unwrap();
    let file = |path: &Path| ["--ca-file".to_owned(), path.display().to_string()];
    let with = |url: String, path: &Path| [vec![url], file(path).to_vec()].concat();
    for scheme in ["wss", "https"] {
        let url = format!("{scheme}://localhost:{port}");
        let (done, text) = attach(&with(url, &certificate)).await;
        assert!(done && text.contains("with the role"), "{text}");
    }
    let url = format!("wss://localhost:{port}");
    for arguments in [vec![url.clone()], with(url.clone(), &other)] {
        let (done, text) = attach(&arguments).await;
        assert!(!done && text.contains("invalid peer certificate"), "{text}");
        assert!(text.contains("--ca-file") && text.lines().count() == 1, "{text}");
    }
    let (done, text) = attach(&with(url, &key)).await;
    assert!(!done && text.contains("contains no PEM certificate"), "{text}");
    stop.cancel();
    // An endpoint without TLS.
    let (plain, stop) = start(None, None).await;
    let (done, text) = attach(&[format!("wss://localhost:{}", plain.port())]).await;
    assert!(!done && text.contains("ws://"), "{text}");
    stop.cancel();
}

#[test]
fn unusable_certificates_are_errors_that_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for (files, words) in [
        ([ONE[0], TWO[1]], "key.pem: it does not fit the certificate"),
        (["", ONE[1]], "cert.pem: it contains no PEM certificate"),
        ([ONE[0], "nothing"], "key.pem: "),
    ] {
        let [certificate, key] = write(folder.path(), files);
        let error = Tls::open(&certificate, &key).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("BEGIN"), "{error}");
    }
    let nowhere = folder.path().join("none");
    assert!(Tls::open(&nowhere, &nowhere).unwrap_err().to_string().contains("none: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_has_a_console_over_a_private_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("epivizrs.sock");
    let socket = LocalSocket::bind(&path).await.unwrap();
    let mode = path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let busy = LocalSocket::bind(&path).await.unwrap_err().to_string();
    assert!(busy.contains("another program listens there"), "{busy}");
    let (_, stop) = start(None, Some(socket)).await;
    let stream = UnixStream::connect(&path).await.unwrap();
    let (mut console, _) =
        tokio_tungstenite::client_async("ws://localhost/console", stream).await.unwrap();
    console.send(Message::text(r#"{"id":1,"command":"whoami"}"#)).await.unwrap();
    let answer = console.next().await.unwrap().unwrap().into_text().unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["data"]["name"], "the owner");
    // The same with `attach`.
    let url = format!("unix:{}", path.display());
    let commands = vec!["measurements".to_owned()];
    let attach = epivizrs::console::Attach { url, commands, json: true, ..Default::default() };
    epivizrs::console::attach(attach).await.unwrap();
    stop.cancel();
    while path.exists() {
        tokio::task::yield_now().await;
    }
    // A socket left behind by a killed program is replaced; other files are not.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists() && LocalSocket::bind(&path).await.is_ok());
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(LocalSocket::bind(&file).await.is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

/// A user id that is neither that of the tests nor the overflow id.
const STRANGER: &str = "54321";

#[tokio::test(flavor = "multi_thread")]
async fn another_user_has_no_console_over_the_socket() {
    let open = std::fs::Permissions::from_mode(0o755);
    let folder = tempfile::Builder::new().permissions(open).tempdir().unwrap();
    let path = folder.path().join("epivizrs.sock");
    let run_as_stranger = async |arguments: Vec<String>| {
        let mut other = std::process::Command::new("setpriv");
        other.args(["--reuid", STRANGER, "--regid", STRANGER, "--clear-groups"]);
        other.arg(env!("CARGO_BIN_EXE_epivizrs")).args(arguments).env("HOME", "/nonexistent");
        let output = tokio::task::spawn_blocking(move || other.output()).await.unwrap();
        let output = output.ok()?;
        let text = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    };
    if !run_as_stranger(vec!["--version".into()]).await.is_some_and(|(done, _)| done) {
        return eprintln!("SKIPPED: only root can be another user, with setpriv");
    }
    let socket = LocalSocket::bind(&path).await.unwrap();
    let (_, stop) = start(None, Some(socket)).await;
    let url = format!("unix:{}", path.display());
    let ask = || run_as_stranger(["attach", "-c", "whoami", &url].map(str::to_owned).to_vec());
    let (done, text) = ask().await.unwrap();
    assert!(!done && text.contains("you may not open it"), "{text}");
    // Even if somebody opens the socket for all, the other end must be the owner.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let (done, text) = ask().await.unwrap();
    assert!(!done && !text.contains("owner"), "{text}");
    stop.cancel();
}
