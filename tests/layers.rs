//! Checks the layers of the code: no module imports from a layer above it, and there are no
//! circular imports. A module and those inside it count as one.

use std::collections::BTreeSet;
use std::path::Path;

/// The layers of each folder, from the bottom up.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "error", "color", "genome", "table", "stream", "bytes", "source", "protocol",
            "catalog", "provider", "store", "session", "console", "server", "cli",
        ],
    ),
    ("source", &["io", "rows", "signals", "computed", "features", "alignments", "formats"]),
];

/// Collects the paths of the files in a folder, without their endings: `source/rows/open`.
fn modules(folder: &Path, name: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{name}{}", path.file_stem().unwrap().to_str().unwrap());
        if path.is_dir() {
            modules(&path, &format!("{name}/"), found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.insert(name);
        }
    }
}

/// Collects the paths of a tree of imports, such as `a::{b, c::{d, e}}`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{}", tree.trim()));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let mut depth = 0;
    let between = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    };
    inner.split(between).for_each(|part| expand(&prefix, part, paths));
}

/// Returns the modules from which a file imports, not counting those of its tests.
fn imports(module: &str, text: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut paths = Vec::new();
    for statement in code.split(';') {
        if let Some(at) = statement.rfind("use crate::").or_else(|| statement.rfind("use super::"))
        {
            expand("", &statement[at + 4..], &mut paths);
        }
    }
    // Full paths that are used without an import.
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let words = code.split(|c| !is_path(c)).filter(|word| word.starts_with("crate::"));
    paths.extend(words.map(str::to_owned));
    let resolve = |path: String| {
        let (mut base, mut path) = (module.to_owned(), path.replace("::", "/"));
        while let Some(rest) = path.strip_prefix("super/") {
            base = base.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
            path = rest.to_owned();
        }
        let mut path = match path.strip_prefix("crate/") {
            Some(path) => path.to_owned(),
            None => format!("{base}/{path}"),
        };
        while !modules.contains(&path) {
            path.truncate(path.rfind('/')?);
        }
        Some(path)
    };
    paths.into_iter().filter_map(resolve).collect()
}

/// Returns the folder and the two modules in it that an import connects; `None` if one lies inside
/// the other.
fn tie(from: &str, to: &str) -> Option<(String, String, String)> {
    let (mut from, mut to) = (from.split('/'), to.split('/'));
    let mut folder = Vec::new();
    loop {
        match (from.next()?, to.next()?) {
            (a, b) if a == b => folder.push(a),
            (a, b) => return Some((folder.join("/"), a.to_owned(), b.to_owned())),
        }
    }
}

#[test]
fn imports_point_downward_and_never_run_in_a_circle() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    modules(&source, "", &mut files);
    let mut ties = BTreeSet::new();
    for module in files.iter().filter(|name| !matches!(name.as_str(), "lib" | "main")) {
        let text = std::fs::read_to_string(source.join(format!("{module}.rs"))).unwrap();
        for import in imports(module, &text, &files) {
            let Some((folder, from, to)) = tie(module, &import) else { continue };
            let layers =
                LAYERS.iter().find(|(of, _)| *of == folder).map_or(&[][..], |layer| layer.1);
            let layer = |name: &str| layers.iter().position(|known| *known == name);
            // Modules without a layer, such as the contract's own files, are below all others.
            assert!(layer(&from) >= layer(&to), "{module} imports from {import}, a layer above it");
            ties.insert((format!("{folder}/{from}"), format!("{folder}/{to}")));
        }
    }
    assert!(ties.len() > 100, "the imports were not found: {ties:?}");
    // A module is in no circle if no module left imports from it, or it imports from none left.
    loop {
        let (from, to): (BTreeSet<_>, BTreeSet<_>) = ties.iter().cloned().unzip();
        let count = ties.len();
        ties.retain(|tie| from.contains(&tie.1) && to.contains(&tie.0));
        if ties.len() == count {
            break;
        }
    }
    assert!(ties.is_empty(), "modules import each other in a circle: {ties:#?}");
}
