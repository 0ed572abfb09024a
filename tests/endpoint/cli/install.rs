//! `ui install`, with repositories that the test makes.

use super::*;

/// Runs git in a folder, without the settings of the user who runs the tests.
fn git(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@b.example"]).args(arguments);
    git.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    assert!(git.output().unwrap().status.success(), "git {arguments:?}");
}

/// Creates a repository with two branches: `4`, which can be served, and `5`, which cannot.
fn repository(folder: &Path) {
    std::fs::create_dir_all(folder.join("src/epiviz")).unwrap();
    git(folder, &["init", "-q"]);
    write(folder, "index-standalone.html", b"<title>EpiViz</title>");
    write(folder, "src/epiviz/standalone-settings.js", b"epiviz.Config.SETTINGS = {};");
    for version in ["5", "4"] {
        let text = format!("epiviz.EpiViz.VERSION = '{version}';");
        write(folder, "src/epiviz/epiviz.js", text.as_bytes());
        git(folder, &["checkout", "-q", "-B", version]);
        git(folder, &["add", "-A"]);
        git(folder, &["commit", "-qm", version]);
    }
    git(folder, &["checkout", "-q", "5"]);
}

#[test]
fn epiviz_is_installed_from_a_repository_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let (data, remote) = (folder.path().join("data"), folder.path().join("remote"));
    repository(&remote);
    let install = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
        let command = command.args(["ui", "install", "--from"]).args(arguments);
        let output = command.env("XDG_DATA_HOME", &data).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), text + &String::from_utf8(output.stderr).unwrap())
    };
    let from = remote.to_str().unwrap();
    let installed = data.join("epivizrs/epiviz");

    let (done, text) = install(&[from]);
    assert!(!done && text.contains("its version is 5"), "{text}");
    let (done, text) = install(&[from, "--ref", "none"]);
    assert!(!done && text.contains("git could not fetch"), "{text}");
    let (done, text) = install(&["/nowhere/at-all"]);
    assert!(!done && text.contains("/nowhere/at-all"), "{text}");
    assert!(!installed.exists() && !installed.with_extension("new").exists());

    let (done, text) = install(&[from, "--ref", "4"]);
    assert!(done && text.contains("(4) is now in"), "{text}");
    assert!(installed.join("index-standalone.html").exists() && !installed.join(".git").exists());

    let mut child = command(&["--mock"]).env("XDG_DATA_HOME", &data).spawn().unwrap();
    let mut listening = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut listening).unwrap();
    let run = Run { child, listening };
    let mut socket = TcpStream::connect(run.address()).unwrap();
    socket.write_all(b"GET /epiviz/ HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("<title>EpiViz</title>"), "{answer}");
    let own = format!("http://localhost:{}/epiviz/", run.address().rsplit(':').next().unwrap());
    run.signal("-TERM");
    let (_, text) = run.end();
    assert!(text.contains(&own), "{text}");

    // A copy without git replaces the installation; a folder without EpiViz does not.
    let plain = folder.path().join("plain");
    std::fs::create_dir(&plain).unwrap();
    let (done, text) = install(&[plain.to_str().unwrap()]);
    assert!(!done && text.contains("it lacks index-standalone.html"), "{text}");
    let (done, text) = install(&[installed.to_str().unwrap()]);
    assert!(done, "{text}");
}
