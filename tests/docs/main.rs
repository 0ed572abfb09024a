//! The tables in `README.md` and `docs/` are made from the code, and every link leads somewhere. To
//! renew the tables after a change: `UPDATE_DOCS=1 cargo test --test docs`.

mod readme;

use clap::{Arg, Command, CommandFactory};
use epivizrs::cli::Cli;
use epivizrs::console::COMMANDS;
use epivizrs::server::PATHS;
use epivizrs::source::KEYS;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
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
    let long = argument.get_long().map(|long| match takes {
        true => format!("`--{long} {}`", value.replace('|', "\\|")),
        false => format!("`--{long}`"),
    });
    let short = argument.get_short().map(|short| format!("`-{short}`"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    match names.is_empty() {
        true => format!("`{value}`"),
        false => names.join(", "),
    }
}

fn options(command: &Command) -> String {
    let rows = command.get_arguments().filter(|a| !a.is_hide_set()).filter_map(|argument| {
        let about = argument.get_help()?.to_string().replace('|', "\\|");
        let defaults: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = match argument.get_action().takes_values() && !defaults.is_empty() {
            true => format!("`{}`", defaults.join(" ")),
            false => String::new(),
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

#[test]
fn the_tables_are_those_of_the_code() {
    let command = Cli::command();
    let keys = KEYS.iter().map(|(key, takes)| vec![format!("`{key}=`"), (*takes).to_owned()]);
    let paths =
        PATHS.iter().map(|(path, takes, gives)| vec![code(path), code(takes), (*gives).to_owned()]);
    let paths = table(&["path", "takes", "gives"], paths);
    let commands = COMMANDS.iter().flat_map(|(group, infos)| {
        infos.iter().enumerate().map(move |(at, info)| {
            let [usage, about] = [info.usage, info.about].map(|text| text.replace('|', "\\|"));
            vec![if at == 0 { *group } else { "" }.to_owned(), format!("`{usage}`"), about]
        })
    });
    for (page, name, table) in [
        ("configuration.md", "serve", options(subcommand(&command, &["serve"]))),
        ("configuration.md", "attach", options(subcommand(&command, &["attach"]))),
        ("configuration.md", "inspect", options(subcommand(&command, &["inspect"]))),
        ("configuration.md", "query", options(subcommand(&command, &["query"]))),
        ("configuration.md", "install", options(subcommand(&command, &["ui", "install"]))),
        ("configuration.md", "keys", table(&["option", "takes"], keys)),
        ("http.md", "paths", paths),
        ("console.md", "commands", table(&["", "command", "what it does"], commands)),
    ] {
        let path = folder().join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start = text.find(&open).unwrap_or_else(|| panic!("{page}: {name}")) + open.len();
        let end = text.find(&close).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let mut renewed = text.clone();
            renewed.replace_range(start..end, &table);
            std::fs::write(path, renewed).unwrap();
        } else {
            let why = "renew it: UPDATE_DOCS=1 cargo test --test docs";
            assert_eq!(text[start..end], table, "{page}: {name}: {why}");
        }
    }
}

/// The files that a page links to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).filter_map(|(link, _)| {
        let file = link.split('#').next()?;
        (!file.is_empty() && !link.contains("://")).then_some(file)
    })
}

#[test]
fn every_page_is_in_the_summary_and_every_link_leads_somewhere() {
    let summary = std::fs::read_to_string(folder().join("SUMMARY.md")).unwrap();
    let listed: Vec<_> = links(&summary).collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".md") {
            continue;
        }
        assert!(name == "SUMMARY.md" || listed.contains(&name.as_str()), "{name} is not listed");
        let text = std::fs::read_to_string(folder().join(&name)).unwrap();
        for link in links(&text) {
            assert!(folder().join(link).exists(), "{name}: {link} leads nowhere");
        }
    }
}
