//! The recipes of the documentation, with the programs that they name: nginx, ssh, the shell that
//! systemd starts. A program that is not installed is skipped, and says so.

use super::*;
use serde_json::Value;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Returns the path of a program; `None`, with a message, if it is not installed.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    let found = places.map(|folder| folder.join(name)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}

/// The name of the user who runs the tests.
fn own_name() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Sends a request over a socket and returns the answer.
fn ask_over(path: &Path, head: &str, body: &str) -> String {
    let mut socket = UnixStream::connect(path).unwrap();
    let length = body.len();
    let request = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A running nginx, stopped when dropped.
struct Nginx(PathBuf, PathBuf);

impl Nginx {
    /// Starts it with the lines of docs/quickstart.md in front of an endpoint, with a login.
    fn start(program: PathBuf, folder: &Path, port: &str, user: &str) -> Self {
        let quickstart = document("docs/quickstart.md");
        let location = quickstart.split("```").find(|part| part.contains("location / {")).unwrap();
        let location = location.trim().replace("127.0.0.1:8888", &format!("127.0.0.1:{port}"));
        let map = quickstart.split('`').find(|part| part.starts_with("map $http_up")).unwrap();
        // Only root may choose the user.
        let user = if own_name() == "root" { format!("user {user};") } else { String::new() };
        let at = folder.display();
        std::fs::write(folder.join("logins"), "ada:{PLAIN}one\nbob:{PLAIN}two\n").unwrap();
        let text = format!(
            "{user}\npid {at}/pid;\nerror_log {at}/error.log;\nevents {{}}\nhttp {{\n\
             access_log off;\nclient_body_temp_path {at}/b;\nproxy_temp_path {at}/p;\n\
             fastcgi_temp_path {at}/f;\nuwsgi_temp_path {at}/u;\nscgi_temp_path {at}/s;\n{map}\n\
             server {{ listen unix:{at}/nginx.sock;\nserver_name tracks.example.org;\n\
             auth_basic x; auth_basic_user_file {at}/logins;\n{location}\n}}\n}}\n"
        );
        let config = folder.join("nginx.conf");
        std::fs::write(&config, text).unwrap();
        let nginx = Nginx(program, config);
        let output = nginx.command(&[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        nginx
    }

    fn command(&self, more: &[&str]) -> std::process::Output {
        let mut command = Command::new(&self.0);
        command.arg("-c").arg(&self.1).args(more).stdin(Stdio::null()).output().unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.command(&["-s", "stop"]);
    }
}

/// Returns the head of a request through the proxy, with a login.
fn head(method: &str, path: &str, login: &str, more: &str) -> String {
    use base64::Engine;
    let login = base64::prelude::BASE64_STANDARD.encode(login);
    format!(
        "{method} {path} HTTP/1.1\r\nHost: tracks.example.org\r\nAuthorization: Basic {login}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n{more}"
    )
}

#[test]
fn nginx_passes_on_users_and_websockets() {
    let Some(nginx) = program("nginx") else { return };
    let folder = tempfile::Builder::new().permissions(readable()).tempdir().unwrap();
    let quickstart = document("docs/quickstart.md");
    let toml = quickstart.split("```").find(|part| part.starts_with("toml")).unwrap();
    let config = write(folder.path(), "tracks.toml", toml.trim_start_matches("toml").as_bytes());
    let user = if own_name() == "root" { "www-data".to_owned() } else { own_name() };
    let proxy = format!("{user}@127.0.0.1");
    let origin = "https://tracks.example.org";
    let arguments = ["--mock", "--config", &config, "--allow-origin", origin];
    let run = Run::start(&[&arguments[..], &["--behind-proxy", &proxy]].concat());
    let port = run.address().rsplit(':').next().unwrap().to_owned();
    let proxied = Nginx::start(nginx.clone(), folder.path(), &port, &user);
    let socket = folder.path().join("nginx.sock");
    let status = |answer: &str| answer.split(' ').nth(1).unwrap().to_owned();
    // nginx itself asks for a login.
    let anybody = "GET /info HTTP/1.1\r\nHost: tracks.example.org\r\n";
    assert_eq!(status(&ask_over(&socket, anybody, "")), "401");
    let read = ask_over(&socket, &head("GET", "/info", "bob:two", ""), "");
    assert_eq!(status(&read), "200", "{read}");
    let save = "action=saveWorkspace&name=x&content=y";
    let refused = ask_over(&socket, &head("POST", "/api", "bob:two", ""), save);
    assert!(
        refused.contains("needs the role drive; proxy's user bob has the role view"),
        "{refused}"
    );
    // The client's own header does not count.
    let spoofed = head("POST", "/api", "bob:two", "X-Forwarded-User: ada\r\n");
    let refused = ask_over(&socket, &spoofed, save);
    assert!(refused.contains("bob has the role view"), "{refused}");
    let saved = ask_over(&socket, &head("POST", "/api", "ada:one", ""), save);
    assert!(status(&saved) == "200" && !saved.contains("errorMessage"), "{saved}");
    // A WebSocket.
    let key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
               Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut page = UnixStream::connect(&socket).unwrap();
    let upgrade = head("GET", "/ws", "bob:two", &format!("{key}Origin: {origin}\r\n\r\n"));
    page.write_all(upgrade.as_bytes()).unwrap();
    let ask = br#"{"requestId":1,"data":{"action":"getSeqInfos"}}"#;
    let frame = [&[0x81, 0x80 | ask.len() as u8, 0, 0, 0, 0][..], ask].concat();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("\"response\"") {
        let before = answer.len();
        let mut part = [0; 4096];
        let count = page.read(&mut part).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend(&part[..count]);
        if before == 0 {
            assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
            page.write_all(&frame).unwrap();
        }
    }
    drop(proxied);
    run.signal("-TERM");
    run.end();

    // Without --behind-proxy, the refusal names it.
    let run = Run::start(&arguments);
    let port = run.address().rsplit(':').next().unwrap().to_owned();
    let _proxied = Nginx::start(nginx, folder.path(), &port, &user);
    let refused = ask_over(&socket, &head("GET", "/info", "ada:one", ""), "");
    assert!(status(&refused) == "401" && refused.contains("--behind-proxy"), "{refused}");
}

/// The permissions of a folder that nginx's own user may enter.
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ssh_forwards_the_owner() {
    let (Some(sshd), Some(ssh), Some(keygen)) =
        (program("sshd"), program("ssh"), program("ssh-keygen"))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for key in ["host", "user"] {
        let mut make = Command::new(&keygen);
        make.args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]);
        assert!(make.status().unwrap().success());
    }
    std::fs::copy(path("user.pub"), path("authorized")).unwrap();
    let config = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
         PasswordAuthentication no\nPidFile none\n",
        path("host"),
        path("authorized")
    );
    write(folder.path(), "sshd_config", config.as_bytes());
    // As root, it needs this folder.
    let _ = std::fs::create_dir("/run/sshd");
    let run = Run::start(&["--mock"]);
    let (forwarded, user) = (folder.path().join("forwarded"), own_name());
    // No port is used on either side: sshd serves the standard input that ssh gives it.
    let mut client = Command::new(ssh);
    client.args(["-F", "none", "-i", &path("user"), "-o", "IdentitiesOnly=yes"]);
    client.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    client.args(["-o", &format!("ProxyCommand={} -i -f {}", sshd.display(), path("sshd_config"))]);
    client.args(["-N", "-L", &format!("{}:{}", forwarded.display(), run.address())]);
    client.arg(format!("{user}@there")).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut client = Killed(client.spawn().unwrap());
    let begin = Instant::now();
    while !forwarded.exists() {
        if begin.elapsed() > Duration::from_secs(20) || client.0.try_wait().unwrap().is_some() {
            let _ = client.0.kill();
            let mut said = String::new();
            client.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            // A machine may forbid to run sshd at all.
            return eprintln!("SKIPPED: ssh does not connect: {said}");
        }
        std::thread::yield_now();
    }
    let head = "POST /api HTTP/1.1\r\nHost: localhost:8888\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n";
    let save = "action=saveWorkspace&name=x&content=y";
    let saved = ask_over(&forwarded, head, save);
    assert!(saved.starts_with("HTTP/1.1 200") && !saved.contains("errorMessage"), "{saved}");
}

