//! Workspaces and the state of sessions, saved in one SQLite file.
//!
//! Calls block; asynchronous code makes them on a blocking thread.

use crate::error::{Error, Result};
use crate::private;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The name of the file in its folder.
const FILE: &str = "epivizrs.sqlite";
/// How long to wait for another process that is writing.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Each entry turns the schema of one version into the next. Entries are never changed, only added.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE workspaces (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        content TEXT NOT NULL,
        changed BIGINT NOT NULL
    );
    CREATE TABLE sessions (
        name TEXT NOT NULL,
        data TEXT NOT NULL,
        state TEXT NOT NULL,
        changed BIGINT NOT NULL,
        PRIMARY KEY (name, data)
    );
",
    "
    CREATE TABLE computed (
        name TEXT NOT NULL,
        data TEXT NOT NULL,
        definition TEXT NOT NULL,
        PRIMARY KEY (name, data)
    );
",
];

/// A saved workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: i64,
    /// Its name; several workspaces may have the same name.
    pub name: String,
    /// The JSON that EpiViz saves.
    pub content: String,
    /// When it was saved, in seconds since 1970.
    pub changed: i64,
}

/// A store of workspaces and sessions.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Store {
    /// Returns the folder that it is in.
    pub fn folder(&self) -> Option<&Path> {
        self.path.parent()
    }

    /// Opens the store in a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder or its file cannot be created, [`Error::Data`] if the file is not
    /// a store or cannot be written.
    pub fn open(folder: &Path) -> Result<Self> {
        private::create_folder(folder).map_err(|error| Error::io(folder, error))?;
        let path = folder.join(FILE);
        create_private(&path)?;
        let connection = Connection::open(&path).map_err(|error| trouble(&path, &error))?;
        prepare(&connection, &path)?;
        Ok(Store { path, connection: Mutex::new(connection) })
    }

    /// Opens an existing store whose disk is full or may not be written, so that at least what is
    /// saved there can be read. On a full disk, saving succeeds as soon as there is room; until this
    /// process ends, no other one can use the store.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_as_it_is(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let alone = || -> rusqlite::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&path, flags)?;
            // The index of the log is then kept in memory instead of in a file.
            connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE")?;
            Ok(connection)
        };
        let read_only = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            let name = path.to_string_lossy().replace('%', "%25").replace('?', "%3f");
            let name = format!("file:{}?immutable=1", name.replace('#', "%23"));
            Connection::open_with_flags(name, flags)
        };
        let alone = alone().ok().filter(|connection| prepare(connection, &path).is_ok());
        let connection = match alone {
            Some(connection) => connection,
            None => read_only().map_err(|error| trouble(&path, &error))?,
        };
        version(&connection, &path)?;
        Ok(Store { path, connection: Mutex::new(connection) })
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> impl Fn(rusqlite::Error) -> Error {
        |error| trouble(&self.path, &error)
    }

    /// Saves a workspace: replaces the one with this id if it exists, else adds a new one. Returns
    /// its id once the workspace has reached the disk.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be written.
    pub fn save_workspace(&self, id: Option<i64>, name: &str, content: &str) -> Result<i64> {
        let connection = self.lock();
        if let Some(id) = id {
            let update =
                "UPDATE workspaces SET name = ?2, content = ?3, changed = ?4 WHERE id = ?1";
            let changed = connection.execute(update, params![id, name, content, now()]);
            if changed.map_err(self.trouble())? > 0 {
                return Ok(id);
            }
        }
        // RETURNING is not used, because it returns the row before the commit, whose failure would
        // then go unnoticed.
        let insert = "INSERT INTO workspaces (name, content, changed) VALUES (?1, ?2, ?3)";
        connection.execute(insert, params![name, content, now()]).map_err(self.trouble())?;
        Ok(connection.last_insert_rowid())
    }

    /// Returns the workspaces whose name contains `text`, ignoring case, the latest first.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be read.
    pub fn workspaces(&self, text: &str) -> Result<Vec<Workspace>> {
        let connection = self.lock();
        let select = "SELECT id, name, content, changed FROM workspaces
            WHERE lower(name) LIKE ?1 ESCAPE '\\' ORDER BY changed DESC, id DESC";
        let mut statement = connection.prepare(select).map_err(self.trouble())?;
        let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%");
        let pattern = format!("%{}%", escaped.replace('_', "\\_"));
        let rows = statement.query_map([pattern], workspace).map_err(self.trouble())?;
        rows.collect::<Result<_, _>>().map_err(self.trouble())
    }

    /// Returns the workspace with that id.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be read.
    pub fn workspace(&self, id: i64) -> Result<Option<Workspace>> {
        let select = "SELECT id, name, content, changed FROM workspaces WHERE id = ?1";
        self.lock().query_row(select, [id], workspace).optional().map_err(self.trouble())
    }

    /// Deletes a workspace. Returns whether it existed.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be written.
    pub fn delete_workspace(&self, id: i64) -> Result<bool> {
        let deleted = self.lock().execute("DELETE FROM workspaces WHERE id = ?1", [id]);
        deleted.map(|count| count > 0).map_err(self.trouble())
    }

    /// Saves the state of a session. `data` identifies the served data; sessions of the same name
    /// with different data are different sessions. `state` is called while the store is locked, so
    /// the latest state wins.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be written.
    pub fn save_session(
        &self,
        name: &str,
        data: &str,
        state: impl FnOnce() -> String,
    ) -> Result<()> {
        let connection = self.lock();
        let insert = "INSERT INTO sessions (name, data, state, changed) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (name, data) DO UPDATE SET state = excluded.state, changed = excluded.changed";
        let saved = connection.execute(insert, params![name, data, state(), now()]);
        saved.map(|_| ()).map_err(self.trouble())
    }

    /// Returns the names and states of the sessions for this data.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be read.
    pub fn sessions(&self, data: &str) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT name, state FROM sessions WHERE data = ?1", data)
    }
}

