//! Tab completion.

use super::command::Arg;
use super::commands::{all, find};
use super::settings::built_in;
use super::tokenizer::{commands, quoted, words};
use crate::catalog::ChartType;
use crate::session::{Session, Topic};
use std::path::Path;

/// Maximum number of candidates.
const MAX_CANDIDATES: usize = 200;
/// Maximum number of genes among them, of which there may be thousands.
const MAX_GENES: usize = 20;

/// Completes the last word of `line`: returns its byte offset and the candidates. File names are
/// completed only for the owner.
pub async fn complete(session: &Session, line: &str, is_owner: bool) -> (usize, Vec<String>) {
    let command = if line.trim_end().ends_with(';') {
        ""
    } else {
        commands(line).last().copied().unwrap_or_default()
    };
    let fresh = line.ends_with(char::is_whitespace) || command.is_empty();
    let mut typed = words(command);
    let word = if fresh { String::new() } else { typed.pop().unwrap_or_default() };
    // A quoted word starts at its quote. With quotes inside the word, or a comment behind it, this
    // may be another place.
    let start = if fresh { line.len() } else { line.len() - raw_length(line, &word) };
    let start = line.floor_char_boundary(start);
    let mut found: Vec<String> = match typed.split_first() {
        None => names(),
        Some((name, before)) => match find(name) {
            Ok(command) => {
                let last = command.arguments.len().saturating_sub(1);
                match command.arguments.get(before.len().min(last)) {
                    Some(Arg::File | Arg::Source) if !is_owner => Vec::new(),
                    Some(kind) => candidates(session, *kind, before, &word).await,
                    None => Vec::new(),
                }
            }
            Err(_) => Vec::new(),
        },
    };
    let lower = word.to_lowercase();
    found.retain(|candidate| candidate.to_lowercase().starts_with(&lower));
    found.truncate(MAX_CANDIDATES);
    (start, found.iter().map(|candidate| quoted(candidate)).collect())
}

/// Returns the length of the last word as typed, with its opening quote.
fn raw_length(line: &str, word: &str) -> usize {
    let open = line.len().checked_sub(word.len() + 1).and_then(|at| line.get(at..=at));
    word.len() + usize::from(matches!(open, Some("\"" | "'")))
}

fn names() -> Vec<String> {
    all().map(|command| command.name().to_owned()).collect()
}

/// Returns the candidates for an argument of this kind; `before` are the preceding arguments.
async fn candidates(session: &Session, kind: Arg, before: &[String], word: &str) -> Vec<String> {
    let listing = || session.provider.catalog.listing();
    match kind {
        Arg::Measurement => listing().measurements().map(|m| m.id.clone()).collect(),
        Arg::Datasource => listing().datasources().iter().map(|d| d.id.clone()).collect(),
        Arg::Chart => session.charts().into_iter().map(|chart| chart.number.to_string()).collect(),
        Arg::ChartType => ChartType::ALL.iter().map(|(_, word, ..)| (*word).to_owned()).collect(),
        Arg::Plot => plot(session, before),
        Arg::Sequence => listing().sequences().iter().map(|s| s.name.to_string()).collect(),
        Arg::Place => places(session, word).await,
        Arg::File | Arg::Source => files(word),
        Arg::Setting => {
            let number = before.first().and_then(|number| number.parse().ok()).unwrap_or(0);
            let state = session.state();
            let known = state.chart(number).map(|chart| built_in(chart.kind)).unwrap_or_default();
            known.iter().map(|setting| format!("{}=", setting.id)).collect()
        }
        Arg::Page => session.pages().into_iter().map(|page| page.id().to_string()).collect(),
        Arg::Workspace => {
            let known = session.workspaces().await.unwrap_or_default();
            known.into_iter().map(|known| known.name).collect()
        }
        Arg::Command => names(),
        Arg::Topic => Topic::ALL.iter().map(|(_, word, _)| (*word).to_owned()).collect(),
        Arg::All(kind) => {
            let each = Box::pin(candidates(session, *kind, before, word)).await;
            each.into_iter().chain(["all".to_owned()]).collect()
        }
        Arg::Words(words) => words.iter().map(ToString::to_string).collect(),
        Arg::Free => Vec::new(),
    }
}

