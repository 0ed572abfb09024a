//! The tables in `docs/` are made from the lists in the code, and every link leads somewhere. To
//! renew the tables after a change: `UPDATE_DOCS=1 cargo test --test docs`.

use clap::{Arg, Command, CommandFactory};
use epivizrs::cli::Cli;
use epivizrs::console::COMMANDS;
use epivizrs::protocol::{ACTIONS, REQUESTS};
use epivizrs::server::{CHANGES, PATHS};
use epivizrs::session::{Kind, needed};
use epivizrs::source::KEYS;
use epivizrs::source::expression::FUNCTIONS;
use epivizrs::source::formats::FORMATS;
use std::path::{Path, PathBuf};

/// A file of the repository.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head: Vec<_> = head.iter().map(ToString::to_string).collect();
    let rule = vec!["---".to_owned(); head.len()];
    line(&head) + &line(&rule) + &rows.map(|row| line(&row)).collect::<String>()
}

/// `-p`, `--port PORT`, or `[SOURCE]`.
fn usage(argument: &Arg) -> String {
    let takes = argument.get_action().takes_values();
    let values: Vec<_> = argument.get_value_names().unwrap_or_default().iter().collect();
    let value = values.first().map_or(String::new(), ToString::to_string);
    let long = argument.get_long().map(|long| {
        if takes {
            format!("`--{long} {}`", value.replace('|', "\\|"))
        } else {
            format!("`--{long}`")
        }
    });
    let short = argument.get_short().map(|short| format!("`-{short}`"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    if names.is_empty() { format!("`{value}`") } else { names.join(", ") }
}

fn options(command: &Command) -> String {
    let rows = command.get_arguments().filter(|a| !a.is_hide_set()).filter_map(|argument| {
        let about = argument.get_help()?.to_string().replace('|', "\\|");
        let defaults: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if argument.get_action().takes_values() && !defaults.is_empty() {
            format!("`{}`", defaults.join(" "))
        } else {
            String::new()
        };
        Some(vec![usage(argument), about, default])
    });
    table(&["option", "means", "default"], rows)
}

fn subcommand<'a>(command: &'a Command, names: &[&str]) -> &'a Command {
    names.iter().fold(command, |command, name| command.find_subcommand(name).unwrap())
}

