//! The data directory: owner-only, and held by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

const OWNER_ONLY_FILE: u32 = 0o600;
const OWNER_ONLY_DIRECTORY: u32 = 0o700;
const LOCK_FILE: &str = "lock";

/// Why the services could not be opened, in words that say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("create the data directory {}: choose a directory this user may write to", .path.display())]
    CreateDirectory {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("create or protect {}: the data directory must belong to this user and be writable", .path.display())]
    PrivateFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "lock {}: another process uses this data directory; stop it or choose another directory",
        .path.display()
    )]
    Locked { path: PathBuf },
    #[error("open the database {}: move the file away if it is damaged, or restore a copy", .path.display())]
    Database {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("open the table file {}: move the file away if it is damaged, or restore a copy", .path.display())]
    Table {
        path: PathBuf,
        #[source]
        source: dynoxide::DynoxideError,
    },
    #[error("read the stored row in {}: {problem}; restore a copy of the file", .path.display())]
    Row { path: PathBuf, problem: String },
    #[error("start a worker thread: raise the limit of threads for this user")]
    Thread(#[source] io::Error),
}

/// An existing, private, locked data directory.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// The operating system frees the lock with the file, however the process ends.
    _lock: File,
}

impl DataDirectory {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        DirBuilder::new()
            .recursive(true)
            .mode(OWNER_ONLY_DIRECTORY)
            .create(path)
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY_DIRECTORY)))
            .map_err(|source| OpenError::CreateDirectory {
                path: path.to_path_buf(),
                source,
            })?;
        let lock_path = path.join(LOCK_FILE);
        let lock = private_file(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_path_buf(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: lock_path }),
            Err(TryLockError::Error(source)) => Err(OpenError::PrivateFile {
                path: lock_path,
                source,
            }),
        }
    }

    /// The path of an owner-only file, created now if missing: SQLite gives its
    /// write-ahead log and its index the mode the database file already has.
    pub(crate) fn private(&self, name: &str) -> Result<PathBuf, OpenError> {
        let path = self.path.join(name);
        private_file(&path)?;
        Ok(path)
    }

    /// Opens a SQLite database of our own with the durability of the table:
    /// a committed transaction survives the death of the process.
    pub(crate) fn database(
        &self,
        name: &str,
        schema: &str,
    ) -> Result<(PathBuf, Connection), OpenError> {
        let path = self.private(name)?;
        let connection = open_database(&path, schema).map_err(|source| OpenError::Database {
            path: path.clone(),
            source,
        })?;
        Ok((path, connection))
    }
}

fn private_file(path: &Path) -> Result<File, OpenError> {
    let open = || {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(OWNER_ONLY_FILE)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(OWNER_ONLY_FILE))?;
        Ok(file)
    };
    open().map_err(|source| OpenError::PrivateFile {
        path: path.to_path_buf(),
        source,
    })
}

fn open_database(path: &Path, schema: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Fewer checkpoints than SQLite's 1,000 pages: each one waits for the disk.
    connection.pragma_update(None, "wal_autocheckpoint", 8_000)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch(schema)?;
    Ok(connection)
}
