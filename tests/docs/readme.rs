//! The README's tables are made from the lists in the code.

use epivizrs::console::COMMANDS;
use epivizrs::protocol::{ACTIONS, REQUESTS};
use epivizrs::source::KEYS;
use epivizrs::source::formats::FORMATS;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let head_line = line(head.iter().map(ToString::to_string).collect());
    head_line + &line(vec!["---".into(); head.len()]) + &rows.map(line).collect::<String>()
}

fn tables() -> Vec<(&'static str, String)> {
    let formats = FORMATS.iter().map(|format| {
        let endings: Vec<_> =
            format.extensions.iter().map(|ending| format!("`.{ending}`")).collect();
        vec![format.name.into(), endings.join(" "), format.about.into()]
    });
    let keys = KEYS.iter().map(|(key, takes)| vec![format!("`{key}=`"), (*takes).into()]);
    let commands = COMMANDS.iter().flat_map(|(group, infos)| {
        infos.iter().enumerate().map(move |(at, info)| {
            let group = if at == 0 { *group } else { "" };
            let usage = format!("`{}`", info.usage.replace('|', "\\|"));
            vec![group.into(), usage, info.about.replace('|', "\\|")]
        })
    });
    let requests = REQUESTS.iter().map(|(name, served, about)| {
        vec![format!("`{name}`"), (*about).into(), if *served { "yes" } else { "refused" }.into()]
    });
    let actions = ACTIONS.iter().map(|(name, about)| vec![format!("`{name}`"), (*about).into()]);
    vec![
        ("formats", table(&["format", "file names", "served as"], formats)),
        ("keys", table(&["option", "takes"], keys)),
        ("commands", table(&["", "command", "what it does"], commands)),
        ("requests", table(&["request", "asks for", "answered"], requests)),
        ("actions", table(&["action", "what the page does"], actions)),
    ]
}

#[test]
fn the_tables_are_those_of_the_code() {
    let readme = std::fs::read_to_string(PATH).unwrap();
    let mut renewed = readme.clone();
    for (name, table) in tables() {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start =
            renewed.find(&open).unwrap_or_else(|| panic!("no place for {name}")) + open.len();
        let end = renewed.find(&close).unwrap();
        renewed.replace_range(start..end, &table);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &renewed).unwrap();
    } else {
        assert!(renewed == readme, "renew them: UPDATE_DOCS=1 cargo test --test docs");
    }
}
