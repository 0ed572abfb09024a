//! Data that programs send: written to files of this program, which are served like any file.

mod content;

use super::{Catalog, Measurement, Renewed};
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::private;
use crate::source::formats::format_named;
use crate::source::{Options, Spec};
use crate::stream::Rows;
use crate::table::Texts;
use content::rows_of;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Maximum size of one source, in bytes.
pub const MAX_PUSHED: usize = 64 << 20;
/// Maximum number of sources.
const MAX_SOURCES: usize = 100;
/// Maximum size of all of them, in bytes.
const MAX_ALL: u64 = 512 << 20;
/// Separates the name from the number of the version in the name of a file.
const VERSION: char = '~';
/// The ending of files whose format is detected.
const UNKNOWN: &str = "data";
/// The ending of the file beside a kept one that has its options: a line `key=value` for each.
const OPTIONS: &str = ".options";

/// A source as a program sends it.
#[derive(Clone, Debug)]
pub struct PushedSpec {
    name: String,
    keep: bool,
    options: Options,
    /// The texts from which the options were set.
    set: BTreeMap<String, String>,
}

/// The keys of a source that is sent, and their values, for help texts and errors.
pub const PUSHED_KEYS: &[(&str, &str)] = &[
    ("format", "one of the known formats; default: by the Content-Type, else detected"),
    ("keep", "yes: it is served again after a restart"),
    ("group", "signals of one group are drawn and compared together"),
    ("color", "colour of its charts, like #1f77b4"),
    ("range", "LOW:HIGH, the values that charts show"),
    ("missing", "zero or gap: what a base without data means in a signal"),
];

impl PushedSpec {
    /// Creates the description of a source.
    ///
    /// # Errors
    /// [`Error::Input`] for an unsuitable name.
    pub fn new(name: &str) -> Result<Self> {
        super::computed::check_name(name)?;
        let options = Options { name: Some(name.to_owned()), ..Options::default() };
        Ok(PushedSpec { name: name.to_owned(), keep: false, options, set: BTreeMap::new() })
    }

    /// Sets an option, one of [`PUSHED_KEYS`], from its text.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown key or a value that it does not take.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "keep" => {
                self.keep = match value {
                    "yes" => true,
                    "no" => false,
                    _ => return Err(Error::Input(format!("keep={value}: keep takes yes or no"))),
                };
                Ok(())
            }
            "format" => {
                format_named(value)?;
                self.options.set(key, value)
            }
            key if PUSHED_KEYS.iter().any(|known| known.0 == key) => {
                self.options.set(key, value)?;
                self.set.insert(key.to_owned(), value.to_owned());
                Ok(())
            }
            _ => {
                let known = PUSHED_KEYS.iter().map(|(key, _)| *key);
                Err(Error::Input(crate::source::unknown("key", key, known)))
            }
        }
    }

    /// Returns whether a format was chosen.
    pub fn has_format(&self) -> bool {
        self.options.format.is_some()
    }
}

/// The sources that programs have sent.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    /// The folder of those that are kept; `None` if nothing is saved.
    kept: Option<PathBuf>,
    /// The folder of the others, which is removed at the end.
    temporary: Mutex<Option<PathBuf>>,
    files: Mutex<BTreeMap<String, PushedFile>>,
    /// Changes are made one after the other.
    turn: tokio::sync::Mutex<()>,
}

/// The file of a source.
#[derive(Clone, Debug)]
struct PushedFile {
    path: PathBuf,
    bytes: u64,
    keep: bool,
}