/// Completes measurements, then `as` and a chart type, then `with` and settings.
fn plot(session: &Session, before: &[String]) -> Vec<String> {
    if before.iter().any(|word| word == "with") {
        return ["color=", "step=", "title=", "yMin=", "yMax="].map(str::to_owned).to_vec();
    }
    if before.last().is_some_and(|word| word == "as") {
        return ChartType::ALL.iter().map(|(_, word, ..)| (*word).to_owned()).collect();
    }
    let listing = session.provider.catalog.listing();
    let unused = listing.measurements().map(|m| m.id.clone()).filter(|id| !before.contains(id));
    let keywords = ["as", "with"].into_iter().filter(|_| !before.is_empty()).map(str::to_owned);
    if before.iter().any(|word| word == "as") {
        keywords.skip(1).collect()
    } else {
        unused.chain(keywords).collect()
    }
}

async fn places(session: &Session, word: &str) -> Vec<String> {
    let listing = session.provider.catalog.listing();
    let state = session.state();
    let sequences = listing.sequences().iter().map(|s| s.name.to_string());
    let own = sequences.chain(state.sequences.into_keys()).chain(state.bookmarks.into_keys());
    // Every name contains the empty string.
    let hits = if word.is_empty() {
        Vec::new()
    } else {
        session.provider.catalog.search(word, MAX_GENES).await.unwrap_or_default()
    };
    own.chain(hits.into_iter().map(|hit| hit.name.to_string())).collect()
}

/// Lists the files whose paths start with `word`; folders end in a slash.
fn files(word: &str) -> Vec<String> {
    let (folder, _) = word.rsplit_once('/').map_or(("", word), |(folder, name)| (folder, name));
    let place = match (folder, word.starts_with('/')) {
        ("", true) => "/",
        ("", false) => ".",
        (folder, _) => folder,
    };
    let prefix = &word[..word.rfind('/').map_or(0, |slash| slash + 1)];
    let Ok(entries) = std::fs::read_dir(Path::new(place)) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let slash = if entry.path().is_dir() { "/" } else { "" };
            (!name.starts_with('.')).then(|| format!("{prefix}{name}{slash}"))
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::provider::Provider;

    #[tokio::test]
    async fn every_kind_of_argument_is_completed() {
        let catalog = Catalog::new(None);
        catalog.add_mock(1);
        let session = Session::new(Provider { catalog, page_rows: 1000 });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.bed"), "").unwrap();
        std::fs::create_dir(folder.path().join("abc")).unwrap();
        let offered = async |line: &str| complete(&session, line, true).await;
        assert_eq!(offered("pl").await, (0, vec!["plot".to_owned()]));
        assert_eq!(offered("plot ").await, (5, vec!["py_column".to_owned()]));
        assert_eq!(offered("wait page; plot PY").await, (16, vec!["py_column".to_owned()]));
        assert_eq!(offered("plot py_column a").await, (15, vec!["as".to_owned()]));
        assert_eq!(offered("plot py_column as heat").await, (18, vec!["heatmap".to_owned()]));
        assert_eq!(offered("go py").await, (3, vec!["pyChr".to_owned()]));
        assert_eq!(offered("zoom ").await.1, ["in", "out"]);
        assert_eq!(offered("remove ").await.1, ["all"]);
        assert_eq!(offered("subscribe location ch").await.1, ["charts"]);
        assert_eq!(offered("help wor").await.1, ["workspaces"]);
        assert_eq!(offered("fly ").await.1, [""; 0]);
        let path = folder.path().to_str().unwrap();
        let (start, found) = offered(&format!("load {path}/a")).await;
        assert_eq!(start, 5);
        assert_eq!(found, [format!("\"{path}/a b.bed\""), format!("{path}/abc/")]);
    }
}
