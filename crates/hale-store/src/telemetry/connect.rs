//! Opening the telemetry database, with few threads, little memory, and no way out of its file.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use duckdb::{AccessMode, Config, Connection};
use hale_model::Timestamp;

use super::Telemetry;
use crate::migrate::{Migration, pending};
use crate::scratch::Scratch;
use crate::{Access, StoreError};

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        description: "samples, events, metric points; one-minute rollups; views",
        sql: include_str!("../../migrations/telemetry/0001_base.sql"),
    },
    Migration {
        version: 2,
        description: "requests, errors and latency of services",
        sql: include_str!("../../migrations/telemetry/0002_span_stats.sql"),
    },
    Migration {
        version: 3,
        description: "containers",
        sql: include_str!("../../migrations/telemetry/0003_container_samples.sql"),
    },
];

/// What DuckDB may hold in memory; beyond that it spills, or refuses.
const MEMORY_LIMIT: &str = "64MB";
/// What it may spill beside the file.
const SPILL_LIMIT: &str = "256MB";
/// The write-ahead log is folded into the file when it is larger than this: it is replayed on start.
const CHECKPOINT_AT: &str = "1MB";

/// Every column of every table that is appended to holds a block of this size in memory. DuckDB's own
/// choice, 256 KiB, makes that 70 MiB after an hour of samples. A file keeps the size it was made with.
const BLOCK_BYTES: &str = "16384";

/// How long a copy waits for a writer to be done.
const COPY_WAIT: Duration = Duration::from_secs(5);

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write the file; nothing outside it.
    Write,
    /// Read the file; nothing outside it.
    Read,
    /// Read the file, and write others.
    Export,
}

impl Mode {
    pub(super) fn of(access: Access) -> Mode {
        match access {
            Access::Write => Mode::Write,
            Access::Read => Mode::Read,
        }
    }
}

