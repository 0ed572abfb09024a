//! Access: other users of the machine, tokens, roles, and the files that commands may use.

use crate::support::{Client, Files, provider};
use epivizrs::console::AllowedFiles;
use epivizrs::server::{Access, Keys, Token, bind, run};
use epivizrs::session::{Audit, PAGE_TIMEOUT, Role, Session, SessionConfig};
use epivizrs::store::Store;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::{CancellationToken, DropGuard};

const VIEW: &str = "view-0123456789abcdef";
const DRIVE: &str = "drive-0123456789abcdef";
const ADMIN: &str = "admin-0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(20);
/// A user id that is neither that of the tests nor the overflow id (65534).
const STRANGER: u32 = 54_321;

/// An endpoint with a token for each role, an audit log and an allowed folder.
struct Endpoint {
    address: SocketAddr,
    session: Arc<Session>,
    folder: tempfile::TempDir,
    _files: Files,
    _end: DropGuard,
}

impl Endpoint {
    async fn start(keys: impl FnOnce(Keys) -> Keys) -> Self {
        let (files, folder) = (Files::new(), tempfile::tempdir().unwrap());
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("open")).unwrap();
        std::fs::write(path("open/new.bed"), "chr1\t10\t20\tn\n").unwrap();
        std::fs::write(path("open/go.txt"), "go chr1:1-1000\n").unwrap();
        std::fs::write(path("secret.bed"), "chr1\t10\t20\tsecret\n").unwrap();
        std::os::unix::fs::symlink(path("secret.bed"), path("open/link.bed")).unwrap();
        let store = Store::open(&path("state")).unwrap();
        let audit = Audit::open(&path("audit")).unwrap();
        let config = SessionConfig::new(Some(store), "test".into(), PAGE_TIMEOUT);
        let config = config.with_audit(Some(audit));
        let session = Session::restored(provider(&files).await, config).unwrap();
        let listener = bind("127.0.0.1", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let token = |name, role, secret| Token::new(name, role, secret, None).unwrap();
        let tokens = vec![
            token("guests", Role::View, VIEW),
            token("lab", Role::Drive, DRIVE),
            token("boss", Role::Admin, ADMIN),
        ];
        let named = [files.path("peaks.bed")].into_iter();
        let access = Access::new(address, "https://epiviz.example/index.php", &[])
            .with_keys(keys(Keys { tokens, ..Keys::default() }))
            .with_allowed_files(AllowedFiles::new(&[path("open")], named).unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(run(listener, session.clone(), access, None, stop.clone()));
        Endpoint { address, session, folder, _files: files, _end: stop.drop_guard() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    async fn console(&self, token: &str) -> Console {
        Console(Client::connect(&self.url(&format!("/console?token={token}"))).await)
    }
}

/// An attached console.
struct Console(Client);

impl Console {
    async fn run(&mut self, line: &str) -> Value {
        self.0.send_text(json!({"id": 1, "command": line}).to_string()).await;
        loop {
            let answer = self.0.next_json().await;
            if answer["more"] != true {
                return answer;
            }
        }
    }

    async fn refused(&mut self, line: &str) -> String {
        let answer = self.run(line).await;
        assert_eq!(answer["ok"], false, "{line}: {answer}");
        answer["error"].as_str().unwrap().to_owned()
    }

    async fn done(&mut self, line: &str) -> Value {
        let answer = self.run(line).await;
        assert_eq!(answer["ok"], true, "{line}: {answer}");
        answer
    }
}

fn request(method: &str, path: &str, address: SocketAddr, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{more}\r\n")
}

fn upgrade(path: &str, address: SocketAddr, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// Sends a request as the user of the tests, and returns the head and the body of the answer. A
/// WebSocket is closed at once.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let read = async {
        let mut part = [0; 4096];
        loop {
            let length = socket.read(&mut part).await.unwrap();
            bytes.extend_from_slice(&part[..length]);
            if length == 0 || bytes.starts_with(b"HTTP/1.1 101") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an answer");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Does the same as another user of this machine; returns `None` if the test cannot change users.
fn ask_as(user: u32, address: SocketAddr, request: &str) -> Option<String> {
    // The first line is enough for a WebSocket.
    let script = r#"exec 3<>/dev/tcp/127.0.0.1/$0 && printf '%s' "$1" >&3 &&
        IFS= read -r -t 20 line <&3 && printf '%s\n' "$line" &&
        case $1 in *'upgrade: websocket'*) ;; *) timeout 20 cat <&3 ;; esac"#;
    let user = user.to_string();
    let output = Command::new("setpriv")
        .args(["--reuid", &user, "--regid", &user, "--clear-groups", "bash", "-c", script])
        .args([&address.port().to_string(), request])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = String::from_utf8_lossy(&output.ok()?.stdout).into_owned();
    (!text.is_empty()).then_some(text)
}

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{answer}"))
}

/// Returns whether the test can act as another user, and prints a note if it cannot.
fn can_be_another(address: SocketAddr) -> bool {
    let can = ask_as(STRANGER, address, &request("GET", "/healthz", address, "")).is_some();
    if !can {
        eprintln!("SKIPPED: only root can be another user, with setpriv and bash");
    }
    can
}

const PATHS: [&str; 12] = [
    "/",
    "/info",
    "/info/first/peaks",
    "/s/mine",
    "/s/mine/info",
    "/api?action=getMeasurements",
    "/api/v1/measurements",
    "/api/v1/rows?datasource=peaks&region=chr1",
    "/epiviz/",
    "/metrics",
    "/websocket",
    "/nothing",
];

#[tokio::test(flavor = "multi_thread")]
async fn another_user_of_the_machine_is_refused_everywhere() {
    let endpoint = Endpoint::start(|keys| keys).await;
    let address = endpoint.address;
    for path in PATHS {
        let own = ask(address, &request("GET", path, address, "")).await;
        assert_ne!(status(&own), 401, "the owner needs no token: {path}");
    }
    if !can_be_another(address) {
        return;
    }
    let other = |request: &str| ask_as(STRANGER, address, request).unwrap();
    for path in PATHS {
        let refused = other(&request("GET", path, address, ""));
        assert_eq!(status(&refused), 401, "{path}");
        assert!(refused.contains("another user of this machine"), "{refused}");
        for word in ["peaks", "TP53", "epivizrs_pages"] {
            assert!(!refused.contains(word), "{path}: {refused}");
        }
        // A header that anybody can send does not identify a user.
        let feigned = other(&request("GET", path, address, "x-forwarded-user: root\r\n"));
        assert_eq!(status(&feigned), 401, "{path}");
        assert!(feigned.contains("--behind-proxy"), "{feigned}");
        let wrong = other(&request("GET", path, address, "authorization: Bearer wrong\r\n"));
        assert_eq!(status(&wrong), 401, "{path}");
    }
    let post =
        request("POST", "/api?action=deleteWorkspace&id=1", address, "content-length: 0\r\n");
    assert_eq!(status(&other(&post)), 401);
    for path in ["/ws", "/ws/mine", "/websocket", "/console", "/console/mine"] {
        assert_eq!(status(&other(&upgrade(path, address, ""))), 401, "{path}");
    }
    // A page of this machine does not make its user the owner.
    let page = format!("origin: http://{address}\r\n");
    assert_eq!(status(&other(&upgrade("/ws", address, &page))), 401);
    // A token gives access according to its role.
    let token = format!("authorization: bearer {VIEW}\r\n");
    assert_eq!(status(&other(&upgrade("/ws", address, &token))), 101);
    let rows = other(&request(
        "GET",
        &format!("/api/v1/rows?datasource=peaks&region=chr1&token={VIEW}"),
        address,
        "",
    ));
    assert!(rows.starts_with("HTTP/1.1 200") && rows.contains("\"p1\""), "{rows}");
    assert_eq!(
        status(&other(&post.replace(" HTTP/1.1\r\n", &format!("&token={VIEW} HTTP/1.1\r\n")))),
        403
    );
    // The program's own files and the health check are public.
    for open in ["/healthz", "/ui/js/main.js"] {
        assert_eq!(status(&other(&request("GET", open, address, ""))), 200, "{open}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_proxies_have_the_roles_of_the_configuration() {
    let endpoint = Endpoint::start(|keys| Keys {
        users: vec![(STRANGER, Role::View)],
        proxies: vec![format!("{}@127.0.0.1", STRANGER + 1).parse().unwrap()],
        proxy_users: vec![("ada".into(), Role::Drive)],
        ..keys
    })
    .await;
    let address = endpoint.address;
    if !can_be_another(address) {
        return;
    }
    let save = request(
        "POST",
        "/api?action=saveWorkspace&name=x&content=%7B%7D",
        address,
        "content-length: 0\r\n",
    );
    let see = request("GET", "/api/v1/measurements", address, "");
    assert_eq!(status(&ask_as(STRANGER, address, &see).unwrap()), 200);
    assert_eq!(status(&ask_as(STRANGER, address, &save).unwrap()), 403);
    // The proxy runs as another user, and must name the user.
    let as_ada = |request: &str| request.replacen("\r\n", "\r\nx-forwarded-user: ada\r\n", 1);
    let proxy = |request: &str| status(&ask_as(STRANGER + 1, address, request).unwrap());
    assert_eq!(proxy(&see), 401);
    assert_eq!(proxy(&as_ada(&see)), 200);
    assert_eq!(proxy(&as_ada(&save)), 200);
    assert_eq!(proxy(&as_ada(&see).replace("ada", "eve")), 401);
    assert_eq!(status(&ask_as(STRANGER, address, &as_ada(&save)).unwrap()), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_has_the_permissions_of_the_table() {
    use epivizrs::console::COMMANDS;
    use epivizrs::session::{Kind, needed};
    let endpoint = Endpoint::start(|keys| keys).await;
    let roles = [(VIEW, Role::View), (DRIVE, Role::Drive), (ADMIN, Role::Admin)];
    let names: Vec<_> = COMMANDS.iter().flat_map(|(_, all)| all.iter()).map(|c| c.name()).collect();
    for (token, role) in roles {
        let mut console = endpoint.console(token).await;
        let who = console.done("whoami").await;
        assert_eq!(who["data"]["role"], role.to_string(), "{who}");
        for name in names.iter().filter(|name| needed(Kind::Command, name) > role) {
            let why = console.refused(&format!("{name} x")).await;
            let needs = needed(Kind::Command, name);
            assert!(why.starts_with(&format!("'{name}' needs the role {needs}")), "{why}");
        }
        // A permitted command may fail, but for another reason.
        for name in ["where", "plot", "kick"] {
            let answer = console.run(&format!("{name} none")).await;
            let is_allowed = needed(Kind::Command, name) <= role;
            let text = answer["error"].as_str().unwrap_or_default();
            assert_eq!(text.contains("needs the role"), !is_allowed, "{role} {name}: {answer}");
        }
    }
    // A line of commands stops at the first one that is not allowed.
    let mut guest = endpoint.console(VIEW).await;
    assert!(guest.refused("echo a; go chr1:1-100; echo b").await.contains("needs the role drive"));
    assert_eq!(endpoint.session.state().place, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_follow_neither_pages_nor_all_sessions() {
    let endpoint = Endpoint::start(|keys| keys).await;
    let address = endpoint.address;
    let cases = [
        ("topic=location", 200),
        ("topic=location&session=group", 200),
        ("topic=location&session=*", 403),
        ("topic=pages", 403),
        ("topic=log", 403),
    ];
    for (token, role) in [(VIEW, Role::View), (DRIVE, Role::Drive)] {
        let mut console = endpoint.console(token).await;
        for (query, viewer) in cases {
            let is_allowed = viewer == 200 || (role == Role::Drive && query != "topic=log");
            let path = format!("/api/v1/stream?{query}&after=0&wait=0&token={token}");
            let answer = ask(address, &request("GET", &path, address, "")).await;
            assert_eq!(status(&answer) == 200, is_allowed, "{role} {query}: {answer}");
            let members = query.split('&').map(|pair| pair.split_once('=').unwrap());
            let mut message = json!({"id": 1, "action": "subscribe"});
            members.for_each(|(key, value)| message[key] = value.into());
            console.0.send_text(message.to_string()).await;
            let answer = console.0.next_json().await;
            assert_eq!(answer["ok"], is_allowed, "{role} {query}: {answer}");
            assert_eq!(answer["status"], if is_allowed { 200 } else { 403 }, "{answer}");
        }
        let pages = console.run("subscribe pages").await;
        assert_eq!(pages["ok"], role == Role::Drive, "{pages}");
    }
    assert_eq!(endpoint.session.all().len(), 1, "following a session does not create it");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_viewer_are_seen_by_the_viewer_only() {
    let endpoint = Endpoint::start(|keys| keys).await;
    endpoint.console(DRIVE).await.done("plot peaks").await;
    let page = |token: &str| {
        let url = endpoint.url(&format!("/ws?token={token}"));
        async move { Client::connect(&url).await }
    };
    let chart = json!({"chartId": "c9", "type": "epiviz.plugins.charts.BlocksTrack", "measurements": ["peaks"], "settings": {}, "colors": []});
    let add = json!({"action": "reportChange", "change": {"addChart": chart}});
    let mut viewer = page(VIEW).await;
    let refused =
        viewer.ask(1, json!({"action": "saveWorkspace", "name": "x", "content": "%7B%7D"})).await;
    assert_eq!(refused["success"], false);
    assert!(
        refused["errorMessage"].as_str().unwrap().contains("needs the role drive"),
        "{refused}"
    );
    let save = json!({"action": "reportChange", "change": {"saveWorkspace": {"name": "x"}}});
    assert_eq!(viewer.ask(2, save).await["success"], false);
    let rows = viewer.ask(3, json!({"action": "getRows", "datasource": "peaks", "seqName": "chr1", "start": 1, "end": 5000, "metadata": []})).await;
    assert_eq!(rows["globalStartIndex"], 0, "{rows}");
    assert_ne!(viewer.ask(4, add.clone()).await["success"], false);
    assert_eq!(endpoint.session.state().charts.len(), 1, "only the session's own chart");
    // The same change with the role drive is seen by all.
    let mut driver = page(DRIVE).await;
    assert_ne!(driver.ask(1, add).await["success"], false);
    assert_eq!(endpoint.session.state().charts.len(), 2);
    // Both pages are listed with their roles.
    viewer.ask(5, json!({"action": "getMeasurements"})).await;
    driver.ask(2, json!({"action": "getMeasurements"})).await;
    let pages = endpoint.console(ADMIN).await.done("pages").await;
    let text = pages.to_string();
    assert!(text.contains("token guests") && text.contains("token lab"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_can_be_disconnected() {
    let endpoint = Endpoint::start(|keys| keys).await;
    let mut page = Client::connect(&endpoint.url(&format!("/ws?token={DRIVE}"))).await;
    page.ask(1, json!({"action": "getMeasurements"})).await;
    let id = endpoint.session.pages()[0].id();
    let mut boss = endpoint.console(ADMIN).await;
    assert!(boss.refused("kick 999999").await.contains("is not connected"));
    boss.done(&format!("kick {id}")).await;
    loop {
        match page.next().await {
            Message::Close(Some(frame)) => break assert_eq!(frame.code, CloseCode::Policy),
            Message::Text(_) => {}
            other => panic!("{other:?}"),
        }
    }
    // Pages connect again by themselves; this one is not let in, and does not appear.
    let url = endpoint.url(&format!("/ws?token={DRIVE}"));
    let mut again = Client::connect(&url).await;
    match again.next().await {
        Message::Close(Some(frame)) => {
            assert_eq!(frame.code, CloseCode::Policy);
            assert!(frame.reason.contains("not admitted for 10 min"), "{}", frame.reason);
        }
        other => panic!("{other:?}"),
    }
    assert!(endpoint.session.pages().is_empty());
    // Another visitor of the same machine is, and so is a page that was only disconnected.
    let mut other = Client::connect(&endpoint.url(&format!("/ws?token={VIEW}"))).await;
    other.ask(1, json!({"action": "getMeasurements"})).await;
    let id = endpoint.session.all_pages()[0].id();
    boss.done(&format!("kick {id} 0")).await;
    while !matches!(other.next().await, Message::Close(_)) {}
    let mut other = Client::connect(&endpoint.url(&format!("/ws?token={VIEW}"))).await;
    other.ask(1, json!({"action": "getMeasurements"})).await;
    assert!(boss.refused("kick 1 99999999").await.contains("minutes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_be_sent_in_the_first_message() {
    let endpoint = Endpoint::start(|keys| keys).await;
    let address = endpoint.address;
    let hello = |token: &str| json!({"type": "hello", "token": token}).to_string();
    // The connection comes through a proxy, so it does not count as the owner's.
    let forwarded = |path: &str| {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest;
        let mut request = endpoint.url(path).into_client_request().unwrap();
        request.headers_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        async move {
            let stream = TcpStream::connect(address).await.unwrap();
            tokio_tungstenite::client_async(request, stream).await.map(|connected| connected.0)
        }
    };
    assert!(forwarded("/ws").await.is_err());
    let mut known = forwarded("/ws?hello").await.unwrap();
    known.send(Message::text(hello(VIEW))).await.unwrap();
    let welcome: Value =
        serde_json::from_str(known.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(welcome, json!({"type": "hello", "name": "token guests", "role": "view"}));
    known
        .send(Message::text(r#"{"requestId":1,"type":"request","data":{"action":"getSeqInfos"}}"#))
        .await
        .unwrap();
    assert!(known.next().await.unwrap().unwrap().to_text().unwrap().contains("chr1"));
    let asks = r#"{"requestId":1,"type":"request","data":{"action":"getMeasurements"}}"#;
    for first in [hello("wrong"), asks.to_owned(), "{".to_owned()] {
        let mut unknown = forwarded("/console?hello").await.unwrap();
        unknown.send(Message::text(first.clone())).await.unwrap();
        match tokio::time::timeout(PATIENCE, unknown.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => assert_eq!(frame.code, CloseCode::Policy),
            other => panic!("{first}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_commands_use_only_files_in_allowed_folders() {
    let endpoint = Endpoint::start(|keys| keys).await;
    let path = |name: &str| endpoint.path(name).display().to_string();
    let mut boss = endpoint.console(ADMIN).await;
    for line in [
        format!("load {}", path("secret.bed")),
        format!("load {}", path("open/link.bed")),
        format!("load {}", path("open/../secret.bed")),
        format!("load {}/*.bed", path("")),
        format!("source {}", path("secret.bed")),
        format!("slideshow {}", path("secret.bed")),
        format!("import {}", path("secret.bed")),
        format!("export {}", path("stolen.json")),
        format!("export --force {}", path("open/link.bed")),
        "load /etc/passwd,format=bed".to_owned(),
        "source /etc/passwd".to_owned(),
    ] {
        let why = boss.refused(&line).await;
        assert!(why.contains("--root") && !why.contains('/'), "{line}: {why}");
    }
    assert!(!Path::new(&path("stolen.json")).exists());
    assert!(std::fs::read_to_string(path("secret.bed")).unwrap().contains("secret"));
    boss.done(&format!("load {}", path("open/new.bed"))).await;
    boss.done("source go.txt").await;
    boss.done("export view.json").await;
    let made = std::fs::metadata(path("open/view.json")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&made.permissions()) & 0o777, 0o600);
    // No answer reveals a folder of this machine.
    let said = [
        boss.done("sources").await,
        boss.run("load none.bed").await,
        boss.run("subscribe log").await,
    ];
    for answer in said {
        assert!(!answer.to_string().contains(endpoint.folder.path().to_str().unwrap()), "{answer}");
    }
    boss.0.send_text(json!({"id": 2, "complete": format!("load {}/", path(""))}).to_string()).await;
    assert_eq!(boss.0.next_json().await["candidates"], json!([]));
    // The owner's own console is not restricted.
    let mut owner = Console(Client::connect(&endpoint.url("/console")).await);
    assert_eq!(owner.done("whoami").await["data"]["name"], "the owner");
    owner.done(&format!("load {}", path("secret.bed"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_records_who_did_what() {
    let endpoint = Endpoint::start(|keys| keys).await;
    endpoint.console(VIEW).await.refused("plot peaks").await;
    endpoint.console(DRIVE).await.done("plot peaks").await;
    let mut page = Client::connect(&endpoint.url(&format!("/ws?token={DRIVE}"))).await;
    page.ask(1, json!({"action": "getMeasurements"})).await;
    page.ask(2, json!({"action": "saveWorkspace", "name": "x", "content": "%7B%7D"})).await;
    let forwarded =
        request("GET", "/info?token=guess-guess-guess", endpoint.address, "via: 1.1 x\r\n");
    assert_eq!(status(&ask(endpoint.address, &forwarded).await), 401);
    let text = std::fs::read_to_string(endpoint.path("audit")).unwrap();
    for secret in [VIEW, DRIVE, "guess-guess"] {
        assert!(!text.contains(secret), "{text}");
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |who: &str, action: &str, is_refused: bool| {
        lines.iter().any(|line| {
            line["who"] == who
                && line["action"] == action
                && line["refused"].is_null() != is_refused
        })
    };
    assert!(has("token guests", "plot peaks", true), "{text}");
    assert!(has("token lab", "plot peaks", false), "{text}");
    assert!(has("token lab", "saveWorkspace", false), "{text}");
    assert!(has("nobody", "GET /info", true), "{text}");
    assert!(!text.contains("getMeasurements"), "reads must not be logged: {text}");
}
