//! Resolves the sources that a user names: files, folders, patterns such as `*.bw`, and track hubs.

use super::hub::{Hub, is_hub};
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::source::Spec;
use crate::source::formats::FORMATS;
use std::path::{Component, Path, PathBuf};

/// Endings of indexes, which are read together with the file that they belong to.
const INDEXES: &[&str] = &["tbi", "csi", "bai", "crai", "fai", "gzi"];

/// Files of single-cell counts. Their folder is one source, which is named after the folder.
const MATRICES: [&str; 2] = ["matrix.mtx", "matrix.mtx.gz"];

/// Sources to open.
#[derive(Debug, Default)]
pub struct Selection {
    /// The sources, in the given order.
    pub specs: Vec<Spec>,
    /// The assembly that a hub states.
    pub assembly: Option<String>,
    /// The errors of sources that cannot be opened.
    pub errors: Vec<Error>,
}

/// Finds the files of the `named` sources. A folder stands for its files of known formats, a
/// pattern for the files that match it, `hub.txt` for the tracks of its hub. Indexes among other
/// files are omitted.
pub fn select(named: Vec<Spec>) -> Selection {
    let mut selection = Selection::default();
    let many = named.len() > 1;
    for spec in named {
        let path = spec.input.path().to_owned();
        let is_one =
            spec.input.is_remote() || matches!(spec.input, Input::Memory(..)) || path.is_file();
        if is_one && is_hub(&spec.input) {
            selection.add_hub(&spec.input);
        } else if is_one {
            if !(many && is_index(&path)) {
                selection.specs.push(spec);
            }
        } else {
            let files = if path.is_dir() {
                files_of_folder(&path)
            } else if is_pattern(&path) {
                files_of_pattern(&path)
            } else {
                // Opening it reports what is wrong.
                Ok(vec![path])
            };
            match files {
                Ok(files) => {
                    selection.specs.extend(files.into_iter().map(|file| {
                        let mut options = spec.options.for_another_file();
                        let name = file.file_name().and_then(|name| name.to_str());
                        let folder = file.parent().and_then(|folder| folder.file_name());
                        // All these files have the same name.
                        if name.is_some_and(|name| MATRICES.contains(&name)) {
                            let folder = folder.map(|name| name.to_string_lossy().into_owned());
                            options.name = options.name.or(folder);
                        }
                        Spec { input: Input::File(file), options }
                    }));
                }
                Err(error) => selection.errors.push(error),
            }
        }
    }
    selection
}

impl Selection {
    fn add_hub(&mut self, input: &Input) {
        match Hub::read(input) {
            Ok(hub) => {
                self.specs.extend(hub.tracks);
                self.errors.extend(hub.errors);
                self.assembly.get_or_insert(hub.assembly);
            }
            Err(error) => self.errors.push(error),
        }
    }
}

fn is_index(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    INDEXES.contains(&ending)
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

/// Returns the files of known formats in a folder, sorted by name; or the folder if it is one
/// source.
fn files_of_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    if let Some(matrix) = MATRICES.iter().map(|name| folder.join(name)).find(|file| file.is_file())
    {
        return Ok(vec![matrix]);
    }
    let endings: Vec<&str> = FORMATS.iter().flat_map(|format| format.extensions).copied().collect();
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for name in names(folder)? {
        let path = folder.join(&name);
        if is_hidden(&name) || is_index(&path) || !path.is_file() {
            continue;
        }
        let ending = Input::File(path.clone()).ending();
        if endings.contains(&ending.as_str()) { files.push(path) } else { others.push(name) }
    }
    if !others.is_empty() {
        let shown = others.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if others.len() > 5 { ", ..." } else { "" };
        let folder = folder.display();
        tracing::warn!(
            "{folder}: skipped files whose names indicate no known format: {shown}{more}"
        );
    }
    if files.is_empty() {
        let message = "the folder contains no file whose name indicates a known format";
        return Err(Error::data(folder, "", message));
    }
    Ok(files)
}

/// Returns the names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    let read = || -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    };
    read().map_err(|error| Error::io(folder, error))
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// Returns the files that match a pattern, sorted by name.
fn files_of_pattern(pattern: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        if !(matches!(component, Component::Normal(_)) && is_pattern(Path::new(&*text))) {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        }
        let mut next = Vec::new();
        for folder in found {
            let here = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
            // A component may match something that is not a readable folder.
            let names = names(here).unwrap_or_default().into_iter();
            let shown = names.filter(|name| text.starts_with('.') || !is_hidden(name));
            next.extend(shown.filter(|name| matches(&text, name)).map(|name| folder.join(name)));
        }
        found = next;
    }
    found.retain(|path| path.is_file() && !is_index(path));
    if found.is_empty() {
        let message = format!("no file matches '{}'", pattern.display());
        return Err(Error::NotFound(message));
    }
    Ok(found)
}

