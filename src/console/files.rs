//! The files that commands may read and write.
//!
//! The owner's commands may use all files of the owner. Commands of others, over a connection, may
//! use files below `--root`, and read files that were served from the start.

use crate::catalog::is_hub;
use crate::error::{Error, Result};
use crate::source::Spec;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The files that visitors other than the owner may use.
#[derive(Clone, Debug, Default)]
pub struct AllowedFiles {
    roots: Vec<PathBuf>,
    named: HashSet<PathBuf>,
}

impl AllowedFiles {
    /// Allows the files below `roots`, and the files `named` at the start.
    ///
    /// # Errors
    /// [`Error::Io`] for a root that does not exist, [`Error::Input`] for one that is not a folder.
    pub fn new(roots: &[PathBuf], named: impl Iterator<Item = PathBuf>) -> Result<Self> {
        let root = |path: &PathBuf| {
            let real = path.canonicalize().map_err(|error| Error::io(path, error))?;
            if real.is_dir() {
                Ok(real)
            } else {
                Err(Error::Input(format!("--root {}: it is not a folder", path.display())))
            }
        };
        let roots = roots.iter().map(root).collect::<Result<_>>()?;
        Ok(AllowedFiles {
            roots,
            named: named.filter_map(|path| path.canonicalize().ok()).collect(),
        })
    }

    fn holds(&self, real: &Path) -> bool {
        self.named.contains(real) || self.roots.iter().any(|root| real.starts_with(root))
    }

    /// Resolves a path as it is, or below a root, to one that is allowed.
    fn find(&self, path: &Path, real: impl Fn(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
        let below = self.roots.iter().map(|root| root.join(path));
        let mut all = std::iter::once(path.to_owned()).chain(below);
        all.find(|path| real(path).is_some_and(|real| self.holds(&real)))
    }
}

/// The files that the commands of one console may use.
#[derive(Clone, Debug)]
pub(super) enum Files {
    /// All files of the owner.
    All,
    /// The files that others may use.
    Open(Arc<AllowedFiles>),
}

impl Files {
    /// Returns the path of a file or folder that may be read. Symbolic links are resolved first, so
    /// that none can leave a root.
    ///
    /// # Errors
    /// [`Error::Input`] if it may not be read, or, indistinguishably, if it does not exist.
    pub(super) fn readable(&self, path: &Path) -> Result<PathBuf> {
        let Files::Open(open) = self else { return Ok(path.to_owned()) };
        open.find(path, |path| path.canonicalize().ok()).ok_or_else(|| closed(path))
    }

    /// Returns the path of a file that may be written; it need not exist.
    ///
    /// # Errors
    /// [`Error::Input`] if it may not be written.
    pub(super) fn writable(&self, path: &Path) -> Result<PathBuf> {
        let Files::Open(open) = self else { return Ok(path.to_owned()) };
        let real = |path: &Path| {
            let name = path.file_name()?;
            let parent = path.parent().filter(|parent| *parent != Path::new(""));
            let folder = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
            // An existing file must not be a link to another place.
            let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
            (!is_link).then(|| folder.join(name))
        };
        let found = open.find(path, real).ok_or_else(|| closed(path))?;
        // Served files may be read, but not written.
        if open.named.contains(&real(&found).unwrap_or_default()) {
            Err(closed(path))
        } else {
            Ok(found)
        }
    }

    /// Returns sources with the paths under which they may be read, before folders and patterns are
    /// expanded.
    ///
    /// # Errors
    /// As [`Files::readable`]; also for the hub.txt of a track hub, since it may name any file.
    pub(super) fn sources(&self, specs: Vec<Spec>) -> Result<Vec<Spec>> {
        if matches!(self, Files::All) {
            return Ok(specs);
        }
        specs.into_iter().map(|spec| self.source(spec)).collect()
    }

