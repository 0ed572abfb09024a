//! `epivizrs attach`: a console for an endpoint in another process.

mod tls;

use super::answer::Answer;
use super::log;
use super::prompt::{LineRunner, print_line, prompt, screen};
use crate::error::{Error, Result};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

/// How long completion waits for the endpoint.
const COMPLETION_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_PORT: u16 = 8888;

/// The endpoint to attach to, and what to run there.
#[derive(Debug, Default)]
pub struct Attach {
    /// The endpoint: `HOST:PORT`, a `ws:`, `wss:`, `http:` or `https:` address of it, or
    /// `unix:PATH`.
    pub url: String,
    /// Commands to run; if empty and there is no script, a prompt opens.
    pub commands: Vec<String>,
    /// A script, and its name for messages.
    pub script: Option<(String, PathBuf)>,
    /// Whether to print lines of JSON.
    pub json: bool,
    /// Whether to stay connected after the commands and print events.
    pub stay: bool,
    /// Whether to continue after errors.
    pub keep_going: bool,
    /// The file in which typed lines are saved.
    pub history: Option<PathBuf>,
    /// The token that lets in, if one is needed.
    pub token: Option<String>,
    /// A PEM file with further authorities whose certificates are trusted.
    pub ca_file: Option<PathBuf>,
}

/// Runs commands on an endpoint in another process.
///
/// # Errors
/// [`Error::Input`] for an invalid address, [`Error::Io`] if the connection fails, or the error of
/// the first command that failed.
pub async fn attach(what: Attach) -> Result<()> {
    let mut line = AttachedPrompt::connect(&what).await?;
    if let Some((text, name)) = &what.script {
        for (number, command) in text.lines().enumerate() {
            let ended = line.command(command.to_owned()).await;
            let place = || format!("line {}", number + 1);
            if !may_continue(ended, what.keep_going, |e| Error::data(name, place(), e.to_string()))?
            {
                return Ok(());
            }
        }
    }
    for command in &what.commands {
        let ended = line.command(command.clone()).await;
        if !may_continue(ended, what.keep_going, |error| error)? {
            return Ok(());
        }
    }
    if what.commands.is_empty() && what.script.is_none() {
        let (endpoint, runtime) = (line.endpoint.clone(), tokio::runtime::Handle::current());
        let complete = move |text: &str| {
            let pending =
                tokio::time::timeout(COMPLETION_TIMEOUT, endpoint.ask(json!({"complete": text})));
            let answer = runtime.block_on(pending).ok().flatten().unwrap_or_default();
            let found = answer["candidates"].as_array().into_iter().flatten();
            let found = found.filter_map(|word| word.as_str().map(str::to_owned)).collect();
            (answer["start"].as_u64().unwrap_or(0) as usize, found)
        };
        prompt(line, Box::new(complete), what.history).await;
    } else if what.stay {
        line.endpoint.gone.notified().await;
    }
    Ok(())
}

/// Returns whether to continue after a command, or its error with its place added by `place`.
fn may_continue(
    ended: Result<bool>,
    keep_going: bool,
    place: impl Fn(Error) -> Error,
) -> Result<bool> {
    match ended.map_err(place) {
        Err(error) if keep_going => {
            screen(&Err(error));
            Ok(true)
        }
        ended => ended,
    }
}

/// The connection and its pending calls.
struct Endpoint {
    url: String,
    send: mpsc::UnboundedSender<String>,
    pending: Mutex<PendingAnswers>,
    gone: tokio::sync::Notify,
}

#[derive(Default)]
struct PendingAnswers {
    last: u64,
    waiting: HashMap<u64, mpsc::UnboundedSender<Value>>,
    closed: bool,
}

struct AttachedPrompt {
    endpoint: Arc<Endpoint>,
    json: bool,
}

impl Endpoint {
    fn start(&self, mut message: Value) -> mpsc::UnboundedReceiver<Value> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.last += 1;
        message["id"] = pending.last.into();
        let id = pending.last;
        // Without a connection, the dropped sender ends the receiver at once.
        if !pending.closed && self.send.send(message.to_string()).is_ok() {
            pending.waiting.insert(id, sender);
        }
        receiver
    }

    /// Sends a message and returns its only answer; `None` if the connection is lost.
    async fn ask(&self, message: Value) -> Option<Value> {
        self.start(message).recv().await
    }

    fn receive(&self, message: Value) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let id = message["id"].as_u64();
        match id.and_then(|id| pending.waiting.get(&id).cloned()) {
            Some(waiting) => {
                if message["more"] != true {
                    id.map(|id| pending.waiting.remove(&id));
                }
                // The waiting call may have been cancelled.
                let _ = waiting.send(message);
            }
            None => log::print(format!("{message}\n")),
        }
    }
}