/// Opens the file.
pub(crate) fn connect(path: &Path, mode: Mode) -> Result<Connection, StoreError> {
    let is_new = match std::fs::metadata(path) {
        Ok(_) => false,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
        Err(e) => return Err(StoreError::io(path, "look at", e)),
    };
    if is_new && mode != Mode::Write {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    if !is_new {
        let reader = open(path, if mode == Mode::Write { Mode::Read } else { mode })?;
        pending(path, MIGRATIONS, &applied(path, &reader)?)?;
        if mode != Mode::Write {
            return Ok(reader);
        }
    }
    let writer = open(path, Mode::Write)?;
    migrate(path, &writer)?;
    make_private(path)?;
    Ok(writer)
}

/// Opens a copy of the file as it is now, for reading. The copy has no name any more when this returns.
///
/// Nobody writes while it is made: the lock is DuckDB's own kind, and closing the file gives it back, with
/// every other one that this process has on it. So nothing else of this process may have it open.
pub(super) fn copy(path: &Path, mode: Mode) -> Result<Connection, StoreError> {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let failed = |e: std::io::Error| StoreError::io(path, "copy", e);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let deadline = Instant::now() + COPY_WAIT;
    while let Err(errno) = fcntl_lock(&file, FlockOperation::NonBlockingLockShared) {
        let is_held = matches!(errno, rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS);
        if !is_held || Instant::now() >= deadline {
            return Err(StoreError::Busy { path: path.to_owned(), operation: "copy".to_owned() });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let temporary = std::env::temp_dir();
    let beside = path.parent().unwrap_or(&temporary);
    let scratch = Scratch::new(&[beside, &temporary]).map_err(failed)?;
    let copy = scratch.take(&mut file, "telemetry.duckdb").map_err(failed)?;
    match std::fs::File::open(wal_path(path)) {
        Ok(mut wal) => drop(scratch.take(&mut wal, "telemetry.duckdb.wal").map_err(failed)?),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    drop(file);
    connect(&copy, mode)
}

fn make_private(path: &Path) -> Result<(), StoreError> {
    for file in [path.to_owned(), wal_path(path)] {
        match std::fs::set_permissions(&file, Permissions::from_mode(0o600)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io(&file, "make private", e));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Opens a file again that this process had open just before.
pub(super) fn reopen(path: &Path, mode: Mode) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    let connection = open(path, mode)?;
    make_private(path)?;
    Ok(connection)
}

/// An empty database with the same tables, for questions before there is a file. Its errors speak
/// of `path`.
pub(crate) fn in_memory(path: &Path, mode: Mode) -> Result<Connection, StoreError> {
    let error = |e| StoreError::duckdb(path, "stand in for", e);
    // Before the rest: once access to files is off, this cannot be said any more.
    let config = Config::default()
        .with("temp_directory", "")
        .and_then(|c| configure(c, mode))
        .and_then(|c| c.access_mode(AccessMode::ReadWrite))
        .map_err(error)?;
    let connection = Connection::open_in_memory_with_flags(config).map_err(error)?;
    migrate(path, &connection)?;
    settle(&connection, mode).map_err(error)?;
    Ok(connection)
}

fn open(path: &Path, mode: Mode) -> Result<Connection, StoreError> {
    let error = |e| StoreError::duckdb(path, "open", e);
    let config = configure(Config::default(), mode).map_err(error)?;
    let connection = Connection::open_with_flags(path, config).map_err(error)?;
    settle(&connection, mode).map_err(error)?;
    Ok(connection)
}

/// From here on no statement can change what the connection may do.
fn settle(connection: &Connection, mode: Mode) -> duckdb::Result<()> {
    // Without ICU there is no such setting, and times are UTC anyhow.
    let _ = connection.execute_batch("SET GLOBAL TimeZone = 'UTC'");
    match mode {
        Mode::Export => Ok(()),
        Mode::Write | Mode::Read => {
            connection.execute_batch("SET GLOBAL lock_configuration = true")
        }
    }
}

fn configure(config: Config, mode: Mode) -> duckdb::Result<Config> {
    let access = match mode {
        Mode::Write => AccessMode::ReadWrite,
        Mode::Read | Mode::Export => AccessMode::ReadOnly,
    };
    config
        .access_mode(access)?
        .threads(1)?
        .max_memory(MEMORY_LIMIT)?
        .enable_external_access(mode == Mode::Export)?
        .enable_autoload_extension(false)?
        .with("autoinstall_known_extensions", "false")?
        .with("allow_community_extensions", "false")?
        .with("preserve_insertion_order", "false")?
        .with("max_temp_directory_size", SPILL_LIMIT)?
        .with("default_block_size", BLOCK_BYTES)?
        .with("checkpoint_threshold", CHECKPOINT_AT)
}

/// Which migrations made this file.
fn applied(path: &Path, connection: &Connection) -> Result<Vec<(u32, String)>, StoreError> {
    let error = |e| StoreError::duckdb(path, "read the schema version of", e);
    let sql = "SELECT count(*), count(*) FILTER (WHERE table_name = 'schema_migrations') \
               FROM duckdb_tables()";
    let (all, ours): (i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(error)?;
    if ours == 0 {
        return if all == 0 {
            Ok(Vec::new())
        } else {
            Err(StoreError::Corrupt {
                path: path.to_owned(),
                detail: "a DuckDB database of another program".to_owned(),
            })
        };
    }
    let mut statement = connection
        .prepare("SELECT version, checksum FROM schema_migrations ORDER BY version")
        .map_err(error)?;
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(error)
}

fn migrate(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let error = |e| StoreError::duckdb(path, "migrate", e);
    let steps = pending(path, MIGRATIONS, &applied(path, connection)?)?;
    if steps.is_empty() {
        return Ok(());
    }
    connection
        .execute_batch(
            "BEGIN TRANSACTION; CREATE TABLE IF NOT EXISTS schema_migrations (version UINTEGER, \
             applied_at VARCHAR, description VARCHAR, checksum VARCHAR)",
        )
        .map_err(error)?;
    for step in steps {
        connection.execute_batch(step.sql).map_err(error)?;
        let row = duckdb::params![
            step.version,
            Timestamp::now().to_string(),
            step.description,
            step.checksum()
        ];
        connection
            .execute("INSERT INTO schema_migrations VALUES (?, ?, ?, ?)", row)
            .map_err(error)?;
    }
    connection.execute_batch("COMMIT").map_err(error)
}

/// Moves away what is damaged and opens a good file. First the write-ahead log alone: the file
/// itself may be whole, and then little is lost.
pub(super) fn set_aside_and_open(path: &Path) -> Result<(Telemetry, String), StoreError> {
    let mark = Timestamp::now().strftime("broken-%Y%m%dT%H%M%S%fZ").to_string();
    let wal = wal_path(path);
    if wal.exists() {
        let kept = rename(&wal, &mark)?;
        match Telemetry::open(path, Access::Write) {
            Ok(telemetry) => {
                let words = format!("its newest entries were set aside as {}", kept.display());
                return Ok((telemetry, words));
            }
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let kept = rename(path, &mark)?;
    let telemetry = Telemetry::open(path, Access::Write)?;
    Ok((telemetry, format!("it was set aside as {}, a new one was begun", kept.display())))
}

fn rename(path: &Path, mark: &str) -> Result<PathBuf, StoreError> {
    let mut to = path.as_os_str().to_owned();
    to.push(format!(".{mark}"));
    let to = PathBuf::from(to);
    std::fs::rename(path, &to).map_err(|e| StoreError::io(path, "set aside", e))?;
    Ok(to)
}

pub(super) fn wal_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".wal");
    name.into()
}