    fn source(&self, mut spec: Spec) -> Result<Spec> {
        let path = spec.input.path().to_owned();
        if !spec.input.is_remote()
            && (is_hub(&spec.input) || path.components().any(|part| part == Component::ParentDir))
        {
            return Err(closed(&path));
        }
        self.open_companions(&mut spec)?;
        // Which addresses may be loaded does not depend on folders.
        if spec.input.is_remote() {
            return Ok(spec);
        }
        let is_pattern =
            |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
        let front: PathBuf = path.components().take_while(|part| !is_pattern(part)).collect();
        let rest: PathBuf = path.components().skip_while(|part| !is_pattern(part)).collect();
        let whole = rest.as_os_str().is_empty();
        let front = self.readable(if front == Path::new("") { Path::new(".") } else { &front })?;
        let found = if whole { front } else { front.join(rest) };
        if found != path {
            spec.input = crate::bytes::Input::File(found);
        }
        Ok(spec)
    }

    /// Gives the files that a source names beside its own the paths under which they may be read.
    fn open_companions(&self, spec: &mut Spec) -> Result<()> {
        let beside = [&mut spec.options.samples, &mut spec.options.reference];
        for path in beside.into_iter().flatten() {
            *path = self.readable(path)?;
        }
        Ok(())
    }

    /// Checks the files from folders and patterns, which may be links to other places.
    ///
    /// # Errors
    /// As [`Files::readable`].
    pub(super) fn check(&self, specs: &[Spec]) -> Result<()> {
        let mut files = specs.iter().filter(|spec| !spec.input.is_remote());
        files.try_for_each(|spec| self.readable(spec.input.path()).map(drop))
    }
}

fn closed(path: &Path) -> Error {
    let name = path.file_name().unwrap_or(OsStr::new("this")).to_string_lossy().into_owned();
    Error::Input(format!(
        "{name} is not among the files that may be used over a connection; the owner can allow a \
         folder with --root"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_leads_out_of_a_root() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("open/inner")).unwrap();
        for name in ["open/a.bed", "open/inner/b.bed", "secret.bed", "served.bed", "hub.txt"] {
            std::fs::write(at(name), "").unwrap();
        }
        symlink(at("secret.bed"), at("open/link.bed")).unwrap();
        symlink(folder.path(), at("open/out")).unwrap();
        symlink(at("open/new"), at("open/to-new")).unwrap();
        let roots = [at("open")];
        let open = AllowedFiles::new(&roots, std::iter::once(at("served.bed"))).unwrap();
        let files = Files::Open(Arc::new(open));
        let read = |path: PathBuf| files.readable(&path);
        assert_eq!(read("a.bed".into()).unwrap(), roots[0].canonicalize().unwrap().join("a.bed"));
        for name in ["open/a.bed", "open/inner/b.bed", "open/inner/../a.bed", "served.bed", "open"]
        {
            assert!(read(at(name)).is_ok(), "{name}");
        }
        let refused = read(at("secret.bed")).unwrap_err().to_string();
        assert!(refused.starts_with("secret.bed is not among"), "{refused}");
        for name in [
            "secret.bed",
            "open/link.bed",
            "open/../secret.bed",
            "open/out/secret.bed",
            "none",
            "open/none",
            "",
        ] {
            let error = read(at(name)).unwrap_err().to_string();
            assert!(!error.contains('/') && error.contains("--root"), "{name}: {error}");
        }
        let write = |name: &str| files.writable(&at(name));
        assert!(write("open/new.json").is_ok() && write("open/a.bed").is_ok());
        for name in [
            "new.json",
            "open/../new.json",
            "open/link.bed",
            "open/out/x",
            "open/to-new",
            "served.bed",
        ] {
            assert!(write(name).is_err(), "{name}");
        }
        let source = |text: String| files.sources(vec![text.parse().unwrap()]);
        let spec = |name: &str| at(name).display().to_string();
        assert!(source(spec("open/*.bed")).is_ok() && source("*.bed".into()).is_ok());
        for text in [
            spec("*.bed"),
            spec("open/*/../../secret.bed"),
            spec("hub.txt"),
            spec("open/a.bed") + ",samples=" + &spec("secret.bed"),
        ] {
            assert!(source(text.clone()).is_err(), "{text}");
        }
        let linked: Spec = spec("open/link.bed").parse().unwrap();
        assert!(files.check(&[linked]).is_err());
    }
}