#[test]
fn the_service_of_systemd_starts_with_its_own_command() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(at("data")).unwrap();
    write(&folder.path().join("data"), "peaks.bed", b"chr1\t10\t20\n");
    write(&folder.path().join("data"), "bad.bed", b"chr1\tx\ty\n");
    let unit = document("packaging/epivizrs.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/bin/sh -c '")).unwrap();
    let start = start.strip_suffix('\'').unwrap().replace("$$", "$");
    let start = start.replace("/usr/local/bin/epivizrs", env!("CARGO_BIN_EXE_epivizrs"));
    let start = start.replace("/srv/epivizrs", &at("data"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &start]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell.env("CACHE_DIRECTORY", at("cache")).env("STATE_DIRECTORY", at("state"));
    shell.env("EPIVIZRS_OPTIONS", "--port 0 --allow-origin https://tracks.example.org");
    let mut child = shell.spawn().unwrap();
    let mut listening = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut listening).unwrap();
    let run = Run { child, listening };
    let answer = run.get("/api/v1/measurements");
    assert!(answer.contains("peaks") && !answer.contains("bad"), "{answer}");
    run.signal("-TERM");
    let (status, log) = run.end();
    assert!(status.success(), "systemd would restart it: {log}");
    let line: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert!(line.to_string().contains("bad.bed"), "{log}");
    // The unit itself, where systemd is installed.
    let Some(analyze) = program("systemd-analyze") else { return };
    let own = folder.path().join("epivizrs.service");
    let text = unit.replace("/usr/local/bin/epivizrs", env!("CARGO_BIN_EXE_epivizrs"));
    std::fs::write(&own, text).unwrap();
    let verified = Command::new(analyze).arg("verify").arg(&own).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    let about: Vec<_> = said.lines().filter(|line| line.contains("epivizrs.service")).collect();
    assert!(about.is_empty(), "{said}");
}