/// Measurements that users define, which are computed from the served data.
impl Store {
    /// Saves the definition of a computed measurement, or replaces it; `data` as for sessions.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be written.
    pub fn save_computed(&self, name: &str, data: &str, definition: &str) -> Result<()> {
        let insert = "INSERT INTO computed (name, data, definition) VALUES (?1, ?2, ?3)
            ON CONFLICT (name, data) DO UPDATE SET definition = excluded.definition";
        let saved = self.lock().execute(insert, params![name, data, definition]);
        saved.map(drop).map_err(self.trouble())
    }

    /// Deletes the definition of a computed measurement, if there is one.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be written.
    pub fn delete_computed(&self, name: &str, data: &str) -> Result<()> {
        let delete = "DELETE FROM computed WHERE name = ?1 AND data = ?2";
        self.lock().execute(delete, [name, data]).map(drop).map_err(self.trouble())
    }

    /// Returns the names and definitions of the measurements computed from this data, in the order
    /// in which they were first saved.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be read.
    pub fn computed(&self, data: &str) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT name, definition FROM computed WHERE data = ?1 ORDER BY rowid", data)
    }

    fn pairs(&self, select: &str, data: &str) -> Result<Vec<(String, String)>> {
        let connection = self.lock();
        let mut statement = connection.prepare(select).map_err(self.trouble())?;
        let rows = statement.query_map([data], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.map_err(self.trouble())?.collect::<Result<_, _>>().map_err(self.trouble())
    }
}

/// Creates the file if it does not exist, readable only by its owner; SQLite gives its companion
/// files the same permissions.
fn create_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let owned = || {
        let file = private::options().create(true).truncate(false).write(true).open(path)?;
        // Earlier versions created it readable for others. A file of another user is left
        // unchanged.
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            let _ = file.set_permissions(std::fs::Permissions::from_mode(0o600));
        }
        Ok(())
    };
    owned().map_err(|error| Error::io(path, error))
}

fn prepare(connection: &Connection, path: &Path) -> Result<()> {
    let trouble = |error: rusqlite::Error| trouble(path, &error);
    connection.busy_timeout(TIMEOUT).map_err(trouble)?;
    // In WAL mode, only FULL guarantees that a commit has reached the disk.
    let modes = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
    let until = Instant::now() + TIMEOUT;
    while let Err(error) = connection.execute_batch(modes) {
        // When two processes change the mode at once, SQLite lets one fail without waiting.
        if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) || Instant::now() > until {
            return Err(trouble(error));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // When two processes open a new store at once, the second waits here until it is set up.
    connection.execute_batch("BEGIN IMMEDIATE").map_err(trouble)?;
    let version = version(connection, path)?;
    let missing = &MIGRATIONS[version..];
    for migration in missing {
        connection.execute_batch(migration).map_err(trouble)?;
    }
    // A disk without room is no reason not to read the store.
    if !missing.is_empty() {
        let now = format!("PRAGMA user_version = {}", MIGRATIONS.len());
        connection.execute_batch(&now).map_err(trouble)?;
    }
    connection.execute_batch("COMMIT").map_err(trouble)
}

/// Returns the version of the schema: how many migrations it has had.
fn version(connection: &Connection, path: &Path) -> Result<usize> {
    let version: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| trouble(path, &error))?;
    if version as usize > MIGRATIONS.len() {
        let message = "was written by a newer epivizrs; use that version or another --state folder";
        return Err(Error::data(path, "", message));
    }
    Ok(version as usize)
}

fn workspace(row: &Row<'_>) -> rusqlite::Result<Workspace> {
    Ok(Workspace { id: row.get(0)?, name: row.get(1)?, content: row.get(2)?, changed: row.get(3)? })
}

