//! Opening the state database: refuses what it does not know before it writes a byte.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hale_model::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::{Access, State};
use crate::StoreError;
use crate::migrate::{Migration, pending};
use crate::scratch::Scratch;

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        description: "alerts, incidents, actions, approvals, lessons, settings, cursors, audit",
        sql: include_str!("../../migrations/state/0001_base.sql"),
    },
    Migration {
        version: 2,
        description: "knowledge, full-text index, embeddings",
        sql: include_str!("../../migrations/state/0002_knowledge.sql"),
    },
    Migration {
        version: 3,
        description: "runs, remembered sentences",
        sql: include_str!("../../migrations/state/0003_runs.sql"),
    },
    Migration {
        version: 4,
        description: "inbox: what others report",
        sql: include_str!("../../migrations/state/0004_inbox.sql"),
    },
    Migration {
        version: 5,
        description: "API tokens",
        sql: include_str!("../../migrations/state/0005_tokens.sql"),
    },
];

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it asks again.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
/// Pages kept in memory, in KiB.
const CACHE_KIB: i64 = 2048;
/// The largest database that is copied where it cannot be read in place.
const COPY_LIMIT_BYTES: u64 = 256 << 20;
/// The WAL is cut back to this after a checkpoint.
const WAL_LIMIT_BYTES: i64 = 4 << 20;

impl State {
    /// Opens the state database.
    ///
    /// # Errors
    /// If it is missing (for reading), damaged, not hale's, or made by a newer hale: then the file
    /// is as it was before.
    pub fn open(path: &Path, access: Access) -> Result<State, StoreError> {
        if !exists_or_is_made(path, access)? {
            // Through a connection that cannot write: refusing must not even checkpoint the WAL.
            let reader = match reader(path) {
                // Reading needs a file of shared memory beside the database; here none can be made.
                Err(
                    StoreError::Full { .. } | StoreError::Io { .. } | StoreError::Sqlite { .. },
                ) if access == Access::Read => copied(path)?,
                other => other?,
            };
            if access == Access::Read {
                return Ok(State::with(path, reader));
            }
        }
        let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        prepare(path, &writer)?;
        migrate(path, &writer)?;
        Ok(State::with(path, writer))
    }

    /// Folds the write-ahead log into the file, so that the file alone holds everything. For the end of an
    /// agent: other connections of its process may not be closed by then.
    ///
    /// # Errors
    /// If it cannot be written, or another process is at it; nothing is lost then.
    pub fn fold(&self) -> Result<(), StoreError> {
        self.value::<i64>("fold the write-ahead log", "PRAGMA wal_checkpoint(TRUNCATE)", [])
            .map(|_| ())
    }

    /// A database that is in memory only, and gone with this value: for questions where there is no
    /// file yet, or one that an older hale made.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn in_memory() -> Result<State, StoreError> {
        let path = Path::new(":memory:");
        let connection =
            Connection::open_in_memory().map_err(|e| StoreError::sqlite(path, "open", e))?;
        migrate(path, &connection)?;
        Ok(State::with(path, connection))
    }

    /// Reads the whole file and says what is damaged in it; none if it is whole. Opening looks only
    /// at its length and its schema.
    ///
    /// # Errors
    /// If it cannot be read at all.
    pub fn damage(&self) -> Result<Option<String>, StoreError> {
        let sql = "PRAGMA quick_check(1)";
        match self.value::<String>("check", sql, []) {
            Ok(said) => Ok(said.filter(|said| said != "ok")),
            Err(StoreError::Corrupt { detail, .. }) => Ok(Some(detail)),
            Err(error) => Err(error),
        }
    }

    fn with(path: &Path, connection: Connection) -> State {
        connection.set_prepared_statement_cache_capacity(64);
        State { path: path.to_owned(), connection, pending_head: RefCell::new(None) }
    }
}

fn reader(path: &Path) -> Result<Connection, StoreError> {
    let reader = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_length(path, &reader)?;
    pending(path, MIGRATIONS, &applied(path, &reader)?)?;
    Ok(reader)
}

/// The database as it is now, in a copy of its own: for a directory where nothing can be written.
fn copied(path: &Path) -> Result<Connection, StoreError> {
    let failed = |e| StoreError::io(path, "copy", e);
    let temporary = std::env::temp_dir();
    let scratch = Scratch::new(&[Path::new("/dev/shm"), &temporary]).map_err(failed)?;
    // The log first: what it holds is then at most twice there, and never missing.
    for (from, name) in [(wal_path(path), "state.db-wal"), (path.to_owned(), "state.db")] {
        match std::fs::File::open(&from) {
            Ok(file) if file.metadata().map_err(failed)?.len() > COPY_LIMIT_BYTES => {
                return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
            }
            Ok(mut file) => drop(scratch.take(&mut file, name).map_err(failed)?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
        }
    }
    let error = |e| StoreError::sqlite(path, "read a copy of", e);
    let copy = scratch.path().join("state.db");
    let connection = connect(&copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Without a log it needs no file but its own, which is gone when the scratch directory is.
    connection.pragma_update(None, "journal_mode", "MEMORY").map_err(error)?;
    pending(path, MIGRATIONS, &applied(path, &connection)?)?;
    connection.pragma_update(None, "query_only", true).map_err(error)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let error = |e| StoreError::sqlite(path, "open", e);
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(error)?;
    connection.busy_handler(Some(wait_for_writer)).map_err(error)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(error)?;
    Ok(connection)
}

/// SQLite's own waiting soon sleeps a tenth of a second at a time, in which others come and go.
fn wait_for_writer(tries: i32) -> bool {
    std::thread::sleep(BUSY_PAUSE);
    BUSY_PAUSE.saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX)) < BUSY_TIMEOUT
}