impl AttachedPrompt {
    async fn connect(to: &Attach) -> Result<Self> {
        let Attach { url, json, .. } = to;
        let (token, json) = (to.token.as_deref(), *json);
        if let Some(path) = url.strip_prefix("unix:") {
            let path = Path::new(path);
            let stream = UnixStream::connect(path).await.map_err(|error| Error::io(path, error))?;
            return Self::over(stream, "ws://localhost/console".into(), token, json).await;
        }
        let (host, url) = address(url)?;
        let stream = connect(&host).await.map_err(|error| Error::io(Path::new(&host), error))?;
        if url.starts_with("wss:") {
            let stream = tls::encrypt(stream, &host, to.ca_file.as_deref()).await?;
            return Self::over(stream, url, token, json).await;
        }
        Self::over(stream, url, token, json).await
    }

    /// Attaches over an open connection.
    async fn over<S>(stream: S, url: String, token: Option<&str>, json: bool) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = request(&url, token)?;
        let (socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .map_err(|error| Error::Input(format!("{url}: {}", reason(error))))?;
        let (send, mut queue) = mpsc::unbounded_channel::<String>();
        let (pending, gone) = (Mutex::default(), tokio::sync::Notify::new());
        let endpoint = Arc::new(Endpoint { url, send, pending, gone });
        let receiver = endpoint.clone();
        tokio::spawn(async move {
            let (mut sink, mut stream) = socket.split();
            let write = async {
                while let Some(text) = queue.recv().await {
                    if sink.send(Message::text(text)).await.is_err() {
                        return;
                    }
                }
            };
            let read = async {
                while let Some(Ok(message)) = stream.next().await {
                    if let Message::Text(text) = message
                        && let Ok(message) = serde_json::from_str(&text)
                    {
                        receiver.receive(message);
                    }
                }
            };
            tokio::select! {
                () = write => {}
                () = read => {}
            }
            let mut pending = receiver.pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.closed = true;
            pending.waiting.clear();
            receiver.gone.notify_waiters();
        });
        Ok(AttachedPrompt { endpoint, json })
    }

    /// Runs commands on the endpoint and prints their answers. Returns false after `quit`.
    async fn command(&mut self, line: String) -> Result<bool> {
        let mut cancel = Cancel { endpoint: &self.endpoint, armed: true };
        let mut answers = self.endpoint.start(json!({"command": line}));
        let ended = loop {
            let Some(mut message) = answers.recv().await else {
                cancel.armed = false;
                let line = line.trim();
                return if line.ends_with("quit") || line.ends_with("exit") {
                    Ok(false)
                } else {
                    Err(Error::NotFound(format!("{} has closed the connection", self.endpoint.url)))
                };
            };
            let more = message["more"] == true;
            if self.json {
                print_line(&message.to_string());
            } else if message["ok"] == true {
                screen(&Ok(serde_json::from_value::<Answer>(message.take()).unwrap_or_default()));
            } else {
                break Err(Error::Input(message["error"].as_str().unwrap_or_default().into()));
            }
            if !more {
                break if message["ok"] == false {
                    Err(Error::Input(message["error"].as_str().unwrap_or_default().into()))
                } else {
                    Ok(true)
                };
            }
        };
        cancel.armed = false;
        ended
    }
}

/// Cancels the remote command when it is dropped.
struct Cancel<'a> {
    endpoint: &'a Endpoint,
    armed: bool,
}

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        if self.armed {
            // If the endpoint is gone, so is the command.
            let _ = self.endpoint.send.send(json!({"cancel": true}).to_string());
        }
    }
}

impl LineRunner for AttachedPrompt {
    async fn run(&mut self, line: String) -> bool {
        let ended = self.command(line).await;
        let gone = self.endpoint.pending.lock().unwrap_or_else(PoisonError::into_inner).closed;
        match ended {
            Ok(more) => more && !gone,
            Err(error) => {
                screen(&Err(error));
                !gone
            }
        }
    }
}

