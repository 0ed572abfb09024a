//! Files on other machines: each gives the same answers as the same file on this machine.

mod answers;
mod program;
pub(crate) mod server;
mod wide;

use crate::fixtures::{self, Fixture};
use crate::{levels, read, rows, whole};
use epivizrs::bytes::Input;
use epivizrs::source::formats::FORMATS;
use epivizrs::source::{Level, Source, Spec};
use server::Server;

/// Puts a fixture on a server, and returns its source there.
fn put(server: &Server, fixture: &Fixture, folder: &str) -> Spec {
    let path = fixture.spec.input.path();
    let mut address = String::new();
    for file in [Some(path.to_owned()), fixture.spec.input.index()].into_iter().flatten() {
        let name = file.file_name().unwrap().to_str().unwrap();
        server.put(&format!("/{folder}/{name}"), &std::fs::read(&file).unwrap(), Some("1"));
        if file == path {
            address = server.url(&format!("/{folder}/{name}?token=SECRET"));
        }
    }
    Spec { input: Input::named(&address).unwrap(), ..fixture.spec.clone() }
}

fn all_rows(source: &dyn Source, level: Level) -> Vec<String> {
    let tables = source.sequences().iter().map(|s| read(source, &whole(source, s.name), level));
    tables.flat_map(|table| rows(&table)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_on_its_server_is_reopened() {
    use epivizrs::catalog::{Catalog, Resolution};
    use epivizrs::genome::Region;
    let server = Server::start();
    let line = |name: &str| format!("chr1\t10\t20\t{name}\n").repeat(3).into_bytes();
    server.put("/x.bed", &line("old"), Some("1"));
    let assembly = [("chr1", 1000)].into_iter().collect();
    let catalog = Catalog::new(Some(("test".into(), assembly))).with_context(crate::context());
    let (_, errors) = catalog.load(vec![server.url("/x.bed").parse().unwrap()]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let shown = async || {
        let snapshot = catalog.snapshot();
        let datasource = snapshot.datasource("x").unwrap();
        let query = epivizrs::catalog::Query {
            datasource,
            region: Region::new("chr1", 0, 100),
            measurements: Vec::new(),
            metadata: vec!["name".into()],
            resolution: Resolution::At(Level::Records),
        };
        let table = snapshot.read(query).await.unwrap().table;
        match table.column("name").unwrap() {
            epivizrs::table::Data::Text(texts) => texts.get(0).to_owned(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(shown().await, "old");
    // Nothing has changed: one request, and no change.
    server.asked();
    assert!(catalog.look_at_remote_files().await.is_empty());
    assert_eq!(server.asked().len(), 1);
    server.put("/x.bed", &line("new"), Some("2"));
    let changes = catalog.look_at_remote_files().await;
    assert!(changes.len() == 1 && changes[0].now.is_ok(), "{changes:?}");
    assert_eq!(shown().await, "new");
    assert!(catalog.look_at_remote_files().await.is_empty());
    // A damaged version is reported; what was read before stays, and the next version replaces it.
    server.put("/x.bed", b"chr1\tx\ty\n", Some("3"));
    let changes = catalog.look_at_remote_files().await;
    assert!(changes[0].now.is_err());
    let measurement = catalog.listing().measurements().next().unwrap().clone();
    assert!(catalog.trouble(&measurement).unwrap().contains("x.bed"));
    assert_eq!(shown().await, "new");
    server.put("/x.bed", &line("newest"), Some("4"));
    assert!(catalog.look_at_remote_files().await[0].now.is_ok());
    assert_eq!(shown().await, "newest");
    assert_eq!(catalog.trouble(&catalog.listing().measurements().next().unwrap().clone()), None);
}

#[test]
fn every_format_is_read_from_an_address_as_from_a_file() {
    let server = Server::start();
    let all = FORMATS.iter().flat_map(|format| fixtures::of(format.name));
    let mut read = 0;
    // A single-cell matrix consists of several files.
    let all = all.filter(|fixture| !fixture.name.starts_with("mtx"));
    for (number, fixture) in all.filter(|fixture| fixture.spec.input.path().is_file()).enumerate() {
        let near = fixture.open(&fixture.spec).unwrap();
        let spec = put(&server, &fixture, &number.to_string());
        let far = fixture.open(&spec).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        assert_eq!(far.shape(), near.shape(), "{}", fixture.name);
        assert_eq!(far.columns(), near.columns(), "{}", fixture.name);
        let names = |source: &dyn Source| {
            source.sequences().iter().map(|s| (s.name.to_string(), s.length)).collect::<Vec<_>>()
        };
        assert_eq!(names(&*far), names(&*near), "{}", fixture.name);
        // Only some of the levels: the finest of a dense signal has hundreds of thousands of rows.
        for level in levels(near.shape()).into_iter().rev().step_by(4) {
            assert_eq!(all_rows(&*far, level), all_rows(&*near, level), "{} {level}", fixture.name);
        }
        assert_eq!(spec.input.stem(), fixture.spec.input.stem());
        read += 1;
    }
    assert!(read >= FORMATS.len() - 1);
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.path.ends_with("?token=SECRET")), "the query is sent");
    assert!(asked.iter().all(|asked| asked.range().is_some()), "only ranges are requested");
}