fn code(words: &str) -> String {
    words.split_whitespace().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Each table: its page, its name there, and what it must be.
fn tables() -> Vec<(&'static str, &'static str, String)> {
    let command = Cli::command();
    let escape = |text: &str| text.replace('|', "\\|");
    let formats = FORMATS.iter().map(|format| {
        let endings: Vec<_> =
            format.extensions.iter().map(|ending| format!("`.{ending}`")).collect();
        vec![format.name.to_owned(), endings.join(" "), escape(format.about)]
    });
    let keys = KEYS.iter().map(|(key, takes)| vec![format!("`{key}=`"), (*takes).to_owned()]);
    let paths =
        PATHS.iter().map(|(path, takes, gives)| vec![code(path), code(takes), (*gives).to_owned()]);
    let changes = CHANGES.iter().map(|(method, path, takes, command, does)| {
        let role = needed(Kind::Command, command).to_string();
        vec![(*method).to_owned(), code(path), code(takes), role, (*does).to_owned()]
    });
    let functions = FUNCTIONS
        .iter()
        .map(|(name, _, takes, gives)| vec![format!("`{name}({takes})`"), (*gives).to_owned()]);
    let commands = COMMANDS.iter().flat_map(|(group, infos)| {
        infos.iter().enumerate().map(move |(at, info)| {
            let group = if at == 0 { *group } else { "" };
            vec![group.to_owned(), format!("`{}`", escape(info.usage)), escape(info.about)]
        })
    });
    let requests = REQUESTS.iter().map(|(name, served, about)| {
        let answered = if *served { "yes" } else { "refused" };
        vec![format!("`{name}`"), (*about).to_owned(), answered.to_owned()]
    });
    let actions =
        ACTIONS.iter().map(|(name, about)| vec![format!("`{name}`"), (*about).to_owned()]);
    let of = |names: &[&str]| options(subcommand(&command, names));
    vec![
        ("formats.md", "formats", table(&["format", "file names", "served as"], formats)),
        ("configuration.md", "serve", of(&["serve"])),
        ("configuration.md", "attach", of(&["attach"])),
        ("configuration.md", "inspect", of(&["inspect"])),
        ("configuration.md", "query", of(&["query"])),
        ("configuration.md", "install", of(&["ui", "install"])),
        ("configuration.md", "keys", table(&["option", "takes"], keys)),
        ("http.md", "paths", table(&["path", "takes", "gives"], paths)),
        (
            "http.md",
            "changes",
            table(&["method", "path", "takes", "role", "what it does"], changes),
        ),
        ("computed.md", "functions", table(&["function", "what it returns"], functions)),
        ("console.md", "commands", table(&["", "command", "what it does"], commands)),
        ("protocol.md", "requests", table(&["request", "asks for", "answered"], requests)),
        ("protocol.md", "actions", table(&["action", "what the page does"], actions)),
    ]
}

#[test]
fn the_tables_are_those_of_the_code() {
    for (page, name, table) in tables() {
        let page = format!("docs/{page}");
        let text = read(&page);
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start = text.find(&open).unwrap_or_else(|| panic!("{page}: {name}")) + open.len();
        let end = text.find(&close).unwrap_or_else(|| panic!("{page}: {name} has no end"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let mut renewed = text.clone();
            renewed.replace_range(start..end, &table);
            std::fs::write(file(&page), renewed).unwrap();
        } else {
            let why = "renew it: UPDATE_DOCS=1 cargo test --test docs";
            assert_eq!(text[start..end], table, "{page}: {name}: {why}");
        }
    }
}

/// The places that a page links to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(link, _)| link).filter(|link| !link.contains("://"))
}

/// The anchor of a heading, as GitHub and mdbook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn pages() -> Vec<String> {
    let names = std::fs::read_dir(file("docs")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    for page in top.map(str::to_owned).into_iter().chain(pages()) {
        for link in links(&read(&page)) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                page.clone()
            } else {
                Path::new(&page).with_file_name(path).to_str().unwrap().to_owned()
            };
            assert!(file(&target).exists(), "{page}: {link} leads nowhere");
            let text = if heading.is_empty() { String::new() } else { read(&target) };
            let mut headings = text.lines().filter_map(|line| line.strip_prefix("##"));
            let found = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
            assert!(heading.is_empty() || found, "{page}: {link}: there is no such heading");
        }
    }
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = read("docs/SUMMARY.md");
    let listed: Vec<_> = links(&summary).map(|link| format!("docs/{link}")).collect();
    for page in pages() {
        assert!(page == "docs/SUMMARY.md" || listed.contains(&page), "{page} is not listed");
    }
}

/// Who looks at a project for half a minute reads no more.
#[test]
fn the_readme_is_short() {
    let words = read("README.md").split_whitespace().count();
    assert!(words < 900, "{words} words");
}

/// All Rust files below a folder: their paths and texts, a comment's lines joined.
fn rust(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(|line| {
                let line = line.trim_start();
                ["//! ", "/// ", "// "]
                    .iter()
                    .find_map(|mark| line.strip_prefix(mark))
                    .unwrap_or(line)
            });
            into.push((path, lines.collect::<Vec<_>>().join(" ")));
        }
    }
}

#[test]
fn comments_cite_what_is_there() {
    let mut sources = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        rust(&file(folder), &mut sources);
    }
    let facts = read("docs/protocol.md");
    let mut cited = 0;
    for (path, text) in &sources {
        // A document is named between backticks, from the root or from beside the file.
        for name in text.split('`').filter(|name| name.ends_with(".md") && !name.contains(' ')) {
            let found = file(name).exists() || path.with_file_name(name).exists();
            assert!(found, "{}: {name} is not in the repository", path.display());
        }
        for rest in text.split("`docs/protocol.md`, ").skip(1) {
            let mut numbers = rest.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ' '));
            for number in numbers.next().unwrap_or_default().split_whitespace() {
                let number = number.trim_end_matches('.');
                let fact = facts.contains(&format!("**{number}**"));
                let section = facts.contains(&format!("\n## {number}. "));
                assert!(fact || section, "{}: there is no fact {number}", path.display());
                cited += 1;
            }
        }
    }
    assert!(cited > 5, "only {cited} citations were found");
}
