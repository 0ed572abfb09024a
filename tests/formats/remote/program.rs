//! The program, as a user starts it with addresses of remote files.

use super::server::{Asked, Server, status};
use crate::fixtures;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const BED: &[u8] = b"chr1\t10\t20\tfirst\nchr1\t30\t40\tsecond\n";

/// Returns a command that runs the program with this home folder.
fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
    command.args(arguments).env_clear().env("HOME", home).env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command; returns its output, or its error messages if it fails.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(!err.contains("SECRET") && !out.contains("SECRET"), "{err}{out}");
    if output.status.success() { Ok(out) } else { Err(err) }
}

struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(command: &mut Command) -> Self {
        let mut child = command.args(["--no-prompt", "--port", "0"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.strip_prefix("listening on ws://").and_then(|rest| rest.strip_suffix("/ws\n"));
        match address {
            Some(address) => Serving { address: address.to_owned(), child },
            None => {
                let mut text = String::new();
                child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
                panic!("{text}");
            }
        }
    }

    fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket
            .write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_signal_on_a_server_is_served_as_one_on_disk() {
    let home = tempfile::tempdir().unwrap();
    let fixture = fixtures::of("bigwig").swap_remove(0);
    let file = fixture.spec.input.path();
    let server = Server::start();
    server.put("/data/coverage.bw", &std::fs::read(file).unwrap(), Some("1"));
    let address = server.url("/data/coverage.bw?sig=SECRET");
    let query = |source: &str| {
        run(&mut program(home.path(), &["query", source, "chr1:100001-200000"])).unwrap()
    };
    assert_eq!(query(&address), query(file.to_str().unwrap()));
    let shown = run(&mut program(home.path(), &["inspect", &address])).unwrap();
    assert!(shown.starts_with(&server.url("/data/coverage.bw\n")), "{shown}");
    let serving = Serving::start(&mut program(home.path(), &[&address]));
    let rows = serving.get("/api/v1/values?measurement=coverage&region=chr1:100001-200000");
    assert!(rows.starts_with("HTTP/1.0 200") || rows.starts_with("HTTP/1.1 200"), "{rows}");
    let metrics = serving.get("/metrics");
    let requests = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().parse::<f64>().unwrap_or(0.0)
    };
    let made = server.asked().len() as f64;
    assert!(made > 0.0 && requests("epivizrs_source_requests_total{source=\"coverage\"}") <= made);
    assert!(requests("epivizrs_source_bytes_total{source=\"coverage\"}") > 1000.0, "{metrics}");
    assert!(requests("epivizrs_source_hits_total{source=\"coverage\"}") > 0.0, "{metrics}");
    let name = format!("epivizrs_remote_requests_total{{server=\"127.0.0.1:{}\"}}", server.port);
    assert!(metrics.contains(&name), "{metrics}");
    assert!(!metrics.contains("SECRET"));
}

#[test]
fn parts_of_a_file_are_cached_across_restarts() {
    let home = tempfile::tempdir().unwrap();
    let fixture = fixtures::of("bigwig").swap_remove(0);
    let server = Server::start();
    let bytes = std::fs::read(fixture.spec.input.path()).unwrap();
    server.put("/x.bw", &bytes, Some("1"));
    let address = server.url("/x.bw");
    let query = || {
        let cache = home.path().join("own");
        let arguments =
            ["query", &address, "chr1:1-300000", "--cache-dir", cache.to_str().unwrap()];
        run(&mut program(home.path(), &arguments)).unwrap()
    };
    let first = query();
    assert!(server.asked().len() > 1);
    assert_eq!(query(), first);
    assert_eq!(server.asked().len(), 1, "one request checks the version");
    // Parts of another version are not mixed with these.
    server.put("/x.bw", &bytes, Some("2"));
    assert_eq!(query(), first);
    assert!(server.asked().len() > 1);
}

/// Answers 401 to requests without this header.
fn guard(server: &Server, name: &'static str, value: &'static str) {
    server.answer(move |asked: &Asked| {
        (asked.header(name) != Some(value)).then(|| status("401 Unauthorized", ""))
    });
}

#[test]
fn credentials_are_sent_but_never_printed() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start();
    server.put("/x.bed", BED, Some("1"));
    let address = server.url("/x.bed");
    let query = |source: &str, options: &[&str]| {
        run(program(home.path(), &["query", source, "chr1:1-100"]).args(options))
    };
    guard(&server, "authorization", "Bearer SECRET");
    let error = query(&address, &[]).unwrap_err();
    assert!(error.contains("asks who you are (401); give --header"), "{error}");
    let error = query(&address, &["--header", "Authorization: Bearer WRONG"]).unwrap_err();
    assert!(error.contains("refuses these credentials (401)"), "{error}");
    let header = "Authorization: Bearer SECRET";
    assert!(query(&address, &["--header", header]).unwrap().contains("second"));
    let file = home.path().join("header");
    std::fs::write(&file, format!("{header}\n")).unwrap();
    let file = format!("@{}", file.display());
    assert!(query(&address, &["--header", &file]).unwrap().contains("second"));
    // Headers for another server are not sent.
    let other = format!("https://lab.example/ {header}");
    assert!(query(&address, &["--header", &other]).is_err());
    // printf 'ada:SECRET' | base64
    guard(&server, "authorization", "Basic YWRhOlNFQ1JFVA==");
    let named = address.replace("http://", "http://ada:SECRET@");
    assert!(query(&named, &[]).unwrap().contains("second"));
    assert!(query(&address, &[]).is_err());
    std::fs::write(home.path().join(".netrc"), "machine 127.0.0.1 login ada password SECRET\n")
        .unwrap();
    assert!(query(&address, &[]).unwrap().contains("second"));
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_server() {
    let home = tempfile::tempdir().unwrap();
    let (first, other) = (Server::start(), Server::start());
    other.put("/x.bed", BED, Some("1"));
    let target = other.url("/x.bed");
    first.answer(move |_| Some(status("302 Found", &format!("Location: {target}\r\n"))));
    let address = first.url("/x.bed");
    let arguments = ["query", &address, "chr1:1-100", "--header", "Authorization: Bearer SECRET"];
    assert!(run(&mut program(home.path(), &arguments)).unwrap().contains("second"));
    assert!(first.asked().iter().all(|asked| asked.header("authorization").is_some()));
    let asked = other.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn object_storage_is_read_with_the_settings_of_its_own_tools() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start();
    let key = "/bucket/a%20b/x.bed";
    server.put(key, BED, Some("1"));
    let endpoint = server.url("");
    let query = |address: &str, settings: &[(&str, &str)]| {
        let mut command = program(home.path(), &["query", address, "chr1:1-100"]);
        run(command.envs(settings.iter().copied()))
    };
    let address = "s3://bucket/a b/x.bed";
    let anonymous = [("AWS_ENDPOINT_URL", &*endpoint)];
    assert!(query(address, &anonymous).unwrap().contains("second"));
    assert!(server.asked().iter().all(|a| a.path == key && a.header("authorization").is_none()));
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let keys =
        "[lab]\naws_access_key_id = KEYID\naws_secret_access_key = SECRET\naws_session_token = T\n";
    std::fs::write(home.path().join(".aws/credentials"), keys).unwrap();
    let lab =
        [("AWS_ENDPOINT_URL", &*endpoint), ("AWS_PROFILE", "lab"), ("AWS_REGION", "eu-north-1")];
    assert!(query(address, &lab).unwrap().contains("second"));
    for asked in server.asked() {
        let authorization = asked.header("authorization").unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=KEYID/"), "{authorization}");
        assert!(
            authorization.contains("/eu-north-1/s3/aws4_request, SignedHeaders=host;"),
            "{authorization}"
        );
        assert_eq!(asked.header("x-amz-security-token"), Some("T"));
        assert_eq!(asked.header("host"), Some(&*format!("127.0.0.1:{}", server.port)));
    }
    let google = [("STORAGE_EMULATOR_HOST", &*endpoint), ("GCS_OAUTH_TOKEN", "SECRET")];
    assert!(query("gs://bucket/a b/x.bed", &google).unwrap().contains("second"));
    assert!(server.asked().iter().all(|a| a.header("authorization") == Some("Bearer SECRET")));
    let azure =
        [("AZURE_STORAGE_ENDPOINT", &*endpoint), ("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=SECRET")];
    assert!(query("az://bucket/a b/x.bed", &azure).unwrap().contains("second"));
    assert!(server.asked().iter().all(|a| a.path == format!("{key}?sv=1&sig=SECRET")));
    let error = query("az://bucket/x.bed", &[]).unwrap_err();
    assert!(
        error.contains("az://bucket/x.bed: ") && error.contains("AZURE_STORAGE_ACCOUNT"),
        "{error}"
    );
}

#[test]
fn addresses_in_hubs_and_configurations_are_opened() {
    let home = tempfile::tempdir().unwrap();
    let (server, other) = (Server::start(), Server::start());
    server.put("/hub/hub.txt", b"hub h\ngenomesFile genomes.txt\n", None);
    server.put("/hub/genomes.txt", b"genome hg38\ntrackDb hg38/trackDb.txt\n", None);
    let away = other.url("/x.bb");
    let tracks = format!(
        "track near\nbigDataUrl ../near.bb\nshortLabel Near\n\ntrack away\nbigDataUrl {away}\n"
    );
    server.put("/hub/hg38/trackDb.txt", tracks.as_bytes(), None);
    let fixture = fixtures::of("bigbed").swap_remove(0);
    server.put("/hub/near.bb", &std::fs::read(fixture.spec.input.path()).unwrap(), Some("1"));
    let hub = server.url("/hub/hub.txt");
    // Addresses in a hub are not chosen by the user, so they must not lead to services of this
    // machine.
    let error = run(&mut program(home.path(), &["inspect", &hub])).unwrap_err();
    let said = format!("{away}: leads to 127.0.0.1, which is not a public machine");
    assert!(error.contains(&said), "{error}");
    assert!(other.asked().is_empty());
    let serving = Serving::start(&mut program(home.path(), &[&hub, "--keep-going", "--quiet"]));
    assert!(serving.get("/api/v1/measurements").contains("Near"));
    // A configuration is the user's own.
    let config = home.path().join("tracks.toml");
    let text = format!("[[source]]\nfile = '{}'\nname = 'Mine'\n", server.url("/hub/near.bb"));
    std::fs::write(&config, text).unwrap();
    let serving =
        Serving::start(&mut program(home.path(), &["--config", config.to_str().unwrap()]));
    assert!(serving.get("/api/v1/measurements").contains("Mine"));
}

#[test]
fn an_attached_console_loads_only_allowed_addresses() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start();
    server.put("/pub/x.bed", BED, Some("1"));
    server.put("/own/x.bed", BED, Some("1"));
    let load = |serving: &Serving, address: &str| {
        let command = format!("load {address}");
        run(&mut program(home.path(), &["attach", &serving.address, "-c", &command]))
    };
    let (public, own) = (server.url("/pub/x.bed"), server.url("/own/x.bed?SECRET"));
    let serving = Serving::start(&mut program(home.path(), &["--quiet"]));
    let error = load(&serving, &public).unwrap_err();
    assert!(
        error.contains("may not be loaded from here") && error.contains("--allow-url"),
        "{error}"
    );
    let pattern = server.url("/pub/*");
    let serving = Serving::start(&mut program(home.path(), &["--quiet", "--allow-url", &pattern]));
    assert!(load(&serving, &own).unwrap_err().contains("may not be loaded from here"));
    assert!(server.asked().is_empty());
    assert!(load(&serving, &public).unwrap().contains("serving x"));
    // A pattern without the name of a server does not allow addresses of this machine.
    let serving =
        Serving::start(&mut program(home.path(), &["--quiet", "--allow-url", "http://*/pub/*"]));
    server.asked();
    let error = load(&serving, &public).unwrap_err();
    assert!(error.contains("which is not a public machine"), "{error}");
    assert!(server.asked().is_empty());
}