/// Returns whether a name matches a pattern of `*`, `?`, `[abc]`, `[a-z]` and `[!a]`.
fn matches(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    let Some(first) = rest.next() else { return name.is_empty() };
    let pattern = rest.as_str();
    let mut chars = name.chars();
    match first {
        '*' => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| matches(pattern, &name[at..]))
        }
        '[' if pattern.contains(']') => {
            let (set, after) = pattern.split_once(']').unwrap_or((pattern, ""));
            let (set, negated) = match set.strip_prefix('!') {
                Some(set) => (set, true),
                None => (set, false),
            };
            let holds = |char| in_set(set, char) != negated;
            chars.next().is_some_and(holds) && matches(after, chars.as_str())
        }
        '?' => chars.next().is_some() && matches(pattern, chars.as_str()),
        first => chars.next() == Some(first) && matches(pattern, chars.as_str()),
    }
}

/// Returns whether a set such as `abc` or `a-z` contains a character.
fn in_set(set: &str, char: char) -> bool {
    let set: Vec<char> = set.chars().collect();
    let mut at = 0;
    while at < set.len() {
        match set[at..] {
            [low, '-', high, ..] => {
                if (low..=high).contains(&char) {
                    return true;
                }
                at += 3;
            }
            [one, ..] if one == char => return true,
            _ => at += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.bed", "a.bw", "a2.bw", "a.bam", "a.bam.bai", "notes.md", ".hidden.bed"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/c.bw"), "").unwrap();
        folder
    }

    fn selected(folder: &Path, named: &[&str]) -> (Vec<String>, Vec<String>) {
        let path = |name: &&str| folder.join(name).display().to_string().parse().unwrap();
        let selection = select(named.iter().map(path).collect());
        let start = format!("{}/", folder.display());
        let shown = |spec: &Spec| {
            let name = spec.options.name.as_deref().map_or(String::new(), |n| format!(" {n}"));
            spec.input.path().display().to_string().replace(&start, "") + &name
        };
        let errors = selection.errors.iter().map(|error| error.to_string().replace(&start, ""));
        (selection.specs.iter().map(shown).collect(), errors.collect())
    }

    #[test]
    fn folders_and_patterns_stand_for_their_files_without_indexes() {
        let folder = folder();
        let files = |named: &[&str]| {
            let (files, errors) = selected(folder.path(), named);
            assert!(errors.is_empty(), "{errors:?}");
            files
        };
        assert_eq!(files(&[""]), ["a.bam", "a.bw", "a2.bw", "b.bed"]);
        assert_eq!(files(&["a*"]), ["a.bam", "a.bw", "a2.bw"]);
        assert_eq!(files(&["a?.bw", "b.bed,name=x"]), ["a2.bw", "b.bed x"]);
        assert_eq!(files(&["*/*.bw"]), ["sub/c.bw"]);
        assert_eq!(files(&["a[0-9].bw,name=y"]), ["a2.bw y"]);
        assert_eq!(files(&["a.bam", "a.bam.bai"]), ["a.bam"], "as the shell expands a.bam*");
        assert_eq!(files(&["a.bam.bai"]), ["a.bam.bai"], "opening it says what is wrong");
        assert_eq!(files(&["missing.bed"]), ["missing.bed"]);
    }

    #[test]
    fn sources_without_files_are_errors() {
        let folder = folder();
        let (files, errors) = selected(folder.path(), &["*.vcf", "a.bw"]);
        assert_eq!((files.len(), errors.len()), (1, 1));
        assert_eq!(errors[0], "no file matches '*.vcf'");
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        let (_, errors) = selected(folder.path(), &["empty"]);
        assert!(errors[0].contains("no file whose name indicates a known format"), "{errors:?}");
    }

    #[test]
    fn patterns_match_names() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*.b*", "a.bw", true),
            ("a*b*c", "axbxbc", true),
            ("a*b", "ab.", false),
            ("[ab]?", "b1", true),
            ("[!ab]?", "b1", false),
            ("[0-9a]", "a", true),
            ("[", "[", true),
            ("é?", "éa", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