fn trouble(path: &Path, error: &rusqlite::Error) -> Error {
    let what = format!("the store cannot be used: {error}");
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::StorageFull,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            ErrorKind::ReadOnlyFilesystem
        }
        Some(ErrorCode::SystemIoFailure) => ErrorKind::Other,
        _ => return Error::data(path, "", what),
    };
    Error::io(path, std::io::Error::new(kind, what))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_data_survives_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("new/er")).unwrap();
        let id = store.save_workspace(None, "Tumour 100%", "{}").unwrap();
        let other = store.save_workspace(None, "normal", "[]").unwrap();
        assert_ne!(id, other);
        assert_eq!(store.save_workspace(Some(id), "Tumour 100%", "{1}").unwrap(), id);
        store.save_session("", "a", || "1".into()).unwrap();
        store.save_session("", "a", || "2".into()).unwrap();
        store.save_session("", "b", || "3".into()).unwrap();
        for (name, data, definition) in [("x", "a", "1"), ("y", "a", "2"), ("x", "b", "3")] {
            store.save_computed(name, data, definition).unwrap();
        }
        store.save_computed("x", "a", "4").unwrap();
        drop(store);

        let store = Store::open(&folder.path().join("new/er")).unwrap();
        let names = |text: &str| {
            let found = store.workspaces(text).unwrap();
            found.into_iter().map(|w| w.name).collect::<Vec<_>>()
        };
        assert_eq!(names("UMOUR"), ["Tumour 100%"]);
        assert_eq!(names("0%"), ["Tumour 100%"]);
        assert_eq!(names("%%"), [""; 0]);
        assert_eq!(names("").len(), 2);
        assert_eq!(store.workspace(id).unwrap().unwrap().content, "{1}");
        assert!(store.delete_workspace(id).unwrap());
        assert!(!store.delete_workspace(id).unwrap());
        assert_eq!(store.workspace(id).unwrap(), None);
        assert_eq!(store.sessions("a").unwrap(), [("".to_owned(), "2".to_owned())]);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(store.computed("a").unwrap(), [pair("x", "4"), pair("y", "2")]);
        store.delete_computed("x", "a").unwrap();
        assert_eq!(store.computed("a").unwrap(), [pair("y", "2")]);
        assert_eq!(store.computed("b").unwrap(), [pair("x", "3")]);
    }

    /// Makes the commit fail after everything else has succeeded, as on a full disk.
    #[test]
    fn a_failed_commit_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let id = store.save_workspace(None, "kept", "{}").unwrap();
        let commit_fails = "PRAGMA foreign_keys = ON;
            CREATE TABLE checked (id INTEGER REFERENCES workspaces(id) DEFERRABLE INITIALLY DEFERRED);
            CREATE TRIGGER inserted AFTER INSERT ON workspaces BEGIN INSERT INTO checked VALUES (-1); END;
            CREATE TRIGGER updated AFTER UPDATE ON workspaces BEGIN INSERT INTO checked VALUES (-1); END;";
        store.lock().execute_batch(commit_fails).unwrap();
        assert!(store.save_workspace(None, "lost", "{}").is_err());
        assert!(store.save_workspace(Some(id), "renamed", "{}").is_err());
        drop(store);
        let names = Store::open(folder.path()).unwrap().workspaces("").unwrap();
        assert_eq!(names.into_iter().map(|w| w.name).collect::<Vec<_>>(), ["kept"]);
    }

    #[test]
    fn a_full_store_keeps_what_it_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.lock().execute_batch("PRAGMA max_page_count = 40").unwrap();
        let content = "x".repeat(20_000);
        let saved: Vec<_> = (0..20)
            .filter(|n| store.save_workspace(None, &n.to_string(), &content).is_ok())
            .collect();
        assert!((1..20).contains(&saved.len()), "{saved:?}");
        drop(store);
        let mut kept = Store::open(folder.path()).unwrap().workspaces("").unwrap();
        kept.sort_by_key(|workspace| workspace.id);
        let names = saved.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(kept.into_iter().map(|w| w.name).collect::<Vec<_>>(), names);
    }

    #[test]
    fn files_are_readable_only_by_their_owner() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("new");
        drop(Store::open(&folder).unwrap());
        assert_eq!(mode(&folder), 0o700);
        // As an earlier version created it.
        let readable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.join(FILE), readable).unwrap();
        let store = Store::open(&folder).unwrap();
        store.save_workspace(None, "x", "{}").unwrap();
        let files: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 3, "the file, its log and its index: {files:?}");
        files.iter().for_each(|file| assert_eq!(mode(file), 0o600, "{file:?}"));
    }

    #[test]
    fn concurrent_opening_creates_one_store() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(folder.path()).unwrap().save_workspace(None, "x", "{}").unwrap();
        std::thread::scope(|scope| {
            (0..4).map(|_| scope.spawn(open)).collect::<Vec<_>>().into_iter().for_each(|t| {
                t.join().unwrap();
            });
        });
        assert_eq!(Store::open(folder.path()).unwrap().workspaces("").unwrap().len(), 4);
    }

    #[test]
    fn files_that_are_not_a_known_store_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join(FILE),
            "not a database, but long enough to tell".repeat(9),
        )
        .unwrap();
        let error = Store::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(FILE) && error.contains("not a database"), "{error}");
        let newer = tempfile::tempdir().unwrap();
        let store = Store::open(newer.path()).unwrap();
        store.lock().execute_batch("PRAGMA user_version = 99").unwrap();
        let error = Store::open(newer.path()).unwrap_err().to_string();
        assert!(error.contains("newer epivizrs"), "{error}");
    }
}
