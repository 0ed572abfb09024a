//! A copy of EpiViz in a folder: checks it and finds its files.

use crate::error::{Error, Result};
use std::path;
use std::sync::Arc;

/// The page of the copy that is opened.
pub(super) const PAGE: &str = "index-standalone.html";
/// The settings that this page reads.
pub(super) const SETTINGS: &str = "src/epiviz/standalone-settings.js";
/// The file that names the version.
const VERSION: &str = "src/epiviz/epiviz.js";

/// A copy of EpiViz in a folder.
#[derive(Clone, Debug)]
pub struct Epiviz {
    pub(super) folder: Arc<path::Path>,
}

impl Epiviz {
    /// Opens the copy in `folder`.
    ///
    /// # Errors
    /// [`Error::Input`] if the folder has no copy, or one whose version cannot be served.
    pub fn open(folder: &path::Path) -> Result<Self> {
        let unfit = |why: String| {
            Error::Input(format!(
                "{} is not a copy of EpiViz that can be served: {why}",
                folder.display()
            ))
        };
        let real = folder.canonicalize().map_err(|error| Error::io(folder, error))?;
        if let Some(missing) = [PAGE, SETTINGS, VERSION].iter().find(|f| !real.join(f).is_file()) {
            return Err(unfit(format!("it lacks {missing}")));
        }
        let code = std::fs::read_to_string(real.join(VERSION));
        let code = code.map_err(|error| Error::io(&folder.join(VERSION), error))?;
        match version(&code) {
            Some(version) if version.starts_with('4') => Ok(Epiviz { folder: real.into() }),
            version => Err(unfit(format!(
                "its version is {}, and only version 4 can be served (branches master and epiviz-4.1)",
                version.unwrap_or("unknown")
            ))),
        }
    }

    /// Returns the file at this path in the copy, unless it is hidden or outside the folder.
    pub(super) async fn find(&self, path: &str) -> Option<path::PathBuf> {
        let parts = path::Path::new(path).components();
        let plain = |part: path::Component<'_>| match part {
            path::Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
            _ => false,
        };
        if !parts.clone().all(plain) {
            return None;
        }
        // A symbolic link in the copy may lead anywhere.
        let real = tokio::fs::canonicalize(self.folder.join(path)).await.ok()?;
        real.starts_with(&self.folder).then_some(real)
    }
}

/// Returns the version in EpiViz's code.
fn version(code: &str) -> Option<&str> {
    let (_, after) = code.split_once("EpiViz.VERSION = ")?;
    after.get(1..)?.split(['\'', '"']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_epiviz_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let why = Epiviz::open(folder.path()).unwrap_err().to_string();
        assert!(why.ends_with("it lacks index-standalone.html"), "{why}");
    }

    #[test]
    fn the_version_is_read_from_the_code() {
        assert_eq!(version("x\nepiviz.EpiViz.VERSION = '4';\n"), Some("4"));
        assert_eq!(version("epiviz.EpiViz.VERSION = \"5\""), Some("5"));
        assert_eq!(version("var VERSION = 4"), None);
    }

    #[tokio::test]
    async fn hidden_and_outside_files_are_not_found() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("copy");
        std::fs::create_dir_all(folder.join("src/epiviz")).unwrap();
        std::fs::create_dir(folder.join(".git")).unwrap();
        std::fs::write(folder.join(VERSION), "epiviz.EpiViz.VERSION = '4';").unwrap();
        let inside = [PAGE, SETTINGS, ".git/config", "src/.hidden"];
        inside.iter().for_each(|file| std::fs::write(folder.join(file), "x").unwrap());
        std::fs::write(around.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(around.path().join("secret"), folder.join("link")).unwrap();
        std::os::unix::fs::symlink(folder.join(PAGE), folder.join("alias.html")).unwrap();
        let epiviz = Epiviz::open(&folder).unwrap();
        for path in [PAGE, SETTINGS, "alias.html"] {
            assert!(epiviz.find(path).await.is_some(), "{path}");
        }
        for path in [
            ".git/config",
            "src/.hidden",
            "link",
            "../secret",
            "src/../../secret",
            "/etc/passwd",
            "none",
        ] {
            assert!(epiviz.find(path).await.is_none(), "{path}");
        }
    }
}