impl Pushed {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, PushedFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the folder for a file.
    fn folder(&self, keep: bool) -> Result<PathBuf> {
        if keep {
            let what = "nothing is saved, since there is no state folder: keep=yes is not possible";
            let folder = self.kept.clone().ok_or_else(|| Error::Input(what.into()))?;
            private::create_folder(&folder).map_err(|error| Error::io(&folder, error))?;
            return Ok(folder);
        }
        let mut temporary = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &*temporary {
            return Ok(folder.clone());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = format!("epivizrs-{}-{now:x}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        private::create_folder(&folder).map_err(|error| Error::io(&folder, error))?;
        Ok(temporary.insert(folder).clone())
    }

    /// Returns the path of a new version of a source.
    fn new_path(&self, name: &str, keep: bool, format: Option<&str>) -> Result<PathBuf> {
        let folder = self.folder(keep)?;
        let ending = format.unwrap_or(UNKNOWN);
        let path = |n| folder.join(format!("{name}{VERSION}{n}.{ending}"));
        Ok((1u32..).map(path).find(|path| !path.exists()).unwrap_or(folder))
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        let temporary = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &*temporary {
            // What is left is in the system's folder for temporary files.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Catalog {
    /// Sets the folder in which sources of programs are kept.
    #[must_use]
    pub fn with_kept(mut self, folder: Option<PathBuf>) -> Self {
        self.pushed.kept = folder;
        self
    }

    /// Serves the sources that were kept; errors are logged.
    pub async fn load_kept(&self) {
        let Some(folder) = self.pushed.kept.clone() else { return };
        let Ok(names) = std::fs::read_dir(&folder) else { return };
        let mut paths: Vec<PathBuf> = names.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if file.ends_with(OPTIONS) {
                continue;
            }
            let Some((name, rest)) = file.rsplit_once(VERSION) else { continue };
            let Ok(mut wanted) = PushedSpec::new(name) else { continue };
            let format = rest.split_once('.').map_or(UNKNOWN, |(_, format)| format);
            if format != UNKNOWN && wanted.set("format", format).is_err() {
                continue;
            }
            let options = std::fs::read_to_string(options_of(&path)).unwrap_or_default();
            for (key, value) in options.lines().filter_map(|line| line.split_once('=')) {
                if let Err(error) = wanted.set(key, value) {
                    tracing::error!("{}: {error}", options_of(&path).display());
                }
            }
            let spec = Spec { input: Input::File(path.clone()), options: wanted.options };
            let (added, errors) = self.load(vec![spec]).await;
            errors.iter().for_each(|error| tracing::error!("not served: {error}"));
            if !added.is_empty() {
                let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
                let file = PushedFile { path, bytes, keep: true };
                self.pushed.files().insert(name.to_owned(), file);
            }
        }
    }

    /// Returns whether a program sent the source of this name.
    pub fn is_pushed(&self, name: &str) -> bool {
        self.pushed.files().contains_key(name)
    }

    /// Serves data that a program sent, in place of those that it sent before under this name.
    ///
    /// # Errors
    /// [`Error::Input`] if the name is taken or there are too many data; [`Error::Data`] with the
    /// line if they do not have the format, and then nothing changes.
    pub async fn put_source(&self, wanted: PushedSpec, mut content: Vec<u8>) -> Result<Renewed> {
        let _turn = self.pushed.turn.lock().await;
        end_line(&mut content);
        let PushedSpec { name, keep, options, set } = wanted;
        let before = self.pushed.files().get(&name).cloned();
        self.check_room(&name, content.len() as u64)?;
        if before.is_none() && self.listing().free_id(&name) != name {
            return Err(Error::Input(format!("'{name}' is served already; choose another name")));
        }
        let path = self.pushed.new_path(&name, keep, options.format.as_deref())?;
        let file = PushedFile { path: path.clone(), bytes: content.len() as u64, keep };
        let (written, spec) = (path.clone(), Spec { input: Input::File(path.clone()), options });
        let set: String = set.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let prepared = self.pool.run(move || {
            if keep && !set.is_empty() {
                write(&options_of(&written), set.as_bytes())?;
            }
            write(&written, &content)
        });
        let old = before.as_ref().and_then(|file| self.spec_of(&file.path));
        let done = match prepared.await {
            Ok(()) => self.swap(old, spec).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(renewed) => {
                self.pushed.files().insert(name, file);
                before.iter().for_each(|before| remove(&before.path));
                Ok(renewed)
            }
            Err(error) => {
                remove(&path);
                Err(error)
            }
        }
    }

    /// Appends rows to data that a program sent. Returns its measurements before and now, and the
    /// rows with the names of sequences that are served.
    ///
    /// # Errors
    /// As [`Catalog::put_source`].
    pub async fn append_rows(&self, name: &str, mut content: Vec<u8>) -> Result<(Renewed, Rows)> {
        let _turn = self.pushed.turn.lock().await;
        let missing = || Error::NotFound(format!("no program sent a source called '{name}'"));
        let file = self.pushed.files().get(name).cloned().ok_or_else(missing)?;
        let spec = self.spec_of(&file.path).ok_or_else(missing)?;
        end_line(&mut content);
        self.check_room(name, file.bytes + content.len() as u64)?;
        let (of, context) = (spec.clone(), self.context.clone());
        let rows = self.pool.run(move || {
            let rows = rows_of(&of, &content, &context)?;
            append(of.input.path(), &content)?;
            Ok((rows, content.len() as u64))
        });
        let (mut rows, added) = rows.await?;
        match self.open_again(std::slice::from_ref(&spec)).await {
            Ok((before, now)) => {
                if let Some(file) = self.pushed.files().get_mut(name) {
                    file.bytes += added;
                }
                rows.sequence = self.listed_names(&rows.sequence);
                Ok((Renewed { before, now }, rows))
            }
            Err(error) => {
                truncate(&file.path, file.bytes)?;
                Err(error)
            }
        }
    }

    /// Forgets the files of sources that are no longer served, and removes them; but not those that
    /// are kept, unless `all`.
    pub(super) fn forget_pushed(&self, removed: &[Arc<Measurement>], all: bool) {
        let mut files = self.pushed.files();
        let specs = removed.iter().filter_map(|m| m.spec.as_ref());
        let paths: Vec<&Path> = specs.map(|spec| spec.input.path()).collect();
        files.retain(|_, file| {
            let is_gone = paths.contains(&&*file.path) && self.spec_of(&file.path).is_none();
            if is_gone && (all || !file.keep) {
                remove(&file.path);
            }
            !is_gone
        });
    }

    /// Returns the specification by which a file is served.
    fn spec_of(&self, path: &Path) -> Option<Arc<Spec>> {
        let listing = self.listing();
        let mut specs = listing.measurements().filter_map(|m| m.spec.as_ref());
        specs.find(|spec| spec.input.path() == path).cloned()
    }

    /// Checks that a source may have so many bytes.
    fn check_room(&self, name: &str, bytes: u64) -> Result<()> {
        let files = self.pushed.files();
        let others: u64 = files.iter().filter(|(id, _)| *id != name).map(|(_, f)| f.bytes).sum();
        let too_many = |what: String| Err(Error::Input(what));
        if bytes > MAX_PUSHED as u64 {
            return too_many(format!("a source has at most {} MiB", MAX_PUSHED >> 20));
        }
        if others + bytes > MAX_ALL {
            return too_many(format!("programs may send at most {} MiB in all", MAX_ALL >> 20));
        }
        if !files.contains_key(name) && files.len() >= MAX_SOURCES {
            return too_many(format!("programs may send at most {MAX_SOURCES} sources"));
        }
        Ok(())
    }

    /// Returns the listed names of sequences.
    fn listed_names(&self, names: &Texts) -> Texts {
        let listing = self.listing();
        names.iter().map(|name| listing.sequences().get(name).map_or(name, |s| s.name)).collect()
    }
}

/// Returns the path of the options of a kept file.
fn options_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(OPTIONS);
    name.into()
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let file = private::options().write(true).create(true).truncate(true).open(path);
    let written = file.and_then(|mut file| file.write_all(content));
    written.map_err(|error| Error::io(path, error))
}

fn append(path: &Path, content: &[u8]) -> Result<()> {
    let file = private::options().append(true).open(path);
    file.and_then(|mut file| file.write_all(content)).map_err(|error| Error::io(path, error))
}

/// Ends the last line, after which others may be appended.
fn end_line(content: &mut Vec<u8>) {
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
}

fn truncate(path: &Path, bytes: u64) -> Result<()> {
    let file = private::options().write(true).open(path);
    file.and_then(|file| file.set_len(bytes)).map_err(|error| Error::io(path, error))
}

fn remove(path: &Path) {
    // Most files have none.
    let _ = std::fs::remove_file(options_of(path));
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!("{} is not removed: {error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, keep: bool) -> PushedSpec {
        let mut wanted = PushedSpec::new(name).unwrap();
        wanted.set("keep", if keep { "yes" } else { "no" }).unwrap();
        wanted.set("format", "bed").unwrap();
        wanted
    }

    fn files(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            names.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn what_is_kept_is_served_again_until_it_is_dropped() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("sources");
        let catalog = Catalog::new(None).with_kept(Some(folder.clone()));
        catalog.put_source(wanted("a", true), b"chr1\t1\t2\tx\n".to_vec()).await.unwrap();
        let mut coloured = wanted("a", true);
        coloured.set("color", "#1f77b4").unwrap();
        catalog.put_source(coloured, b"chr1\t1\t2\ty".to_vec()).await.unwrap();
        catalog.append_rows("a", b"chr1\t5\t6\tz".to_vec()).await.unwrap();
        catalog.put_source(wanted("b", false), b"chr1\t1\t2\n".to_vec()).await.unwrap();
        assert_eq!(
            files(&folder),
            ["a~2.bed", "a~2.bed.options"],
            "only the last version of what is kept"
        );
        let temporary = catalog.pushed.temporary.lock().unwrap().clone().unwrap();
        assert_eq!(files(&temporary), ["b~1.bed"]);
        drop(catalog);
        assert!(!temporary.exists());
        let catalog = Catalog::new(None).with_kept(Some(folder.clone()));
        catalog.load_kept().await;
        let ids: Vec<_> = catalog.listing().measurements().map(|m| m.id.clone()).collect();
        assert_eq!((ids, catalog.is_pushed("a")), (vec!["a".to_owned()], true));
        let listing = catalog.listing();
        let color = listing.measurements().find_map(|m| m.spec.as_ref()?.options.color.clone());
        assert_eq!(color.as_deref(), Some("#1f77b4"), "its options are kept too");
        let text = std::fs::read_to_string(folder.join("a~2.bed")).unwrap();
        assert_eq!(text, "chr1\t1\t2\ty\nchr1\t5\t6\tz\n");
        // Unloading is not forgetting; dropping is.
        catalog.unload("a").unwrap();
        assert!(!catalog.is_pushed("a") && files(&folder).len() == 2);
        catalog.load_kept().await;
        catalog.discard("a").unwrap();
        assert!(files(&folder).is_empty());
    }

    #[tokio::test]
    async fn rows_that_do_not_fit_leave_the_file_as_it_was() {
        let catalog = Catalog::new(None);
        let content = b"chr1\t0\t10\t1\nchr1\t10\t20\t2\n".to_vec();
        let mut wanted = PushedSpec::new("depth").unwrap();
        wanted.set("format", "bedgraph").unwrap();
        catalog.put_source(wanted, content).await.unwrap();
        let size = || catalog.pushed.files()["depth"].clone();
        let before = size();
        // Right in themselves, but they overlap what is there.
        let error = catalog.append_rows("depth", b"chr1\t15\t25\t3\n".to_vec()).await;
        assert!(error.is_err());
        let after = size();
        assert_eq!((before.bytes, &before.path), (after.bytes, &after.path));
        assert_eq!(std::fs::metadata(&after.path).unwrap().len(), before.bytes);
        let (_, rows) = catalog.append_rows("depth", b"chr1\t20\t25\t3\n".to_vec()).await.unwrap();
        assert_eq!((rows.len(), rows.start[0]), (1, 20));
    }
}