/// Whether the file is new: then, and if it may be written, it was made, empty and private.
///
/// Closing a file drops every lock that this process has on it, those of SQLite's other connections
/// too; another process then takes them for gone and removes the write-ahead log under them. So
/// nothing but SQLite ever opens a database, and a new file is closed before anybody can lock it.
fn exists_or_is_made(path: &Path, access: Access) -> Result<bool, StoreError> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    match std::fs::metadata(path) {
        Ok(found) if found.len() > 0 => return Ok(false),
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(StoreError::io(path, "look at", e)),
    }
    if access == Access::Read {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StoreError::io(path, "create", e))
        }
        _ => Ok(true),
    }
}

fn prepare(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    // SQLite does not wait by itself when another process changes the journal mode too.
    let deadline = Instant::now() + BUSY_TIMEOUT;
    while let Err(e) = connection.pragma_update(None, "journal_mode", "WAL") {
        let error = StoreError::sqlite(path, "switch on the write-ahead log", e);
        if !matches!(error, StoreError::Busy { .. }) || Instant::now() >= deadline {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let settings = format!(
        "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
         PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}"
    );
    connection.execute_batch(&settings).map_err(|e| StoreError::sqlite(path, "configure", e))
}

/// SQLite notices that the end of a file is missing only when it reads there; then it may have
/// written elsewhere already.
fn check_length(path: &Path, reader: &Connection) -> Result<(), StoreError> {
    let error = |e| StoreError::sqlite(path, "read the header of", e);
    let figure = |name| {
        reader.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    };
    // The lengths last: while others write, they only grow.
    let expected = figure("page_count").map_err(error)? * figure("page_size").map_err(error)?;
    let wal = std::fs::metadata(wal_path(path)).map_or(0, |m| m.len());
    let length = std::fs::metadata(path).map_err(|e| StoreError::io(path, "look at", e))?.len();
    // With entries in the WAL the header may run ahead of the file: SQLite then puts it right.
    if wal == 0 && length < expected {
        let detail = format!("{length} bytes long where {expected} were written");
        return Err(StoreError::Corrupt { path: path.to_owned(), detail });
    }
    Ok(())
}

fn wal_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Which migrations made this file.
fn applied(path: &Path, connection: &Connection) -> Result<Vec<(u32, String)>, StoreError> {
    let error = |e| StoreError::sqlite(path, "read the schema version", e);
    let tables = "SELECT count(*), count(*) FILTER (WHERE name = 'schema_migrations') \
                  FROM sqlite_schema WHERE type = 'table'";
    let (all, ours): (u32, u32) =
        connection.query_row(tables, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(error)?;
    if ours == 0 {
        return if all == 0 {
            Ok(Vec::new())
        } else {
            Err(StoreError::Corrupt {
                path: path.to_owned(),
                detail: "an SQLite database of another program".to_owned(),
            })
        };
    }
    connection
        .prepare("SELECT version, checksum FROM schema_migrations ORDER BY version")
        .and_then(|mut s| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(error)
}

fn migrate(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let error = |e| StoreError::sqlite(path, "migrate", e);
    if pending(path, MIGRATIONS, &applied(path, connection)?)?.is_empty() {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE").map_err(error)?;
    let result = migrate_locked(path, connection);
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    connection.execute_batch(end).map_err(error)?;
    result
}

fn migrate_locked(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let error = |e| StoreError::sqlite(path, "migrate", e);
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, \
             applied_at TEXT NOT NULL, description TEXT NOT NULL, checksum TEXT NOT NULL)",
        )
        .map_err(error)?;
    // Asked again now that nobody else can: another process may have been quicker.
    for migration in pending(path, MIGRATIONS, &applied(path, connection)?)? {
        connection.execute_batch(migration.sql).map_err(error)?;
        connection
            .execute(
                "INSERT INTO schema_migrations VALUES (?1, ?2, ?3, ?4)",
                (
                    migration.version,
                    Timestamp::now().to_string(),
                    migration.description,
                    migration.checksum(),
                ),
            )
            .map_err(error)?;
    }
    Ok(())
}
