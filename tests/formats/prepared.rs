//! What `prepare` derives is found by the content of a file, wherever it and the file lie.

use crate::fixtures::signals::by_bigtools;
use crate::remote::server::Server;
use bigtools::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LENGTH: u32 = 8_000_000;

/// Writes a signal whose wide views are made from saved sums.
fn signal(path: &Path, step: f32) -> Vec<u8> {
    let value = |n: u32| Value { start: n * 16, end: n * 16 + 16, value: (n % 97) as f32 + step };
    let file =
        by_bigtools(&[("chr1", LENGTH)], (0..LENGTH / 16).map(|n| ("chr1", value(n))).collect());
    fs::write(path, &file).unwrap();
    file
}

/// Runs the program; returns its output.
fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_epivizrs")).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn prepared_sums_are_used_for_the_same_content_under_any_name_and_at_any_address() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let one = signal(&folder.path().join("one.bw"), 1.0);
    signal(&folder.path().join("two.bw"), 2.0);
    let said = run(&["prepare", &at("one.bw"), "--to", &at("prepared")]);
    assert!(said.ends_with("one.bw: 1 file, 0.2 MB\n"), "{said}");
    let first = files(&folder.path().join("prepared"));
    let said = run(&["prepare", &at("one.bw"), "--to", &at("prepared")]);
    assert!(said.ends_with("one.bw: nothing to do\n"), "{said}");
    run(&["prepare", &at("two.bw"), "--to", &at("prepared")]);
    let both = files(&folder.path().join("prepared"));
    let [first] = &first[..] else { panic!("{first:?}") };
    let second = both.iter().find(|path| *path != first).unwrap();

    // The values tell which sums were read: each file is given those of the other.
    let wide = |source: &str, more: &[&str]| {
        let options = [&["query", source, "chr1", "--level", "8192"], more].concat();
        run(&options).lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let truth = ["one.bw", "two.bw"]
        .map(|name| wide(&at(name), &["--cache-dir", &at(&format!("cache-{name}"))]));
    assert_ne!(truth[0], truth[1]);
    let server = Server::start();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    server.put(&format!("/p/{}", name(first)), &fs::read(second).unwrap(), Some("1"));
    server.put(&format!("/p/{}", name(second)), &fs::read(first).unwrap(), Some("1"));
    fs::copy(at("one.bw"), at("renamed.bigwig")).unwrap();
    let place = server.url("/p/");
    let with = |cache: &str| {
        wide(&at("renamed.bigwig"), &["--prepared", &place, "--cache-dir", &at(cache)])
    };
    assert_eq!(values(&with("c1")), values(&truth[1]));
    // A folder does as well as an address.
    let near = ["--prepared", &at("prepared"), "--cache-dir", &at("c2")].map(str::to_owned);
    let near: Vec<&str> = near.iter().map(String::as_str).collect();
    assert_eq!(values(&wide(&at("renamed.bigwig"), &near)), values(&truth[0]));
    // Wide views of the file on another machine are exact, without reading its records.
    server.put("/far.bw", &one, Some("1"));
    server.asked();
    let far =
        wide(&server.url("/far.bw"), &["--prepared", &at("prepared"), "--cache-dir", &at("c3")]);
    assert_eq!(values(&far), values(&truth[0]));
    let bytes: usize = server.asked().iter().map(|asked| asked.range().unwrap().len()).sum();
    assert!(bytes < one.len() / 4, "{bytes} of {}", one.len());
}

/// Returns the last column of each row.
fn values(rows: &[String]) -> Vec<&str> {
    rows.iter().skip(1).map(|row| row.rsplit('\t').next().unwrap()).collect()
}
