//! Helpers of the tests: a running endpoint and a client.

use epivizrs::catalog::Catalog;
use epivizrs::provider::Provider;
use epivizrs::server::{Access, bind, run};
use epivizrs::session::Session;
use epivizrs::source::Spec;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

/// A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Small files of every kind of datasource.
pub(crate) struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "peaks.bed",
            "chr1\t999\t1100\tp1\t5\t+\nchr1\t1999\t2100\tp2\t7.5\t-\n2\t0\t10\tp3\t1\t.\n",
        );
        write(
            "genes.gtf",
            "chr1\tx\tgene\t1001\t2000\t.\t-\t.\tgene_id \"E1\"; gene_name \"TP53\"; db_xref \"GeneID:7157\";\n\
             chr1\tx\texon\t1001\t1100\t.\t-\t.\tgene_id \"E1\";\n\
             chr1\tx\texon\t1901\t2000\t.\t-\t.\tgene_id \"E1\";\n\
             chr1\tx\tgene\t5001\t6000\t.\t+\t.\tgene_id \"E2\"; gene_name \"TP53I3\";\n",
        );
        Files { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn specs(&self) -> Vec<Spec> {
        ["genes.gtf", "peaks.bed"].map(|name| Spec::file(self.path(name))).into()
    }
}

/// Returns a provider with the files and the mock data.
pub(crate) async fn provider(files: &Files) -> Provider {
    let assembly = [("chr1", 1_000_000), ("chr2", 500_000)].into_iter().collect();
    let catalog = Catalog::new(Some(("test".into(), assembly)));
    let (_, errors) = catalog.load(files.specs()).await;
    assert!(errors.is_empty(), "{errors:?}");
    catalog.add_mock(1);
    Provider { catalog, page_rows: 20 }
}

/// A running endpoint, stopped when dropped.
pub(crate) struct Endpoint {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) session: Arc<Session>,
    pub(crate) stop: CancellationToken,
    pub(crate) served: Option<tokio::task::JoinHandle<()>>,
    _files: Files,
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let files = Files::new();
        let session = Session::new(provider(&files).await);
        let listener = bind("127.0.0.1", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let access = Access::new(address, "https://epiviz.example/index.php", &[]);
        let stop = CancellationToken::new();
        let serving = run(listener, session.clone(), access, None, stop.clone());
        let served = tokio::spawn(async { serving.await.unwrap() });
        Endpoint { address, session, stop, served: Some(served), _files: files }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(&format!("ws://{}/ws", self.address)).await
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A minimal page.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Answers that arrived while the test waited for another one.
    early: BTreeMap<u64, Value>,
}

impl Client {
    pub(crate) async fn connect(url: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Client { socket, early: BTreeMap::new() }
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn send(&mut self, id: u64, data: Value) {
        let message = json!({"requestId": id, "type": "request", "data": data});
        self.send_text(message.to_string()).await;
    }

    /// Returns the next JSON message or close frame.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.unwrap();
            match message.expect("the connection ended").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    pub(crate) async fn next_json(&mut self) -> Value {
        serde_json::from_str(self.next().await.to_text().unwrap()).unwrap()
    }

    /// Returns the next action that the endpoint requests, except requests for the page's location.
    pub(crate) async fn next_action(&mut self) -> Value {
        loop {
            let message = self.next_json().await;
            if message["type"] == "request" && message["data"]["action"] != "getCurrentLocation" {
                return message;
            }
        }
    }

    /// Returns the answer to a request; ignores requests of the endpoint.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(data) = self.early.remove(&id) {
                return data;
            }
            let message = self.next_json().await;
            if let (true, Some(id)) = (message["type"] == "response", message["requestId"].as_u64())
            {
                self.early.insert(id, message["data"].clone());
            }
        }
    }

    pub(crate) async fn ask(&mut self, id: u64, data: Value) -> Value {
        self.send(id, data).await;
        self.answer(id).await
    }
}