/// Returns the request for a console. The token is sent in a header, since addresses may be logged.
fn request(url: &str, token: Option<&str>) -> Result<Request<()>> {
    let invalid = |error: &dyn std::fmt::Display| Error::Input(format!("{url}: {error}"));
    let mut request = url.into_client_request().map_err(|error| invalid(&error))?;
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let value = value
            .map_err(|_| Error::Input("the token has characters that tokens cannot have".into()))?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

/// Returns the reason why there is no console: the endpoint's message, if there is one.
fn reason(error: WsError) -> String {
    match error {
        WsError::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let text = String::from_utf8_lossy(body).trim().to_owned();
            if text.is_empty() {
                format!("cannot connect to the console: {}", response.status())
            } else {
                text
            }
        }
        error => format!("cannot connect to the console: {error}"),
    }
}

/// Connects with Nagle's algorithm disabled: otherwise the second of two small messages waits for
/// the acknowledgement of the first, which takes 40 ms.
async fn connect(host: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Parses addresses such as `lab:8888` and `http://lab:8888/ws/NAME` into host with port, and URL.
fn address(text: &str) -> Result<(String, String)> {
    let (scheme, rest) = match text.split_once("://") {
        Some(("ws" | "http", rest)) => ("ws", rest),
        Some(("wss" | "https", rest)) => ("wss", rest),
        Some((scheme, _)) => {
            let message = format!(
                "{text}: '{scheme}' is not supported; write ws://HOST:PORT or wss://HOST:PORT"
            );
            return Err(Error::Input(message));
        }
        None => ("ws", text),
    };
    // An endpoint with TLS that is reached without a port is usually behind a proxy.
    let default_port = if scheme == "wss" { 443 } else { DEFAULT_PORT };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let no_port = |digits: &str| {
        Error::Input(format!("{text}: {digits} is not a port; ports are 1 to 65535"))
    };
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let host = if is_number(host) {
        // Only a port.
        let port: u16 = host.parse().map_err(|_| no_port(host))?;
        format!("localhost:{port}")
    } else {
        match host.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok_and(|port| port > 0) => host.to_owned(),
            // An IPv6 address has colons too.
            Some((name, port)) if !name.contains(':') && !host.ends_with(']') => {
                return Err(no_port(port));
            }
            _ => format!("{host}:{default_port}"),
        }
    };
    let (path, query) = path
        .split_once('?')
        .map_or((path, String::new()), |(path, query)| (path, format!("?{query}")));
    let path = console_path(path);
    let url = format!("{scheme}://{host}/{path}{query}");
    Ok((host, url))
}

/// Converts the path to which pages connect to the path of the console. It ends in `ws` or
/// `console`, perhaps followed by a session's name; anything before is the endpoint's base path.
fn console_path(path: &str) -> String {
    let mut parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_socket = |part: &&str| ["ws", "console"].contains(part);
    match parts.iter().rposition(is_socket) {
        Some(at) if at + 2 >= parts.len() => parts[at] = "console",
        _ => parts.push("console"),
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_messages_are_sent_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert!(connect(&address).await.unwrap().nodelay().unwrap());
    }

    #[test]
    fn addresses_have_many_forms() {
        let to = |text: &str| address(text).map(|(_, url)| url).unwrap_or_default();
        assert_eq!(to("localhost"), "ws://localhost:8888/console");
        assert_eq!(to("lab:9000"), "ws://lab:9000/console");
        assert_eq!(to("ws://lab:9000/ws"), "ws://lab:9000/console");
        assert_eq!(to("http://lab:9000/ws/mine"), "ws://lab:9000/console/mine");
        assert_eq!(to("ws://[::1]:9000/"), "ws://[::1]:9000/console");
        assert_eq!(to("ws://lab:1/console/mine?token=x"), "ws://lab:1/console/mine?token=x");
        assert_eq!(to("lab/genomes"), "ws://lab:8888/genomes/console");
        assert_eq!(to("http://lab/a/b/"), "ws://lab:8888/a/b/console");
        assert_eq!(to("ws://lab:1/genomes/ws/mine"), "ws://lab:1/genomes/console/mine");
        assert_eq!(to("wss://lab"), "wss://lab:443/console");
        assert_eq!(to("https://lab:8888/ws/mine"), "wss://lab:8888/console/mine");
        assert_eq!(to("ftp://lab"), "");
        assert_eq!(to("9000"), "ws://localhost:9000/console");
        assert_eq!(to("9000/ws/mine"), "ws://localhost:9000/console/mine");
        for (text, port) in [("99999", "99999"), ("lab:99999", "99999"), ("lab:port", "port")] {
            let error = address(text).unwrap_err().to_string();
            assert_eq!(error, format!("{text}: {port} is not a port; ports are 1 to 65535"));
        }
    }
}
