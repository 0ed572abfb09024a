//! `epivizrs ui install`: installs a copy of EpiViz in the user's data folder.

use super::state::data_folder;
use crate::error::Error;
use crate::server::Epiviz;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// EpiViz's public repository, and the branch that works best.
const PUBLIC: (&str, &str) = ("https://github.com/epiviz/epiviz", "master");

/// The options of `ui install`.
#[derive(Debug, Args)]
pub struct Install {
    /// Git repository, or folder with a copy; default: the public repository
    #[arg(long, value_name = "URL|DIR")]
    from: Option<String>,
    /// Branch or tag; default: master of the public repository, else the
    /// repository's default branch
    #[arg(long = "ref", value_name = "NAME")]
    reference: Option<String>,
}

/// Returns the folder of the installed copy; `None` if the user has no home.
pub(super) fn folder() -> Option<PathBuf> {
    Some(data_folder()?.join("epiviz"))
}

impl Install {
    /// Fetches a copy, checks that it can be served, and replaces an older one. Returns a message
    /// for the user.
    pub(super) fn run(self) -> Result<String> {
        let folder = folder().context("the data folder is unknown; set HOME or XDG_DATA_HOME")?;
        let new = folder.with_extension("new");
        remove(&new)?;
        let parent = folder.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(at(parent))?;
        let fetched = self.fetch(&new).and_then(|from| match Epiviz::open(&new) {
            Ok(_) => Ok(from),
            Err(error) => bail!("{from} was fetched, but {error}"),
        });
        let from = match fetched {
            Ok(from) => from,
            Err(error) => {
                remove(&new)?;
                return Err(error);
            }
        };
        remove(&folder)?;
        fs::rename(&new, &folder).map_err(at(&folder))?;
        Ok(format!(
            "EpiViz from {from} is now in {}\nepivizrs serves it at /epiviz/ from the next start\n",
            folder.display()
        ))
    }

    /// Fetches a copy into `new`; returns its origin.
    fn fetch(&self, new: &Path) -> Result<String> {
        let from = self.from.as_deref().unwrap_or(PUBLIC.0);
        let reference = match (&self.reference, &self.from) {
            (Some(reference), _) => Some(reference.as_str()),
            (None, None) => Some(PUBLIC.1),
            (None, Some(_)) => None,
        };
        let path = Path::new(from);
        match (path.is_dir() && !is_repository(path), reference) {
            (false, _) => clone(from, reference, new)?,
            (true, None) => {
                Epiviz::open(path)?;
                copy(path, new)?;
            }
            (true, Some(name)) => {
                bail!("{from} is not a git repository, so it has no '{name}'; omit --ref")
            }
        }
        Ok(reference.map_or(from.to_owned(), |name| format!("{from} ({name})")))
    }
}

fn is_repository(folder: &Path) -> bool {
    folder.join(".git").exists() || folder.join("HEAD").is_file()
}

fn clone(from: &str, reference: Option<&str>, to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["clone", "--quiet", "--depth=1"]);
    git.args(reference.map(|name| format!("--branch={name}")));
    git.arg("--").arg(from).arg(to);
    // Nobody may be there to type a password, and the manual's large files are not needed.
    git.env("GIT_TERMINAL_PROMPT", "0").env("GIT_LFS_SKIP_SMUDGE", "1").stdin(Stdio::null());
    let output = git.output().context("git is needed to fetch EpiViz, but could not be run")?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        let messages: Vec<_> =
            messages.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        bail!("git could not fetch {from}: {}", messages.join("; "));
    }
    remove(&to.join(".git"))
}

/// Copies a folder without hidden files, and without links, which may lead anywhere.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(at(to))?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let (source, target) = (entry.path(), to.join(name));
        if kind.is_dir() {
            copy(&source, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target).map_err(at(&source))?;
        }
    }
    Ok(())
}

/// Adds the path to a system error.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |error| Error::io(path, error)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(folder, error).into())
        }
        _ => Ok(()),
    }
}
